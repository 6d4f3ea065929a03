"""The process table: who belongs to a job, and signals that cannot hit a stranger."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import errno
import os
import signal

from ..clock import boot_id
from ..errors import AgentError, ConflictError, UnreachableError
from ..state import JsonObject

NOT_TO_BE_SEEN = (FileNotFoundError, ProcessLookupError, PermissionError)
"""What is raised of a process that has ended, or that is hidden from us."""

_PROC = "/proc"
_CHUNK = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One process and no other: a PID comes again, together with its start it does not."""

    pid: int
    start: str
    boot_id: str

    def to_json(self) -> JsonObject:
        """Return what `identity_from_json` reads."""
        return {"pid": self.pid, "start": self.start, "boot_id": self.boot_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the process table."""

    identity: Identity
    parent: int
    group: int
    session: int
    stopped: bool
    zombie: bool

    @property
    def pid(self) -> int:
        """The process id."""
        return self.identity.pid


def identity_from_json(document: object) -> Identity | None:
    """Read an identity; anything else is None."""
    if not isinstance(document, dict):
        return None
    pid, start, boot = (document.get(key) for key in ("pid", "start", "boot_id"))
    if isinstance(pid, int) and pid > 1 and isinstance(start, str) and isinstance(boot, str):
        return Identity(pid=pid, start=start, boot_id=boot)
    return None


def scan() -> dict[int, Row]:
    """Return all processes by PID. Raises UnreachableError."""
    rows = {}
    with _reading(), os.scandir(_PROC) as entries:
        boot = boot_id()
        for entry in entries:
            if entry.name.isdecimal() and (row := _proc_row(int(entry.name), boot)) is not None:
                rows[row.pid] = row
    return rows


def look_at(identities: Sequence[Identity]) -> dict[int, Row]:
    """Return those of some processes that are still there. Raises UnreachableError."""
    with _reading():
        boot = boot_id()
        found = {it.pid: row for it in identities if (row := _proc_row(it.pid, boot)) is not None}
    return {it.pid: found[it.pid] for it in identities if find(found, it) is not None}


def find(rows: Mapping[int, Row], identity: Identity | None) -> Row | None:
    """Return the row of exactly this process if it is still there."""
    row = rows.get(identity.pid) if identity is not None else None
    return row if row is not None and row.identity == identity else None


def descendants(rows: Mapping[int, Row], roots: Iterable[int]) -> list[Row]:
    """Return the roots that exist and all that came from them, parents first."""
    children: dict[int, list[Row]] = {}
    for row in rows.values():
        children.setdefault(row.parent, []).append(row)
    found: dict[int, Row] = {}
    waiting = [rows[pid] for pid in roots if pid in rows]
    for row in waiting:  # grows while it is walked
        if row.pid not in found:
            found[row.pid] = row
            waiting.extend(children.get(row.pid, ()))
    return list(found.values())


def ancestors(rows: Mapping[int, Row], pid: int) -> set[int]:
    """Return the PID with those of its parent, its parent's parent, and so on."""
    above: set[int] = set()
    while pid not in above and (row := rows.get(pid)) is not None:
        above.add(pid)
        pid = row.parent
    return above


def identify(pid: int) -> Identity | None:
    """Return the identity of the process that has this PID now. Raises UnreachableError."""
    with _reading():
        row = _proc_row(pid, boot_id())
    return None if row is None else row.identity


def has_variable(pid: int, name: str, value: str) -> bool:
    """Return whether a process began with this in its environment. Raises UnreachableError."""
    try:
        with _reading():
            text = _read(f"{_PROC}/{pid}/environ")
    except NOT_TO_BE_SEEN:
        return False
    return os.fsencode(f"{name}={value}") in text.split(b"\0")


def send(identity: Identity, signum: signal.Signals) -> bool:
    """Signal exactly this process; False where it has ended.

    Where the system has them, a file descriptor of the process closes the gap between
    looking and signalling, in which the PID could change hands.

    Raises PermissionError, UnreachableError.
    """
    try:
        with _reading():
            fd = _open_pidfd(identity.pid)
        try:
            if identify(identity.pid) != identity:
                return False
            if fd is None:
                os.kill(identity.pid, signum)
            else:
                signal.pidfd_send_signal(fd, signum)
        finally:
            if fd is not None:
                os.close(fd)
    except ProcessLookupError:
        return False
    return True


def send_all(rows: Iterable[Row], signum: signal.Signals) -> None:
    """Signal all that can be; one that cannot does not keep the signal from the others.

    Raises ConflictError, UnreachableError; then all the others have it.
    """
    failed: AgentError | None = None
    for row in rows:
        try:
            send(row.identity, signum)
        except PermissionError:
            failed = ConflictError(f"process {row.pid} belongs to another user")
        except UnreachableError as err:
            failed = err
    if failed is not None:
        raise failed


def _open_pidfd(pid: int) -> int | None:
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError as err:
        if err.errno in {errno.ENOSYS, errno.EPERM}:  # Linux before 5.3, or a sandbox
            return None
        raise


@contextmanager
def _reading() -> Generator[None]:
    """Translate what says nothing about a process, such as too many open files."""
    try:
        yield
    except NOT_TO_BE_SEEN:
        raise
    except OSError as err:
        raise UnreachableError(f"the processes cannot be seen: {err.strerror}") from err


def _read(path: str) -> bytes:
    """Read a file of /proc in as few calls as can be: a pause waits for hundreds of them."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = part = os.read(fd, _CHUNK)
        while len(part) == _CHUNK:  # one that is shorter is the last
            part = os.read(fd, _CHUNK)
            text += part
        return text
    finally:
        os.close(fd)


def _proc_row(pid: int, boot: str) -> Row | None:
    """Read /proc/PID/stat; the name in it may itself hold blanks and parentheses."""
    try:
        text = _read(f"{_PROC}/{pid}/stat")
    except NOT_TO_BE_SEEN:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    state = fields[0].decode()
    return Row(
        identity=Identity(pid=pid, start=fields[19].decode(), boot_id=boot),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        stopped=state == "T",
        zombie=state in {"Z", "X"},
    )
