"""Each job's decision, and its reason."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.gpu_heat.control.decide import (
    FlexibleJob,
    MinimumTimes,
    Situation,
    Turn,
    decide,
)
from custom_components.gpu_heat.control.demand import Demand
from custom_components.gpu_heat.control.guard import Watch
from custom_components.gpu_heat.control.orders import Policy
from custom_components.gpu_heat.control.reasons import Action, Reason
from custom_components.gpu_heat.heat.seasons import Season

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
WANTED = Demand(level=0.6, reason=Reason.WANTED_HEAT)
WARM = Demand(level=0.0, reason=Reason.ROOM_WARM)
UNKNOWN = Demand(level=None, reason=Reason.DEMAND_UNKNOWN)
FORCED = Watch(slack_h=0.4, forced=True, at_risk=False)
CALM = Watch(slack_h=20.0, forced=False, at_risk=False)
NOW_CHEAP = Turn(now=True, next_h=0, pays=True, for_heat=False)
LATER = Turn(now=False, next_h=6.5, pays=True, for_heat=False)


def at(demand=WARM, season=Season.HEATING, **more):
    return Situation(now=NOW, season=season, demand=demand, minimum=MinimumTimes(), **more)


def job(**more):
    return FlexibleJob(**({"id": "train", "running": True} | more))


def decided(*args):
    decision = decide(*args)
    return decision.action, decision.reason


@pytest.mark.parametrize(
    ("running", "demand", "action", "reason"),
    [
        (True, WANTED, Action.KEEP, Reason.WANTED_HEAT),
        (False, WANTED, Action.RUN, Reason.WANTED_HEAT),
        (True, WARM, Action.PAUSE, Reason.ROOM_WARM),
        (False, WARM, Action.KEEP, Reason.ROOM_WARM),
        (True, UNKNOWN, Action.KEEP, Reason.DEMAND_UNKNOWN),
        (False, UNKNOWN, Action.KEEP, Reason.DEMAND_UNKNOWN),
    ],
)
def test_a_job_of_unknown_work_follows_the_demand(running, demand, action, reason):
    assert decided(job(running=running), at(demand)) == (action, reason)


@pytest.mark.parametrize(("level", "action"), [(0.11, Action.KEEP), (0.12, Action.RUN)])
def test_what_waits_goes_on_a_little_later_than_what_runs_stops(level, action):
    little = Demand(level=level, reason=Reason.WANTED_HEAT)
    assert decide(job(running=False), at(little)).action is action
    assert decided(job(running=True), at(little)) == (Action.KEEP, Reason.WANTED_HEAT)


@pytest.mark.parametrize(
    ("minutes", "action", "reason"),
    [
        (29, Action.KEEP, Reason.MINIMUM_TIME),
        (30, Action.PAUSE, Reason.ROOM_WARM),
    ],
)
def test_what_was_switched_stays_so_for_its_minimum_time(minutes, action, reason):
    switched = job(switched_at=NOW - timedelta(minutes=minutes))
    assert decided(switched, at(WARM)) == (action, reason)


@pytest.mark.parametrize(
    ("switches", "action", "reason"),
    [(5, Action.PAUSE, Reason.ROOM_WARM), (6, Action.KEEP, Reason.SWITCHED_OFTEN)],
)
def test_what_was_switched_often_runs_on(switches, action, reason):
    assert decided(job(switches=switches), at(WARM)) == (action, reason)
    assert decide(job(switches=99, policy=Policy.HOLD), at(WANTED)).action is Action.PAUSE


def test_what_was_switched_often_waits_once_more_in_too_warm_rooms_until_it_has_to_run():
    hot = at(WARM, above_comfort_k=2.0)
    assert decided(job(switches=6), hot) == (Action.PAUSE, Reason.COMFORT_CEILING)
    waits = job(running=False, switches=7)
    assert decided(waits, at(WANTED)) == (Action.KEEP, Reason.SWITCHED_OFTEN)
    assert decide(waits, at(WANTED), FORCED).action is Action.RUN
    assert decide(job(running=False, switches=6), at(WANTED)).action is Action.RUN
    assert decided(job(switches=8), hot) == (Action.KEEP, Reason.SWITCHED_OFTEN)


def test_what_a_person_has_said_stands():
    held = job(held=Reason.MANUAL_RUN)
    assert decided(held, at(WARM), FORCED, LATER) == (Action.KEEP, Reason.MANUAL_RUN)
    stuck = job(controllable=False)
    assert decided(stuck, at(WARM)) == (Action.KEEP, Reason.NOT_CONTROLLABLE)


@pytest.mark.parametrize(
    ("policy", "running", "action", "reason"),
    [
        (Policy.ALWAYS_RUN, False, Action.RUN, Reason.ALWAYS_RUN),
        (Policy.HOLD, True, Action.PAUSE, Reason.ON_HOLD),
    ],
)
def test_a_policy_is_followed_at_once(policy, running, action, reason):
    ordered = job(policy=policy, running=running, switched_at=NOW)
    assert decided(ordered, at(WARM), FORCED, LATER) == (action, reason)


def test_the_guard_breaks_the_minimum_time_and_the_ceiling():
    waiting = job(running=False, switched_at=NOW)
    hot = at(WARM, above_comfort_k=2.0)
    decision = decide(waiting, hot, FORCED, LATER)
    assert (decision.action, decision.reason) == (Action.RUN, Reason.DEADLINE_GUARD)
    assert decision.figures == (("slack_h", 0.4),)


@pytest.mark.parametrize(
    ("above_k", "action"), [(1.0, Action.KEEP), (1.01, Action.PAUSE), (None, Action.KEEP)]
)
def test_a_room_more_than_a_kelvin_too_warm_stops_work_at_once(above_k, action):
    fresh = job(switched_at=NOW)
    assert decide(fresh, at(WANTED, above_comfort_k=above_k), CALM, NOW_CHEAP).action is action


@pytest.mark.parametrize(("above_k", "action"), [(0.5, Action.RUN), (0.51, Action.KEEP)])
def test_what_waits_in_a_warm_room_goes_on_only_once_that_has_cooled(above_k, action):
    decision = decide(job(running=False), at(WANTED, above_comfort_k=above_k), CALM, NOW_CHEAP)
    assert decision.action is action


def test_in_summer_the_plan_knows_better_than_the_ceiling():
    summer = at(WARM, season=Season.COOLING, above_comfort_k=4.0)
    assert decided(job(), summer, CALM, NOW_CHEAP) == (Action.KEEP, Reason.CHEAP_HOUR)


@pytest.mark.parametrize(
    ("patience", "action", "reason"),
    [
        (timedelta(hours=1), Action.KEEP, Reason.ROOM_WARM),
        (timedelta(0), Action.RUN, Reason.WAITED_LONG),
        (timedelta(hours=-5), Action.RUN, Reason.WAITED_LONG),
        (None, Action.KEEP, Reason.ROOM_WARM),
    ],
)
def test_a_job_without_a_deadline_waits_only_so_long(patience, action, reason):
    assert decided(job(running=False, patience=patience), at(WARM)) == (action, reason)


@pytest.mark.parametrize(
    ("turn", "season", "demand", "action", "reason"),
    [
        (NOW_CHEAP, Season.HEATING, WARM, Action.KEEP, Reason.CHEAP_HOUR),
        (
            Turn(now=True, next_h=0, pays=True, for_heat=True),
            Season.HEATING,
            WANTED,
            Action.KEEP,
            Reason.WANTED_HEAT,
        ),
        (
            Turn(now=True, next_h=0, pays=False, for_heat=False),
            Season.HEATING,
            WARM,
            Action.KEEP,
            Reason.WOULD_COST_MORE,
        ),
        (LATER, Season.HEATING, WANTED, Action.PAUSE, Reason.BETTER_HOUR),
        (LATER, Season.HEATING, WARM, Action.PAUSE, Reason.ROOM_WARM),
        (LATER, Season.COOLING, WARM, Action.PAUSE, Reason.COOLING_SEASON),
    ],
)
def test_a_job_of_known_work_runs_by_plan(turn, season, demand, action, reason):
    assert decided(job(), at(demand, season=season), CALM, turn) == (action, reason)


def test_a_plan_says_when_it_is_a_jobs_turn():
    assert decide(job(), at(WANTED), CALM, LATER).figures == (("starts_in_h", 6.5),)
    never = Turn(now=False, next_h=None, pays=True, for_heat=False)
    assert decide(job(), at(WANTED), CALM, never).figures == ()


@pytest.mark.parametrize(
    ("held_w", "heat_price", "action", "reason"),
    [
        # An hour's wait costs 100 W x 0.12; an hour of wanted heat gains 300 W x its price.
        (100, 0.041, Action.PAUSE, Reason.ROOM_WARM),
        (100, 0.040, Action.KEEP, Reason.WOULD_COST_MORE),
        (0, 0.041, Action.PAUSE, Reason.ROOM_WARM),
    ],
)
def test_a_pause_that_costs_more_than_it_can_gain_is_not_made(held_w, heat_price, action, reason):
    busy = job(power_w=300.0, held_w=held_w)
    assert decided(busy, at(WARM, price=0.12, heat_price=heat_price)) == (action, reason)
