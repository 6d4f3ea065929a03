"""A condition for automations: a zone wants heat."""

from typing import override

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import Condition, EntityConditionBase

from .automation_targets import ours, wants_heat

_SENSORS = {SENSOR_DOMAIN: DomainSpec()}


class HeatWantedCondition(EntityConditionBase):
    """The demand of a zone is above 0."""

    _domain_specs = _SENSORS

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return ours(self._hass, super().entity_filter(entities), "heat_demand")

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        return wants_heat(entity_state)


CONDITIONS: dict[str, type[Condition]] = {"is_heat_wanted": HeatWantedCondition}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return CONDITIONS
