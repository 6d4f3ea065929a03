"""The forms for heating, seasons and air conditioning, and what they refuse."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from homeassistant.components.climate import DOMAIN as CLIMATE_DOMAIN
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers import selector
import voluptuous as vol

from .const import (
    CONF_BALANCE,
    CONF_COOLING,
    CONF_COOLING_ABOVE,
    CONF_COOLING_COP,
    CONF_COOLING_MONTHS,
    CONF_COP_CURVE,
    CONF_EFFICIENCY,
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
    CONF_OUTDOOR,
    CONF_SEASON_BY,
    CONF_SEASONS,
    CONF_SECOND_HEATER,
    CONF_THERMOSTAT,
    CONF_THERMOSTATS,
    CONF_WEIGHT,
    CONF_WEIGHTS,
)
from .electricity_forms import check_price_entity
from .forms import (
    COP_CURVE,
    Findings,
    check_cop_curve,
    check_rows,
    choice,
    entity,
    number,
    rows,
)
from .heat.fuels import FUELS, Fuel
from .heat.price_units import most_per_kwh
from .inputs import known, read_celsius
from .settings import HEAT_PER_AREA, SeasonBy, decimal

_HEATING_MONTHS_NORTH = (10, 11, 12, 1, 2, 3, 4)
_COOLING_MONTHS_NORTH = (6, 7, 8)
_UNITS = sorted({unit for fuel in FUELS.values() for unit in fuel.heat_contents})
# A heat content beyond half or twice the usual one is in another unit: BTU, MJ, or of a gallon.
_BY_GRADE, _BY_DEFINITION = Decimal(2), Decimal("1.01")
_UNITS_OF_ENERGY = {"kWh", "MWh", "GJ", "therm"}
_MOST_HEAT = Decimal(20_000)  # of any fuel: a cord of oak has 8,500 kWh


def _heater_fields(currency: str) -> dict[vol.Marker, Any]:
    """Return what is asked about any heater."""
    return {
        vol.Optional(CONF_FUEL_PRICE): number(least=-1000, most=1_000_000, unit=currency),
        vol.Optional(CONF_FUEL_PRICE_ENTITY): entity("sensor", "input_number", "number"),
        vol.Optional(CONF_FUEL_UNIT): selector.SelectSelector(
            selector.SelectSelectorConfig(
                options=_UNITS, custom_value=True, mode=selector.SelectSelectorMode.DROPDOWN
            )
        ),
        vol.Optional(CONF_EFFICIENCY): number(most=100_000, unit="%"),
        vol.Optional(CONF_HEAT_CONTENT): number(most=10_000_000, unit="kWh"),
    }


def _more_heater_fields() -> dict[vol.Marker, Any]:
    """Return what few need to say about a heater."""
    return {
        vol.Optional(CONF_COP_CURVE): COP_CURVE,
        vol.Optional(CONF_FUEL_CO2): number(most=10_000, unit="g/kWh"),
    }


def _fuel(marker: vol.Marker) -> dict[vol.Marker, Any]:
    return {marker: choice(list(FUELS), CONF_FUEL)}


def heating_form(currency: str) -> vol.Schema:
    """Return the form for the heating that is displaced."""
    return vol.Schema(
        {
            **_fuel(vol.Required(CONF_FUEL)),
            **_heater_fields(currency),
            **_more_heater_fields(),
            vol.Optional(CONF_HEAT_PER_AREA): number(most=1000, unit="BTU/h·ft²"),
        }
    )


def second_heater_form(currency: str) -> vol.Schema:
    """Return the form for a heater that takes over in the cold; without a fuel there is none."""
    return vol.Schema(
        {
            **_fuel(vol.Optional(CONF_FUEL)),
            vol.Optional(CONF_BALANCE): number(least=-40, most=30, unit="°C"),
            **_heater_fields(currency),
            **_more_heater_fields(),
        }
    )


def _months_fields(hass: HomeAssistant) -> dict[vol.Marker, Any]:
    """Return the months; offered first are the usual ones of the hemisphere."""
    months = choice([str(month) for month in range(1, 13)], "month", multiple=True)
    half_year = 0 if hass.config.latitude >= 0 else 6
    return {
        vol.Required(
            CONF_HEATING_MONTHS, default=_months(_HEATING_MONTHS_NORTH, half_year)
        ): months,
        vol.Required(
            CONF_COOLING_MONTHS, default=_months(_COOLING_MONTHS_NORTH, half_year)
        ): months,
    }


_THERMOSTATS = selector.EntitySelector(
    selector.EntitySelectorConfig(domain=CLIMATE_DOMAIN, multiple=True)
)
_OUTDOOR = entity("sensor", "weather", "input_number", device_class="temperature")


def seasons_form(hass: HomeAssistant) -> vol.Schema:
    """Return the form for the seasons, and for what tells how much heat is useful."""
    weights = rows(
        CONF_WEIGHTS,
        {
            CONF_THERMOSTAT: selector.EntitySelector(
                selector.EntitySelectorConfig(domain=CLIMATE_DOMAIN)
            ),
            CONF_WEIGHT: number(most=10_000),
        },
        label=CONF_THERMOSTAT,
        description=CONF_WEIGHT,
    )
    return vol.Schema(
        {
            vol.Required(CONF_SEASON_BY, default=SeasonBy.MONTHS): choice(
                list(SeasonBy), CONF_SEASON_BY
            ),
            **_months_fields(hass),
            vol.Optional(CONF_OUTDOOR): _OUTDOOR,
            vol.Required(CONF_HEATING_BELOW, default=13): number(least=-20, most=30, unit="°C"),
            vol.Required(CONF_COOLING_ABOVE, default=18): number(least=-20, most=40, unit="°C"),
            vol.Optional(CONF_THERMOSTATS): _THERMOSTATS,
            vol.Optional(CONF_WEIGHTS): weights,
        }
    )


def cooling_form() -> vol.Schema:
    """Return the form for the air conditioner."""
    return vol.Schema(
        {
            vol.Optional(CONF_COOLING_COP): number(most=100),
            vol.Optional(CONF_COP_CURVE): COP_CURVE,
        }
    )


def zone_form(hass: HomeAssistant, currency: str) -> vol.Schema:
    """Return the form for a new zone: its name, the heating, the months, the air conditioner."""
    return vol.Schema(
        {
            vol.Required(CONF_NAME, default=hass.config.location_name): selector.TextSelector(),
            **_fuel(vol.Required(CONF_FUEL)),
            **_heater_fields(currency),
            **_months_fields(hass),
            vol.Optional(CONF_THERMOSTATS): _THERMOSTATS,
            vol.Optional(CONF_OUTDOOR): _OUTDOOR,
            vol.Optional(CONF_COOLING_COP): number(most=100),
        }
    )


_SECTION_OF = dict.fromkeys(
    (CONF_HEATING_MONTHS, CONF_COOLING_MONTHS, CONF_THERMOSTATS, CONF_OUTDOOR), CONF_SEASONS
) | {CONF_COOLING_COP: CONF_COOLING}


def zone_sections(user_input: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the form for a new zone says, as the options have it."""
    sections: dict[str, dict[str, Any]] = {CONF_HEATING: {}, CONF_SEASONS: {}, CONF_COOLING: {}}
    for name, value in user_input.items():
        sections[_SECTION_OF.get(name, CONF_HEATING)][name] = value
    return sections


