"""Reads the entities that a zone depends on, and bears with those that fall silent."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from homeassistant.components.climate import DOMAIN as CLIMATE_DOMAIN
from homeassistant.components.cover import ATTR_CURRENT_POSITION, DOMAIN as COVER_DOMAIN
from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.components.weather import (
    ATTR_WEATHER_TEMPERATURE,
    ATTR_WEATHER_TEMPERATURE_UNIT,
    DOMAIN as WEATHER_DOMAIN,
)
from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    PERCENTAGE,
    STATE_CLOSED,
    STATE_OFF,
    STATE_ON,
    STATE_OPEN,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    UnitOfEnergy,
    UnitOfTemperature,
)
from homeassistant.core import HomeAssistant, State, split_entity_id
from homeassistant.util.unit_conversion import EnergyConverter, TemperatureConverter

from .heat.conditions import (
    CAPTURE_STANDS,
    FUEL_PRICE_STANDS,
    OUTDOOR_STANDS,
    PRICE_STANDS,
    ROOMS_STAND,
    Conditions,
)
from .heat.fuels import Heater
from .heat.price_units import PriceUnitError, price_factor
from .heat.seasons import Room
from .settings import ZoneSettings
from .thermostat import read_room

# A sensor that measures something has not said anything for so long: it is taken for dead,
# though Home Assistant still shows its last value. What people set by hand may stay for years.
SILENT_AFTER = timedelta(hours=24)
_MEASURED = {CLIMATE_DOMAIN, SENSOR_DOMAIN, WEATHER_DOMAIN}


def known(state: State | None) -> State | None:
    """Return a state that says something, else None."""
    if state is None or state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        return None
    return state


def read_number(text: object) -> Decimal | None:
    """Read a finite number; None if it is none."""
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def read_price(state: State, *, currency: str, per: str) -> Decimal | None:
    """Return a price per unit in a currency; None if the entity's unit is not one."""
    number = read_number(state.state)
    try:
        factor = price_factor(
            state.attributes.get(ATTR_UNIT_OF_MEASUREMENT), currency=currency, per=per
        )
    except PriceUnitError:
        return None
    return None if number is None else number * factor


def read_celsius(state: State) -> Decimal | None:
    """Return the temperature in °C of a sensor, a helper or a weather entity."""
    value: object = state.state
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if split_entity_id(state.entity_id)[0] == WEATHER_DOMAIN:  # a recorded state has no domain
        value = state.attributes.get(ATTR_WEATHER_TEMPERATURE)
        unit = state.attributes.get(ATTR_WEATHER_TEMPERATURE_UNIT)
    number = read_number(value)
    if number is None or unit not in TemperatureConverter.VALID_UNITS:
        return None
    celsius = TemperatureConverter.convert(float(number), unit, UnitOfTemperature.CELSIUS)
    return Decimal(str(round(celsius, 3)))


def read_fraction(state: State) -> Decimal | None:
    """Return how far something is open, 0 to 1: on and off, a cover's position, a percentage."""
    if state.domain == COVER_DOMAIN and ATTR_CURRENT_POSITION in state.attributes:
        number = read_number(state.attributes[ATTR_CURRENT_POSITION])
        return None if number is None else _within(number / 100)
    if state.state in (STATE_ON, STATE_OPEN):
        return Decimal(1)
    if state.state in (STATE_OFF, STATE_CLOSED):
        return Decimal(0)
    number = read_number(state.state)
    if number is None:
        return None
    percent = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT) == PERCENTAGE
    return _within(number / 100 if percent else number)


def _within(fraction: Decimal) -> Decimal | None:
    return fraction if 0 <= fraction <= 1 else None


def read_energy_j(state: State) -> Decimal | None:
    """Return an energy in J."""
    number = read_number(state.state)
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if number is None or unit not in EnergyConverter.VALID_UNITS:
        return None
    factor = EnergyConverter.convert(1, unit, UnitOfEnergy.JOULE)
    return round(number * Decimal(str(factor)), 3)


@dataclass(slots=True, kw_only=True)
class Input[T]:
    """One entity, and the last that it said.

    When it falls silent its last word counts for as long as it `stands`; then that is an
    `issue`, named by its translation key.
    """

    entity_id: str
    issue: str
    read: Callable[[State], T | None]
    stands: timedelta
    silent_since: datetime
    last: T | None = None

    def value(self, state: State | None, now: datetime) -> T | None:
        """Return what the entity says, or said as long as that counts."""
        said = None if state is None or _dead(state, now) else self.read(state)
        if said is not None:
            self.last, self.silent_since = said, now
            return said
        return self.last if now - self.silent_since < self.stands else None

    def missing(self, now: datetime) -> bool:
        """Tell whether it has been silent for longer than its last word counts."""
        return now - self.silent_since >= self.stands


