"""The prices ahead of an entity that says the price of electricity now."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util

from .asking import Asking
from .const import LOGGER
from .heat.price_rows import TELLING, Told, believed, told_by
from .heat.price_units import PriceUnitError, most_per_kwh, price_factor
from .heat.series import Series
from .inputs import known, read_price
from .price_actions import async_ask_prices

ASKED_EVERY = timedelta(hours=1)
_KEPT = timedelta(hours=24)

type _Prices = dict[str, Series]


class PriceForecast:
    """Prices per kWh in a currency, before surcharge and tax, as far ahead as they are told.

    They are looked for in the entity's attributes, then in those of the other entities of its
    device, then in what its integration answers. They are taken only if the price of now is
    among them: what is in another unit or has another tax is not.
    """

    def __init__(self, hass: HomeAssistant, entity_id: str, currency: str) -> None:
        self.series = Series()
        self._hass = hass
        self._entity_id = entity_id
        self._currency = currency
        self._most = most_per_kwh(currency)
        self._answers: dict[str, Told] = {}
        self._taken: set[str] = set()
        self._asking = Asking(hass, entity_id, ASKED_EVERY, self._ask)

    def at(self, moment: datetime) -> float | None:
        """Return the price told for a moment; None where none is."""
        return self.series.at(moment)

    @callback
    def async_follow(self, entry: ConfigEntry) -> None:
        """Look now and whenever the entity changes, as long as the entry is loaded."""
        entry.async_on_unload(
            async_track_state_change_event(self._hass, self._entity_id, self._changed)
        )
        if state := known(self._hass.states.get(self._entity_id)):
            self._look(state)
        self._asking.async_follow(entry)

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        if state := known(event.data["new_state"]):
            self._look(state)

    async def _ask(self, state: State) -> bool:
        answers = await async_ask_prices(self._hass, self._entity_id)
        recent = dt_util.utcnow() - _KEPT
        for told in answers:
            before = self._answers.get(told.key)
            self._answers[told.key] = before.extended(told, recent) if before else told
        self._look(known(self._hass.states.get(self._entity_id)) or state)
        return bool(answers)

    def _look(self, state: State) -> None:
        """Take over the prices that agree with the one that the entity says."""
        price = read_price(state, currency=self._currency, per="kWh", most=self._most)
        if price is None:
            self.series = Series()
            return
        told = False
        for all_told in self._told(state):
            told |= bool(all_told)
            prices = all_told
            # So near to nothing, any unit would agree: only what was taken before is.
            if abs(price) < TELLING:
                prices = {key: item for key, item in all_told.items() if key in self._taken}
            series = believed(prices.values(), float(price), dt_util.utcnow())
            if series is not None:
                self.series = series
                self._taken |= {key for key, item in prices.items() if item == series}
                return
        if told:
            LOGGER.debug(
                "The prices told with %s are not taken: none is %s now", self._entity_id, price
            )
        self.series = Series()

    def _told(self, state: State) -> Iterator[_Prices]:
        """Yield prices by their keys, from who knows best on."""
        yield self._shown(state, state)
        beside: _Prices = {}
        for entity_id in self._beside():
            if other := self._hass.states.get(entity_id):
                beside |= self._shown(other, state)
        yield beside
        yield self._priced(self._answers.values(), state)

    def _beside(self) -> Iterator[str]:
        """Yield the other entities of the device."""
        registry = er.async_get(self._hass)
        entity = registry.async_get(self._entity_id)
        if entity and entity.device_id:
            for other in er.async_entries_for_device(registry, entity.device_id):
                if other.entity_id != self._entity_id:
                    yield other.entity_id

    def _shown(self, state: State, of: State) -> _Prices:
        """Return what the attributes of a state tell, in its unit or in that of the price."""
        now = dt_util.now()
        told = [
            Told(key=f"{state.entity_id} {item.key}", rows=item.rows)
            for item in told_by(state.attributes, now.date(), dt_util.get_default_time_zone())
        ]
        return self._priced(told, state if ATTR_UNIT_OF_MEASUREMENT in state.attributes else of)

    def _priced(self, told: Iterable[Told], state: State) -> _Prices:
        """Return prices per kWh; none if the unit of a state is not one of a price."""
        unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
        try:
            factor = price_factor(unit, currency=self._currency, per="kWh")
        except PriceUnitError:
            return {}
        return {item.key: item.series(float(factor), float(self._most)) for item in told}
