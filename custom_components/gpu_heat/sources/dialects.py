"""What an exporter's dialect is: which of its metrics tell what, in which unit, of which thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from ..agent.models import HostOrigin, Vendor


class Quantity(Enum):
    """What a series tells; in SI units, a utilization from 0 to 1."""

    POWER = auto()
    ENERGY = auto()
    TEMPERATURE = auto()
    MEMORY_TEMPERATURE = auto()
    UTILIZATION = auto()
    MEMORY_USED = auto()
    MEMORY_TOTAL = auto()
    POWER_LIMIT = auto()
    POWER_LIMIT_MIN = auto()
    POWER_LIMIT_MAX = auto()


class Scope(Enum):
    """What a dialect tells of: devices, other parts of a machine, or the whole of it."""

    DEVICE = auto()
    PART = auto()
    WHOLE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A value in SI units is `value * times / per`."""

    times: float = 1.0
    per: float = 1.0


SI = Unit()
PERCENT = Unit(per=100.0)
MILLI = Unit(per=1e3)
MICRO = Unit(per=1e6)
MEBI = Unit(times=2.0**20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A metric by its exact name, and labels that its samples must have.

    The name of a counter is the same with and without "_total".
    """

    name: str
    where: Mapping[str, str] = field(default_factory=dict)


def series(name: str, **where: str) -> Series:
    """Return a series."""
    return Series(name=name, where=where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """An info metric whose labels are added to the samples that share the label `on` with it."""

    metric: str
    on: str


HOST_LABELS = (
    "Hostname",
    "hostname",
    "host",
    "node",
    "nodename",
    "node_name",
    "kubernetes_node",
    "instance",
)
"""The labels that name a machine, the surest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one exporter tells of one kind of thing.

    `series` lists what tells each quantity, the preferred first: never are two of them added.
    The labels in `uuid`, `title`, `index` and `hosts` are tried in turn; a thing without a UUID
    is told apart by all of `place`. `only` and `unless` are patterns of labels. A sample with
    the label `instance_of` tells of a part of a device, but repeats what the whole draws.
    With `any_prefix` users put what they like before the names. `single` refuses two series
    for one thing. `meter` tells the meters of one exporter apart.
    """

    name: str
    series: Mapping[Quantity, tuple[Series, ...]]
    units: Mapping[Quantity, Unit] = field(default_factory=dict)
    scope: Scope = Scope.DEVICE
    origin: HostOrigin = HostOrigin.RAPL
    origin_label: str = ""
    meter: str = ""
    vendor: Vendor | None = None
    uuid: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    index: tuple[str, ...] = ()
    hosts: tuple[str, ...] = HOST_LABELS
    join: Join | None = None
    only: Mapping[str, str] = field(default_factory=dict)
    unless: Mapping[str, str] = field(default_factory=dict)
    instance_of: str = ""
    any_prefix: bool = False
    single: bool = False


class CustomUnit(StrEnum):
    """The unit of a metric that a user names: of power, or of an energy counter."""

    W = "W"
    KILO_W = "kW"
    MILLI_W = "mW"
    MICRO_W = "µW"
    J = "J"
    KILO_J = "kJ"
    MILLI_J = "mJ"
    MICRO_J = "µJ"
    WH = "Wh"
    KILO_WH = "kWh"


CUSTOM_UNITS: Mapping[CustomUnit, tuple[Quantity, Unit]] = {
    CustomUnit.W: (Quantity.POWER, SI),
    CustomUnit.KILO_W: (Quantity.POWER, Unit(times=1e3)),
    CustomUnit.MILLI_W: (Quantity.POWER, MILLI),
    CustomUnit.MICRO_W: (Quantity.POWER, MICRO),
    CustomUnit.J: (Quantity.ENERGY, SI),
    CustomUnit.KILO_J: (Quantity.ENERGY, Unit(times=1e3)),
    CustomUnit.MILLI_J: (Quantity.ENERGY, MILLI),
    CustomUnit.MICRO_J: (Quantity.ENERGY, MICRO),
    CustomUnit.WH: (Quantity.ENERGY, Unit(times=3600.0)),
    CustomUnit.KILO_WH: (Quantity.ENERGY, Unit(times=3.6e6)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRow:
    """A metric of an exporter that has no row here; `label` tells its devices apart, if any does.

    Without `label` the metric has one series, that of the only device.
    """

    metric: str
    unit: CustomUnit
    label: str | None = None

    @property
    def dialect(self) -> Dialect:
        """The row as a dialect."""
        quantity, unit = CUSTOM_UNITS[self.unit]
        label = (self.label,) if self.label else ()
        return Dialect(
            name="custom",
            series={quantity: (series(self.metric),)},
            units={quantity: unit},
            place=label,
            title=label,
            index=label,
            single=True,
        )
