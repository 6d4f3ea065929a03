"""The form for jobs and for what is planned by, and what it refuses."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from homeassistant.components.weather import DOMAIN as WEATHER_DOMAIN
from homeassistant.const import ATTR_SUPPORTED_FEATURES
from homeassistant.core import HomeAssistant
from homeassistant.helpers import selector
import voluptuous as vol

from .const import (
    CONF_HAND_HOLD,
    CONF_HEAT_LOSS,
    CONF_HEATING_POWER,
    CONF_MAX_DELAY,
    CONF_MINIMUM_OFF,
    CONF_MINIMUM_ON,
    CONF_TRIM_POWER,
    CONF_WEATHER,
)
from .control_settings import HAND_HOLD, MAX_DELAY, NEVER_TRIMMED
from .forms import Findings, entity, number
from .inputs import known

_MINIMUM_TIME = {"minutes": 30}
_LONGEST = timedelta(days=365)
_SHORT = selector.DurationSelector(selector.DurationSelectorConfig(enable_day=False))
_LONG = selector.DurationSelector(
    selector.DurationSelectorConfig(enable_day=True, enable_second=False)
)
_ANY = 10_000_000  # what cannot be is refused in words of its own

# By field: the least and the most that is believed, and what is said of anything else. A small
# well insulated room loses 5 W/K, a leaky hall 100 kW/K; a heater has 0.2 kW to 2 MW.
_RANGES = {
    CONF_HEAT_LOSS: (5, 100_000, "heat_loss_range"),
    CONF_HEATING_POWER: (0.2, 2_000, "heating_power_range"),
    CONF_TRIM_POWER: (40, 100, "trim_power_range"),
}

CONTROL_FORM = vol.Schema(
    {
        vol.Required(CONF_MINIMUM_ON, default=_MINIMUM_TIME): _SHORT,
        vol.Required(CONF_MINIMUM_OFF, default=_MINIMUM_TIME): _SHORT,
        vol.Optional(CONF_WEATHER): entity(WEATHER_DOMAIN),
        vol.Optional(CONF_HEAT_LOSS): number(most=_ANY, unit="W/K"),
        vol.Optional(CONF_HEATING_POWER): number(most=_ANY, unit="kW"),
        vol.Optional(CONF_MAX_DELAY): _LONG,
        vol.Optional(CONF_HAND_HOLD): _LONG,
        vol.Optional(CONF_TRIM_POWER): number(most=_ANY, unit="%"),
    }
)


def usual_control() -> dict[str, Any]:
    """Return what the form suggests at first."""
    return {
        CONF_MAX_DELAY: _fields(MAX_DELAY),
        CONF_HAND_HOLD: _fields(HAND_HOLD),
        CONF_TRIM_POWER: NEVER_TRIMMED,
    }


def control_findings(hass: HomeAssistant, user_input: Mapping[str, Any]) -> Findings:
    """Return what is wrong in the form for jobs."""
    found = Findings()
    if entity_id := user_input.get(CONF_WEATHER):
        state = hass.states.get(entity_id)
        if state is None:
            found.refuse(CONF_WEATHER, "entity_missing")
        elif known(state) and not state.attributes.get(ATTR_SUPPORTED_FEATURES):
            found.refuse(CONF_WEATHER, "no_forecast")
    for name, (least, most, text) in _RANGES.items():
        if name in user_input and not least <= user_input[name] <= most:
            found.refuse(name, text)
    for name in (CONF_MAX_DELAY, CONF_HAND_HOLD):
        if name in user_input and timedelta(**user_input[name]) > _LONGEST:
            found.refuse(name, "time_too_long")
    return found


def _fields(time: timedelta) -> dict[str, int]:
    """Return a time as the selector of durations has it."""
    return {"days": time.days, "hours": time.seconds // 3600, "minutes": time.seconds // 60 % 60}
