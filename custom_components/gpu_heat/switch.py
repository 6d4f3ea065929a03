"""Lets a job run, or pauses it."""

from collections.abc import Iterator
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .agent.models import JobState
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import JobEntity, async_add_source_entities
from .holds import Hold

PARALLEL_UPDATES = 1

RUNNING = SwitchEntityDescription(key="running", translation_key="running")


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the switches of a zone."""

    def entities_of(source: SourceCoordinator) -> Iterator[JobSwitch]:
        for job in source.profile.jobs if source.profile else ():
            yield JobSwitch(source, RUNNING, job)

    async_add_source_entities(entry, async_add_entities, entities_of)


class JobSwitch(JobEntity, SwitchEntity):
    """On while the job runs; switching it off pauses it until it is switched on again."""

    @property
    @override
    def is_on(self) -> bool | None:
        if self.job is None or self.job.state is JobState.UNKNOWN:
            return None
        return self.job.state is JobState.RUNNING

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        hold = Hold(paused=True, manual=True, reason="manual", until=None)
        await self.coordinator.async_pause(self.job_id, hold)
        await self.coordinator.async_refresh()

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.coordinator.async_resume(self.job_id)
        await self.coordinator.async_refresh()
