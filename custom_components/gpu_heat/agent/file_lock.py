"""A lock on a file that ends with its process, also where that is killed."""

import os
from pathlib import Path
import sys

AGENT_LOCK = "lock"
"""What an agent has claimed in its state folder, and a guard while it acts in its place."""

GUARD_LOCK = "guard.lock"
"""What the guard of a state folder has claimed; it holds the guard's PID."""

if sys.platform == "win32":
    import msvcrt

    def _claim(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # one byte, which need not exist

else:
    import fcntl

    def _claim(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def wait_until_free(path: Path) -> None:
        """Sleep while another process has a file that is there. Raises OSError."""
        fd = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        finally:
            os.close(fd)


class FileLock:
    """Claims a file for this process. Raises BlockingIOError where another has it, else OSError.

    The file is made where it is not there yet, unless `create` is false.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._fd = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
        try:
            _claim(self._fd)
        except OSError as err:
            os.close(self._fd)
            raise BlockingIOError(err.errno, err.strerror) from err

    def write(self, text: str) -> None:
        """Put a text into the file in the place of what it says. Raises OSError."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)

    def release(self) -> None:
        """Let another process have the file."""
        os.close(self._fd)


def is_claimed(path: Path) -> bool:
    """Return whether a process has a file; one that is not there nobody has."""
    try:
        FileLock(path, create=False).release()
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
