"""What an engine of jobs has to offer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
import signal
from typing import TypeAlias

from ..errors import AgentError, ConflictError
from ..models import JobState
from ..state import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a pause does: whether it lets go of the GPU, and whether all work is kept.

    Work that is not kept begins anew, or at the job's last checkpoint.
    """

    frees_gpu: bool
    keeps_work: bool


STANDS_STILL = Effect(frees_gpu=False, keeps_work=True)
"""The job's processes stand still, with all that they have in memory."""

STARTS_ANEW = Effect(frees_gpu=True, keeps_work=False)
"""The job is ended, and started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One job as its engine tells it.

    `can_pause` is whether a pause could be planned now, `effect` what one would do, or has
    done. `name` is that of a group's job. `remaining_s` is what the engine knows of the work
    left. `must_resume` says why a pause of ours has to end now, such as a time limit;
    `obstacle`, why a job that is at work cannot be paused.
    """

    state: JobState
    can_pause: bool
    effect: Effect | None = None
    name: str | None = None
    remaining_s: float | None = None
    deadline: datetime | None = None
    must_resume: str | None = None
    obstacle: str | None = None


Failures: TypeAlias = Mapping[str, AgentError]
"""What went wrong, by the job's key; all others went well."""

_BETWEEN = ":"


def member_key(group_id: str, name: str) -> str:
    """Return the key of one job of a group: "GROUP:NAME"; a config's id holds no colon."""
    return f"{group_id}{_BETWEEN}{name}"


def group_of(key: str) -> str | None:
    """Return the id of the group that a job belongs to, None for a job of its own."""
    group_id, between, _ = key.partition(_BETWEEN)
    return group_id if between else None


class JobDriver(ABC):
    """All jobs of one kind. Calls block, and come from one thread, one at a time.

    A job's key is the id of its config; each job of a group has a `member_key`. A call raises
    UnreachableError where the engine does not answer; then nothing is known of what it did.
    What `plan_pause` returns is on the disk before `pause` is called, and is all that
    `resume` is given, perhaps by another run of the agent that knows no more of the job.
    """

    interval_s = 0.0
    """How often it is worth to observe, in s; 0 is each second, with everything else."""

    ends_with_boot = False
    """Whether a reboot of this machine ends jobs and pauses."""

    @abstractmethod
    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        """Return the view of each job that there is; of a group, of each of its jobs.

        A job of its own is always there, if only as UNKNOWN. `ours` are the plans of our pauses
        that hold: where the engine cannot tell a job that waits from one that has ended, they do.
        """

    @abstractmethod
    def plan_pause(self, key: str, previous: JsonObject, *, free: bool = False) -> JsonObject:
        """Return what `resume` will need. Raises ConflictError where it cannot be paused.

        Of a group's own id it is what to undo for all of it, such as a gate that is closed.
        `previous` is the plan of a pause that was cut short, or empty. `free` asks for the
        pause that lets go of the GPU.
        """

    @abstractmethod
    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Pause jobs as planned; `observe` tells when they stand still."""

    @abstractmethod
    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Let go on what `pause` stopped, and nothing else; also when nothing is left of it."""

    def signal(self, key: str, signum: signal.Signals) -> None:
        """Send a signal to a job. Raises ConflictError."""
        raise ConflictError(f'job "{key}" takes no signals')

    def start(self, job_id: str) -> None:  # noqa: B027 - most engines start their jobs themselves
        """Start the job if that is ours to do and it does not run and has not ended well."""

    def stop(self, job_id: str) -> None:  # noqa: B027
        """End a job that was started here, as its config wishes."""

    def memory(self, job_id: str) -> JsonObject:
        """Return what a later run of the agent has to know of the job."""
        return {}

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what was opened; no call follows."""


def each(undo: Mapping[str, JsonObject], act: Callable[[str, JsonObject], None]) -> Failures:
    """Do something for one job after the other; one that fails does not keep it from the rest."""
    failures: dict[str, AgentError] = {}
    for key, plan in undo.items():
        try:
            act(key, plan)
        except AgentError as err:
            failures[key] = err
    return failures
