"""The forms for the price of electricity, and what they refuse."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import combinations, pairwise
from typing import Any

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant, State
from homeassistant.generated.currencies import ACTIVE_CURRENCIES
from homeassistant.helpers import selector
from homeassistant.util.unit_conversion import EnergyConverter
import voluptuous as vol

from .const import (
    CONF_CURRENCY,
    CONF_ELECTRICITY_CO2,
    CONF_ELECTRICITY_PRICE,
    CONF_END,
    CONF_FIRST_DAY,
    CONF_METER,
    CONF_METER_HAS_OURS,
    CONF_MONTHS,
    CONF_PERIOD,
    CONF_PRICE,
    CONF_PRICE_ENTITY,
    CONF_REGION,
    CONF_START,
    CONF_SURCHARGE,
    CONF_TARIFF,
    CONF_TAX,
    CONF_TIERS,
    CONF_UP_TO,
    CONF_WEEKDAYS,
    CONF_WINDOWS,
)
from .forms import Findings, check_rows, choice, entity, number, rows
from .heat.emissions import ELECTRICITY_CO2
from .heat.price_units import PriceUnitError, WrongCurrencyError, most_per_kwh, price_factor
from .heat.regions import REGIONS, Region
from .heat.tariffs import FixedPrice, Period, TieredPrice, TimeOfUse
from .inputs import known, read_energy_j, read_number
from .settings import (
    MONTH_KEYS,
    WEEKDAY_KEYS,
    TariffKind,
    decimal,
    read_tiers,
    read_window,
)

_PRICE_ENTITIES = ("sensor", "input_number", "number")


def electricity_form(hass: HomeAssistant, currency: str) -> vol.Schema:
    """Return the form for the kind of price, and for what all kinds share.

    The price is optional only for the frontend, which fills a required number in with a 0.
    """
    per_kwh = f"{currency}/kWh"
    return vol.Schema(
        {
            vol.Required(CONF_TARIFF, default=TariffKind.FIXED): choice(
                list(TariffKind), CONF_TARIFF
            ),
            vol.Optional(CONF_ELECTRICITY_PRICE): number(least=-1000, most=1_000_000, unit=per_kwh),
            vol.Optional(CONF_REGION): choice(list(REGIONS), CONF_REGION),
            vol.Required(CONF_CURRENCY, default=currency): selector.SelectSelector(
                selector.SelectSelectorConfig(
                    options=sorted(ACTIVE_CURRENCIES),
                    custom_value=True,
                    mode=selector.SelectSelectorMode.DROPDOWN,
                )
            ),
            vol.Optional(CONF_SURCHARGE): number(least=-1000, most=1_000_000, unit=per_kwh),
            vol.Optional(CONF_TAX): number(most=1000, unit="%"),
            vol.Optional(CONF_ELECTRICITY_CO2): number(most=10_000, unit="g/kWh"),
        }
    )


def usual_electricity(hass: HomeAssistant) -> dict[str, Any]:
    """Return what the form suggests at first: the CO2 of the country's electricity."""
    co2 = ELECTRICITY_CO2.get(hass.config.country or "")
    return {} if co2 is None else {CONF_ELECTRICITY_CO2: float(co2 * 1000)}


