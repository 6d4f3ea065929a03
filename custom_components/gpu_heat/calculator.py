"""The action `gpu_heat.estimate`: reads a call, works it out, and says what it assumed."""

from collections.abc import Mapping
from decimal import Decimal
import math
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
import voluptuous as vol

from .agent.presets import PRESETS
from .const import (
    CONF_COOLING_COP,
    CONF_COOLING_MONTHS,
    CONF_CURRENCY,
    CONF_EFFICIENCY,
    CONF_ELECTRICITY_CO2,
    CONF_ELECTRICITY_PRICE,
    CONF_FUEL,
    CONF_FUEL_CO2,
    CONF_FUEL_PRICE,
    CONF_FUEL_UNIT,
    CONF_HEAT_CONTENT,
    CONF_HEAT_PER_AREA,
    CONF_HEATING_MONTHS,
    CONF_REGION,
    DOMAIN,
)
from .electricity_forms import check_price
from .forms import Findings
from .heat.emissions import ELECTRICITY_CO2
from .heat.estimate import Plan, Sums, estimate
from .heat.fuels import FUELS, Heater
from .heat.regions import REGIONS, Region
from .heat.tariffs import FixedPrice, Prices
from .heat.units import SQUARE_METERS_PER_SQUARE_FOOT
from .heating_forms import cooling_findings, heater_findings
from .settings import HEAT_PER_AREA, decimal, read_heater

ATTR_POWER = "power_w"
ATTR_GPU = "gpu"
ATTR_COUNT = "count"
ATTR_DEVICES = "devices"
ATTR_OVERHEAD = "overhead"
ATTR_HOURS = "hours_per_day"
ATTR_CAPTURE = "capture"

_USUAL_HEATING_MONTHS = 7  # October to April, as a new zone has them


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise vol.Invalid("not a number")
    return number


def _number(least: float, most: float) -> Any:
    return vol.All(vol.Coerce(float), _finite, vol.Range(min=least, max=most))


_COUNT = vol.All(vol.Coerce(int), vol.Range(min=1, max=1_000_000))
_WATTS = _number(0, 1e9)
_DEVICE = vol.All(
    vol.Schema(
        {
            vol.Exclusive(ATTR_GPU, "power"): vol.In(sorted(PRESETS)),
            vol.Exclusive(ATTR_POWER, "power"): _WATTS,
            vol.Optional(ATTR_COUNT, default=1): _COUNT,
        }
    ),
    cv.has_at_least_one_key(ATTR_GPU, ATTR_POWER),
)
ESTIMATE_SCHEMA = vol.Schema(
    {
        vol.Exclusive(ATTR_POWER, "power"): _WATTS,
        vol.Exclusive(ATTR_GPU, "power"): vol.In(sorted(PRESETS)),
        vol.Exclusive(ATTR_DEVICES, "power"): vol.All(cv.ensure_list, [_DEVICE]),
        vol.Optional(ATTR_COUNT, default=1): _COUNT,
        vol.Optional(ATTR_OVERHEAD, default=0): _number(0, 200),
        vol.Optional(ATTR_HOURS, default=24): _number(0, 24),
        vol.Optional(CONF_HEATING_MONTHS): _number(0, 12),
        vol.Optional(CONF_COOLING_MONTHS, default=0): _number(0, 12),
        vol.Optional(CONF_COOLING_COP, default=0): _number(0, 100),
        vol.Optional(CONF_ELECTRICITY_PRICE): _number(-1e6, 1e6),
        vol.Optional(CONF_REGION): vol.In(sorted(REGIONS)),
        vol.Required(CONF_FUEL): vol.In(sorted(FUELS)),
        vol.Optional(CONF_FUEL_PRICE): _number(-1e6, 1e6),
        vol.Optional(CONF_FUEL_UNIT): cv.string,
        vol.Optional(CONF_EFFICIENCY): _number(0, 1e5),
        vol.Optional(CONF_HEAT_CONTENT): _number(0, 1e6),
        vol.Optional(ATTR_CAPTURE, default=100): _number(0, 100),
        vol.Optional(CONF_HEAT_PER_AREA, default=float(HEAT_PER_AREA)): _number(0.1, 1000),
        vol.Optional(CONF_ELECTRICITY_CO2): _number(0, 2000),
        vol.Optional(CONF_FUEL_CO2): _number(0, 2000),
    }
)


