"""When a job is to be done."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.components.datetime import DateTimeEntity, DateTimeEntityDescription
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import OrderEntity, async_add_source_entities

PARALLEL_UPDATES = 1

DEADLINE = DateTimeEntityDescription(
    key="deadline", translation_key="deadline", entity_category=EntityCategory.CONFIG
)

_FARTHEST = timedelta(days=3653)  # ten years


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the deadline of each job of a zone."""

    def entities_of(source: SourceCoordinator) -> Iterator[Deadline]:
        for job in source.profile.jobs if source.profile else ():
            yield Deadline(source, DEADLINE, job)

    async_add_source_entities(Platform.DATETIME, entry, async_add_entities, entities_of)


class Deadline(OrderEntity, DateTimeEntity):
    """When a job is to be done: as a person said, else as the job tells. It may have passed."""

    @property
    @override
    def native_value(self) -> datetime | None:
        told = self.job.deadline if self.job else None
        return self.coordinator.orders.deadline(self.job_id, told)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        if self.native_value is None:
            return {"set_by": None}
        return {"set_by": "person" if self.coordinator.orders.has_deadline(self.job_id) else "job"}

    @override
    async def async_set_value(self, value: datetime) -> None:
        now = dt_util.utcnow()
        if abs(value - now) > _FARTHEST:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="deadline_too_far"
            )
        self.coordinator.orders.async_set_deadline(self.job_id, dt_util.as_utc(value), now)
