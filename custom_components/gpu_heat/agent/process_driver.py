"""Jobs that are processes of this machine, paused with SIGSTOP."""

from collections.abc import Mapping, Sequence
import logging
from pathlib import Path
import signal
import time

from .config import JobConfig, OnStop
from .errors import ConflictError, UnreachableError
from .job_view import JobView
from .process_job import CommandJob, PidfileJob, ProcessJob
from .process_tree import Tree
from .processes import scan, send_all
from .state import JsonObject

_LOGGER = logging.getLogger(__name__)

_PATIENCE_S = 5.0
_STEP_S = 0.01


class ProcessDriver:
    """A JobDriver for commands that the agent starts and processes that others start."""

    def __init__(
        self, jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
    ) -> None:
        self._jobs: dict[str, ProcessJob] = {
            job.id: (
                CommandJob(job, memories.get(job.id, {}), folder)
                if job.command is not None
                else PidfileJob(job)
            )
            for job in jobs
        }

    def observe(self) -> Mapping[str, JobView]:
        """Return every job's state from one look at the process table."""
        if not self._jobs:
            return {}
        rows = scan()
        return {job_id: job.observe(rows) for job_id, job in self._jobs.items()}

    def start(self, job_id: str) -> None:
        """Start a command that does not run yet, or find the one that does."""
        self._jobs[job_id].start(scan())

    def plan_pause(self, job_id: str, previous: JsonObject) -> JsonObject:
        """Return the tree, and which of its members someone else has stopped already."""
        rows = scan()
        tree = self._jobs[job_id].tree(rows)
        if tree is None:
            raise ConflictError(f'the process of job "{job_id}" is gone')
        return tree.with_stopped(rows, Tree.from_json(previous)).to_json()

    def pause(self, job_id: str, undo: JsonObject) -> None:
        """Stop the whole tree, the parent first, until no member runs."""
        tree = Tree.from_json(undo)
        if tree is None:
            raise ConflictError(f'the process of job "{job_id}" is gone')
        deadline_s = time.monotonic() + _PATIENCE_S
        while running := tree.running(scan()):
            if time.monotonic() > deadline_s:
                raise UnreachableError(f"process {running[0].pid} does not stop")
            send_all(running, signal.SIGSTOP)
            time.sleep(_STEP_S)

    def resume(self, undo: JsonObject) -> None:
        """Let the members go on that we stopped, the parent last."""
        tree = Tree.from_json(undo)
        if tree is not None:
            send_all(tree.stopped_by_us(scan())[::-1], signal.SIGCONT)

    def stop(self, job_id: str) -> None:
        """End a command that we started, if its config says so: SIGTERM, later SIGKILL."""
        job = self._jobs[job_id]
        tree = job.tree(scan())
        if tree is None or job.config.command is None or job.config.on_stop is OnStop.LEAVE:
            return
        deadline_s = time.monotonic() + _PATIENCE_S
        send_all(tree.rows(scan()), signal.SIGTERM)
        while (left := tree.rows(scan())) and time.monotonic() < deadline_s:
            time.sleep(_STEP_S)
        send_all(left, signal.SIGKILL)
        job.terminated()
        _LOGGER.info("Job %s: ended with the agent", job_id)

    def memory(self, job_id: str) -> JsonObject:
        """Return who the process of a command is and how it ended."""
        return self._jobs[job_id].memory()
