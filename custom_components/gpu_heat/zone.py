"""One heat zone: its book, its season, and what the heat is worth now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import override

from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    HomeAssistant,
    callback,
)
from homeassistant.helpers.event import (
    async_call_later,
    async_track_state_change_event,
    async_track_time_interval,
)
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .agent.models import HostOrigin, Snapshot
from .book_store import async_load_book, book_store
from .const import (
    CONF_CAPTURE,
    CONF_CAPTURE_ENTITY,
    CONF_ELECTRICITY,
    CONF_FIRST_DAY,
    CONF_PERIOD,
    LOGGER,
    SUBENTRY_SOURCE,
    ZONE_INTERVAL,
)
from .control.demand import Demand, room_demand, zone_demand
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .heat.account import Counters
from .heat.book import Book
from .heat.conditions import SEASON_STANDS
from .heat.flows import Flow, Flows, flows
from .heat.ledger import Ledger, Totals
from .heat.rules import Pricing, Rules
from .heat.seasons import Room, Season
from .heat.tariffs import Tariff, TieredPrice, UnknownPrice
from .heat.units import SQUARE_METERS_PER_SQUARE_FOOT, heated_area_sqft
from .inputs import known, zone_inputs
from .issues import forget_removed_sources, report_inputs
from .meter import HouseholdMeter
from .renaming import async_follow_renaming
from .save import Saver
from .season import SeasonTeller
from .settings import ZoneSettings, decimal
from .source_kinds import plugged, source_entities
from .thermostat import read_cooling_target

# The counter of a source's plug is not its agent's.
_PLUG = "plug"
# What the consumption of a tiered tariff is counted by.
_COUNTED_BY = (CONF_PERIOD, CONF_FIRST_DAY)
_SAVE_WITHIN_S = 5  # so that the polls of many sources share one write
# What is shown is worked out from all sources. Of more than a few, their polls share that too:
# once at each poll of each would cost the square of their number.
_FEW_SOURCES = 4
_SHOW_WITHIN_S = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneState:
    """What a zone shows.

    `flows` are those of the sources that answer; `online` is whether any does, `offline`
    names the others. `electricity_price` is that of the next kWh, None if it is not known.
    `demand` is the heat that is wanted, `demand_of` the part, 0 to 1, by thermostat, None where
    one does not tell.
    """

    flows: Flows
    online: bool
    offline: tuple[str, ...]
    season: Season
    season_by_hand: Season | None
    rooms: tuple[Room, ...]
    demand: Demand
    demand_of: Mapping[str, float | None]
    useful_share: Decimal
    electricity_price: Decimal | None
    offset_ratio: Decimal | None
    heated_area_m2: Decimal | None
    totals: Totals
    since: datetime | None
    money_since: datetime | None


class ZoneCoordinator(DataUpdateCoordinator[ZoneState]):
    """Books the energy of the zone's sources as it comes in.

    Its listeners are called only if something changed: at polls, of many sources once all were
    polled or within a second; where an entity changes; and once a minute for the calendar.
    """

    config_entry: GpuHeatConfigEntry

    def __init__(self, hass: HomeAssistant, entry: GpuHeatConfigEntry) -> None:
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=f"zone {entry.title}",
            always_update=False,
        )
        self.settings = ZoneSettings.from_options(entry.options)
        self._saver = Saver(hass, book_store(hass, entry.entry_id), lambda: self.book.to_json())
        self._sources: list[SourceCoordinator] = []
        self._unshown: set[str] = set()
        self._cancel_show: CALLBACK_TYPE | None = None
        subentries = entry.get_subentries_of_type(SUBENTRY_SOURCE)
        self._captures = {
            subentry.subentry_id: decimal(subentry.data.get(CONF_CAPTURE, 100)) / 100
            for subentry in subentries
        }
        self._inputs = zone_inputs(
            hass,
            self.settings,
            self._captures,
            {
                subentry.subentry_id: entity_id
                for subentry in subentries
                if (entity_id := subentry.data.get(CONF_CAPTURE_ENTITY))
            },
            dt_util.utcnow(),
        )
        self._meter: HouseholdMeter | None = None
        self.book = Book(ledger=Ledger(currency=self.settings.currency))

    @override
    async def _async_setup(self) -> None:
        now = dt_util.utcnow()
        settings = self.settings
        self.book = book = await async_load_book(self.hass, self.config_entry, settings, now)
        self._inputs.resume(book.words)
        self._fill_gap(now)
        self._change_settings(now)
        former = list(_former_rules(book, settings.currency))
        self._pricing = Pricing(settings.rules, book.timeline, book.used, former)
        self._teller = SeasonTeller(settings, book.season)
        await self._teller.async_seed(self.hass, now)
        prices = settings.rules.tariff.prices
        if settings.meter and isinstance(prices, TieredPrice):
            self._meter = HouseholdMeter(self.hass, settings.meter, book, self._pricing)
            await self._meter.async_seed(prices, now)
        self._look()

    def _fill_gap(self, now: datetime) -> None:
        """Let the last words of the entities stand while nobody heard them, as long as they do."""
        book = self.book
        if (known_at := book.known_at) is None:
            return
        season, told_until = book.conditions.season, known_at + SEASON_STANDS
        ends = {item.ends for item in self._inputs if item.ends} | {told_until}
        for at in sorted(at for at in ends if known_at < at < now):
            standing = self._inputs.standing(at)
            book.timeline.set(
                at,
                replace(
                    standing,
                    season=season if at < told_until else None,
                    season_by_hand=book.season_by_hand,
                ),
            )

    def _change_settings(self, now: datetime) -> None:
        """Take over settings that were changed, and leave what was booked as it is."""
        book, settings, options = self.book, self.settings, self.config_entry.options
        if book.ledger.currency != settings.currency:
            book.change_currency(settings.currency, now)
        heaters = settings.rules.heaters
        book.ledger.show_fuels(
            [heater.key for heater in (heaters.first, heaters.second) if heater is not None]
        )
        for key, account in book.ledger.accounts.items():
            if key not in self._captures:
                account.close()
        before = (book.options or options).get(CONF_ELECTRICITY, {})
        if before != options[CONF_ELECTRICITY]:
            book.used.settle()
        if any(before.get(key) != options[CONF_ELECTRICITY].get(key) for key in _COUNTED_BY):
            book.used.periods.clear()
        book.used.meter_has_ours = settings.meter_has_ours
        book.go_on_with(dict(options), now)

    @override
    async def _async_update_data(self) -> ZoneState:
        return self._state()

    @callback
    def async_follow(self, sources: list[SourceCoordinator]) -> None:
        """Book what these sources read from now on, and follow the entities of the zone."""
        self._sources = sources
        forget_removed_sources(self.hass, self.config_entry)
        for source in sources:

            def _polled(source: SourceCoordinator = source) -> None:
                self._source_polled(source)

            self.config_entry.async_on_unload(source.async_add_listener(_polled))
        self.config_entry.async_on_unload(self._shown)
        followed = {item.entity_id for item in self._inputs}
        named = followed.union(*(source_entities(source.subentry.data) for source in sources))
        if weather := self.settings.control.weather:
            named.add(weather)
        for unsubscribe in (
            async_track_state_change_event(self.hass, followed, self._entity_changed),
            async_follow_renaming(self.hass, self.config_entry, named),
            async_track_time_interval(self.hass, self._minute_passed, ZONE_INTERVAL),
        ):
            self.config_entry.async_on_unload(unsubscribe)

    async def async_save(self) -> None:
        """Write the book now."""
        await self._saver.now()

    async def async_close(self) -> None:
        """Write the book for the last time."""
        await self._saver.close()

    def source_energy_j(self, source: str) -> Decimal | None:
        """Return the energy booked for a source in J; None if it has no counter."""
        account = self.book.ledger.account(source)
        return account.energy_j if account.devices_j or account.host_reading else None

    def device_energy_j(self, source: str, device: str) -> Decimal | None:
        """Return the energy booked for a device of a source in J; None if it has no counter."""
        return self.book.ledger.account(source).devices_j.get(device)

    @property
    def season(self) -> Season:
        """The season now."""
        return self.settings.rules.season(dt_util.utcnow(), self.book.conditions)

    @property
    def rooms(self) -> tuple[Room, ...]:
        """The rooms whose thermostats answer."""
        return self.book.conditions.rooms

    def price(self, moment: datetime) -> Decimal | None:
        """Return what the next kWh costs, with all that is on top; None if it is not known."""
        return self._pricing.price(moment)

    def demand(self, season: Season, said: float | None = None) -> Demand:
        """Return how much heat is wanted in a season; what is `said`, 0 to 1, goes before it."""
        outdoor_c = self.book.conditions.outdoor_c
        outdoor = None if outdoor_c is None else float(outdoor_c)
        return zone_demand(season, self.rooms, outdoor, said)

    @property
    def cooling_target_c(self) -> float | None:
        """The lowest temperature that an air conditioner keeps, in °C; None if none tells it."""
        unit = self.hass.config.units.temperature_unit
        states = (known(self.hass.states.get(key)) for key in self.settings.thermostats)
        targets = (read_cooling_target(state, unit) for state in states if state)
        return min((target for target in targets if target is not None), default=None)

    async def async_choose_season(self, season: Season | None) -> None:
        """Let a season hold until another is chosen; None to let the zone tell it."""
        self.book.season_by_hand = season
        self._look()
        await self.async_save()
        self.async_set_updated_data(self._state())

    async def async_reset(self) -> Totals:
        """Let all sums begin anew; return what they were."""
        before = self.book.ledger.totals
        self.book.reset(dt_util.utcnow())
        await self.async_save()
        self.async_set_updated_data(self._state())
        for source in self._sources:
            source.async_update_listeners()
        return before

    @callback
    def _source_polled(self, source: SourceCoordinator) -> None:
        self._look()
        key = source.subentry.subentry_id
        if snapshot := source.snapshot:
            capture = self._captures[key]
            self.book.ledger.book(
                key,
                _counters(source, snapshot),
                lambda stretch: self._pricing.parts(stretch, key, capture),
            )
            self._read_meter()  # after our own energy, which it has seen as well
            self.book.recent.mark(dt_util.utcnow(), self.book.ledger.totals)
            self._saver.within(_SAVE_WITHIN_S)
        self._unshown.add(key)
        if len(self._sources) <= _FEW_SOURCES or len(self._unshown) == len(self._sources):
            self._show()
        elif self._cancel_show is None:
            self._cancel_show = async_call_later(self.hass, _SHOW_WITHIN_S, self._show)

    def _look(self) -> None:
        """Take in what the entities say now, and let it hold from now on."""
        now = dt_util.utcnow()
        seen = self._inputs.conditions(now)
        told = self._teller.season(now, seen.outdoor_c, seen.rooms)
        book = self.book
        book.timeline.set(now, replace(seen, season=told, season_by_hand=book.season_by_hand))
        book.known_at, book.words = now, self._inputs.words()
        book.season = self._teller.previous

    def _read_meter(self) -> None:
        if self._meter:
            self._meter.read(dt_util.utcnow())

    @callback
    def _minute_passed(self, now: datetime) -> None:
        self._look()
        self._read_meter()
        report_inputs(self.hass, self.config_entry, self._inputs, now)
        self._show()

    @callback
    def _entity_changed(self, event: Event[EventStateChangedData]) -> None:
        self._look()
        self._show()

    @callback
    def _show(self, _now: datetime | None = None) -> None:
        """Tell the listeners, if there is something to tell."""
        self._shown()
        if (state := self._state()) != self.data:
            self.async_set_updated_data(state)

    @callback
    def _shown(self) -> None:
        """Wait no longer to show the polls that came in."""
        self._unshown.clear()
        if self._cancel_show:
            self._cancel_show()
            self._cancel_show = None

    def _state(self) -> ZoneState:
        now = dt_util.utcnow()
        conditions = self.book.conditions
        season = self.settings.rules.season(now, conditions)
        present = [
            self._flow(source.subentry.subentry_id, source.snapshot, now)
            for source in self._sources
            if source.snapshot
        ]
        ledger, heaters = self.book.ledger, self.settings.rules.heaters
        heater = heaters.at(conditions.outdoor_c)
        now_flowing = flows(present, value_follows_electricity=heater.follows_electricity)
        return ZoneState(
            flows=now_flowing,
            online=bool(present),
            offline=tuple(source.subentry.title for source in self._sources if not source.snapshot),
            season=season,
            season_by_hand=self.book.season_by_hand,
            rooms=conditions.rooms,
            demand=self.demand(season),
            demand_of=dict(self._demand_of(now)),
            useful_share=self.settings.rules.share(season, conditions),
            electricity_price=self._pricing.price(now),
            heated_area_m2=_area(now_flowing.in_space_w, self.settings.heat_per_area),
            offset_ratio=self.book.recent.offset_ratio(now, ledger.totals),
            totals=ledger.totals.copy(),
            since=ledger.since,
            money_since=ledger.money_since,
        )

    def _demand_of(self, now: datetime) -> Iterator[tuple[str, float | None]]:
        outdoor_c = self.book.conditions.outdoor_c
        outdoor = None if outdoor_c is None else float(outdoor_c)
        for thermostat in self._inputs.thermostats:
            room = thermostat.standing(now)
            yield thermostat.entity_id, None if room is None else room_demand(room, outdoor)

    def _flow(self, key: str, snapshot: Snapshot, now: datetime) -> Flow:
        power_w = snapshot.power_w
        return Flow(
            power_w=None if power_w is None else decimal(power_w),
            rates=self._pricing.now(now, key, self._captures[key]),
        )


def _former_rules(book: Book, currency: str) -> Iterator[tuple[datetime, Rules]]:
    """Yield the rules that held up to a moment, as far as they can still be read.

    Energy of a time in which another currency held has no price in this one.
    """
    for until, options in book.former:
        try:
            settings = ZoneSettings.from_options(options)
        except (ArithmeticError, KeyError, TypeError, ValueError) as err:
            LOGGER.debug("Settings that held until %s are not read: %r", until, err)
            continue
        rules = settings.rules
        if settings.currency != currency:
            rules = replace(rules, tariff=Tariff(prices=UnknownPrice()))
        yield until, rules


def _area(heat_w: Decimal | None, heat_per_sqft: Decimal) -> Decimal | None:
    if heat_w is None:
        return None
    return heated_area_sqft(heat_w, heat_per_sqft) * SQUARE_METERS_PER_SQUARE_FOOT


def _counters(source: SourceCoordinator, snapshot: Snapshot) -> Counters:
    """Return the energy counters of a snapshot, at the time by our own clock."""
    host_j = snapshot.host.energy_j
    return Counters(
        at=dt_util.utcnow(),
        epoch=snapshot.agent.id,
        devices_j={
            device.id: decimal(device.energy_j)
            for device in snapshot.devices
            if device.energy_j is not None
        },
        whole=snapshot.host.origin is not HostOrigin.NONE,
        host_j=None if host_j is None else decimal(host_j),
        host_epoch=_PLUG if plugged(source.subentry.data) else None,
    )
