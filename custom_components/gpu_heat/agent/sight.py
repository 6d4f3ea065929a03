"""The jobs of one kind as their engine told them last."""

from collections.abc import Mapping

from .engines.driver import JobDriver, JobView
from .errors import UnreachableError
from .job_rows import NOT_KNOWN
from .models import JobState
from .state import JsonObject

AT_WORK = frozenset({JobState.RUNNING, JobState.QUEUED})
OVER = frozenset({JobState.FINISHED, JobState.FAILED})


class Sight:
    """`views` are by the job's key, None while the engine does not answer: `silent` says why."""

    def __init__(self, driver: JobDriver) -> None:
        self._driver = driver
        self._looked_at_s = float("-inf")
        self.views: Mapping[str, JobView] | None = None
        self.silent: UnreachableError | None = None

    def due(self, now_s: float) -> bool:
        """Return whether it is time to look again, by a steady clock in s."""
        return now_s - self._looked_at_s >= self._driver.interval_s

    def look(self, ours: Mapping[str, JsonObject], now_s: float) -> None:
        """Ask the engine; `ours` are the plans of our pauses that hold."""
        self._looked_at_s = now_s
        try:
            self.views, self.silent = self._driver.observe(ours), None
        except UnreachableError as err:
            self.views, self.silent = None, err

    def view(self, key: str) -> JobView:
        """Return a job; one that is not seen is UNKNOWN."""
        return (self.views or {}).get(key, NOT_KNOWN)

    def listed(self, key: str) -> bool:
        """Return whether the engine has a job."""
        return key in (self.views or {})

    def may_run(self, key: str) -> bool:
        """Return whether a job may be at work now or later, as far as the engine tells."""
        return self.views is None or (self.listed(key) and self.view(key).state not in OVER)
