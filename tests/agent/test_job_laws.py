"""What holds of pauses whatever happens: commands, crashes, outages, clocks, other people."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
import shutil
import tempfile

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gpu_heat_agent.errors import AgentError

from .parts import Clock
from .scripted_engine import GROUP, SINGLE, CrashError, Engine, Run

JOBS = st.sampled_from(["one", "all:1", "all:2", "all:3"])
NAMES = st.one_of(JOBS, st.just("all"))


class Life(RuleBasedStateMachine):
    """Any number of agents, one after the other, over one engine that outlives them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.engine = Engine(running={"one", "all:1", "all:2"})
        self.held_by_others: set[str] = set()
        self.run: Run | None = None

    def teardown(self) -> None:
        """Let the longest lease run out, with all in order again: then nothing waits."""
        self.engine.crash_in, self.engine.answers = None, True
        self.engine.slow.clear()
        self.engine.stuck.clear()
        run = self.agent()  # which may not have run since a reboot
        self.clock.passes(600)
        run.book.tick()
        run.book.tick()
        assert self.engine.waiting() == []
        assert run.records() == {}
        shutil.rmtree(self.folder)

    def agent(self) -> Run:
        if self.run is None:
            self.run = Run(self.folder, self.clock, self.engine, SINGLE, GROUP)
        return self.run

    @contextmanager
    def whatever_comes(self) -> Generator[None]:
        """Bear refusals, and the end of the agent."""
        try:
            yield
        except CrashError:
            self.run, self.engine.crash_in = None, None
        except AgentError:
            pass

    @rule(job_id=NAMES, lease_s=st.sampled_from([60, 600]))
    def pause(self, job_id: str, lease_s: float) -> None:
        with self.whatever_comes():
            self.agent().pause(job_id, lease_s)

    @rule(job_id=NAMES)
    def resume(self, job_id: str) -> None:
        with self.whatever_comes():
            self.agent().book.resume(job_id)

    @rule(seconds=st.sampled_from([1, 59, 60, 300]))
    def time_passes(self, seconds: float) -> None:
        self.clock.passes(seconds)
        with self.whatever_comes():
            self.agent().book.tick()

    @rule(seconds=st.sampled_from([-86_400, 86_400]))
    def wall_clock_jumps(self, seconds: float) -> None:
        self.clock.jumps(seconds)

    @rule()
    def machine_reboots(self) -> None:
        self.run = None
        self.clock.reboots()

    @rule(calls=st.integers(0, 12))
    def agent_is_to_crash(self, calls: int) -> None:
        self.engine.crash_in = calls

    @rule()
    def agent_is_stopped(self) -> None:
        with self.whatever_comes():
            self.agent().book.stop()
            self.run = None

    @rule(answers=st.booleans())
    def engine_comes_and_goes(self, answers: bool) -> None:
        self.engine.answers = answers

    @rule(job=JOBS)
    def job_is_slow_to_stop(self, job: str) -> None:
        self.engine.slow ^= {job}

    @rule(job_id=NAMES)
    def job_cannot_be_resumed(self, job_id: str) -> None:
        self.engine.stuck ^= {job_id}

    @rule(job=JOBS)
    def job_comes(self, job: str) -> None:
        if job not in self.engine.held_by:
            self.engine.running.add(job)

    @rule(job=JOBS)
    def job_is_taken_away(self, job: str) -> None:
        self.engine.running.discard(job)
        self.engine.held_by.pop(job, None)
        self.held_by_others.discard(job)

    @rule(job=JOBS)
    def somebody_holds_a_job(self, job: str) -> None:
        if job in self.engine.running:
            self.engine.others_hold(job)
            self.held_by_others.add(job)

    @rule(job=JOBS)
    def somebody_resumes_a_job(self, job: str) -> None:
        if job in self.engine.held_by:
            self.engine.others_resume(job)
            self.held_by_others.discard(job)

    @invariant()
    def what_others_hold_is_never_resumed(self) -> None:
        held = {key for key, who in self.engine.held_by.items() if who == "somebody"}
        assert held == self.held_by_others

    @invariant()
    def what_waits_because_of_us_is_on_the_disk(self) -> None:
        if self.run is not None:
            assert set(self.engine.waiting()) <= self.run.records().keys()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
