"""A driver whose surprises, such as an answer that nobody foresaw, stay with its own jobs."""

from collections.abc import Callable, Mapping
import logging
import signal
from typing import TypeVar

from ..errors import AgentError, UnreachableError
from ..state import JsonObject
from .driver import Failures, JobDriver, JobView

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")


class ContainedDriver(JobDriver):
    """Does as another driver, and raises UnreachableError where that fails as it never should.

    So its leases end nevertheless, and no other kind's jobs are let go with the agent's end.
    """

    def __init__(self, driver: JobDriver) -> None:
        self._driver = driver
        self._failing: set[str] = set()
        self.interval_s = driver.interval_s
        self.ends_with_boot = driver.ends_with_boot

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        """Return the view of each job."""
        return self._contained("observe", lambda: self._driver.observe(ours))

    def plan_pause(self, key: str, previous: JsonObject, *, free: bool = False) -> JsonObject:
        """Return what `resume` will need. Raises ConflictError where it cannot be paused."""
        return self._contained(
            "plan_pause", lambda: self._driver.plan_pause(key, previous, free=free), AgentError
        )

    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Pause jobs as planned."""
        return self._contained("pause", lambda: self._driver.pause(undo))

    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Let go on what `pause` stopped."""
        return self._contained("resume", lambda: self._driver.resume(undo))

    def signal(self, key: str, signum: signal.Signals) -> None:
        """Send a signal to a job. Raises ConflictError."""
        self._contained("signal", lambda: self._driver.signal(key, signum), AgentError)

    def start(self, job_id: str) -> None:
        """Start the job if that is ours to do."""
        self._contained("start", lambda: self._driver.start(job_id), AgentError)

    def stop(self, job_id: str) -> None:
        """End a job that was started here."""
        self._contained("stop", lambda: self._driver.stop(job_id), AgentError)

    def memory(self, job_id: str) -> JsonObject:
        """Return what a later run of the agent has to know of the job."""
        return self._contained("memory", lambda: self._driver.memory(job_id), AgentError)

    def close(self) -> None:
        """Let go of what was opened."""
        self._contained("close", self._driver.close)

    def _contained(
        self, step: str, act: Callable[[], _T], meant: type[AgentError] = UnreachableError
    ) -> _T:
        try:
            result = act()
        except meant:
            raise
        except Exception as err:
            if step not in self._failing:
                _LOGGER.exception("An engine's %s failed", step)
            self._failing.add(step)
            name = type(err).__name__  # its text may hold what is secret
            raise UnreachableError(f"the agent failed at it ({name}); its log says more") from err
        self._failing.discard(step)
        return result