def zone_findings(hass: HomeAssistant, user_input: Mapping[str, Any], *, currency: str) -> Findings:
    """Return what is wrong in the form for a new zone."""
    found = heater_findings(hass, user_input, currency=currency)
    found.add(seasons_findings(hass, user_input))
    found.add(cooling_findings(user_input))
    return found


def heater_findings(
    hass: HomeAssistant,
    user_input: Mapping[str, Any],
    *,
    currency: str,
    outdoor: str | None = None,
    before: Mapping[str, Any] | None = None,
) -> Findings:
    """Return what is wrong in the form for a heater; `before` is what it said before."""
    found = Findings()
    fuel = FUELS[user_input[CONF_FUEL]]
    unit = user_input.get(CONF_FUEL_UNIT)
    content = user_input.get(CONF_HEAT_CONTENT)
    if fuel.id == "custom":
        if not unit:
            found.refuse(CONF_FUEL_UNIT, "fuel_unit_missing")
        if content is None:
            found.refuse(CONF_HEAT_CONTENT, "heat_content_missing")
    elif unit and fuel.heat_contents and unit not in fuel.heat_contents:
        units = ", ".join(fuel.heat_contents)
        found.refuse(CONF_FUEL_UNIT, "fuel_unit_wrong", unit=unit, units=units)
    _check_fuel_price(hass, found, user_input, currency=currency)
    percent = user_input.get(CONF_EFFICIENCY)
    least, most = fuel.efficiency_range
    if percent is not None and not least <= decimal(percent) / 100 <= most:
        found.refuse(CONF_EFFICIENCY, "cop_range" if most > 2 else "efficiency_range")
    if content is not None:
        _check_heat_content(found, fuel, unit, decimal(content))
    if user_input.get(CONF_FUEL_CO2, 0) > 2000:
        found.refuse(CONF_FUEL_CO2, "co2_absurd")
    if user_input.get(CONF_HEAT_PER_AREA) == 0:
        found.refuse(CONF_HEAT_PER_AREA, "heat_per_area_zero")
    if user_input.get(CONF_COP_CURVE) and most < 2:
        found.refuse(CONF_COP_CURVE, "no_heat_pump")
    check_cop_curve(found, user_input, outdoor=outdoor)
    price = user_input.get(CONF_FUEL_PRICE)
    if before and CONF_FUEL_UNIT not in found.errors and price is not None:
        old = before[CONF_FUEL], before.get(CONF_FUEL_UNIT, FUELS[before[CONF_FUEL]].unit)
        if price == before.get(CONF_FUEL_PRICE) and old != (fuel.id, unit or fuel.unit):
            found.refuse(CONF_FUEL_PRICE, "price_of_other_fuel", unit=unit or fuel.unit)
    return found


