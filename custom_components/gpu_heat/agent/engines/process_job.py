"""One job that is a process: started by us, or found through its PID file."""

from collections.abc import Mapping, Sequence
import logging
import os
from pathlib import Path
import signal
import subprocess
from typing import Protocol

from ..clock import boot_id
from ..models import JobState
from ..state import JsonObject
from .cgroups import Cgroup, cgroup_at, cgroup_from_json
from .driver import STANDS_STILL, JobView
from .freezer import Freezer, move
from .launch import (
    bound_log,
    cgroup_name,
    find_marked,
    fingerprint,
    launch,
    log_path,
    mark,
)
from .process_spec import PauseBy, ProcessSpec
from .process_tree import Tree
from .processes import Row, ancestors, identify, identity_from_json, send_all

_LOGGER = logging.getLogger(__name__)

_PIDFILE_BYTES = 64
_PIDFILE_SLACK_S = 2.0
_OUTCOMES = {
    "finished": JobState.FINISHED,
    "failed": JobState.FAILED,
    "unknown": JobState.UNKNOWN,
}


class ProcessJob(Protocol):
    """What the driver asks of either kind."""

    spec: ProcessSpec

    def start(self, table: Mapping[int, Row]) -> None:
        """Start the job if that is ours to do."""

    def observe(self, table: Mapping[int, Row]) -> JobView:
        """Return the job's state."""

    def tree(self, table: Mapping[int, Row]) -> Tree | None:
        """Return the job's processes, None where there are none."""

    def terminated(self) -> None:
        """Take note that we ended the job."""

    def memory(self) -> JsonObject:
        """Return what a later run of the agent has to know."""


class CommandJob:
    """A ProcessJob that the agent starts; it outlives the agent and is found again."""

    def __init__(
        self,
        job_id: str,
        spec: ProcessSpec,
        memory: JsonObject,
        folder: Path,
        freezer: Freezer,
    ) -> None:
        self.spec = spec
        self._freezer = freezer
        self._cgroup = cgroup_from_json(memory.get("cgroup"))
        self._id = job_id
        self._folder = folder
        self._remembered = bool(memory)
        self._fingerprint = memory.get("fingerprint")
        root = identity_from_json(memory.get("root"))
        self._tree = None if root is None else Tree(root=root, session=True)
        self._outcome = _OUTCOMES.get(str(memory.get("outcome")))
        self._child: subprocess.Popen[bytes] | None = None
        self._log_failed = False

    def start(self, table: Mapping[int, Row]) -> None:
        """Find the process that runs, or start one unless this command has ended well."""
        if self._cgroup is None:
            self._cgroup = self._left_cgroup()
        self._adopt(table)
        if self._outcome is None and self._tree is not None and (rows := self._tree.rows(table)):
            _LOGGER.info("Job %s: found running as process %d", self._id, rows[0].pid)
            self._let_go(rows)
            return
        if self._outcome is None and self._tree and self._tree.root.boot_id == boot_id():
            self._outcome = JobState.UNKNOWN  # it ended while nobody watched
        self._leave_cgroup()
        done = self._outcome in {JobState.FINISHED, JobState.UNKNOWN}
        if done and self._fingerprint == fingerprint(self.spec):
            _LOGGER.info("Job %s: has ended, not started again", self._id)
            return
        self._launch()

    def observe(self, table: Mapping[int, Row]) -> JobView:
        """Return the state; how it ended is known of a process that this run started."""
        if self._outcome is not None:
            return JobView(state=self._outcome, can_pause=False)
        if self._tree is None:
            return JobView(state=JobState.QUEUED, can_pause=False)
        self._bound_log()
        code = None if self._child is None else self._child.poll()
        self._tree = self._tree.seen(table)
        if not self._tree.members:
            self._adopt(table)
        if self._tree.members:
            return _live_view(self._tree, table, self.spec, self._freezer)
        if self._child is not None and code is None:  # it came after the table was read
            return JobView(state=JobState.RUNNING, can_pause=False)
        self._outcome = _outcome(code)
        self._leave_cgroup()
        _LOGGER.info("Job %s: ended, exit code %s", self._id, code)
        return JobView(state=self._outcome, can_pause=False)

    def tree(self, table: Mapping[int, Row]) -> Tree | None:
        """Return the session of the command, with those that have left it."""
        self._adopt(table)
        if self._outcome is not None or self._tree is None or not self._tree.rows(table):
            return None
        return self._tree

    def terminated(self) -> None:
        """Forget the process, so that the next run of the agent starts the job again."""
        self._tree = self._outcome = None
        self._leave_cgroup()

    def memory(self) -> JsonObject:
        """Return the process, how it ended, and of which command it is."""
        return {
            "root": None if self._tree is None else self._tree.root.to_json(),
            "outcome": None if self._outcome is None else self._outcome.value,
            "fingerprint": self._fingerprint,
            "cgroup": None if self._cgroup is None else self._cgroup.to_json(),
        }

    def _adopt(self, table: Mapping[int, Row]) -> None:
        """Take in the processes that came from the command, whatever became of its session."""
        root = None if self._tree is None else self._tree.root
        found = find_marked(table, mark(self._folder, self._id), root) + self._inside(table)
        if not found:
            return
        if self._tree is None or self._outcome is not None:
            self._tree, self._outcome = Tree(root=found[0].identity, session=True), None
        self._tree = self._tree.with_members(found)

    def _inside(self, table: Mapping[int, Row]) -> list[Row]:
        """Return the processes in the job's cgroup; nobody, should the agent have come from it."""
        pids = set() if self._cgroup is None else self._cgroup.pids() or set()
        if not pids or pids & ancestors(table, os.getpid()):
            return []
        return [row for pid in pids if (row := table.get(pid)) and not row.zombie]

    def _let_go(self, rows: Sequence[Row]) -> None:
        """Resume what is stopped where nobody knows any more whether that was us."""
        stopped = [row for row in rows if row.stopped]
        frozen = self._cgroup is not None and self._cgroup.asked()
        if (stopped or frozen) and not self._remembered:
            _LOGGER.warning("Job %s: found stopped, of which nothing is known", self._id)
            if self._cgroup is not None:
                self._cgroup.thaw()
            send_all(stopped[::-1], signal.SIGCONT)
        self._remembered = True

    def _left_cgroup(self) -> Cgroup | None:
        """Return the cgroup that a run of which nothing is known may have made for this job."""
        folder = self._freezer.expected(cgroup_name(self._folder, self._id))
        return None if folder is None else cgroup_at(folder)

    def _leave_cgroup(self) -> None:
        """Remove the cgroup of a job that has ended; while it cannot be, keep it in mind."""
        if self._cgroup is not None and self._cgroup.remove():
            self._cgroup = None

    def _enter_cgroup(self, pid: int) -> None:
        """Give a process that has just begun a cgroup of its own, where that can be done."""
        if self.spec.pause is PauseBy.AUTO and self._cgroup is None:
            self._cgroup = self._freezer.make(cgroup_name(self._folder, self._id))
            if self._cgroup is not None and not move(self._cgroup, pid):
                self._leave_cgroup()

    def _bound_log(self) -> None:
        try:
            bound_log(log_path(self._folder, self._id))
        except OSError as err:
            if not self._log_failed:
                _LOGGER.warning("Job %s: its log grows on: %s", self._id, err)
            self._log_failed = True
        else:
            self._log_failed = False

    def _launch(self) -> None:
        self._fingerprint = fingerprint(self.spec)
        self._tree = None
        try:
            self._child = launch(self._id, self.spec, self._folder)
        except (OSError, ValueError) as err:
            self._outcome = JobState.FAILED
            _LOGGER.warning("Job %s: cannot be started: %s", self._id, err)
            return
        root = identify(self._child.pid)  # not reaped yet, so even if it has ended it is there
        self._tree = None if root is None else Tree(root=root, session=True)
        self._outcome = None
        self._enter_cgroup(self._child.pid)
        _LOGGER.info("Job %s: started as process %d", self._id, self._child.pid)


