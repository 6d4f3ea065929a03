"""What jobs did between two looks at a source. Pure.

A state that is not known tells nothing, nor does a source that does not answer: what a job did
meanwhile is told once, when its state is known again, with the moment since when it was not.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .agent.models import Job, JobState, Snapshot
from .job_status import ENDED, is_group

# How many jobs of a group are told of one by one at each look.
MOST_EACH = 20


class Activity(StrEnum):
    """What a job did."""

    PAUSED = "paused"
    RESUMED = "resumed"
    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"


class By(StrEnum):
    """Who paused or resumed a job: Home Assistant and its leases, or whoever else."""

    US = "us"
    SOMEONE_ELSE = "someone_else"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one job did after `since`, by the source's clock."""

    activity: Activity
    job_id: str
    name: str
    group: str | None
    since: datetime
    by: By | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A job as it was at the last look at which its state was known.

    Of one that waited: `ours` tells that we had paused it, `let_go` that our pause is over.
    """

    job: Job
    at: datetime
    ours: bool
    let_go: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What was seen of a source that has run since `started_at`."""

    started_at: datetime
    seen: Mapping[str, Seen]


def advance(
    memory: Memory | None, current: Snapshot, resumed: Collection[str] = ()
) -> tuple[Memory, tuple[Change, ...]]:
    """Return what is to be remembered of a look, and what has changed since the one before.

    `resumed` are the ids of what Home Assistant resumed in between. The first look tells
    nothing. A job that is listed for the first time tells what it did only in a group that was
    seen without it; one that is listed no longer tells nothing, as nobody said how it ended.
    """
    before = memory.seen if memory else {}
    same_run = memory is not None and memory.started_at == current.agent.started_at
    seen: dict[str, Seen] = {}
    changes: list[Change] = []
    for job in current.jobs:
        last = before.get(job.id)
        if job.state is JobState.UNKNOWN:
            if last:
                seen[job.id] = last
            continue
        asked = job.id in resumed or job.group in resumed
        seen[job.id] = _seen(last, job, current.taken_at, asked=asked)
        since = last or (before.get(job.group) if job.group and same_run else None)
        activity = _activity(last, job) if since else None
        if since and activity:
            changes.append(
                Change(
                    activity=activity,
                    job_id=job.id,
                    name=job.name,
                    group=job.group,
                    since=since.at,
                    by=_by(activity, last, seen[job.id], current.taken_at, asked=asked),
                    reason=job.reason if activity is Activity.PAUSED else None,
                )
            )
    silent = {job.id for job in current.jobs if job.state is JobState.UNKNOWN}
    seen |= {
        key: last
        for key, last in before.items()
        if key not in seen and last.job.group in silent  # a silent engine lists no jobs
    }
    now = Memory(started_at=current.agent.started_at, seen=seen)
    return now, tuple(changes)


def bounded(changes: Iterable[Change]) -> tuple[Sequence[Change], Mapping[Activity, int]]:
    """Return what to tell of the jobs of one group one by one, and how many more did what."""
    changes = tuple(changes)
    return changes[:MOST_EACH], Counter(change.activity for change in changes[MOST_EACH:])


def _seen(last: Seen | None, job: Job, at: datetime, *, asked: bool) -> Seen:
    waits = job.state is JobState.PAUSED
    waited = last is not None and last.job.state is JobState.PAUSED
    was_ours = waited and last is not None and last.ours
    return Seen(
        job=job,
        at=at,
        ours=job.paused_by_us or (waits and was_ours),
        let_go=waits and (asked or (was_ours and not job.paused_by_us)),
    )


def _activity(last: Seen | None, job: Job) -> Activity | None:
    """Return what a job did; `last` is None for one that has come to its group since."""
    was, state = last.job.state if last else JobState.QUEUED, job.state
    if last and is_group(job):
        return _group_activity(last, job)
    if was is state:
        return None
    match state:
        case JobState.PAUSED:
            return Activity.PAUSED
        case JobState.FINISHED:
            return Activity.FINISHED
        case JobState.FAILED:
            return Activity.FAILED
        case JobState.RUNNING | JobState.QUEUED if was is JobState.PAUSED:
            return Activity.RESUMED
        case JobState.RUNNING:
            return Activity.STARTED
    return None


def _group_activity(last: Seen, group: Job) -> Activity | None:
    """Return what a group did as a whole: we paused or resumed it, or all its work is done."""
    was, state = last.job.state, group.state
    waits = state is JobState.PAUSED
    if waits and group.paused_by_us and was is not JobState.PAUSED:
        return Activity.PAUSED
    if was is JobState.PAUSED and last.ours and not waits and not group.paused_by_us:
        return Activity.RESUMED
    if was in {JobState.RUNNING, JobState.QUEUED} and state in ENDED:
        return Activity.FINISHED if state is JobState.FINISHED else Activity.FAILED
    return None


def _by(
    activity: Activity, last: Seen | None, now: Seen, at: datetime, *, asked: bool
) -> By | None:
    if activity is Activity.PAUSED:
        return By.US if now.job.paused_by_us else By.SOMEONE_ELSE
    if activity is not Activity.RESUMED or last is None:
        return None
    lease = last.job.lease_expires_at
    ended = asked or last.let_go or (lease is not None and lease <= at)
    return By.US if last.ours and ended else By.SOMEONE_ELSE