def _check_heat_content(found: Findings, fuel: Fuel, unit: str | None, content: Decimal) -> None:
    """Refuse a heat content that is far from the usual one, or from what its unit means."""
    usual = fuel.heat_contents.get(unit or fuel.unit)
    least, most = Decimal(0), _MOST_HEAT
    if usual:
        part = _BY_DEFINITION if (unit or fuel.unit) in _UNITS_OF_ENERGY else _BY_GRADE
        least, most = usual / part, usual * part
    if content == 0 or not least <= content <= most:
        found.refuse(
            CONF_HEAT_CONTENT, "heat_content_absurd", least=f"{least:.4g}", most=f"{most:.4g}"
        )


def _check_fuel_price(
    hass: HomeAssistant, found: Findings, user_input: Mapping[str, Any], *, currency: str
) -> None:
    fuel = FUELS[user_input[CONF_FUEL]]
    unit = user_input.get(CONF_FUEL_UNIT, fuel.unit)
    price: float | None = user_input.get(CONF_FUEL_PRICE)
    if fuel.id == "none":
        return
    if CONF_FUEL_PRICE_ENTITY in user_input:
        check_price_entity(
            hass, found, CONF_FUEL_PRICE_ENTITY, user_input, currency=currency, per=unit
        )
    elif price is None:
        if not fuel.electric:
            found.refuse(CONF_FUEL_PRICE, "fuel_price_missing")
    elif price < 0:
        found.refuse(CONF_FUEL_PRICE, "price_negative")
    else:
        content: float | Decimal = user_input.get(CONF_HEAT_CONTENT) or fuel.heat_contents.get(
            unit, Decimal(1)
        )
        most = most_per_kwh(currency) * decimal(content)
        if decimal(price) > most:
            found.refuse(
                CONF_FUEL_PRICE,
                "fuel_price_absurd",
                price=price,
                most=f"{most:.4g}",
                currency=currency,
                unit=unit,
            )


