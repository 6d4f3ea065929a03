"""Seasons by months, and the useful share."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.ledger import Stretch
from custom_components.gpu_heat.heat.seasons import (
    Room,
    Season,
    SeasonCalendar,
    month_starts,
    useful_share,
)

MONTREAL = ZoneInfo("America/Montreal")


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
    assert useful_share(season, Room(excess_k=Decimal(excess))) == Decimal(share)


@pytest.mark.parametrize(
    ("season", "share"), [(Season.HEATING, 1), (Season.SHOULDER, 0), (Season.COOLING, 0)]
)
def test_without_a_thermostat_the_season_decides(season, share):
    assert useful_share(season, None) == share


def test_a_thermostat_that_does_not_heat_displaces_nothing():
    assert useful_share(Season.HEATING, Room(excess_k=None)) == 0


def test_months_begin_at_local_midnight_also_over_a_change_of_the_clocks():
    """Montreal is 5 h behind UTC on 1 November's eve of winter time, 4 h before."""
    starts = list(
        month_starts(
            datetime(2026, 10, 31, 12, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC), MONTREAL
        )
    )
    assert starts == [
        datetime(2026, 11, 1, 4, tzinfo=UTC),
        datetime(2026, 12, 1, 5, tzinfo=UTC),
    ]


def test_a_stretch_over_a_change_of_the_clocks_is_cut_by_real_time():
    """Berlin, 20 February noon to 1 April 00:05: 5 minutes of 39 d 11 h 5 min are April's."""
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 2, 20, 12, tzinfo=berlin).astimezone(UTC)
    end = datetime(2026, 4, 1, 0, 5, tzinfo=berlin).astimezone(UTC)
    stretch = Stretch(start=start, end=end, energy_j=Decimal(400 * 3_600_000))
    *_, april = stretch.cut_at(month_starts(start, end, berlin))
    assert float(april.energy_j) == pytest.approx(400 * 3_600_000 * 5 / 56825)


def test_a_stretch_within_a_month_is_not_cut():
    start = datetime(2026, 5, 1, 4, tzinfo=UTC)  # midnight in Montreal
    assert list(month_starts(start, start.replace(day=31), MONTREAL)) == []


@given(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)), st.timedeltas())
def test_month_starts_lie_within(moment, length):
    start = moment.replace(tzinfo=UTC)
    try:
        end = start + abs(length) % (datetime(2002, 1, 1) - datetime(2000, 1, 1))
    except OverflowError:
        return
    starts = list(month_starts(start, end, MONTREAL))
    assert starts == sorted(starts)
    assert all(
        start < at < end and (at.astimezone(MONTREAL).day, at.astimezone(MONTREAL).hour) == (1, 0)
        for at in starts
    )
