"""Events of jobs: when one was paused, resumed, started, finished or failed."""

from collections.abc import Iterator
from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .agent.models import Job
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import JobEntity, async_add_source_entities
from .job_activity import Activity, Change, bounded

PARALLEL_UPDATES = 0

ACTIVITY = EventEntityDescription(
    key="activity", translation_key="activity", event_types=list(Activity)
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the events of a zone."""

    def entities_of(source: SourceCoordinator) -> Iterator[JobEvent]:
        for job in source.profile.jobs if source.profile else ():
            yield JobEvent(source, ACTIVITY, job)

    async_add_source_entities(Platform.EVENT, entry, async_add_entities, entities_of)


class JobEvent(JobEntity, EventEntity):
    """What a job did last; of a group, each of its jobs and the group as a whole."""

    entity_description: EventEntityDescription

    def __init__(
        self, coordinator: SourceCoordinator, description: EventEntityDescription, job: Job
    ) -> None:
        super().__init__(coordinator, description, job)
        self._told: object = coordinator.changes

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        super()._handle_coordinator_update()  # it is there again before something happens to it
        changes = self.coordinator.changes
        if changes is not self._told:  # it may be called with the same poll twice
            self._told = changes
            members, more = bounded(item for item in changes if item.group == self.job_id)
            for change in members:
                self._tell(change)
            for activity, count in more.items():
                self._trigger_event(activity, {"job_id": None, "name": None, "more": count})
                self.async_write_ha_state()
            for change in changes:
                if change.job_id == self.job_id:
                    self._tell(change)

    def _tell(self, change: Change) -> None:
        self._trigger_event(
            change.activity,
            {
                "job_id": change.job_id,
                "name": change.name,
                "by": change.by,
                "reason": change.reason,
                "since": change.since,
            },
        )
        self.async_write_ha_state()
