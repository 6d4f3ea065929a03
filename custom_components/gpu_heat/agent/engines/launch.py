"""Starting a job's command, and finding it again."""

from collections.abc import Mapping
import hashlib
import json
import logging
import os
from pathlib import Path
import shutil
import subprocess

from ..clock import boot_id
from .process_spec import ProcessSpec
from .processes import Identity, Row, ancestors, has_variable

_LOGGER = logging.getLogger(__name__)

MAX_LOG_BYTES = 16 << 20

MARK = "GPU_HEAT_JOB"
"""The environment variable that tells whose process a process is."""


def mark(folder: Path, job_id: str) -> str:
    """Return what the environment of this job's processes says, and of no other's."""
    return f"{job_id}@{folder.resolve()}"


def cgroup_name(folder: Path, job_id: str) -> str:
    """Return the name of the job's cgroup, which no other agent's job has."""
    agent = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return f"gpu-heat-{agent}-{job_id}"


def launch(job_id: str, spec: ProcessSpec, folder: Path) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, with its output in a file.

    Raises OSError, and ValueError for what no command line can hold.
    """
    path = log_path(folder, job_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "ab", opener=_private) as log:
        return subprocess.Popen(  # noqa: S603 - the owner's own argv, no shell
            spec.command or (),
            cwd=spec.cwd,
            env={**os.environ, **spec.env, MARK: mark(folder, job_id)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def find_marked(rows: Mapping[int, Row], wanted: str, root: Identity | None = None) -> list[Row]:
    """Return this job's processes, session leaders first. Raises UnreachableError.

    The mark goes from parent to child, also to one that leaves session and parents. Nothing
    that is older than the job's `root` came from it, which spares looking at most of a machine.
    """
    since = int(root.start) if root is not None and root.boot_id == boot_id() else 0
    above = ancestors(rows, os.getpid())  # stopping one of these could stop the agent
    found = [
        row
        for row in rows.values()
        if not row.zombie
        and int(row.identity.start) >= since
        and row.pid not in above
        and has_variable(row.pid, MARK, wanted)
    ]
    return sorted(found, key=lambda row: row.session != row.pid)


def fingerprint(spec: ProcessSpec) -> str:
    """Return what changes when the command becomes another one."""
    what = json.dumps([spec.command, str(spec.cwd), sorted(spec.env.items())])
    return hashlib.sha256(what.encode()).hexdigest()


def log_path(folder: Path, job_id: str) -> Path:
    """Return the file that takes a job's output."""
    return folder / "jobs" / f"{job_id}.log"


def bound_log(path: Path) -> None:
    """Start a log that has become too long anew, keeping the old one as PATH.1.

    Where the disk has no room for both, the old one is lost. Raises OSError.
    """
    old = path.with_name(path.name + ".1")
    try:
        if path.stat().st_size <= MAX_LOG_BYTES:
            return
        old.unlink(missing_ok=True)
        try:
            shutil.copyfile(path, old)
        except OSError as err:
            _LOGGER.warning("%s starts anew without a copy: %s", path, err.strerror)
            old.unlink(missing_ok=True)
        os.truncate(path, 0)  # the job appends, so it goes on at the new end
    except FileNotFoundError:
        return


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
