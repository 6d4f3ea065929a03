"""Child processes that never outlive the demo."""

import ctypes
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import psutil

from .errors import DemoError

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.05

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none gets lost."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def start(command: list[str], *, cwd: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own; what it says is added to the file `log`."""
    demo = os.getpid()

    def end_with_the_demo() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != demo:
            os.kill(os.getpid(), signal.SIGTERM)

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_the_demo,  # noqa: PLW1509 - the demo has one thread
        )


def check_alive(name: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Raise DemoError, with the end of its log, when a child has ended."""
    if (code := process.poll()) is not None:
        lines = log.read_text(errors="replace").splitlines()
        raise DemoError(
            "\n".join([f"{name} ended with exit code {code}; it said last:", *lines[-15:]])
        )


def end_all(grace_s: float) -> None:
    """End every descendant: ask the children first, then everything, then do not ask."""
    me = psutil.Process()
    _signal(me.children(), signal.SIGTERM)
    if not _wait(me, grace_s):
        left = me.children(recursive=True)
        _signal(left, signal.SIGCONT)  # a stopped process does not hear that it should end
        _signal(left, signal.SIGTERM)
        if not _wait(me, 3):
            _signal(me.children(recursive=True), signal.SIGKILL)
            if not _wait(me, 5):
                print("demo: some processes could not be ended", file=sys.stderr)


def _signal(processes: list[psutil.Process], signum: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(signum)
        except psutil.NoSuchProcess:
            continue


def _wait(me: psutil.Process, seconds: float) -> bool:
    """Return whether the last descendant has ended in time, and been reaped."""
    until = time.monotonic() + seconds
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return True
        if time.monotonic() > until:
            return not me.children(recursive=True)
        time.sleep(_POLL_S)
