"""What the config says of a job that is a unit of systemd, and which units are never touched."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
import re
from typing import ClassVar

from ..job_config import JobSpec
from ..toml_table import Table

OWN_CGROUP = Path("/proc/self/cgroup")

_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,240}\.(service|scope|slice)")
_PATTERN = re.compile(r"[A-Za-z0-9:_.\\@*?-]{1,240}\.(service|scope|slice)")
_WILD = re.compile(r"[*?]")
_LITERAL = 3
_UNITS = (".service", ".scope", ".slice")

_NEVER = frozenset(
    {
        "-.slice",
        "NetworkManager.service",
        "dbus.service",
        "display-manager.service",
        "emergency.service",
        "gpu-heat-agent.service",
        "init.scope",
        "iscsid.service",
        "machine.slice",
        "multipathd.service",
        "networking.service",
        "polkit.service",
        "polkitd.service",
        "rescue.service",
        "rpcbind.service",
        "ssh.service",
        "sshd.service",
        "system.slice",
        "user.slice",
    }
)
"""What stops the machine, or keeps us and everyone else from it, when it stops."""

_NEVER_LIKE = (
    ("dbus-:", ".service"),
    ("dbus-broker", ".service"),
    ("dbus-org.freedesktop.", ".service"),
    ("getty@", ".service"),
    ("serial-getty@", ".service"),
    ("ssh@", ".service"),
    ("sshd@", ".service"),
    ("sshd-", ".service"),
    ("systemd-", ".service"),
    ("user-", ".slice"),
    ("user@", ".service"),
)
"""As above, by how their names begin and end."""


class Verb(StrEnum):
    """How a unit is paused: by its cgroup's freezer, or by ending it."""

    FREEZE = "freeze"
    STOP = "stop"


class Manager(StrEnum):
    """Whose units: those of the machine, or those of the user that the agent runs as."""

    SYSTEM = "system"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdSpec(JobSpec):
    """One unit, or all that fit `units`, names and patterns; exactly one of the two is given."""

    unit: str | None = None
    units: tuple[str, ...] = ()
    pause: Verb = Verb.FREEZE
    manager: Manager = Manager.SYSTEM

    @property
    def group(self) -> bool:
        """Whether it stands for any number of units."""
        return self.unit is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec(SystemdSpec):
    """Services alone: they have a main process, and can be stopped and started again."""

    can_signal: ClassVar[bool] = True
    can_free: ClassVar[bool] = True


def read_spec(table: Table, job_id: str, folder: Path) -> SystemdSpec:
    """Take the keys of a unit. Raises UsageError."""
    unit, units = table.string("unit"), table.strings("units")
    if (unit is None) == (units is None) or units == ():
        raise table.fault("unit", f'give job "{job_id}" either a unit or a list of units')
    own = own_units()
    if unit is not None:
        _check(table, "unit", unit, own, pattern=False)
    for name in units or ():
        _check(table, "units", name, own, pattern=True)
    services = all(name.endswith(".service") for name in units or (unit or "",))
    spec = (ServiceSpec if services else SystemdSpec)(
        unit=unit,
        units=units or (),
        pause=table.choice("pause", Verb, Verb.FREEZE),
        manager=table.choice("manager", Manager, Manager.SYSTEM),
    )
    if spec.pause is Verb.STOP and not spec.can_free:
        raise table.fault("pause", 'only a .service can be started again; write "freeze"')
    return spec


def never(names: Iterable[str], own: frozenset[str]) -> str | None:
    """Return why a unit with these names is never touched, None if it may be."""
    for name in names:
        if name in own:
            return f"the agent itself runs in {name}"
        if name in _NEVER or any(name.startswith(a) and name.endswith(z) for a, z in _NEVER_LIKE):
            return f"without {name} this machine may be lost"
    return None


def own_units(path: Path | None = None) -> frozenset[str]:
    """Return the units that this process runs in: its own, and the slices around it."""
    try:
        text = (path or OWN_CGROUP).read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return frozenset()
    parts = (part for line in text.splitlines() for part in line.split(":", 2)[-1].split("/"))
    return frozenset(part for part in parts if part.endswith(_UNITS))


def _check(table: Table, key: str, name: str, own: frozenset[str], *, pattern: bool) -> None:
    if not name.endswith(_UNITS):
        raise table.fault(key, f'write "{name}" with its end: .service, .scope or .slice')
    if not (_PATTERN if pattern else _NAME).fullmatch(name):
        text = '; for a pattern write units = ["..."]' if _WILD.search(name) else ""
        raise table.fault(key, f'"{name}" is no name of a unit{text}')
    stem = name.rpartition(".")[0]
    if stem.endswith("@"):
        raise table.fault(key, f'"{name}" is a template; write one of its units, or "{stem}*..."')
    wild = _WILD.search(stem)
    if wild is None:
        why = never((name,), own)
    elif wild.start() < _LITERAL:
        raise table.fault(key, f'"{name}" fits too much; begin with {_LITERAL} letters or more')
    else:
        why = _overlap(stem[: wild.start()], name[len(stem) :], own)
    if why is not None:
        raise table.fault(key, f'"{name}" cannot be listed: {why}')


def _overlap(begin: str, end: str, own: frozenset[str]) -> str | None:
    """Return why a pattern could fit what is never touched, by how it begins and ends."""
    for known in sorted(_NEVER | own):
        if known.startswith(begin) and known.endswith(end):
            return f"it could fit {known}"
    for first, last in _NEVER_LIKE:
        if end == last and (first.startswith(begin) or begin.startswith(first)):
            return f"it could fit {first}*{last}"
    return None
