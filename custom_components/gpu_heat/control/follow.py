"""Jobs that follow the heat: which of them run now, and why."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..heat.seasons import FADE_START_K, Activity, Room, Season


class Reason(StrEnum):
    """Why a job runs or waits."""

    WANTED_HEAT = "wanted_heat"
    ROOM_WARM = "room_warm"
    NO_DEMAND = "no_demand"
    HEATING_OFF = "heating_off"
    SHOULDER_SEASON = "shoulder_season"
    COOLING_SEASON = "cooling_season"
    DEMAND_UNKNOWN = "demand_unknown"
    MINIMUM_TIME = "minimum_time"
    MANUAL_HOLD = "manual_hold"
    MANUAL_RUN = "manual_run"
    NOT_CONTROLLABLE = "not_controllable"


class Action(StrEnum):
    """What to do with a job."""

    RUN = "run"
    PAUSE = "pause"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Whether the heat of the jobs is wanted, and why; `wanted` is None if nobody knows."""

    wanted: bool | None
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexibleJob:
    """A job as the decision sees it.

    `switched_at` is when we last paused or resumed it, None if we never did; `held`
    says that a person has paused it (MANUAL_HOLD) or wants it to run (MANUAL_RUN).
    """

    id: str
    running: bool
    controllable: bool = True
    held: Reason | None = None
    switched_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumTimes:
    """How long a job runs, and how long it waits, before it is switched again."""

    on: timedelta = timedelta(minutes=30)
    off: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do with one job now; KEEP leaves it as it is."""

    job_id: str
    action: Action
    reason: Reason


def demand_now(season: Season, rooms: Sequence[Room], said: float | None = None) -> Demand:
    """Return whether heat is wanted: in the heating season, by any room below target + 0.5 K.

    A demand that is `said`, in percent, stands in for the thermostats'. While no room is
    known, jobs are left as they are: what waits runs on when its time is over.
    """
    if not rooms and said is None:
        return Demand(wanted=None, reason=Reason.DEMAND_UNKNOWN)
    if season is Season.COOLING:
        return Demand(wanted=False, reason=Reason.COOLING_SEASON)
    if season is Season.SHOULDER:
        return Demand(wanted=False, reason=Reason.SHOULDER_SEASON)
    if said is not None:
        wanted = said > 0
        return Demand(wanted=wanted, reason=Reason.WANTED_HEAT if wanted else Reason.NO_DEMAND)
    heated = [room for room in rooms if room.heats or room.activity is Activity.HEATING]
    if not heated:
        return Demand(wanted=False, reason=Reason.HEATING_OFF)
    if any(_wants_heat(room) for room in heated):
        return Demand(wanted=True, reason=Reason.WANTED_HEAT)
    return Demand(wanted=False, reason=Reason.ROOM_WARM)


def _wants_heat(room: Room) -> bool:
    if room.activity is Activity.HEATING:
        return True
    return room.excess_k is not None and room.excess_k < FADE_START_K


def decide(
    jobs: Iterable[FlexibleJob], demand: Demand, now: datetime, minimum: MinimumTimes
) -> Iterator[Decision]:
    """Decide for each job, whether it runs, waits or is left as it is."""
    for job in jobs:
        yield _decide(job, demand, now, minimum)


def _decide(job: FlexibleJob, demand: Demand, now: datetime, minimum: MinimumTimes) -> Decision:
    if not job.controllable:
        return Decision(job_id=job.id, action=Action.KEEP, reason=Reason.NOT_CONTROLLABLE)
    if job.held is not None:
        return Decision(job_id=job.id, action=Action.KEEP, reason=job.held)
    if demand.wanted is None or job.running is demand.wanted:
        return Decision(job_id=job.id, action=Action.KEEP, reason=demand.reason)
    least = minimum.on if job.running else minimum.off
    if job.switched_at is not None and now - job.switched_at < least:
        return Decision(job_id=job.id, action=Action.KEEP, reason=Reason.MINIMUM_TIME)
    action = Action.RUN if demand.wanted else Action.PAUSE
    return Decision(job_id=job.id, action=action, reason=demand.reason)
