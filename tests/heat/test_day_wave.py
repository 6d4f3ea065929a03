"""Days by the hour, from their lowest and highest temperatures."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.day_wave import by_hour, high, low
from custom_components.gpu_heat.heat.series import Line

BERLIN = ZoneInfo("Europe/Berlin")
DAY, NEXT = date(2026, 1, 15), date(2026, 1, 16)


def local(day, hour, minute=0):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BERLIN)


def test_a_day_goes_in_half_waves_between_5_and_14_h():
    line = Line.of(by_hour([high(DAY, 5, BERLIN), low(NEXT, -10, BERLIN), low(DAY, -5, BERLIN)]))
    assert [line.at(local(DAY, hour)) for hour in (5, 14)] == [-5, 5]
    assert line.at(local(DAY, 8)) == pytest.approx(
        -2.5
    )  # a third of the way: a quarter of the rise
    assert line.at(local(DAY, 19)) == pytest.approx(1.25)  # a third of the way down to -10 °C
    assert line.at(local(NEXT, 5)) == -10
    assert line.at(local(DAY, 4, 59)) is None
    assert line.at(local(NEXT, 5, 1)) is None


def test_between_days_of_which_one_lacks_its_low_nothing_is_known():
    line = Line.of(by_hour([high(DAY, 5, BERLIN), high(NEXT, 3, BERLIN)]))
    assert line.at(local(DAY, 14)) == 5
    assert line.at(local(DAY, 18)) is None


def test_of_no_extremes_there_are_no_hours():
    assert list(by_hour([])) == []


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 28), 14), (date(2026, 10, 24), 16)])
def test_a_night_in_which_the_clock_is_set_is_as_long_as_it_is(day, hours):
    rows = list(by_hour([high(day, 10, BERLIN), low(day + timedelta(days=1), 0, BERLIN)]))
    assert [row.start for row in rows] == [
        local(day, 14).astimezone(UTC) + timedelta(hours=hour) for hour in range(hours + 1)
    ]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.floats(-60, 60)), max_size=9))
def test_no_hour_is_colder_or_hotter_than_the_extremes(days):
    extremes = [
        (high if warm else low)(DAY + timedelta(days=day), value, BERLIN)
        for day, warm, value in days
    ]
    for row in by_hour(extremes):
        values = [extreme.value for extreme in extremes]
        assert min(values) - 1e-9 <= row.value <= max(values) + 1e-9
