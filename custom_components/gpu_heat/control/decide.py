"""Decides for each job, whether it runs or waits now, and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..heat.seasons import Season
from .demand import RESUME, Demand
from .guard import MARGIN_H, RUNNING_MARGIN_H, Watch
from .orders import Policy
from .outlook import CEILING_K
from .reasons import Action, Decision, Reason

MOST_SWITCHES = 8
"""So often a job is switched within 24 h. The last two are kept for rooms that are too warm, after
which it waits, and for its deadline."""

RESUME_BELOW_K = 0.5
"""What waits does not start in a room so far above its target, though it would run on to 1 K."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexibleJob:
    """A job as the decision sees it.

    `running` is whether it runs or waits for its turn; `switched_at` when we last paused or
    resumed it, None if we never did, `switches` how often within 24 h; `held` says that a person
    has paused it (MANUAL_HOLD) or wants it to run (MANUAL_RUN). `patience` is for how long it may
    still be made to wait; None where a deadline says that.
    """

    id: str
    running: bool
    controllable: bool = True
    held: Reason | None = None
    switched_at: datetime | None = None
    switches: int = 0
    policy: Policy = Policy.FOLLOW_HEAT
    patience: timedelta | None = None
    power_w: float | None = None
    held_w: float = 0.0

    @property
    def runs_on(self) -> bool:
        """Whether it has been switched so often that it is not made to wait for a better hour."""
        return self.running and self.switches >= MOST_SWITCHES - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the plan has for a job whose work is known.

    `now` is whether it is its turn; `next_h` in how many h it is, None if never. `pays` tells
    whether the plan is better than to run all at once; `for_heat` whether its heat is worth
    something now.
    """

    now: bool
    next_h: float | None
    pays: bool
    for_heat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumTimes:
    """How long a job runs, and how long it waits, before it is switched again."""

    on: timedelta = timedelta(minutes=30)
    off: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What counts for all jobs of a zone at a moment.

    `above_comfort_k` is how far the rooms are above the highest target of a day, None if not
    known. `price` of electricity and `heat_price` of what it displaces are per kWh, None where
    they are not known.
    """

    now: datetime
    season: Season
    demand: Demand
    minimum: MinimumTimes
    above_comfort_k: float | None = None
    price: float | None = None
    heat_price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What would be best for a job, and whether the minimum times may be broken for it."""

    run: bool | None
    reason: Reason
    at_once: bool = False
    figures: tuple[tuple[str, float], ...] = ()


def decide(
    job: FlexibleJob, situation: Situation, watch: Watch | None = None, turn: Turn | None = None
) -> Decision:
    """Return what to do with a job now.

    `watch` and `turn` are what the guard and the plan say of a job whose work is known.
    """
    wish = _wish(job, situation, watch, turn)
    action, reason = Action.KEEP, wish.reason
    if wish.run is not None and wish.run is not job.running:
        least = situation.minimum.on if job.running else situation.minimum.off
        if not wish.at_once and job.switched_at and situation.now - job.switched_at < least:
            reason = Reason.MINIMUM_TIME
        else:
            action = Action.RUN if wish.run else Action.PAUSE
    return Decision(job_id=job.id, action=action, reason=reason, figures=wish.figures)


def _wish(job: FlexibleJob, at: Situation, watch: Watch | None, turn: Turn | None) -> _Wish:
    """Go through the rules in their order; the first that has a say counts."""
    for rule in (_bounds, _time, _comfort, _often):
        if wish := rule(job, at, watch):
            return wish
    return _follow(job, at, watch) if turn is None else _planned(at, turn)


def _bounds(job: FlexibleJob, at: Situation, watch: Watch | None) -> _Wish | None:
    """Heed what a person has said, or the engine does not allow."""
    if not job.controllable:
        return _Wish(run=None, reason=Reason.NOT_CONTROLLABLE)
    if job.held is not None:
        return _Wish(run=None, reason=job.held)
    match job.policy:
        case Policy.ALWAYS_RUN:
            return _Wish(run=True, reason=Reason.ALWAYS_RUN, at_once=True)
        case Policy.HOLD:
            return _Wish(run=False, reason=Reason.ON_HOLD, at_once=True)
        case Policy.FOLLOW_HEAT:
            return None


def _time(job: FlexibleJob, at: Situation, watch: Watch | None) -> _Wish | None:
    """Have a job run that cannot wait any longer, and wait where another cannot."""
    if watch is not None:
        slack = ("slack_h", round(watch.slack_h, 2))
        if watch.forced:
            waited = job.patience is not None and watch.slack_h <= MARGIN_H
            reason = Reason.WAITED_LONG if waited else Reason.DEADLINE_GUARD
            return _Wish(run=True, reason=reason, at_once=True, figures=(slack,))
        if watch.yields:
            return _Wish(run=False, reason=Reason.PLACE_NEEDED, at_once=True, figures=(slack,))
    elif job.patience is not None and job.patience <= timedelta(0):
        return _Wish(run=True, reason=Reason.WAITED_LONG, at_once=True)
    return None


def _comfort(job: FlexibleJob, at: Situation, watch: Watch | None) -> _Wish | None:
    """Have a job wait while a room that is heated is too warm already."""
    above_k = at.above_comfort_k
    if at.season is not Season.HEATING or above_k is None or _soon_forced(job, watch):
        return None
    if above_k <= (CEILING_K if job.running else RESUME_BELOW_K):
        return None
    if job.running and job.switches >= MOST_SWITCHES - 1:
        return None
    return _Wish(
        run=False,
        reason=Reason.COMFORT_CEILING,
        at_once=True,
        figures=(("above_target_k", round(above_k, 2)),),
    )


def _often(job: FlexibleJob, at: Situation, watch: Watch | None) -> _Wish | None:
    """Have a job stay as it is that was switched often."""
    if job.runs_on or (not job.running and job.switches >= MOST_SWITCHES - 1):
        return _Wish(run=job.running, reason=Reason.SWITCHED_OFTEN)
    return None


def _soon_forced(job: FlexibleJob, watch: Watch | None) -> bool:
    """Tell whether the guard would have a job that runs go on again, soon after it was paused."""
    tight = watch is not None and watch.slack_h <= RUNNING_MARGIN_H
    return tight and job.running and job.patience is None


def _follow(job: FlexibleJob, at: Situation, watch: Watch | None) -> _Wish:
    """Have a job whose work nobody knows follow the rooms' demand."""
    demand = at.demand
    if demand.level is None:
        return _Wish(run=None, reason=demand.reason)
    figures = (("demand", round(demand.level, 3)),)
    if demand.level > 0:
        # From where it stopped it goes on a little later, so that it does not switch to and fro.
        run = True if job.running or demand.level >= RESUME else None
        return _Wish(run=run, reason=demand.reason if run else Reason.ROOM_WARM, figures=figures)
    if _soon_forced(job, watch):
        return _Wish(run=True, reason=Reason.DEADLINE_GUARD, figures=figures)
    if job.running and _waiting_costs_more(job, at):
        return _Wish(run=True, reason=Reason.WOULD_COST_MORE, figures=figures)
    return _Wish(run=False, reason=demand.reason, figures=figures)


def _waiting_costs_more(job: FlexibleJob, at: Situation) -> bool:
    """Tell whether an hour's waiting costs more than an hour of wanted heat can ever gain."""
    if job.power_w is None or at.price is None or at.heat_price is None:
        return False
    waiting = job.held_w * at.price
    return waiting > 0 and waiting >= job.power_w * at.heat_price


def _planned(at: Situation, turn: Turn) -> _Wish:
    if turn.now:
        return _Wish(run=True, reason=_why_now(at, turn))
    figures = () if turn.next_h is None else (("starts_in_h", round(turn.next_h, 2)),)
    return _Wish(run=False, reason=_why_later(at), figures=figures)


def _why_now(at: Situation, turn: Turn) -> Reason:
    if turn.for_heat:
        return Reason.WANTED_HEAT
    return Reason.CHEAP_HOUR if turn.pays else Reason.WOULD_COST_MORE


def _why_later(at: Situation) -> Reason:
    if at.season is Season.COOLING:
        return Reason.COOLING_SEASON
    return Reason.ROOM_WARM if at.demand.level == 0 else Reason.BETTER_HOUR
