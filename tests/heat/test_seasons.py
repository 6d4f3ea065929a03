"""Seasons by months, by the weather and by thermostats, and the useful share."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.seasons import (
    DAY,
    Activity,
    Mode,
    OutdoorSeasons,
    RollingMean,
    Room,
    Season,
    SeasonCalendar,
    cooling_part,
    season_of_rooms,
    useful_share,
)

HEATING, SHOULDER, COOLING = Season.HEATING, Season.SHOULDER, Season.COOLING
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_month_is_of_one_season():
    calendar = SeasonCalendar(heating_months=frozenset({1}), cooling_months=frozenset({7}))
    seasons = [calendar.season(datetime(2026, month, 1, tzinfo=UTC)) for month in (1, 4, 7)]
    assert seasons == [Season.HEATING, Season.SHOULDER, Season.COOLING]


@pytest.mark.parametrize(
    ("season", "excess", "share"),
    [
        (Season.HEATING, "-5", "1"),
        (Season.HEATING, "0.5", "1"),
        (Season.HEATING, "0.75", "0.75"),
        (Season.HEATING, "1.5", "0"),
        (Season.HEATING, "9", "0"),
        (Season.SHOULDER, "-1", "1"),
        (Season.COOLING, "-1", "0"),
    ],
)
def test_the_share_fades_between_half_and_one_and_a_half_kelvin(season, excess, share):
    room = Room(mode=Mode.HEAT, excess_k=Decimal(excess))
    assert useful_share(season, [room]) == Decimal(share)


@pytest.mark.parametrize(
    ("season", "share"), [(Season.HEATING, 1), (Season.SHOULDER, 0), (Season.COOLING, 0)]
)
def test_without_a_thermostat_the_season_decides(season, share):
    assert useful_share(season, []) == share


def test_a_thermostat_that_does_not_heat_displaces_nothing():
    assert useful_share(Season.HEATING, [Room(mode=Mode.OFF, excess_k=Decimal(-5))]) == 0


@pytest.mark.parametrize(
    ("mean", "previous", "season"),
    [
        ("12.9", None, HEATING),
        ("13", None, SHOULDER),
        ("18", None, SHOULDER),
        ("18.1", None, COOLING),
        # what has begun ends a kelvin beyond
        ("13.9", HEATING, HEATING),
        ("14", HEATING, SHOULDER),
        ("13.5", SHOULDER, SHOULDER),
        ("17.1", COOLING, COOLING),
        ("17", COOLING, SHOULDER),
        ("17.5", SHOULDER, SHOULDER),
        # from one to the other in a day
        ("25", HEATING, COOLING),
        ("0", COOLING, HEATING),
    ],
)
def test_a_season_by_the_mean_temperature_outdoors(mean, previous, season):
    assert OutdoorSeasons().season(Decimal(mean), previous) is season


HEAT, COOL, BOTH, OFF = Mode.HEAT, Mode.COOL, Mode.BOTH, Mode.OFF


@pytest.mark.parametrize(
    ("rooms", "previous", "season"),
    [
        ([], HEATING, None),
        ([(HEAT, None)], COOLING, HEATING),
        ([(COOL, None), (OFF, None)], HEATING, COOLING),
        ([(OFF, None)], HEATING, SHOULDER),
        # one heats, another cools: as it was
        ([(HEAT, None), (COOL, None)], COOLING, COOLING),
        ([(HEAT, None), (COOL, None)], None, None),
        # one that does both counts by what it does
        ([(BOTH, Activity.HEATING)], COOLING, HEATING),
        ([(BOTH, Activity.COOLING)], HEATING, COOLING),
        ([(BOTH, Activity.IDLE)], COOLING, COOLING),
        ([(BOTH, None)], None, None),
    ],
)
def test_a_season_by_the_thermostats(rooms, previous, season):
    seen = [Room(mode=mode, activity=activity) for mode, activity in rooms]
    assert season_of_rooms(seen, previous) is season


def test_rooms_without_weight_say_nothing():
    room = Room(mode=Mode.HEAT, excess_k=Decimal(9), can_cool=True, weight=Decimal(0))
    assert useful_share(HEATING, [room]) == 1
    assert cooling_part(COOLING, [room]) == 1


def test_a_mean_over_a_day_by_how_long_each_value_lasted():
    """10 °C for 18 h, then 20 °C for 6 h: 12.5 °C."""
    mean = RollingMean()
    mean.add(NOON - 40 * HOUR, Decimal(10))
    mean.add(NOON - 6 * HOUR, Decimal(20))
    assert mean.mean(NOON) == Decimal("12.5")


def test_a_time_in_which_nothing_was_known_does_not_count():
    """10 °C for 6 h, nothing for 6 h, 22 °C for 12 h: (60 + 264) / 18 = 18."""
    mean = RollingMean()
    for hours, value in ((24, 10), (18, None), (12, 22)):
        mean.add(NOON - hours * HOUR, None if value is None else Decimal(value))
    assert mean.mean(NOON) == 18


def test_a_mean_of_nothing_is_not_known_and_of_one_moment_its_value():
    mean = RollingMean()
    assert mean.mean(NOON) is None
    mean.add(NOON, Decimal(7))
    assert mean.mean(NOON) == 7
    mean.add(NOON, None)
    assert mean.mean(NOON + 48 * HOUR) is None


def test_a_clock_set_back_does_not_stop_a_mean():
    """A year ahead for a while; then 4 h of 10 °C and 2 h of 4 °C: 8 °C."""
    mean = RollingMean()
    mean.add(NOON + timedelta(days=365), Decimal(30))
    mean.add(NOON, Decimal(10))
    mean.add(NOON + 4 * HOUR, Decimal(4))
    assert mean.mean(NOON + 6 * HOUR) == 8


@given(
    st.lists(
        st.tuples(st.integers(0, 4000), st.none() | st.integers(-40, 40)), min_size=1, max_size=30
    ),
    st.integers(0, 3000),
)
def test_a_mean_is_the_integral_over_the_minutes_that_are_known(changes, later):
    changes.sort(key=lambda change: change[0])
    mean = RollingMean()
    for minute, value in changes:
        mean.add(NOON + timedelta(minutes=minute), None if value is None else Decimal(value))
    now = changes[-1][0] + later
    by_minute = dict.fromkeys(range(now - 1440, now))
    for start, value in changes:
        by_minute |= dict.fromkeys(range(max(start, now - 1440), now), value)
    known = [value for value in by_minute.values() if value is not None]
    expected = sum(known) / len(known) if known else changes[-1][1]
    found = mean.mean(NOON + timedelta(minutes=now))
    assert (found is None) == (expected is None)
    assert found is None or float(found) == pytest.approx(expected, abs=1e-9)


def test_a_mean_that_is_polled_for_a_year_keeps_a_day_of_changes():
    mean = RollingMean()
    for hour in range(365 * 24):
        mean.add(NOON + hour * HOUR, Decimal(hour // 3 % 20))
    assert len(mean._changes) <= 10  # each three hours, and the one before
    assert mean.window == DAY
