"""The energy of processors and memory by their RAPL counters, Intel's and AMD's alike.

Source: the kernel's Documentation/power/powercap/powercap.rst. Zones "package-N" and the "dram"
within them are added up; "core" and "uncore" are parts of a package, and "psys" has its own idea
of what it covers. Only root may read them (CVE-2020-8694, "PLATYPUS").
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .derived_power import SHORTEST_S, DerivedPower
from .energy import HOST_LIMITS
from .errors import UnreachableError
from .sysfs import MICRO, folders, number, text

POWERCAP = Path("/sys/class/powercap")

MAX_ZONE_W = 2000.0
"""More than any one processor, or its memory, draws."""


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

    def read(self, at_s: float) -> Processors:
        """Return the sum at a time in s. Raises UnreachableError where any zone is not readable.

        A gap in which a counter may have wrapped more than once adds nothing, nor does a counter
        that has begun anew, as over a suspend, which looks like one that wrapped.
        """
        now = {zone.name: zone for zone in self._zones()}
        if not now:
            raise UnreachableError("there are no RAPL counters")
        counters = {name: number(zone / "energy_uj") for name, zone in now.items()}
        elapsed_s = at_s - self._at_s
        gained_uj = [self._gained(now[name], counter) for name, counter in counters.items()]
        most_uj = MAX_ZONE_W * (elapsed_s + SHORTEST_S) / MICRO
        if elapsed_s > HOST_LIMITS.max_gap_s or not all(0 <= uj <= most_uj for uj in gained_uj):
            self._power = DerivedPower()
        else:
            self._total_uj += sum(gained_uj)
        self._last, self._at_s = counters, at_s
        energy_j = self._total_uj * MICRO
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
