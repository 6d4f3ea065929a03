"""A stand-in for systemd's manager, run as a process of its own on a private bus.

    python fake_systemd.py ADDRESS

It keeps to org.freedesktop.systemd1(5): names, signatures, errors, and to what PID 1 does on a
call. Each line on stdin is a JSON command, answered with a JSON line; it ends with stdin.
"""

import asyncio
from fnmatch import fnmatchcase
import json
import sys
import time
from typing import Any
import uuid

from dbus_fast import Message, MessageType, NameFlag, Variant
from dbus_fast.aio import MessageBus

S = "org.freedesktop.systemd1"
DBUS = "org.freedesktop.DBus.Error"
UNIT_ROOT = "/org/freedesktop/systemd1/unit/"
JOB_ROOT = "/org/freedesktop/systemd1/job/"
ALONG = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo")


SIGNATURES = {
    ("Manager", "LoadUnit"): "s",
    ("Manager", "ListUnitsByPatterns"): "asas",
    ("Manager", "FreezeUnit"): "s",
    ("Manager", "ThawUnit"): "s",
    ("Manager", "StopUnit"): "ss",
    ("Manager", "StartUnit"): "ss",
    ("Manager", "KillUnit"): "ssi",
    ("Properties", "Get"): "ss",
    ("Properties", "GetAll"): "s",
}


