"""The guard: it outlives an agent that is killed, and lets the jobs that it left go on in time.

While an agent runs, the guard sleeps and has next to nothing loaded.
"""

from collections.abc import Sequence
import os
from pathlib import Path
import sys
import time

from .file_lock import AGENT_LOCK, GUARD_LOCK, FileLock, wait_until_free

_PATIENCE_S = 2.0
_STEP_S = 0.05


def main(argv: Sequence[str]) -> int:
    """Guard a state folder until no agent runs there and nothing is left to do.

    The arguments are the folder and, where there is one, the agent's config file.
    """
    folder, config = Path(argv[0]), Path(argv[1]) if len(argv) > 1 else None
    mine = _claim(folder / GUARD_LOCK)
    if mine is None:
        return 0
    try:
        wait_until_free(folder / AGENT_LOCK)
    except FileNotFoundError:  # the folder has been removed, with all that there was to do
        mine.release()
        return 0
    from .guard_duty import stand_in  # noqa: PLC0415 - an agent that runs needs none of it

    if stand_in(folder, config, mine):
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - as small again as it began
    return 0


def _claim(path: Path) -> FileLock | None:
    """Claim the guard's file, which who looks whether there is a guard has for a moment.

    Return None where there is a guard already, or the folder has been removed.
    """
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            mine = FileLock(path)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                return None
            time.sleep(_STEP_S)
        else:
            mine.write(f"{os.getpid()}\n")
            return mine
