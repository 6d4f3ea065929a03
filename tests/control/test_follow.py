"""Jobs that follow the heat."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.control.follow import (
    Action,
    Demand,
    FlexibleJob,
    MinimumTimes,
    Reason,
    decide,
    demand_now,
)
from custom_components.gpu_heat.heat.seasons import Activity, Mode, Room, Season

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
WANTED = Demand(wanted=True, reason=Reason.WANTED_HEAT)
WARM = Demand(wanted=False, reason=Reason.ROOM_WARM)


def heated(excess, activity=None):
    return Room(mode=Mode.HEAT, excess_k=Decimal(excess), activity=activity)


def decision(job, demand):
    (only,) = decide([job], demand, NOW, MinimumTimes())
    return only.action, only.reason


@pytest.mark.parametrize(
    ("running", "demand", "action", "reason"),
    [
        (True, WANTED, Action.KEEP, Reason.WANTED_HEAT),
        (False, WANTED, Action.RUN, Reason.WANTED_HEAT),
        (True, WARM, Action.PAUSE, Reason.ROOM_WARM),
        (False, WARM, Action.KEEP, Reason.ROOM_WARM),
    ],
)
def test_jobs_run_while_heat_is_wanted(running, demand, action, reason):
    assert decision(FlexibleJob(id="j", running=running), demand) == (action, reason)


@pytest.mark.parametrize(
    ("minutes", "action"), [(0, Action.KEEP), (29.9, Action.KEEP), (30, Action.PAUSE)]
)
def test_a_job_runs_for_its_minimum_time(minutes, action):
    job = FlexibleJob(id="j", running=True, switched_at=NOW - timedelta(minutes=minutes))
    assert decision(job, WARM)[0] is action


@pytest.mark.parametrize(
    ("season", "excess", "reason"),
    [
        (Season.HEATING, "0.49", Reason.WANTED_HEAT),
        (Season.HEATING, "0.5", Reason.ROOM_WARM),
        (Season.SHOULDER, "-3", Reason.SHOULDER_SEASON),
        (Season.COOLING, "-3", Reason.COOLING_SEASON),
    ],
)
def test_heat_is_wanted_in_the_heating_season_below_target_plus_half_a_kelvin(
    season, excess, reason
):
    demand = demand_now(season, [heated(excess)])
    assert demand == Demand(wanted=reason is Reason.WANTED_HEAT, reason=reason)


@pytest.mark.parametrize(
    ("rooms", "reason"),
    [
        ([], Reason.DEMAND_UNKNOWN),
        ([heated("2"), heated("-1")], Reason.WANTED_HEAT),  # one cold room is enough
        ([heated("2"), heated("0.5")], Reason.ROOM_WARM),
        ([Room(mode=Mode.OFF, excess_k=Decimal(-5))], Reason.HEATING_OFF),
        ([Room(mode=Mode.OFF), heated("-1")], Reason.WANTED_HEAT),
        ([heated("2", Activity.HEATING)], Reason.WANTED_HEAT),  # the furnace burns
        ([heated("-1", Activity.COOLING)], Reason.HEATING_OFF),
        ([heated("-1", Activity.IDLE)], Reason.WANTED_HEAT),  # compute heats before the furnace
    ],
)
def test_heat_is_wanted_by_the_rooms_whose_thermostats_heat(rooms, reason):
    assert demand_now(Season.HEATING, rooms).reason is reason


jobs = st.builds(
    FlexibleJob,
    id=st.just("j"),
    running=st.booleans(),
    controllable=st.booleans(),
    held=st.none() | st.sampled_from([Reason.MANUAL_HOLD, Reason.MANUAL_RUN]),
    switched_at=st.none() | st.timedeltas(timedelta(0), timedelta(hours=2)).map(lambda t: NOW - t),
)


@given(jobs, st.sampled_from([WANTED, WARM]))
def test_a_job_is_never_switched_early_or_against_a_person(job, demand):
    action, reason = decision(job, demand)
    if action is Action.KEEP:
        return
    assert job.controllable
    assert job.held is None
    assert job.switched_at is None or NOW - job.switched_at >= timedelta(minutes=30)
    assert (action is Action.RUN, reason) == (demand.wanted, demand.reason)