def answer(hass: HomeAssistant, call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the estimate for a call. Raises ServiceValidationError."""
    region = REGIONS.get(call.get(CONF_REGION, ""))
    currency = region.currency if region else hass.config.currency
    _check(hass, call, currency)
    heater = read_heater(call)
    plan = Plan(
        power_w=_power_w(call) * (1 + decimal(call[ATTR_OVERHEAD]) / 100),
        hours_per_day=decimal(call[ATTR_HOURS]),
        heating_months=_heating_months(call, region),
        cooling_months=decimal(call[CONF_COOLING_MONTHS]),
        prices=_prices(call, region),
        heater=heater,
        cooling_cop=decimal(call[CONF_COOLING_COP]),
        capture=decimal(call[ATTR_CAPTURE]) / 100,
        electricity_co2=_electricity_co2(hass, call, region),
        heat_per_sqft=decimal(call[CONF_HEAT_PER_AREA]),
    )
    if plan.heating_months + plan.cooling_months > 12:
        raise _refusal("too_many_months")
    found = estimate(plan)
    return {
        "heat_btu_per_hour": _shown(found.heat_btu_per_hour),
        "heated_area_m2": _shown(found.heated_area_sqft * SQUARE_METERS_PER_SQUARE_FOOT),
        "heated_area_sqft": _shown(found.heated_area_sqft),
        "break_even_price": _shown(found.break_even_price),
        "heating_month": _sums(found.heating_month, heater),
        "cooling_month": _sums(found.cooling_month, heater),
        "year": _sums(found.year, heater),
        "assumed": _assumed(plan, None if CONF_ELECTRICITY_PRICE in call else region, currency),
    }


def _check(hass: HomeAssistant, call: Mapping[str, Any], currency: str) -> None:
    if not {ATTR_POWER, ATTR_GPU, ATTR_DEVICES} & set(call):
        raise _refusal("power_missing")
    found = Findings()
    if CONF_ELECTRICITY_PRICE in call:
        price = decimal(call[CONF_ELECTRICITY_PRICE])
        check_price(found, CONF_ELECTRICITY_PRICE, price, currency)
    elif CONF_REGION not in call:
        found.refuse(CONF_ELECTRICITY_PRICE, "price_or_region_missing")
    for findings in (found, heater_findings(hass, call, currency=currency), cooling_findings(call)):
        for field, text in findings.errors.items():
            raise _refusal(text, field=field, **findings.placeholders)


def _refusal(text: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=text, translation_placeholders=placeholders
    )


def _power_w(call: Mapping[str, Any]) -> Decimal:
    devices = call.get(ATTR_DEVICES, [call])
    return sum((_device_w(device) * device[ATTR_COUNT] for device in devices), Decimal(0))


def _device_w(device: Mapping[str, Any]) -> Decimal:
    if ATTR_POWER in device:
        return decimal(device[ATTR_POWER])
    return decimal(PRESETS[device[ATTR_GPU]].system_power_w)


def _heating_months(call: Mapping[str, Any], region: Region | None) -> Decimal:
    if (months := call.get(CONF_HEATING_MONTHS)) is not None:
        return decimal(months)
    usual = region.heating_months if region else None
    return min(Decimal(usual or _USUAL_HEATING_MONTHS), 12 - decimal(call[CONF_COOLING_MONTHS]))


def _prices(call: Mapping[str, Any], region: Region | None) -> Prices:
    price = call.get(CONF_ELECTRICITY_PRICE)
    return region.prices if region and price is None else FixedPrice(decimal(price or 0))


def _electricity_co2(
    hass: HomeAssistant, call: Mapping[str, Any], region: Region | None
) -> Decimal | None:
    if (grams := call.get(CONF_ELECTRICITY_CO2)) is not None:
        return decimal(grams) / 1000
    if region and region.electricity_co2 is not None:
        return region.electricity_co2
    return None if region else ELECTRICITY_CO2.get(hass.config.country or "")


def _sums(sums: Sums, heater: Heater) -> dict[str, Any]:
    names = (*Sums.__slots__, "net_cost", "net_co2_kg")
    return {name: _shown(getattr(sums, name)) for name in names} | {"fuel_unit": heater.unit}


def _assumed(plan: Plan, region: Region | None, currency: str) -> dict[str, Any]:
    """Return what the figures stand on, so that nobody has to guess it."""
    grams = None if plan.electricity_co2 is None else plan.electricity_co2 * 1000
    return {
        ATTR_POWER: _shown(plan.power_w),
        ATTR_HOURS: _shown(plan.hours_per_day),
        CONF_HEATING_MONTHS: _shown(plan.heating_months),
        CONF_CURRENCY: currency,
        CONF_FUEL: plan.heater.fuel.id,
        CONF_EFFICIENCY: _shown(plan.heater.efficiency * 100),
        CONF_HEAT_CONTENT: _shown(plan.heater.heat_content),
        CONF_ELECTRICITY_CO2: _shown(grams),
        "tariff": f"{region.source} ({region.since})" if region else None,
    }


def _shown(value: Decimal | None) -> float | None:
    return None if value is None else float(round(value, 6))
