"""Learns from days gone by how much heat a building loses."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median, quantiles

from .building import USUAL_GAINS_K, USUAL_LOSS_W_K, Building

LEAST_DAYS = 7
MOST_DAYS = 60
LEAST_SPREAD_K = 4.0
"""Fewer days, or days that were all alike, say nothing of what a colder one needs."""

COLD_K = 10.0
"""Only days that are colder than indoors by so much count: on others open windows and the sun say
more than the building, and heat that nobody needs."""

LEAST_CONFIDENCE = 0.2
"""With less, the usual building is the better guess: in the benchmark's springs and summers what
was learned with less was up to half too low, in its winters confidence is 0.6 to 0.7."""

_BOUNDS_W_K = (10.0, 100_000.0)  # a single room; a hall heated by racks
_GAINS_K = (0.0, 12.0)
_APART_K = 1.0  # two days nearer than that have no slope


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatDay:
    """A day of a building that was kept warm: mean temperatures, and all heat delivered to it."""

    indoor_c: float
    outdoor_c: float
    heat_kwh: float

    @property
    def difference_k(self) -> float:
        """How much warmer it was indoors."""
        return self.indoor_c - self.outdoor_c

    @property
    def tells(self) -> bool:
        """Whether it tells anything of what the building loses."""
        return self.heat_kwh > 0 and self.difference_k >= COLD_K


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLoss:
    """The loss in W/K and the gains in K of a building, and how sure they are.

    `confidence` is 1 less the spread of what pairs of days say of the loss (the distance of its
    quartiles by the loss), 0 to 1; 0 where nothing could be learned and the usual counts.
    """

    loss_w_k: float = USUAL_LOSS_W_K
    gains_k: float = USUAL_GAINS_K
    confidence: float = 0.0
    days: int = 0


def learn(days: Sequence[HeatDay]) -> HeatLoss:
    """Return what days of heating tell: heat = loss x (indoors - outdoors - gains).

    The slope is the median of those of all pairs of days (Theil 1950, Sen 1968: up to 29 % of the
    days may be wrong), the gains the median of what each day then leaves. What is not sure enough
    does not count.
    """
    heated = [day for day in days if day.tells][-MOST_DAYS:]
    differences = [day.difference_k for day in heated]
    if len(heated) < LEAST_DAYS or max(differences) - min(differences) < LEAST_SPREAD_K:
        return HeatLoss(days=len(heated))
    slopes = [
        (one.heat_kwh - other.heat_kwh) / 24 * 1000 / (one.difference_k - other.difference_k)
        for one, other in combinations(heated, 2)
        if abs(one.difference_k - other.difference_k) >= _APART_K
    ]
    least, most = _BOUNDS_W_K
    if len(slopes) < LEAST_DAYS or not least <= (loss := median(slopes)) <= most:
        return HeatLoss(days=len(heated))
    lower, _, upper = quantiles(slopes, n=4)
    confidence = min(max(1 - (upper - lower) / loss, 0.0), 1.0)
    if confidence < LEAST_CONFIDENCE:
        return HeatLoss(days=len(heated))
    gains = median(day.difference_k - day.heat_kwh / 24 * 1000 / loss for day in heated)
    return HeatLoss(
        loss_w_k=loss,
        gains_k=min(max(gains, _GAINS_K[0]), _GAINS_K[1]),
        confidence=confidence,
        days=len(heated),
    )


def building_of(
    learned: HeatLoss, *, loss_w_k: float | None = None, heater_w: float | None = None
) -> Building:
    """Return a building by what a person has said of it, else by what was learned."""
    return Building(
        loss_w_k=loss_w_k or learned.loss_w_k, gains_k=learned.gains_k, heater_w=heater_w
    )
