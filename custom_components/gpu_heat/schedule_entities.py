"""Base entities of what is decided: on the jobs of a zone, and on one of them."""

from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .agent.models import Job
from .const import DOMAIN
from .coordinator import SourceCoordinator
from .decided import Decided
from .entity import JobEntity
from .flexible import key_of
from .scheduler import ZoneScheduler


class ZoneScheduleEntity(CoordinatorEntity[ZoneScheduler]):
    """Something of a zone that its schedule shows."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: ZoneScheduler, description: EntityDescription) -> None:
        super().__init__(coordinator)
        self.entity_description = description
        entry_id = coordinator.config_entry.entry_id
        self._attr_unique_id = f"{entry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, entry_id)})


class DecisionEntity(JobEntity):
    """Something that was decided on a job; while its source is off, what was decided last.

    At a start it is unavailable until something is decided, that no trigger takes it for news.
    """

    def __init__(
        self,
        coordinator: SourceCoordinator,
        description: EntityDescription,
        job: Job,
        scheduler: ZoneScheduler,
    ) -> None:
        super().__init__(coordinator, description, job)
        self.key = key_of(coordinator, job.id)
        self.decided: Decided | None = None  # what was last decided on this job among others
        self._scheduler = scheduler
        self._written: object = None

    @property
    @override
    def available(self) -> bool:
        return self._scheduler.data is not None and self.coordinator.lists(self.job_id)

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self._scheduler.async_add_listener(self._schedule_changed))
        self._take()

    def _take(self) -> None:
        decided = self._scheduler.data
        if decided and decided.decision(self.key):
            self.decided = decided

    @callback
    def _schedule_changed(self) -> None:
        self._take()
        self.async_write_ha_state()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write anew what a poll can change: that the job is listed, and that it has ended."""
        seen = (self.available, self.job.state if self.job else None)
        if seen != self._written:
            self._written = seen
            super()._handle_coordinator_update()
