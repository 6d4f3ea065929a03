"""What is booked does not depend on when one looks: polls missed, restarts, late energy."""

from datetime import time, timedelta
from decimal import Decimal

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.gpu_heat.heat.curve import Curve
from custom_components.gpu_heat.heat.rules import AirConditioner
from custom_components.gpu_heat.heat.seasons import Activity, Mode, Room, Season
from custom_components.gpu_heat.heat.tariffs import (
    FixedPrice,
    FollowedPrice,
    Period,
    Tier,
    TieredPrice,
    TimeOfUse,
    Window,
)

from .sample_zone import BERLIN, HOUR, KWH, MINUTE, MONTREAL, OIL, Zone, heater, local

TIERS = (
    Tier(price=Decimal("0.07"), up_to_kwh=Decimal(10)),
    Tier(price=Decimal("0.11"), up_to_kwh=Decimal("13.7")),
    Tier(price=Decimal("0.29")),
)
BY_TIME = TimeOfUse(
    base=Decimal("0.08"),
    windows=(
        Window(start=time(1, 30), end=time(5, 50), price=Decimal("0.03")),
        Window(
            start=time(17), end=time(1), price=Decimal("0.31"), weekdays=frozenset({0, 2, 5, 6})
        ),
    ),
)
KINDS = {
    "fixed": FixedPrice(Decimal("0.0718")),
    "followed": FollowedPrice(),
    "by day": TieredPrice(tiers=TIERS),
    "by month": TieredPrice(tiers=TIERS, period=Period.MONTH, first_day=28),
    "by time": BY_TIME,
}
# Each span has a change of the clocks in it; one the end of a month too.
SPANS = [
    (BERLIN, local("2026-03-27 13:20", BERLIN)),
    (BERLIN, local("2026-10-23 21:50", BERLIN)),
    (MONTREAL, local("2026-03-06 23:10")),
    (MONTREAL, local("2026-10-30 08:00")),
]
DAYS = 4
RULES = {
    "first": heater(
        "heat_pump", cop=Curve(((Decimal(-10), Decimal(2)), (Decimal(10), Decimal(4))))
    ),
    "second": OIL,
    "balance": "-3",
    "surcharge": "0.013",
    "tax": "0.15",
    "cooling": (11,),
    "heating": (3, 10),
    "air_conditioner": AirConditioner(cop=Decimal(3)),
    "electricity_co2": Decimal("0.4"),
}


def weather(start, n):
    """Return conditions that hold from the nth of seven moments on."""
    at = start + n * timedelta(hours=11, minutes=17)
    room = Room(mode=Mode.HEAT, excess_k=Decimal(n) / 4, activity=Activity.IDLE)
    return at, {
        "electricity_price": None if n == 3 else Decimal(n - 1) / 10,
        "outdoor_c": Decimal(5 - 3 * n),
        "rooms": (room,) if n % 2 else (),
        "season": Season.HEATING if n == 4 else None,
        "captures": {"s": Decimal(10 - n) / 10},
    }


def polled(kind, place, minutes):
    """Return the sums of a use of 50 W + 0.5 kWh an hour that is even, polled at minutes."""
    zone_, start = place
    zone = Zone(prices=KINDS[kind], zone=zone_, **RULES)
    for n in range(7):
        at, known = weather(start, n)
        zone.know(at, **known)
    last = 0
    for minute in [0, *sorted(minutes), DAYS * 1440]:
        zone.poll(start + minute * MINUTE, Decimal(minute - last) * Decimal("0.01"), capture="0.9")
        last = minute
    return zone.totals


def near(one, other):
    for name in one.__slots__:
        mine, its = getattr(one, name), getattr(other, name)
        if name == "energy_j":
            assert mine == its
        elif name == "fuel":
            assert floats(mine) == pytest.approx(floats(its))
        else:
            assert float(mine) == pytest.approx(float(its), rel=1e-9, abs=1e-6), name