def from_region(region: Region) -> dict[str, Any]:
    """Return a region's tariff as the forms have it."""
    filled: dict[str, Any] = {CONF_CURRENCY: region.currency}
    if region.electricity_co2 is not None:
        filled[CONF_ELECTRICITY_CO2] = float(region.electricity_co2 * 1000)
    match region.prices:
        case FixedPrice(price):
            return {**filled, CONF_TARIFF: TariffKind.FIXED, CONF_ELECTRICITY_PRICE: float(price)}
        case TieredPrice():
            tiers = [
                {CONF_PRICE: float(tier.price)}
                | ({} if tier.up_to_kwh is None else {CONF_UP_TO: float(tier.up_to_kwh)})
                for tier in region.prices.tiers
            ]
            return {
                **filled,
                CONF_TARIFF: TariffKind.TIERS,
                CONF_TIERS: tiers,
                CONF_PERIOD: region.prices.period,
                CONF_FIRST_DAY: region.prices.first_day,
            }
        case TimeOfUse():
            windows = [
                {
                    CONF_START: window.start.isoformat(),
                    CONF_END: window.end.isoformat(),
                    CONF_PRICE: float(window.price),
                    CONF_WEEKDAYS: [WEEKDAY_KEYS[day] for day in sorted(window.weekdays)],
                    CONF_MONTHS: [MONTH_KEYS[month - 1] for month in sorted(window.months)],
                }
                for window in region.prices.windows
            ]
            return {
                **filled,
                CONF_TARIFF: TariffKind.TIME_OF_USE,
                CONF_ELECTRICITY_PRICE: float(region.prices.base),
                CONF_WINDOWS: windows,
            }
    raise AssertionError(region)


def electricity_findings(user_input: Mapping[str, Any]) -> Findings:
    """Return what is wrong in the form for the kind of price."""
    found = Findings()
    currency = user_input[CONF_CURRENCY]
    if currency not in ACTIVE_CURRENCIES:
        found.refuse(CONF_CURRENCY, "currency_unknown", currency=currency)
        return found
    price = user_input.get(CONF_ELECTRICITY_PRICE)
    if user_input[CONF_TARIFF] in (TariffKind.FIXED, TariffKind.TIME_OF_USE):
        if price is None:
            found.refuse(CONF_ELECTRICITY_PRICE, "electricity_price_missing")
        else:
            check_price(found, CONF_ELECTRICITY_PRICE, decimal(price), currency)
    check_price(found, CONF_SURCHARGE, abs(decimal(user_input.get(CONF_SURCHARGE, 0))), currency)
    if user_input.get(CONF_TAX, 0) > 100:
        found.refuse(CONF_TAX, "tax_absurd")
    if user_input.get(CONF_ELECTRICITY_CO2, 0) > 2000:
        found.refuse(CONF_ELECTRICITY_CO2, "co2_absurd")
    return found


def check_price(found: Findings, name: str, price: Decimal, currency: str) -> None:
    """Refuse a price per kWh that is negative or absurd."""
    most = most_per_kwh(currency)
    if price < 0:
        found.refuse(name, "price_negative")
    elif price > most:
        found.refuse(
            name, "price_absurd", price=f"{price.normalize():f}", most=most, currency=currency
        )


def price_entity_form() -> vol.Schema:
    """Return the form for a price that an entity says."""
    return vol.Schema({vol.Required(CONF_PRICE_ENTITY): entity(*_PRICE_ENTITIES)})


def price_entity_findings(
    hass: HomeAssistant, user_input: Mapping[str, Any], *, currency: str
) -> Findings:
    """Return what is wrong in the form for a price that an entity says."""
    found = Findings()
    check_price_entity(hass, found, CONF_PRICE_ENTITY, user_input, currency=currency, per="kWh")
    return found


def check_price_entity(
    hass: HomeAssistant,
    found: Findings,
    name: str,
    user_input: Mapping[str, Any],
    *,
    currency: str,
    per: str,
) -> None:
    """Refuse an entity that there is not, or whose unit is not a price per unit."""
    if (entity_id := user_input.get(name)) is None:
        return
    if (state := hass.states.get(entity_id)) is None:
        found.refuse(name, "entity_missing")
        return
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    try:
        factor = price_factor(unit, currency=currency, per=per)
    except WrongCurrencyError:
        found.refuse(name, "price_wrong_currency", unit=unit, currency=currency)
    except PriceUnitError:
        found.refuse(name, "price_wrong_unit", unit=unit or "-", wanted=f"{currency}/{per}")
    else:
        price = read_number(state.state)
        if price is not None and per == "kWh":
            check_price(found, name, abs(price * factor), currency)


