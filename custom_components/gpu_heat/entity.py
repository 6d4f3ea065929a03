"""Base entities: of a zone, a source, a device of a source, a job and its orders."""

from collections.abc import Callable, Iterable
from typing import override

from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.device_registry import ChildDeviceInfo, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .agent.models import Device, Job
from .const import CONF_KIND, DOMAIN, KIND_ENTITIES
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .zone import ZoneCoordinator


def host_identifier(source: str, host: str) -> str:
    """Return what a machine of a source is known by among devices."""
    return f"{source}_host_{host}"


class ZoneEntity(CoordinatorEntity[ZoneCoordinator]):
    """Something that a whole zone shows."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: ZoneCoordinator, description: EntityDescription) -> None:
        super().__init__(coordinator)
        self.entity_description = description
        entry_id = coordinator.config_entry.entry_id
        self._attr_unique_id = f"{entry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, entry_id)})


class SourceEntity(CoordinatorEntity[SourceCoordinator]):
    """Something that a source shows."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: SourceCoordinator, description: EntityDescription) -> None:
        super().__init__(coordinator)
        self.entity_description = description
        self._key = coordinator.subentry.subentry_id
        self._attr_unique_id = f"{self._key}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, self._key)})

    def _become_part(
        self, part: str, description: EntityDescription, host: str | None = None
    ) -> ChildDeviceInfo:
        """Take the unique id of a part of the source; return its device, yet to be named."""
        self._attr_unique_id = f"{self._key}_{part}_{description.key}"
        parent = self._source_device_id
        return ChildDeviceInfo(
            identifiers={(DOMAIN, f"{self._key}_{part}")},
            parent_device_id=self._host_device_id(host) if host else parent,
        )

    @property
    def _source_device_id(self) -> str:
        return dr.async_get_device_id_by_identifier(
            self.coordinator.hass,
            (DOMAIN, self._key),
            config_entry_id=self.coordinator.config_entry.entry_id,
        )

    def _host_device_id(self, host: str) -> str:
        """Return the device of one of the machines that the source reads."""
        device = dr.async_get(self.coordinator.hass).async_get_or_create(
            config_entry_id=self.coordinator.config_entry.entry_id,
            config_subentry_id=self._key,
            identifiers={(DOMAIN, host_identifier(self._key, host))},
            name=host,
            via_device_id=self._source_device_id,
        )
        return device.id


class DeviceEntity(SourceEntity):
    """Something that one GPU shows, or another thing that draws power."""

    def __init__(
        self, coordinator: SourceCoordinator, description: EntityDescription, device: Device
    ) -> None:
        super().__init__(coordinator, description)
        self._device_id = device.id
        info = self._become_part(device.id, description, device.host)
        if coordinator.subentry.data[CONF_KIND] == KIND_ENTITIES:
            info["name"] = device.name
        else:
            info["translation_key"] = "gpu"
            info["translation_placeholders"] = {"index": str(device.index), "name": device.name}
        self._attr_device_info = info
        if linked := coordinator.linked_device(device.id):  # never copied, nor taken over
            self._attr_device_info = None
            self.device_entry = linked

    @property
    def device(self) -> Device | None:
        """The device's present readings; None while they are not known."""
        return self.coordinator.device(self._device_id)

    @property
    @override
    def available(self) -> bool:
        return super().available and self.device is not None


class JobEntity(SourceEntity):
    """Something that one job shows, or a group of jobs as a whole."""

    def __init__(
        self, coordinator: SourceCoordinator, description: EntityDescription, job: Job
    ) -> None:
        super().__init__(coordinator, description)
        self.job_id = job.id
        self._attr_device_info = self._become_part(f"job_{job.id}", description)
        self._attr_device_info["name"] = job.name

    @property
    def job(self) -> Job | None:
        """The job as it is now; None while that is not known."""
        return self.coordinator.job(self.job_id)

    @property
    @override
    def available(self) -> bool:
        return super().available and self.job is not None


class OrderEntity(JobEntity):
    """Something that a person orders of a job; also while its source is off."""

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.orders.async_add_listener(self._ordered))

    @callback
    def _ordered(self, job_id: str) -> None:
        if job_id == self.job_id:
            self.async_write_ha_state()

    @property
    @override
    def available(self) -> bool:
        return self.coordinator.lists(self.job_id)


@callback
def async_add_source_entities(
    platform: Platform,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    entities_of: Callable[[SourceCoordinator], Iterable[Entity]],
) -> None:
    """Add the entities of all sources, also those of devices and jobs that turn up later."""
    for source in entry.runtime_data.sources.values():
        adder = _Adder(platform, source, async_add_entities, entities_of)
        adder.add_new()
        entry.async_on_unload(source.async_add_listener(adder.add_new))


class _Adder:
    """Adds a source's entities as its profile grows."""

    def __init__(
        self,
        platform: Platform,
        source: SourceCoordinator,
        async_add_entities: AddConfigEntryEntitiesCallback,
        entities_of: Callable[[SourceCoordinator], Iterable[Entity]],
    ) -> None:
        self._platform = platform
        self._source = source
        self._async_add_entities = async_add_entities
        self._entities_of = entities_of
        self._profile: object = self
        self._added: set[str | None] = set()
        self._registered: set[str | None] = set()

    @callback
    def add_new(self) -> None:
        """Add what is new; nothing is, as long as the profile is the same object.

        What was removed with its device is new once more when it is back.
        """
        if self._profile is self._source.profile:
            return
        self._profile = self._source.profile
        registered = self._in_registry()
        self._added -= self._registered - registered
        self._registered = registered
        new = [
            entity
            for entity in self._entities_of(self._source)
            if entity.unique_id not in self._added
        ]
        self._added |= {entity.unique_id for entity in new}
        self._async_add_entities(new, config_subentry_id=self._source.subentry.subentry_id)

    def _in_registry(self) -> set[str | None]:
        registry = er.async_get(self._source.hass)
        entry_id = self._source.config_entry.entry_id
        return {
            item.unique_id
            for item in er.async_entries_for_config_entry(registry, entry_id)
            if item.domain == self._platform
        }
