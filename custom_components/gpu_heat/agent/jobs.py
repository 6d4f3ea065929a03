"""The jobs of one kind: what they are doing, our pauses and their leases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from .clock import Now
from .engines.contained import ContainedDriver
from .engines.driver import JobDriver, group_of
from .errors import ConflictError, UnknownError
from .job_config import AfterMaxPause, Checkpoint, JobConfig
from .job_rows import Known, rows
from .leases import grant, lasted_s, of_this_boot, remaining_s, renewed
from .models import Job, JobState
from .pauses import Pauses
from .pausing import Pausing
from .sight import AT_WORK, OVER, Sight
from .state import Pause, Stage
from .state_dir import Store
from .troubles import Troubles

_ALL = "all"


class JobBook:
    """Pauses and resumes the jobs of one kind. Calls block and come from one thread, but `jobs`.

    The record of a pause is on the disk before anything is stopped, and goes only after
    all is running again, so that at every moment a crash leaves nothing behind that the
    next run does not know of. A group that is paused takes the jobs that come to it along.
    """

    def __init__(
        self,
        kind: str,
        configs: Sequence[JobConfig],
        driver: JobDriver,
        store: Store,
        clock: Callable[[], Now],
        work_left_s: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        """Take the jobs of a kind, its driver, and what some tell of the work left, in s."""
        self._kind = kind
        self._configs = {config.id: config for config in configs}
        self._driver = driver = ContainedDriver(driver)
        self._clock = clock
        self._work_left_s = work_left_s
        self._pauses = Pauses(kind, store)
        self._sight = Sight(driver)
        self._troubles = Troubles()
        self._pausing = Pausing(
            driver, self._pauses, self._sight, self._troubles, self._checkpoint_of
        )
        self._unstarted: list[JobConfig] = []
        self._refused: set[str] = set()
        self._jobs: tuple[Job, ...] = ()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs as last seen, in the order of the config; may be read by any thread."""
        return self._jobs

    def start(self) -> None:
        """Take up where the last run ended: leases that are over, jobs, pauses that hold."""
        now = self._clock()
        gone = [key for key in self._pauses.held() if (group_of(key) or key) not in self._configs]
        self._pausing.end(dict.fromkeys(gone, "job is not configured any more"))
        self._end_over(now)
        self._troubles.attempt(_ALL, "take up", partial(self._doubt_what_was_cut_short, now))
        self._unstarted = list(self._configs.values())
        self._start_jobs()
        self._look()
        if self._take_up(now):
            self._look()

    def tick(self) -> None:
        """Look at all jobs when it is time to; end pauses that are over, go on with the others."""
        self._start_jobs()
        if self._sight.due(self._clock().steady_s):
            self._look()
        now = self._clock()
        changed = [
            self._end_over(now),
            self._take_up(now),
            self._pausing.finish_checkpoints(now),
            self._extend_groups(now),
            self._limit_length(now),
        ]
        if any(changed):
            self._look()

    def pause(self, job_id: str, *, lease_s: float, reason: str) -> Job:
        """Pause a job, a group, or one job of a group; or renew the lease.

        Raises UnknownError, ConflictError where it does not run or someone else stopped
        it, UnreachableError. Of a group it is enough that one job can be paused.
        """
        self._look()
        config = self._listed(job_id)
        now = self._clock()
        fresh = grant(kind=self._kind, now=now, lease_s=lease_s, reason=reason)
        if config.group and job_id == config.id:
            self._pause_group(config, fresh, now)
        else:
            self._pause_one(job_id, fresh, now)
        self._look()
        return self._job(job_id)

    def resume(self, job_id: str) -> Job:
        """Resume a job that we paused, or a group with all its jobs that we paused.

        One that runs or has ended is left as it is. Raises UnknownError, ConflictError where
        someone else stopped it, UnreachableError.
        """
        held = self._pauses.held()
        if job_id not in held:
            self._listed(job_id)
        keys = [key for key in held if job_id in {key, group_of(key)}]
        failures = self._pausing.end(dict.fromkeys(keys, "asked for"))
        self._look()
        for failure in failures.values():
            raise failure
        if not self._is_group(job_id) and self._sight.view(job_id).state is JobState.PAUSED:
            raise ConflictError(f'job "{job_id}" was stopped by someone else')
        return self._job(job_id)

    def end_over(self) -> None:
        """End the pauses whose lease is over, and do no more: for when there is no agent."""
        self._end_over(self._clock())

    def stop(self) -> None:
        """Let every job go on, keeping our pauses on record for the next run."""
        self._pausing.let_go()
        for job_id in self._configs:
            self._troubles.attempt(job_id, "stop", partial(self._driver.stop, job_id))
            self._troubles.attempt(job_id, "remember", partial(self._remember, job_id))
        self._troubles.attempt(_ALL, "close", self._driver.close)

    def _start_jobs(self) -> None:
        """Start or find each job once; one where that cannot be done now waits."""
        for config in tuple(self._unstarted):
            self._troubles.attempt(config.id, "start", partial(self._start, config))

    def _start(self, config: JobConfig) -> None:
        self._driver.start(config.id)
        self._unstarted.remove(config)

    def _doubt_what_was_cut_short(self, now: Now) -> None:
        """Mark the pauses whose job may not be as the last run wrote it down."""
        doubted: dict[str, Pause] = {}
        for key, pause in self._pauses.held().items():
            rebooted = pause.boot_id != now.boot_id
            cut_short = pause.stage in {Stage.ASKED, Stage.CHECKPOINT}
            if cut_short or (rebooted and self._driver.ends_with_boot):
                doubted[key] = replace(of_this_boot(pause, now), stage=Stage.LET_GO)
            elif rebooted:
                doubted[key] = of_this_boot(pause, now)
        self._pauses.write(doubted)

    def _take_up(self, now: Now) -> bool:
        """Go on with the pauses of jobs that were let go, or of which it is not known."""
        if self._sight.views is None:
            return False
        again: dict[str, Pause] = {}
        settled: dict[str, Pause | None] = {}
        for key, pause in self._pauses.held().items():
            view = self._sight.view(key)
            if pause.stage is not Stage.LET_GO or remaining_s(pause, now) <= 0:
                continue
            if self._is_group(key) or (view.state in AT_WORK and view.can_pause):
                again[key] = pause
            elif view.state is JobState.PAUSED:  # by us only if it is known how to undo that
                settled[key] = replace(pause, stage=Stage.HELD) if pause.undo else None
        self._troubles.attempt(_ALL, "take up", partial(self._pauses.write, settled))
        self._pausing.begin(again, now)
        return bool(again or settled)

    def _pause_one(self, key: str, fresh: Pause, now: Now) -> None:
        view, held = self._sight.view(key), self._pauses.held().get(key)
        stands = view.state is JobState.PAUSED
        if stands and held is None:
            raise ConflictError(f'job "{key}" was stopped by someone else')
        pause = fresh if held is None else replace(_again(held, fresh, now), of_group=False)
        if held is not None and (stands or held.stage in {Stage.ASKED, Stage.CHECKPOINT}):
            self._pauses.write({key: pause})
            return
        if not view.can_pause:
            why = view.obstacle or f"its state is {view.state}"
            raise ConflictError(f'job "{key}" cannot be paused: {why}')
        for failure in self._pausing.begin({key: pause}, now).values():
            raise failure

    def _pause_group(self, config: JobConfig, fresh: Pause, now: Now) -> None:
        held = self._pauses.held()
        members = {k: p for k, p in held.items() if p.of_group and group_of(k) == config.id}
        again = config.id in held
        if again:
            pause = _again(held[config.id], fresh, now)
            renewals = {key: _again(member, fresh, now) for key, member in members.items()}
            self._pauses.write({config.id: pause, **renewals})
        else:
            for failure in self._pausing.apply({config.id: fresh}).values():
                raise failure
            pause = fresh
        self._refused = {key for key in self._refused if group_of(key) != config.id}
        joining = self._joining(config.id, pause, now)
        failures = self._pausing.begin(joining, now)
        self._refused |= failures.keys()
        if failures and not again and len(failures) == len(joining):
            self._pausing.end({config.id: "no job of it can be paused"})
            raise next(iter(failures.values()))

    def _extend_groups(self, now: Now) -> bool:
        """Pause the jobs that have come to a group since it was."""
        held = self._pauses.held()
        joining: dict[str, Pause] = {}
        for key, pause in held.items():
            left_s = remaining_s(pause, now)  # none where the group could not be let go
            if self._is_group(key) and pause.stage is not Stage.LET_GO and left_s > 0:
                joining |= self._joining(key, pause, now)
        self._refused |= self._pausing.begin(joining, now).keys()
        return bool(joining)

    def _join_groups(self, now: Now) -> None:
        """Leave a job to its paused group where its own pause is over: it need not run between."""
        held = self._pauses.held()
        joined: dict[str, Pause] = {}
        for key, pause in held.items():
            group = held.get(group_of(key) or "")
            if group is None or pause.of_group or key in group.exempt:
                continue
            if remaining_s(pause, now) <= 0 < remaining_s(group, now):
                joined[key] = replace(
                    group,
                    began_at_s=pause.began_at_s,
                    began_steady_s=pause.began_steady_s,
                    undo=pause.undo,
                    stage=pause.stage,
                    free=pause.free,
                    of_group=True,
                    exempt=(),
                )
        self._pauses.write(joined)

    def _joining(self, group_id: str, pause: Pause, now: Now) -> dict[str, Pause]:
        """Return pauses for the jobs of a paused group that do not wait yet."""
        new = replace(
            pause,
            began_at_s=now.wall_s,
            began_steady_s=now.steady_s,
            undo={},
            of_group=True,
            exempt=(),
        )
        left_alone = self._refused.union(pause.exempt, self._pauses.held())
        return {
            key: new
            for key, view in (self._sight.views or {}).items()
            if group_of(key) == group_id and view.can_pause and key not in left_alone
        }

    def _end_over(self, now: Now) -> bool:
        """End the pauses that are over; return whether there were any."""
        self._troubles.attempt(_ALL, "join", partial(self._join_groups, now))
        over = self._over(now)
        self._pausing.end(over)
        return bool(over)

    def _over(self, now: Now) -> dict[str, str]:
        """Return which pauses are over, and why; with a group's those that came with it."""
        held = self._pauses.held()
        reasons = {key: self._why_over(key, pause, now) for key, pause in held.items()}
        over = {key: why for key, why in reasons.items() if why is not None}
        for key, pause in held.items():
            group_id = group_of(key)
            if pause.of_group and (group_id in over or group_id not in held):
                over.setdefault(key, "pause of its group is over")
        return over

    def _why_over(self, key: str, pause: Pause, now: Now) -> str | None:
        if remaining_s(pause, now) <= 0:
            return "lease over"
        if self._sight.views is None or self._is_group(key):
            return None
        if group_of(key) is not None and not self._sight.listed(key):
            return "job is gone"
        view = self._sight.view(key)
        if view.state in OVER:
            return "job has ended"
        if pause.stage is Stage.HELD and view.state in AT_WORK:
            # What someone else let go on is theirs; what is left of it must not stay behind.
            return "someone else resumed it"
        return view.must_resume

    def _limit_length(self, now: Now) -> bool:
        """End pauses that have become too long, or have the job let go of its GPU instead."""
        held = self._pauses.held()
        long = {key for key, pause in held.items() if self._too_long(key, pause, now)}
        freeing = {key for key in long if self._after_max_pause(key) is AfterMaxPause.FREE}
        self._pausing.end(dict.fromkeys(long - freeing, "paused for as long as it may be"))
        left = self._pausing.end(dict.fromkeys(freeing, "is to free its GPU"), exempt=False)
        if freeing:
            self._look()  # they run now, and may have a checkpoint to write first
        deeper = {
            key: replace(held[key], undo={}, stage=Stage.ASKED, free=True)
            for key in freeing - left.keys()
        }
        self._pausing.begin(deeper, now)
        return bool(long)

    def _too_long(self, key: str, pause: Pause, now: Now) -> bool:
        config = self._config_of(key)
        if config is None or config.max_pause_s is None or self._is_group(key):
            return False
        held = pause.stage is Stage.HELD and not pause.free
        return held and lasted_s(pause, now) >= config.max_pause_s

    def _after_max_pause(self, key: str) -> AfterMaxPause | None:
        config = self._config_of(key)
        return None if config is None else config.after_max_pause

    def _listed(self, key: str) -> JobConfig:
        """Return the config of a job, or of the group that it is of.

        Raises UnknownError, and UnreachableError where the engine does not tell.
        """
        config = self._config_of(key)
        if config is not None and self._sight.silent is not None:
            raise self._sight.silent
        if config is None or (key != config.id and not self._sight.listed(key)):
            raise UnknownError(f'there is no job "{key}"')
        return config

    def _job(self, key: str) -> Job:
        """Return a job as last seen; one of a group may be gone again. Raises UnknownError."""
        for job in self._jobs:
            if job.id == key:
                return job
        raise UnknownError(f'there is no job "{key}"')

    def _config_of(self, key: str) -> JobConfig | None:
        """Return the config of a job; that of one of a group is the group's."""
        config = self._configs.get(group_of(key) or key)
        if config is not None and group_of(key) is not None and not config.group:
            return None
        return config

    def _checkpoint_of(self, key: str) -> Checkpoint | None:
        config = self._config_of(key)
        return None if config is None or self._is_group(key) else config.checkpoint

    def _is_group(self, key: str) -> bool:
        config = self._configs.get(key)
        return config is not None and config.group

    def _look(self) -> None:
        held = self._pauses.held()
        ours = {k: p.undo for k, p in held.items() if p.undo and not self._is_group(k)}
        self._sight.look(ours, self._clock().steady_s)
        self._troubles.say(f"of kind {self._kind}", "look", self._sight.silent)
        for job_id in self._configs:
            self._troubles.attempt(job_id, "remember", partial(self._remember, job_id))
        confirm = partial(self._pausing.confirm, self._is_group)
        self._troubles.attempt(_ALL, "confirm", confirm)
        if self._sight.views is not None:  # what has gone may come again as another job
            self._refused &= self._sight.views.keys()
            self._pausing.forget(self._configs.keys() | self._sight.views.keys())
        known = Known(
            views=self._sight.views,
            pauses=self._pauses.held(),
            errors=self._pausing.errors,
            remaining_s=self._work_left_s(),
        )
        self._jobs = rows(tuple(self._configs.values()), known)

    def _remember(self, job_id: str) -> None:
        """Write down what the driver knows, if that is news."""
        self._pauses.remember(job_id, self._driver.memory(job_id))


def _again(pause: Pause, fresh: Pause, now: Now) -> Pause:
    """Return a pause with the lease and the reason of a new request."""
    return renewed(pause, now=now, lease_s=fresh.lease_s, reason=fresh.reason)
