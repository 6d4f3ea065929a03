"""Sensors of a whole zone: what it draws and heats, what that costs and is worth."""

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
from homeassistant.const import UnitOfArea, UnitOfMass, UnitOfPower, UnitOfVolume

from .entity import ZoneEntity
from .heat.fuels import NOTHING, Heater
from .heat.seasons import Season
from .heat.units import kwh
from .quantities import ENERGY, PERCENT, POWER, Value, percent, shown
from .zone import ZoneCoordinator, ZoneState

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


def _unpriced(zone: ZoneState) -> Mapping[str, Any]:
    """Return what is in no sum of money, as no price was known then, in kWh."""
    return {
        "unpriced_energy": shown(kwh(zone.totals.unpriced_j)),
        "unvalued_heat": shown(kwh(zone.totals.unvalued_j)),
    }


def _demand(zone: ZoneState) -> Mapping[str, Any]:
    """Return why heat is wanted or not, and how much by thermostat, in percent."""
    return {
        "reason": zone.demand.reason,
        "thermostats": {
            key: None if part is None else round(100 * part, 1)
            for key, part in zone.demand_of.items()
        },
    }


# Readable while a source answers; those that do not are named.
ZONE_FLOW_SENSORS = (
    ZoneSensorDescription(
        key="power", translation_key="power", value_fn=lambda zone: zone.flows.power_w, **POWER
    ),
    ZoneSensorDescription(
        key="heat_output",
        translation_key="heat_output",
        suggested_unit_of_measurement=UnitOfPower.BTU_PER_HOUR,
        value_fn=lambda zone: zone.flows.power_w,  # all electricity ends as heat
        **POWER,
    ),
    ZoneSensorDescription(
        key="effective_power",
        translation_key="effective_power",
        value_fn=lambda zone: zone.flows.effective_w,
        **POWER,
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
        **ENERGY,
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
        **PERCENT,
    ),
    ZoneSensorDescription(
        key="heat_demand",
        translation_key="heat_demand",
        value_fn=lambda zone: percent(zone.demand.level),
        attributes_fn=_demand,
        **PERCENT,
    ),
    ZoneSensorDescription(
        key="useful_heat",
        translation_key="useful_heat",
        entity_registry_enabled_default=False,  # heat, not electricity: not to be added up
        value_fn=lambda zone: kwh(zone.totals.useful_heat_j),
        **ENERGY,
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
        value_fn=lambda zone: percent(zone.offset_ratio),
        **PERCENT,
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


def zone_sensors(zone: ZoneCoordinator) -> Iterator[SensorEntity]:
    """Yield the sensors that a zone has by its settings."""
    rules = zone.settings.rules
    yield from (ZoneFlowSensor(zone, description) for description in ZONE_FLOW_SENSORS)
    yield from (ZoneSensor(zone, description) for description in ZONE_SENSORS)
    if rules.co2_known:
        yield ZoneSensor(zone, CO2_NET)
    for description, heater in (
        (FUEL_DISPLACED, rules.heaters.first),
        (SECOND_FUEL_DISPLACED, rules.heaters.second),
    ):
        if heater and heater.fuel is not NOTHING:
            yield FuelSensor(zone, description, heater)


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
        return shown(self.entity_description.value_fn(self.coordinator.data))

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
        return shown(self.coordinator.data.totals.fuel.get(self._fuel_key, Decimal(0)))
