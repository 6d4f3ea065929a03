"""Reads the entities that a zone depends on, and bears with those that fall silent."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from homeassistant.components.climate import DOMAIN as CLIMATE_DOMAIN
from homeassistant.components.cover import ATTR_CURRENT_POSITION
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
    UnitOfPower,
    UnitOfTemperature,
)
from homeassistant.core import HomeAssistant, State, split_entity_id
from homeassistant.util.unit_conversion import EnergyConverter, PowerConverter, TemperatureConverter

from .const import LOGGER
from .heat.conditions import (
    CAPTURE_STANDS,
    FUEL_PRICE_STANDS,
    METER_STANDS,
    OUTDOOR_STANDS,
    PRICE_STANDS,
    ROOMS_STAND,
    Conditions,
    room_from_json,
    room_to_json,
)
from .heat.documents import decimal_of, moment_of
from .heat.fuels import Heater
from .heat.price_units import PriceUnitError, most_per_kwh, price_factor
from .heat.seasons import Room
from .settings import ZoneSettings
from .thermostat import read_room

# A sensor that measures has not reported for so long: it is taken for dead, though Home
# Assistant still shows its last value.
SILENT_AFTER = timedelta(hours=24)
_MEASURING = {CLIMATE_DOMAIN, SENSOR_DOMAIN, WEATHER_DOMAIN}
# At a start other integrations may take so long until their entities say something.
_COMES_UP = timedelta(minutes=10)


_MOST = Decimal(10**15)


def known(state: State | None) -> State | None:
    """Return a state that says something, else None."""
    if state is None or state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        return None
    return state


def read_number(text: object) -> Decimal | None:
    """Read a number; None if it is none, or beyond all measure."""
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < _MOST else None


def read_price(state: State, *, currency: str, per: str, most: Decimal) -> Decimal | None:
    """Return a price per unit in a currency.

    None if the entity's unit is not one of that, or the price more than anything costs.
    """
    number = read_number(state.state)
    try:
        factor = price_factor(
            state.attributes.get(ATTR_UNIT_OF_MEASUREMENT), currency=currency, per=per
        )
    except PriceUnitError:
        return None
    if number is None or abs(number * factor) > most:
        return None
    return number * factor


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
    """Return how far something is open, 0 to 1: on and off, a position, a percentage."""
    if ATTR_CURRENT_POSITION in state.attributes:
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


def read_power_w(state: State) -> float | None:
    """Return a power in W."""
    number = read_number(state.state)
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if number is None or unit not in PowerConverter.VALID_UNITS:
        return None
    return PowerConverter.convert(float(number), unit, UnitOfPower.WATT)


@dataclass(slots=True, kw_only=True)
class Input[T]:
    """One entity, and the last that it said.

    When it falls silent its last word counts for as long as it `stands`; then that is an
    `issue`, named by its translation key. What is `measured` is silent as well if it has not
    been reported for a day; what people set by hand, or prices, may stay for years.
    `meaning` is what its words depend on besides the entity.
    """

    entity_id: str
    issue: str
    read: Callable[[State], T | None]
    stands: timedelta
    since: datetime
    measured: bool = False
    meaning: str = ""
    last: T | None = None
    said_at: datetime | None = None

    def value(self, state: State | None, now: datetime) -> T | None:
        """Return what the entity says, or said as long as that counts."""
        said = None if state is None or self._dead(state, now) else self.read(state)
        if said is None:
            return self.standing(now)
        self.last, self.said_at = said, now
        return said

    def standing(self, now: datetime) -> T | None:
        """Return the entity's last word as long as it counts."""
        ends = self.ends
        return self.last if ends and now < ends else None

    @property
    def ends(self) -> datetime | None:
        """Until when the last word counts; None if there is none."""
        return self.said_at + self.stands if self.said_at else None

    def missing(self, now: datetime) -> bool:
        """Tell whether its silence is a matter for its owner; not before it may have come up."""
        return now >= (self.said_at or self.since) + self.stands and now >= self.since + _COMES_UP

    @property
    def key(self) -> str:
        """What its last word is kept under."""
        return f"{self.entity_id} {self.meaning}"

    def _dead(self, state: State, now: datetime) -> bool:
        return (
            self.measured
            and state.domain in _MEASURING
            and now - state.last_reported > SILENT_AFTER
        )