def tiers_form(currency: str) -> vol.Schema:
    """Return the form for prices by consumption."""
    tiers = rows(
        CONF_TIERS,
        {
            CONF_PRICE: number(least=-1000, most=1_000_000, unit=f"{currency}/kWh"),
            CONF_UP_TO: number(most=1_000_000, unit="kWh"),
        },
        label=CONF_PRICE,
        description=CONF_UP_TO,
    )
    return vol.Schema(
        {
            vol.Required(CONF_TIERS): tiers,
            vol.Required(CONF_PERIOD, default=Period.DAY): choice(list(Period), CONF_PERIOD),
            vol.Required(CONF_FIRST_DAY, default=1): number(least=1, most=28, step=1),
            vol.Optional(CONF_METER): entity("sensor", device_class="energy"),
            vol.Required(CONF_METER_HAS_OURS, default=True): selector.BooleanSelector(),
        }
    )


def tiers_findings(
    hass: HomeAssistant, user_input: Mapping[str, Any], *, currency: str
) -> Findings:
    """Return what is wrong in the form for prices by consumption."""
    found = Findings()
    given = check_rows(found, user_input, CONF_TIERS, CONF_PRICE)
    tiers = read_tiers(given)
    for tier in tiers:
        check_price(found, CONF_TIERS, tier.price, currency)
    *bounded, last = [tier.up_to_kwh for tier in tiers] or [None]
    if not tiers:
        found.refuse(CONF_TIERS, "tiers_missing")
    elif last is not None:
        found.refuse(CONF_TIERS, "last_tier_bounded")
    elif any(threshold is None for threshold in bounded):
        found.refuse(CONF_TIERS, "tier_unbounded")
    elif any((before or 0) >= (after or 0) for before, after in pairwise([Decimal(0), *bounded])):
        found.refuse(CONF_TIERS, "tiers_out_of_order")
    if entity_id := user_input.get(CONF_METER):
        state = hass.states.get(entity_id)
        if state is None:
            found.refuse(CONF_METER, "entity_missing")
        elif read_energy_j(state) is None and (known(state) or not _says_energy(state)):
            unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, state.state)
            found.refuse(CONF_METER, "not_an_energy", unit=unit)
    return found


def _says_energy(state: State) -> bool:
    return state.attributes.get(ATTR_UNIT_OF_MEASUREMENT) in EnergyConverter.VALID_UNITS


def windows_form(currency: str) -> vol.Schema:
    """Return the form for prices by the time of use."""
    windows = rows(
        CONF_WINDOWS,
        {
            CONF_START: selector.TimeSelector(),
            CONF_END: selector.TimeSelector(),
            CONF_PRICE: number(least=-1000, most=1_000_000, unit=f"{currency}/kWh"),
            CONF_WEEKDAYS: _keys(WEEKDAY_KEYS),
            CONF_MONTHS: _keys(MONTH_KEYS),
        },
        label=CONF_START,
        description=CONF_PRICE,
    )
    return vol.Schema({vol.Required(CONF_WINDOWS): windows})


def _keys(options: Sequence[str]) -> selector.SelectSelector:
    return selector.SelectSelector(
        selector.SelectSelectorConfig(options=list(options), multiple=True)
    )


def windows_findings(user_input: Mapping[str, Any], *, currency: str) -> Findings:
    """Return what is wrong in the form for prices by the time of use."""
    found = Findings()
    given = check_rows(found, user_input, CONF_WINDOWS, CONF_START, CONF_END, CONF_PRICE)
    windows = [read_window(row) for row in given]
    if not windows:
        found.refuse(CONF_WINDOWS, "windows_missing")
    for window in windows:
        check_price(found, CONF_WINDOWS, window.price, currency)
    for one, other in combinations(windows, 2):
        if one.overlaps(other):
            found.refuse(
                CONF_WINDOWS,
                "windows_overlap",
                one=f"{one.start:%H:%M}-{one.end:%H:%M}",
                other=f"{other.start:%H:%M}-{other.end:%H:%M}",
            )
    return found
