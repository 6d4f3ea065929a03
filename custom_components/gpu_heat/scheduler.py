"""Decides on the jobs of a zone: when it is asked to, when something changes, each quarter."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.event import async_track_time_change, async_track_time_interval
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .carrying_out import async_carry_out
from .const import LOGGER, ZONE_INTERVAL
from .control.verdict import judge
from .control_memory import ControlMemory, async_load_memory, control_store
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .decided import Decided
from .expectation import Forecast, building_now, heat_sample, outdoor_now, room_now, target_now
from .heat.seasons import Season
from .inquiry import Inquiry
from .price_forecast import PriceForecast
from .save import Saver
from .trim import async_trim, to_trim
from .weather_forecast import WeatherForecast
from .zone import ZoneCoordinator

# Changes that come together are decided on once; what takes long is done the less often.
_SETTLES_S = 10.0
_PART_OF_TIME = 0.05
_QUARTERS = (0, 15, 30, 45)

_AT_ONCE_S = 0.5
_LEARNED_S = 300.0


class ZoneScheduler(DataUpdateCoordinator[Decided | None]):
    """What is decided on the jobs of a zone; acts on them while it is `automatic`.

    `failures` is what could not be done at the last decision, by the job's key.
    """

    config_entry: GpuHeatConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: GpuHeatConfigEntry,
        zone: ZoneCoordinator,
        sources: Mapping[str, SourceCoordinator],
        memory: ControlMemory,
    ) -> None:
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=f"schedule of {entry.title}",
            request_refresh_debouncer=Debouncer(hass, LOGGER, cooldown=_SETTLES_S, immediate=False),
        )
        self.failures: Mapping[str, str] = {}
        self._zone = zone
        self._sources = sources
        self._memory = memory
        self._turn = asyncio.Lock()
        self._saver = Saver(hass, control_store(hass, entry.entry_id), memory.to_json)
        weather = zone.settings.control.weather
        self._weather = WeatherForecast(hass, weather) if weather else None
        entity_id, currency = zone.settings.price_entity, zone.settings.currency
        self._prices = PriceForecast(hass, entity_id, currency) if entity_id else None
        self._decided_on: object = None
        self._mark()

    @classmethod
    async def async_load(
        cls,
        hass: HomeAssistant,
        entry: GpuHeatConfigEntry,
        zone: ZoneCoordinator,
        sources: Mapping[str, SourceCoordinator],
    ) -> ZoneScheduler:
        """Return the scheduler of a zone, with what it had learned."""
        memory = await async_load_memory(hass, control_store(hass, entry.entry_id), entry.title)
        return cls(hass, entry, zone, sources, memory)

    @callback
    def async_follow(self) -> None:
        """Decide from now on, for the first time once what comes up at a start has come up."""
        entry = self.config_entry
        for forecast in (self._weather, self._prices):
            if forecast:
                forecast.async_follow(entry)
        entry.async_on_unload(async_at_started(self.hass, self._begin))

    @callback
    def _begin(self, _hass: HomeAssistant) -> None:
        entry = self.config_entry
        for source in self._sources.values():
            entry.async_on_unload(source.async_add_listener(self._changed))
            entry.async_on_unload(source.orders.async_add_listener(self._ordered))
        for unsubscribe in (
            self._zone.async_add_listener(self._changed),
            async_track_time_interval(self.hass, self._minute_passed, ZONE_INTERVAL),
            async_track_time_change(self.hass, self._quarter_passed, minute=_QUARTERS, second=5),
        ):
            entry.async_on_unload(unsubscribe)
        self._debounced_refresh.async_schedule_call()

    async def async_close(self) -> None:
        """Decide no more, and write down what was learned for the last time."""
        await self.async_shutdown()
        async with self._turn:
            await self._saver.close()

    @property
    def currency(self) -> str:
        """The currency of the zone."""
        return self._zone.settings.currency

    @property
    def automatic(self) -> bool:
        """Whether it acts on the jobs by itself."""
        return self._memory.automatic

    async def async_set_automatic(self, automatic: bool) -> None:
        """Have it act by itself, or let go at once all that waits because of it."""
        async with self._turn:
            self._memory.automatic = automatic
            self._mark()
            self._saver.within(_AT_ONCE_S)
            now = dt_util.utcnow()
            if automatic:
                for source in self._sources.values():
                    source.holds.hand_back_at(now + self._zone.settings.control.hand_hold)
            else:
                for source in self._sources.values():
                    await source.holds.end_schedule(now, "automatic control is off")
                    await source.async_refresh()
                await self._untrim()
        await self.async_refresh()

    async def async_decide(
        self, *, season: Season | None, demand: float | None, dry_run: bool
    ) -> tuple[Decided, Mapping[str, str]]:
        """Decide now, and carry it out unless it is a dry run; return what failed as well.

        `season` and `demand`, 0 to 1, stand in for the zone's own.
        """
        async with self._turn:
            decided = await self._decide(season, demand)
            if dry_run:
                return decided, {}
            await self._carry_out(decided)
        self.async_set_updated_data(decided)
        return decided, self.failures

    @override
    async def _async_update_data(self) -> Decided:
        async with self._turn:
            decided = await self._decide(None, None)
            if self.automatic:
                await self._carry_out(decided)
            else:
                await self._untrim()
            return decided

    async def _decide(self, season: Season | None, said: float | None) -> Decided:
        began_s = monotonic()
        inquiry = Inquiry(
            self._zone,
            self._sources.values(),
            self._memory,
            self._forecast,
            dt_util.utcnow(),
            season=season or self._zone.season,
            said=said,
        )
        verdict = await self.hass.async_add_executor_job(judge, inquiry.question)
        self._decided_on = self._signature()
        self._saver.within(_LEARNED_S)
        took_s = monotonic() - began_s
        self._debounced_refresh.cooldown = max(_SETTLES_S, took_s / _PART_OF_TIME)
        return inquiry.decided(verdict)

    async def _carry_out(self, decided: Decided) -> None:
        failures: dict[str, str] = {}
        for source in self._sources.values():
            if source.snapshot:
                failures |= await async_carry_out(source, decided, dt_util.utcnow())
                if self.automatic:
                    await self._trim(source, decided)
        self.failures = failures
        self._decided_on = self._signature()

    async def _trim(self, source: SourceCoordinator, decided: Decided | None) -> None:
        part, before = self._zone.settings.control.trim_power, dict(self._memory.trims)
        wanted = to_trim(source, decided) if decided and part < 1 else ()
        await async_trim(source, wanted, part, self._memory.trims)
        if self._memory.trims != before:
            self._saver.within(_AT_ONCE_S)

    async def _untrim(self) -> None:
        """Put limits back; those of a source that is off once it is there again."""
        for source in self._sources.values() if self._memory.trims else ():
            await self._trim(source, None)

    @property
    def _forecast(self) -> Forecast:
        return Forecast(
            outdoor=self._weather.outdoor if self._weather else None,
            prices=self._prices.series if self._prices else None,
        )

    def _mark(self) -> None:
        automatic, hand_hold = self._memory.automatic, self._zone.settings.control.hand_hold
        for source in self._sources.values():
            source.automatic = automatic
            source.holds.hand_hold = hand_hold if automatic else None

    def _signature(self) -> object:
        """Return what a decision depends on, but for time and what goes evenly with it."""
        zone, now = self._zone.data, dt_util.utcnow()
        return (
            (zone.season, zone.rooms, zone.electricity_price),
            [source.holds.by_hand(now) for source in self._sources.values()],
            [
                [
                    (job.id, job.state, job.paused_by_us, job.can_pause, job.deadline)
                    for job in source.snapshot.jobs
                ]
                if source.snapshot
                else None
                for source in self._sources.values()
            ],
        )

    @callback
    def _changed(self) -> None:
        if self._signature() != self._decided_on:
            self._debounced_refresh.async_schedule_call()

    @callback
    def _ordered(self, _job_id: str) -> None:
        self._debounced_refresh.async_schedule_call()

    @callback
    def _quarter_passed(self, _now: datetime) -> None:
        self._debounced_refresh.async_schedule_call()

    @callback
    def _minute_passed(self, now: datetime) -> None:
        zone = self._zone
        outdoor_c = outdoor_now(zone, self._forecast, now)
        self._memory.tell(
            dt_util.as_local(now),
            outdoor_c=outdoor_c,
            target_c=target_now(zone.rooms, zone.season),
            sample=heat_sample(zone, outdoor_c),
        )
        room_c = room_now(zone.rooms)
        if room_c is not None and outdoor_c is not None:
            building = building_now(zone, self._memory.heat_loss)
            self._memory.mass.tell(now, building, room_c, outdoor_c)
        self._saver.within(_LEARNED_S)
