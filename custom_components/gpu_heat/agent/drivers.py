"""What a job's engine has to offer, and the engines that there are."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeAlias

from .config import JobConfig
from .job_view import JobView
from .process_driver import ProcessDriver
from .state import JsonObject


class JobDriver(Protocol):
    """All jobs of one kind. Calls block and come from one thread, one at a time.

    Raises ConflictError where the job's state forbids the call and UnreachableError
    where the engine does not answer.
    """

    def observe(self) -> Mapping[str, JobView]:
        """Return every job's view by its id."""

    def start(self, job_id: str) -> None:
        """Start the job if that is ours to do and it does not run and has not ended well."""

    def plan_pause(self, job_id: str, previous: JsonObject) -> JsonObject:
        """Return what `resume` will need; it is on the disk before `pause` is called.

        `previous` is the plan of a pause that was cut short, or empty.
        """

    def pause(self, job_id: str, undo: JsonObject) -> None:
        """Stop the job and return when it stands still."""

    def resume(self, undo: JsonObject) -> None:
        """Let go on what `pause` stopped, and nothing else; also when nothing is left of it."""

    def stop(self, job_id: str) -> None:
        """End a job that was started here, as its config wishes."""

    def memory(self, job_id: str) -> JsonObject:
        """Return what a later run of the agent has to know of the job."""


Drivers: TypeAlias = Mapping[str, JobDriver]

_KINDS: Mapping[str, Callable[[Sequence[JobConfig], Mapping[str, JsonObject], Path], JobDriver]] = (
    MappingProxyType({"process": ProcessDriver})
)

KINDS = frozenset(_KINDS)


def make_drivers(
    jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
) -> Drivers:
    """Return a driver for every kind; `memories` are of the last run, by job id."""
    return {
        kind: make([job for job in jobs if job.kind == kind], memories, folder)
        for kind, make in _KINDS.items()
    }
