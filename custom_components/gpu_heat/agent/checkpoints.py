"""Having a job write down what it has before it is paused."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
import logging
import os
from pathlib import Path
import signal
import subprocess

from .errors import AgentError, ConflictError
from .job_config import Checkpoint

_LOGGER = logging.getLogger(__name__)

_PATIENCE_S = 1.0

VARIABLE = "GPU_HEAT_CHECKPOINT"
"""The environment variable that tells a checkpoint's command of which job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    checkpoint: Checkpoint
    deadline_s: float
    child: "subprocess.Popen[bytes] | None" = None
    found: "tuple[int, int] | None" = None


class Checkpoints:
    """The checkpoints under way, by the job's key; times are those of a steady clock, in s."""

    def __init__(self, send: Callable[[str, signal.Signals], None]) -> None:
        self._send = send
        self._running: dict[str, _Running] = {}

    def begin(self, key: str, checkpoint: Checkpoint, now_s: float) -> None:
        """Ask a job to write down what it has. Raises AgentError where it cannot be asked."""
        deadline_s = now_s + checkpoint.timeout_s
        if checkpoint.signal is not None:
            found = _written(checkpoint.done_file)
            self._send(key, checkpoint.signal)
            running = _Running(checkpoint=checkpoint, deadline_s=deadline_s, found=found)
        else:
            child = _start(key, checkpoint.command or ())
            running = _Running(checkpoint=checkpoint, deadline_s=deadline_s, child=child)
        self._running[key] = running
        _LOGGER.info("Job %s: is to write a checkpoint", key)

    def ended(self, now_s: float) -> Mapping[str, AgentError | None]:
        """Return which have come to their end since, and why it was no good end, else None."""
        outcomes = {
            key: outcome
            for key, running in self._running.items()
            if (outcome := _outcome(running, now_s)) is not _UNDER_WAY
        }
        for key in outcomes:
            self.cancel(key)
        return outcomes

    def under_way(self, key: str) -> bool:
        """Return whether a job's checkpoint has yet to end."""
        return key in self._running

    def cancel(self, key: str) -> None:
        """Care no more about a job's checkpoint; a command that still runs is ended."""
        running = self._running.pop(key, None)
        if running is not None and running.child is not None and running.child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(running.child.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):  # it may hang in a disk, which is not ours
                running.child.wait(_PATIENCE_S)


_UNDER_WAY = AgentError("under way")


def _outcome(running: _Running, now_s: float) -> AgentError | None:
    checkpoint, late = running.checkpoint, now_s >= running.deadline_s
    if running.child is not None:
        code = running.child.poll()
        if code is not None:
            return ConflictError(f"its checkpoint failed with exit code {code}") if code else None
    elif checkpoint.done_file is None:
        return None if late else _UNDER_WAY
    elif _written(checkpoint.done_file) not in {None, running.found}:
        return None
    if late:
        return ConflictError(f"its checkpoint took longer than {checkpoint.timeout_s:g} s")
    return _UNDER_WAY


def _start(key: str, command: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 - the owner's own argv, no shell
            command,
            env={**os.environ, VARIABLE: key},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as err:
        raise ConflictError(f"its checkpoint cannot be started: {err}") from err


def _written(path: Path | None) -> "tuple[int, int] | None":
    """Return what changes when a file is written."""
    try:
        status = None if path is None else path.stat()
    except OSError:
        return None
    return None if status is None else (status.st_mtime_ns, status.st_ino)
