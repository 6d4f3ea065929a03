"""What heat is worth, and what it costs to remove, by figures worked by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest

from custom_components.gpu_heat.heat.curve import Curve
from custom_components.gpu_heat.heat.rules import AirConditioner
from custom_components.gpu_heat.heat.seasons import Activity, Mode, Room, Season
from custom_components.gpu_heat.heat.tariffs import FixedPrice
from custom_components.gpu_heat.heat.units import JOULES_PER_KWH as KWH

from .sample_zone import HOUR, OIL, Zone, heater, local

START = local("2026-01-12 00:00")
TENTH = FixedPrice(Decimal("0.10"))
OIL_CO2 = Decimal("2.675037")  # kg per L: 0.2523620 kg per kWh x 10.6 kWh per L


def curve(*points):
    return Curve(tuple((Decimal(celsius), Decimal(cop)) for celsius, cop in points))


def used(kwh=100, start=START, capture="1", known=None, **of_rules):
    """Return the sums of a use at 0.10 a kWh, with what is known of the world."""
    zone = Zone(prices=TENTH, **of_rules)
    zone.know(start, **(known or {}))
    zone.use(start, start + HOUR, kwh, capture=capture)
    return zone.totals


def near(value, digits=4):
    return round(value, digits)


@pytest.mark.parametrize(
    ("fuel", "unit", "content", "efficiency", "price", "amount", "value"),
    [
        # 100 / (10.6 x 0.85), x 1.30
        ("heating_oil", "L", None, "0.85", "1.30", "11.0988", "14.4284"),
        # 100 / (10.6 x 3.785412 x 0.85), x 4.00
        ("heating_oil", "gal", None, "0.85", "4.00", "2.9320", "11.7279"),
        # 100 / (10.72 x 0.8), x 1.15
        ("heating_oil", "L", "10.72", "0.8", "1.15", "11.6604", "13.4095"),
        # 100 / (7.08 x 0.92), x 0.90
        ("propane", "L", None, "0.92", "0.90", "15.3525", "13.8172"),
        # 100 / (7.08 x 3.785412 x 0.95), x 2.70
        ("propane", "gal", None, "0.95", "2.70", "3.9276", "10.6046"),
        # 100 / (10.72 x 0.92), x 0.50
        ("natural_gas", "m³", None, "0.92", "0.50", "10.1395", "5.0698"),
        # 100 / (10.35 x 0.97), x 0.50
        ("natural_gas", "m³", "10.35", "0.97", "0.50", "9.9607", "4.9803"),
        # 100 / (10.72 x 0.02831685 x 0.92), x 0.015
        ("natural_gas", "ft³", None, "0.92", "0.015", "358.0738", "5.3711"),
        # 100 / (10.72 x 2.831685 x 0.92), x 1.50
        ("natural_gas", "CCF", None, "0.92", "1.50", "3.5807", "5.3711"),
        # 100 / (29.30711 x 0.92), x 1.40
        ("natural_gas", "therm", None, "0.92", "1.40", "3.7088", "5.1924"),
        # 100 / (277.7778 x 0.92), x 12
        ("natural_gas", "GJ", None, "0.92", "12", "0.3913", "4.6957"),
        # 100 / 0.92, x 0.10
        ("natural_gas", "kWh", None, "0.92", "0.10", "108.6957", "10.8696"),
        # at the price of electricity, 0.10
        ("electricity", "kWh", None, "1", None, "100", "10"),
        # at one of its own
        ("electricity", "kWh", None, "1", "0.20", "100", "20"),
        # 100 / 3, x 0.10
        ("heat_pump", "kWh", None, "3", None, "33.3333", "3.3333"),
        # 100 / 2.5, x 0.20
        ("heat_pump", "kWh", None, "2.5", "0.20", "40", "8"),
        # 100 / (4.8 x 0.85), x 0.40
        ("wood_pellets", "kg", None, "0.85", "0.40", "24.5098", "9.8039"),
        # 100 / (4800 x 0.85), x 350
        ("wood_pellets", "t", None, "0.85", "350", "0.0245", "8.5784"),
        # 100 / (4.8 x 0.4535924 x 0.85), x 0.16
        ("wood_pellets", "lb", None, "0.85", "0.16", "54.0349", "8.6456"),
        # 100 / (5861.42 x 0.7), x 300
        ("cord_wood", "cord", None, "0.7", "300", "0.0244", "7.3117"),
        # 100 / (1617.14 x 0.7), x 90
        ("cord_wood", "stere", None, "0.7", "90", "0.0883", "7.9505"),
        ("district_heat", "kWh", None, "1", "0.11", "100", "11"),
        ("district_heat", "MWh", None, "1", "95", "0.1", "9.5"),
        # 100 / (277.7778 x 0.95), x 28
        ("district_heat", "GJ", None, "0.95", "28", "0.3789", "10.6105"),
        ("heat_sale", "kWh", None, "1", "0.05", "100", "5"),
        ("heat_sale", "MWh", None, "1", "40", "0.1", "4"),
        # 100 / (72 x 0.8), x 6.50
        ("custom", "bag", "72", "0.8", "6.50", "1.7361", "11.2847"),
    ],
)
def test_what_100_kwh_of_heat_displace(fuel, unit, content, efficiency, price, amount, value):
    first = heater(fuel, price, efficiency, unit, heat_content=content)
    totals = used(first=first)
    assert near(totals.fuel[first.key]) == Decimal(amount)
    assert near(totals.heat_value) == Decimal(value)
    assert totals.net_cost == 10 - totals.heat_value


def test_without_a_heating_heat_displaces_nothing():
    totals = used(first=heater("none"))
    assert (totals.useful_heat_j, totals.fuel, totals.heat_value) == (0, {}, 0)
    assert totals.net_cost == 10


PUMP = heater("heat_pump", efficiency="3")
CURVED = heater("heat_pump", efficiency="3", cop=curve((-15, 2), (5, 4)))
SECOND_BY_ENTITY = heater("heating_oil", efficiency="0.85", follows_entity=True)


@pytest.mark.parametrize(
    ("of_rules", "known", "value"),
    [
        # a heat pump, and oil below -5 °C: 100 / 3 x 0.10
        ({"first": PUMP, "second": OIL, "balance": "-5"}, {"outdoor_c": Decimal(0)}, "3.3333"),
        ({"first": PUMP, "second": OIL, "balance": "-5"}, {"outdoor_c": Decimal(-5)}, "3.3333"),
        # 100 / 9.01 x 1.30
        ({"first": PUMP, "second": OIL, "balance": "-5"}, {"outdoor_c": Decimal(-6)}, "14.4284"),
        ({"first": PUMP, "second": OIL, "balance": "-5"}, {}, "3.3333"),
        ({"first": PUMP}, {"outdoor_c": Decimal(-30)}, "3.3333"),
        # halfway from 2 at -15 °C to 4 at 5 °C, 2.5 at -10 °C: 100 / 2.5 x 0.10
        ({"first": CURVED}, {"outdoor_c": Decimal(-10)}, "4"),
        ({"first": CURVED}, {"outdoor_c": Decimal(-5)}, "3.3333"),
        # level beyond the ends: 100 / 2 x 0.10, 100 / 4 x 0.10
        ({"first": CURVED}, {"outdoor_c": Decimal(-15)}, "5"),
        ({"first": CURVED}, {"outdoor_c": Decimal(-30)}, "5"),
        ({"first": CURVED}, {"outdoor_c": Decimal(5)}, "2.5"),
        ({"first": CURVED}, {"outdoor_c": Decimal(20)}, "2.5"),
        # not known: the fixed COP of 3
        ({"first": CURVED}, {}, "3.3333"),
        # 100 / 9.01 x 1.50, as an entity says
        ({"first": SECOND_BY_ENTITY}, {"fuel_price": Decimal("1.50")}, "16.6482"),
        ({"first": SECOND_BY_ENTITY}, {"second_fuel_price": Decimal("1.50")}, "0"),
        # the second heater's price is its own entity's
        (
            {"first": PUMP, "second": SECOND_BY_ENTITY},
            {
                "outdoor_c": Decimal(-1),
                "fuel_price": Decimal(9),
                "second_fuel_price": Decimal("1.50"),
            },
            "16.6482",
        ),
    ],
)
def test_what_100_kwh_are_worth_by_heater_and_weather(of_rules, known, value):
    assert near(used(known=known, **of_rules).heat_value) == Decimal(value)


def test_heat_whose_fuel_has_no_price_is_counted_apart():
    totals = used(first=SECOND_BY_ENTITY)
    assert (totals.unvalued_j, totals.useful_heat_j) == (100 * KWH, 100 * KWH)
    assert (totals.heat_value, near(totals.fuel["heating_oil"])) == (0, Decimal("11.0988"))


@pytest.mark.parametrize(
    ("capture", "known", "liters", "value"),
    [
        # 60 / 9.01, x 1.30
        ("0.6", {}, "6.6593", "8.6570"),
        # what is known of the time goes before it: 30 / 9.01, x 1.30
        ("0.6", {"captures": {"s": Decimal("0.3")}}, "3.3296", "4.3285"),
        ("0.6", {"captures": {"another": Decimal("0.5")}}, "6.6593", "8.6570"),
        ("1", {"captures": {"s": Decimal(0)}}, "0", "0"),
        ("0", {}, "0", "0"),
    ],
)
def test_heat_counts_by_the_part_that_reaches_the_space(capture, known, liters, value):
    totals = used(capture=capture, known=known)
    assert near(totals.fuel["heating_oil"]) == Decimal(liters)
    assert near(totals.heat_value) == Decimal(value)
    assert totals.electricity_cost == 10


def room(mode, excess=None, activity=None, weight="1", can_cool=False):
    return Room(
        mode=Mode(mode),
        excess_k=None if excess is None else Decimal(excess),
        activity=Activity(activity) if activity else None,
        weight=Decimal(weight),
        can_cool=can_cool,
    )


@pytest.mark.parametrize(
    ("rooms", "useful"),
    [
        ([], "10"),
        ([room("heat", "0.5")], "10"),
        ([room("heat", "1")], "5"),
        ([room("heat", "1.5")], "0"),
        # the heater is on, whatever the temperature
        ([room("heat", "3", "heating")], "10"),
        ([room("heat", None, "heating")], "10"),
        ([room("heat", None, "idle")], "0"),
        # nothing known: the season alone
        ([room("heat")], "10"),
        ([room("off", "-5")], "0"),
        ([room("cool", "-5")], "0"),
        ([room("heat", "-5", "off")], "0"),
        ([room("both", "-1", "cooling")], "0"),
        ([room("both", "0.5", "idle")], "10"),
        # (2 x 1 + 1 x 0) / 3
        ([room("heat", "0", weight="2"), room("heat", "2")], "6.6667"),
        # (1 + 0.25 + 2 x 0) / 4
        ([room("heat", "0"), room("heat", "1.25"), room("off", weight="2")], "3.125"),
        # the one that is not known does not count: 0.75
        ([room("heat", "0.75"), room("heat", weight="9")], "7.5"),
    ],
)
def test_the_useful_part_of_10_kwh_by_the_thermostats(rooms, useful):
    totals = used(10, known={"rooms": tuple(rooms)})
    assert near(totals.useful_heat_j / KWH) == Decimal(useful)


@pytest.mark.parametrize(
    ("start", "known", "useful"),
    [
        ("2026-01-12 00:00", {}, 10),
        ("2026-04-12 00:00", {}, 0),
        ("2026-07-12 00:00", {}, 0),
        # by hand, by the temperature outdoors, or by the thermostats' modes
        ("2026-07-12 00:00", {"season": Season.HEATING}, 10),
        ("2026-01-12 00:00", {"season": Season.COOLING}, 0),
        ("2026-01-12 00:00", {"season": Season.SHOULDER}, 0),
        # a cold room counts between the seasons, but not while cooling
        ("2026-04-12 00:00", {"rooms": (room("heat", "0"),)}, 10),
        ("2026-07-12 00:00", {"rooms": (room("heat", "0"),)}, 0),
    ],
)
def test_the_useful_part_of_10_kwh_by_the_season(start, known, useful):
    months = {"heating": (1,), "cooling": (7,)}
    assert used(10, local(start), known=known, **months).useful_heat_j == useful * KWH


FIXED = AirConditioner(cop=Decimal(3))
BY_CURVE = AirConditioner(cop=Decimal(3), curve=curve((25, 4), (35, 3)))
JULY, APRIL = local("2026-07-12 00:00"), local("2026-04-12 00:00")


@pytest.mark.parametrize(
    ("air_conditioner", "start", "known", "capture", "cooling"),
    [
        # 10 / 3
        (FIXED, JULY, {}, "1", "3.3333"),
        (FIXED, JULY, {}, "0.5", "1.6667"),
        (FIXED, JULY, {}, "0", "0"),
        (FIXED, APRIL, {}, "1", "0"),
        (FIXED, START, {}, "1", "0"),
        (None, JULY, {}, "1", "0"),
        # between 4 at 25 °C and 3 at 35 °C: 10 / 3.5; not known: 10 / 3
        (BY_CURVE, JULY, {"outdoor_c": Decimal(30)}, "1", "2.8571"),
        (BY_CURVE, JULY, {"outdoor_c": Decimal(20)}, "1", "2.5"),
        (BY_CURVE, JULY, {}, "1", "3.3333"),
        # it is off; it runs between the seasons; nobody can say
        (FIXED, JULY, {"rooms": (room("off", can_cool=True),)}, "1", "0"),
        (FIXED, APRIL, {"rooms": (room("cool", None, "cooling", can_cool=True),)}, "1", "3.3333"),
        (FIXED, JULY, {"rooms": (room("off"),)}, "1", "3.3333"),
        (FIXED, JULY, {"rooms": (room("cool", can_cool=True),)}, "1", "3.3333"),
        # its thermostat heats on a cold day
        (FIXED, JULY, {"rooms": (room("both", "-1", "heating", can_cool=True),)}, "1", "0"),
        # one of four parts is cooled: 10 / 4 / 3
        (
            FIXED,
            APRIL,
            {
                "rooms": (
                    room("cool", None, "cooling", can_cool=True),
                    room("off", None, None, "3", can_cool=True),
                )
            },
            "1",
            "0.8333",
        ),
        # three of four parts are heated, so one is left to cool: 10 / 4 / 3
        (
            FIXED,
            APRIL,
            {
                "rooms": (
                    room("heat", "0", weight="3"),
                    room("cool", None, "cooling", can_cool=True),
                )
            },
            "1",
            "0.8333",
        ),
    ],
)
def test_what_the_air_conditioner_draws_for_10_kwh(air_conditioner, start, known, capture, cooling):
    of_rules = {"heating": (1,), "cooling": (7,), "air_conditioner": air_conditioner}
    totals = used(10, start, capture, known, **of_rules)
    assert near(totals.cooling_j / KWH) == Decimal(cooling)
    assert totals.cooling_cost == pytest.approx(totals.cooling_j / KWH / 10)
    assert totals.net_cost == 1 + totals.cooling_cost - totals.heat_value


def test_cooling_without_a_price_is_energy_without_a_cost():
    zone = Zone(cooling=(7,), heating=(), air_conditioner=FIXED, first=PUMP)
    rates = zone.rules.rates(JULY, zone.timeline.at(JULY), None, Decimal(1))
    zone.totals.add(9 * KWH, rates)
    assert (near(zone.totals.cooling_j / KWH), zone.totals.cooling_cost) == (3, 0)
    assert zone.totals.unpriced_j == 9 * KWH


CLEAN_OIL = heater("heating_oil", "1.30", co2=OIL_CO2)


@pytest.mark.parametrize(
    ("first", "grid", "start", "known", "co2"),
    [
        # 100 x 0.0015 - 100 / 9.01 x 2.675037
        (CLEAN_OIL, "0.0015", START, True, "-29.5396"),
        # 100 x 0.4 - 100 / 3 x 0.4
        (PUMP, "0.4", START, True, "26.6667"),
        # 100 x 0.4 x (1 + 1 / 3), with the air conditioner
        (CLEAN_OIL, "0.4", JULY, True, "53.3333"),
        (CLEAN_OIL, "0.4", APRIL, True, "40"),
        # the wood grows again
        (heater("cord_wood", "300", co2=Decimal(0)), "0.4", START, True, "40"),
        # what is not known is not booked
        (heater("district_heat", "0.1"), "0.4", START, False, "0"),
        (CLEAN_OIL, None, START, False, "0"),
        # but unwanted heat displaces nothing, whatever it is
        (heater("district_heat", "0.1"), "0.4", APRIL, False, "40"),
    ],
)
def test_co2_of_100_kwh(first, grid, start, known, co2):
    of_rules = {
        "first": first,
        "heating": (1,),
        "cooling": (7,),
        "air_conditioner": FIXED,
        "electricity_co2": Decimal(grid) if grid else None,
    }
    assert near(used(100, start, **of_rules).co2_net) == Decimal(co2)
    assert Zone(**of_rules).rules.co2_known is known


def test_co2_has_to_be_known_of_both_heaters():
    grid = {"electricity_co2": Decimal("0.4"), "first": PUMP}
    assert Zone(second=CLEAN_OIL, **grid).rules.co2_known
    assert not Zone(second=OIL, **grid).rules.co2_known


def test_two_heaters_with_one_fuel_are_summed_together_and_by_their_units_apart():
    gallons = heater("heating_oil", "4", "0.85", "gal")
    zone = Zone(prices=TENTH, second=gallons)
    for hours, celsius in enumerate((5, -5)):
        at = START + timedelta(hours=hours)
        zone.know(at, outdoor_c=Decimal(celsius))
        zone.use(at, at + HOUR, 100)
    amounts = {key: near(amount) for key, amount in zone.totals.fuel.items()}
    assert amounts == {"heating_oil": Decimal("11.0988"), "heating_oil gal": Decimal("2.9320")}
