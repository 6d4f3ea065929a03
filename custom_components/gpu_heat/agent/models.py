"""The snapshot: what every source of heat returns, and what the agent serves.

SI units, named in each field. A value that is not known is None, never 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import partial
import math
from types import UnionType
from typing import Any, TypeVar, get_args


class SnapshotError(ValueError):
    """A document is not a snapshot; the message names the field."""


class Vendor(StrEnum):
    """Who made a device."""

    NVIDIA = "nvidia"
    AMD = "amd"
    INTEL = "intel"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "Vendor":
        return cls.OTHER


class EnergyOrigin(StrEnum):
    """Where a device's energy comes from: its own counter, or power summed over time."""

    COUNTER = "counter"
    INTEGRATED = "integrated"


class HostOrigin(StrEnum):
    """How the power of the whole machine is known."""

    WALL = "wall"
    IPMI = "ipmi"
    RAPL = "rapl"
    ESTIMATE = "estimate"
    NONE = "none"


class JobState(StrEnum):
    """The state of a job as its engine tells it."""

    RUNNING = "running"
    PAUSED = "paused"
    QUEUED = "queued"
    FINISHED = "finished"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "JobState":
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentInfo:
    """Who answered. `id` is made once, together with the energy counters' state file."""

    id: str
    name: str
    version: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One GPU or other accelerator; `id` is its UUID, `utilization` a fraction 0 to 1.

    `power_limit_settable` tells that whoever reads it may set its power limit as well.
    """

    id: str
    vendor: Vendor
    name: str
    index: int
    power_w: float | None = None
    energy_j: float | None = None
    energy_origin: EnergyOrigin = EnergyOrigin.INTEGRATED
    temperature_c: float | None = None
    memory_temperature_c: float | None = None
    utilization: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    power_limit_w: float | None = None
    power_limit_min_w: float | None = None
    power_limit_max_w: float | None = None
    throttle_reasons: tuple[str, ...] = ()
    power_limit_settable: bool = False

    @property
    def host(self) -> str | None:
        """The machine that it is in, where one source reads several: the id begins with it."""
        return self.id.rpartition("/")[0] or None

    @property
    def measured(self) -> bool:
        """Whether this device's power has ever been readable."""
        return self.power_w is not None or self.energy_j is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The whole machine, at the wall if `origin` says so."""

    power_w: float | None = None
    energy_j: float | None = None
    origin: HostOrigin = HostOrigin.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A flexible batch job that its owner has listed as controllable, or a group of such jobs.

    A group stands for all jobs of an engine that fit it: `members` counts those, and each of
    them is a job too, whose `group` is the group's id. `paused_by_us` while the state is not
    "paused" yet: the engine is still to agree. `devices` are the ids of the GPUs that it uses,
    empty if not known. `frees_gpu` and `keeps_work` say what a pause does: whether it lets go
    of the GPU, and whether the job goes on where it stood. `error` is why the last thing that
    was asked of it failed, or why it cannot be paused.
    """

    id: str
    name: str
    kind: str
    state: JobState
    paused_by_us: bool = False
    lease_expires_at: datetime | None = None
    reason: str | None = None
    remaining_s: float | None = None
    deadline: datetime | None = None
    can_pause: bool = True
    group: str | None = None
    members: int | None = None
    devices: tuple[str, ...] = ()
    frees_gpu: bool | None = None
    keeps_work: bool | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a source knows at one moment."""

    agent: AgentInfo
    taken_at: datetime
    devices: tuple[Device, ...] = ()
    host: Host = Host()
    jobs: tuple[Job, ...] = ()

    @property
    def power_w(self) -> float | None:
        """Power of the source in W: of the whole host where known, else of its devices.

        None while a device that has been measured before does not answer: a sum
        without it would be too small. Devices that never had a reading do not count.
        """
        if self.host.origin is not HostOrigin.NONE:
            return self.host.power_w
        powers = [device.power_w for device in self.devices if device.measured]
        if not powers or None in powers:
            return None
        return sum(power for power in powers if power is not None)


def to_json(value: Snapshot | Device | Job) -> dict[str, Any]:
    """Return the JSON document of a snapshot or a part of it."""
    return {key: _plain(item) for key, item in asdict(value).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def snapshot_from_json(document: object) -> Snapshot:
    """Read a snapshot; fields that this version does not know are ignored.

    Raises SnapshotError where a field is missing, of the wrong type or not finite.
    """
    top = _object(document, "snapshot")
    return Snapshot(
        agent=_part(AgentInfo, top.get("agent"), "agent"),
        taken_at=_taken_at(top.get("taken_at")),
        devices=_parts(Device, top, "devices"),
        host=_part(Host, top.get("host"), "host"),
        jobs=_parts(Job, top, "jobs"),
    )


def job_from_json(document: object) -> Job:
    """Read one job, as the pause and resume calls answer it. Raises SnapshotError."""
    return _part(Job, document, "job")


def device_from_json(document: object) -> Device:
    """Read one device, as the call that sets a power limit answers it. Raises SnapshotError."""
    return _part(Device, document, "device")


_Part = TypeVar("_Part", AgentInfo, Device, Host, Job)
_Listed = TypeVar("_Listed", Device, Job)


def _parts(kind: type[_Listed], top: Mapping[str, Any], key: str) -> tuple[_Listed, ...]:
    items = top.get(key)
    if not isinstance(items, list):
        raise SnapshotError(f"{key} is not a list")
    parts = tuple(_part(kind, item, f"{key}[{number}]") for number, item in enumerate(items))
    if len({part.id for part in parts}) < len(parts):
        raise SnapshotError(f"{key} has the same id twice")
    return parts


def _part(kind: type[_Part], document: object, path: str) -> _Part:
    """Build one dataclass from a JSON object; null stands for a value that is not known."""
    source = _object(document, path)
    values: dict[str, Any] = {}
    for name, read, required in _FIELDS[kind]:
        value = source.get(name)
        if value is not None:
            try:
                values[name] = read(value)
            except _UnfitError as err:
                raise SnapshotError(f"{path}.{name} {err}") from err
        elif required:
            raise SnapshotError(f"{path}.{name} is missing")
    return kind(**values)


class _UnfitError(ValueError):
    """A value is not of its field; the message says what it is instead."""


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _UnfitError("is of the wrong type")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _UnfitError("is not a finite float")
    return number


def _int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _UnfitError("is of the wrong type")
    try:
        whole = float(value).is_integer()  # an infinity and NaN are not
    except OverflowError:
        whole = False
    if not whole:
        raise _UnfitError("is not a finite int")
    return int(value)


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _UnfitError("is of the wrong type")
    return value


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise _UnfitError("is of the wrong type")
    return value


def _strs(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _UnfitError("is of the wrong type")
    return tuple(str(item) for item in value)


def _moment(value: object) -> datetime:
    """Read an ISO 8601 moment; one without an offset is refused, as it could be any zone's."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _UnfitError("is not a moment with an offset")
    return moment


