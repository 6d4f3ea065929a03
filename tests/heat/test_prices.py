"""What electricity costs, by figures worked by hand. Montreal's clocks; 12 January is a Monday."""

from datetime import time, timedelta
from decimal import Decimal

import pytest

from custom_components.gpu_heat.heat.tariffs import (
    MONTHS,
    WEEKDAYS,
    FixedPrice,
    FollowedPrice,
    Period,
    Tier,
    TieredPrice,
    TimeOfUse,
    Window,
)

from .sample_zone import HOUR, KWH, MONTREAL, Zone, heater, local


def tiers(*rows, **more):
    """Return tiers of "price" or "price up to kWh"."""
    split = [row.split(" to ") for row in rows]
    return TieredPrice(
        tiers=tuple(
            Tier(price=Decimal(price), up_to_kwh=Decimal(up_to[0]) if up_to else None)
            for price, *up_to in split
        ),
        **more,
    )


def window(start, end, price, weekdays=WEEKDAYS, months=MONTHS):
    return Window(
        start=time.fromisoformat(start),
        end=time.fromisoformat(end),
        price=Decimal(price),
        weekdays=frozenset(weekdays),
        months=frozenset(months),
    )


def by_time(*windows):
    return TimeOfUse(base=Decimal("0.08"), windows=windows)


def cost(prices, *uses, **more):
    zone = Zone(prices=prices, **more)
    for n, (start, end, kwh) in enumerate(uses):
        zone.use(local(start), local(end), kwh, source=f"s{n}")
    return zone.totals.electricity_cost


QUEBEC = tiers("0.0718 to 40", "0.1095")
MONTHLY = ("0.10 to 1000", "0.15")
BY_28 = tiers(*MONTHLY, period=Period.MONTH, first_day=28)
PEAK = by_time(window("07:00", "11:00", "0.15", range(5), (11, 12, 1, 2, 3, 4)))
NIGHT = by_time(window("22:00", "06:00", "0.05"))
MORNING = by_time(window("00:00", "06:00", "0.05"))
START = local("2026-01-12 00:00")
JAN_12 = ("2026-01-12 00:00", "2026-01-13 00:00")
SPRING = ("2026-03-08 00:00", "2026-03-09 00:00")  # 23 hours: 02:00 to 03:00 is left out
AUTUMN = ("2026-11-01 00:00", "2026-11-02 00:00")  # 25 hours: 01:00 to 02:00 is there twice


