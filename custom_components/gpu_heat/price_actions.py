"""Asks integrations for the prices ahead that tell them by an action of their own.

Home Assistant's own integrations do not show them as attributes.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .const import LOGGER
from .heat.price_rows import Shape, Told, rows_of

_ANSWERS_WITHIN_S = 60
_ROWS = "rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAction:
    """An action that answers with the prices of a day.

    `data` is what it is asked with for a price entity, its entry and a day; `lists` finds the
    rows in its answer, by names that tell several lists apart.
    """

    action: str
    shape: Shape
    data: Callable[[er.RegistryEntry, ConfigEntry, date], dict[str, Any]]
    lists: Callable[[Any], Mapping[str, Any]]


def _nordpool(entity: er.RegistryEntry, entry: ConfigEntry, day: date) -> dict[str, Any]:
    area, _, _ = entity.unique_id.rpartition("-")
    return {"config_entry": entry.entry_id, "date": day.isoformat(), "areas": [area]}


def _tibber(entity: er.RegistryEntry, entry: ConfigEntry, day: date) -> dict[str, Any]:
    begin, end = (dt_util.start_of_local_day(day + timedelta(days=n)) for n in (0, 1))
    return {"start": begin.isoformat(), "end": end.isoformat()}


def _easyenergy(entity: er.RegistryEntry, entry: ConfigEntry, day: date) -> dict[str, Any]:
    return {
        "config_entry": entry.entry_id,
        "incl_vat": True,
        "start": day.isoformat(),
        "end": day.isoformat(),
    }


def _energyzero(
    price_type: str,
) -> Callable[[er.RegistryEntry, ConfigEntry, date], dict[str, Any]]:
    def data(entity: er.RegistryEntry, entry: ConfigEntry, day: date) -> dict[str, Any]:
        quarters = entry.options.get("electricity_price_interval") == "quarter_hourly"
        return _easyenergy(entity, entry, day) | {
            "price_type": price_type,
            "interval": "quarter" if quarters else "hour",
        }

    return data


def _its_prices(answer: Any) -> Mapping[str, Any]:
    return {"": answer["prices"]}


# By the integration of a price entity. Nord Pool answers per MWh, and shows per kWh.
ACTIONS: dict[str, tuple[PriceAction, ...]] = {
    "nordpool": (
        PriceAction(
            action="get_prices_for_date",
            shape=Shape(lists=(_ROWS,), start="start", end="end", value="price", scale=0.001),
            data=_nordpool,
            lists=lambda answer: answer,
        ),
    ),
    "tibber": (
        PriceAction(
            action="get_prices",
            shape=Shape(lists=(_ROWS,), start="start_time", value="price"),
            data=_tibber,
            lists=lambda answer: answer["prices"],
        ),
    ),
    "easyenergy": (
        PriceAction(
            action="get_energy_usage_prices",
            shape=Shape(lists=(_ROWS,), start="timestamp", value="price"),
            data=_easyenergy,
            lists=_its_prices,
        ),
    ),
    "energyzero": tuple(
        PriceAction(
            action="get_energy_prices",
            shape=Shape(lists=(_ROWS,), start="start", end="end", value="price"),
            data=_energyzero(price_type),
            lists=_its_prices,
        )
        for price_type in ("market", "all_in")
    ),
}


async def async_ask_prices(hass: HomeAssistant, entity_id: str) -> list[Told]:
    """Return the prices of today and tomorrow that the integration of an entity answers with.

    None of a day that it cannot tell, or if it has no such action.
    """
    entity = er.async_get(hass).async_get(entity_id)
    entry_id = entity.config_entry_id if entity else None
    entry = hass.config_entries.async_get_entry(entry_id) if entry_id else None
    if entity is None or entry is None:
        return []
    today = dt_util.now().date()
    told = []
    for number, action in enumerate(ACTIONS.get(entity.platform, ())):
        lists = defaultdict[str, list[Any]](list)
        for day in (today, today + timedelta(days=1)):
            data = action.data(entity, entry, day)
            try:
                async with asyncio.timeout(_ANSWERS_WITHIN_S):
                    answer = await hass.services.async_call(
                        entity.platform, action.action, data, blocking=True, return_response=True
                    )
                for name, rows in action.lists(answer).items():
                    lists[name] += rows
            except Exception as err:  # what an integration may raise is not settled
                LOGGER.debug("%s tells no prices of %s: %r", entity.platform, day, err)
        for name, rows in lists.items():
            if read := tuple(rows_of({_ROWS: rows}, action.shape)):
                told.append(Told(key=f"{action.action} {number} {name}", rows=read))
    return told
