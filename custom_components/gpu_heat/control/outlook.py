"""What is expected of the time ahead, put together slot by slot."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

from .building import Building, Climate

SLOT = timedelta(minutes=15)
HORIZON = timedelta(hours=72)
"""So far ahead weather and prices are looked at quarter by quarter of an hour."""

FAR_SLOT = timedelta(hours=3)
FARTHEST = timedelta(days=28)
"""Beyond it, up to the last deadline, time is looked at in so long slots."""

CEILING_K = 1.0
"""So far above the target flexible work does not heat a room."""

_SUN_HOURS = range(9, 16)
_SUN_PART = 0.6
"""The part of a building's gains that the sun brings, from 9 to 16 h."""

type ByMoment = Callable[[datetime], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is expected of the time ahead.

    Slots follow one another from `start` on, as long as `climate.hours` says; `price` is that of
    electricity per kWh, by slot, `capture` the part of the heat that reaches the rooms.
    """

    start: datetime
    price: Sequence[float]
    climate: Climate
    building: Building
    capture: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is known of the time ahead.

    `outdoor_c` is None where no forecast reaches, `usual_c` is what the season is like then;
    `price` falls back to `price_now`. `target_c` is what the heater keeps, None while it is off;
    `comfort_c` the highest target of a day: a room that is still warm in the evening is not
    too warm. `cool_c` is what the air conditioner keeps, None without one. `heat_price` and
    `cool_price` are per kWh of heat, by the electricity price and the temperature outdoors.
    `mass_c` is the temperature of the building's mass, None if not known.
    """

    room_c: float
    outdoor_c: ByMoment
    usual_c: Callable[[datetime], float]
    price: ByMoment
    price_now: float
    target_c: ByMoment
    comfort_c: float | None
    cool_c: float | None
    heat_price: Callable[[float, float], float]
    cool_price: Callable[[float, float], float]
    mass_c: float | None = None


def look_ahead(
    now: datetime,
    until: datetime,
    expected: Expectation,
    building: Building,
    *,
    zone: tzinfo,
    capture: float = 1.0,
) -> Outlook:
    """Return the outlook from `now` to the horizon, or on to `until` where that is later."""
    borders = list(_borders(now.astimezone(UTC), until.astimezone(UTC)))
    hours, price, free_c, target_c = [], [], [], []
    heat_price, cool_price = [], []
    for start, end in pairwise(borders):
        length = (end - start).total_seconds() / 3600
        middle = start + (end - start) / 2
        if (outdoor_c := expected.outdoor_c(middle)) is None:
            outdoor_c = expected.usual_c(middle)
        if (cost := expected.price(middle)) is None:
            cost = expected.price_now
        hours.append(length)
        price.append(cost)
        free_c.append(outdoor_c + _gains_k(building, middle.astimezone(zone), length))
        target_c.append(expected.target_c(middle))
        heat_price.append(expected.heat_price(cost, outdoor_c))
        cool_price.append(expected.cool_price(cost, outdoor_c))
    return Outlook(
        start=now,
        price=price,
        building=building,
        capture=capture,
        climate=Climate(
            hours=hours,
            free_c=free_c,
            target_c=target_c,
            ceiling_c=[_ceiling_c(expected.comfort_c, target) for target in target_c],
            cool_c=[expected.cool_c] * len(hours),
            heat_price=heat_price,
            cool_price=cool_price,
            room_c=expected.room_c,
            mass_c=expected.mass_c,
        ),
    )


def _borders(now: datetime, until: datetime) -> Iterator[datetime]:
    """Yield where slots begin: now, then at each quarter of an hour, then at longer steps.

    In UTC: by the clock of a zone, an hour would be lost or come twice when that is set.
    """
    yield now
    at = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) + SLOT
    yield at
    while at < now + HORIZON:
        at += SLOT
        yield at
    until = min(until, now + FARTHEST)
    while at < until:
        at += FAR_SLOT
        yield at


def _ceiling_c(comfort_c: float | None, target_c: float | None) -> float | None:
    if comfort_c is None or target_c is None:
        return None
    return max(target_c, comfort_c) + CEILING_K


def _gains_k(building: Building, local: datetime, length_h: float) -> float:
    """Return by how much people and the sun warm a building then, in K."""
    steady = (1 - _SUN_PART) * building.gains_k
    if length_h > 1:  # long slots are looked at by the day
        return building.gains_k
    shines = local.hour in _SUN_HOURS
    return steady + shines * _SUN_PART * building.gains_k * 24 / len(_SUN_HOURS)
