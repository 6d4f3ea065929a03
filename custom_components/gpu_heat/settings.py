"""A zone's settings, read from the options of its config entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from homeassistant.util import dt as dt_util

from .const import (
    CONF_BALANCE,
    CONF_CONTROL,
    CONF_COOLING,
    CONF_COOLING_ABOVE,
    CONF_COOLING_COP,
    CONF_COOLING_MONTHS,
    CONF_COP,
    CONF_COP_CURVE,
    CONF_CURRENCY,
    CONF_EFFICIENCY,
    CONF_ELECTRICITY,
    CONF_ELECTRICITY_CO2,
    CONF_ELECTRICITY_PRICE,
    CONF_END,
    CONF_FIRST_DAY,
    CONF_FUEL,
    CONF_FUEL_CO2,
    CONF_FUEL_PRICE,
    CONF_FUEL_PRICE_ENTITY,
    CONF_FUEL_UNIT,
    CONF_HEAT_CONTENT,
    CONF_HEAT_PER_AREA,
    CONF_HEATING,
    CONF_HEATING_BELOW,
    CONF_HEATING_MONTHS,
    CONF_METER,
    CONF_METER_HAS_OURS,
    CONF_MONTHS,
    CONF_OUTDOOR,
    CONF_PERIOD,
    CONF_PRICE,
    CONF_PRICE_ENTITY,
    CONF_SEASON_BY,
    CONF_SEASONS,
    CONF_SECOND_HEATER,
    CONF_START,
    CONF_SURCHARGE,
    CONF_TARIFF,
    CONF_TAX,
    CONF_TEMPERATURE,
    CONF_THERMOSTAT,
    CONF_THERMOSTATS,
    CONF_TIERS,
    CONF_UP_TO,
    CONF_WEEKDAYS,
    CONF_WEIGHT,
    CONF_WEIGHTS,
    CONF_WINDOWS,
)
from .control_settings import ControlSettings
from .heat.curve import Curve
from .heat.fuels import FUELS, Heater, Heaters
from .heat.rules import AirConditioner, Rules
from .heat.seasons import OutdoorSeasons, SeasonCalendar
from .heat.tariffs import (
    FixedPrice,
    FollowedPrice,
    Period,
    Prices,
    Tariff,
    Tier,
    TieredPrice,
    TimeOfUse,
    Window,
)

# Of a room's heat in BTU/h by sq ft: the rule of thumb that "What you get" names.
HEAT_PER_AREA = Decimal(10)


# Weekdays and months as rows of a form have them: Home Assistant does not translate these.
WEEKDAY_KEYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTH_KEYS = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)


class TariffKind(StrEnum):
    """How the price of electricity is told."""

    FIXED = "fixed"
    ENTITY = "entity"
    TIERS = "tiers"
    TIME_OF_USE = "time_of_use"


class SeasonBy(StrEnum):
    """What tells the season."""

    MONTHS = "months"
    OUTDOOR = "outdoor"
    THERMOSTAT = "thermostat"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSettings:
    """What a zone's owner has said.

    Prices are in `currency`. The ids of entities are None where there is none;
    `thermostats` are climate entities with their weights.
    """

    currency: str
    rules: Rules
    price_entity: str | None
    fuel_price_entity: str | None
    second_fuel_price_entity: str | None
    outdoor: str | None
    thermostats: Mapping[str, Decimal]
    meter: str | None
    meter_has_ours: bool
    season_by: SeasonBy
    outdoor_seasons: OutdoorSeasons
    heat_per_area: Decimal
    control: ControlSettings

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Read the options as the config flow wrote them."""
        electricity = options[CONF_ELECTRICITY]
        heating = options[CONF_HEATING]
        second = options.get(CONF_SECOND_HEATER, {})
        seasons = options[CONF_SEASONS]
        weights = {row[CONF_THERMOSTAT]: row[CONF_WEIGHT] for row in seasons.get(CONF_WEIGHTS, ())}
        prices = read_prices(electricity)
        tiered = isinstance(prices, TieredPrice)
        return cls(
            currency=electricity[CONF_CURRENCY],
            rules=_rules(options, prices),
            price_entity=(
                electricity[CONF_PRICE_ENTITY] if isinstance(prices, FollowedPrice) else None
            ),
            fuel_price_entity=heating.get(CONF_FUEL_PRICE_ENTITY),
            second_fuel_price_entity=second.get(CONF_FUEL_PRICE_ENTITY),
            outdoor=seasons.get(CONF_OUTDOOR),
            thermostats={
                thermostat: decimal(weights.get(thermostat, 1))
                for thermostat in seasons.get(CONF_THERMOSTATS, ())
            },
            meter=electricity.get(CONF_METER) if tiered else None,
            meter_has_ours=bool(electricity.get(CONF_METER)) and electricity[CONF_METER_HAS_OURS],
            season_by=SeasonBy(seasons.get(CONF_SEASON_BY, SeasonBy.MONTHS)),
            outdoor_seasons=_outdoor_seasons(seasons),
            heat_per_area=decimal(heating.get(CONF_HEAT_PER_AREA, HEAT_PER_AREA)),
            control=ControlSettings.from_options(options.get(CONF_CONTROL, {})),
        )


