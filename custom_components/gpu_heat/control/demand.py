"""How much heat the rooms want from the compute."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..heat.seasons import FADE_START_K, Activity, Room, Season
from .reasons import Reason

PER_K = 0.6
PER_K_OUTDOORS = 0.01
"""The proportional formula of Versatile Thermostat's TPI algorithm (algorithms.md, its defaults):
0.6 for each K that the room lacks, and 0.01 for each K that it is colder outdoors."""

RESUME = 0.12
"""A job that waits goes on from this demand on, one that runs does so until there is none: that
is 0.3 and 0.5 K above the target, so that a room at the threshold does not switch to and fro."""

_USUAL_TARGET_C = 20.0  # where a thermostat does not tell it; it moves the outdoor term alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The part of the heat, 0 to 1, that is wanted, and why; None if nobody knows."""

    level: float | None
    reason: Reason

    @property
    def wanted(self) -> bool | None:
        """Whether heat is wanted at all; None if nobody knows."""
        return None if self.level is None else self.level > 0


def room_demand(room: Room, outdoor_c: float | None) -> float | None:
    """Return how much heat a room wants, 0 to 1; None where its thermostat does not tell.

    Compute is the first stage of the heating: it aims at 0.5 K above the thermostat's target,
    so that it works before the heater does. All is wanted while that is on all the same.
    """
    if room.activity is Activity.HEATING:
        return 1.0
    if not room.heats:
        return 0.0
    if room.excess_k is None:
        return 0.0 if room.activity is Activity.IDLE else None
    lacking_k = float(FADE_START_K - room.excess_k)
    if lacking_k <= 0:
        return 0.0
    demand = PER_K * lacking_k
    if outdoor_c is not None:
        target_c = _USUAL_TARGET_C if room.target_c is None else float(room.target_c)
        demand += PER_K_OUTDOORS * max(target_c - outdoor_c, 0.0)
    return min(demand, 1.0)


def zone_demand(
    season: Season,
    rooms: Sequence[Room],
    outdoor_c: float | None = None,
    said: float | None = None,
) -> Demand:
    """Return how much heat a zone wants: the mean of its rooms by their weights.

    A demand that is `said`, 0 to 1, stands in for the thermostats'. Nothing is wanted in the
    cooling season. While no room is known, nobody knows.
    """
    if not rooms and said is None:
        return Demand(level=None, reason=Reason.DEMAND_UNKNOWN)
    if season is Season.COOLING:
        return Demand(level=0.0, reason=Reason.COOLING_SEASON)
    if said is not None:
        return Demand(level=said, reason=Reason.WANTED_HEAT if said else Reason.NO_DEMAND)
    known = [
        (demand, float(room.weight))
        for room in rooms
        if (demand := room_demand(room, outdoor_c)) is not None
    ]
    weights = sum(weight for _, weight in known)
    if not weights:
        return Demand(level=None, reason=Reason.DEMAND_UNKNOWN)
    level = sum(demand * weight for demand, weight in known) / weights
    if level > 0:
        return Demand(level=level, reason=Reason.WANTED_HEAT)
    if any(room.heats for room in rooms):
        return Demand(level=0.0, reason=Reason.ROOM_WARM)
    return Demand(level=0.0, reason=Reason.HEATING_OFF)
