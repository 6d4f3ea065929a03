"""The time ahead, slot by slot."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.gpu_heat.control.building import Building
from custom_components.gpu_heat.control.outlook import Expectation, look_ahead

TORONTO = ZoneInfo("America/Toronto")
NOW = datetime(2026, 1, 15, 12, 7, tzinfo=UTC)


def expected(**more):
    values = {
        "room_c": 20.0,
        "outdoor_c": lambda moment: -5.0 if moment < NOW + timedelta(hours=48) else None,
        "usual_c": lambda moment: 2.0,
        "price": lambda moment: 0.20 if moment < NOW + timedelta(hours=24) else None,
        "price_now": 0.15,
        "target_c": lambda moment: 21.0,
        "comfort_c": 21.5,
        "cool_c": None,
        "heat_price": lambda price, outdoor_c: price / (3 if outdoor_c > 0 else 2),
        "cool_price": lambda price, outdoor_c: price / 4,
    }
    return Expectation(**(values | more))


def look(now=NOW, until=NOW, zone=UTC, **more):
    return look_ahead(now, until, expected(**more), Building(gains_k=4.0), zone=zone)


def test_three_days_in_quarters_of_an_hour():
    view = look()
    hours = view.climate.hours
    assert hours[0] == pytest.approx(8 / 60)  # to the next quarter
    assert set(hours[1:]) == {0.25}
    assert sum(hours) == pytest.approx(72 + 8 / 60)  # on to the end of a quarter


def test_beyond_the_horizon_in_long_slots_up_to_the_last_deadline():
    view = look(until=NOW + timedelta(days=10))
    assert set(view.climate.hours[289:]) == {3.0}
    assert 240 <= sum(view.climate.hours) < 243.25
    far = look(until=NOW + timedelta(days=400))
    assert sum(far.climate.hours) < 28 * 24 + 3.25


def test_where_the_forecasts_end_the_usual_goes_on():
    view = look()
    assert (view.price[0], view.price[-1]) == (0.20, 0.15)
    gains = 0.4 * 4.0  # at night, without the sun
    assert view.climate.free_c[60] == pytest.approx(-5 + gains)
    assert view.climate.free_c[-1] > 2.0
    # A heat pump, by the price and the weather of each slot.
    assert view.climate.heat_price[0] == pytest.approx(0.10)
    assert view.climate.heat_price[-1] == pytest.approx(0.05)
    assert view.climate.cool_price[0] == pytest.approx(0.05)


def test_the_sun_shines_by_day_and_the_mean_of_a_day_is_kept():
    view = look(now=NOW.replace(hour=0, minute=0), zone=UTC)
    gains = [free_c + 5 for free_c in view.climate.free_c[:96]]
    assert sum(gains) / 96 == pytest.approx(4.0)
    assert gains[10 * 4] == pytest.approx(0.4 * 4 + 0.6 * 4 * 24 / 7)
    assert gains[3 * 4] == pytest.approx(1.6)


def test_the_sun_goes_by_the_clock_of_the_zone():
    view = look(now=NOW.replace(hour=0, minute=0), zone=TORONTO)
    gains = [free_c + 5 for free_c in view.climate.free_c[:96]]
    assert gains[13 * 4 + 3] == pytest.approx(1.6)  # before 9 h in Toronto, 14 h UTC
    assert gains[14 * 4] > 5


def test_the_ceiling_is_one_kelvin_above_the_highest_target_of_the_day():
    assert look().climate.ceiling_c[0] == 22.5
    assert look(target_c=lambda moment: 23.0).climate.ceiling_c[0] == 24.0
    assert look(target_c=lambda moment: None).climate.ceiling_c[0] is None
    assert look(comfort_c=None).climate.ceiling_c[0] is None


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)]
)
def test_no_hour_is_lost_or_comes_twice_when_clocks_are_set(day):
    view = look(now=day.astimezone(TORONTO), until=day, zone=TORONTO)
    assert sum(view.climate.hours) == pytest.approx(72)
    assert set(view.climate.hours) == {0.25}
