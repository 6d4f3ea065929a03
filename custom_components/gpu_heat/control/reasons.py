"""What is decided on a job, and why."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a job runs or waits."""

    # It runs.
    WANTED_HEAT = "wanted_heat"
    CHEAP_HOUR = "cheap_hour"
    DEADLINE_GUARD = "deadline_guard"
    WOULD_COST_MORE = "would_cost_more"
    WAITED_LONG = "waited_long"
    ALWAYS_RUN = "always_run"
    MANUAL_RUN = "manual_run"
    # It waits.
    BETTER_HOUR = "better_hour"
    ROOM_WARM = "room_warm"
    NO_DEMAND = "no_demand"
    HEATING_OFF = "heating_off"
    COOLING_SEASON = "cooling_season"
    COMFORT_CEILING = "comfort_ceiling"
    PLACE_NEEDED = "place_needed"
    ON_HOLD = "on_hold"
    MANUAL_HOLD = "manual_hold"
    # It is left as it is.
    MINIMUM_TIME = "minimum_time"
    SWITCHED_OFTEN = "switched_often"
    DEMAND_UNKNOWN = "demand_unknown"
    NOT_CONTROLLABLE = "not_controllable"


class Action(StrEnum):
    """What to do with a job."""

    RUN = "run"
    PAUSE = "pause"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do with one job now; KEEP leaves it as it is.

    `figures` are what it rests on, each with its unit in its name.
    """

    job_id: str
    action: Action
    reason: Reason
    figures: tuple[tuple[str, float], ...] = ()
