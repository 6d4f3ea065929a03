"""A lock on a file that ends with its process, also where that is killed."""

import os
from pathlib import Path
import sys

if sys.platform == "win32":
    import msvcrt

    def _claim(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # one byte, which need not exist

else:
    import fcntl

    def _claim(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """Claims a file for this process. Raises BlockingIOError where another has it, else OSError."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _claim(self._fd)
        except OSError as err:
            os.close(self._fd)
            raise BlockingIOError(err.errno, err.strerror) from err

    def release(self) -> None:
        """Let another process have the file."""
        os.close(self._fd)
