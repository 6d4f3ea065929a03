"""The energy of processors and memory by their RAPL counters, Intel's and AMD's alike.

Source: the kernel's Documentation/power/powercap/powercap.rst. Zones "package-N" and the "dram"
within them are added up; "core" and "uncore" are parts of a package, and "psys" has its own idea
of what it covers. Only root may read them (CVE-2020-8694, "PLATYPUS").
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .derived_power import DerivedPower
from .energy import HOST_LIMITS
from .errors import UnreachableError
from .sysfs import MICRO, folders, number, text

POWERCAP = Path("/sys/class/powercap")

SHORTEST_S = 0.5
"""Power over a shorter interval would be noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processors:
    """What processors and memory have used since the first reading, and their power now."""

    energy_j: float
    power_w: float | None


class Rapl:
    """The counters of one machine, which wrap within minutes on a large one."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self._root = root
        self._last: dict[str, int] = {}
        self._total_uj = 0
        self._at_s = float("-inf")
        self._power = DerivedPower()
        self._powered_at_s = float("-inf")

    def read(self, at_s: float) -> Processors:
        """Return the sum at a time in s. Raises UnreachableError where any zone is not readable.

        A gap in which a counter may have wrapped more than once adds nothing.
        """
        now = {zone.name: zone for zone in self._zones()}
        if not now:
            raise UnreachableError("there are no RAPL counters")
        counters = {name: number(zone / "energy_uj") for name, zone in now.items()}
        if at_s - self._at_s <= HOST_LIMITS.max_gap_s:
            for name, counter in counters.items():
                self._total_uj += self._gained(now[name], counter)
        else:
            self._power = DerivedPower()
        self._last, self._at_s = counters, at_s
        energy_j = self._total_uj * MICRO
        if at_s - self._powered_at_s >= SHORTEST_S:
            self._powered_at_s = at_s
            self._power = self._power.advance(
                at_s=at_s, counter_j=energy_j, max_power_w=HOST_LIMITS.max_power_w
            )
        return Processors(energy_j=energy_j, power_w=self._power.power_w)

    def _zones(self) -> Iterator[Path]:
        for package in folders(self._root, r"intel-rapl:\d+"):
            if text(package / "name").startswith("package"):
                yield package
                for part in folders(self._root, rf"{package.name}:\d+"):
                    if text(part / "name") == "dram":
                        yield part

    def _gained(self, zone: Path, counter: int) -> int:
        gained = counter - self._last.get(zone.name, counter)
        return gained if gained >= 0 else gained + number(zone / "max_energy_range_uj")
