"""The demo's house and its weather, with figures worked by hand."""

from hypothesis import given, strategies as st
import pytest

from scripts.demo_home.house import House
from scripts.demo_home.weather import outdoor_c, sun_kw

temperatures = st.floats(-30, 40)


def test_heat_that_is_lost_has_to_be_given_for_a_house_to_stay_as_it_is() -> None:
    house = House(air_c=20, walls_c=20)

    assert house.after(1, outdoor_c=-4, heat_kw=24 * 0.055) == house


def test_heat_goes_into_the_air_first_and_from_there_into_the_walls() -> None:
    warmer = House(air_c=20, walls_c=20).after(0.1, outdoor_c=20, heat_kw=1.2)

    assert warmer == House(air_c=pytest.approx(20.2), walls_c=20)  # 0.12 kWh into 0.6 kWh/K

    later = warmer.after(0.1, outdoor_c=20.2, heat_kw=0)  # 0.3 kW/K * 0.2 K * 0.1 h = 0.006 kWh

    assert later == House(air_c=pytest.approx(20.19), walls_c=pytest.approx(20.0012))


@given(temperatures, temperatures, temperatures, st.floats(0, 10))
def test_no_heat_comes_from_nowhere_or_gets_lost(
    air_c: float, walls_c: float, outside_c: float, heat_kw: float
) -> None:
    before = House(air_c=air_c, walls_c=walls_c)

    after = before.after(0.05, outdoor_c=outside_c, heat_kw=heat_kw)

    gained_kwh = 0.6 * (after.air_c - air_c) + 5 * (after.walls_c - walls_c)
    assert gained_kwh == pytest.approx(0.05 * (heat_kw - 0.055 * (air_c - outside_c)), abs=1e-9)


def test_a_day_is_coldest_at_night_and_sunny_at_noon() -> None:
    assert (outdoor_c(2), outdoor_c(8), outdoor_c(14)) == pytest.approx((-4, 3, 10))
    assert (sun_kw(6), sun_kw(8), sun_kw(12), sun_kw(23)) == pytest.approx((0, 0.8, 1.6, 0))
