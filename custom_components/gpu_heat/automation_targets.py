"""Which entities the triggers and conditions are about: ours alone, and of one kind."""

from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .inputs import read_number


def ours(hass: HomeAssistant, entities: set[str], key: str) -> set[str]:
    """Return those of some entities that are of this integration and kind."""
    registry = er.async_get(hass)
    found = {entity_id: registry.async_get(entity_id) for entity_id in entities}
    return {
        entity_id
        for entity_id, entity in found.items()
        if entity and entity.platform == DOMAIN and entity.translation_key == key
    }


def wants_heat(state: State) -> bool:
    """Return whether a heat demand is above 0; what is no number is not."""
    demand = read_number(state.state)
    return demand is not None and demand > 0
