"""The agent's state folder: its lock, what is made there once, and the state file."""

from collections.abc import Callable
from contextlib import suppress
import logging
import os
from pathlib import Path
import re
import secrets
import sys
import threading
import time

from .errors import UnreachableError, UsageError
from .file_lock import AGENT_LOCK, GUARD_LOCK, FileLock, is_claimed
from .state import State, StateError, dump_state, new_state, parse_state

_LOGGER = logging.getLogger(__name__)

_GUARD_PATIENCE_S = 10.0
_LOCK_PATIENCE_S = 1.0
_STEP_S = 0.05
_TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,}")


class StateDir:
    """The folder; made with mode 0700 where it is not there. Raises UsageError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: FileLock | None = None
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = path.stat()
        except OSError as err:
            raise _unusable(path, err) from err
        if sys.platform != "win32":  # there an access list says it, which install-agent.md sets
            _check_private(path, status, os.geteuid())

    def lock(self) -> None:
        """Claim the folder for this process; two agents must not share one.

        A guard, which has the folder while it lets jobs go on, is waited for. Raises UsageError,
        and UnreachableError where it may be a guard that takes long: starting again may help.
        """
        began_s = time.monotonic()
        while self._lock is None:
            try:
                self._lock = FileLock(self.path / AGENT_LOCK)
            except BlockingIOError as err:
                guarded = is_claimed(self.path / GUARD_LOCK)
                patience_s = _GUARD_PATIENCE_S if guarded else _LOCK_PATIENCE_S
                if time.monotonic() - began_s > patience_s:
                    raise (UnreachableError if guarded else UsageError)(
                        f"{self.path}: another agent is using this folder; "
                        "stop it or give --state-dir"
                    ) from err
                time.sleep(_STEP_S)
            except OSError as err:
                raise _unusable(self.path, err) from err

    def unlock(self) -> None:
        """Let another process have the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def token(self) -> str:
        """Return the API token, made at the first call."""
        path = self.path / "token"
        try:
            self.keep_secret(path.name, _new_token)
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as err:
            raise UsageError(f"{path}: cannot be used ({err}); correct or remove it") from err
        if not _TOKEN.fullmatch(token):
            raise UsageError(f"{path}: does not hold a token; remove it to have one made")
        return token

    def open_store(self) -> "Store":
        """Read the state file; one that cannot be read is set aside, not overwritten."""
        path = self.path / "state.json"
        try:
            state = parse_state(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            state = new_state()
        except (StateError, UnicodeDecodeError) as err:
            aside = path.with_name(f"state.json.corrupt-{int(time.time())}")
            path.rename(aside)
            state = new_state()
            _LOGGER.warning("State file set aside as %s (%s); counting starts anew", aside, err)
        except OSError as err:
            raise _unusable(path, err) from err
        store = Store(path, state)
        try:
            store.update(lambda same: same)
        except OSError as err:
            raise _unusable(path, err) from err
        return store

    def keep(self, name: str, make: Callable[[], str]) -> Path:
        """Return the path of a file that is made, whole, where it is not there yet.

        Of two that are made at once the first one stays. Raises OSError.
        """
        path = self.path / name
        if path.exists():
            return path
        made = path.with_name(f".{name}-{secrets.token_hex(8)}")
        try:
            _write(made, make())
            with suppress(FileExistsError):
                path.hardlink_to(made)
        finally:
            made.unlink(missing_ok=True)
        _sync_folder(self.path)
        return path

    def keep_secret(self, name: str, make: Callable[[], str]) -> Path:
        """Do as `keep`, and see to it that the owner alone can read the file. Raises OSError."""
        path = self.keep(name, make)
        if sys.platform != "win32" and path.stat().st_mode & 0o077:
            _LOGGER.warning("Others could read %s; its mode is 0600 again", path)
            path.chmod(0o600)
        return path


class Store:
    """The state, in memory and on the disk; safe to use from several threads."""

    def __init__(self, path: Path, state: State) -> None:
        self._path = path
        self._state = state
        self._lock = threading.Lock()
        self._on_pause: Callable[[], None] | None = None

    @property
    def state(self) -> State:
        """The last state that is on the disk."""
        return self._state

    def watch(self, on_pause: Callable[[], None]) -> None:
        """Have this called now and after each writing, while a pause holds something back."""
        self._on_pause = on_pause
        self._tell(self._state)

    def update(self, change: Callable[[State], State]) -> State:
        """Write the changed state, then return it. Raises OSError; then nothing changed."""
        with self._lock:
            state = change(self._state)
            partial = self._path.with_suffix(".tmp")
            _write(partial, dump_state(state))
            partial.replace(self._path)
            _sync_folder(self._path.parent)
            self._state = state
        self._tell(state)
        return state

    def _tell(self, state: State) -> None:
        if self._on_pause is not None and any(
            record.pause is not None and record.pause.undo for record in state.jobs.values()
        ):
            self._on_pause()


def _check_private(path: Path, status: os.stat_result, user: int) -> None:
    """Refuse a folder in which others could put a token or what is said of a process."""
    if status.st_uid != user:
        remedy = "run as that user, chown it or give another folder with --state-dir"
        raise UsageError(f"{path}: belongs to user {status.st_uid}, not {user}; {remedy}")
    if status.st_mode & 0o022:
        remedy = f"chmod go-w {path} or give another folder with --state-dir"
        raise UsageError(f"{path}: others may write into it; {remedy}")


def _new_token() -> str:
    return secrets.token_urlsafe(_TOKEN_BYTES) + "\n"


def _write(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if sys.platform != "win32":  # which opens no folders
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _unusable(path: Path, err: OSError) -> UsageError:
    return UsageError(f"{path}: {err.strerror}; give a folder that can be written with --state-dir")