@pytest.mark.parametrize(
    ("prices", "use", "expected"),
    [
        # 288 x 0.0718
        (FixedPrice(Decimal("0.0718")), (*JAN_12, 288), "20.6784"),
        (FixedPrice(Decimal(0)), (*JAN_12, 288), "0"),
        # Nothing known of a price that an entity should say.
        (FollowedPrice(), (*JAN_12, 10), "0"),
        # 30 x 0.0718
        (QUEBEC, (*JAN_12, 30), "2.154"),
        # 40 x 0.0718, not one kWh more
        (QUEBEC, (*JAN_12, 40), "2.872"),
        # 40 x 0.0718 + 10 x 0.1095
        (QUEBEC, (*JAN_12, 50), "3.967"),
        # 50 kWh on each of two days: 2 x 3.967
        (QUEBEC, ("2026-01-12 00:00", "2026-01-14 00:00", 100), "7.934"),
        # noon to noon, 30 kWh on each day: 60 x 0.0718
        (QUEBEC, ("2026-01-12 12:00", "2026-01-13 12:00", 60), "4.308"),
        # 10 x 0.1 + 10 x 0.2 + 5 x 0.3
        (tiers("0.1 to 10", "0.2 to 20", "0.3"), (*JAN_12, 25), "4.5"),
        # 1000 x 0.10 + 200 x 0.15
        (
            tiers(*MONTHLY, period=Period.MONTH),
            ("2026-01-10 00:00", "2026-01-20 00:00", 1200),
            "130",
        ),
        # 1000 kWh of 22 to 31 January, 100 of 1 February: 100 + 10
        (
            tiers(*MONTHLY, period=Period.MONTH),
            ("2026-01-22 00:00", "2026-02-02 00:00", 1100),
            "110",
        ),
        # 600 kWh of 22 to 27 January, 500 from the 28th on, all in the first tier
        (BY_28, ("2026-01-22 00:00", "2026-02-02 00:00", 1100), "110"),
        # 28 January to 28 February are one month: 1000 x 0.10 + 240 x 0.15
        (BY_28, ("2026-01-28 00:00", "2026-02-28 00:00", 1240), "136"),
        # the price of the window: 4 x 0.15
        (PEAK, ("2026-01-12 07:00", "2026-01-12 11:00", 4), "0.6"),
        # 2 x 0.15 + 2 x 0.08
        (PEAK, ("2026-01-12 09:00", "2026-01-12 13:00", 4), "0.46"),
        # Saturday: 4 x 0.08
        (PEAK, ("2026-01-17 07:00", "2026-01-17 11:00", 4), "0.32"),
        # a Monday in July: 4 x 0.08
        (PEAK, ("2026-07-13 07:00", "2026-07-13 11:00", 4), "0.32"),
        # 4 x 0.15 + 20 x 0.08
        (PEAK, (*JAN_12, 24), "2.2"),
        # a week: 5 x 4 h x 0.15 + 148 h x 0.08
        (PEAK, ("2026-01-12 00:00", "2026-01-19 00:00", 168), "14.84"),
        # 0 to 6 and 22 to 24: 8 x 0.05 + 16 x 0.08
        (NIGHT, (*JAN_12, 24), "1.68"),
        # a week's night of Friday alone, 18:00 to 10:00: 4 x 0.08 + 8 x 0.05 + 4 x 0.08
        (
            by_time(window("22:00", "06:00", "0.05", (4,))),
            ("2026-01-16 18:00", "2026-01-17 10:00", 16),
            "1.04",
        ),
        # Monday's small hours are Sunday's night: 6 x 0.08
        (
            by_time(window("22:00", "06:00", "0.05", range(5))),
            ("2026-01-12 00:00", "2026-01-12 06:00", 6),
            "0.48",
        ),
        # January's last night goes on in February: 8 x 0.05 + 16 x 0.08
        (
            by_time(window("22:00", "06:00", "0.05", months=(1,))),
            ("2026-01-31 22:00", "2026-02-01 22:00", 24),
            "1.68",
        ),
        # all of a Sunday: 24 x 0.04
        (
            by_time(window("00:00", "00:00", "0.04", (6,))),
            ("2026-01-18 00:00", "2026-01-19 00:00", 24),
            "0.96",
        ),
        # Sunday noon to Monday noon, used from 0 to 24 on Monday: 12 x 0.04 + 12 x 0.08
        (by_time(window("12:00", "12:00", "0.04", (6,))), (*JAN_12, 24), "1.44"),
        # 0 to 6 are 5 hours: 5 x 0.05 + 18 x 0.08
        (MORNING, (*SPRING, 23), "1.69"),
        # 0 to 6 are 7 hours: 7 x 0.05 + 18 x 0.08
        (MORNING, (*AUTUMN, 25), "1.79"),
        # 02:30 is left out, so it begins at 03:00: 2 x 0.05 + 21 x 0.08
        (by_time(window("02:30", "05:00", "0.05")), (*SPRING, 23), "1.78"),
        # 0 to 2, as there is no 02:30: 2 x 0.05 + 21 x 0.08
        (by_time(window("00:00", "02:30", "0.05")), (*SPRING, 23), "1.78"),
        # 01:30 to 02:00, then 01:30 to 05:00: 4 x 0.05 + 21 x 0.08
        (by_time(window("01:30", "05:00", "0.05")), (*AUTUMN, 25), "1.88"),
        # 00:00 to 01:30, then 01:00 to 01:30: 2 x 0.05 + 23 x 0.08
        (by_time(window("00:00", "01:30", "0.05")), (*AUTUMN, 25), "1.94"),
        # a tiered day of 25 hours is still one day: 40 x 0.0718 + 10 x 0.1095
        (QUEBEC, (*AUTUMN, 50), "3.967"),
    ],
)
def test_what_a_use_costs(prices, use, expected):
    assert round(cost(prices, use), 9) == Decimal(expected)


@pytest.mark.parametrize(
    ("prices", "surcharge", "tax", "use", "expected"),
    [
        # 10 x (0.10 + 0.02) x 1.15
        (FixedPrice(Decimal("0.10")), "0.02", "0.15", (*JAN_12, 10), "1.38"),
        # 4 x (0.15 + 0.03) x 1.1
        (PEAK, "0.03", "0.1", ("2026-01-12 07:00", "2026-01-12 11:00", 4), "0.792"),
        # 3.967 x 1.14975
        (QUEBEC, "0", "0.14975", (*JAN_12, 50), "4.56105825"),
    ],
)
def test_surcharge_and_tax_come_on_top(prices, surcharge, tax, use, expected):
    assert cost(prices, use, surcharge=surcharge, tax=tax) == Decimal(expected)


