"""The forms that the flows show, and what they refuse."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from homeassistant.components.climate import DOMAIN as CLIMATE_DOMAIN
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PORT, CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import selector
import voluptuous as vol

from .const import (
    CONF_COOLING_MONTHS,
    CONF_EFFICIENCY,
    CONF_ELECTRICITY_PRICE,
    CONF_FUEL,
    CONF_FUEL_PRICE,
    CONF_HEAT_CONTENT,
    CONF_HEATING_MONTHS,
    CONF_MINIMUM_OFF,
    CONF_MINIMUM_ON,
    CONF_THERMOSTAT,
    CONF_TLS,
)
from .heat.fuels import FUELS

_HEATING_MONTHS_NORTH = (10, 11, 12, 1, 2, 3, 4)
_COOLING_MONTHS_NORTH = (6, 7, 8)
_MINIMUM_TIME = {"minutes": 30}


def _number(*, most: float, unit: str | None = None, least: float = 0) -> selector.NumberSelector:
    config = selector.NumberSelectorConfig(
        min=least, max=most, step="any", mode=selector.NumberSelectorMode.BOX
    )
    if unit:
        config["unit_of_measurement"] = unit
    return selector.NumberSelector(config)


AGENT_FORM = vol.Schema(
    {
        vol.Required(CONF_HOST): vol.All(selector.TextSelector(), vol.Strip, vol.Length(min=1)),
        vol.Required(CONF_PORT): selector.NumberSelector(
            selector.NumberSelectorConfig(
                min=1, max=65535, step=1, mode=selector.NumberSelectorMode.BOX
            )
        ),
        vol.Required(CONF_TOKEN): vol.All(
            selector.TextSelector(
                selector.TextSelectorConfig(type=selector.TextSelectorType.PASSWORD)
            ),
            vol.Strip,
        ),
        vol.Required(CONF_TLS): selector.BooleanSelector(),
    }
)

_DURATION = selector.DurationSelector(selector.DurationSelectorConfig(enable_day=False))
CONTROL_FORM = vol.Schema(
    {
        vol.Required(CONF_MINIMUM_ON, default=_MINIMUM_TIME): _DURATION,
        vol.Required(CONF_MINIMUM_OFF, default=_MINIMUM_TIME): _DURATION,
    }
)


def electricity_form(hass: HomeAssistant) -> vol.Schema:
    """Return the form for the price of electricity.

    Optional only for the frontend, which fills a required number in with a 0.
    """
    unit = f"{hass.config.currency}/kWh"
    return vol.Schema({vol.Optional(CONF_ELECTRICITY_PRICE): _number(most=1_000_000, unit=unit)})


def electricity_errors(user_input: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong in an electricity form, by field."""
    if CONF_ELECTRICITY_PRICE not in user_input:
        return {CONF_ELECTRICITY_PRICE: "electricity_price_missing"}
    return {}


def heating_form(hass: HomeAssistant) -> vol.Schema:
    """Return the form for the heating that is displaced.

    The months that are offered first are the usual ones of the hemisphere that Home
    Assistant is in.
    """
    months = selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=[str(month) for month in range(1, 13)], multiple=True, translation_key="month"
        )
    )
    half_year = 0 if hass.config.latitude >= 0 else 6
    return vol.Schema(
        {
            vol.Required(CONF_FUEL): selector.SelectSelector(
                selector.SelectSelectorConfig(
                    options=list(FUELS),
                    translation_key="fuel",
                    mode=selector.SelectSelectorMode.DROPDOWN,
                )
            ),
            vol.Optional(CONF_FUEL_PRICE): _number(most=1_000_000, unit=hass.config.currency),
            vol.Optional(CONF_EFFICIENCY): _number(most=1000, unit="%"),
            vol.Optional(CONF_HEAT_CONTENT): _number(most=1000, unit="kWh"),
            vol.Required(
                CONF_HEATING_MONTHS, default=_months(_HEATING_MONTHS_NORTH, half_year)
            ): months,
            vol.Required(
                CONF_COOLING_MONTHS, default=_months(_COOLING_MONTHS_NORTH, half_year)
            ): months,
            vol.Optional(CONF_THERMOSTAT): selector.EntitySelector(
                selector.EntitySelectorConfig(domain=CLIMATE_DOMAIN)
            ),
        }
    )


def zone_form(hass: HomeAssistant) -> vol.Schema:
    """Return the form for a new zone: its name, and the heating."""
    return vol.Schema(
        {
            vol.Required(CONF_NAME, default=hass.config.location_name): selector.TextSelector(),
            **heating_form(hass).schema,
        }
    )


def heating_errors(user_input: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong in a heating form, by field."""
    errors: dict[str, str] = {}
    fuel = FUELS[user_input[CONF_FUEL]]
    if CONF_FUEL_PRICE not in user_input and not fuel.electric:
        errors[CONF_FUEL_PRICE] = "fuel_price_missing"
    percent = user_input.get(CONF_EFFICIENCY)
    if percent is not None:
        least, most = fuel.efficiency_range
        if not least <= Decimal(str(percent)) / 100 <= most:
            errors[CONF_EFFICIENCY] = "cop_range" if most > 2 else "efficiency_range"
    if user_input.get(CONF_HEAT_CONTENT) == 0:
        errors[CONF_HEAT_CONTENT] = "heat_content_zero"
    if set(user_input[CONF_HEATING_MONTHS]) & set(user_input[CONF_COOLING_MONTHS]):
        errors[CONF_COOLING_MONTHS] = "months_overlap"
    return errors


def _months(north: tuple[int, ...], shift: int) -> list[str]:
    return [str((month - 1 + shift) % 12 + 1) for month in north]
