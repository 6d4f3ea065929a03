"""The jobs: what they are doing, our pauses and their leases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
import logging

from .clock import Now, as_datetime
from .config import JobConfig
from .drivers import Drivers
from .errors import AgentError, ConflictError, UnknownError, UnreachableError
from .job_view import JobView
from .leases import ended, grant, remaining_s
from .models import Job, JobState
from .state import JobRecord, Pause, State
from .state_dir import Store

_LOGGER = logging.getLogger(__name__)

_OVER = frozenset({JobState.FINISHED, JobState.FAILED})
_NOT_KNOWN = JobView(state=JobState.UNKNOWN, can_pause=False)


class JobBook:
    """Pauses and resumes jobs. Calls block and come from one thread, but for `jobs`.

    The record of a pause is on the disk before anything is stopped, and goes only after
    all is running again, so that at every moment a crash leaves nothing behind that the
    next run does not know of.
    """

    def __init__(
        self,
        configs: Sequence[JobConfig],
        drivers: Drivers,
        store: Store,
        clock: Callable[[], Now],
    ) -> None:
        self._configs = {config.id: config for config in configs}
        self._drivers = drivers
        self._store = store
        self._clock = clock
        self._unstarted: list[JobConfig] = []
        self._silent: set[str] = set()
        self._troubles: set[tuple[str, str]] = set()
        self._views: Mapping[str, JobView] = {}
        self._jobs: tuple[Job, ...] = ()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs as last seen, in the order of the config; may be read by any thread."""
        return self._jobs

    def start(self) -> None:
        """Take up where the last run ended: leases that are over, jobs, pauses that hold."""
        now = self._clock()
        for job_id, pause in self._pauses().items():
            known = job_id in self._configs and pause.kind in self._drivers
            if not known or remaining_s(pause, now) <= 0:
                why = "lease over, or job not configured any more"
                self._try(job_id, "end", partial(self._end_pause, job_id, pause, why))
        self._unstarted = list(self._configs.values())
        self._start_jobs()
        self._look()
        for job_id, pause in self._pauses().items():
            if self._view(job_id).state is JobState.RUNNING:
                self._try(job_id, "pause", partial(self._apply, job_id, pause))
        self._look()

    def tick(self) -> None:
        """Look at all jobs; end leases that are over and pauses that others ended."""
        self._start_jobs()
        self._look()
        now = self._clock()
        for job_id, pause in self._pauses().items():
            why = self._why_over(job_id, pause, now)
            if why is not None:
                self._try(job_id, "end", partial(self._end_pause, job_id, pause, why))
                self._look()

    def pause(self, job_id: str, *, lease_s: float, reason: str) -> Job:
        """Pause a job, or renew its lease.

        Raises UnknownError, ConflictError where it does not run or someone else stopped
        it, UnreachableError.
        """
        config = self._config(job_id)
        self._look()
        view, held = self._view(job_id), self._pauses().get(job_id)
        stands = view.state is JobState.PAUSED
        if stands and held is None:
            raise ConflictError(f'job "{job_id}" was stopped by someone else')
        if not stands and not view.can_pause:
            raise ConflictError(f'job "{job_id}" cannot be paused, its state is {view.state}')
        undo = {} if held is None else held.undo
        pause = grant(
            kind=config.kind, now=self._clock(), lease_s=lease_s, reason=reason, undo=undo
        )
        if stands:
            self._write(job_id, pause)
            _LOGGER.info("Job %s: lease renewed for %.0f s", job_id, lease_s)
        else:
            self._apply(job_id, pause)
        self._look()
        return self._job(config)

    def resume(self, job_id: str) -> Job:
        """Resume a job that we paused; one that runs or has ended is left as it is.

        Raises UnknownError, ConflictError where someone else stopped it, UnreachableError.
        """
        config = self._config(job_id)
        pause = self._pauses().get(job_id)
        if pause is not None:
            self._end_pause(job_id, pause, "asked for")
        self._look()
        if self._view(job_id).state is JobState.PAUSED:
            raise ConflictError(f'job "{job_id}" was stopped by someone else')
        return self._job(config)

    def stop(self) -> None:
        """Let every job go on, keeping our pauses on record for the next run."""
        for job_id, pause in self._pauses().items():
            self._try(job_id, "let go", partial(self._let_go, job_id, pause))
        for config in self._configs.values():
            self._try(config.id, "stop", partial(self._drivers[config.kind].stop, config.id))
            self._try(config.id, "remember", partial(self._remember, config.id))

    def _start_jobs(self) -> None:
        """Start or find each job once; one where that cannot be done now waits."""
        for config in tuple(self._unstarted):
            self._try(config.id, "start", partial(self._start, config))

    def _start(self, config: JobConfig) -> None:
        self._drivers[config.kind].start(config.id)
        self._unstarted.remove(config)

    def _why_over(self, job_id: str, pause: Pause, now: Now) -> str | None:
        state = self._view(job_id).state
        if remaining_s(pause, now) <= 0:
            return "lease over"
        if state in _OVER:
            return "job has ended"
        # What someone else let go on is theirs; what is left of it must not stay behind.
        return "someone else resumed it" if state is JobState.RUNNING else None

    def _apply(self, job_id: str, pause: Pause) -> None:
        driver = self._drivers[pause.kind]
        pause = replace(pause, undo=driver.plan_pause(job_id, pause.undo))
        self._write(job_id, pause)
        try:
            driver.pause(job_id, pause.undo)
        except AgentError:
            self._end_pause(job_id, pause, "pausing failed")
            raise
        _LOGGER.info("Job %s: paused for %.0f s: %r", job_id, pause.lease_s, pause.reason)

    def _let_go(self, job_id: str, pause: Pause) -> None:
        """Resume, keeping the pause for the next run."""
        if pause.kind in self._drivers:
            self._drivers[pause.kind].resume(pause.undo)
            _LOGGER.info("Job %s: resumed, as the agent stops", job_id)
            self._write(job_id, replace(pause, undo={}))

    def _end_pause(self, job_id: str, pause: Pause, why: str) -> None:
        """Resume and forget; after a crash in between the next run resumes once more."""
        self._try(job_id, "write", partial(self._write, job_id, ended(pause)))
        if pause.kind in self._drivers:  # else of a version that knew more kinds
            self._drivers[pause.kind].resume(pause.undo)
        self._write(job_id, None)
        _LOGGER.info("Job %s: pause ended, %s", job_id, why)

    def _try(self, job_id: str, step: str, act: Callable[[], None]) -> None:
        """Do what nobody waits for; the next tick tries again what failed, which is said once."""
        trouble = (job_id, step)
        try:
            act()
            self._troubles.discard(trouble)
        except AgentError as err:
            if trouble not in self._troubles:
                _LOGGER.warning("Job %s: %s", job_id, err)
            self._troubles.add(trouble)

    def _look(self) -> None:
        views: dict[str, JobView] = {}
        for kind, driver in self._drivers.items():
            try:
                views.update(driver.observe())
                self._silent.discard(kind)
            except UnreachableError as err:
                if kind not in self._silent:
                    _LOGGER.warning("Jobs of kind %s cannot be seen: %s", kind, err)
                self._silent.add(kind)
        self._views = views
        for job_id in self._configs:
            self._try(job_id, "remember", partial(self._remember, job_id))
        self._jobs = tuple(self._job(config) for config in self._configs.values())

    def _job(self, config: JobConfig) -> Job:
        view, pause = self._view(config.id), self._pauses().get(config.id)
        return Job(
            id=config.id,
            name=config.name,
            kind=config.kind,
            state=view.state,
            paused_by_us=pause is not None,
            lease_expires_at=None if pause is None else as_datetime(pause.expires_at_s),
            reason=None if pause is None else pause.reason,
            can_pause=view.can_pause or pause is not None,
        )

    def _config(self, job_id: str) -> JobConfig:
        config = self._configs.get(job_id)
        if config is None:
            raise UnknownError(f'there is no job "{job_id}"')
        return config

    def _view(self, job_id: str) -> JobView:
        return self._views.get(job_id, _NOT_KNOWN)

    def _pauses(self) -> dict[str, Pause]:
        records = self._store.state.jobs.items()
        return {job_id: record.pause for job_id, record in records if record.pause is not None}

    def _remember(self, job_id: str) -> None:
        """Write down what the driver knows, if that is news."""
        memory = self._drivers[self._configs[job_id].kind].memory(job_id)
        record = self._store.state.jobs.get(job_id, JobRecord())
        if record.memory != memory:
            self._change(job_id, replace(record, memory=memory))

    def _write(self, job_id: str, pause: Pause | None) -> None:
        record = self._store.state.jobs.get(job_id, JobRecord())
        self._change(job_id, replace(record, pause=pause))

    def _change(self, job_id: str, record: JobRecord) -> None:
        def changed(state: State) -> State:
            return replace(state, jobs={**state.jobs, job_id: record})

        try:
            self._store.update(changed)
        except OSError as err:
            raise UnreachableError(f"the state file cannot be written: {err.strerror}") from err
