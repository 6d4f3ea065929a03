"""What is chosen by hand: the season of a zone, and who decides on a job."""

from collections.abc import Iterator
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .control.orders import Policy
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .entity import OrderEntity, ZoneEntity, async_add_source_entities
from .heat.seasons import Season

PARALLEL_UPDATES = 0

AUTO = "auto"
SEASON_MODE = SelectEntityDescription(
    key="season_mode", translation_key="season_mode", options=[AUTO, *Season]
)
POLICY = SelectEntityDescription(
    key="policy",
    translation_key="policy",
    options=list(Policy),
    entity_category=EntityCategory.CONFIG,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the choice of a zone's season, and that of each job's policy."""

    def entities_of(source: SourceCoordinator) -> Iterator[PolicySelect]:
        for job in source.profile.jobs if source.profile else ():
            yield PolicySelect(source, POLICY, job)

    async_add_entities([SeasonSelect(entry.runtime_data.zone, SEASON_MODE)])
    async_add_source_entities(Platform.SELECT, entry, async_add_entities, entities_of)


class SeasonSelect(ZoneEntity, SelectEntity):
    """A season that holds until another is chosen, or what the zone's options say."""

    @property
    @override
    def current_option(self) -> str:
        return self.coordinator.data.season_by_hand or AUTO

    @override
    async def async_select_option(self, option: str) -> None:
        season = None if option == AUTO else Season(option)
        await self.coordinator.async_choose_season(season)


class PolicySelect(OrderEntity, SelectEntity):
    """Whether the schedule decides on a job, or it always runs, or is held."""

    @property
    @override
    def current_option(self) -> str:
        return self.coordinator.orders.policy(self.job_id)

    @override
    async def async_select_option(self, option: str) -> None:
        orders = self.coordinator.orders
        orders.async_set_policy(self.job_id, Policy(option), dt_util.utcnow())
