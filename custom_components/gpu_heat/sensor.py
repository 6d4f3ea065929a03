"""Sensors of a zone, its sources, their GPUs and their jobs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, override

from homeassistant.components.sensor import (
    DOMAIN as SENSOR_DOMAIN,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, Platform, UnitOfInformation
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .agent.models import Device, Job
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import DeviceEntity, JobEntity, SourceEntity, async_add_source_entities
from .heat.units import kwh
from .job_status import JobStatus, is_group, member_rows, status_of
from .quantities import ENERGY, PERCENT, POWER, TEMPERATURE, Value, percent, shown
from .schedule_sensors import (
    FORECAST_SAVING,
    REASON,
    ForecastSavingSensor,
    JobReasonSensor,
)
from .zone import ZoneCoordinator
from .zone_sensors import zone_sensors

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class SourceSensorDescription(SensorEntityDescription):
    """A sensor of a source."""

    value_fn: Callable[[SourceCoordinator], Value]


@dataclass(frozen=True, kw_only=True)
class DeviceSensorDescription(SensorEntityDescription):
    """A sensor of a GPU."""

    value_fn: Callable[[Device], Value]


@dataclass(frozen=True, kw_only=True)
class JobSensorDescription(SensorEntityDescription):
    """A sensor of a job."""

    value_fn: Callable[[Job], Value]


SOURCE_POWER = SourceSensorDescription(
    key="power",
    translation_key="power",
    value_fn=lambda source: source.snapshot.power_w if source.snapshot else None,
    **POWER,
)
SOURCE_ENERGY = SensorEntityDescription(key="energy", translation_key="energy", **ENERGY)

DEVICE_POWER = DeviceSensorDescription(
    key="power", translation_key="power", value_fn=lambda device: device.power_w, **POWER
)
GPU_SENSORS = (
    DeviceSensorDescription(
        key="temperature",
        translation_key="temperature",
        value_fn=lambda device: device.temperature_c,
        **TEMPERATURE,
    ),
    DeviceSensorDescription(
        key="utilization",
        translation_key="utilization",
        value_fn=lambda device: percent(device.utilization),
        **PERCENT,
    ),
    DeviceSensorDescription(
        key="memory_temperature",
        translation_key="memory_temperature",
        value_fn=lambda device: device.memory_temperature_c,
        entity_registry_enabled_default=False,
        **TEMPERATURE,
    ),
    DeviceSensorDescription(
        key="memory_used",
        translation_key="memory_used",
        device_class=SensorDeviceClass.DATA_SIZE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.GIBIBYTES,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        value_fn=lambda device: device.memory_used_bytes,
    ),
)
DEVICE_ENERGY = SensorEntityDescription(key="energy", translation_key="energy", **ENERGY)

# Of what stands on the device of another integration, which has a power and an energy already.
LINKED_POWER = replace(DEVICE_POWER, translation_key="linked_power")
LINKED_ENERGY = replace(DEVICE_ENERGY, translation_key="linked_energy")

HELD_POWER = SensorEntityDescription(
    key="held_power",
    translation_key="held_power",
    entity_category=EntityCategory.DIAGNOSTIC,
    **POWER,
)

JOB_STATUS = JobSensorDescription(
    key="status",
    translation_key="status",
    device_class=SensorDeviceClass.ENUM,
    options=list(JobStatus),
    value_fn=status_of,
)
GROUP_JOBS = JobSensorDescription(
    key="jobs",
    translation_key="jobs",
    state_class=SensorStateClass.MEASUREMENT,
    value_fn=lambda group: group.members,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of a zone."""
    zone, scheduler = entry.runtime_data.zone, entry.runtime_data.scheduler

    def entities_of(source: SourceCoordinator) -> Iterator[Entity]:
        yield SourceSensor(source, SOURCE_POWER)
        yield SourceEnergySensor(source, SOURCE_ENERGY, zone)
        for device in source.profile.devices if source.profile else ():
            linked = source.linked_device(device.id) is not None
            yield DeviceSensor(source, LINKED_POWER if linked else DEVICE_POWER, device)
            for description in GPU_SENSORS:
                if description.value_fn(device) is not None:  # now or earlier
                    yield DeviceSensor(source, description, device)
            energy = LINKED_ENERGY if linked else DEVICE_ENERGY
            yield DeviceEnergySensor(source, energy, device, zone)
            if source.job_power.held_w(device.id) is not None:
                yield HeldPowerSensor(source, HELD_POWER, device)
        for job in source.profile.jobs if source.profile else ():
            yield JobStatusSensor(source, JOB_STATUS, job)
            yield JobReasonSensor(source, REASON, job, scheduler)
            if is_group(job):
                yield GroupJobsSensor(source, GROUP_JOBS, job)

    of_zone = [*zone_sensors(zone), ForecastSavingSensor(scheduler, FORECAST_SAVING)]
    _remove_others(hass, entry, {sensor.unique_id for sensor in of_zone})
    async_add_entities(of_zone)
    async_add_source_entities(Platform.SENSOR, entry, async_add_entities, entities_of)


