"""What a job is to people: its status, whether it goes on, and which jobs a group has."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from .agent.engines.driver import group_of
from .agent.models import Job, JobState

# Of how many of a group's jobs each is told.
MOST_MEMBERS = 1000

_AT_WORK = frozenset({JobState.RUNNING, JobState.QUEUED})
ENDED = frozenset({JobState.FINISHED, JobState.FAILED})


class JobStatus(StrEnum):
    """The engine's states, and that a pause is asked for which it is still to agree to."""

    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    QUEUED = "queued"
    FINISHED = "finished"
    FAILED = "failed"
    UNKNOWN = "unknown"


def status_of(job: Job) -> JobStatus:
    """Return the status of a job or group."""
    if job.paused_by_us and job.state in _AT_WORK:
        return JobStatus.PAUSING
    return JobStatus(job.state)


def is_group(job: Job) -> bool:
    """Return whether a job stands for several; of a silent engine's group that is not known."""
    return job.members is not None


def goes_on(job: Job) -> bool | None:
    """Return whether a job runs or waits for its turn; None while nobody knows.

    A group whose jobs have all ended is open to those to come, unless it is paused.
    """
    if job.state is JobState.UNKNOWN:
        return None
    if is_group(job) and job.state in ENDED:
        return not job.paused_by_us
    return job.state in _AT_WORK


def listed(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return the jobs and groups that have a device of their own."""
    return tuple(job for job in jobs if job.group is None)


def not_told(job_id: str, jobs: Mapping[str, Job]) -> bool:
    """Return whether a job is of a group whose engine does not tell its jobs now."""
    group = jobs.get(group_of(job_id) or job_id)
    return job_id not in jobs and group is not None and group.state is JobState.UNKNOWN


def member_rows(members: Sequence[Job]) -> list[Mapping[str, Any]]:
    """Return the jobs of a group as an attribute tells them, `MOST_MEMBERS` at most."""
    return [
        {
            "id": job.id,
            "name": job.name,
            "state": job.state,
            "paused_by_us": job.paused_by_us,
            "reason": job.reason,
            "remaining_s": job.remaining_s,
            "error": job.error,
        }
        for job in members[:MOST_MEMBERS]
    ]
