"""Which cgroup a job's processes are in, and whether it may be frozen for the job."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
import os
from pathlib import Path, PurePosixPath
import re

from ..errors import AgentError, UnreachableError
from .cgroups import Cgroup, cgroup_at, make_cgroup
from .processes import NOT_TO_BE_SEEN, Row, descendants, scan

_TRIES = 3
_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Where the cgroups below `root` lie as folders."""

    root: PurePosixPath
    path: Path

    def folder(self, name: str) -> Path | None:
        """Return the folder of a cgroup as /proc names it; None outside of the mount."""
        name = name.removesuffix(" (deleted)")
        try:
            inner = PurePosixPath(name).relative_to(self.root)
        except ValueError:
            return None
        return None if ".." in inner.parts else self.path / inner


class Freezer:
    """Looks at cgroups through a /proc; where there are none of version 2, nothing is frozen."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._mount = _find_mount(proc)

    def folder_of(self, pid: int | None = None) -> Path | None:
        """Return the folder of a process's cgroup, or of our own. Raises UnreachableError."""
        if self._mount is None:
            return None
        with suppress(*NOT_TO_BE_SEEN):
            return self._look_up(self._mount, "self" if pid is None else str(pid))
        return None

    def moving(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the processes that do not stand still: neither stopped nor in a frozen cgroup."""
        frozen: dict[Path, bool] = {}
        for row in rows:
            if row.stopped:
                continue
            folder = None
            if self._mount is not None:
                try:
                    folder = self._look_up(self._mount, str(row.pid))
                except (FileNotFoundError, ProcessLookupError):  # it has just ended
                    continue
                except PermissionError:
                    folder = None
            if folder is not None and folder not in frozen:
                cgroup = cgroup_at(folder)
                frozen[folder] = cgroup is not None and cgroup.frozen()
            if folder is None or not frozen[folder]:
                yield row

    def apart(self, rows: Sequence[Row]) -> Cgroup | None:
        """Return the cgroup that holds all of these processes and no other, if we may freeze it.

        It is never the root, nor one that the agent is in.
        """
        folders = [self.folder_of(row.pid) for row in rows]
        known = [str(folder) for folder in folders if folder is not None]
        if self._mount is None or not known or len(known) < len(folders):
            return None
        folder, own = Path(os.path.commonpath(known)), self.folder_of()
        if own is None or folder == self._mount.path or own.is_relative_to(folder):
            return None
        cgroup = cgroup_at(folder)
        if cgroup is None or not cgroup.writable():
            return None
        return cgroup if self._holds_only(cgroup, rows) else None

    def expected(self, name: str) -> Path | None:
        """Return the folder that a cgroup of ours has below the agent's own."""
        own = self.folder_of()
        return None if own is None else own / name

    def make(self, name: str) -> Cgroup | None:
        """Make a cgroup below the agent's own; None where that may not be."""
        folder = self.expected(name)
        if folder is None:
            return None
        left = cgroup_at(folder)
        if left is not None:
            left.remove()
        return make_cgroup(folder)

    def _look_up(self, mount: Mount, who: str) -> Path | None:
        """Read a process's cgroup. Raises UnreachableError, and one of NOT_TO_BE_SEEN."""
        try:
            with open(f"{self._proc}/{who}/cgroup", encoding="utf-8", errors="replace") as file:
                names = [line[3:].rstrip("\n") for line in file if line.startswith("0::")]
        except NOT_TO_BE_SEEN:
            raise
        except OSError as err:
            raise UnreachableError(f"the cgroups cannot be seen: {err.strerror}") from err
        return mount.folder(names[0]) if names else None

    def _holds_only(self, cgroup: Cgroup, rows: Sequence[Row]) -> bool:
        """Return whether nobody else is in a cgroup; children of these are none."""
        known = {row.pid for row in rows}
        found = cgroup.pids()
        if found is None:
            return False
        if found <= known:
            return True
        table = scan()
        known.update(row.pid for row in descendants(table, known))
        return all(pid in known or pid not in table for pid in found if pid) and 0 not in found


def move(cgroup: Cgroup, pid: int) -> bool:
    """Move a process that has just been started, with children that it may have by now.

    Return whether all are there; those that are not are paused by signals.
    """
    try:
        cgroup.take(pid)
        for _ in range(_TRIES):
            inside = cgroup.pids() or set()
            outside = [
                row
                for row in descendants(scan(), [pid])
                if row.pid not in inside and not row.zombie
            ]
            if not outside:
                return True
            for row in outside:
                cgroup.take(row.pid)
    except AgentError:  # it has ended, or may not be moved
        return False
    return False


def _find_mount(proc: Path) -> Mount | None:
    """Return where cgroups of version 2 are mounted, be it beside those of version 1."""
    try:
        text = (proc / "self" / "mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        words, _, kind = line.partition(" - ")
        fields = words.split(" ")
        if len(fields) < 6 or kind.split(" ")[0] != "cgroup2":
            continue
        root, path = (_ESCAPED.sub(lambda m: chr(int(m[1], 8)), it) for it in fields[3:5])
        return Mount(root=PurePosixPath(root), path=Path(path))
    return None
