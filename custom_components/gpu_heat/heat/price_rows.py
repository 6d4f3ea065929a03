"""How integrations write down the prices of the hours ahead, and how those are read.

What is read is believed only where it agrees with the price that holds now: a list may be in
cents where the state is in euros, without a tax that the state has, or of another day.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
import math
from typing import Any

from .calendar import moment
from .series import Row, Series

_SAME = 0.02  # of the price
_ROUNDED = 0.0001  # a state may be rounded to so much
# Below it, roundings hide whether two prices are in the same unit.
TELLING = _ROUNDED / _SAME
_STEPS = {timedelta(minutes=minutes) for minutes in (15, 30, 60)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Lists of rows, by the names of the lists, and of what a row says.

    A value times `scale` is in the unit of the entity that shows the list.
    """

    lists: tuple[str, ...]
    start: str
    value: str
    end: str | None = None
    scale: float = 1.0

    @property
    def key(self) -> str:
        """What tells it from the others."""
        return f"{self.lists[0]}: {self.start}, {self.value} x {self.scale:g}"


SHAPES = (
    # Nord Pool (custom-components/nordpool)
    Shape(lists=("raw_today", "raw_tomorrow"), start="start", end="end", value="value"),
    # Energi Data Service (MTrab/energidataservice)
    Shape(lists=("raw_today", "raw_tomorrow"), start="hour", value="price"),
    # ENTSO-e Transparency Platform (JaccoR/hass-entso-e), of its average price
    Shape(lists=("prices",), start="time", value="price"),
    Shape(lists=("prices_today", "prices_tomorrow"), start="time", value="price"),
    # EPEX Spot (mampfes/ha_epex_spot); before 2024 per MWh and in cents
    Shape(lists=("data",), start="start_time", end="end_time", value="price_per_kwh"),
    Shape(lists=("data",), start="start_time", end="end_time", value="price_eur_per_mwh"),
    Shape(lists=("data",), start="start_time", end="end_time", value="price_ct_per_kwh"),
    # Octopus Energy (BottlecapDave/HomeAssistant-OctopusEnergy), of its event of the day's rates
    Shape(lists=("rates",), start="start", end="end", value="value_inc_vat"),
    # Frank Energie (bajansen/home-assistant-frank_energie)
    Shape(lists=("prices",), start="from", end="till", value="price"),
    # Zonneplan (fsaris/home-assistant-zonneplan-one), in ten-millionths of a euro
    Shape(lists=("forecast",), start="datetime", value="electricity_price", scale=1e-7),
    Shape(lists=("forecast",), start="datetime", value="electricity_price"),
    # Sensors that people made of Tibber's API
    Shape(lists=("today", "tomorrow"), start="startsAt", value="total"),
    # Template sensors that people made of the actions of EnergyZero, easyEnergy and Tibber
    Shape(lists=("prices",), start="timestamp", value="price"),
    Shape(lists=("prices",), start="start_time", value="price"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Prices as something tells them, in some unit; `key` tells who and how."""

    key: str
    rows: tuple[Row, ...]

    def extended(self, later: Told, since: datetime) -> Told:
        """Return this with what was told later, which counts more; what began long ago is left."""
        stay = (row for row in self.rows if row.sound and row.start >= since)
        return Told(key=self.key, rows=(*stay, *later.rows))

    def series(self, factor: float, most: float) -> Series:
        """Return the prices times a factor; those beyond `most` are none."""
        priced = (Row(start=row.start, end=row.end, value=row.value * factor) for row in self.rows)
        return Series.of(row for row in priced if abs(row.value) <= most)


def told_by(attributes: Mapping[str, Any], today: date, zone: tzinfo) -> Iterator[Told]:
    """Yield the prices that attributes tell, in each shape that they have."""
    for shape in SHAPES:
        if rows := tuple(rows_of(attributes, shape)):
            yield Told(key=shape.key, rows=rows)
    if rows := tuple(_plain(attributes, today, zone)):
        yield Told(key="today", rows=rows)


def rows_of(lists: Mapping[str, Any], shape: Shape) -> Iterator[Row]:
    """Yield what lists of a shape have that can be read."""
    for name in shape.lists:
        for item in _items(lists.get(name)):
            if not isinstance(item, Mapping):
                continue
            start, value = _moment(item.get(shape.start)), _number(item.get(shape.value))
            if start is not None and value is not None:
                end = _moment(item.get(shape.end)) if shape.end else None
                yield Row(start=start, end=end, value=value * shape.scale)


def _plain(attributes: Mapping[str, Any], today: date, zone: tzinfo) -> Iterator[Row]:
    """Yield the prices of lists of mere numbers: a day in hours, half hours or quarters."""
    for name, day in (("today", today), ("tomorrow", today + timedelta(days=1))):
        values = list(_items(attributes.get(name)))
        begin, end = (moment(day + timedelta(days=n), time(), zone) for n in (0, 1))
        if not values or (step := (end - begin) / len(values)) not in _STEPS:
            continue
        for index, said in enumerate(values):
            if (value := _number(said)) is not None:
                start = begin + index * step
                yield Row(start=start, end=start + step, value=value)


def believed(series: Iterable[Series], price: float, now: datetime) -> Series | None:
    """Return what agrees with the price that holds now, of several the one that reaches furthest.

    None where none does, or where those that do differ later on: nobody knows then which is meant.
    A state may lag a minute behind its list.
    """
    agreeing = [item for item in series if _agrees(item, price, now)]
    if any(not _alike(one, other) for one in agreeing for other in agreeing):
        return None
    return max(agreeing, key=lambda item: item.steps[-1].end, default=None)


def _agrees(series: Series, price: float, now: datetime) -> bool:
    at = (series.at(now), series.at(now - timedelta(minutes=1)))
    return any(_same(said, price) for said in at if said is not None)


def _alike(one: Series, other: Series) -> bool:
    return all(
        (said := other.at(step.start)) is None or _same(said, step.value) for step in one.steps
    )


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=_ROUNDED)


def _items(said: Any) -> Iterable[Any]:
    return said if isinstance(said, list | tuple) else ()


def _moment(said: Any) -> datetime | None:
    if isinstance(said, datetime):
        return said
    try:
        return datetime.fromisoformat(said)
    except (TypeError, ValueError):
        return None


def _number(said: Any) -> float | None:
    if isinstance(said, bool):
        return None
    try:
        value = float(said)
    except (OverflowError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
