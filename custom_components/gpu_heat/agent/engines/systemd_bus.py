"""systemd over D-Bus: calls with a time limit, and what its errors mean."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
import os

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, DBusError

from ..errors import AgentError, ConflictError, UnreachableError
from .systemd_spec import Manager
from .systemd_unit import Unit, unit_from

LIMIT_S = 5.0

_NAME = "org.freedesktop.systemd1"
_PATH = "/org/freedesktop/systemd1"
_MANAGER = f"{_NAME}.Manager"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_DBUS = "org.freedesktop.DBus.Error."
_DENIED = f"{_DBUS}AccessDenied"
_LONGEST = 200

_BROKEN = (OSError, EOFError, ValueError, AuthError, DBusError)
"""What the library raises where a connection fails or ends."""

_UNREACHABLE = frozenset(
    _DBUS + name
    for name in (
        "Disconnected",
        "LimitsExceeded",
        "NameHasNoOwner",
        "NoReply",
        "NoServer",
        "ServiceUnknown",
        "TimedOut",
        "Timeout",
    )
)

_MEANING: Mapping[str, str] = {
    _DENIED: "not permitted; docs/jobs/systemd.md has the rule for polkit",
    _DBUS + "InteractiveAuthorizationRequired": (
        "not permitted; docs/jobs/systemd.md has the rule for polkit"
    ),
    _DBUS + "UnknownMethod": "systemd has to be 246 or newer to freeze units",
    _DBUS + "NotSupported": "systemd cannot freeze it; that takes the unified cgroup hierarchy",
    f"{_NAME}.FrozenByParent": "a slice around it is frozen",
    f"{_NAME}.NoSuchProcess": "it has no main process",
    f"{_NAME}.NoSuchUnit": "systemd knows no such unit",
    f"{_NAME}.OnlyByDependency": "its unit file refuses to be started or stopped by hand",
    f"{_NAME}.TransactionIsDestructive": "systemd is at work on it, or shutting down",
    f"{_NAME}.UnitBusy": "systemd is at work on it",
    f"{_NAME}.UnitInactive": "it does not run",
    f"{_NAME}.UnitMasked": "it is masked",
}


class SystemdBus:
    """One service manager; connects when asked, and anew once the connection has ended.

    Every call raises UnreachableError where the manager does not answer within `LIMIT_S`, and
    ConflictError where it refuses.
    """

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._bus: MessageBus | None = None
        self._end: asyncio.Future[None] | None = None
        self._late = False
        self._connecting = asyncio.Lock()

    async def load(self, name: str) -> Unit:
        """Return a unit by its name, also one that does not run."""
        (path,) = await self._ask(_PATH, _MANAGER, "LoadUnit", "s", [name], about=name)
        return await self.unit(str(path), about=name)

    async def unit(self, path: str, *, about: str) -> Unit:
        """Return the unit at a path."""
        unit = unit_from(path, await self._properties(path, f"{_NAME}.Unit", about))
        if unit.job_path is None:
            return unit
        kind = await self._property(unit.job_path, f"{_NAME}.Job", "JobType", about)
        return unit.with_job(kind if isinstance(kind, str) else None)

    async def with_main_exit(self, unit: Unit) -> Unit:
        """Return a service with the time at which its main process ended."""
        return unit.with_main_exit(await self._service(unit, "ExecMainExitTimestampMonotonic"))

    async def with_watchdog(self, unit: Unit) -> Unit:
        """Return a service with the time that its watchdog waits."""
        return unit.with_watchdog(await self._service(unit, "WatchdogUSec"))

    async def matching(self, patterns: Sequence[str]) -> dict[str, str]:
        """Return the paths of the loaded units whose names fit, by name."""
        body: list[object] = [[], list(patterns)]
        (rows,) = await self._ask(
            _PATH, _MANAGER, "ListUnitsByPatterns", "asas", body, about="units"
        )
        if not isinstance(rows, list):
            return {}
        return {row[0]: row[6] for row in rows if row[2] not in {"not-found", "masked"}}

    async def freeze(self, name: str) -> None:
        """Freeze a unit; returns when it stands still."""
        await self._ask(_PATH, _MANAGER, "FreezeUnit", "s", [name], about=name)

    async def thaw(self, name: str) -> None:
        """Let a frozen unit go on."""
        await self._ask(_PATH, _MANAGER, "ThawUnit", "s", [name], about=name)

    async def stop(self, name: str) -> None:
        """Have a unit stopped; returns when systemd has taken that up."""
        await self._ask(_PATH, _MANAGER, "StopUnit", "ss", [name, "replace"], about=name)

    async def start(self, name: str) -> None:
        """Have a unit started; returns when systemd has taken that up."""
        await self._ask(_PATH, _MANAGER, "StartUnit", "ss", [name, "replace"], about=name)

    async def kill(self, name: str, signum: int) -> None:
        """Send a signal to the main process of a unit."""
        await self._ask(_PATH, _MANAGER, "KillUnit", "ssi", [name, "main", signum], about=name)

    def refresh(self) -> None:
        """End a connection over which an answer is overdue; only while no call is under way."""
        if self._late:
            self.close()

    def close(self) -> None:
        """End the connection; the next call makes another."""
        self._late = False
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()

    async def _service(self, unit: Unit, key: str) -> int:
        """Return a number that only services have, else 0."""
        if not unit.name.endswith(".service"):
            return 0
        value = await self._property(unit.path, f"{_NAME}.Service", key, unit.name)
        return value if isinstance(value, int) else 0

    async def _properties(self, path: str, interface: str, about: str) -> dict[str, object]:
        (found,) = await self._ask(path, _PROPERTIES, "GetAll", "s", [interface], about=about)
        if not isinstance(found, dict):
            return {}
        return {key: _plain(value) for key, value in found.items()}

    async def _property(self, path: str, interface: str, key: str, about: str) -> object:
        """Return one property, None if the object is gone or has no such property."""
        try:
            (value,) = await self._ask(
                path, _PROPERTIES, "Get", "ss", [interface, key], about=about
            )
        except ConflictError:
            return None
        return _plain(value)

    async def _ask(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str,
        body: list[object],
        *,
        about: str,
    ) -> list[object]:
        message = Message(
            destination=_NAME,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                bus = await self._connected()
                reply = await bus.call(message)
        except TimeoutError as err:
            self._late = True
            raise UnreachableError(f"systemd does not answer within {LIMIT_S:g} s") from err
        except _BROKEN as err:
            self.close()
            raise UnreachableError(
                f"systemd does not answer: {_short(str(err) or type(err).__name__)}"
            ) from err
        if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
            raise _fault(reply, about)
        return list(reply.body) or [None]

    async def _connected(self) -> MessageBus:
        async with self._connecting:
            for _ in range(2):  # that the bus has hung up is noticed by the loop alone
                await asyncio.sleep(0)
            if self._bus is None or not self._bus.connected:
                self.close()
                self._bus = await _connect(self._manager)
                self._end = asyncio.ensure_future(_ended(self._bus))
            return self._bus


async def _ended(bus: MessageBus) -> None:
    """Wait for the end of a connection, so that what ended it is not logged as never caught."""
    with suppress(*_BROKEN):
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]


async def _connect(manager: Manager) -> MessageBus:
    if manager is Manager.SYSTEM:
        return await MessageBus(bus_type=BusType.SYSTEM).connect()
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    folder = os.environ.get("XDG_RUNTIME_DIR")
    if not address and not folder:
        raise ValueError("neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
    return await MessageBus(bus_address=address or f"unix:path={folder}/bus").connect()


def _fault(reply: Message | None, about: str) -> AgentError:
    """Return what an error means, in words."""
    name = str(reply.error_name) if reply is not None else "no reply"
    told = str(reply.body[0]) if reply is not None and reply.body else ""
    if reply is None or name in _UNREACHABLE or name.startswith(f"{_DBUS}Spawn."):
        return UnreachableError(f"systemd does not answer: {_short(told or name)}")
    meaning = _MEANING.get(name)
    if name == _DENIED and reply.sender == "org.freedesktop.DBus":  # it never came to systemd
        meaning = "not permitted by the bus; docs/jobs/systemd.md has the rule for D-Bus"
    return ConflictError(f"{about}: {meaning or _short(f'{told} ({name})')}")


def _plain(value: object) -> object:
    return value.value if isinstance(value, Variant) else value


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
