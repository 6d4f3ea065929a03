"""Asks a weather entity what temperatures it foretells."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, time, timedelta, tzinfo
import math
from typing import Any

from homeassistant.components.weather import (
    ATTR_FORECAST_IS_DAYTIME,
    ATTR_FORECAST_TEMP,
    ATTR_FORECAST_TEMP_LOW,
    ATTR_FORECAST_TIME,
    ATTR_WEATHER_TEMPERATURE_UNIT,
    DOMAIN as WEATHER_DOMAIN,
    SERVICE_GET_FORECASTS,
    WeatherEntityFeature,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_ENTITY_ID, ATTR_SUPPORTED_FEATURES, UnitOfTemperature
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.unit_conversion import TemperatureConverter

from .asking import Asking
from .const import LOGGER
from .heat.day_wave import by_hour, high, low
from .heat.series import FARTHEST_APART, Line, Row

ASKED_EVERY = timedelta(minutes=30)
_ANSWERS_WITHIN_S = 60
_COLDEST_C, _HOTTEST_C = -60.0, 60.0


class WeatherForecast:
    """The temperature outdoors as a weather entity foretells it.

    Asks at first, then every half hour; an entity that is not up yet is asked when it is. Where
    that fails, the last forecast stays, until it has run out.
    """

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        self.outdoor = Line()
        self._hass = hass
        self._entity_id = entity_id
        self._asking = Asking(hass, entity_id, ASKED_EVERY, self._ask)

    def at(self, moment: datetime) -> float | None:
        """Return the temperature foretold for a moment in °C; None where none is."""
        return self.outdoor.at(moment)

    @callback
    def async_follow(self, entry: ConfigEntry) -> None:
        """Ask now and from now on, as long as the entry is loaded."""
        self._asking.async_follow(entry)

    async def _ask(self, state: State) -> bool:
        if (kind := _kind(state)) is None:
            return True  # it never tells one
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                rows = await self._answer(kind)
            told = list(_READ[kind](rows, self._unit(), dt_util.get_default_time_zone()))
        except Exception as err:  # what a weather integration may raise is not settled
            LOGGER.debug("%s tells no %s forecast: %r", self._entity_id, kind, err)
            return False
        if not (line := Line.of(told)).points:
            return False
        self.outdoor = self._go_on_with(line, dt_util.utcnow())
        return True

    async def _answer(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the rows of a forecast. Raises whatever the integration raises."""
        answer: Any = await self._hass.services.async_call(
            WEATHER_DOMAIN,
            SERVICE_GET_FORECASTS,
            {ATTR_ENTITY_ID: self._entity_id, "type": kind},
            blocking=True,
            return_response=True,
        )
        rows: list[Mapping[str, Any]] = answer[self._entity_id]["forecast"]
        return rows

    def _unit(self) -> str:
        """Return the unit of forecasts: the one that the entity shows its temperature in."""
        state = self._hass.states.get(self._entity_id)
        unit = state.attributes.get(ATTR_WEATHER_TEMPERATURE_UNIT) if state else None
        return str(unit)

    def _go_on_with(self, line: Line, now: datetime) -> Line:
        """Take a forecast over; what it leaves out of this hour is as it was foretold."""
        first = line.points[0].start
        stay = [
            point for point in self.outdoor.points if now - FARTHEST_APART <= point.start < first
        ]
        return Line.of([*stay, *line.points])


def _kind(state: State) -> str | None:
    """Return the finest kind of forecast that an entity has; None if it has none."""
    features = state.attributes.get(ATTR_SUPPORTED_FEATURES) or 0
    return next((kind for feature, kind in _KINDS.items() if features & feature), None)


def _hourly(rows: list[Mapping[str, Any]], unit: str, zone: tzinfo) -> Iterator[Row]:
    for row in rows:
        start, celsius = _moment(row), _celsius(row, ATTR_FORECAST_TEMP, unit)
        if start and celsius is not None:
            yield Row(start=start, value=celsius)


def _daily(rows: list[Mapping[str, Any]], unit: str, zone: tzinfo) -> Iterator[Row]:
    extremes = []
    for row in rows:
        if not (start := _moment(row)):
            continue
        # Midnight, in UTC as well, stands for the whole of the day that is written.
        day = start.date() if start.time() == time() else start.astimezone(zone).date()
        for point, key in ((low, ATTR_FORECAST_TEMP_LOW), (high, ATTR_FORECAST_TEMP)):
            if (celsius := _celsius(row, key, unit)) is not None:
                extremes.append(point(day, celsius, zone))
    return by_hour(extremes)


def _twice_daily(rows: list[Mapping[str, Any]], unit: str, zone: tzinfo) -> Iterator[Row]:
    extremes = []
    for row in rows:
        start, celsius = _moment(row), _celsius(row, ATTR_FORECAST_TEMP, unit)
        if not start or celsius is None:
            continue
        local = start.astimezone(zone)
        if row.get(ATTR_FORECAST_IS_DAYTIME):
            extremes.append(high(local.date(), celsius, zone))
        else:  # a night is coldest at its end, on the next day if it begins in the evening
            day = local.date() + timedelta(days=local.hour >= 12)
            extremes.append(low(day, celsius, zone))
    return by_hour(extremes)


_KINDS = {
    WeatherEntityFeature.FORECAST_HOURLY: "hourly",
    WeatherEntityFeature.FORECAST_DAILY: "daily",
    WeatherEntityFeature.FORECAST_TWICE_DAILY: "twice_daily",
}
_READ: dict[str, Callable[[list[Mapping[str, Any]], str, tzinfo], Iterator[Row]]] = {
    "hourly": _hourly,
    "daily": _daily,
    "twice_daily": _twice_daily,
}


def _moment(row: Mapping[str, Any]) -> datetime | None:
    """Return when a row begins; None if it does not say that with a time zone."""
    said = row.get(ATTR_FORECAST_TIME)
    at = said if isinstance(said, datetime) else dt_util.parse_datetime(str(said))
    return at if at and at.utcoffset() is not None else None


def _celsius(row: Mapping[str, Any], key: str, unit: str) -> float | None:
    """Return a temperature of a row in °C; None if it is none, or one that is nowhere."""
    try:
        value = float(row[key])
    except (KeyError, TypeError, ValueError):
        return None
    celsius = TemperatureConverter.convert(value, unit, UnitOfTemperature.CELSIUS)
    return celsius if math.isfinite(celsius) and _COLDEST_C <= celsius <= _HOTTEST_C else None