def floats(fuel):
    return {key: float(amount) for key, amount in fuel.items()}


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(SPANS),
    st.sets(st.integers(1, DAYS * 1440 - 1), max_size=40),
)
def test_polls_that_are_missed_change_nothing(kind, place, minutes):
    near(polled(kind, place, minutes), polled(kind, place, set()))


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("place", SPANS)
def test_late_energy_of_days_is_that_of_polls_each_ten_minutes(kind, place):
    late, often = polled(kind, place, set()), polled(kind, place, range(10, DAYS * 1440, 10))
    near(late, often)
    assert late.energy_j == Decimal("57.6") * KWH  # 4 x 24 x 0.6


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(
        st.tuples(st.integers(0, 29), st.decimals(0, 9, places=6)),
        min_size=1,
        max_size=12,
    ),
    st.sets(st.integers(0, 11), min_size=1, max_size=3),
)
def test_restarts_change_nothing(kind, uses, restarts):
    """All of the book, that is, and so all that it will say. What is known stands meanwhile."""

    def book(restarts):
        at = SPANS[0][1]
        zone = Zone(prices=KINDS[kind], zone=BERLIN, meter_has_ours=True, **RULES)
        for n, (minutes, kwh) in enumerate(uses):
            if n in restarts:
                zone.restart()
            at += minutes * MINUTE
            zone.know(at, **weather(at, n % 7)[1])
            zone.meter(at - minutes * MINUTE, at, kwh)
            zone.poll(at, kwh)
            zone.poll(at, kwh / 3, "another")
            zone.book.recent.mark(at, zone.totals)
        return zone

    assert book(restarts).book.to_json() == book(set()).book.to_json()


def test_a_restart_finds_a_price_for_each_source_whichever_was_read_last():
    """One is read 9 s before the other, so before what was known last was written down."""
    start, later = SPANS[0][1], SPANS[0][1] + timedelta(seconds=9)
    zone = Zone(prices=FollowedPrice())
    for at, source in ((start, "s"), (later, "t")):
        zone.know(at, electricity_price=Decimal("0.1"), outdoor_c=Decimal(at.second))
        zone.poll(at, source=source)
    zone.restart()
    zone.poll(start + HOUR, 2)
    assert (zone.totals.electricity_cost, zone.totals.unpriced_j) == (Decimal("0.2"), 0)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(
        st.tuples(
            st.integers(-600, 3000),
            st.decimals(0, 99, places=9),
            st.sampled_from("st"),
            st.sampled_from("xyz"),
        ),
        max_size=15,
    ),
)
def test_the_zone_is_the_sum_of_its_sources_and_devices_to_the_last_digit(kind, uses):
    """Also where the clock is set back."""
    at = SPANS[1][1]
    zone = Zone(prices=KINDS[kind], zone=BERLIN, **RULES)
    for n, (minutes, kwh, source, device) in enumerate(uses):
        at += minutes * MINUTE
        zone.know(at, **weather(at, n % 7)[1])
        before = zone.totals.copy()
        zone.poll(at, kwh, source, device=device)
        assert zone.totals.energy_j >= before.energy_j
        assert zone.totals.useful_heat_j >= before.useful_heat_j
        assert zone.totals.cooling_j >= before.cooling_j
    accounts = zone.book.ledger.accounts.values()
    assert zone.totals.energy_j == sum(account.energy_j for account in accounts)
    assert all(account.energy_j == sum(account.devices_j.values()) for account in accounts)
    assert zone.totals.useful_heat_j <= zone.totals.energy_j
    assert zone.totals.unpriced_j <= zone.totals.energy_j


@given(
    st.sampled_from([(Season.COOLING, "1"), (Season.SHOULDER, "1"), (Season.HEATING, "0")]),
    st.decimals(0, 99, places=3),
)
def test_heat_that_is_not_wanted_or_does_not_come_is_worth_nothing(case, kwh):
    season, capture = case
    start = SPANS[0][1]
    zone = Zone(prices=KINDS["by day"])
    zone.know(start, season=season)
    zone.use(start, start + 30 * HOUR, kwh, capture=capture)
    assert (zone.totals.heat_value, zone.totals.useful_heat_j) == (0, 0)
    assert all(amount == 0 for amount in zone.totals.fuel.values())
    assert zone.pricing.now(start, "s", Decimal(capture)).heat_value == 0


def test_a_stretch_without_a_length_has_the_rates_of_its_moment():
    """A clock set back by an hour: 3 kWh at the price that is known last."""
    start = SPANS[0][1]
    zone = Zone(prices=FollowedPrice())
    zone.know(start, electricity_price=Decimal("0.1"))
    zone.poll(start)
    zone.know(start - HOUR, electricity_price=Decimal("0.4"))
    zone.poll(start - HOUR, 3)
    assert zone.totals.electricity_cost == Decimal("1.2")
    zone.poll(start, 2)
    assert zone.totals.electricity_cost == 2
    assert zone.pricing.price(start - 2 * HOUR) is None
