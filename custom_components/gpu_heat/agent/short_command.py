"""Running a command that is to end soon, and reading the little that it writes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
import os
from pathlib import Path
import selectors
import signal
import subprocess
import time
from typing import IO

from .errors import UnreachableError
from .fetch import NotAskedError

MAX_BYTES = 65_536

_CHUNK = 65_536
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended; of what it wrote `MAX_BYTES` are kept, `whole` tells if that is all."""

    code: int
    stdout: bytes
    stderr: bytes
    whole: bool


def run_command(
    command: Sequence[str], *, cwd: Path | None, env: Mapping[str, str], time_limit_s: float
) -> Ended:
    """Run a command without a shell and without input, in a session of its own.

    Its environment is the agent's, LC_ALL=C and `env`. What it leaves running in the
    background goes on. Raises NotAskedError where it cannot be started, UnreachableError where
    it takes too long: then it is killed with all of its process group.
    """
    deadline_s = time.monotonic() + time_limit_s
    try:
        child = subprocess.Popen(  # noqa: S603 - the owner's own argv, no shell
            command,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as err:
        raise NotAskedError(f"{command[0]} cannot be started: {err}") from err
    with child:
        try:
            stdout, stderr = _read(child, deadline_s)
            code = child.wait(max(deadline_s - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired as err:
            raise UnreachableError(f"{command[0]} took longer than {time_limit_s:g} s") from err
        except OSError as err:
            raise UnreachableError(f"{command[0]} cannot be watched: {err.strerror}") from err
        finally:
            if child.returncode is None:  # so its number is still its own
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
    return Ended(
        code=code,
        stdout=bytes(stdout[:MAX_BYTES]),
        stderr=bytes(stderr[:MAX_BYTES]),
        whole=len(stdout) <= MAX_BYTES,
    )


def _read(child: "subprocess.Popen[bytes]", deadline_s: float) -> tuple[bytearray, bytearray]:
    """Read until both outputs are closed, or the command has ended. Raises TimeoutExpired.

    What it leaves running may hold its outputs open, so their end is not waited for.
    """
    kept = (bytearray(), bytearray())
    with selectors.DefaultSelector() as selector:
        for pipe, into in zip((child.stdout, child.stderr), kept, strict=True):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, into)
        ended = False
        while selector.get_map() and not ended:
            if time.monotonic() >= deadline_s:
                raise subprocess.TimeoutExpired(child.args, 0.0)
            ended = child.poll() is not None
            for key, _ in selector.select(0.0 if ended else _LOOK_S):
                _take(selector, key, until_empty=ended)
    return kept


def _take(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, *, until_empty: bool
) -> None:
    """Take what an output has now; what is too much is thrown away."""
    pipe: IO[bytes] = key.fileobj  # type: ignore[assignment]
    for _ in range(1 + until_empty * MAX_BYTES // 4096):
        try:
            chunk = os.read(pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            selector.unregister(pipe)
            return
        key.data.extend(chunk[: MAX_BYTES + 1 - len(key.data)])