def _one_of(kind: type[StrEnum], value: object) -> StrEnum:
    try:
        return kind(str(value))
    except ValueError as err:
        raise _UnfitError(f"is {value!r}") from err


_READERS: Mapping[Any, Callable[[object], object]] = {
    float: _float,
    int: _int,
    bool: _bool,
    str: _str,
    tuple[str, ...]: _strs,
    datetime: _moment,
    **{kind: partial(_one_of, kind) for kind in (Vendor, EnergyOrigin, HostOrigin, JobState)},
}


def _fields_of(kind: type) -> list[tuple[str, Callable[[object], object], bool]]:
    """Return name and reader of each field, and whether it has to be there."""
    found = []
    for field in fields(kind):
        nullable = isinstance(field.type, UnionType)
        wanted = get_args(field.type)[0] if nullable else field.type
        required = not nullable and field.default is MISSING
        found.append((field.name, _READERS[wanted], required))
    return found


_FIELDS = {kind: _fields_of(kind) for kind in (AgentInfo, Device, Host, Job)}  # read at each poll


def _object(document: object, path: str) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise SnapshotError(f"{path} is not an object")
    return document


def _taken_at(value: object) -> datetime:
    try:
        return _moment(value)
    except _UnfitError as err:
        raise SnapshotError(f"taken_at {err}") from err
