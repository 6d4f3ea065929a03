"""Sensors of a zone, its sources, their GPUs and their jobs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    PERCENTAGE,
    UnitOfArea,
    UnitOfEnergy,
    UnitOfMass,
    UnitOfPower,
    UnitOfTemperature,
    UnitOfVolume,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .agent.models import Device, Job, JobState
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import DeviceEntity, JobEntity, SourceEntity, ZoneEntity, async_add_source_entities
from .heat.fuels import NOTHING, Heater
from .heat.seasons import Season
from .heat.units import kwh
from .zone import ZoneCoordinator, ZoneState

PARALLEL_UPDATES = 0

type Value = StateType | Decimal

# The unit of a fuel, and the device class that goes with it. Fuel in a unit of energy has none:
# as energy it would be offered to the Energy dashboard as electricity used.
_FUEL_UNITS: dict[str, tuple[str, SensorDeviceClass | None]] = {
    "L": (UnitOfVolume.LITERS, SensorDeviceClass.VOLUME),
    "gal": (UnitOfVolume.GALLONS, SensorDeviceClass.VOLUME),
    "m³": (UnitOfVolume.CUBIC_METERS, SensorDeviceClass.VOLUME),
    "ft³": (UnitOfVolume.CUBIC_FEET, SensorDeviceClass.VOLUME),
    "CCF": (UnitOfVolume.CENTUM_CUBIC_FEET, SensorDeviceClass.VOLUME),
}


@dataclass(frozen=True, kw_only=True)
class ZoneSensorDescription(SensorEntityDescription):
    """A sensor of a zone.

    `money` is its unit, with the zone's currency for "{currency}"; `since_fn` says since when
    it is summed up; `attributes_fn` what to say besides.
    """

    value_fn: Callable[[ZoneState], Value]
    money: str | None = None
    since_fn: Callable[[ZoneState], datetime | None] | None = None
    attributes_fn: Callable[[ZoneState], Mapping[str, Any]] | None = None


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


_POWER: dict[str, Any] = {
    "device_class": SensorDeviceClass.POWER,
    "state_class": SensorStateClass.MEASUREMENT,
    "native_unit_of_measurement": UnitOfPower.WATT,
    "suggested_display_precision": 0,
}
_ENERGY: dict[str, Any] = {
    "device_class": SensorDeviceClass.ENERGY,
    "state_class": SensorStateClass.TOTAL_INCREASING,
    "native_unit_of_measurement": UnitOfEnergy.KILO_WATT_HOUR,
    "suggested_display_precision": 2,
}
_MONEY: dict[str, Any] = {
    "device_class": SensorDeviceClass.MONETARY,
    "state_class": SensorStateClass.TOTAL,
    "suggested_display_precision": 2,
    "money": "{currency}",
    "since_fn": lambda zone: zone.money_since,
}
_MONEY_PER_HOUR: dict[str, Any] = {
    "state_class": SensorStateClass.MEASUREMENT,
    "suggested_display_precision": 4,
    "money": "{currency}/h",
}
_MONEY_PER_KWH: dict[str, Any] = {
    "state_class": SensorStateClass.MEASUREMENT,
    "suggested_display_precision": 4,
    "money": "{currency}/kWh",
}
_PERCENT: dict[str, Any] = {
    "state_class": SensorStateClass.MEASUREMENT,
    "native_unit_of_measurement": PERCENTAGE,
    "suggested_display_precision": 0,
}


def _unpriced(zone: ZoneState) -> Mapping[str, Any]:
    """Return what is in no sum of money, as no price was known then, in kWh."""
    return {
        "unpriced_energy": _shown(kwh(zone.totals.unpriced_j)),
        "unvalued_heat": _shown(kwh(zone.totals.unvalued_j)),
    }


# Readable while a source answers; those that do not are named.
ZONE_FLOW_SENSORS = (
    ZoneSensorDescription(
        key="power", translation_key="power", value_fn=lambda zone: zone.flows.power_w, **_POWER
    ),
    ZoneSensorDescription(
        key="heat_output",
        translation_key="heat_output",
        suggested_unit_of_measurement=UnitOfPower.BTU_PER_HOUR,
        value_fn=lambda zone: zone.flows.power_w,  # all electricity ends as heat
        **_POWER,
    ),
    ZoneSensorDescription(
        key="effective_power",
        translation_key="effective_power",
        value_fn=lambda zone: zone.flows.effective_w,
        **_POWER,
    ),
    ZoneSensorDescription(
        key="heated_area",
        translation_key="heated_area",
        device_class=SensorDeviceClass.AREA,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfArea.SQUARE_METERS,
        suggested_display_precision=1,
        value_fn=lambda zone: zone.heated_area_m2,
    ),
    ZoneSensorDescription(
        key="cost_rate",
        translation_key="cost_rate",
        value_fn=lambda zone: zone.flows.cost_rate,
        **_MONEY_PER_HOUR,
    ),
    ZoneSensorDescription(
        key="heat_value_rate",
        translation_key="heat_value_rate",
        value_fn=lambda zone: zone.flows.heat_value_rate,
        **_MONEY_PER_HOUR,
    ),
    ZoneSensorDescription(
        key="break_even_price",
        translation_key="break_even_price",
        value_fn=lambda zone: zone.flows.break_even_price,
        **_MONEY_PER_KWH,
    ),
)
ZONE_SENSORS = (
    ZoneSensorDescription(
        key="energy",
        translation_key="energy",
        value_fn=lambda zone: kwh(zone.totals.energy_j),
        **_ENERGY,
    ),
    ZoneSensorDescription(
        key="electricity_price",
        translation_key="electricity_price",
        value_fn=lambda zone: zone.electricity_price,
        **_MONEY_PER_KWH,
    ),
    ZoneSensorDescription(
        key="electricity_cost",
        translation_key="electricity_cost",
        value_fn=lambda zone: zone.totals.electricity_cost,
        attributes_fn=_unpriced,
        **_MONEY,
    ),
    ZoneSensorDescription(
        key="useful_share",
        translation_key="useful_share",
        value_fn=lambda zone: zone.useful_share * 100,
        **_PERCENT,
    ),
    ZoneSensorDescription(
        key="useful_heat",
        translation_key="useful_heat",
        entity_registry_enabled_default=False,  # heat, not electricity: not to be added up
        value_fn=lambda zone: kwh(zone.totals.useful_heat_j),
        **_ENERGY,
    ),
    ZoneSensorDescription(
        key="heat_value",
        translation_key="heat_value",
        value_fn=lambda zone: zone.totals.heat_value,
        attributes_fn=_unpriced,
        **_MONEY,
    ),
    ZoneSensorDescription(
        key="cooling_cost",
        translation_key="cooling_cost",
        value_fn=lambda zone: zone.totals.cooling_cost,
        **_MONEY,
    ),
    ZoneSensorDescription(
        key="net_cost",
        translation_key="net_cost",
        value_fn=lambda zone: zone.totals.net_cost,
        **_MONEY,
    ),
    ZoneSensorDescription(
        key="offset_ratio",
        translation_key="offset_ratio",
        value_fn=lambda zone: _percent(zone.offset_ratio),
        **_PERCENT,
    ),
    ZoneSensorDescription(
        key="season",
        translation_key="season",
        device_class=SensorDeviceClass.ENUM,
        options=list(Season),
        value_fn=lambda zone: zone.season,
    ),
)
CO2_NET = ZoneSensorDescription(
    key="co2_net",
    translation_key="co2_net",
    device_class=SensorDeviceClass.WEIGHT,
    state_class=SensorStateClass.TOTAL,
    native_unit_of_measurement=UnitOfMass.KILOGRAMS,
    suggested_display_precision=2,
    value_fn=lambda zone: zone.totals.co2_net,
    since_fn=lambda zone: zone.since,
)

FUEL_DISPLACED = SensorEntityDescription(
    key="fuel_displaced",
    translation_key="fuel_displaced",
    state_class=SensorStateClass.TOTAL_INCREASING,
    suggested_display_precision=2,
)

SECOND_FUEL_DISPLACED = replace(
    FUEL_DISPLACED, key="second_fuel_displaced", translation_key="second_fuel_displaced"
)

SOURCE_POWER = SourceSensorDescription(
    key="power",
    translation_key="power",
    value_fn=lambda source: source.snapshot.power_w if source.snapshot else None,
    **_POWER,
)
SOURCE_ENERGY = SensorEntityDescription(key="energy", translation_key="energy", **_ENERGY)

DEVICE_SENSORS = (
    DeviceSensorDescription(
        key="power", translation_key="power", value_fn=lambda device: device.power_w, **_POWER
    ),
    DeviceSensorDescription(
        key="temperature",
        translation_key="temperature",
        device_class=SensorDeviceClass.TEMPERATURE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTemperature.CELSIUS,
        suggested_display_precision=0,
        value_fn=lambda device: device.temperature_c,
    ),
    DeviceSensorDescription(
        key="utilization",
        translation_key="utilization",
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        value_fn=lambda device: _percent(device.utilization),
    ),
)
DEVICE_ENERGY = SensorEntityDescription(key="energy", translation_key="energy", **_ENERGY)

JOB_STATUS = JobSensorDescription(
    key="status",
    translation_key="status",
    device_class=SensorDeviceClass.ENUM,
    options=list(JobState),
    value_fn=lambda job: job.state,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of a zone."""
    zone = entry.runtime_data.zone

    def entities_of(source: SourceCoordinator) -> Iterator[Entity]:
        yield SourceSensor(source, SOURCE_POWER)
        yield SourceEnergySensor(source, SOURCE_ENERGY, zone)
        for device in source.profile.devices if source.profile else ():
            for description in DEVICE_SENSORS:
                yield DeviceSensor(source, description, device)
            yield DeviceEnergySensor(source, DEVICE_ENERGY, device, zone)
        for job in source.profile.jobs if source.profile else ():
            yield JobSensor(source, JOB_STATUS, job)

    rules = zone.settings.rules
    async_add_entities(ZoneFlowSensor(zone, description) for description in ZONE_FLOW_SENSORS)
    async_add_entities(ZoneSensor(zone, description) for description in ZONE_SENSORS)
    if rules.co2_known:
        async_add_entities([ZoneSensor(zone, CO2_NET)])
    async_add_entities(
        FuelSensor(zone, description, heater)
        for description, heater in (
            (FUEL_DISPLACED, rules.heaters.first),
            (SECOND_FUEL_DISPLACED, rules.heaters.second),
        )
        if heater and heater.fuel is not NOTHING
    )
    async_add_source_entities(entry, async_add_entities, entities_of)


