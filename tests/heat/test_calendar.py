"""Where days and months begin, also over changes of the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.account import Stretch
from custom_components.gpu_heat.heat.calendar import (
    billing_month,
    days,
    moment,
    month_starts,
    passings,
)
from custom_components.gpu_heat.heat.tariffs import Period, Tier, TieredPrice, TimeOfUse, Window

from .sample_zone import BERLIN, MONTREAL


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
    start = datetime(2026, 2, 20, 12, tzinfo=BERLIN).astimezone(UTC)
    end = datetime(2026, 4, 1, 0, 5, tzinfo=BERLIN).astimezone(UTC)
    stretch = Stretch(start=start, end=end, energy_j=Decimal(400 * 3_600_000))
    *_, april = stretch.cut_at(month_starts(start, end, BERLIN))
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


@pytest.mark.parametrize(
    ("day", "first_day", "begins"),
    [
        ("2026-03-31", 1, "2026-03-01"),
        ("2026-03-28", 28, "2026-03-28"),
        ("2026-03-27", 28, "2026-02-28"),
        ("2026-01-01", 28, "2025-12-28"),
        ("2024-02-29", 15, "2024-02-15"),
    ],
)
def test_the_billing_month_of_a_day(day, first_day, begins):
    assert billing_month(date.fromisoformat(day), first_day) == date.fromisoformat(begins)


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)), st.integers(1, 28))
def test_billing_months_follow_each_other(day, first_day):
    start = moment(billing_month(day, first_day), time(), BERLIN)
    starts = list(month_starts(start, start + timedelta(days=366), BERLIN, first_day))
    local = [at.astimezone(BERLIN) for at in starts]
    assert all((at.day, at.hour) == (first_day, 0) for at in local)
    assert len(starts) in (11, 12)
    assert all(
        28 <= (later.date() - earlier.date()).days <= 31 for earlier, later in pairwise(local)
    )


def test_the_local_days_of_a_stretch():
    start = datetime(2026, 1, 12, 4, 59, tzinfo=UTC)  # 23:59 in Montreal
    found = list(days(start, start + timedelta(hours=24, minutes=2), MONTREAL))
    assert found == [date(2026, 1, 11), date(2026, 1, 12), date(2026, 1, 13)]


CLOCK = {time(): Decimal("0.1")}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 3, 30), 24),
        (BERLIN, date(2026, 10, 25), 25),
        (MONTREAL, date(2026, 3, 8), 23),
        (MONTREAL, date(2026, 11, 1), 25),
    ],
)
@pytest.mark.parametrize("by_window", [False, True])
def test_a_day_of_23_or_25_hours_is_cut_off_at_its_midnights(zone, day, hours, by_window):
    if by_window:
        prices = TimeOfUse(base=Decimal(1), windows=())
    else:
        prices = TieredPrice(tiers=(Tier(price=Decimal(1)),), period=Period.DAY)
    noon = moment(day, time(12), zone)
    start, end = noon - timedelta(days=1), noon + timedelta(days=1)
    first, second = prices.cuts(start, end, zone)
    assert (first, second - first) == (moment(day, time(), zone), timedelta(hours=hours))
    stretch = Stretch(start=start, end=end, energy_j=Decimal(48_000_000))
    before, within, after = stretch.cut_at([first, second])
    assert within.energy_j == 1_000_000 * hours
    assert before.energy_j + within.energy_j + after.energy_j == 48_000_000


@pytest.mark.parametrize(
    ("zone", "day", "at", "moments"),
    [
        (BERLIN, "2026-01-15", "02:30", ["01:30"]),
        # set forward at 02:00, which is 01:00 by UTC
        (BERLIN, "2026-03-29", "01:59:59", ["00:59:59"]),
        (BERLIN, "2026-03-29", "02:00", ["01:00"]),
        (BERLIN, "2026-03-29", "02:30", ["01:00"]),
        (BERLIN, "2026-03-29", "02:59:59", ["01:00"]),
        (BERLIN, "2026-03-29", "03:00", ["01:00"]),
        # set back at 03:00, which is 01:00 by UTC
        (BERLIN, "2026-10-25", "02:00", ["00:00", "01:00", "01:00"]),
        (BERLIN, "2026-10-25", "02:20", ["00:20", "01:00", "01:20"]),
        (BERLIN, "2026-10-25", "03:00", ["02:00"]),
        (MONTREAL, "2026-03-08", "02:15", ["07:00"]),
        (MONTREAL, "2026-11-01", "01:45", ["05:45", "06:00", "06:45"]),
    ],
)
def test_when_a_clock_passes_a_time(zone, day, at, moments):
    found = passings(date.fromisoformat(day), time.fromisoformat(at), zone)
    assert list(found) == [datetime.fromisoformat(f"{day}T{text}Z") for text in moments]


MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


@given(
    MINUTES,
    MINUTES,
    st.sampled_from(
        [
            (BERLIN, "2026-03-28"),
            (BERLIN, "2026-10-24"),
            (MONTREAL, "2026-03-07"),
            (MONTREAL, "2026-10-31"),
        ]
    ),
)
def test_a_price_changes_only_where_a_stretch_is_cut(start, end, place):
    """Every quarter of an hour of three days around a change of the clocks, and at each cut."""
    zone, day = place
    window = Window(start=start, end=end, price=Decimal(2))
    begin = moment(date.fromisoformat(day), time(), zone)
    over = begin + timedelta(days=3)
    prices = TimeOfUse(base=Decimal(1), windows=(window,))
    cuts = [begin, *prices.cuts(begin, over, zone), over]
    assert cuts == sorted(cuts)
    for earlier, later in pairwise(cuts):
        on = window.holds(earlier.astimezone(zone))
        at = earlier
        while at < later:
            assert window.holds(at.astimezone(zone)) == on
            at += timedelta(minutes=15)
        last = max(earlier, later - timedelta(seconds=1))
        assert earlier == later or window.holds(last.astimezone(zone)) == on
