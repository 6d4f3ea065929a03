"""An engine in memory whose jobs the test moves, and a book over it that can crash."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
import signal

from gpu_heat_agent.engines.driver import (
    STANDS_STILL,
    Effect,
    Failures,
    JobDriver,
    JobView,
    each,
)
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.job_config import JobConfig, JobSpec
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.models import Job, JobState
from gpu_heat_agent.state import JsonObject, Pause
from gpu_heat_agent.state_dir import StateDir

from .parts import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec(JobSpec):
    """A job of the engine, or all of them."""

    all_of_them: bool = False

    @property
    def group(self) -> bool:
        return self.all_of_them


class CrashError(BaseException):
    """The agent ends here, as by a power cut."""


@dataclass
class Engine:
    """What outlives every agent: its jobs, and who stopped them.

    `held_by` names the one who did, "us" if it was the agent. `slow` jobs go on for a while
    although they have been asked to stop, `stuck` ones cannot be resumed. `crash_in` calls the
    agent ends.
    """

    running: set[str] = field(default_factory=set)
    held_by: dict[str, str] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    refuses: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    must_resume: dict[str, str] = field(default_factory=dict)
    obstacles: dict[str, str] = field(default_factory=dict)
    answers: bool = True
    effect: Effect = STANDS_STILL
    calls: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    crash_in: int | None = None

    def others_hold(self, key: str) -> None:
        """Have somebody else stop a job."""
        self.running.discard(key)
        self.held_by[key] = "somebody"

    def others_resume(self, key: str) -> None:
        """Have somebody else let a job go on."""
        self.held_by.pop(key, None)
        self.running.add(key)

    def waiting(self) -> list[str]:
        """Return the jobs that the agent holds."""
        return sorted(key for key, who in self.held_by.items() if who == "us")

    def step(self) -> None:
        """Crash where the test said so; answer, or do not."""
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in < 0:
                raise CrashError
        if not self.answers:
            raise UnreachableError("the engine does not answer")


class ScriptedDriver(JobDriver):
    """A driver as an engine's own would be."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        engine = self._engine
        engine.step()
        keys = engine.running | engine.held_by.keys() | engine.over
        return {key: self._view(key) for key in sorted(keys)}

    def _view(self, key: str) -> JobView:
        engine = self._engine
        if key in engine.over:
            return JobView(state=JobState.FINISHED, can_pause=False)
        held = key in engine.held_by and key not in engine.slow
        return JobView(
            state=JobState.PAUSED if held else JobState.RUNNING,
            can_pause=not held and key not in engine.obstacles,
            obstacle=engine.obstacles.get(key),
            effect=engine.effect,
            must_resume=engine.must_resume.get(key),
        )

    def plan_pause(self, key: str, previous: JsonObject, *, free: bool = False) -> JsonObject:
        if key in self._engine.over:
            raise ConflictError(f"{key} has ended")
        return {"free": free, "key": key}

    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        self._engine.calls.append(("pause", tuple(undo)))
        return each(undo, self._pause)

    def _pause(self, key: str, undo: JsonObject) -> None:
        engine = self._engine
        engine.step()
        if key in engine.refuses:
            raise ConflictError(f"{key} may not be paused")
        if ":" not in key and any(it.startswith(f"{key}:") for it in self._all()):
            return
        if key in engine.running:
            engine.running.discard(key)
            engine.held_by[key] = "us"
        engine.step()

    def _all(self) -> Iterable[str]:
        return self._engine.running | self._engine.held_by.keys()

    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        self._engine.calls.append(("resume", tuple(undo)))
        return each(undo, self._resume)

    def _resume(self, key: str, undo: JsonObject) -> None:
        engine = self._engine
        engine.step()
        assert undo["key"] == key
        if key in engine.stuck:
            raise ConflictError(f"{key} cannot be resumed")
        if engine.held_by.get(key) == "us":
            del engine.held_by[key]
            engine.running.add(key)
        engine.step()

    def signal(self, key: str, signum: signal.Signals) -> None:
        self._engine.calls.append((signum.name, (key,)))


class Run:
    """One run of an agent's book; a second one on the same folder is the next run."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        engine: Engine,
        *configs: JobConfig,
        work_left_s: Callable[[], Mapping[str, float]] = dict,
        kind: str = "scripted",
    ) -> None:
        self.store = StateDir(folder).open_store()
        driver = ScriptedDriver(engine)
        self.book = JobBook(kind, configs, driver, self.store, clock, work_left_s)
        self.book.start()

    def pause(self, job_id: str, lease_s: float = 600) -> Job:
        """Pause a job or a group."""
        return self.book.pause(job_id, lease_s=lease_s, reason="warm")

    def job(self, job_id: str) -> Job:
        """Return a job as seen now."""
        self.book.tick()
        return {job.id: job for job in self.book.jobs}[job_id]

    def records(self) -> dict[str, Pause]:
        """Return the pauses on the disk."""
        records = self.store.state.jobs.items()
        return {key: record.pause for key, record in records if record.pause is not None}


GROUP = JobConfig(id="all", name="All", kind="scripted", spec=Spec(all_of_them=True))
SINGLE = JobConfig(id="one", name="One", kind="scripted", spec=Spec())
