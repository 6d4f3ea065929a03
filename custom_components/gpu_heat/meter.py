"""Follows the meter of a household, for tariffs whose tiers go by all that it uses."""

from datetime import datetime, time
from decimal import Decimal

from homeassistant.components.recorder import get_instance, statistics
from homeassistant.const import UnitOfEnergy
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import DATA_INSTANCE

from .heat.book import Book
from .heat.calendar import moment
from .heat.ledger import Reading
from .heat.rules import Pricing
from .heat.tariffs import Period, TieredPrice
from .heat.units import joules
from .inputs import known, read_energy_j


class HouseholdMeter:
    """Counts what the household has used in each period of its tariff."""

    def __init__(self, hass: HomeAssistant, entity_id: str, book: Book, pricing: Pricing) -> None:
        self._hass = hass
        self._entity_id = entity_id
        self._book = book
        self._pricing = pricing

    async def async_seed(self, prices: TieredPrice, now: datetime) -> None:
        """Take what was used since the period began from the recorder, if the meter is new."""
        if self._book.meter or DATA_INSTANCE not in self._hass.data:
            return
        zone = self._pricing.rules.zone
        period = prices.period_of(now.astimezone(zone).date())

        def read() -> Decimal:
            found = statistics.statistics_during_period(
                self._hass,
                moment(period, time(), zone),
                None,
                {self._entity_id},
                "5minute" if prices.period is Period.DAY else "hour",
                {"energy": UnitOfEnergy.KILO_WATT_HOUR},
                {"change"},
            )
            changes = [row.get("change") for row in found.get(self._entity_id, [])]
            return sum((Decimal(str(change)) for change in changes if change), Decimal(0))

        used_kwh = await get_instance(self._hass).async_add_executor_job(read)
        self._book.used.begin_meter(period, joules(used_kwh))

    def read(self, now: datetime) -> None:
        """Count what has been used since the meter last moved."""
        state = known(self._hass.states.get(self._entity_id))
        counter_j = read_energy_j(state) if state else None
        last = self._book.meter
        if counter_j is None or (last and last.counter_j == counter_j):
            return
        if last:
            self._pricing.household(last.stretch_to(now, counter_j), self._book.ledger.totals)
        self._book.meter = Reading(at=now, counter_j=counter_j)
