"""A building takes the heat of the compute as one store: what it spares, and when."""

from dataclasses import replace
import math

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.control.building import Building, Climate, HeatStore

# Loses 100 W/K, and holds 5 kWh/K: it cools with a time constant of 50 h.
HOUSE = Building(loss_w_k=100, time_constant_h=50, heater_w=5000)


def climate(hours, *, free_c=10.0, target_c=20.0, room_c=20.0, ceiling_c=None, cool_c=None):
    slots = len(hours)
    return Climate(
        hours=hours,
        free_c=[free_c] * slots,
        target_c=[target_c] * slots,
        ceiling_c=ceiling_c or [None] * slots,
        cool_c=cool_c or [None] * slots,
        heat_price=[0.10] * slots,
        cool_price=[0.04] * slots,
        room_c=room_c,
    )


def respond(surroundings, heat_w, building=HOUSE):
    return HeatStore(building, surroundings).respond(heat_w)


def test_a_heater_keeps_a_steady_room_with_loss_times_difference():
    # 100 W/K x 10 K = 1 kW; for 3 h that is 3 kWh at 0.10.
    response = respond(climate([1, 1, 1]), [0, 0, 0])
    assert response.room_c == [20, 20, 20]
    assert response.bill == pytest.approx(0.30)


def test_compute_heat_spares_as_much_of_the_heater():
    response = respond(climate([1, 1, 1]), [400, 400, 400])
    assert response.bill == pytest.approx(0.18)  # 600 W for 3 h
    assert response.worth == [0.10] * 3


def test_heat_that_is_too_early_is_worth_what_is_left_of_it_later():
    # No heating for 10 h, then the heater has to work: of heat of the first hour e^(-9/50) is
    # left by then, less what is lost within the hour.
    surroundings = replace(climate([1] * 11), target_c=[None] * 10 + [20.0])
    response = respond(surroundings, [0] * 11, replace(HOUSE, heater_w=20_000))
    within = (1 - math.exp(-1 / 50)) * 50
    heater_hour = math.exp(-1 / 50) / within
    assert response.worth[0] == pytest.approx(0.10 * within * math.exp(-9 / 50) * heater_hour)
    assert response.worth[10] == 0.10


def test_heat_that_an_air_conditioner_removes_costs():
    response = respond(
        replace(climate([1], free_c=30, room_c=25, cool_c=[25.0]), target_c=[None]), [400]
    )
    # It holds 25 °C against 5 K and 400 W: 900 W of heat for 1 h at 0.04.
    assert response.bill == pytest.approx(0.036)
    assert response.worth == [-0.04]


def test_a_heater_that_is_too_weak_lets_the_room_cool():
    weak = replace(HOUSE, heater_w=500)
    response = respond(climate([1]), [0], weak)
    # It settles at 10 + 500/100 = 15 °C: after 1 h of 50 it is 15 + 5 e^(-1/50).
    assert response.room_c == [pytest.approx(15 + 5 * math.exp(-1 / 50))]
    # 500 W for 1 h, and 5 kWh/K that are lost from the store, at 0.10.
    assert response.bill == pytest.approx(0.05 + 0.50 * (5 - 5 * math.exp(-1 / 50)))


def test_heat_above_the_ceiling_is_worth_nothing():
    response = respond(climate([1, 1], free_c=22.0, room_c=22, ceiling_c=[21.0, 21.0]), [400, 400])
    assert response.worth == [0, 0]


def test_what_is_stored_at_the_end_counts():
    surroundings = replace(climate([1, 1]), target_c=[20.0, None])
    cold, warm = respond(surroundings, [0, 0]), respond(surroundings, [0, 1000])
    # 1 kWh in the last hour is stored, but for what is lost within the hour.
    assert cold.bill - warm.bill == pytest.approx(0.10 * (1 - math.exp(-1 / 50)) * 50)


_slots = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.25, 3.0]),
        st.floats(-10, 30),
        st.one_of(st.none(), st.floats(18, 22)),
        st.floats(0.02, 0.3),
        st.floats(0.02, 0.3),
        st.floats(0, 2000),
    ),
    min_size=1,
    max_size=60,
)


@given(slots=_slots, where=st.integers(0, 59))
def test_the_worth_of_heat_is_what_one_more_watt_spares(slots, where):
    hours, free_c, target_c, heat, cool, heat_w = zip(*slots, strict=True)
    surroundings = Climate(
        hours=hours,
        free_c=free_c,
        target_c=target_c,
        ceiling_c=[None] * len(hours),
        cool_c=[25.0] * len(hours),
        heat_price=heat,
        cool_price=cool,
        room_c=20.0,
    )
    where %= len(hours)
    base = respond(surroundings, heat_w)
    more_w = [watts + 0.001 * (slot == where) for slot, watts in enumerate(heat_w)]
    less_w = [watts - 0.001 * (slot == where) for slot, watts in enumerate(heat_w)]
    more, less = respond(surroundings, more_w), respond(surroundings, less_w)
    kwh = 0.001 * hours[where] / 1000
    up, down = (base.bill - more.bill) / kwh, (less.bill - base.bill) / kwh
    # At a kink, where the heater just starts or stops, it is between the two sides.
    assert min(up, down) - 2e-3 <= base.worth[where] <= max(up, down) + 2e-3
