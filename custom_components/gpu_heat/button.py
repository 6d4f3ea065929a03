"""Takes back a deadline that a person has set: a date cannot be made empty in Home Assistant."""

from collections.abc import Iterator
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import OrderEntity, async_add_source_entities

PARALLEL_UPDATES = 1

CLEAR_DEADLINE = ButtonEntityDescription(
    key="clear_deadline", translation_key="clear_deadline", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons of each job of a zone."""

    def entities_of(source: SourceCoordinator) -> Iterator[ClearDeadline]:
        for job in source.profile.jobs if source.profile else ():
            yield ClearDeadline(source, CLEAR_DEADLINE, job)

    async_add_source_entities(Platform.BUTTON, entry, async_add_entities, entities_of)


class ClearDeadline(OrderEntity, ButtonEntity):
    """Takes back a person's deadline: what the job tells counts again."""

    @property
    @override
    def available(self) -> bool:
        return super().available and self.coordinator.orders.has_deadline(self.job_id)

    @override
    async def async_press(self) -> None:
        self.coordinator.orders.async_set_deadline(self.job_id, None, dt_util.utcnow())