def test_a_billing_month_begins_on_its_day():
    """900 kWh on 5 January; 27 January: 100 x 0.10 + 200 x 0.15; 28 January: 300 x 0.10."""
    uses = [("2026-01-05 00:00", "2026-01-06 00:00", 900)]
    uses.append(("2026-01-27 00:00", "2026-01-29 00:00", 600))
    assert cost(BY_28, *uses) == 90 + 40 + 30
    # By the calendar all but 100 kWh of the 600 are above the threshold: 90 + 10 + 500 x 0.15.
    assert cost(tiers(*MONTHLY, period=Period.MONTH), *uses) == 175


def test_sources_climb_the_tiers_together():
    """20, 15 and 10 kWh of one day: 40 x 0.0718 + 5 x 0.1095."""
    noon = ("2026-01-12 12:00", "2026-01-12 13:00")
    assert cost(QUEBEC, (*noon, 20), (*noon, 15), (*noon, 10)) == Decimal("3.4195")


@pytest.mark.parametrize("has_ours", [False, True])
def test_what_the_household_has_used_comes_first(has_ours):
    """35 kWh by its meter, then 10 of ours: 5 x 0.0718 + 5 x 0.1095."""
    start, noon = local("2026-01-12 00:00"), local("2026-01-12 12:00")
    zone = Zone(prices=QUEBEC, meter_has_ours=has_ours)
    zone.meter(start, noon, 35)
    zone.use(noon, noon + HOUR, 10)
    assert zone.totals.electricity_cost == Decimal("0.9065")


@pytest.mark.parametrize(
    ("has_ours", "expected"),
    [
        # 22 kWh are the household's: 18 x 0.0718 + 2 x 0.1095
        (True, "1.5114"),
        # 32 kWh are the household's: 8 x 0.0718 + 12 x 0.1095
        (False, "1.8884"),
    ],
)
def test_a_meter_that_counts_ours_as_well_does_not_count_them_twice(has_ours, expected):
    start = local("2026-01-12 00:00")
    zone = Zone(prices=QUEBEC, meter_has_ours=has_ours)
    zone.meter(start, start + HOUR, 20)
    zone.use(start + HOUR, start + 2 * HOUR, 10)
    assert zone.totals.electricity_cost == Decimal("0.718")  # 10 x 0.0718
    zone.meter(start + HOUR, start + 2 * HOUR, 12)
    zone.poll(start + 3 * HOUR, 10)
    assert zone.totals.electricity_cost == Decimal(expected)


@pytest.mark.parametrize(
    ("of_rules", "cost", "value"),
    [
        # (20 x 0.0718 + 10 x 0.1095); oil: 30 / 9.01 x 1.30
        ({}, "2.531", "4.328524"),
        # electric heating is worth the same, a heat pump's a third of that
        ({"first": heater("electricity")}, "2.531", "2.531"),
        ({"first": heater("heat_pump", efficiency="3")}, "2.531", "0.843667"),
        ({"first": heater("electricity", "0.05")}, "2.531", "1.5"),
        # (2.531 + 30 x 0.02) x 1.1
        ({"first": heater("electricity"), "surcharge": "0.02", "tax": "0.1"}, "3.4441", "3.4441"),
    ],
)
def test_what_the_household_uses_later_makes_ours_dearer(of_rules, cost, value):
    """30 kWh of ours in the morning, 20 of the household's in the evening: ours are on top."""
    zone = Zone(prices=QUEBEC, **of_rules)
    zone.use(START, START + HOUR, 30)
    zone.meter(START + HOUR, START + 20 * HOUR, 20)
    assert zone.totals.electricity_cost == Decimal(cost)
    assert round(zone.totals.heat_value, 6) == Decimal(value)


@pytest.mark.parametrize(("has_ours", "reached"), [(True, 10), (False, 14)])
def test_a_meter_that_joins_within_a_day_says_what_the_day_had_so_far(has_ours, reached):
    """4 kWh of ours, then a meter that shows 10 since midnight."""
    zone = Zone(prices=QUEBEC, meter_has_ours=has_ours)
    zone.use(START, START + HOUR, 4)
    day = START.astimezone(MONTREAL).date()
    zone.book.used.begin_meter(day, 10 * KWH)
    assert zone.book.used.of(day) == reached * KWH


