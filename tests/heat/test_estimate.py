"""The calculator, against the tables of physics.md and figures worked by hand."""

from datetime import time
from decimal import Decimal

import pytest

from custom_components.gpu_heat.heat.estimate import Estimate, Plan, estimate, mean_price
from custom_components.gpu_heat.heat.regions import REGIONS
from custom_components.gpu_heat.heat.tariffs import (
    FixedPrice,
    FollowedPrice,
    Period,
    Tier,
    TieredPrice,
    TimeOfUse,
    Window,
)
from custom_components.gpu_heat.heat.units import (
    SQUARE_METERS_PER_SQUARE_FOOT,
    heated_area_sqft,
    joules,
    kwh,
)

from .sample_zone import OIL, heater


def worked(power_w, price="0.0718", first=OIL, **more) -> Estimate:
    """Estimate a plan of 24 h a day, 7 heating months and 2 cooling months unless it is said."""
    prices = FixedPrice(Decimal(price)) if isinstance(price, str) else price
    plan = {"hours_per_day": 24, "heating_months": 7, "cooling_months": 2, **more}
    plan = {key: Decimal(value) for key, value in plan.items()}
    return estimate(Plan(power_w=Decimal(power_w), prices=prices, heater=first, **plan))


def near(value, digits=2):
    return round(value, digits)


@pytest.mark.parametrize(
    ("power_w", "btu_per_hour", "sqft"),
    [
        (170, 580, 58),  # RTX 3060
        (350, 1194, 119),  # RTX 3090
        (285, 972, 97),  # RTX 4070 Ti Super; the page rounds 972.46 up
        (450, 1535, 154),  # RTX 4090
        (700, 2388, 239),  # 2x RTX 3090, H100 SXM; the page rounds 2,388.499 down
        (400, 1365, 136),  # A100 80 GB SXM; the page has 137 of 136.49
        (10_200, 34_804, 3480),  # DGX H100
        (1800, 6142, 614),  # 4x RTX 4090 node
        (81_600, 278_431, 27_843),  # 8 DGX H100 nodes
        (50_000, 170_607, 17_061),  # 100-GPU pod
    ],
)
def test_heat_and_area_by_power(power_w, btu_per_hour, sqft):
    found = worked(power_w)
    assert near(found.heat_btu_per_hour, 0) == btu_per_hour
    assert near(found.heated_area_sqft, 0) == sqft


def test_the_worked_example():
    """400 W for 720 h are 288 kWh: x 0.0718; / (10.6 x 0.85), x 1.30."""
    found = worked(400)
    month = found.heating_month
    assert month.energy_kwh == 288
    assert near(month.heat_btu) == Decimal("982696.79")  # 288 x 3,412.141633
    assert near(month.electricity_cost) == Decimal("20.68")
    assert near(month.fuel_displaced) == Decimal("31.96")
    assert near(month.heat_value) == Decimal("41.55")
    assert near(month.net_cost) == Decimal("-20.88")
    # 1.30 / 9.01
    assert near(found.break_even_price, 4) == Decimal("0.1443")


def test_a_year_is_seven_heating_months_two_cooling_months_and_three_others():
    """12 x 20.6784; 7 x 41.5538; 2 x 20.6784 / 3."""
    year = worked(400, cooling_cop=3).year
    assert year.energy_kwh == 3456
    assert near(year.electricity_cost) == Decimal("248.14")
    assert near(year.fuel_displaced) == Decimal("223.75")  # 7 x 31.9645
    assert near(year.heat_value) == Decimal("290.88")
    assert near(year.cooling_cost) == Decimal("13.79")
    assert near(year.net_cost) == Decimal("-28.95")


def test_cooling_400_w_at_cop_3_draws_133_w_more():
    """288 / 3 = 96 kWh, which are 133.33 W x 720 h; x 0.0718."""
    month = worked(400, cooling_cop=3).cooling_month
    assert month.cooling_energy_kwh == 96
    assert near(month.cooling_energy_kwh * 1000 / 720) == Decimal("133.33")
    assert near(month.cooling_cost, 4) == Decimal("6.8928")
    assert (month.heat_value, month.fuel_displaced) == (0, 0)
    assert near(month.net_cost, 4) == Decimal("27.5712")  # a third more than 20.6784


