"""A page of metrics as what it tells of: GPUs, and meters of the machines that they are in. Pure.

Each thing has one reading of each quantity: that of the series which its exporter's dialect
prefers. A GPU that several exporters tell of on one page counts once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
import re

from ..agent.models import Device, HostOrigin, Vendor
from ..agent.readers import DeviceReading
from . import NotASourceError
from .dialects import HOST_LABELS, CustomRow, Dialect, Quantity, Scope
from .exposition import Sample, describe, read_samples
from .gpu_dialects import GPU_DIALECTS
from .host_dialects import HOST_DIALECTS
from .vocabulary import Infos, Meaning, Vocabulary, si_value

_UNAME = "node_uname_info"
_PORT = re.compile(r":\d+\Z")
_NUMBER = re.compile(r"\D*(\d{1,6})")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SURE_UUID = re.compile(f".*{_UUID.pattern}.*", re.IGNORECASE | re.DOTALL)
_VENDORS = {
    Vendor.NVIDIA: re.compile("nvidia|geforce|tesla", re.IGNORECASE),
    Vendor.AMD: re.compile(r"amd|radeon|instinct", re.IGNORECASE),
    Vendor.INTEL: re.compile(r"intel|\bi915\b|\bxe\b", re.IGNORECASE),
}
_NAMELESS = {
    Vendor.NVIDIA: "NVIDIA GPU",
    Vendor.AMD: "AMD GPU",
    Vendor.INTEL: "Intel GPU",
    Vendor.OTHER: "GPU",
}
# What an instance of a card repeats of the whole card; its memory and load are its own.
_OF_THE_WHOLE = frozenset(
    {
        Quantity.POWER,
        Quantity.ENERGY,
        Quantity.TEMPERATURE,
        Quantity.MEMORY_TEMPERATURE,
        Quantity.POWER_LIMIT,
        Quantity.POWER_LIMIT_MIN,
        Quantity.POWER_LIMIT_MAX,
    }
)
_WHOLE_ORIGINS = frozenset(set(HostOrigin) - {HostOrigin.NONE})
_KNOWN = Vocabulary((*GPU_DIALECTS, *HOST_DIALECTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReading:
    """A meter of a machine's processors or memory now, or of the `whole` machine."""

    id: str
    host: str
    whole: bool
    origin: HostOrigin
    power_w: float | None
    counter_j: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page tells. `dialects` and `hosts` are the names of what was found on it."""

    devices: tuple[DeviceReading, ...]
    parts: tuple[PartReading, ...]
    dialects: tuple[str, ...]
    hosts: tuple[str, ...]


def read_page(page: bytes, *, fleet: bool = False, custom: CustomRow | None = None) -> Page:
    """Read a page in the dialects that are known, or for the one metric of `custom`.

    In a fleet ids are "host/UUID"; else all is of one machine. A device without a UUID is
    known by its exporter and place. Raises NotASourceError where nothing is told, or where
    things of several machines cannot be told apart.
    """
    vocabulary = Vocabulary((custom.dialect,)) if custom else _KNOWN
    samples = read_samples(page, lambda name: name == _UNAME or vocabulary.wants(name))
    things = _counted(_things(samples, vocabulary, fleet=fleet))
    if not things:
        raise NotASourceError(describe(page, custom.metric if custom else "a known exporter"))
    return Page(
        devices=_devices([thing for thing in things if thing.dialect.scope is Scope.DEVICE]),
        parts=tuple(_part(thing) for thing in things if thing.dialect.scope is not Scope.DEVICE),
        dialects=tuple(dict.fromkeys(thing.dialect.name for thing in things)),
        hosts=tuple(sorted({host for thing in things for host in thing.hosts if host})),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A sample that may tell a quantity; the smallest `order` is the preferred one."""

    order: tuple[bool, int, bool, str]
    host: str
    labels: tuple[tuple[str, str], ...]
    value: float | None


