"""Jobs that are processes of this machine: they stand still, frozen or stopped by a signal."""

from collections.abc import Mapping, Sequence
import logging
from pathlib import Path
import signal
import time

from ..errors import ConflictError
from ..job_config import JobConfig
from ..state import JsonObject
from .driver import Failures, JobDriver, JobView, each
from .freezer import Freezer
from .process_job import CommandJob, PidfileJob, ProcessJob
from .process_pause import PausePlan, pause, plan, resume
from .process_spec import OnStop, PauseBy, ProcessSpec, read_spec
from .process_tree import Tree
from .processes import Row, scan, send, send_all

__all__ = ["ProcessDriver", "make_driver", "read_spec"]

_LOGGER = logging.getLogger(__name__)

_PATIENCE_S = 5.0
_KILL_PATIENCE_S = 1.0
_STEP_S = 0.01


class ProcessDriver(JobDriver):
    """Commands that the agent starts, and processes that others start."""

    def __init__(
        self,
        specs: Mapping[str, ProcessSpec],
        memories: Mapping[str, JsonObject],
        folder: Path,
        freezer: Freezer | None = None,
    ) -> None:
        self._freezer = freezer = freezer or Freezer()
        self._jobs: dict[str, ProcessJob] = {
            job_id: (
                PidfileJob(spec, freezer)
                if spec.command is None
                else CommandJob(job_id, spec, memories.get(job_id, {}), folder, freezer)
            )
            for job_id, spec in specs.items()
        }

    ends_with_boot = True

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        """Return every job's state from one look at the process table."""
        if not self._jobs:
            return {}
        rows = scan()
        return {job_id: job.observe(rows) for job_id, job in self._jobs.items()}

    def start(self, job_id: str) -> None:
        """Start a command that does not run yet, or find the one that does."""
        self._jobs[job_id].start(scan())

    def plan_pause(self, key: str, previous: JsonObject, *, free: bool = False) -> JsonObject:
        """Return the processes and what makes them stand still; what others stopped is left out."""
        rows, job = scan(), self._jobs[key]
        tree = job.tree(rows)
        if tree is None:
            raise ConflictError(f'the process of job "{key}" is gone')
        freezer = self._freezer if job.spec.pause is PauseBy.AUTO else None
        return plan(tree, rows, PausePlan.from_json(previous), freezer).to_json()

    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Have whole trees stand still."""
        return each(undo, self._pause)

    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Let go on what we made stand still."""
        return each(undo, _resume)

    def signal(self, key: str, signum: signal.Signals) -> None:
        """Send a signal to the root, which knows what it means."""
        tree = self._jobs[key].tree(rows := scan())
        if tree is None:
            raise ConflictError(f'the process of job "{key}" is gone')
        try:
            send(tree.rows(rows)[0].identity, signum)
        except PermissionError as err:
            raise ConflictError(f'the process of job "{key}" belongs to another user') from err

    def stop(self, job_id: str) -> None:
        """End a command that we started, if its config says so: SIGTERM, later SIGKILL."""
        job = self._jobs[job_id]
        tree = job.tree(scan())
        if tree is None or job.spec.command is None or job.spec.on_stop is OnStop.LEAVE:
            return
        send_all(tree.rows(scan()), signal.SIGTERM)
        if left := _left(tree, _PATIENCE_S):
            send_all(left, signal.SIGKILL)
            _left(tree, _KILL_PATIENCE_S)
        job.terminated()
        _LOGGER.info("Job %s: ended with the agent", job_id)

    def memory(self, job_id: str) -> JsonObject:
        """Return who the process of a command is and how it ended."""
        return self._jobs[job_id].memory()

    def _pause(self, key: str, undo: JsonObject) -> None:
        planned = PausePlan.from_json(undo)
        if planned is None:
            raise ConflictError(f'the process of job "{key}" is gone')
        pause(planned, self._freezer)


def make_driver(
    jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
) -> JobDriver:
    """Return the driver of these jobs."""
    specs = {job.id: job.spec for job in jobs if isinstance(job.spec, ProcessSpec)}
    return ProcessDriver(specs, memories, folder)


def _resume(_: str, undo: JsonObject) -> None:
    planned = PausePlan.from_json(undo)
    if planned is not None:
        resume(planned)


def _left(tree: Tree, patience_s: float) -> Sequence[Row]:
    """Wait for the end of all of a tree; return what still lives then."""
    deadline_s = time.monotonic() + patience_s
    while (left := tree.rows(scan())) and time.monotonic() < deadline_s:
        time.sleep(_STEP_S)
    return left
