"""GPU Heat Reuse: what compute heat is worth, and which jobs should run for it."""

import asyncio
from shutil import rmtree
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.storage import Store
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util

from .book_store import book_store
from .const import CONF_KIND, DOMAIN, KIND_PROMETHEUS, SUBENTRY_SOURCE
from .control_memory import control_store
from .coordinator import GpuHeatConfigEntry, RuntimeData, SourceCoordinator
from .entity import host_identifier
from .holds import Holds
from .issues import forget_issues
from .local_jobs import jobs_folder
from .migration import migrate
from .save import Saver
from .scheduler import ZoneScheduler
from .services import async_setup_services
from .source_kinds import async_make_source
from .zone import ZoneCoordinator

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CALENDAR,
    Platform.DATETIME,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
]
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

_IGNORE_ERRORS = True


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions."""
    async_setup_services(hass)
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: GpuHeatConfigEntry) -> bool:
    """Bring the options of an older version into the form of this one."""
    return migrate(hass, entry)


async def async_setup_entry(hass: HomeAssistant, entry: GpuHeatConfigEntry) -> bool:
    """Set up a zone. A source that does not answer is normal; it does not stop the zone."""
    zone = ZoneCoordinator(hass, entry)
    await zone.async_config_entry_first_refresh()

    store = _source_store(hass, entry.entry_id)
    stored = await store.async_load() or {}
    sources: dict[str, SourceCoordinator] = {}
    saver = Saver(hass, store, lambda: {key: item.to_json() for key, item in sources.items()})
    for subentry in entry.get_subentries_of_type(SUBENTRY_SOURCE):
        known = stored.get(subentry.subentry_id, {})
        source = await async_make_source(hass, subentry, known.get("source", {}))
        sources[subentry.subentry_id] = SourceCoordinator(
            hass, entry, subentry, source, known, saver
        )
    zone.async_follow(list(sources.values()))
    await asyncio.gather(*(source.async_refresh() for source in sources.values()))
    scheduler = await ZoneScheduler.async_load(hass, entry, zone, sources)
    entry.runtime_data = RuntimeData(zone=zone, sources=sources, scheduler=scheduler, saver=saver)

    _register_devices(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    scheduler.async_follow()
    entry.async_on_unload(entry.add_update_listener(_async_reload))

    async def _let_go(_event: Event) -> None:
        # The jobs of this machine have nobody then who ends their leases.
        await scheduler.async_close()
        for item in sources.values():
            await item.async_close()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, _let_go))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: GpuHeatConfigEntry) -> bool:
    """Unload a zone, its sums and holds written."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        data = entry.runtime_data
        await data.scheduler.async_close()
        for source in data.sources.values():
            await source.async_close()
        await data.zone.async_close()
        await data.saver.close()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: GpuHeatConfigEntry) -> None:
    """Forget the files and issues of a zone that is removed; its jobs run on first."""
    stored = await _source_store(hass, entry.entry_id).async_load() or {}
    for subentry in entry.get_subentries_of_type(SUBENTRY_SOURCE):
        if known := stored.get(subentry.subentry_id):
            source = await async_make_source(hass, subentry, {})
            await Holds(source, _nothing, known["holds"]).release(dt_util.utcnow())
            await source.close()
        await _forget_jobs(hass, subentry.subentry_id)
    forget_issues(hass, entry)
    await book_store(hass, entry.entry_id).async_remove()
    await control_store(hass, entry.entry_id).async_remove()
    await _source_store(hass, entry.entry_id).async_remove()


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: GpuHeatConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Allow to remove the device of a GPU or job that its source no longer has."""
    known = {entry.entry_id} | set(entry.runtime_data.sources)
    for key, source in entry.runtime_data.sources.items():
        if source.profile:
            known |= {f"{key}_{part.id}" for part in source.profile.devices}
            hosts = {part.host for part in source.profile.devices if part.host}
            known |= {host_identifier(key, host) for host in hosts}
            known |= {f"{key}_job_{part.id}" for part in source.profile.jobs}
    return not any(identifier in known for _, identifier in device.identifiers)


async def _forget_jobs(hass: HomeAssistant, key: str) -> None:
    """Remove what was written down of the jobs of a source of this machine."""
    await hass.async_add_executor_job(rmtree, jobs_folder(hass, key), _IGNORE_ERRORS)


def _nothing() -> None:
    """Stand in for the writing of what is about to be removed."""


async def _async_reload(hass: HomeAssistant, entry: GpuHeatConfigEntry) -> None:
    """Take over a change. The jobs of a source that was removed run on first."""
    sources = entry.runtime_data.sources
    removed = [key for key in sources if key not in entry.subentries]
    for key in removed:
        await sources[key].holds.release(dt_util.utcnow())
    await hass.config_entries.async_reload(entry.entry_id)
    for key in removed:
        await _forget_jobs(hass, key)


def _source_store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    """Return the file of what is known of a zone's sources: devices, jobs, holds."""
    return Store(hass, 1, f"{DOMAIN}.{entry_id}.sources", atomic_writes=True)


def _register_devices(hass: HomeAssistant, entry: GpuHeatConfigEntry) -> None:
    """Register the zone and its sources, that their parts may refer to them."""
    devices = dr.async_get(hass)
    zone = devices.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, entry.entry_id)},
        name=entry.title,
        entry_type=dr.DeviceEntryType.SERVICE,
    )
    for key, source in entry.runtime_data.sources.items():
        version = source.profile.agent.version if source.profile else None
        of_page = source.subentry.data[CONF_KIND] == KIND_PROMETHEUS
        devices.async_get_or_create(
            config_entry_id=entry.entry_id,
            config_subentry_id=key,
            identifiers={(DOMAIN, key)},
            name=source.subentry.title,
            model=version if of_page else None,  # the names of its exporters
            sw_version=None if of_page else version,
            via_device_id=zone.id,
        )
