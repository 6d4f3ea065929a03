"""A building takes the heat of the compute: what it spares, and when."""

from dataclasses import replace
from itertools import pairwise
import math

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.gpu_heat.control.building import Building, Climate, HeatStore

# Loses 100 W/K and holds 5 kWh/K, of which 0.6 are air and what is in it.
HOUSE = Building(loss_w_k=100, time_constant_h=50, heater_w=20_000)


def climate(
    hours, *, free_c=10.0, target_c=20.0, ceiling_c=None, cool_c=None, room_c=20.0, mass_c=None
):
    slots = len(hours)
    return Climate(
        hours=hours,
        free_c=[free_c] * slots,
        target_c=[target_c] * slots,
        ceiling_c=[ceiling_c] * slots,
        cool_c=[cool_c] * slots,
        heat_price=[0.10] * slots,
        cool_price=[0.04] * slots,
        room_c=room_c,
        mass_c=mass_c,
    )


def respond(surroundings, heat_w, building=HOUSE):
    return HeatStore(building, surroundings).respond(heat_w)


def test_air_and_mass_lose_together_what_the_building_loses():
    assert (HOUSE.capacity_wh_k, HOUSE.air_wh_k, HOUSE.mass_wh_k) == (5000, 600, 4400)
    assert (HOUSE.air_loss_w_k, HOUSE.between_w_k) == (50, 400)
    # 1 / (1/400 + 1/mass loss) + 50 = 100
    assert HOUSE.mass_loss_w_k == pytest.approx(400 / 7)
    # The mass lies between: (400 x 20 + 57.1 x 10) / 457.1
    assert HOUSE.mass_after(None, 20.0, 10.0, 0.0) == pytest.approx(18.75)
    # It follows with a time constant of 4400 / 457.1 = 9.625 h.
    assert HOUSE.mass_after(10.0, 20.0, 10.0, 9.625) == pytest.approx(18.75 - 8.75 / math.e)


def test_a_heater_keeps_a_steady_room_with_loss_times_difference():
    # 100 W/K x 10 K = 1 kW; for 3 h that is 3 kWh at 0.10.
    response = respond(climate([1, 1, 1]), [0, 0, 0])
    assert response.room_c == pytest.approx([20, 20, 20])
    assert response.bill == pytest.approx(0.30)


def test_compute_heat_spares_as_much_of_the_heater():
    response = respond(climate([1, 1, 1]), [400, 400, 400])
    assert response.bill == pytest.approx(0.18)  # 600 W for 3 h
    assert response.worth == [0.10] * 3


def test_heat_that_comes_too_early_is_worth_what_is_left_of_it_later():
    surroundings = replace(climate([1] * 13), target_c=[None] * 12 + [20.0])
    worth = respond(surroundings, [0] * 13).worth
    assert worth[12] == 0.10
    assert all(early < late for early, late in pairwise(worth))
    # In 12 h the whole loses about 12/50 of what it holds; some is in the walls, and of use later.
    assert 0.05 < worth[0] < 0.10 * math.exp(-11 / 50)


def test_heat_that_an_air_conditioner_removes_costs():
    summer = replace(climate([1], free_c=30, room_c=25, cool_c=25.0), target_c=[None])
    response = respond(summer, [400])
    # It holds 25 °C against 100 W/K x 5 K and 400 W: 900 W for 1 h at 0.04.
    assert response.bill == pytest.approx(0.036)
    assert response.worth == [-0.04]


def test_a_heater_that_is_too_weak_lets_the_room_cool():
    weak = replace(HOUSE, heater_w=500)
    response = respond(climate([1000]), [0], weak)
    assert response.room_c == [pytest.approx(15)]  # 10 + 500 / 100
    # 500 kWh, and what is no longer stored: 5 K in the air, and in the mass 18.75 - 14.375 K.
    assert response.bill == pytest.approx(0.10 * (500 + 0.6 * 5 + 4.4 * 4.375))


def test_heat_above_the_ceiling_is_worth_nothing():
    response = respond(climate([1, 1], free_c=22, room_c=22, ceiling_c=21.0), [400, 400])
    assert response.worth == [0, 0]


def test_what_is_stored_at_the_end_counts():
    surroundings = replace(climate([0.01, 0.01]), target_c=[20.0, None])
    cold, warm = respond(surroundings, [0, 0]), respond(surroundings, [0, 1000])
    assert cold.bill - warm.bill == pytest.approx(0.10 * 0.01, rel=1e-3)  # 0.01 kWh, hardly cooler


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


@settings(deadline=None)
@given(slots=_slots, where=st.integers(0, 59))
def test_the_worth_of_heat_is_what_one_more_watt_spares(slots, where):
    hours, free_c, target_c, heat_price, cool_price, heat_w = zip(*slots, strict=True)
    store = HeatStore(
        replace(HOUSE, heater_w=5000),
        replace(
            climate(hours, cool_c=25.0),
            free_c=free_c,
            target_c=target_c,
            heat_price=heat_price,
            cool_price=cool_price,
        ),
    )
    where %= len(hours)
    base, more, less = (
        store.respond([watts + added * (slot == where) for slot, watts in enumerate(heat_w)])
        for added in (0, 0.001, -0.001)
    )
    kwh = 0.001 * hours[where] / 1000
    up, down = (base.bill - more.bill) / kwh, (less.bill - base.bill) / kwh
    # At a kink, where the heater just starts or stops, it is between the two sides.
    assert min(up, down) - 2e-3 <= base.worth[where] <= max(up, down) + 2e-3
