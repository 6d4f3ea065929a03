"""The cgroups (v2) of processes, and the freezer: all of a cgroup stands still at once."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
import errno
import os
from pathlib import Path
import time

from ..clock import boot_id
from ..errors import ConflictError, UnreachableError
from ..state import Json, JsonObject

_PATIENCE_S = 5.0
_STEP_S = 0.001
_LONGEST_STEP_S = 0.02
_MOST_BYTES = 1 << 20
_GONE = frozenset({errno.ENOENT, errno.ENODEV, errno.ENOTDIR})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroup:
    """One cgroup and no other: a path comes again, together with inode and boot it does not."""

    path: Path
    inode: int
    boot_id: str

    def asked(self) -> bool:
        """Return whether this very cgroup was told to freeze, and not one that it lies in."""
        return self._read("cgroup.freeze").strip() == "1"

    def frozen(self) -> bool:
        """Return whether all that is in it stands still, whoever wanted that."""
        return "frozen 1" in self._read("cgroup.events").splitlines()

    def writable(self) -> bool:
        """Return whether we may freeze it."""
        with self._opened() as folder:
            return folder is not None and os.access("cgroup.freeze", os.W_OK, dir_fd=folder)

    def freeze(self) -> None:
        """Have all in it stand still. Raises ConflictError, UnreachableError."""
        if not self._write("cgroup.freeze", "1"):
            raise ConflictError(f"{self.path}: is gone")
        if not self._wait_until(frozen=True):
            raise UnreachableError(f"{self.path}: does not freeze")

    def thaw(self) -> None:
        """Let all go on, unless a cgroup above is frozen. Raises ConflictError, UnreachableError.

        One that is gone, or whose path is another's now, is left alone.
        """
        if self._write("cgroup.freeze", "0"):
            self._wait_until(frozen=False)

    def take(self, pid: int) -> None:
        """Move a process into it. Raises ConflictError, UnreachableError."""
        if not self._write("cgroup.procs", str(pid)):
            raise ConflictError(f"{self.path}: is gone")

    def pids(self) -> set[int] | None:
        """Return the processes in it and below it; None where they cannot be told.

        A process that this PID namespace does not show is a 0.
        """
        found: set[int] = set()
        for path in self._all():
            try:
                found.update(int(word) for word in (path / "cgroup.procs").read_text().split())
            except OSError as err:
                if err.errno not in _GONE:  # such as that of a threaded cgroup
                    return None
        return found

    def remove(self) -> bool:
        """Remove it with the empty ones below it; return whether it is gone."""
        for path in reversed(self._all()):
            with suppress(OSError):
                path.rmdir()
        return not self._is_there()

    def to_json(self) -> JsonObject:
        """Return what `cgroup_from_json` reads."""
        return {"path": str(self.path), "inode": self.inode, "boot_id": self.boot_id}

    def _all(self) -> list[Path]:
        if not self._is_there():
            return []
        return [Path(path) for path, _, _ in os.walk(self.path)]

    def _is_there(self) -> bool:
        with self._opened() as folder:
            return folder is not None

    def _wait_until(self, *, frozen: bool) -> bool:
        deadline_s, step_s = time.monotonic() + _PATIENCE_S, _STEP_S
        while self.frozen() is not frozen:
            # Where a cgroup above it is frozen, this one stays so.
            if time.monotonic() > deadline_s or (not frozen and _above_is_frozen(self.path)):
                return False
            time.sleep(step_s)
            step_s = min(2 * step_s, _LONGEST_STEP_S)
        return True

    def _read(self, name: str) -> str:
        """Return a file of it; nothing where it cannot be read. Raises UnreachableError."""
        with self._opened() as folder:
            if folder is None:
                return ""
            try:
                fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
            except OSError as err:
                if err.errno in _GONE | _REFUSED:
                    return ""
                raise _unseen(err) from err
            with os.fdopen(fd, "rb") as file, suppress(OSError):
                return file.read(_MOST_BYTES).decode()
            return ""

    def _write(self, name: str, text: str) -> bool:
        """Write to a file of it; False where it is gone. Raises ConflictError, UnreachableError."""
        with self._opened() as folder:
            if folder is None:
                return False
            try:
                fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
                try:
                    os.write(fd, text.encode())
                finally:
                    os.close(fd)
            except OSError as err:
                if err.errno in _GONE:
                    return False
                if err.errno in _REFUSED:
                    raise ConflictError(f"{self.path}/{name}: {err.strerror}") from err
                raise UnreachableError(f"{self.path}/{name}: {err.strerror}") from err
            return True

    @contextmanager
    def _opened(self) -> Generator[int | None]:
        """Hold on to the folder, so that what is done is done to this cgroup and no other."""
        folder = None
        if self.boot_id == boot_id():
            try:
                folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as err:
                if err.errno not in _GONE | _REFUSED:
                    raise _unseen(err) from err
        try:
            same = folder is not None and os.fstat(folder).st_ino == self.inode
            yield folder if same else None
        finally:
            if folder is not None:
                os.close(folder)


def cgroup_at(path: Path) -> Cgroup | None:
    """Return the cgroup at a path, None where there is none."""
    try:
        return Cgroup(path=path, inode=path.stat().st_ino, boot_id=boot_id())
    except OSError:
        return None


def make_cgroup(path: Path) -> Cgroup | None:
    """Make an empty cgroup, None where that may not or cannot be."""
    try:
        path.mkdir()
    except OSError:
        return None
    made = cgroup_at(path)
    if made is not None and made.writable():
        return made
    with suppress(OSError):
        path.rmdir()
    return None


def cgroup_from_json(document: Json) -> Cgroup | None:
    """Read a cgroup; anything else is None."""
    if not isinstance(document, dict):
        return None
    path, inode, boot = (document.get(key) for key in ("path", "inode", "boot_id"))
    if not isinstance(path, str) or not path.startswith("/"):
        return None
    if type(inode) is not int or not isinstance(boot, str):
        return None
    return Cgroup(path=Path(path), inode=inode, boot_id=boot)


def _above_is_frozen(path: Path) -> bool:
    return any(_is_frozen(above) for above in _above(path))


def _above(path: Path) -> Iterator[Path]:
    """Yield what a cgroup lies in, up to the root, which has no cgroup.events."""
    for above in path.parents:
        if not (above / "cgroup.events").exists():
            return
        yield above


def _is_frozen(path: Path) -> bool:
    try:
        return "frozen 1" in (path / "cgroup.events").read_text().splitlines()
    except OSError:
        return False


def _unseen(err: OSError) -> UnreachableError:
    return UnreachableError(f"the cgroups cannot be seen: {err.strerror}")