def _rules(options: Mapping[str, Any], prices: Prices) -> Rules:
    electricity, seasons = options[CONF_ELECTRICITY], options[CONF_SEASONS]
    second = options.get(CONF_SECOND_HEATER, {})
    grams = electricity.get(CONF_ELECTRICITY_CO2)
    return Rules(
        tariff=Tariff(
            prices=prices,
            surcharge=decimal(electricity.get(CONF_SURCHARGE, 0)),
            tax=decimal(electricity.get(CONF_TAX, 0)) / 100,
        ),
        heaters=Heaters(
            first=read_heater(options[CONF_HEATING]),
            second=read_heater(second) if second else None,
            balance_c=decimal(second.get(CONF_BALANCE, 0)),
        ),
        calendar=SeasonCalendar(
            heating_months=frozenset(map(int, seasons[CONF_HEATING_MONTHS])),
            cooling_months=frozenset(map(int, seasons[CONF_COOLING_MONTHS])),
        ),
        zone=dt_util.get_default_time_zone(),
        air_conditioner=_air_conditioner(options.get(CONF_COOLING, {})),
        electricity_co2=None if grams is None else decimal(grams) / 1000,
    )


def read_prices(electricity: Mapping[str, Any]) -> Prices:
    """Read the kind of price from the section for electricity."""
    match TariffKind(electricity[CONF_TARIFF]):
        case TariffKind.FIXED:
            return FixedPrice(decimal(electricity[CONF_ELECTRICITY_PRICE]))
        case TariffKind.ENTITY:
            return FollowedPrice()
        case TariffKind.TIERS:
            return TieredPrice(
                tiers=read_tiers(electricity[CONF_TIERS]),
                period=Period(electricity[CONF_PERIOD]),
                first_day=int(electricity[CONF_FIRST_DAY]),
            )
        case TariffKind.TIME_OF_USE:
            return TimeOfUse(
                base=decimal(electricity[CONF_ELECTRICITY_PRICE]),
                windows=tuple(read_window(row) for row in electricity[CONF_WINDOWS]),
            )


def read_tiers(rows: list[dict[str, Any]]) -> tuple[Tier, ...]:
    """Read the tiers of a form."""
    return tuple(
        Tier(
            price=decimal(row[CONF_PRICE]),
            up_to_kwh=decimal(row[CONF_UP_TO]) if row.get(CONF_UP_TO) is not None else None,
        )
        for row in rows
    )


def read_window(row: Mapping[str, Any]) -> Window:
    """Read one window of a form; no weekday, or no month, means all of them. Raises ValueError."""
    return Window(
        start=time.fromisoformat(row[CONF_START]),
        end=time.fromisoformat(row[CONF_END]),
        price=decimal(row[CONF_PRICE]),
        weekdays=frozenset(map(WEEKDAY_KEYS.index, row.get(CONF_WEEKDAYS) or WEEKDAY_KEYS)),
        months=frozenset(MONTH_KEYS.index(key) + 1 for key in row.get(CONF_MONTHS) or MONTH_KEYS),
    )


def read_heater(options: Mapping[str, Any]) -> Heater:
    """Read a heater; what the user left out is what is usual for its fuel."""
    fuel = FUELS[options[CONF_FUEL]]
    unit = options.get(CONF_FUEL_UNIT, fuel.unit)
    content = options.get(CONF_HEAT_CONTENT)
    heat_content = fuel.heat_contents.get(unit, Decimal(1)) if content is None else decimal(content)
    percent = options.get(CONF_EFFICIENCY)
    price = options.get(CONF_FUEL_PRICE)
    grams = options.get(CONF_FUEL_CO2)
    per_kwh = fuel.co2 if grams is None else decimal(grams) / 1000
    entity = options.get(CONF_FUEL_PRICE_ENTITY)
    return Heater(
        fuel=fuel,
        unit=unit,
        heat_content=heat_content,
        efficiency=fuel.efficiency if percent is None else decimal(percent) / 100,
        cop=read_curve(options.get(CONF_COP_CURVE)),
        price=None if price is None or entity else decimal(price),
        follows_entity=entity is not None,
        co2=None if per_kwh is None else per_kwh * heat_content,
    )


def read_curve(rows: list[dict[str, Any]] | None) -> Curve | None:
    """Read a curve of COP over temperature; None if there is none."""
    if not rows:
        return None
    points = [(decimal(row[CONF_TEMPERATURE]), decimal(row[CONF_COP])) for row in rows]
    return Curve(tuple(sorted(points)))


def _air_conditioner(options: Mapping[str, Any]) -> AirConditioner | None:
    """Read the air conditioner; without a COP, or with 0, there is none."""
    cop, curve = decimal(options.get(CONF_COOLING_COP, 0)), read_curve(options.get(CONF_COP_CURVE))
    if not cop and curve:
        cop = min(at for _, at in curve.points)
    return AirConditioner(cop=cop, curve=curve) if cop else None


def _outdoor_seasons(options: Mapping[str, Any]) -> OutdoorSeasons:
    usual = OutdoorSeasons()
    return OutdoorSeasons(
        heating_below_c=decimal(options.get(CONF_HEATING_BELOW, usual.heating_below_c)),
        cooling_above_c=decimal(options.get(CONF_COOLING_ABOVE, usual.cooling_above_c)),
    )


def decimal(number: float | Decimal) -> Decimal:
    """Return a number of a form as it was written."""
    return Decimal(str(number))
