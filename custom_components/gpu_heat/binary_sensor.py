"""Whether a source answers and its circuit bears it, a GPU is too hot, a job may be late."""

from collections.abc import Iterator, Mapping
from typing import Any, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .agent.models import Vendor
from .const import CONF_CIRCUIT_CURRENT, CONF_CIRCUIT_VOLTAGE, CONF_KIND, KIND_AGENT, KIND_NVML
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import DeviceEntity, SourceEntity, async_add_source_entities
from .inputs import known
from .schedule_entities import DecisionEntity
from .source_kinds import meter_entities

PARALLEL_UPDATES = 0

CONTINUOUS_LOAD = 0.8
"""The part of a circuit's rating that a load of three hours and more may take: NEC 210.20(A)."""

# An exporter's page is not read for it.
_TELL_THROTTLING = frozenset({KIND_AGENT, KIND_NVML})

THERMAL_REASONS = frozenset({"sw_thermal_slowdown", "hw_thermal_slowdown"})

ONLINE = BinarySensorEntityDescription(
    key="online",
    translation_key="online",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)
CIRCUIT_LOAD = BinarySensorEntityDescription(
    key="circuit_load",
    translation_key="circuit_load",
    device_class=BinarySensorDeviceClass.PROBLEM,
)
DEADLINE_AT_RISK = BinarySensorEntityDescription(
    key="deadline_at_risk",
    translation_key="deadline_at_risk",
    device_class=BinarySensorDeviceClass.PROBLEM,
)
THROTTLED = BinarySensorEntityDescription(
    key="throttled",
    translation_key="throttled",
    device_class=BinarySensorDeviceClass.PROBLEM,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors of a zone."""
    scheduler = entry.runtime_data.scheduler

    def entities_of(source: SourceCoordinator) -> Iterator[BinarySensorEntity]:
        yield OnlineSensor(source, ONLINE)
        if CONF_CIRCUIT_CURRENT in source.subentry.data:
            yield CircuitLoadSensor(source, CIRCUIT_LOAD)
        for job in source.profile.jobs if source.profile else ():
            yield DeadlineAtRiskSensor(source, DEADLINE_AT_RISK, job, scheduler)
        if source.subentry.data[CONF_KIND] not in _TELL_THROTTLING:
            return
        for device in source.profile.devices if source.profile else ():
            if device.vendor is Vendor.NVIDIA:
                yield ThrottledSensor(source, THROTTLED, device)

    async_add_source_entities(Platform.BINARY_SENSOR, entry, async_add_entities, entities_of)


class SourceBinarySensor(SourceEntity, BinarySensorEntity):
    """Something that is seldom another than at the poll before: that is not written again."""

    _written: object = None

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        current = (self.available, self.is_on, self.extra_state_attributes)
        if current != self._written:
            self._written = current
            super()._handle_coordinator_update()


class OnlineSensor(SourceBinarySensor):
    """On while the source answers."""

    @property
    @override
    def available(self) -> bool:
        return True

    @property
    @override
    def is_on(self) -> bool:
        return self.coordinator.last_update_success

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        if failure := self.coordinator.failure:
            return {"reason": str(failure)}
        meters = meter_entities(self.coordinator.subentry.data)
        silent = sorted(item for item in meters if not known(self.hass.states.get(item)))
        return {"reason": f"{', '.join(silent)}: no value" if silent else None}


class CircuitLoadSensor(SourceBinarySensor):
    """On while a source draws more than its circuit bears for hours on end."""

    @property
    @override
    def is_on(self) -> bool | None:
        power_w = self.coordinator.snapshot.power_w if self.coordinator.snapshot else None
        return None if power_w is None else power_w > self._limit_w

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        return {"limit_w": self._limit_w}

    @property
    def _limit_w(self) -> float:
        data = self.coordinator.subentry.data
        rated_w: float = data[CONF_CIRCUIT_CURRENT] * data[CONF_CIRCUIT_VOLTAGE]
        return rated_w * CONTINUOUS_LOAD


class ThrottledSensor(DeviceEntity, SourceBinarySensor):
    """On while a GPU slows itself down because of its temperature."""

    @property
    @override
    def is_on(self) -> bool | None:
        device = self.device
        if device is None or device.power_w is None:  # it does not answer
            return None
        return not THERMAL_REASONS.isdisjoint(device.throttle_reasons)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        return {"reasons": list(self.device.throttle_reasons)} if self.device else None


class DeadlineAtRiskSensor(DecisionEntity, BinarySensorEntity):
    """On while a job may miss its deadline although it runs; unknown where it has none."""

    @property
    @override
    def is_on(self) -> bool | None:
        return self.decided.at_risk(self.key) if self.decided else None
