"""A day of a building is added up from what was known in it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.gpu_heat.control.heat_day import HeatDayTally, HeatSample

MIDNIGHT = datetime(2026, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def pass_by(tally, start, minutes, sample):
    """Tell a sample each minute; return the days that are over."""
    told = [tally.tell(start + minute * MINUTE, sample(minute)) for minute in range(minutes + 1)]
    return [day for day in told if day is not None]


def sample(_minute=0, heat_w=2000.0):
    return HeatSample(indoor_c=20, outdoor_c=-5, heat_w=heat_w)


def test_a_day_of_2_kw_gives_48_kwh():
    (day,) = pass_by(HeatDayTally(), MIDNIGHT, 24 * 60, sample)
    assert (day.indoor_c, day.outdoor_c) == (pytest.approx(20), pytest.approx(-5))
    assert day.heat_kwh == pytest.approx(48)


def test_a_heater_that_is_on_half_of_the_time_gives_half():
    (day,) = pass_by(
        HeatDayTally(), MIDNIGHT, 24 * 60, lambda minute: sample(heat_w=4000 * (minute % 2))
    )
    assert day.heat_kwh == pytest.approx(48, rel=1e-3)


@pytest.mark.parametrize(("known_h", "days"), [(19, 0), (21, 1)])
def test_a_day_of_which_little_is_known_says_nothing(known_h, days):
    def known(minute):
        return sample() if minute <= known_h * 60 else None

    told = pass_by(HeatDayTally(), MIDNIGHT, 24 * 60, known)
    assert len(told) == days
    assert all(day.heat_kwh == pytest.approx(48) for day in told)


def test_an_outage_is_not_added_up():
    tally = HeatDayTally()
    tally.tell(MIDNIGHT, sample())
    tally.tell(MIDNIGHT + timedelta(hours=22), sample())
    assert tally.hours == 0


def test_a_day_in_which_the_clock_is_set_has_its_own_length():
    zone = ZoneInfo("Europe/Berlin")
    tally, start = HeatDayTally(), datetime(2026, 10, 25, tzinfo=zone).astimezone(UTC)
    for minute in range(25 * 60):
        assert tally.tell((start + minute * MINUTE).astimezone(zone), sample()) is None
    assert tally.hours == pytest.approx(25, abs=0.02)


def test_it_outlives_a_restart():
    tally = HeatDayTally()
    pass_by(tally, MIDNIGHT, 600, sample)
    again = HeatDayTally.from_json(tally.to_json())
    assert (again.day, again.hours) == (tally.day, tally.hours)
    (day,) = pass_by(again, MIDNIGHT + timedelta(hours=10), 14 * 60, sample)
    assert day.heat_kwh == pytest.approx(48)
