"""Jobs that pause and resume themselves when they are told to."""

from abc import abstractmethod
import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
import logging
from typing import Any, TypeVar

from ..clock import Now, read_clock
from ..errors import AgentError, ConflictError, UnreachableError
from ..fetch import NoAnswerError, NotAskedError
from ..models import JobState
from ..progress import ProgressMeter
from ..state import JsonObject
from .driver import Effect, Failures, JobDriver, JobView
from .reported import Report

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")

_PLAN: JsonObject = {"told": "pause"}
"""All that is to be known of a pause: the config, of then or of now, says how it is ended."""

_SETTLE_S = 3.0
_STEP_S = 0.2
_UNDER_WAY_S = 120.0

_AT_WORK = frozenset({JobState.RUNNING, JobState.QUEUED})
_OVER = frozenset({JobState.FINISHED, JobState.FAILED})


class RefusedError(ConflictError):
    """The app said no, so it did nothing."""


class SelfPausedDriver(JobDriver):
    """Tells jobs to pause and resume, and asks them for their state; all at once, in one loop."""

    interval_s = 5.0

    def __init__(
        self, effects: Mapping[str, Effect], clock: Callable[[], Now] = read_clock
    ) -> None:
        """Take what a pause of each job does."""
        self._effects = effects
        self._clock = clock
        self._runner: asyncio.Runner | None = None
        self._meters = {job_id: ProgressMeter() for job_id in effects}
        self._states: dict[str, JobState] = {}
        self._silent: dict[str, str] = {}
        self._untouched: set[str] = set()
        self._under_way: dict[str, float] = {}

    @abstractmethod
    async def tell_pause(self, job_id: str) -> None:
        """Tell a job to pause.

        Raises RefusedError or NotAskedError where it certainly does not, NoAnswerError where
        it may be at it still, another AgentError where nobody knows.
        """

    @abstractmethod
    async def tell_resume(self, job_id: str) -> None:
        """Tell a job to go on. Raises AgentError."""

    @abstractmethod
    async def ask_state(self, job_id: str) -> Report:
        """Ask a job for its state. Raises AgentError."""

    async def close_tools(self) -> None:
        """Let go of what was opened inside the loop."""

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        """Return every job's state, UNKNOWN where it does not tell."""
        return self._run(self._together(self._effects, self._view))

    def plan_pause(self, key: str, previous: JsonObject, *, free: bool = False) -> JsonObject:
        """Return a note that it is paused by us. Raises ConflictError where it does not run."""
        if free:
            raise ConflictError(f'job "{key}" has no pause that lets go of the GPU besides its own')
        if self._states.get(key) not in _AT_WORK:
            raise ConflictError(f'job "{key}" does not run, as far as it tells')
        return dict(_PLAN)

    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Tell jobs to pause; one that takes its time is none that failed."""
        return _failed(self._run(self._together(undo, self._pause)))

    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Tell jobs to go on, and see that they do."""
        return _failed(self._run(self._together(undo, self._resume)))

    def close(self) -> None:
        """Close the loop."""
        if self._runner is not None:
            self._runner.run(self.close_tools())
            self._runner.close()
            self._runner = None

    def _run(self, act: Coroutine[Any, Any, _T]) -> _T:
        """Do something in the loop. Raises UnreachableError where there can be none now."""
        if self._runner is None:
            runner = asyncio.Runner()
            try:
                runner.get_loop()
            except OSError as err:
                act.close()
                raise UnreachableError(f"nothing can be asked now: {err.strerror}") from err
            self._runner = runner
        return self._runner.run(act)

    async def _together(
        self, keys: Collection[str], act: Callable[[str], Awaitable[_T]]
    ) -> dict[str, _T]:
        return dict(zip(keys, await asyncio.gather(*map(act, keys)), strict=True))

    async def _view(self, job_id: str) -> JobView:
        report = await self._report(job_id)
        if report.state in _OVER:
            self._meters[job_id] = ProgressMeter()
        meter = self._meters[job_id]
        running = report.state is JobState.RUNNING
        meter.feed(self._clock().steady_s, running=running, done=report.progress)
        if report.state is JobState.PAUSED:  # what was under way has come
            self._under_way.pop(job_id, None)
        told_s = report.remaining_s
        return JobView(
            state=report.state,
            can_pause=report.state in _AT_WORK,
            effect=self._effects[job_id],
            name=report.name,
            remaining_s=meter.remaining_s if told_s is None else told_s,
        )

    async def _report(self, job_id: str) -> Report:
        try:
            report, why = await self.ask_state(job_id), ""
        except AgentError as err:
            report, why = Report(state=JobState.UNKNOWN), str(err)
        if why and why != self._silent.get(job_id):
            _LOGGER.warning("Job %s: its state is not known: %s", job_id, why)
        self._silent[job_id] = why
        self._states[job_id] = report.state
        return report

    async def _pause(self, job_id: str) -> AgentError | None:
        self._untouched.discard(job_id)
        self._under_way.pop(job_id, None)
        if job_id not in self._effects:
            return ConflictError(f'job "{job_id}" is not configured any more')
        try:
            await self.tell_pause(job_id)
        except NoAnswerError:
            self._under_way[job_id] = self._clock().steady_s
        except (RefusedError, NotAskedError) as err:
            self._untouched.add(job_id)
            return _named(job_id, err)
        except AgentError as err:
            return _named(job_id, err)
        return None

    async def _resume(self, job_id: str) -> AgentError | None:
        """Tell a job to go on, unless it did not pause for us or has ended since."""
        if job_id in self._untouched:
            self._untouched.discard(job_id)
            return None
        if job_id not in self._effects:
            return ConflictError(
                f'job "{job_id}" was paused and is not configured any more: resume it by hand'
            )
        if self._states.get(job_id) in _OVER:
            return None
        failure: AgentError | None = None
        try:
            await self.tell_resume(job_id)
        except AgentError as err:
            failure = err
        state = await self._settled(job_id, patient=failure is None)
        if failure is None and state is JobState.PAUSED:
            return UnreachableError(f'job "{job_id}" was told to go on and is paused still')
        if failure is None or state in _OVER:
            self._under_way.pop(job_id, None)
            return None
        if state in _AT_WORK and not self._may_pause_yet(job_id):
            return None
        return _named(job_id, failure)

    async def _settled(self, job_id: str, *, patient: bool) -> JobState:
        """Return the state as soon as it is no pause any more, or after a while."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + (_SETTLE_S if patient else 0.0)
        while True:
            state = (await self._report(job_id)).state
            if state is not JobState.PAUSED or loop.time() >= deadline_s:
                return state
            await asyncio.sleep(_STEP_S)

    def _may_pause_yet(self, job_id: str) -> bool:
        """Whether a pause that was not answered could still come."""
        asked_s = self._under_way.get(job_id)
        return asked_s is not None and self._clock().steady_s - asked_s < _UNDER_WAY_S


def _named(job_id: str, err: AgentError) -> AgentError:
    """Return an error that says of which job it is."""
    kind = UnreachableError if isinstance(err, UnreachableError) else ConflictError
    return kind(f'job "{job_id}": {err}')


def _failed(outcomes: Mapping[str, AgentError | None]) -> Failures:
    return {key: failure for key, failure in outcomes.items() if failure is not None}
