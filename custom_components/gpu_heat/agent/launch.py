"""Starting a job's command, and finding it again."""

from collections.abc import Mapping
import hashlib
import json
import os
from pathlib import Path
import shutil
import subprocess

import psutil

from .config import JobConfig
from .processes import Identity, Row

MAX_LOG_BYTES = 16 << 20

_MARK = "GPU_HEAT_JOB"


def mark(folder: Path, job_id: str) -> str:
    """Return what the environment of this job's processes says, and of no other's."""
    return f"{job_id}@{folder.resolve()}"


def launch(job: JobConfig, folder: Path) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, with its output in a file. Raises OSError."""
    path = log_path(folder, job.id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "ab", opener=_private) as log:
        return subprocess.Popen(  # noqa: S603 - the owner's own argv, no shell
            job.command or (),
            cwd=job.cwd,
            env={**os.environ, **job.env, _MARK: mark(folder, job.id)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def find_marked(rows: Mapping[int, Row], wanted: str) -> Identity | None:
    """Return the session leader that an earlier run of the agent started for this job."""
    for row in rows.values():
        if row.session == row.pid and not row.zombie and row.pid != os.getpid():
            try:
                environment = psutil.Process(row.pid).environ()
            except (psutil.Error, OSError):  # another user's, or it has just ended
                continue
            if environment.get(_MARK) == wanted:
                return row.identity
    return None


def fingerprint(job: JobConfig) -> str:
    """Return what changes when the command becomes another one."""
    what = json.dumps([job.command, str(job.cwd), sorted(job.env.items())])
    return hashlib.sha256(what.encode()).hexdigest()


def log_path(folder: Path, job_id: str) -> Path:
    """Return the file that takes a job's output."""
    return folder / "jobs" / f"{job_id}.log"


def bound_log(path: Path) -> None:
    """Start a log that has become too long anew, keeping the old one as PATH.1."""
    try:
        if path.stat().st_size > MAX_LOG_BYTES:
            shutil.copyfile(path, path.with_name(path.name + ".1"))
            os.truncate(path, 0)  # the job appends, so it goes on at the new end
    except FileNotFoundError:
        return


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
