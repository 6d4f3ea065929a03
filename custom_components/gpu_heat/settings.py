"""A zone's settings, read from the options of its config entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

from .const import (
    CONF_CONTROL,
    CONF_COOLING_MONTHS,
    CONF_EFFICIENCY,
    CONF_ELECTRICITY,
    CONF_ELECTRICITY_PRICE,
    CONF_FUEL,
    CONF_FUEL_PRICE,
    CONF_HEAT_CONTENT,
    CONF_HEATING,
    CONF_HEATING_MONTHS,
    CONF_MINIMUM_OFF,
    CONF_MINIMUM_ON,
    CONF_THERMOSTAT,
)
from .control.follow import MinimumTimes
from .heat.fuels import FUELS, Heating
from .heat.seasons import SeasonCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSettings:
    """Prices in the currency of Home Assistant; `thermostat` is a climate entity's id."""

    electricity_price: Decimal
    heating: Heating
    calendar: SeasonCalendar
    thermostat: str | None
    minimum: MinimumTimes

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Read the options as the config flow wrote them."""
        electricity_price = _decimal(options[CONF_ELECTRICITY][CONF_ELECTRICITY_PRICE])
        heating = options[CONF_HEATING]
        control = options.get(CONF_CONTROL, {})
        return cls(
            electricity_price=electricity_price,
            heating=_heating(heating, electricity_price),
            calendar=SeasonCalendar(
                heating_months=frozenset(map(int, heating[CONF_HEATING_MONTHS])),
                cooling_months=frozenset(map(int, heating[CONF_COOLING_MONTHS])),
            ),
            thermostat=heating.get(CONF_THERMOSTAT),
            minimum=MinimumTimes(
                **{
                    name: timedelta(**control[key])
                    for name, key in (("on", CONF_MINIMUM_ON), ("off", CONF_MINIMUM_OFF))
                    if key in control
                }
            ),
        )


def _heating(options: Mapping[str, Any], electricity_price: Decimal) -> Heating:
    """Fill in what the user left to the fuel: its usual efficiency, heat content, price."""
    fuel = FUELS[options[CONF_FUEL]]
    price = options.get(CONF_FUEL_PRICE)
    percent = options.get(CONF_EFFICIENCY)
    content = options.get(CONF_HEAT_CONTENT)
    return Heating(
        fuel=fuel,
        price=electricity_price if price is None else _decimal(price),
        efficiency=fuel.efficiency if percent is None else _decimal(percent) / 100,
        heat_content=fuel.heat_content if content is None else _decimal(content),
    )


def _decimal(number: float) -> Decimal:
    return Decimal(str(number))
