"""Follows the meter of a household, for tariffs whose tiers go by all that it uses."""

from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal

from homeassistant.components.recorder import get_instance, statistics
from homeassistant.const import UnitOfEnergy
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import DATA_INSTANCE

from .heat.account import Reading
from .heat.book import Book
from .heat.calendar import moment
from .heat.rules import Pricing
from .heat.tariffs import Period, TieredPrice
from .heat.units import joules
from .inputs import known, read_energy_j

# A counter that falls below this part of what it was has begun anew, from 0: as Home Assistant's
# statistics see it. One that falls by less has only dipped.
_DIP = Decimal("0.9")


class HouseholdMeter:
    """Counts what the household has used in each period of its tariff."""

    def __init__(self, hass: HomeAssistant, entity_id: str, book: Book, pricing: Pricing) -> None:
        self._hass = hass
        self._entity_id = entity_id
        self._book = book
        self._pricing = pricing

    async def async_seed(self, prices: TieredPrice, now: datetime) -> None:
        """Take what was used since the period began from the recorder, where nothing is known."""
        if self._book.meter_entity != self._entity_id:
            self._book.meter, self._book.meter_entity = None, self._entity_id
        zone = self._pricing.rules.zone
        period = prices.period_of(now.astimezone(zone).date())
        known_already = self._book.meter and period in self._book.used.periods
        if known_already or DATA_INSTANCE not in self._hass.data:
            return

        def read() -> list[float]:
            found = statistics.statistics_during_period(
                self._hass,
                moment(period, time(), zone),
                None,
                {self._entity_id},
                "5minute" if prices.period is Period.DAY else "hour",
                {"energy": UnitOfEnergy.KILO_WATT_HOUR},
                {"change"},
            )
            rows = found.get(self._entity_id, [])
            return [change for row in rows if (change := row.get("change")) is not None]

        if changes := await get_instance(self._hass).async_add_executor_job(read):
            used_kwh = sum((Decimal(str(change)) for change in changes), Decimal(0))
            self._book.used.begin_meter(period, joules(used_kwh))

    def read(self, now: datetime) -> None:
        """Count what has been used since the meter last moved."""
        state = known(self._hass.states.get(self._entity_id))
        counter_j = read_energy_j(state) if state else None
        last = self._book.meter
        if counter_j is None or (last and _DIP * last.counter_j <= counter_j <= last.counter_j):
            return
        if last:
            begun = last if counter_j > last.counter_j else replace(last, counter_j=Decimal(0))
            self._pricing.household(begun.stretch_to(now, counter_j), self._book.ledger.totals)
        self._book.meter = Reading(at=now, counter_j=counter_j)