class ZoneSensor(ZoneEntity, SensorEntity):
    """A figure of a zone. Sums stay readable while sources are off."""

    entity_description: ZoneSensorDescription

    def __init__(self, coordinator: ZoneCoordinator, description: ZoneSensorDescription) -> None:
        super().__init__(coordinator, description)
        if description.money:
            self._attr_native_unit_of_measurement = description.money.format(
                currency=coordinator.settings.currency
            )

    @property
    @override
    def native_value(self) -> Value:
        return _shown(self.entity_description.value_fn(self.coordinator.data))

    @property
    @override
    def last_reset(self) -> datetime | None:
        since_fn = self.entity_description.since_fn
        return since_fn(self.coordinator.data) if since_fn else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        attributes_fn = self.entity_description.attributes_fn
        return attributes_fn(self.coordinator.data) if attributes_fn else None


class ZoneFlowSensor(ZoneSensor):
    """A figure of what the sources do that answer; those that do not are named."""

    @property
    @override
    def available(self) -> bool:
        return super().available and self.coordinator.data.online

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        return {"offline_sources": list(self.coordinator.data.offline)}


class FuelSensor(ZoneEntity, SensorEntity):
    """The fuel that was not burnt, in the unit it is bought in."""

    def __init__(
        self, coordinator: ZoneCoordinator, description: SensorEntityDescription, heater: Heater
    ) -> None:
        super().__init__(coordinator, description)
        self._fuel_key = heater.key
        unit, device_class = _FUEL_UNITS.get(heater.unit, (heater.unit, None))
        self._attr_native_unit_of_measurement = unit
        self._attr_device_class = device_class

    @property
    @override
    def native_value(self) -> Value:
        return _shown(self.coordinator.data.totals.fuel.get(self._fuel_key, Decimal(0)))


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
        return None if energy_j is None else _shown(kwh(energy_j))


class DeviceSensor(DeviceEntity, SensorEntity):
    """A reading of a GPU."""

    entity_description: DeviceSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        return self.entity_description.value_fn(self.device) if self.device else None


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
        return None if energy_j is None else _shown(kwh(energy_j))


class JobSensor(JobEntity, SensorEntity):
    """What a job does."""

    entity_description: JobSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        return self.entity_description.value_fn(self.job) if self.job else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        if self.job is None:
            return None
        return {
            "paused_by_us": self.job.paused_by_us,
            "reason": self.job.reason,
            "lease_expires_at": self.job.lease_expires_at,
        }


def _percent[T: (float, Decimal)](fraction: T | None) -> T | None:
    return None if fraction is None else fraction * 100


def _shown(value: Value) -> Value:
    """Spare the state the far digits of a sum: a billionth of its unit is enough."""
    return float(round(value, 9)) if isinstance(value, Decimal) else value
