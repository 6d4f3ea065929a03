"""Reading a secret from a file that is its owner's alone."""

import os
from pathlib import Path
import stat

from .errors import ConflictError

MAX_BYTES = 8192
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def read_secret(path: Path) -> str:
    """Return the one line of visible ASCII in a file.

    Raises ConflictError where there is none, or where others may read or write the file.
    """
    try:
        descriptor = os.open(path, _FLAGS)
        try:
            mode = os.fstat(descriptor).st_mode
            content = os.read(descriptor, MAX_BYTES + 1) if stat.S_ISREG(mode) else None
        finally:
            os.close(descriptor)
    except OSError as err:
        raise ConflictError(f"{path} cannot be read: {err.strerror}") from err
    if content is None:
        raise ConflictError(f"{path} is not a file")
    if os.name == "posix" and mode & stat.S_IRWXO:
        raise ConflictError(f"{path} is open to all users; chmod o= {path}")
    secret = content.strip().decode("latin-1")
    if not secret or len(content) > MAX_BYTES or not (secret.isascii() and secret.isprintable()):
        raise ConflictError(f"{path} does not hold one line of text")
    return secret