class RefusedError(Exception):
    """An error reply."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


def label(name: str) -> str:
    """Escape a name as a part of an object path."""
    if not name:
        return "_"
    return "".join(
        c if c.isascii() and (c.isalpha() or (c.isdigit() and n)) else f"_{ord(c):02x}"
        for n, c in enumerate(name)
    )


def now_us() -> int:
    return time.monotonic_ns() // 1000


FIELDS: dict[str, Any] = {
    "load": "loaded",
    "active": "inactive",
    "sub": "dead",
    "freezer": "running",
    "can_freeze": True,
    "can_start": True,
    "can_stop": True,
    "transient": False,
    "names": [],
    "along": [],
    "oneshot": False,
    "stubborn": False,  # takes its time to stop
    "slow": False,  # takes its time to start
    "fails_on_stop": False,  # such as Java, which ends with 143
    "watchdog_us": 2**64 - 1,  # none
    "forgotten": False,  # is unloaded when it has ended
}


class Unit:
    """A unit; what a test may set is in `FIELDS`."""

    def __init__(self, name: str, fields: dict[str, Any]) -> None:
        self.name = name
        self.invocation = b""
        self.inactive_exit = self.active_exit = self.main_exit = 0
        self.job: tuple[int, str] | None = None
        for key, value in (FIELDS | fields).items():
            setattr(self, key, value)

    @property
    def path(self) -> str:
        return UNIT_ROOT + label(self.name)

    def run(self) -> None:
        """Come up, as a new invocation."""
        self.invocation, self.inactive_exit = uuid.uuid4().bytes, now_us()
        self.active, self.sub = ("activating", "start") if self.oneshot else ("active", "running")

    def exit(self, *, failed: bool) -> None:
        """End: its main process goes first, unless systemd has begun to stop it."""
        self.main_exit = now_us()
        if self.active == "active":
            self.active_exit = now_us()
        self.active, self.sub = ("failed", "failed") if failed else ("inactive", "dead")
        self.job, self.freezer = None, "running"
        if self.forgotten and not failed:
            self.invocation = b""
            self.inactive_exit = self.active_exit = self.main_exit = 0

    def properties(self, *, old: bool) -> dict[str, Variant]:
        """Return the properties of org.freedesktop.systemd1.Unit."""
        found = {
            "Id": Variant("s", self.name),
            "Names": Variant("as", [self.name, *self.names]),
            "LoadState": Variant("s", self.load),
            "ActiveState": Variant("s", self.active),
            "SubState": Variant("s", self.sub),
            "CanStart": Variant("b", self.can_start),
            "CanStop": Variant("b", self.can_stop),
            "Transient": Variant("b", self.transient),
            "InvocationID": Variant("ay", self.invocation),
            "InactiveExitTimestampMonotonic": Variant("t", self.inactive_exit),
            "ActiveExitTimestampMonotonic": Variant("t", self.active_exit),
            "Job": Variant(
                "(uo)", [self.job[0], f"{JOB_ROOT}{self.job[0]}"] if self.job else [0, "/"]
            ),
            **{key: Variant("as", self.along if key == "BoundBy" else []) for key in ALONG},
        }
        if not old:
            found["FreezerState"] = Variant("s", self.freezer)
            found["CanFreeze"] = Variant("b", self.can_freeze)
        return found


class Systemd:
    """The manager."""

    def __init__(self) -> None:
        self.units: dict[str, Unit] = {}
        self.calls: list[list[Any]] = []
        self.denied: dict[str, str] = {}
        self.silent: list[str] = []
        self.late: list[str] = []
        self.old = self.hybrid = False
        self.jobs = 0
        self.waiting: list[Message] = []

    # What tests ask for.

    def command(self, ask: dict[str, Any]) -> Any:
        kind, name = ask.pop("do"), ask.pop("unit", None)
        if name is not None:
            return self.command_unit(kind, name, ask)
        for key, value in ask.items():  # kind "mode"
            setattr(self, key, value)
        if kind == "catch up":
            self.late = []
            for message in self.waiting:
                self.handle(message)
        if kind == "calls":
            calls, self.calls = self.calls, []
            return calls
        return None

    def command_unit(self, kind: str, name: str, ask: dict[str, Any]) -> Any:
        if kind == "add":
            self.units[name] = Unit(name, ask)
            if ask.get("active", "inactive") in {"active", "activating"}:
                self.units[name].run()
            return None
        unit = self.units[name]
        if kind == "set":
            for key, value in ask.items():
                setattr(unit, key, value)
        elif kind == "exit":
            unit.exit(failed=ask.get("failed", False))
        elif kind == "restart":
            unit.exit(failed=False)
            unit.run()
        elif kind == "finish":
            self.finish(unit)
        elif kind == "remove":
            del self.units[name]
        return {"active": unit.active, "sub": unit.sub, "freezer": unit.freezer}

    # What systemd does.

    def finish(self, unit: Unit) -> None:
        """Do the job of a unit that takes its time."""
        kind = unit.job[1] if unit.job else ""
        if unit.active == "deactivating":
            unit.exit(failed=unit.fails_on_stop)
        if kind == "start":
            unit.job = None
            unit.run()
            if unit.oneshot:
                self.enqueue(unit, "start")

    def enqueue(self, unit: Unit, kind: str) -> str:
        self.jobs += 1
        unit.job = (self.jobs, kind)
        return f"{JOB_ROOT}{self.jobs}"

    def find(self, name: str, *, load: bool) -> Unit:
        for unit in self.units.values():
            if name == unit.name or name in unit.names:
                return unit
        if not load:
            raise RefusedError(f"{S}.NoSuchUnit", f"Unit {name} not loaded.")
        return Unit(name, {"load": "not-found"})

    def allow(self, verb: str) -> None:
        if verb in self.denied:
            raise RefusedError(self.denied[verb], "Access denied")

    def manager(self, member: str, body: list[Any]) -> tuple[str, list[Any]]:
        self.calls.append([member, *body])
        if member == "LoadUnit":
            if body[0].startswith("bad "):
                raise RefusedError(f"{DBUS}.InvalidArgs", f"Unit name {body[0]} is not valid.")
            return "o", [self.find(body[0], load=True).path]
        if member == "ListUnitsByPatterns":
            return "a(ssssssouso)", [self.rows(body[0], body[1])]
        if member in {"FreezeUnit", "ThawUnit"} and not self.old:
            return self.freezer(self.find(body[0], load=False), freeze=member == "FreezeUnit")
        if member == "StopUnit":
            return self.stop(self.find(body[0], load=False), body[1])
        if member == "StartUnit":
            return self.start(self.find(body[0], load=True), body[1])
        if member == "KillUnit":
            return self.kill(self.find(body[0], load=False), body[1])
        raise RefusedError(f"{DBUS}.UnknownMethod", f"Unknown method {member}")

    def rows(self, states: list[str], patterns: list[str]) -> list[Any]:
        return [
            [
                unit.name,
                unit.name,
                unit.load,
                unit.active,
                unit.sub,
                "",
                unit.path,
                unit.job[0] if unit.job else 0,
                unit.job[1] if unit.job else "",
                f"{JOB_ROOT}{unit.job[0]}" if unit.job else "/",
            ]
            for unit in self.units.values()
            if not (unit.forgotten and not unit.invocation)
            and (not states or unit.active in states)
            and (not patterns or any(fnmatchcase(unit.name, p) for p in patterns))
        ]

    def freezer(self, unit: Unit, *, freeze: bool) -> tuple[str, list[Any]]:
        self.allow("stop" if freeze else "start")  # the verbs that polkit is asked for
        if self.hybrid:  # systemd before 256 says yes, and does nothing
            return "", []
        if not unit.can_freeze:
            raise RefusedError(
                f"{DBUS}.NotSupported", f"Unit '{unit.name}' does not support freezing."
            )
        if unit.job:
            raise RefusedError(f"{S}.UnitBusy", "Unit has a pending job.")
        if unit.active != "active":
            raise RefusedError(f"{S}.UnitInactive", "Unit is inactive.")
        if freeze:
            unit.freezer = "freezing" if "FreezeUnit" in self.silent else "frozen"
        elif unit.freezer == "frozen-by-parent":
            raise RefusedError(f"{S}.FrozenByParent", "Unit is frozen by a parent slice")
        else:
            unit.freezer = "running"
        return "", []

    def stop(self, unit: Unit, mode: str) -> tuple[str, list[Any]]:
        self.allow("stop")
        if mode == "fail" and unit.job and unit.job[1] == "start":
            raise RefusedError(f"{S}.TransactionIsDestructive", "Transaction is destructive.")
        path = self.enqueue(unit, "stop")
        unit.freezer = "running"  # thawed just before a job is executed
        if unit.active in {"inactive", "failed"}:
            unit.job = None
            return "o", [path]
        if unit.active == "active":
            unit.active_exit = now_us()
        unit.active, unit.sub = "deactivating", "stop-sigterm"
        if not unit.stubborn:
            asyncio.get_running_loop().call_later(0.01, self.finish, unit)
        return "o", [path]

    def start(self, unit: Unit, mode: str) -> tuple[str, list[Any]]:
        if unit.load == "not-found":
            raise RefusedError(f"{S}.NoSuchUnit", f"Unit {unit.name} not found.")
        if unit.load == "masked":
            raise RefusedError(f"{S}.UnitMasked", f"Unit {unit.name} is masked.")
        self.allow("start")
        if mode != "replace":
            raise RefusedError(f"{DBUS}.InvalidArgs", f"Job mode {mode} invalid")
        path = self.enqueue(unit, "start")
        if unit.active in {"inactive", "failed"} and not unit.slow:
            asyncio.get_running_loop().call_later(0.01, self.finish, unit)
        elif unit.active not in {"inactive", "failed", "deactivating"}:
            unit.job = None
        return "o", [path]

    def kill(self, unit: Unit, whom: str) -> tuple[str, list[Any]]:
        self.allow("kill")
        if whom == "main" and unit.active in {"inactive", "failed"}:
            raise RefusedError(f"{S}.NoSuchProcess", "No main process to kill")
        return "", []

    def properties(self, path: str, member: str, body: list[Any]) -> tuple[str, list[Any]]:
        found = self.all_properties(path, body[0])
        if member == "GetAll":
            return "a{sv}", [found]
        if body[1] not in found:
            raise RefusedError(f"{DBUS}.UnknownProperty", f"Unknown property {body[1]}")
        return "v", [found[body[1]]]

    def all_properties(self, path: str, interface: str) -> dict[str, Variant]:
        units = {unit.path: unit for unit in self.units.values()}
        jobs = {f"{JOB_ROOT}{unit.job[0]}": unit.job for unit in units.values() if unit.job}
        if path in jobs and interface == f"{S}.Job":
            return {"JobType": Variant("s", jobs[path][1])}
        if path.startswith(UNIT_ROOT) and interface == f"{S}.Unit":
            unit = units.get(path)
            name = path.removeprefix(UNIT_ROOT)  # any unit is loaded when it is looked at
            return (unit or Unit(unlabel(name), {"load": "not-found"})).properties(old=self.old)
        if path in units and interface == f"{S}.Service" and units[path].name.endswith(".service"):
            return {
                "ExecMainExitTimestampMonotonic": Variant("t", units[path].main_exit),
                "WatchdogUSec": Variant("t", units[path].watchdog_us),
            }
        raise RefusedError(f"{DBUS}.UnknownInterface", f"Unknown interface {interface} at {path}")

    # The wire.

    def handle(self, message: Message) -> Message | bool | None:
        """Answer a call; what is listed as silent gets no answer."""
        if message.message_type is not MessageType.METHOD_CALL or not message.interface:
            return None
        kind = message.interface.rpartition(".")[2]
        wanted = SIGNATURES.get((kind, message.member))
        if wanted != message.signature:
            name = f"{DBUS}.UnknownMethod" if wanted is None else f"{DBUS}.InvalidArgs"
            return Message.new_error(message, name, f"{message.member} takes {wanted}")
        if message.member in self.late:
            self.waiting.append(message)
            return True
        try:
            if kind == "Manager":
                signature, body = self.manager(message.member, message.body)
            else:
                signature, body = self.properties(message.path, message.member, message.body)
        except RefusedError as err:
            return Message.new_error(message, err.name, str(err))
        if message.member in self.silent:
            return True  # done, but never said
        return Message.new_method_return(message, signature, body)


def unlabel(text: str) -> str:
    parts = text.split("_")
    return parts[0] + "".join(chr(int(part[:2], 16)) + part[2:] for part in parts[1:])


async def main(address: str) -> None:
    systemd = Systemd()
    bus = await MessageBus(bus_address=address).connect()
    bus.add_message_handler(systemd.handle)
    await bus.request_name(S, NameFlag.DO_NOT_QUEUE)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    answer("ready")
    while line := await reader.readline():
        answer(systemd.command(json.loads(line)))


def answer(document: Any) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
