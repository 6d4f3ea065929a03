"""The jobs as the snapshot has them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .clock import as_datetime
from .engines.driver import JobView, group_of
from .job_config import JobConfig
from .models import Job, JobState
from .state import Pause

NOT_KNOWN = JobView(state=JobState.UNKNOWN, can_pause=False)

_FIRST = (
    JobState.RUNNING,
    JobState.QUEUED,
    JobState.PAUSED,
    JobState.UNKNOWN,
    JobState.FAILED,
    JobState.FINISHED,
)
"""The first of these that one of a group's jobs has is the state of the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of all jobs of one kind, by their keys.

    `views` is None while the engine does not answer. `remaining_s` is what jobs themselves
    tell of the work left, in s of running; `errors` is why the last command for one failed.
    """

    views: Mapping[str, JobView] | None
    pauses: Mapping[str, Pause]
    errors: Mapping[str, str] = field(default_factory=dict)
    remaining_s: Mapping[str, float] = field(default_factory=dict)

    def row(self, key: str, config: JobConfig) -> Job:
        """Return one job, be it a group's or one of its own."""
        view, pause = (self.views or {}).get(key, NOT_KNOWN), self.pauses.get(key)
        group_id = group_of(key)
        return Job(
            id=key,
            name=config.name if group_id is None else view.name or key[len(group_id) + 1 :],
            kind=config.kind,
            state=view.state,
            can_pause=view.can_pause or pause is not None,
            group=group_id,
            remaining_s=self.remaining_s.get(key, view.remaining_s),
            deadline=view.deadline,
            frees_gpu=None if view.effect is None else view.effect.frees_gpu,
            keeps_work=None if view.effect is None else view.effect.keeps_work,
            error=self.errors.get(key, view.obstacle),
            paused_by_us=pause is not None,
            lease_expires_at=None if pause is None else as_datetime(pause.expires_at_s),
            reason=None if pause is None else pause.reason,
        )

    def group_row(self, config: JobConfig, members: Sequence[Job]) -> Job:
        """Return a group; it can be paused also while it has no jobs, for those to come.

        A paused group is what its jobs that are to wait are; the others are counted by `error`.
        """
        pause, answers = self.pauses.get(config.id), self.views is not None
        waiting = members if pause is None else [job for job in members if job.paused_by_us]
        at_work = [job for job in members if job.state is JobState.RUNNING and job not in waiting]
        running_on = f"{len(at_work)} of its jobs run on" if pause is not None and at_work else None
        return Job(
            id=config.id,
            name=config.name,
            kind=config.kind,
            state=_state(waiting, paused=pause is not None) if answers else JobState.UNKNOWN,
            can_pause=answers or pause is not None,
            members=len(members) if answers else None,
            error=self.errors.get(config.id, running_on),
            paused_by_us=pause is not None,
            lease_expires_at=None if pause is None else as_datetime(pause.expires_at_s),
            reason=None if pause is None else pause.reason,
        )


def rows(configs: Sequence[JobConfig], known: Known) -> tuple[Job, ...]:
    """Return all jobs in the order of the config, each group before its jobs."""
    members: dict[str, list[Job]] = {}
    by_id = {config.id: config for config in configs}
    for key in known.views or {}:
        if (config := by_id.get(group_of(key) or "")) is not None:
            members.setdefault(config.id, []).append(known.row(key, config))
    found: list[Job] = []
    for config in configs:
        if config.group:
            found += [
                known.group_row(config, members.get(config.id, ())),
                *members.get(config.id, ()),
            ]
        else:
            found.append(known.row(config.id, config))
    return tuple(found)


def _state(members: Sequence[Job], *, paused: bool) -> JobState:
    """Return the state of a group; one without jobs waits if it is paused, else all is done."""
    if not members:
        return JobState.PAUSED if paused else JobState.FINISHED
    states = {job.state for job in members}
    return next(state for state in _FIRST if state in states)
