"""The ways to know what the whole machine draws, and which of them is used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import logging
from pathlib import Path
from typing import Protocol

from . import acpi_meter, ipmi
from .clock import Now
from .config import HostConfig, HostPower
from .errors import UnreachableError
from .models import HostOrigin
from .periodic import Outcome, Periodic
from .rapl import POWERCAP, Processors, Rapl

_LOGGER = logging.getLogger(__name__)

STALE_S = 30.0
"""A reading of the machine's own meter holds for so long."""

PATIENCE_S = 3.0
"""How long the choice of a way waits for one to answer first; more than a BMC is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading:
    """What is known of the machine besides its devices.

    `wall` is of the whole machine, in W; `processors` of a part. `stands` says whether this way
    has ever answered.
    """

    origin: HostOrigin = HostOrigin.NONE
    wall: Outcome | None = None
    processors: Processors | None = None
    stands: bool = True


class HostReader(Protocol):
    """One way to know; never slow, but perhaps at the first reading."""

    def read(self, now: Now) -> HostReading:
        """Return what is known at a moment."""

    def close(self) -> None:
        """Let go; no call follows."""


class ConstantReader:
    """Knows nothing of the machine: there is no power, or it is estimated."""

    def __init__(self, origin: HostOrigin) -> None:
        self._reading = HostReading(origin=origin)

    def read(self, now: Now) -> HostReading:
        """Return the origin alone."""
        return self._reading

    def close(self) -> None:
        """Nothing is held."""


class WallReader:
    """The machine's own meter of all that it draws, which may be slow.

    The first reading waits for it for `patience_s`.
    """

    def __init__(self, origin: HostOrigin, meter: Periodic, patience_s: float = 0.0) -> None:
        self._origin = origin
        self._meter = meter
        self._patience_s = patience_s
        self._answered = False

    def read(self, now: Now) -> HostReading:
        """Return the last reading, unless that is too old."""
        outcome = self._meter.look(self._patience_s)
        self._patience_s = 0.0
        if outcome is None:
            return HostReading(origin=self._origin, stands=False)
        self._answered |= outcome.value is not None
        fresh = outcome.value is not None and now.steady_s - outcome.at.steady_s <= STALE_S
        return HostReading(
            origin=self._origin, wall=outcome if fresh else None, stands=self._answered
        )

    def close(self) -> None:
        """Measure no more."""
        self._meter.close()


class RaplReader:
    """Processors and memory by their counters; without them nothing is claimed."""

    def __init__(self, rapl: Rapl) -> None:
        self._rapl = rapl
        self._answered = False
        self._why = ""

    def read(self, now: Now) -> HostReading:
        """Return energy and power; the origin is none until they have once been readable."""
        processors = None
        try:
            processors = self._rapl.read(now.steady_s)
        except UnreachableError as err:
            if str(err) != self._why:
                _LOGGER.warning("RAPL cannot be read: %s", err)
            self._why = str(err)
        else:
            self._answered, self._why = True, ""
        origin = HostOrigin.RAPL if self._answered else HostOrigin.NONE
        return HostReading(origin=origin, processors=processors, stands=self._answered)

    def close(self) -> None:
        """Nothing is held."""


class BestReader:
    """The first of several ways that has ever answered; a better one takes over for good."""

    def __init__(self, ways: Sequence[HostReader]) -> None:
        self._ways = ways
        self._used: HostOrigin | None = None

    def read(self, now: Now) -> HostReading:
        """Return what the best way says."""
        for index, way in enumerate(self._ways):
            reading = way.read(now)
            if reading.stands:
                if reading.origin is not self._used:
                    _LOGGER.info("The machine's power: %s", reading.origin)
                    self._used = reading.origin
                    self._forget(index + 1)
                return reading
        return HostReading(stands=False)

    def close(self) -> None:
        """Let go of all ways."""
        self._forget(0)

    def _forget(self, index: int) -> None:
        """Let go of the ways from one on, which are not wanted any more."""
        for way in self._ways[index:]:
            way.close()
        self._ways = self._ways[:index]


def make_host_reader(
    host: HostConfig,
    clock: Callable[[], Now],
    *,
    hwmon: Path = acpi_meter.HWMON,
    powercap: Path = POWERCAP,
) -> HostReader:
    """Return the way that the config wants."""
    # Where there is a choice, to say at first what another way knows would be a jump.
    patience_s = PATIENCE_S if host.power is HostPower.AUTO else 0.0

    def by_ipmi() -> HostReader:
        return WallReader(HostOrigin.IPMI, Periodic("IPMI", ipmi.read_w, clock), patience_s)

    def by_meter() -> HostReader:
        meter = Periodic("ACPI power meter", lambda: acpi_meter.read_w(hwmon), clock)
        return WallReader(HostOrigin.WALL, meter, patience_s)

    def by_rapl() -> HostReader:
        return RaplReader(Rapl(powercap))

    def by_estimate() -> HostReader:
        return ConstantReader(HostOrigin.ESTIMATE)

    match host.power:
        case HostPower.IPMI:
            return by_ipmi()
        case HostPower.METER:
            return by_meter()
        case HostPower.RAPL:
            return by_rapl()
        case HostPower.ESTIMATE:
            return by_estimate()
        case HostPower.AUTO:
            last = [] if host.base_load_w is None else [by_estimate()]
            return BestReader([by_ipmi(), by_meter(), by_rapl(), *last])
        case HostPower.NONE:
            return ConstantReader(HostOrigin.NONE)
