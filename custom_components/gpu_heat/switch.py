"""Lets a job run, or pauses it; lets the schedule of a zone act by itself."""

from collections.abc import Iterator
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import JobEntity, async_add_source_entities
from .holds import Hold
from .job_status import goes_on
from .schedule_entities import ZoneScheduleEntity

PARALLEL_UPDATES = 1

RUNNING = SwitchEntityDescription(key="running", translation_key="running")
AUTOMATIC_CONTROL = SwitchEntityDescription(
    key="automatic_control", translation_key="automatic_control"
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the switches of a zone."""

    def entities_of(source: SourceCoordinator) -> Iterator[JobSwitch]:
        for job in source.profile.jobs if source.profile else ():
            yield JobSwitch(source, RUNNING, job)

    async_add_entities([AutomaticControl(entry.runtime_data.scheduler, AUTOMATIC_CONTROL)])
    async_add_source_entities(Platform.SWITCH, entry, async_add_entities, entities_of)


class AutomaticControl(ZoneScheduleEntity, SwitchEntity):
    """On while the schedule acts on the jobs by itself; off, nothing waits because of it."""

    @property
    @override
    def available(self) -> bool:
        return True

    @property
    @override
    def is_on(self) -> bool:
        return self.coordinator.automatic

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.coordinator.async_set_automatic(False)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.coordinator.async_set_automatic(True)


class JobSwitch(JobEntity, SwitchEntity):
    """On while the job runs or waits for its turn, a group while one of its jobs does.

    Switching it off pauses it until it is switched on again. It is off when the engine has agreed.
    Where the schedule acts by itself, it leaves the job for a while as it was switched.
    """

    @property
    @override
    def is_on(self) -> bool | None:
        return goes_on(self.job) if self.job else None

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        hold = _by_hand(self.coordinator, paused=True)
        await self.coordinator.async_pause(self.job_id, hold)
        await self.coordinator.async_refresh()

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        hold = _by_hand(self.coordinator, paused=False) if self.coordinator.automatic else None
        await self.coordinator.async_resume(self.job_id, hold)
        await self.coordinator.async_refresh()


def _by_hand(source: SourceCoordinator, *, paused: bool) -> Hold:
    """Return the wish of who switches a job; it stands until another if no schedule acts."""
    control = source.config_entry.runtime_data.zone.settings.control
    until = dt_util.utcnow() + control.hand_hold if source.automatic else None
    return Hold(paused=paused, manual=True, reason="manual", until=until, hands_back=True)
