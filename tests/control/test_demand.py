"""How much heat is wanted, by what the thermostats say."""

from decimal import Decimal

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.control.demand import Demand, room_demand, zone_demand
from custom_components.gpu_heat.control.reasons import Reason
from custom_components.gpu_heat.heat.seasons import Activity, Mode, Room, Season


def room(excess_k=None, mode=Mode.HEAT, **more):
    excess = None if excess_k is None else Decimal(str(excess_k))
    return Room(mode=mode, excess_k=excess, **more)


@pytest.mark.parametrize(
    ("excess_k", "demand"),
    [(0.5, 0), (0.49, 0.006), (0, 0.3), (-1, 0.9), (-1.2, 1), (-5, 1), (2, 0)],
)
def test_all_is_wanted_far_below_the_target_and_nothing_half_a_kelvin_above(excess_k, demand):
    assert room_demand(room(excess_k), None) == pytest.approx(demand)


def test_more_is_wanted_the_colder_it_is_outdoors():
    # 0.6 x 0.5 K, and 0.01 for each of 30 K from a target of 20 °C.
    assert room_demand(room(0), -10.0) == pytest.approx(0.6)
    assert room_demand(room(0, target_c=Decimal(25)), -10.0) == pytest.approx(0.65)
    assert room_demand(room(0), 35.0) == pytest.approx(0.3)
    assert room_demand(room(0.5), -30.0) == 0  # never above the target of the first stage


def test_what_the_heater_does_counts_where_that_is_said():
    assert room_demand(room(3, activity=Activity.HEATING), None) == 1
    assert room_demand(room(activity=Activity.IDLE), None) == 0
    assert room_demand(room(), None) is None
    assert room_demand(room(-5, mode=Mode.OFF), None) == 0
    assert room_demand(room(-5, mode=Mode.BOTH, activity=Activity.COOLING), None) == 0


def test_rooms_count_by_their_weights():
    rooms = [room(-2, weight=Decimal(30)), room(1, weight=Decimal(10)), room()]
    assert zone_demand(Season.HEATING, rooms) == Demand(level=0.75, reason=Reason.WANTED_HEAT)


@pytest.mark.parametrize(
    ("season", "rooms", "said", "level", "reason"),
    [
        (Season.COOLING, [room(-5)], None, 0, Reason.COOLING_SEASON),
        (Season.COOLING, [room(-5)], 0.7, 0, Reason.COOLING_SEASON),
        (Season.SHOULDER, [room(-5)], None, 1, Reason.WANTED_HEAT),
        (Season.HEATING, [room(1)], None, 0, Reason.ROOM_WARM),
        (Season.HEATING, [room(-5, mode=Mode.OFF)], None, 0, Reason.HEATING_OFF),
        (Season.HEATING, [room(1)], 0.4, 0.4, Reason.WANTED_HEAT),
        (Season.HEATING, [], 0.0, 0, Reason.NO_DEMAND),
        (Season.HEATING, [], None, None, Reason.DEMAND_UNKNOWN),
        (Season.HEATING, [room()], None, None, Reason.DEMAND_UNKNOWN),
    ],
)
def test_why_heat_is_wanted_or_not(season, rooms, said, level, reason):
    demand = zone_demand(season, rooms, None, said)
    assert (demand.level, demand.reason) == (level, reason)
    assert demand.wanted is (None if level is None else level > 0)


_rooms = st.lists(
    st.builds(
        Room,
        mode=st.sampled_from(Mode),
        excess_k=st.none() | st.decimals(-50, 50, places=2),
        activity=st.none() | st.sampled_from(Activity),
        weight=st.decimals("0.1", 1000, places=1),
    ),
    max_size=5,
)


@given(rooms=_rooms, outdoor_c=st.none() | st.floats(-60, 60), season=st.sampled_from(Season))
def test_a_demand_is_a_part_of_the_heat(rooms, outdoor_c, season):
    level = zone_demand(season, rooms, outdoor_c).level
    assert level is None or 0 <= level <= 1


@given(excess_k=st.floats(-5, 5), colder_k=st.floats(0, 40))
def test_a_warmer_room_or_day_never_wants_more(excess_k, colder_k):
    mild, cold = room_demand(room(excess_k), 10.0), room_demand(room(excess_k), 10.0 - colder_k)
    assert mild <= cold
    assert room_demand(room(excess_k + 0.1), 10.0) <= mild
