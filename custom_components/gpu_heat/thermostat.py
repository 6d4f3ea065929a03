"""What a thermostat says of its room."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
import math
from typing import Any

from homeassistant.components.climate import (
    ATTR_CURRENT_TEMPERATURE,
    ATTR_HVAC_ACTION,
    ATTR_HVAC_MODES,
    ATTR_TARGET_TEMP_HIGH,
    ATTR_TARGET_TEMP_LOW,
    HVACAction,
    HVACMode,
)
from homeassistant.const import ATTR_TEMPERATURE, UnitOfTemperature
from homeassistant.core import State
from homeassistant.util.unit_conversion import TemperatureConverter

from .heat.seasons import Activity, Mode, Room

_MODES: dict[str, Mode] = {
    HVACMode.HEAT: Mode.HEAT,
    HVACMode.COOL: Mode.COOL,
    HVACMode.DRY: Mode.COOL,
    HVACMode.HEAT_COOL: Mode.BOTH,
    HVACMode.AUTO: Mode.BOTH,
}
_ACTIVITIES: dict[str, Activity] = {
    HVACAction.HEATING: Activity.HEATING,
    HVACAction.PREHEATING: Activity.HEATING,
    HVACAction.DEFROSTING: Activity.HEATING,
    HVACAction.COOLING: Activity.COOLING,
    HVACAction.DRYING: Activity.COOLING,
    HVACAction.IDLE: Activity.IDLE,
    HVACAction.FAN: Activity.IDLE,
    HVACAction.OFF: Activity.OFF,
}
_COOLING_TARGETS: dict[str, str] = {
    HVACMode.COOL: ATTR_TEMPERATURE,
    HVACMode.HEAT_COOL: ATTR_TARGET_TEMP_HIGH,
    HVACMode.AUTO: ATTR_TARGET_TEMP_HIGH,
}
# What a room that people heat can have, and be heated to, in °C. Thermostats that know no
# temperature say 0, or one that no room has.
_ROOM_C = (2, 45)
_TARGET_C = (5, 35)
_HEATING_MODES = {HVACMode.HEAT, HVACMode.HEAT_COOL}
_COOLING_MODES = {HVACMode.COOL, HVACMode.HEAT_COOL, HVACMode.DRY}


def read_room(state: State, unit: str, weight: Decimal) -> Room | None:
    """Return the room of a climate entity that answers, temperatures given in a unit.

    None where neither a temperature nor the heater's activity tells what it needs. A temperature
    that no room has counts as not known.
    """
    attributes = state.attributes
    modes = set(attributes.get(ATTR_HVAC_MODES) or ())
    mode = _MODES.get(state.state, Mode.OFF)
    if state.state == HVACMode.AUTO and modes:  # a schedule, of what it can do
        mode = _by_itself(
            can_heat=bool(_HEATING_MODES & modes), can_cool=bool(_COOLING_MODES & modes)
        )
    room = Room(
        mode=mode,
        activity=_ACTIVITIES.get(attributes.get(ATTR_HVAC_ACTION) or ""),
        can_cool=bool(_COOLING_MODES & modes),
        weight=weight,
    )
    temperature = _celsius(attributes, ATTR_CURRENT_TEMPERATURE, unit, _ROOM_C)
    target = _celsius(attributes, ATTR_TEMPERATURE, unit, _TARGET_C)
    if target is None:  # a thermostat with two targets heats up to the lower one
        target = _celsius(attributes, ATTR_TARGET_TEMP_LOW, unit, _TARGET_C)
    excess = None if temperature is None or target is None else temperature - target
    room = replace(room, excess_k=excess, target_c=target)
    return room if room.share is not None else None


def read_cooling_target(state: State, unit: str) -> float | None:
    """Return what an air conditioner keeps, in °C; None where it does not run or tell."""
    key = _COOLING_TARGETS.get(state.state)
    target = _celsius(state.attributes, key, unit, _TARGET_C) if key else None
    return None if target is None else float(target)


def _by_itself(*, can_heat: bool, can_cool: bool) -> Mode:
    if can_cool:
        return Mode.BOTH if can_heat else Mode.COOL
    return Mode.HEAT


def _celsius(
    attributes: Mapping[str, Any], key: str, unit: str, bounds: tuple[float, float]
) -> Decimal | None:
    try:
        value = float(attributes[key])
    except (KeyError, TypeError, ValueError):
        return None
    if not math.isfinite(value):
        return None
    celsius = round(TemperatureConverter.convert(value, unit, UnitOfTemperature.CELSIUS), 3)
    least, most = bounds
    return Decimal(str(celsius)) if least <= celsius <= most else None