class PidfileJob:
    """A ProcessJob that someone else starts, known through the PID in a file."""

    def __init__(self, spec: ProcessSpec, freezer: Freezer) -> None:
        self.spec = spec
        self._freezer = freezer

    def start(self, table: Mapping[int, Row]) -> None:
        """Leave starting it to others."""

    def observe(self, table: Mapping[int, Row]) -> JobView:
        """Return the state; without a process it is not known why there is none."""
        tree = self.tree(table)
        if tree is None:
            return JobView(state=JobState.UNKNOWN, can_pause=False)
        return _live_view(tree, table, self.spec, self._freezer)

    def tree(self, table: Mapping[int, Row]) -> Tree | None:
        """Return the process with what came from it, and its group if it leads one."""
        row = table.get(self._pid() or 0)
        if row is None or row.zombie or not self._as_old_as_file(row.pid):
            return None
        tree = Tree(root=row.identity, session=False)
        if any(member.pid == os.getpid() for member in tree.rows(table)):
            return None  # stopping it would stop the agent
        return tree

    def terminated(self) -> None:
        """Take no note: the job is not ours to end."""

    def memory(self) -> JsonObject:
        """Return nothing: all is in the file."""
        return {}

    def _pid(self) -> int | None:
        """Read a PID of at most a line; what is no PID of a job is None."""
        try:
            with open(self.spec.pidfile or "", "rb") as file:
                words = file.read(_PIDFILE_BYTES).split()
            pid = int(words[0]) if words else 0
        except (OSError, ValueError):
            return None
        return pid if pid > 1 and pid != os.getpid() else None

    def _as_old_as_file(self, pid: int) -> bool:
        """Tell the job from a stranger that got the PID of a stale file later."""
        import psutil  # noqa: PLC0415 - takes 2 MB, and only jobs with a PID file want it

        try:
            written_s = (self.spec.pidfile or Path()).stat().st_mtime
            return psutil.Process(pid).create_time() <= written_s + _PIDFILE_SLACK_S
        except (psutil.Error, OSError):
            return False


def _live_view(
    tree: Tree, table: Mapping[int, Row], spec: ProcessSpec, freezer: Freezer
) -> JobView:
    running = tree.running(table)
    if next(freezer.moving(running), None) is None:
        return JobView(state=JobState.PAUSED, can_pause=False, effect=STANDS_STILL)
    can_pause = all(_ours(row.pid) for row in running) or (
        spec.pause is PauseBy.AUTO and freezer.apart(tree.rows(table)) is not None
    )
    return JobView(state=JobState.RUNNING, can_pause=can_pause, effect=STANDS_STILL)


def _ours(pid: int) -> bool:
    """Return whether we may signal a process; one that has just ended is no obstacle."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def _outcome(code: int | None) -> JobState:
    if code is None:
        return JobState.UNKNOWN
    return JobState.FINISHED if code == 0 else JobState.FAILED
