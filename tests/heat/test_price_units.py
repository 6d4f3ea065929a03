"""Units of prices, by conversions worked by hand, and there and back."""

from decimal import Decimal

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.emissions import ELECTRICITY_CO2
from custom_components.gpu_heat.heat.fuels import FUELS
from custom_components.gpu_heat.heat.price_units import (
    PriceUnitError,
    WrongCurrencyError,
    most_per_kwh,
    price_factor,
)


@pytest.mark.parametrize(
    ("unit", "currency", "per", "factor"),
    [
        ("EUR/kWh", "EUR", "kWh", "1"),
        ("€/kWh", "EUR", "kWh", "1"),
        ("€ / kWh", "EUR", "kWh", "1"),
        ("ct/kWh", "EUR", "kWh", "0.01"),
        ("¢/kWh", "CAD", "kWh", "0.01"),
        ("p/kWh", "GBP", "kWh", "0.01"),
        ("öre/kWh", "SEK", "kWh", "0.01"),
        ("Rp/kWh", "CHF", "kWh", "0.01"),
        ("EUR/MWh", "EUR", "kWh", "0.001"),
        ("NOK/Wh", "NOK", "kWh", "1000"),
        # 1 / 277.7778, 1 / 0.2777778, 1 / 29.30711, 1 / 293.0711
        ("EUR/GJ", "EUR", "kWh", "0.0036"),
        ("EUR/MJ", "EUR", "kWh", "3.6"),
        ("USD/therm", "USD", "kWh", "0.034121"),
        ("USD/MMBtu", "USD", "kWh", "0.003412"),
        # 1 / 3.785412; 3.785412
        ("USD/gal", "USD", "L", "0.264172"),
        ("CAD/L", "CAD", "gal", "3.785412"),
        # 1 m³ is 35.31467 ft³, a CCF 2.831685 m³
        ("USD/ft³", "USD", "m³", "35.314667"),
        ("USD/CCF", "USD", "m³", "0.353147"),
        ("EUR/m³", "EUR", "L", "0.001"),
        # 1 / 1000; 0.4535924 kg to the pound
        ("EUR/t", "EUR", "kg", "0.001"),
        ("USD/lb", "USD", "kg", "2.204623"),
        # 128 ft³ to the cord: 3.624556 steres
        ("CAD/cord", "CAD", "stere", "0.275896"),
        # 100,000 BTU to the therm, 29.30711 kWh
        ("USD/kWh", "USD", "therm", "29.307107"),
        ("CAD/bag", "CAD", "bag", "1"),
        ("¢/bag", "CAD", "bag", "0.01"),
    ],
)
def test_what_a_price_is_multiplied_with(unit, currency, per, factor):
    assert round(price_factor(unit, currency=currency, per=per), 6) == Decimal(factor)


@pytest.mark.parametrize(
    ("unit", "currency", "per", "error"),
    [
        (None, "EUR", "kWh", PriceUnitError),
        ("", "EUR", "kWh", PriceUnitError),
        ("EUR", "EUR", "kWh", PriceUnitError),
        ("EUR/", "EUR", "kWh", PriceUnitError),
        ("EUR/kW", "EUR", "kWh", PriceUnitError),
        ("EUR/L", "EUR", "kWh", PriceUnitError),
        ("EUR/bag", "EUR", "kg", PriceUnitError),
        ("EUR/kWh", "EUR", "bag", PriceUnitError),
        ("EUR/kWh/d", "EUR", "kWh", PriceUnitError),
        ("USD/kWh", "EUR", "kWh", WrongCurrencyError),
        ("$/kWh", "EUR", "kWh", WrongCurrencyError),
        ("p/kWh", "EUR", "kWh", WrongCurrencyError),
        ("/kWh", "EUR", "kWh", WrongCurrencyError),
    ],
)
def test_what_is_no_price_is_refused(unit, currency, per, error):
    with pytest.raises(error) as refusal:
        price_factor(unit, currency=currency, per=per)
    assert type(refusal.value) is error


KINDS = [
    ["Wh", "kWh", "MWh", "MJ", "GJ", "therm", "MMBtu"],
    ["L", "gal", "m³", "m3", "ft³", "CCF"],
    ["kg", "t", "lb"],
    ["cord", "stere"],
]


@given(st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(*[st.sampled_from(kind)] * 3)))
def test_a_price_comes_back_from_any_unit_on_any_way(units):
    one, two, three = units

    def factor(unit, per):
        return price_factor(f"EUR/{unit}", currency="EUR", per=per)

    assert float(factor(one, two) * factor(two, one)) == pytest.approx(1)
    way = factor(one, two) * factor(two, three)
    assert float(way) == pytest.approx(float(factor(one, three)))


@pytest.mark.parametrize("fuel", FUELS.values(), ids=FUELS)
def test_a_fuels_heat_content_is_the_same_in_all_its_units(fuel):
    """So a price by another unit is the same price of heat."""
    for unit, content in fuel.heat_contents.items():
        try:
            factor = price_factor(f"EUR/{unit}", currency="EUR", per=fuel.unit)
        except PriceUnitError:
            continue  # gas by its energy: what a m³ holds is the utility's to say
        # A price per unit / content = (price x factor) / the usual unit's content.
        usual = fuel.heat_contents[fuel.unit]
        assert float(content * factor) == pytest.approx(float(usual))
    least, most = fuel.efficiency_range
    assert least <= fuel.efficiency <= most


def test_gas_by_its_energy_and_by_its_volume():
    """10.72 kWh/m³: 0.303556 kWh/ft³, 30.3556 kWh/CCF; 29.3071 kWh/therm, 277.778 kWh/GJ."""
    contents = {unit: round(kwh, 4) for unit, kwh in FUELS["natural_gas"].heat_contents.items()}
    assert contents == {
        "m³": Decimal("10.72"),
        "ft³": Decimal("0.3036"),
        "CCF": Decimal("30.3557"),
        "therm": Decimal("29.3071"),
        "GJ": Decimal("277.7778"),
        "kWh": 1,
    }


def test_what_a_fuel_emits_by_the_kwh():
    """73.96, 62.87 and 53.06 kg per million BTU, of 293.0711 kWh."""
    emitted = {fuel.id: fuel.co2 and round(fuel.co2, 4) for fuel in FUELS.values()}
    assert emitted["heating_oil"] == Decimal("0.2524")
    assert emitted["propane"] == Decimal("0.2145")
    assert emitted["natural_gas"] == Decimal("0.1810")
    assert emitted["wood_pellets"] == emitted["cord_wood"] == emitted["none"] == 0
    assert emitted["electricity"] is emitted["district_heat"] is emitted["custom"] is None


def test_a_fuel_whose_units_the_user_says_has_none_of_its_own():
    assert (FUELS["custom"].unit, FUELS["none"].unit) == ("kWh", "kWh")


def test_a_price_that_was_meant_in_cents_is_not_believed():
    assert [most_per_kwh(currency) for currency in ("EUR", "CAD", "JPY", "SEK")] == [
        3,
        3,
        100_000,
        100_000,
    ]


def test_grids_emit_grams_per_kwh():
    assert all(Decimal("0.01") < co2 < 1 for co2 in ELECTRICITY_CO2.values())