@dataclass(slots=True, kw_only=True)
class _Thing:
    """A device or a meter, with all that a dialect may tell of it."""

    place: int
    dialect: Dialect
    host: str
    uuid: str
    key: str
    hosts: set[str] = field(default_factory=set)
    candidates: dict[Quantity, list[_Candidate]] = field(default_factory=dict)
    labels: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The id, whose last "/" stands behind the host."""
        key = self.key.replace("%", "%25").replace("/", "%2F")
        return f"{self.host}/{key}" if self.host else key

    def read(self, quantity: Quantity) -> float | None:
        """Return the preferred value that is known, in SI units. Raises NotASourceError."""
        candidates = sorted(
            self.candidates.get(quantity, ()), key=lambda item: (item.order, item.labels)
        )
        for _, group in groupby(candidates, key=lambda item: item.order):
            same = list(group)
            if not self.host and len({item.host for item in same if item.host}) > 1:
                raise NotASourceError(f"several machines have a {self.key}: read it as a fleet")
            values = [item.value for item in same if item.value is not None]
            if self.dialect.single and len(set(values)) > 1:
                raise NotASourceError(f"several series for {self.key}: another label is needed")
            if values:
                return values[0]
        return None

    def text(self, labels: Sequence[str]) -> str:
        """Return what the first of some labels says on any sample, the least if several do."""
        for label in labels:
            if found := {text for sample in self.labels if (text := sample.get(label))}:
                return min(found)
        return ""

    @property
    def vendor(self) -> Vendor:
        """Who made the device, as far as its exporter, its vendor or its name tells."""
        if self.dialect.vendor:
            return self.dialect.vendor
        text = f"{self.text(['vendor'])} {self.text(self.dialect.title)}"
        for vendor, pattern in _VENDORS.items():
            if pattern.search(text):
                return vendor
        return Vendor.OTHER

    @property
    def index(self) -> int | None:
        """The number that its exporter gives it."""
        found = _NUMBER.fullmatch(self.text(self.dialect.index))
        return int(found[1]) if found else None


def _things(samples: Iterable[Sample], vocabulary: Vocabulary, *, fleet: bool) -> Iterable[_Thing]:
    aliases = _aliases(samples)
    infos = Infos(vocabulary.joins)
    for sample in samples:
        if sample.name in vocabulary.joins:
            infos.add(_host(sample.labels, HOST_LABELS, aliases), sample)
    things: dict[tuple[int, str, str], _Thing] = {}
    for sample in samples:
        for meaning in vocabulary.meanings(sample.name):
            host = _host(sample.labels, meaning.dialect.hosts, aliases)
            joined = infos.joined(meaning.dialect.join, host, sample.labels)
            labels = next((item for item in joined if vocabulary.accepts(meaning, item)), None)
            part = labels is not None and bool(labels.get(meaning.dialect.instance_of))
            if labels is None or (part and meaning.quantity not in _OF_THE_WHOLE):
                continue
            uuid = _uuid(meaning.dialect, labels)
            key = uuid or _key(meaning.dialect, labels)
            place = (meaning.place, host if fleet else "", key)
            if (thing := things.get(place)) is None:
                thing = things[place] = _Thing(
                    place=meaning.place,
                    dialect=meaning.dialect,
                    host=host if fleet else "",
                    uuid=uuid,
                    key=key,
                )
            thing.hosts.add(host)
            thing.labels.append(labels)
            thing.candidates.setdefault(meaning.quantity, []).append(
                _candidate(meaning, sample, host, part=part)
            )
    return things.values()


def _candidate(meaning: Meaning, sample: Sample, host: str, *, part: bool) -> _Candidate:
    return _Candidate(
        order=(part, meaning.rank, sample.name != meaning.series.name, sample.name),
        host=host,
        labels=tuple(sample.labels.items()),
        value=si_value(meaning.dialect, meaning.quantity, sample.value),
    )


def _aliases(samples: Iterable[Sample]) -> Mapping[str, str]:
    """Return the names of machines by their addresses, as node_exporter tells them."""
    labels = [sample.labels for sample in samples if sample.name == _UNAME]
    names = {(item.get("instance", ""), item.get("nodename", "")) for item in labels}
    return {_PORT.sub("", instance): name for instance, name in sorted(names) if instance and name}


def _host(labels: Mapping[str, str], hosts: Sequence[str], aliases: Mapping[str, str]) -> str:
    for label in hosts:
        if host := labels.get(label):
            host = _PORT.sub("", host) if label == "instance" else host
            return aliases.get(host, host)
    return ""


def has_uuid(key: str) -> bool:
    """Return whether an id tells a device from all others in the world."""
    return _SURE_UUID.fullmatch(key) is not None


def _uuid(dialect: Dialect, labels: Mapping[str, str]) -> str:
    """Return the UUID, "" for none or a masked one; those of NVIDIA begin with "GPU-"."""
    uuid = next((text for label in dialect.uuid if (text := labels.get(label))), "")
    if not uuid.removeprefix("GPU-").strip("0-"):
        return ""
    bare = dialect.vendor is Vendor.NVIDIA and _UUID.fullmatch(uuid)
    return f"GPU-{uuid}" if bare else uuid


def _key(dialect: Dialect, labels: Mapping[str, str]) -> str:
    """Return what tells a device without a UUID apart, or a meter."""
    told = (labels.get(label) for label in dialect.place)
    return "-".join(text for text in (dialect.name, dialect.meter, *told) if text)


def _counted(things: Iterable[_Thing]) -> list[_Thing]:
    """Return the things without those that another exporter tells already, in a fixed order."""
    counted: dict[str, _Thing] = {}
    uuids: dict[str, int] = {}
    makes: dict[tuple[str, Vendor], int] = {}
    meters: dict[tuple[str, Scope], str] = {}
    for thing in sorted(things, key=lambda thing: (thing.place, thing.host, thing.key)):
        scope, name, make = thing.dialect.scope, thing.dialect.name, (thing.host, thing.vendor)
        if scope is not Scope.DEVICE:
            first = meters.setdefault((thing.host, scope), name) == name
        elif thing.uuid:  # one that is not made to be unique is so on its machine alone
            sure = has_uuid(thing.uuid)
            first = uuids.setdefault(thing.uuid if sure else thing.id, thing.place) == thing.place
        else:  # it may be one that is told with its UUID
            first = makes.get(make, thing.place) == thing.place
        if first and thing.id not in counted:
            counted[thing.id] = thing
            makes.setdefault(make, thing.place)
    return list(counted.values())


def _devices(things: Iterable[_Thing]) -> tuple[DeviceReading, ...]:
    ordered = sorted(
        things, key=lambda thing: (thing.host, thing.place, thing.index or 0, thing.key)
    )
    return tuple(_device(thing, number) for number, thing in enumerate(ordered))


def _device(thing: _Thing, number: int) -> DeviceReading:
    index = thing.index
    return DeviceReading(
        device=Device(
            id=thing.id,
            vendor=thing.vendor,
            name=thing.text(thing.dialect.title) or _NAMELESS[thing.vendor],
            index=number if index is None else index,
            power_w=thing.read(Quantity.POWER),
            temperature_c=thing.read(Quantity.TEMPERATURE),
            memory_temperature_c=thing.read(Quantity.MEMORY_TEMPERATURE),
            utilization=thing.read(Quantity.UTILIZATION),
            memory_used_bytes=_whole(thing.read(Quantity.MEMORY_USED)),
            memory_total_bytes=_whole(thing.read(Quantity.MEMORY_TOTAL)),
            power_limit_w=thing.read(Quantity.POWER_LIMIT),
            power_limit_min_w=thing.read(Quantity.POWER_LIMIT_MIN),
            power_limit_max_w=thing.read(Quantity.POWER_LIMIT_MAX),
        ),
        counter_j=thing.read(Quantity.ENERGY),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _part(thing: _Thing) -> PartReading:
    told = thing.text([thing.dialect.origin_label])
    return PartReading(
        id=thing.id,
        host=thing.host,
        whole=thing.dialect.scope is Scope.WHOLE,
        origin=HostOrigin(told) if told in _WHOLE_ORIGINS else thing.dialect.origin,
        power_w=thing.read(Quantity.POWER),
        counter_j=thing.read(Quantity.ENERGY),
    )