def _remove_others(
    hass: HomeAssistant, entry: GpuHeatConfigEntry, unique_ids: set[str | None]
) -> None:
    """Remove the sensors that the zone had by other settings."""
    registry = er.async_get(hass)
    for item in er.async_entries_for_config_entry(registry, entry.entry_id):
        of_zone = item.domain == SENSOR_DOMAIN and item.unique_id.startswith(f"{entry.entry_id}_")
        if of_zone and item.unique_id not in unique_ids:
            registry.async_remove(item.entity_id)


class SourceSensor(SourceEntity, SensorEntity):
    """A reading of a source."""

    entity_description: SourceSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        return self.entity_description.value_fn(self.coordinator)


class SourceEnergySensor(SourceEntity, SensorEntity):
    """The energy that a source has used; readable while it is off."""

    def __init__(
        self,
        coordinator: SourceCoordinator,
        description: SensorEntityDescription,
        zone: ZoneCoordinator,
    ) -> None:
        super().__init__(coordinator, description)
        self._zone = zone

    @property
    @override
    def available(self) -> bool:
        return True

    @property
    @override
    def native_value(self) -> Value:
        energy_j = self._zone.source_energy_j(self._key)
        return None if energy_j is None else shown(kwh(energy_j))


class DeviceSensor(DeviceEntity, SensorEntity):
    """A reading of a GPU."""

    entity_description: DeviceSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        device = self.device
        return self.entity_description.value_fn(device) if device else None


class DeviceEnergySensor(DeviceEntity, SensorEntity):
    """The energy that a GPU has used; readable while its source is off."""

    def __init__(
        self,
        coordinator: SourceCoordinator,
        description: SensorEntityDescription,
        device: Device,
        zone: ZoneCoordinator,
    ) -> None:
        super().__init__(coordinator, description, device)
        self._zone = zone

    @property
    @override
    def available(self) -> bool:
        return True

    @property
    @override
    def native_value(self) -> Value:
        energy_j = self._zone.device_energy_j(self._key, self._device_id)
        return None if energy_j is None else shown(kwh(energy_j))


class HeldPowerSensor(DeviceEntity, SensorEntity):
    """What a GPU draws while its jobs are paused; readable while its source is off."""

    @property
    @override
    def available(self) -> bool:
        return True

    @property
    @override
    def native_value(self) -> Value:
        return self.coordinator.job_power.held_w(self._device_id)


class JobSensor(JobEntity, SensorEntity):
    """Something that is known of a job."""

    entity_description: JobSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        return self.entity_description.value_fn(self.job) if self.job else None


class JobStatusSensor(JobSensor):
    """What a job does."""

    _unrecorded_attributes = frozenset({"remaining_s"})  # another at each poll

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        job = self.job
        if job is None:
            return None
        return {
            "paused_by_us": job.paused_by_us,
            "reason": job.reason,
            "lease_expires_at": job.lease_expires_at,
            "remaining_s": job.remaining_s,
            "error": job.error,
            "frees_gpu": job.frees_gpu,
            "keeps_work": job.keeps_work,
        }


class GroupJobsSensor(JobSensor):
    """How many jobs a group has, and which."""

    _unrecorded_attributes = frozenset({"jobs"})

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        if self.native_value is None:
            return None
        members = self.coordinator.members(self.job_id)
        rows = member_rows(members)
        return {"jobs": rows, "left_out": len(members) - len(rows)}
