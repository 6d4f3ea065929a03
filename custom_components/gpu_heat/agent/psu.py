"""What a power supply draws at the wall for what it delivers. Pure.

The efficiencies are the least that the 80 PLUS programme (CLEAResult, "Certified power supply
program requirements") asks of a power supply, in three classes of tests: 115 V internal and
230 V EU internal, each at 20, 50 and 100 % of the rated output, for Titanium at 10 % too. A good
one does a little better. A plain badge means the tests at 115 V.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

FIXED_SHARE = 0.5
"""How much of the losses at the lowest certified load remains at no load.

Nothing is certified below that. All of it would be the worst that can be; the two lowest points
of Titanium at 115 V make it 0.28, and the 60 % at 2 % load that Intel's ATX12VO and ATX 3 design
guides ask for make it 0.39 of Gold. The rest of the losses shrinks with the load.
"""

Curve: TypeAlias = tuple[tuple[float, float], ...]
"""Points of load and efficiency, both fractions of 1, by rising load."""


class Badge(StrEnum):
    """A level of the 80 PLUS programme."""

    WHITE = "white"
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"
    TITANIUM = "titanium"


class Mains(IntEnum):
    """The voltage that a class of tests is made at."""

    V115 = 115
    V230 = 230


def _curve(*percents: float) -> Curve:
    loads = (0.1, 0.2, 0.5, 1.0)[-len(percents) :]
    return tuple((load, percent / 100) for load, percent in zip(loads, percents, strict=True))


CURVES: Mapping[Mains, Mapping[Badge, Curve]] = MappingProxyType(
    {
        Mains.V115: MappingProxyType(
            {
                Badge.WHITE: _curve(80, 80, 80),
                Badge.BRONZE: _curve(82, 85, 82),
                Badge.SILVER: _curve(85, 88, 85),
                Badge.GOLD: _curve(87, 90, 87),
                Badge.PLATINUM: _curve(90, 92, 89),
                Badge.TITANIUM: _curve(90, 92, 94, 90),
            }
        ),
        Mains.V230: MappingProxyType(
            {
                Badge.WHITE: _curve(82, 85, 82),
                Badge.BRONZE: _curve(85, 88, 85),
                Badge.SILVER: _curve(87, 90, 87),
                Badge.GOLD: _curve(90, 92, 89),
                Badge.PLATINUM: _curve(92, 94, 90),
                Badge.TITANIUM: _curve(90, 94, 96, 94),
            }
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSupply:
    """A power supply of one efficiency at any load."""

    efficiency: float = 1.0

    def wall_w(self, output_w: float) -> float:
        """Return what is drawn at the wall, in W."""
        return output_w / self.efficiency

    def least_wall_j(self, output_j: float) -> float:
        """Return the energy that was drawn at least, in J, for what was delivered."""
        return output_j / self.efficiency


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedSupply:
    """A power supply of `rated_w` output whose efficiency depends on the load.

    Several that share the load are one whose rating is the sum of theirs.
    """

    curve: Curve
    rated_w: float

    def wall_w(self, output_w: float) -> float:
        """Return what is drawn at the wall, in W; more than nothing at no load, too."""
        load = output_w / self.rated_w
        lowest, efficiency = self.curve[0]
        if load < lowest:
            losses_w = lowest * self.rated_w * (1 / efficiency - 1)
            return output_w + losses_w * (FIXED_SHARE + (1 - FIXED_SHARE) * load / lowest)
        return output_w / self._efficiency(load)

    def least_wall_j(self, output_j: float) -> float:
        """Return the energy that was drawn at least, in J, for what was delivered."""
        return output_j / max(efficiency for _, efficiency in self.curve)

    def _efficiency(self, load: float) -> float:
        for (low, before), (high, after) in pairwise(self.curve):
            if load <= high:
                return before + (after - before) * (load - low) / (high - low)
        return self.curve[-1][1]


Supply: TypeAlias = FixedSupply | RatedSupply


def certified(badge: Badge, rated_w: float, mains: Mains = Mains.V115) -> RatedSupply:
    """Return a power supply with a badge and a rated output in W."""
    return RatedSupply(curve=CURVES[mains][badge], rated_w=rated_w)
