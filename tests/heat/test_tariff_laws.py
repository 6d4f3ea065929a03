"""Laws of prices: tiers to the last joule, windows against every minute of sample weeks."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.gpu_heat.heat.consumption import Consumption
from custom_components.gpu_heat.heat.tariffs import Period, Tier, TieredPrice, TimeOfUse, Window

from .sample_zone import KWH

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
ENERGIES = st.decimals(0, 10**9, places=3)


@st.composite
def tiered(draw, period=None):
    thresholds = sorted(draw(st.sets(st.decimals(0, 200, places=4), max_size=4)))
    prices = [draw(st.decimals(0, 1, places=5)) for _ in range(len(thresholds) + 1)]
    return TieredPrice(
        tiers=tuple(
            Tier(price=price, up_to_kwh=up_to)
            for price, up_to in zip(prices, [*thresholds, None], strict=True)
        ),
        period=period or draw(st.sampled_from(Period)),
        first_day=draw(st.integers(1, 28)),
    )


def piecewise(prices, used_j):
    """Return what so much costs from the first tier on, worked out tier by tier."""
    cost, below = Decimal(0), Decimal(0)
    for tier in prices.tiers:
        above = used_j if tier.up_to_kwh is None else min(used_j, tier.up_to_kwh * KWH)
        cost += max(above - below, Decimal(0)) * tier.price
        below = max(below, above)
    return cost / KWH


@given(tiered(), st.lists(ENERGIES, min_size=1, max_size=10))
def test_the_parts_of_tiers_are_all_of_the_energy_at_the_bills_price(prices, uses):
    used, cost = Consumption(), Decimal(0)
    for energy_j in uses:
        parts = list(prices.split(energy_j, NOON.date(), used))
        assert sum(part for part, _ in parts) == energy_j
        assert all(part > 0 for part, _ in parts)
        cost += sum(part * price for part, price in parts) / KWH
    assert float(cost) == pytest.approx(float(piecewise(prices, sum(uses))))
    assert float(prices.bill(sum(uses) / KWH)) == pytest.approx(float(cost))


@given(tiered(), ENERGIES)
def test_the_next_kwh_costs_what_the_next_joule_will(prices, energy_j):
    used = Consumption()
    list(prices.split(energy_j, NOON.date(), used))
    expected = prices.now(NOON, None, used)
    (_, price), *_ = prices.split(Decimal("0.001"), NOON.date(), used)
    assert price == expected


@given(tiered(), st.lists(st.tuples(st.booleans(), ENERGIES), max_size=10), st.booleans())
def test_ours_cost_what_they_add_to_the_bill_in_any_order(prices, uses, has_ours):
    """The household's use and ours in turn; a meter that has ours shows them as well."""
    used, cost = Consumption(meter_has_ours=has_ours), Decimal(0)
    period, pending_j = prices.period_of(NOON.date()), Decimal(0)
    for is_ours, energy_j in uses:
        if is_ours:
            cost += (
                sum(part * price for part, price in prices.split(energy_j, NOON.date(), used)) / KWH
            )
            pending_j += energy_j
        else:
            shown_j = energy_j + pending_j if has_ours else energy_j
            cost += prices.add_household(period, shown_j, used)
            pending_j = Decimal(0)
    ours_j = sum(energy_j for is_ours, energy_j in uses if is_ours)
    household_j = sum(energy_j for is_ours, energy_j in uses if not is_ours)
    expected = piecewise(prices, ours_j + household_j) - piecewise(prices, household_j)
    assert float(cost) == pytest.approx(float(expected), abs=1e-9)
    assert used.of(period) == ours_j + household_j


def test_a_threshold_that_is_met_exactly_belongs_to_the_lower_tier():
    prices = TieredPrice(
        tiers=(Tier(price=Decimal(1), up_to_kwh=Decimal(40)), Tier(price=Decimal(2)))
    )
    used = Consumption()
    assert list(prices.split(40 * KWH, NOON.date(), used)) == [(40 * KWH, 1)]
    assert list(prices.split(Decimal("0.001"), NOON.date(), used)) == [(Decimal("0.001"), 2)]


def test_a_month_by_its_days():
    """50 kWh a day for 30 days: 30 x (40 x 0.0718 + 10 x 0.1095); by the month 40 and 1460."""
    tiers = (
        Tier(price=Decimal("0.0718"), up_to_kwh=Decimal(40)),
        Tier(price=Decimal("0.1095")),
    )
    by_day = TieredPrice(tiers=tiers).month_bill(Decimal(1500), 30)
    by_month = TieredPrice(tiers=tiers, period=Period.MONTH).month_bill(Decimal(1500), 30)
    assert (by_day, by_month) == (Decimal("119.01"), Decimal("162.742"))


