"""What electricity, heat and cold cost: four ways to heat a house, in Canadian dollars."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

COOLING_COP = 3.2
"""A usual air conditioner over a summer; SEER 12 BTU/Wh is 3.5, and there are fans and ducts."""

_FLAT = 0.12
_OFF_PEAK, _MID_PEAK, _ON_PEAK = 0.076, 0.122, 0.158
_SUMMER = range(5, 11)
_COP = ((-15.0, 2.0), (0.0, 3.0), (10.0, 4.0))


def flat(local: datetime) -> float:
    """Return the same price at all times."""
    return _FLAT


def ontario(local: datetime) -> float:
    """Return Ontario's time-of-use price, holidays counted as other days.

    Ontario Energy Board, Regulated Price Plan, 1 November 2024 to 31 October 2025: 7.6, 12.2 and
    15.8 cents; off-peak from 19 to 7 h and on weekends, the peak from 11 to 17 h from May to
    October, else from 7 to 11 and 17 to 19 h.
    """
    if local.weekday() >= 5 or not 7 <= local.hour < 19:
        return _OFF_PEAK
    midday = 11 <= local.hour < 17
    return _ON_PEAK if midday == (local.month in _SUMMER) else _MID_PEAK


def heat_pump_cop(outdoor_c: float) -> float:
    """Return the COP of an air-source heat pump for cold climates: 2 at -15, 3 at 0, 4 at 10 °C.

    By straight lines between; Gibb et al., "Coming in from the cold" (Joule 7, 2023) found a mean
    of 2.74 between -10 and 5 °C, here it is 2.78.
    """
    lowest, highest = _COP[0], _COP[-1]
    if outdoor_c <= lowest[0]:
        return lowest[1]
    for (low_c, low), (high_c, high) in pairwise(_COP):
        if outdoor_c < high_c:
            return low + (high - low) * (outdoor_c - low_c) / (high_c - low_c)
    return highest[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A heater and the prices around it.

    `price` is that of a kWh of electricity at a local time; `heat_price` that of a kWh of heat,
    by the price of electricity and the temperature outdoors in °C.
    """

    fuel: str
    price: Callable[[datetime], float]
    heat_price: Callable[[float, float], float]

    def cool_price(self, price: float) -> float:
        """Return what it costs to take a kWh of heat out of the house."""
        return price / COOLING_COP


SCENARIOS = {
    scenario.fuel: scenario
    for scenario in (
        # 1.30 a litre of 10.6 kWh, 85 %
        Scenario(fuel="oil", price=flat, heat_price=lambda price, outdoor_c: 1.30 / 10.6 / 0.85),
        # 0.45 a cubic metre of 10.42 kWh, 92 %
        Scenario(
            fuel="gas", price=ontario, heat_price=lambda price, outdoor_c: 0.45 / 10.42 / 0.92
        ),
        Scenario(fuel="electric", price=flat, heat_price=lambda price, outdoor_c: price),
        Scenario(
            fuel="heat pump",
            price=ontario,
            heat_price=lambda price, outdoor_c: price / heat_pump_cop(outdoor_c),
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a kWh of electricity, of heat, and of heat taken out cost, by step."""

    electricity: Sequence[float]
    heat: Sequence[float]
    cool: Sequence[float]


def prices_of(scenario: Scenario, times: Sequence[datetime], outdoor_c: Sequence[float]) -> Prices:
    """Return the prices at local times, one a step."""
    electricity = [scenario.price(time) for time in times]
    return Prices(
        electricity=electricity,
        heat=[
            scenario.heat_price(price, outdoors)
            for price, outdoors in zip(electricity, outdoor_c, strict=True)
        ],
        cool=[scenario.cool_price(price) for price in electricity],
    )
