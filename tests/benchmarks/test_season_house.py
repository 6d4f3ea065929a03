"""The house of the season's benchmark: what a thermostat asks for, and what compute spares it."""

from hypothesis import given, strategies as st
import pytest

from scripts.benchmarks.season.clock import STEP_S, STEPS_PER_DAY
from scripts.benchmarks.season.house import House, Step, steps_of, target_c

NOON, NIGHT = 12, 2
HOUSE = House()


def step(outdoor_c: float, *, hour: int = NOON, sun_w_m2: float = 0.0) -> Step:
    [only] = steps_of(HOUSE, [hour], [outdoor_c], [sun_w_m2])
    return only


def settled(of: Step, compute_w: float = 0.0) -> tuple[float, float, float]:
    """Return room, heating and cooling once nothing changes any more: after 60 days."""
    air_c, mass_c, heater_w, cooler_w = 21.0, 21.0, 0.0, 0.0
    for _ in range(60 * STEPS_PER_DAY):
        air_c, mass_c, heater_w, cooler_w = of.after(air_c, mass_c, compute_w)
    return air_c, heater_w, cooler_w


def test_the_house_loses_140_w_per_kelvin_through_the_air_and_the_mass():
    # 80 straight, and 540 * 67.5 / (540 + 67.5) = 60 through the mass
    assert pytest.approx(140) == HOUSE.loss_w_per_k
    assert HOUSE.capacity_j_per_k == 30e6


def test_at_freezing_the_heater_gives_what_the_people_do_not():
    room_c, heater_w, cooler_w = settled(step(0.0))
    assert room_c == pytest.approx(21)
    assert heater_w == pytest.approx(140 * 21 - 300)
    assert cooler_w == 0


def test_in_a_heated_house_each_watt_of_compute_spares_one():
    _, heater_w, _ = settled(step(0.0), compute_w=1000)
    assert heater_w == pytest.approx(140 * 21 - 300 - 1000)


def test_the_sun_warms_through_three_square_metres():
    _, heater_w, _ = settled(step(0.0, sun_w_m2=200))
    # Half of it falls on the mass, of whose heat 67.5 / 607.5 is lost to the outdoors at once.
    assert heater_w == pytest.approx(140 * 21 - 300 - 300 - 300 * 540 / 607.5)


def test_a_hot_day_costs_the_air_conditioner_all_that_comes_in():
    room_c, heater_w, cooler_w = settled(step(30.0), compute_w=1000)
    assert room_c == pytest.approx(25.5)
    assert cooler_w == pytest.approx(140 * 4.5 + 300 + 1000)
    assert heater_w == 0


@pytest.mark.parametrize(
    ("hour", "outdoor_c", "loss_w_per_k"),
    [(NOON, 16.0, 290), (NOON, 15.9, 140), (NIGHT, 16.0, 140)],
)
def test_people_open_windows_by_day_when_it_is_mild(hour, outdoor_c, loss_w_per_k):
    _, heater_w, _ = settled(step(outdoor_c, hour=hour))
    needed_w = loss_w_per_k * (target_c(hour) - outdoor_c) - 300
    assert heater_w == pytest.approx(max(needed_w, 0), abs=1e-6)


def test_a_heater_gives_no_more_than_nine_kilowatts():
    air_c, _, heater_w, _ = step(-20.0).after(15.0, 15.0, 0.0)
    assert heater_w == 9000
    assert air_c < 21


def test_the_thermostat_is_set_back_from_22_to_6_h():
    assert [target_c(hour) for hour in (5, 6, 21, 22)] == [18, 21, 21, 18]


def test_a_step_is_what_the_equations_say():
    air_c, mass_c = 20.0, 22.0
    for _ in range(int(STEP_S * 10)):  # by tenths of a second
        to_mass_w = 540 * (mass_c - air_c)
        air_w = 80 * (17 - air_c) + to_mass_w + 300 + 700 + 150
        mass_w = 67.5 * (17 - mass_c) - to_mass_w + 150
        air_c += 0.1 * air_w / 4e6
        mass_c += 0.1 * mass_w / 26e6
    found = step(17.0, hour=NIGHT, sun_w_m2=100).after(20.0, 22.0, 700.0)
    assert found == pytest.approx((air_c, mass_c, 0, 0), abs=1e-4)


@given(
    days=st.lists(st.floats(-30, 40), min_size=1, max_size=4),
    powers_w=st.lists(st.floats(0, 1500), min_size=8, max_size=8),
    more_w=st.lists(st.floats(0, 1500), min_size=8, max_size=8),
)
def test_more_heat_never_makes_a_room_colder_or_a_heater_busier(days, powers_w, more_w):
    less = more = (21.0, 21.0)
    for outdoor_c in days:
        for power_w, added_w in zip(powers_w, more_w, strict=True):
            of = step(outdoor_c)
            *less_after, heater_w, cooler_w = of.after(*less, power_w)
            *more_after, spared_w, cooled_w = of.after(*more, power_w + added_w)
            assert all(b >= a - 1e-9 for a, b in zip(less_after, more_after, strict=True))
            assert spared_w <= heater_w + 1e-6
            assert cooled_w >= cooler_w - 1e-6
            less, more = tuple(less_after), tuple(more_after)
