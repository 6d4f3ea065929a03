"""The power limit of a GPU."""

from collections.abc import Iterator
from typing import override

from homeassistant.components.number import (
    NumberDeviceClass,
    NumberEntity,
    NumberEntityDescription,
    NumberMode,
)
from homeassistant.const import EntityCategory, Platform, UnitOfPower
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .agent.models import Device
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import DeviceEntity, async_add_source_entities

PARALLEL_UPDATES = 1

POWER_LIMIT = NumberEntityDescription(
    key="power_limit",
    translation_key="power_limit",
    device_class=NumberDeviceClass.POWER,
    native_unit_of_measurement=UnitOfPower.WATT,
    native_step=1,
    mode=NumberMode.BOX,
    entity_category=EntityCategory.CONFIG,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the power limits of those GPUs whose agent may set them."""

    def entities_of(source: SourceCoordinator) -> Iterator[PowerLimit]:
        for device in source.profile.devices if source.profile else ():
            if device.power_limit_settable:
                yield PowerLimit(source, POWER_LIMIT, device)

    async_add_source_entities(Platform.NUMBER, entry, async_add_entities, entities_of)


class PowerLimit(DeviceEntity, NumberEntity):
    """The most that a GPU draws; within what the card itself allows."""

    def __init__(
        self, coordinator: SourceCoordinator, description: NumberEntityDescription, device: Device
    ) -> None:
        super().__init__(coordinator, description, device)
        self._seen = device

    @property
    def _limited(self) -> Device:
        """The device, as it was last known: its bounds do not change while it is off."""
        self._seen = self.device or self._seen
        return self._seen

    @property
    @override
    def available(self) -> bool:
        return super().available and self._limited.power_limit_settable

    @property
    @override
    def native_min_value(self) -> float:
        return self._limited.power_limit_min_w or 0.0

    @property
    @override
    def native_max_value(self) -> float:
        return self._limited.power_limit_max_w or 0.0

    @property
    @override
    def native_value(self) -> float | None:
        return self._limited.power_limit_w

    @override
    async def async_set_native_value(self, value: float) -> None:
        await self.coordinator.async_limit_power(self._device_id, value)
        await self.coordinator.async_refresh()
