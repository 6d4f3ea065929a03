"""The power limit of a GPU, and the work that is left of a job."""

from collections.abc import Iterator
import math
from typing import override

from homeassistant.components.number import (
    NumberDeviceClass,
    NumberEntity,
    NumberEntityDescription,
    NumberMode,
)
from homeassistant.const import EntityCategory, Platform, UnitOfPower, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .agent.models import Device
from .const import DOMAIN
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import DeviceEntity, OrderEntity, async_add_source_entities
from .job_status import is_group

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
REMAINING_WORK = NumberEntityDescription(
    key="remaining_work",
    translation_key="remaining_work",
    device_class=NumberDeviceClass.DURATION,
    native_unit_of_measurement=UnitOfTime.HOURS,
    native_min_value=0,
    native_max_value=8760,
    native_step=0.25,
    mode=NumberMode.BOX,
    entity_category=EntityCategory.CONFIG,
)

_HOUR_S = 3600


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the power limits of those GPUs whose agent may set them, and the work of each job.

    A group is as far as its jobs are: each of them has work of its own.
    """

    def entities_of(source: SourceCoordinator) -> Iterator[Entity]:
        for device in source.profile.devices if source.profile else ():
            if device.power_limit_settable:
                yield PowerLimit(source, POWER_LIMIT, device)
        for job in source.profile.jobs if source.profile else ():
            if not is_group(job):
                yield RemainingWork(source, REMAINING_WORK, job)

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


class RemainingWork(OrderEntity, NumberEntity):
    """The hours of work left of a job: as a person said, else as the job tells."""

    @property
    @override
    def native_value(self) -> float | None:
        left_s = self.coordinator.orders.remaining_s(self.job_id, self.job)
        return None if left_s is None else round(left_s / _HOUR_S, 2)

    @override
    async def async_set_native_value(self, value: float) -> None:
        if math.isnan(value):  # which is within any range
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="work_not_a_number"
            )
        orders = self.coordinator.orders
        orders.async_set_work(self.job_id, value * _HOUR_S, dt_util.utcnow())