def _dead(state: State, now: datetime) -> bool:
    return state.domain in _MEASURED and now - state.last_reported > SILENT_AFTER


@dataclass(slots=True, kw_only=True)
class Inputs:
    """The entities of a zone. A price may fall silent for a while, a meter is read as it is."""

    hass: HomeAssistant
    electricity_price: Input[Decimal] | None = None
    fuel_price: Input[Decimal] | None = None
    second_fuel_price: Input[Decimal] | None = None
    outdoor: Input[Decimal] | None = None
    thermostats: list[Input[Room]] = field(default_factory=list)
    captures: dict[str, Input[Decimal]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Input[Any]]:
        """Go through all inputs that there are."""
        single = (self.electricity_price, self.fuel_price, self.second_fuel_price, self.outdoor)
        yield from (item for item in single if item is not None)
        yield from self.thermostats
        yield from self.captures.values()

    def conditions(self, now: datetime) -> Conditions:
        """Return what the entities say now."""
        rooms = (self._value(thermostat, now) for thermostat in self.thermostats)
        captures = {source: self._value(item, now) for source, item in self.captures.items()}
        return Conditions(
            electricity_price=self._value(self.electricity_price, now),
            fuel_price=self._value(self.fuel_price, now),
            second_fuel_price=self._value(self.second_fuel_price, now),
            outdoor_c=self._value(self.outdoor, now),
            rooms=tuple(room for room in rooms if room),
            captures={source: part for source, part in captures.items() if part is not None},
        )

    def _value[T](self, item: Input[T] | None, now: datetime) -> T | None:
        if item is None:
            return None
        return item.value(known(self.hass.states.get(item.entity_id)), now)

    def resume(self, last: Conditions, at: datetime) -> None:
        """Begin with prices and a temperature that were known at the end of an earlier run."""
        for item, value in (
            (self.electricity_price, last.electricity_price),
            (self.fuel_price, last.fuel_price),
            (self.second_fuel_price, last.second_fuel_price),
            (self.outdoor, last.outdoor_c),
        ):
            if item is not None and value is not None:
                item.last, item.silent_since = value, at


def zone_inputs(
    hass: HomeAssistant, settings: ZoneSettings, captures: Mapping[str, str], now: datetime
) -> Inputs:
    """Return the inputs of a zone; `captures` has an entity by source."""

    def follow[T](
        entity_id: str, issue: str, stands: timedelta, read: Callable[[State], T | None]
    ) -> Input[T]:
        return Input(entity_id=entity_id, issue=issue, stands=stands, read=read, silent_since=now)

    def price(
        entity_id: str | None, issue: str, stands: timedelta, heater: Heater | None = None
    ) -> Input[Decimal] | None:
        per = heater.unit if heater else "kWh"
        read = partial(read_price, currency=settings.currency, per=per)
        return follow(entity_id, issue, stands, read) if entity_id else None

    def thermostat(entity_id: str, weight: Decimal) -> Input[Room]:
        unit = hass.config.units.temperature_unit
        return follow(
            entity_id,
            "thermostat_missing",
            ROOMS_STAND,
            partial(read_room, unit=unit, weight=weight),
        )

    heaters, outdoor = settings.rules.heaters, settings.outdoor
    return Inputs(
        hass=hass,
        electricity_price=price(settings.price_entity, "electricity_price_missing", PRICE_STANDS),
        fuel_price=price(
            settings.fuel_price_entity, "fuel_price_missing", FUEL_PRICE_STANDS, heaters.first
        ),
        second_fuel_price=price(
            settings.second_fuel_price_entity,
            "fuel_price_missing",
            FUEL_PRICE_STANDS,
            heaters.second,
        ),
        outdoor=follow(outdoor, "outdoor_missing", OUTDOOR_STANDS, read_celsius)
        if outdoor
        else None,
        thermostats=[thermostat(*item) for item in settings.thermostats.items()],
        captures={
            source: follow(entity_id, "capture_missing", CAPTURE_STANDS, read_fraction)
            for source, entity_id in captures.items()
        },
    )
