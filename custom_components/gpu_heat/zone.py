"""One heat zone: the ledger of its sources, its season, and what the heat is worth now."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, override

from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import (
    async_track_entity_registry_updated_event,
    async_track_state_change_event,
)
from homeassistant.helpers.storage import Store
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .agent.models import HostOrigin, Snapshot
from .const import CONF_HEATING, CONF_THERMOSTAT, DOMAIN, LATE_AFTER, LOGGER, ZONE_INTERVAL
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .heat.ledger import Counters, Ledger, LedgerError, Rates, Stretch, Totals
from .heat.seasons import Room, Season, month_starts, useful_share
from .settings import ZoneSettings
from .thermostat import read_room

_SAVE_DELAY_S = 1  # so that the polls of many sources share one write


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneState:
    """What a zone shows.

    `power_w` is the sum over the sources that answer, None if one of them does not
    know its own; `online` is whether any answers, `offline` names the others.
    """

    power_w: float | None
    online: bool
    offline: tuple[str, ...]
    season: Season
    useful_share: Decimal
    totals: Totals


def ledger_store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    """Return the file of a zone's ledger."""
    return Store(hass, 1, f"{DOMAIN}.{entry_id}.ledger", atomic_writes=True)


class ZoneCoordinator(DataUpdateCoordinator[ZoneState]):
    """Books the energy of the zone's sources as it comes in.

    Refreshed by itself once a minute, for the calendar; its listeners are then called
    only if something changed, which between polls is rare.
    """

    config_entry: GpuHeatConfigEntry

    def __init__(self, hass: HomeAssistant, entry: GpuHeatConfigEntry) -> None:
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=f"zone {entry.title}",
            update_interval=ZONE_INTERVAL,
            always_update=False,
        )
        self.settings = ZoneSettings.from_options(entry.options)
        self._store = ledger_store(hass, entry.entry_id)
        self._ledger = Ledger()
        self._sources: list[SourceCoordinator] = []

    @override
    async def _async_setup(self) -> None:
        document = await self._store.async_load()
        if document is None:
            return
        try:
            self._ledger = Ledger.from_json(document)
        except LedgerError as err:
            raise ConfigEntryError(
                translation_domain=DOMAIN,
                translation_key="ledger_unreadable",
                translation_placeholders={"path": str(self._store.path), "error": str(err)},
            ) from err

    @override
    async def _async_update_data(self) -> ZoneState:
        return self._state()

    @callback
    def async_follow(self, sources: list[SourceCoordinator]) -> None:
        """Book what these sources read from now on, and follow the thermostat."""
        self._sources = sources
        for source in sources:

            def _polled(source: SourceCoordinator = source) -> None:
                self._source_polled(source)

            self.config_entry.async_on_unload(source.async_add_listener(_polled))
        if thermostat := self.settings.thermostat:
            for unsubscribe in (
                async_track_state_change_event(self.hass, thermostat, self._thermostat_changed),
                async_track_entity_registry_updated_event(
                    self.hass, thermostat, self._thermostat_renamed
                ),
            ):
                self.config_entry.async_on_unload(unsubscribe)

    async def async_save(self) -> None:
        """Write the ledger now."""
        await self._store.async_save(self._ledger.to_json())

    def source_energy_j(self, source: str) -> Decimal | None:
        """Return the energy booked for a source in J; None if it has no counter."""
        account = self._ledger.account(source)
        return account.energy_j if account.devices_j or account.host_reading else None

    def device_energy_j(self, source: str, device: str) -> Decimal | None:
        """Return the energy booked for a device of a source in J; None if it has no counter."""
        return self._ledger.account(source).devices_j.get(device)

    @property
    def season(self) -> Season:
        """The season now."""
        return self.settings.calendar.season(dt_util.now())

    @property
    def room(self) -> Room | None:
        """The thermostat's room now; None without a thermostat that answers."""
        return read_room(self.hass, self.settings.thermostat)

    @callback
    def _source_polled(self, source: SourceCoordinator) -> None:
        if snapshot := source.snapshot:
            self._ledger.book(source.subentry.subentry_id, _counters(snapshot), self._rates_over)
            self._store.async_delay_save(self._ledger.to_json, _SAVE_DELAY_S)
        self._show()

    @callback
    def _thermostat_changed(self, event: Event[EventStateChangedData]) -> None:
        self._show()

    @callback
    def _thermostat_renamed(self, event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        if event.data["action"] == "update" and "entity_id" in event.data["changes"]:
            options = self.config_entry.options
            heating = {**options[CONF_HEATING], CONF_THERMOSTAT: event.data["entity_id"]}
            self.hass.config_entries.async_update_entry(
                self.config_entry, options={**options, CONF_HEATING: heating}
            )

    def _show(self) -> None:
        """Tell the listeners, if there is something to tell."""
        if (state := self._state()) != self.data:
            self.async_set_updated_data(state)

    def _rates_over(self, stretch: Stretch) -> Iterator[tuple[Stretch, Rates]]:
        if stretch.end - stretch.start <= LATE_AFTER:
            yield stretch, self._rates(useful_share(self.season, self.room))
            return
        local = dt_util.get_default_time_zone()
        for part in stretch.cut_at(month_starts(stretch.start, stretch.end, local)):
            season = self.settings.calendar.season(part.start.astimezone(local))
            yield part, self._rates(useful_share(season, None))

    def _rates(self, share: Decimal) -> Rates:
        return Rates(
            electricity_price=self.settings.electricity_price,
            heating=self.settings.heating,
            useful_share=share,
        )

    def _state(self) -> ZoneState:
        online = [source for source in self._sources if source.snapshot]
        powers = [source.snapshot.power_w for source in online if source.snapshot]
        known = [power for power in powers if power is not None]
        return ZoneState(
            power_w=sum(known) if known and len(known) == len(powers) else None,
            online=bool(online),
            offline=tuple(
                source.subentry.title for source in self._sources if source not in online
            ),
            season=self.season,
            useful_share=useful_share(self.season, self.room),
            totals=self._ledger.totals,
        )


def _counters(snapshot: Snapshot) -> Counters:
    """Return the energy counters of a snapshot, at the time by our own clock."""
    host_j = snapshot.host.energy_j
    return Counters(
        at=dt_util.utcnow(),
        epoch=snapshot.agent.id,
        devices_j={
            device.id: Decimal(str(device.energy_j))
            for device in snapshot.devices
            if device.energy_j is not None
        },
        whole=snapshot.host.origin is not HostOrigin.NONE,
        host_j=None if host_j is None else Decimal(str(host_j)),
    )