@pytest.mark.parametrize("days", [1, 31])
def test_consumption_keeps_its_latest_hundred_periods_over_years(days):
    used = Consumption()
    for n in range(500):
        used.add_ours((NOON + timedelta(days=days * n)).date(), KWH)
    assert len(used.periods) == 100
    assert used.of((NOON + timedelta(days=days * 400)).date()) == KWH
    assert used.of(NOON.date()) == 0


def test_late_energy_of_before_those_leaves_today_alone():
    used = Consumption()
    for n in range(150):
        used.add_ours((NOON + timedelta(days=n)).date(), KWH)
    for n in range(150):
        used.add_ours((NOON - timedelta(days=200 - n)).date(), KWH)
    assert used.of((NOON + timedelta(days=149)).date()) == KWH
    assert len(used.periods) == 100


def test_a_clock_that_was_far_ahead_does_not_stop_the_tiers():
    used = Consumption()
    used.add_ours(NOON.replace(year=2099).date(), KWH)
    used.add_ours(NOON.date(), KWH)
    used.add_ours(NOON.date(), KWH)
    assert used.of(NOON.date()) == 2 * KWH


CLOCKS = st.sampled_from(
    [time(hour, minute) for hour in (0, 1, 6, 12, 22, 23) for minute in (0, 30)]
)
WINDOWS = st.builds(
    Window,
    start=CLOCKS,
    end=CLOCKS,
    price=st.decimals(0, 1, places=3),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    months=st.frozensets(st.sampled_from([1, 2, 12]), min_size=1),
)
# Windows of these months may meet in each week of January, at its ends, or at the year's end.
MINUTES = [datetime(2025, 12, 24) + timedelta(minutes=30 * n) for n in range(48 * (8 + 31 + 8))]
YEARS = [datetime(year, month, 1) for year in range(2019, 2027) for month in (1, 2)]
# The nights in which months meet, in so many years that each is one of every weekday.
EDGES = [at + timedelta(minutes=30 * n) for at in YEARS for n in range(-96, 96)]


@settings(max_examples=150, deadline=None)
@given(WINDOWS, WINDOWS)
def test_windows_overlap_where_there_is_a_minute_of_both(one, other):
    """All windows begin and end at half hours, so that each half hour tells."""
    both = any(one.holds(at) and other.holds(at) for at in MINUTES + EDGES)
    assert one.overlaps(other) == other.overlaps(one) == both


# Twelve months of four weeks that each begin on a Monday would be the year of a mean price; a
# window that is on in all months is so in every week.
WEEK = [datetime(2026, 1, 12) + timedelta(minutes=30 * n) for n in range(48 * 7)]


@settings(deadline=None)
@given(CLOCKS, CLOCKS, st.frozensets(st.integers(0, 6), min_size=1))
def test_the_part_of_a_year_is_that_of_a_week(start, end, weekdays):
    window = Window(start=start, end=end, price=Decimal(1), weekdays=weekdays)
    on = sum(window.holds(at) for at in WEEK)
    assert float(window.part_of_year) == pytest.approx(on / len(WEEK))


@settings(deadline=None)
@given(st.lists(CLOCKS, min_size=2, max_size=5, unique=True), st.data())
def test_the_mean_price_is_that_of_all_half_hours(clocks, data):
    """Windows one after the other, each on some weekdays of a whole year."""
    clocks.sort()
    windows = tuple(
        Window(
            start=start,
            end=end,
            price=data.draw(st.decimals(0, 1, places=3)),
            weekdays=data.draw(st.frozensets(st.integers(0, 6), min_size=1)),
        )
        for start, end in pairwise(clocks)
    )
    prices = TimeOfUse(base=Decimal("0.2"), windows=windows)
    used = Consumption()
    expected = sum(prices.now(at, None, used) for at in WEEK) / len(WEEK)
    assert float(prices.mean) == pytest.approx(float(expected))


def test_the_mean_price_weighs_months_alike():
    """0.10, and 0.34 for 6 hours on 5 of 7 days in 3 of 12 months: 0.10 + 0.24 x 5 / 112."""
    window = Window(
        start=time(17),
        end=time(23),
        price=Decimal("0.34"),
        weekdays=frozenset(range(5)),
        months=frozenset({12, 1, 2}),
    )
    prices = TimeOfUse(base=Decimal("0.10"), windows=(window,))
    assert round(prices.mean, 6) == Decimal("0.110714")
    assert round(window.part_of_year, 6) == Decimal("0.044643")  # 5 / 112


def test_the_first_of_two_windows_holds():
    windows = [
        Window(start=time(0), end=time(12), price=Decimal(price)) for price in ("0.3", "0.4")
    ]
    prices = TimeOfUse(base=Decimal(1), windows=tuple(windows))
    assert prices.now(datetime(2026, 1, 12, 6), None, Consumption()) == Decimal("0.3")