@pytest.mark.parametrize(("cop", "cost"), [("0", 0), ("2.5", "11.52"), ("4", "7.2")])
def test_cooling_by_the_cop(cop, cost):
    """288 / COP x 0.10; without an air conditioner no cost, but no value either."""
    month = worked(400, "0.10", cooling_cop=cop).cooling_month
    assert (month.cooling_cost, month.heat_value) == (Decimal(cost), 0)


def test_a_farm_of_50_kw():
    """36,000 kWh a month: x 0.0718; / 9.01, x 1.30."""
    month = worked(50_000).heating_month
    assert month.energy_kwh == 36_000
    assert near(month.electricity_cost) == Decimal("2584.80")
    assert near(month.fuel_displaced) == Decimal("3995.56")
    assert near(month.heat_value) == Decimal("5194.23")


def test_a_heat_pump_makes_compute_heat_worth_a_third():
    """288 / 3 = 96 kWh x 0.12 = 11.52 of 34.56."""
    found = worked(400, "0.12", first=heater("heat_pump", efficiency="3"))
    month = found.heating_month
    assert (month.fuel_displaced, month.heat_value) == (96, Decimal("11.52"))
    assert month.net_cost == Decimal("23.04")
    assert found.break_even_price is None
    # At a price of its own, 0.20: 96 x 0.20 / 288
    own = worked(400, "0.12", first=heater("heat_pump", "0.20", "3"))
    assert near(own.break_even_price, 6) == Decimal("0.066667")


def test_heat_that_nobody_wants_displaces_nothing():
    found = worked(400, first=heater("none", co2=Decimal(0)), electricity_co2="0.1")
    assert (found.year.fuel_displaced, found.year.heat_value) == (0, 0)
    assert found.heating_month.net_co2_kg == Decimal("28.8")


def test_part_of_the_day_and_part_of_the_heat():
    """400 W x 12 h x 30 = 144 kWh, half of it in the space: 72 / 9.01; 72 / 3."""
    found = worked(400, hours_per_day=12, capture="0.5", cooling_cop=3)
    assert found.heating_month.energy_kwh == 144
    assert near(found.heating_month.fuel_displaced, 4) == Decimal("7.9911")
    assert found.cooling_month.cooling_energy_kwh == 24
    assert near(found.heated_area_sqft) == Decimal("68.24")  # 200 x 3.412141633 / 10


@pytest.mark.parametrize("nothing", [{"power_w": 0}, {"power_w": 400, "hours_per_day": 0}])
@pytest.mark.parametrize("region", ["quebec", "ontario", "nova_scotia"])
def test_nothing_costs_nothing(nothing, region):
    found = worked(price=REGIONS[region].prices, cooling_cop=3, **nothing)
    assert (found.year.electricity_cost, found.year.heat_value, found.year.net_cost) == (0, 0, 0)
    assert found.break_even_price is None


QUEBEC = TieredPrice(
    tiers=(Tier(price=Decimal("0.0718"), up_to_kwh=Decimal(40)), Tier(price=Decimal("0.1095")))
)


@pytest.mark.parametrize(
    ("power_w", "cost", "cooling"),
    [
        # 9.6 kWh a day: 288 x 0.0718, 96 x 0.0718
        (400, "20.6784", "6.8928"),
        # 48 kWh a day: 30 x (40 x 0.0718 + 8 x 0.1095), 480 x 0.1095
        (2000, "112.44", "52.56"),
        # 36 kWh a day: 30 x 36 x 0.0718; 12 more for cooling: 30 x (4 x 0.0718 + 8 x 0.1095)
        (1500, "77.544", "34.896"),
    ],
)
def test_quebec_has_40_kwh_a_day_at_the_first_price(power_w, cost, cooling):
    month = worked(power_w, QUEBEC, cooling_cop=3).cooling_month
    assert month.electricity_cost == Decimal(cost)
    assert near(month.cooling_cost, 9) == Decimal(cooling)


def test_electric_heat_is_worth_the_mean_of_the_tiers():
    """2000 W: all of the 112.44 that its electricity costs."""
    month = worked(2000, QUEBEC, first=heater("electricity")).heating_month
    assert near(month.net_cost, 9) == 0