def second_heater_findings(
    hass: HomeAssistant,
    user_input: Mapping[str, Any],
    first: str,
    *,
    outdoor: str | None,
    currency: str,
) -> Findings:
    """Return what is wrong in the form for the second heater; `first` is the first one's fuel."""
    if CONF_FUEL not in user_input:
        return Findings()
    found = heater_findings(hass, user_input, currency=currency, outdoor=outdoor)
    if user_input[CONF_FUEL] == first:
        found.refuse(CONF_FUEL, "second_heater_same")
    if CONF_BALANCE not in user_input:
        found.refuse(CONF_BALANCE, "balance_missing")
    if outdoor is None:
        found.refuse(CONF_BALANCE, "outdoor_missing")
    return found


def needs_outdoor(options: Mapping[str, Any]) -> bool:
    """Tell whether a second heater or a curve goes by the temperature outdoors."""
    sections = [options.get(name, {}) for name in (CONF_HEATING, CONF_SECOND_HEATER, CONF_COOLING)]
    curves = any(section.get(CONF_COP_CURVE) for section in sections)
    return curves or bool(options.get(CONF_SECOND_HEATER))


def seasons_findings(
    hass: HomeAssistant, user_input: Mapping[str, Any], *, outdoor_needed: bool = False
) -> Findings:
    """Return what is wrong in the form for the seasons."""
    found = Findings()
    if outdoor_needed and CONF_OUTDOOR not in user_input:
        found.refuse(CONF_OUTDOOR, "outdoor_in_use")
    if set(user_input[CONF_HEATING_MONTHS]) & set(user_input[CONF_COOLING_MONTHS]):
        found.refuse(CONF_COOLING_MONTHS, "months_overlap")
    by = user_input.get(CONF_SEASON_BY)
    if by == SeasonBy.OUTDOOR and CONF_OUTDOOR not in user_input:
        found.refuse(CONF_OUTDOOR, "outdoor_needed")
    if by == SeasonBy.THERMOSTAT and not user_input.get(CONF_THERMOSTATS):
        found.refuse(CONF_THERMOSTATS, "thermostats_missing")
    if entity_id := user_input.get(CONF_OUTDOOR):
        state = hass.states.get(entity_id)
        if state is None:
            found.refuse(CONF_OUTDOOR, "entity_missing")
        elif known(state) and read_celsius(state) is None:
            found.refuse(CONF_OUTDOOR, "not_a_temperature")
    below, above = user_input.get(CONF_HEATING_BELOW, 13), user_input.get(CONF_COOLING_ABOVE, 18)
    if above - below < 2:
        found.refuse(CONF_COOLING_ABOVE, "thresholds_too_near")
    weights = check_rows(found, user_input, CONF_WEIGHTS, CONF_THERMOSTAT, CONF_WEIGHT)
    weighed = [row[CONF_THERMOSTAT] for row in weights]
    if not set(weighed) <= set(user_input.get(CONF_THERMOSTATS) or []):
        found.refuse(CONF_WEIGHTS, "weight_of_other")
    if len(set(weighed)) < len(weighed):
        found.refuse(CONF_WEIGHTS, "weight_twice")
    if any(row[CONF_WEIGHT] <= 0 for row in weights):
        found.refuse(CONF_WEIGHTS, "weight_zero")
    return found


def cooling_findings(user_input: Mapping[str, Any], *, outdoor: str | None = None) -> Findings:
    """Return what is wrong in the form for the air conditioner."""
    found = Findings()
    cop = user_input.get(CONF_COOLING_COP, 0)
    if cop != 0 and not 1 <= cop <= 20:
        found.refuse(CONF_COOLING_COP, "cop_below_1")
    check_cop_curve(found, user_input, outdoor=outdoor)
    return found


def usual_heating() -> dict[str, Any]:
    """Return what the heating form suggests at first."""
    return {CONF_HEAT_PER_AREA: float(HEAT_PER_AREA)}


def _months(north: tuple[int, ...], shift: int) -> list[str]:
    return [str((month - 1 + shift) % 12 + 1) for month in north]
