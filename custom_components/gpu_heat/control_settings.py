"""How a zone's jobs are switched, read from the options of its config entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

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
from .control.decide import MinimumTimes

MAX_DELAY = timedelta(hours=24)
HAND_HOLD = timedelta(hours=2)
NEVER_TRIMMED = 100  # percent


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """What a zone's owner has said of its jobs, and of the building for planning them.

    `weather` is the entity that is asked for forecasts. `heat_loss_w_k` is the building's in
    W/K, `heater_w` the heat that its heater delivers at most; None where nobody has said them.
    A job without a deadline waits `max_delay` in all at most, and a switch that was turned by
    hand holds for `hand_hold`. `trim_power` is the part of their highest power limit, 0.4 to 1,
    that GPUs are lowered to while heat is not wanted; 1 is never.
    """

    minimum: MinimumTimes = field(default_factory=MinimumTimes)
    weather: str | None = None
    heat_loss_w_k: float | None = None
    heater_w: float | None = None
    max_delay: timedelta = MAX_DELAY
    hand_hold: timedelta = HAND_HOLD
    trim_power: float = 1.0

    @classmethod
    def from_options(cls, section: Mapping[str, Any]) -> Self:
        """Read the section as the form wrote it; what it leaves out is as usual."""
        usual = MinimumTimes()
        heating_kw = section.get(CONF_HEATING_POWER)
        return cls(
            minimum=MinimumTimes(
                on=_time(section, CONF_MINIMUM_ON, usual.on),
                off=_time(section, CONF_MINIMUM_OFF, usual.off),
            ),
            weather=section.get(CONF_WEATHER),
            heat_loss_w_k=section.get(CONF_HEAT_LOSS),
            heater_w=None if heating_kw is None else heating_kw * 1000,
            max_delay=_time(section, CONF_MAX_DELAY, MAX_DELAY),
            hand_hold=_time(section, CONF_HAND_HOLD, HAND_HOLD),
            trim_power=section.get(CONF_TRIM_POWER, NEVER_TRIMMED) / 100,
        )


def _time(section: Mapping[str, Any], name: str, usual: timedelta) -> timedelta:
    return timedelta(**section[name]) if name in section else usual