def test_a_month_of_tiers_by_the_month():
    """1440 kWh: 1000 x 0.10 + 440 x 0.15."""
    prices = TieredPrice(
        tiers=(
            Tier(price=Decimal("0.10"), up_to_kwh=Decimal(1000)),
            Tier(price=Decimal("0.15")),
        ),
        period=Period.MONTH,
    )
    assert worked(2000, prices).heating_month.electricity_cost == 166


def test_a_time_of_use_price_is_taken_at_its_mean():
    """0.08, and 0.20 for 7 of 24 h on 5 of 7 days: 0.08 + 0.12 x 35 / 168 = 0.105; x 288."""
    peak = Window(start=time(14), end=time(21), price=Decimal("0.20"), weekdays=frozenset(range(5)))
    prices = TimeOfUse(base=Decimal("0.08"), windows=(peak,))
    assert near(worked(400, prices).heating_month.electricity_cost, 6) == Decimal("30.24")


def test_ontario_at_its_mean():
    """Workdays: 6 h at 0.157, 6 h at 0.203 in summer and in winter 6 and 6, the rest 0.098.

    0.098 + 5 / 7 x (6 x 0.105 + 6 x 0.059) / 24 = 0.127286
    """
    assert round(mean_price(REGIONS["ontario"].prices), 6) == Decimal("0.127286")


def test_a_price_that_an_entity_says_cannot_be_estimated():
    with pytest.raises(ValueError, match="only an entity"):
        worked(400, FollowedPrice())
    assert mean_price(QUEBEC) == Decimal("0.0718")


@pytest.mark.parametrize(
    ("first", "grid", "net", "year"),
    [
        # 288 x 0.1 - 31.9645 x 2.675 = 28.8 - 85.504994; 12 x 28.8 + 2 x 9.6 - 7 x that
        (heater("heating_oil", "1.30", co2=Decimal("2.675")), "0.1", "-56.7050", "-233.7350"),
        # 288 x 0.3 - 96 x 0.3; 12 x 86.4 + 2 x 28.8 - 7 x 28.8
        (heater("heat_pump"), "0.3", "57.6", "892.8"),
        (heater("district_heat", "0.1"), "0.1", None, None),
        (OIL, None, None, None),
    ],
)
def test_co2_of_a_month_and_a_year(first, grid, net, year):
    more = {"electricity_co2": grid} if grid else {}
    found = worked(400, first=first, cooling_cop=3, **more)
    for sums, expected in ((found.heating_month, net), (found.year, year)):
        co2 = sums.net_co2_kg
        assert (None if co2 is None else near(co2, 4)) == (expected and Decimal(expected))


def test_what_is_not_known_of_months_that_there_are_none_of_is_not_missed():
    """Without heating months nothing is displaced: 12 x 28.8 kg."""
    found = worked(
        400, first=heater("district_heat", "0.1"), heating_months=0, electricity_co2="0.1"
    )
    assert found.year.net_co2_kg == Decimal("345.6")


def test_units_of_energy_and_area():
    assert (kwh(Decimal(5_400_000)), joules(Decimal("1.5"))) == (Decimal("1.5"), 5_400_000)
    # 1,200 sq ft need about 12,000 BTU/h, 3,517 W; a square foot is 0.0929 m²
    area = heated_area_sqft(Decimal("3516.85"), Decimal(10))
    assert near(area, 0) == 1200
    assert near(area * SQUARE_METERS_PER_SQUARE_FOOT, 1) == Decimal("111.5")


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_a_regions_tariff_holds_together(region):
    prices = region.prices
    assert Decimal(0) < mean_price(prices) < (50 if region.currency == "JPY" else 2)
    assert region.source
    if isinstance(prices, TieredPrice):
        *bounded, last = prices.tiers
        assert last.up_to_kwh is None
        assert [tier.up_to_kwh for tier in bounded] == sorted(tier.up_to_kwh for tier in bounded)
    if isinstance(prices, TimeOfUse):
        windows = prices.windows
        pairs = [(one, two) for n, one in enumerate(windows) for two in windows[:n]]
        assert not any(one.overlaps(two) for one, two in pairs)
