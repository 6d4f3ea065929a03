"""What a thermostat says of its room."""

from collections.abc import Mapping
from decimal import Decimal
import math
from typing import Any

from homeassistant.components.climate import (
    ATTR_CURRENT_TEMPERATURE,
    ATTR_TARGET_TEMP_LOW,
    HVACMode,
)
from homeassistant.const import (
    ATTR_TEMPERATURE,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    UnitOfTemperature,
)
from homeassistant.core import HomeAssistant
from homeassistant.util.unit_conversion import TemperatureConverter

from .heat.seasons import Room

_HEATING_MODES = {HVACMode.HEAT, HVACMode.HEAT_COOL, HVACMode.AUTO}


def read_room(hass: HomeAssistant, entity_id: str | None) -> Room | None:
    """Return the room of a climate entity; None while it or a temperature is not known."""
    state = hass.states.get(entity_id) if entity_id else None
    if state is None or state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        return None
    if state.state not in _HEATING_MODES:
        return Room(excess_k=None)
    unit = hass.config.units.temperature_unit
    temperature = _celsius(state.attributes, ATTR_CURRENT_TEMPERATURE, unit)
    target = _celsius(state.attributes, ATTR_TEMPERATURE, unit)
    if target is None:  # a thermostat with two targets heats up to the lower one
        target = _celsius(state.attributes, ATTR_TARGET_TEMP_LOW, unit)
    if temperature is None or target is None:
        return None
    return Room(excess_k=temperature - target)


def _celsius(attributes: Mapping[str, Any], key: str, unit: str) -> Decimal | None:
    try:
        value = float(attributes[key])
    except (KeyError, TypeError, ValueError):
        return None
    if not math.isfinite(value):
        return None
    celsius = TemperatureConverter.convert(value, unit, UnitOfTemperature.CELSIUS)
    return Decimal(str(round(celsius, 3)))
