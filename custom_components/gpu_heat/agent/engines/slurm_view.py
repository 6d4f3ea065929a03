"""What one of Slurm's jobs is doing, and how it can be paused. Pure."""

from enum import StrEnum

from ..clock import as_datetime
from ..models import JobState
from ..state import JsonObject
from .driver import STANDS_STILL, STARTS_ANEW, Effect, JobView
from .slurm_table import Row

WAITS = Effect(frees_gpu=True, keeps_work=True)
"""The job is not started as yet."""

MIN_AGE_S = 3
"""How long a job has to run before it is stopped, in s.

Slurm loses a signal that comes while the job's script is being started, and then shows a job
that runs as stopped, or cannot end it any more and takes the node out of service.
"""

_HALF_USED = "half of its time limit is used up"

_AT_WORK = frozenset({"RUNNING", "COMPLETING", "CONFIGURING", "SIGNALING", "RESIZING", "STAGE_OUT"})
_STANDING = frozenset({"STOPPED", "SUSPENDED"})
_OVER = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)


class Verb(StrEnum):
    """How a job is paused; each is undone by its counterpart only."""

    HOLD = "hold"
    STOP = "stop"
    SUSPEND = "suspend"
    REQUEUE = "requeue"


EFFECTS = {
    Verb.HOLD: WAITS,
    Verb.STOP: STANDS_STILL,
    Verb.SUSPEND: STANDS_STILL,
    Verb.REQUEUE: STARTS_ANEW,
}


def state_of(row: Row) -> JobState | None:
    """Return the state of a job, None of one that has ended."""
    if row.held or row.state in _STANDING:
        return JobState.PAUSED
    if row.pending:
        return JobState.QUEUED
    if row.state in _AT_WORK:
        return JobState.RUNNING
    return None if row.state in _OVER else JobState.UNKNOWN


def time_for_stop(row: Row) -> bool:
    """Return whether more than half of the time limit is left, which runs on while it stands."""
    return row.limit_s is None or row.left_s is None or row.left_s > row.limit_s / 2


def view(
    row: Row, state: JobState, verb: Verb, ours: JsonObject | None, deadline_s: float | None
) -> JobView:
    """Return the view of a job that would be paused with `verb` if it runs."""
    stopped_by_us = row.state == "STOPPED" and ours is not None and ours.get("running") == Verb.STOP
    at_work = row.state == "RUNNING" or state is JobState.QUEUED
    obstacle = _obstacle(row, state, verb) if at_work else None
    return JobView(
        state=state,
        can_pause=at_work and obstacle is None,
        effect=_effect(row, state, verb, ours),
        name=f"{row.id} {row.job_name}",
        remaining_s=_remaining_s(row, state),
        deadline=None if deadline_s is None else as_datetime(deadline_s),
        must_resume=_HALF_USED if stopped_by_us and not time_for_stop(row) else None,
        obstacle=obstacle,
    )


def _remaining_s(row: Row, state: JobState) -> float | None:
    """Return what is left of a job's time limit, None where it has none."""
    known = row.limit_s is not None and not row.pending and state is not JobState.UNKNOWN
    return row.left_s if known else None


def _obstacle(row: Row, state: JobState, verb: Verb) -> str | None:
    """Return why a job that runs or waits cannot be paused, None if it can."""
    if "+" in row.id:
        return "it is a part of a heterogeneous job, which can be held only as a whole"
    if state is JobState.QUEUED:
        return None
    if verb is not Verb.REQUEUE and row.elapsed_s < MIN_AGE_S:
        return f"it has run for less than {MIN_AGE_S} s"
    return _HALF_USED if verb is Verb.STOP and not time_for_stop(row) else None


def _effect(row: Row, state: JobState, verb: Verb, ours: JsonObject | None) -> Effect | None:
    if state is JobState.UNKNOWN:
        return None
    if row.pending:
        begun = ours is not None and ours.get("pending") is None
        return EFFECTS[Verb.REQUEUE if begun else Verb.HOLD]
    return STANDS_STILL if row.state in _STANDING else EFFECTS[verb]