def test_ours_count_before_the_meter_has_shown_them():
    """35 kWh by a meter that counts ours and then stays silent, then 5 and 5 of ours."""
    start = local("2026-01-12 00:00")
    zone = Zone(prices=QUEBEC, meter_has_ours=True)
    zone.meter(start, start + HOUR, 35)
    zone.use(start + HOUR, start + 2 * HOUR, 5)
    zone.poll(start + 3 * HOUR, 5)
    assert zone.totals.electricity_cost == Decimal("0.9065")  # 5 x 0.0718 + 5 x 0.1095


def test_a_meter_that_was_silent_over_midnight_is_spread_over_both_days():
    """24 kWh from noon to noon; 30 of ours on the second day: 28 x 0.0718 + 2 x 0.1095."""
    noon = local("2026-01-12 12:00")
    zone = Zone(prices=QUEBEC)
    zone.meter(noon, local("2026-01-13 12:00"), 24)
    zone.use(local("2026-01-13 12:00"), local("2026-01-13 18:00"), 30)
    assert zone.totals.electricity_cost == Decimal("2.2294")


def test_a_meter_is_of_no_use_without_tiers():
    zone = Zone(prices=FixedPrice(Decimal("0.1")))
    zone.meter(local("2026-01-12 00:00"), local("2026-01-12 12:00"), 99)
    assert zone.book.used.periods == {}


def test_the_next_kwh_has_the_price_of_the_tier_that_is_reached():
    start = local("2026-01-12 00:00")
    zone = Zone(prices=QUEBEC, tax="0.1")
    assert zone.pricing.price(start) == Decimal("0.07898")
    zone.use(start, start + HOUR, 39)
    assert zone.pricing.price(start + HOUR) == Decimal("0.07898")
    zone.poll(start + 2 * HOUR, 1)
    assert zone.pricing.price(start + 2 * HOUR) == Decimal("0.12045")
    assert zone.pricing.price(local("2026-01-13 00:00")) == Decimal("0.07898")


def test_the_next_kwh_has_the_price_of_the_window():
    zone = Zone(prices=PEAK)
    moments = ("06:59:59", "07:00:00", "10:59:59", "11:00:00")
    prices = [zone.pricing.price(local(f"2026-01-12 {at}")) for at in moments]
    assert prices == [Decimal(price) for price in ("0.08", "0.15", "0.15", "0.08")]
    assert Zone(prices=FixedPrice(Decimal("0.2"))).pricing.price(local(JAN_12[0])) == Decimal("0.2")


@pytest.mark.parametrize(
    ("said", "more", "expected", "unpriced"),
    [
        # 4 x 0.25
        ({0: "0.25"}, {}, "1", 0),
        # 2 x 0.10 + 2 x 0.30
        ({0: "0.10", 30: "0.30"}, {}, "0.8", 0),
        # not known for the first quarter: 3 x 0.20
        ({15: "0.20"}, {}, "0.6", 1),
        # not known from 45 to 60: 3 x 0.20
        ({0: "0.20", 45: None}, {}, "0.6", 1),
        # one is paid for using it: 4 x -0.05
        ({0: "-0.05"}, {}, "-0.2", 0),
        # 4 x (-0.05 + 0.12) x 1.25
        ({0: "-0.05"}, {"surcharge": "0.12", "tax": "0.25"}, "0.35", 0),
    ],
)
def test_a_price_that_an_entity_says(said, more, expected, unpriced):
    """4 kWh in an hour, with the price by minute."""
    zone = Zone(prices=FollowedPrice(), **more)
    zone.poll(START)
    for minute, price in said.items():
        known = None if price is None else Decimal(price)
        zone.know(START + timedelta(minutes=minute), electricity_price=known)
    zone.poll(START + HOUR, 4)
    assert zone.totals.electricity_cost == Decimal(expected)
    assert zone.totals.unpriced_j == unpriced * KWH
    assert zone.totals.energy_j == 4 * KWH


def test_heat_has_no_value_where_its_electricity_has_no_price():
    """A value without the cost that belongs to it would feign a gain; the oil is not burnt."""
    zone = Zone(prices=FollowedPrice())
    zone.use(START, START + HOUR, 10)
    assert (zone.totals.net_cost, zone.totals.useful_heat_j) == (0, 10 * KWH)
    assert round(zone.totals.fuel["heating_oil"], 4) == Decimal("1.1099")  # 10 / 9.01
