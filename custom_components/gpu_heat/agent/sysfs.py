"""Reading the kernel's one-value files, with the reason where one cannot be read."""

from collections.abc import Iterator
import errno
import os
from pathlib import Path
import re

from .errors import UnreachableError

MICRO = 1e-6
MILLI = 1e-3

_MAX_BYTES = 4096


def text(path: Path) -> str:
    """Return a file's line. Raises UnreachableError, which says why for a person."""
    try:
        with path.open("rb", buffering=0) as file:
            return (file.read(_MAX_BYTES) or b"").decode("utf-8", "replace").strip("\0 \t\r\n")
    except OSError as err:
        raise UnreachableError(_reason(err, path)) from err


def number(path: Path) -> int:
    """Return a file's whole number. Raises UnreachableError, which says why for a person."""
    line = text(path)
    try:
        return int(line, 0)
    except ValueError as err:
        raise UnreachableError(f"{path.name} holds no number: {line[:40]!r}") from err


def folders(parent: Path, pattern: str) -> Iterator[Path]:
    """Yield what in a folder has a name of the pattern, 2 before 10; nothing without it."""
    try:
        names = [name for name in os.listdir(parent) if re.fullmatch(pattern, name)]
    except OSError:
        return
    for name in sorted(names, key=lambda name: (len(name), name)):
        yield parent / name


def hwmons(parent: Path) -> Iterator[tuple[str, Path]]:
    """Yield the names and the places of the hwmon folders in a folder."""
    for hwmon in folders(parent, r"hwmon\d+"):
        try:
            name = text(hwmon / "name")
        except UnreachableError:  # it has just gone
            continue
        yield name, hwmon


def _reason(err: OSError, path: Path) -> str:
    if err.errno == errno.ENOENT:
        return f"this kernel has no file {path.name}"
    if err.errno in {errno.EACCES, errno.EPERM}:
        return f"{path.name}: permission denied: run as root"
    return f"{path.name}: {err.strerror}"
