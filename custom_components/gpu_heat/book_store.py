"""The file of a zone's book; where it cannot be read, the sums go on from the recorder."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
import os
from typing import Any

from homeassistant.components.recorder import get_instance, history
from homeassistant.components.sensor import ATTR_LAST_RESET, DOMAIN as SENSOR_DOMAIN
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, UnitOfEnergy, UnitOfMass
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import DATA_INSTANCE
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.unit_conversion import EnergyConverter, MassConverter, VolumeConverter

from .const import DOMAIN, LOGGER, SUBENTRY_SOURCE
from .coordinator import GpuHeatConfigEntry
from .heat.account import Account
from .heat.book import Book
from .heat.ledger import Ledger, LedgerError
from .heat.units import JOULES_PER_KWH, joules
from .inputs import known, read_number
from .issues import report_book_set_aside
from .settings import ZoneSettings

# Before a stop the last states are "unavailable"; this many are looked through for a number.
_STATES = 10
_KWH = UnitOfEnergy.KILO_WATT_HOUR
_CONVERTERS = (EnergyConverter, VolumeConverter, MassConverter)


def book_store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    """Return the file of a zone's book."""
    return Store(hass, 1, f"{DOMAIN}.{entry_id}.ledger", atomic_writes=True)


async def async_load_book(
    hass: HomeAssistant, entry: GpuHeatConfigEntry, settings: ZoneSettings, now: datetime
) -> Book:
    """Return the book of a zone: what was written, or a new one.

    A file that cannot be read is set aside and reported, and the sums go on from the last
    values that the recorder has.
    """
    store = book_store(hass, entry.entry_id)
    document = await store.async_load()
    if document is not None:
        try:
            book = Book.from_json(document)
        except LedgerError as err:
            path = await _set_aside(hass, store.path, now)
            error = str(err)
        else:
            if book.unread:
                LOGGER.warning("Of %s these begin anew: %s", entry.title, ", ".join(book.unread))
            return book
    else:  # a new zone; or Home Assistant found no JSON in the file, and has set it aside
        path, error = store.path, "there is no such file"
    book = Book(ledger=Ledger(currency=settings.currency, since=now))
    restored = await _restore(hass, entry, settings, book)
    if document is not None or restored:
        LOGGER.error("The sums of %s cannot be read from %s: %s", entry.title, path, error)
        report_book_set_aside(hass, entry, path=path, error=error, restored=restored)
    return book


async def _set_aside(hass: HomeAssistant, path: str, now: datetime) -> str:
    aside = f"{path}.corrupt.{now:%Y%m%dT%H%M%S}"

    def rename() -> None:
        if os.path.exists(path):
            os.rename(path, aside)

    await hass.async_add_executor_job(rename)
    return aside


async def _restore(
    hass: HomeAssistant, entry: GpuHeatConfigEntry, settings: ZoneSettings, book: Book
) -> int:
    """Take the sums from the recorder's last states; return how many were found."""
    if DATA_INSTANCE not in hass.data:
        return 0
    found = 0
    registry = er.async_get(hass)
    ledger = book.ledger
    unique_ids = [
        item.unique_id for item in er.async_entries_for_config_entry(registry, entry.entry_id)
    ]
    for item in _sums(entry, settings, ledger, unique_ids):
        entity_id = registry.async_get_entity_id(SENSOR_DOMAIN, DOMAIN, item.unique_id)
        state = await _last_state(hass, entity_id) if entity_id else None
        amount = _amount(state, item.unit) if state else None
        if state is None or amount is None:
            continue
        item.take(amount)
        found += 1
        # Without its last_reset, statistics would take the sum for a new one.
        text = state.attributes.get(ATTR_LAST_RESET)
        last_reset = dt_util.parse_datetime(text) if text else None
        if item.unit == settings.currency:
            ledger.money_since = last_reset
        elif item.unique_id.endswith("_co2_net"):
            ledger.since = last_reset
    return found


async def _last_state(hass: HomeAssistant, entity_id: str) -> State | None:
    """Return the last state in the recorder that is a number."""

    def read() -> list[State]:
        return history.get_last_state_changes(hass, _STATES, entity_id).get(entity_id, [])

    states = await get_instance(hass).async_add_executor_job(read)
    return next(
        (
            state
            for state in reversed(states)
            if known(state) and read_number(state.state) is not None
        ),
        None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sum:
    """A sensor that shows a sum, in its own unit, and what takes the sum back."""

    unique_id: str
    unit: str
    take: Callable[[Decimal], None]


def _sums(
    entry: GpuHeatConfigEntry, settings: ZoneSettings, ledger: Ledger, unique_ids: Iterable[str]
) -> Iterator[_Sum]:
    """Yield the sensors of a zone, its sources and their devices that show sums."""
    totals = ledger.totals

    def put(name: str, factor: Decimal = Decimal(1)) -> Callable[[Decimal], None]:
        return lambda amount: setattr(totals, name, amount * factor)

    for key, name in (("energy", "energy_j"), ("useful_heat", "useful_heat_j")):
        unique_id = f"{entry.entry_id}_{key}"
        yield _Sum(unique_id=unique_id, unit=_KWH, take=put(name, JOULES_PER_KWH))
    for name in ("electricity_cost", "heat_value", "cooling_cost"):
        unique_id = f"{entry.entry_id}_{name}"
        yield _Sum(unique_id=unique_id, unit=settings.currency, take=put(name))
    yield _Sum(
        unique_id=f"{entry.entry_id}_co2_net", unit=UnitOfMass.KILOGRAMS, take=put("co2_net")
    )
    heaters = settings.rules.heaters
    for heater, key in (
        (heaters.first, "fuel_displaced"),
        (heaters.second, "second_fuel_displaced"),
    ):
        if heater:
            yield _Sum(
                unique_id=f"{entry.entry_id}_{key}",
                unit=heater.unit,
                take=partial(totals.fuel.__setitem__, heater.key),
            )
    for subentry in entry.get_subentries_of_type(SUBENTRY_SOURCE):
        account = ledger.account(subentry.subentry_id)

        def take(amount: Decimal, account: Account = account) -> None:
            account.energy_j = joules(amount)

        yield _Sum(unique_id=f"{subentry.subentry_id}_energy", unit=_KWH, take=take)
        for unique_id in unique_ids:
            device = unique_id.removeprefix(f"{subentry.subentry_id}_").removesuffix("_energy")
            if unique_id == f"{subentry.subentry_id}_{device}_energy":

                def take_device(
                    amount: Decimal, account: Account = account, device: str = device
                ) -> None:
                    account.devices_j[device] = joules(amount)

                yield _Sum(unique_id=unique_id, unit=_KWH, take=take_device)


def _amount(state: State, unit: str) -> Decimal | None:
    """Return a state's number in a unit: users may choose in which one a sensor is shown."""
    number, shown = read_number(state.state), state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if number is None or shown == unit:
        return number
    for converter in _CONVERTERS:
        if {shown, unit} <= converter.VALID_UNITS:
            return Decimal(str(converter.convert(float(number), shown, unit)))
    return None
