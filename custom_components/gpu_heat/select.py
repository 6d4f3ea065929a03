"""The season of a zone, by hand."""

from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import GpuHeatConfigEntry
from .entity import ZoneEntity
from .heat.seasons import Season

PARALLEL_UPDATES = 0

AUTO = "auto"
SEASON_MODE = SelectEntityDescription(
    key="season_mode", translation_key="season_mode", options=[AUTO, *Season]
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the choice of a zone's season."""
    async_add_entities([SeasonSelect(entry.runtime_data.zone, SEASON_MODE)])


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
