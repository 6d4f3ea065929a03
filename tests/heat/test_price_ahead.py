"""What a kWh is expected to cost, by each kind of price."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from custom_components.gpu_heat.heat.consumption import Consumption
from custom_components.gpu_heat.heat.price_ahead import expected_price
from custom_components.gpu_heat.heat.series import Row, Series
from custom_components.gpu_heat.heat.tariffs import (
    FixedPrice,
    FollowedPrice,
    Tariff,
    Tier,
    TieredPrice,
    TimeOfUse,
    Window,
)
from custom_components.gpu_heat.heat.units import joules

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def at(hours):
    return NOON + timedelta(hours=hours)


def expected(prices, moment, used=None, forecast=None, **top):
    return expected_price(
        Tariff(prices=prices, **top),
        moment,
        now=NOON,
        zone=BERLIN,
        used=used or Consumption(),
        forecast=forecast,
    )


def test_a_fixed_price_holds_at_all_times():
    assert expected(FixedPrice(Decimal("0.3")), at(72)) == Decimal("0.3")


def test_of_windows_that_of_the_time_holds():
    night = Window(start=time(22), end=time(6), price=Decimal("0.2"))
    prices = TimeOfUse(base=Decimal("0.3"), windows=(night,))
    # 22 h in Berlin is 21 h in UTC
    assert [expected(prices, at(hour)) for hour in (8.9, 9, 16.9, 17)] == [
        Decimal(price) for price in ("0.3", "0.2", "0.2", "0.3")
    ]


def test_of_tiers_that_which_is_reached_now_holds():
    prices = TieredPrice(
        tiers=(Tier(price=Decimal("0.1"), up_to_kwh=Decimal(40)), Tier(price=Decimal("0.2")))
    )
    used = Consumption()
    assert expected(prices, at(1), used) == Decimal("0.1")
    used.add_ours(date(2026, 1, 15), joules(Decimal(41)))
    assert expected(prices, at(1), used) == expected(prices, at(24), used) == Decimal("0.2")


def test_a_price_that_is_followed_holds_as_far_as_it_is_told():
    forecast = Series.of([Row(start=at(0), value=0.25), Row(start=at(1), value=-0.01)])
    assert [expected(FollowedPrice(), at(hour), forecast=forecast) for hour in (0, 1.5, 2)] == [
        Decimal("0.25"),
        Decimal("-0.01"),
        None,
    ]
    assert expected(FollowedPrice(), at(0)) is None


@pytest.mark.parametrize("prices", [FixedPrice(Decimal("0.1")), FollowedPrice()])
def test_surcharge_and_tax_come_on_top(prices):
    forecast = Series.of([Row(start=at(0), end=at(1), value=0.1)])
    top = {"surcharge": Decimal("0.15"), "tax": Decimal("0.2")}
    assert expected(prices, at(0), forecast=forecast, **top) == Decimal("0.3")