@dataclass(slots=True, kw_only=True)
class Inputs:
    """The entities of a zone.

    `captures` is, by source, the part of its heat that reaches the space by its place, 0 to 1;
    an entity, the opening, may lessen it.
    """

    hass: HomeAssistant
    electricity_price: Input[Decimal] | None = None
    fuel_price: Input[Decimal] | None = None
    second_fuel_price: Input[Decimal] | None = None
    outdoor: Input[Decimal] | None = None
    meter: Input[Decimal] | None = None
    thermostats: list[Input[Room]] = field(default_factory=list)
    captures: Mapping[str, Decimal] = field(default_factory=dict)
    openings: dict[str, Input[Decimal]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Input[Any]]:
        """Go through all inputs that there are."""
        single = (
            self.electricity_price,
            self.fuel_price,
            self.second_fuel_price,
            self.outdoor,
            self.meter,
        )
        yield from (item for item in single if item is not None)
        yield from self.thermostats
        yield from self.openings.values()

    def conditions(self, now: datetime) -> Conditions:
        """Return what the entities say now."""
        for item in self:
            item.value(known(self.hass.states.get(item.entity_id)), now)
        return self.standing(now)

    def standing(self, now: datetime) -> Conditions:
        """Return what counts of the entities' last words."""

        def of[T](item: Input[T] | None) -> T | None:
            return None if item is None else item.standing(now)

        rooms = (thermostat.standing(now) for thermostat in self.thermostats)
        return Conditions(
            electricity_price=of(self.electricity_price),
            fuel_price=of(self.fuel_price),
            second_fuel_price=of(self.second_fuel_price),
            outdoor_c=of(self.outdoor),
            rooms=tuple(room for room in rooms if room),
            captures={**self.captures, **dict(self._opened(now))},
        )

    def _opened(self, now: datetime) -> Iterator[tuple[str, Decimal]]:
        for source, item in self.openings.items():
            if (opening := item.standing(now)) is not None:
                yield source, self.captures[source] * opening

    def words(self) -> dict[str, Any]:
        """Return the entities' last words as a JSON document."""
        return {
            item.key: [item.said_at.isoformat(), _word_to_json(item.last)]
            for item in self
            if item.said_at and item.last is not None
        }

    def resume(self, words: Mapping[str, Any]) -> None:
        """Take up the last words of an earlier run, of those that still mean the same."""
        for item in self:
            if (word := words.get(item.key)) is None:
                continue
            try:
                said_at, value = word
                item.said_at, item.last = moment_of(said_at), _word_from_json(value)
            except (ArithmeticError, KeyError, TypeError, ValueError) as err:
                LOGGER.debug("The last word of %s is not read: %r", item.entity_id, err)


def _word_to_json(word: Decimal | Room) -> Any:
    return room_to_json(word) if isinstance(word, Room) else str(word)


def _word_from_json(document: Any) -> Decimal | Room:
    return room_from_json(document) if isinstance(document, Mapping) else decimal_of(document)


def zone_inputs(
    hass: HomeAssistant,
    settings: ZoneSettings,
    captures: Mapping[str, Decimal],
    openings: Mapping[str, str],
    now: datetime,
) -> Inputs:
    """Return the inputs of a zone; `openings` has an entity by source."""
    follow = partial(Input, since=now)

    def price(
        entity_id: str | None, issue: str, stands: timedelta, heater: Heater | None = None
    ) -> Input[Decimal] | None:
        currency, per = settings.currency, heater.unit if heater else "kWh"
        most = most_per_kwh(currency) * (heater.heat_content if heater else 1)
        if entity_id is None:
            return None
        return follow(
            entity_id=entity_id,
            issue=issue,
            stands=stands,
            read=partial(read_price, currency=currency, per=per, most=most),
            meaning=f"{currency}/{per}",
        )

    def reading(
        entity_id: str | None,
        issue: str,
        stands: timedelta,
        read: Callable[[State], Decimal | None],
        *,
        measured: bool = False,
    ) -> Input[Decimal] | None:
        if entity_id is None:
            return None
        return follow(entity_id=entity_id, issue=issue, stands=stands, read=read, measured=measured)

    def thermostat(entity_id: str, weight: Decimal) -> Input[Room]:
        return follow(
            entity_id=entity_id,
            issue="thermostat_missing",
            stands=ROOMS_STAND,
            read=lambda state: read_room(state, hass.config.units.temperature_unit, weight),
            measured=True,
            meaning=str(weight),
        )

    heaters = settings.rules.heaters
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
        outdoor=reading(
            settings.outdoor, "outdoor_missing", OUTDOOR_STANDS, read_celsius, measured=True
        ),
        meter=reading(settings.meter, "meter_missing", METER_STANDS, read_energy_j),
        thermostats=[thermostat(*item) for item in settings.thermostats.items()],
        captures=captures,
        openings={
            source: follow(
                entity_id=entity_id,
                issue="capture_missing",
                stands=CAPTURE_STANDS,
                read=read_fraction,
            )
            for source, entity_id in openings.items()
        },
    )
