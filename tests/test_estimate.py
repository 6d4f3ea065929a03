"""The action gpu_heat.estimate: the calculator."""

from homeassistant.exceptions import ServiceValidationError
import pytest
import voluptuous as vol

OIL = {
    "fuel": "heating_oil",
    "fuel_price": 1.30,
    "efficiency": 85,
    "heat_content": 10.6,
    "electricity_price": 0.0718,
}


@pytest.fixture
async def estimate(hass, agent, entry, setup):
    """Call the action."""
    await setup(entry)

    async def call(**data):
        return await hass.services.async_call(
            "gpu_heat", "estimate", data, blocking=True, return_response=True
        )

    return call


async def test_the_worked_example_with_oil_as_it_really_is(estimate):
    """400 W for 30 days: 288 kWh, 20.68 CAD, 982,697 BTU, 31.96 L, 41.55 CAD."""
    answer = await estimate(power_w=400, heating_months=7, **OIL)
    month = answer["heating_month"]
    assert month["energy_kwh"] == 288
    assert month["heat_btu"] == pytest.approx(982_696.79, abs=0.01)  # 288 x 3,412.141633
    assert month["electricity_cost"] == pytest.approx(20.6784)
    assert (month["fuel_displaced"], month["fuel_unit"]) == (pytest.approx(31.9645, abs=1e-4), "L")
    assert month["heat_value"] == pytest.approx(41.5538, abs=1e-4)
    assert month["net_cost"] == pytest.approx(-20.8754, abs=1e-4)
    assert answer["break_even_price"] == pytest.approx(0.144284, abs=1e-6)
    year = answer["year"]
    assert year["energy_kwh"] == 3456
    assert year["electricity_cost"] == pytest.approx(248.1408)  # 12 x 20.6784
    assert year["heat_value"] == pytest.approx(290.8768, abs=1e-3)  # 7 x 41.55383
    assert year["net_cost"] == pytest.approx(-42.7360, abs=1e-3)


@pytest.mark.parametrize(
    ("gpus", "btu", "sqft"),
    [
        ({"gpu": "rtx_3060"}, 580, 58),
        ({"gpu": "rtx_3090"}, 1194, 119),
        ({"gpu": "rtx_4070_ti_super"}, 972, 97),  # 285 x 3.412141633 = 972.46
        ({"gpu": "rtx_4090"}, 1535, 154),
        ({"gpu": "rtx_3090", "count": 2}, 2388, 239),
        ({"gpu": "a100_sxm"}, 1365, 136),  # 136.49
        ({"gpu": "h100_sxm"}, 2388, 239),
        ({"gpu": "dgx_h100"}, 34804, 3480),
        ({"gpu": "rtx_4090", "count": 4}, 6142, 614),
        ({"gpu": "dgx_h100", "count": 8}, 278431, 27843),
        ({"power_w": 50_000}, 170607, 17061),
    ],
)
async def test_the_heat_of_presets(estimate, gpus, btu, sqft):
    answer = await estimate(**gpus, **OIL)
    assert round(answer["heat_btu_per_hour"]) == btu
    assert round(answer["heated_area_sqft"]) == sqft
    assert answer["heated_area_m2"] == pytest.approx(
        answer["heated_area_sqft"] * 0.09290304, abs=1e-5
    )


async def test_a_farm_of_many_kinds_with_what_its_facility_draws(estimate):
    """2 x 10,200 + 10 x 3,500 = 55,400 W; 40 % on top: 77,560 W; 12 h: 27,921.6 kWh a month."""
    answer = await estimate(
        devices=[{"gpu": "dgx_h100", "count": 2}, {"power_w": 3500, "count": 10}],
        overhead=40,
        hours_per_day=12,
        **OIL,
    )
    assert answer["assumed"]["power_w"] == 77_560
    assert answer["heating_month"]["energy_kwh"] == pytest.approx(27_921.6)


async def test_a_summer_month_has_the_air_conditioner_on_top(estimate):
    """400 W at COP 3 draw 133 W more: 96 of 288 kWh, 6.8928 CAD; without value."""
    answer = await estimate(power_w=400, heating_months=6, cooling_months=3, cooling_cop=3, **OIL)
    month = answer["cooling_month"]
    assert month["cooling_energy_kwh"] == pytest.approx(96)
    assert month["cooling_cost"] == pytest.approx(6.8928)
    assert (month["heat_value"], month["fuel_displaced"]) == (0, 0)
    assert month["net_cost"] == pytest.approx(27.5712)
    # 12 x 20.6784 + 3 x 6.8928 - 6 x 41.55383
    assert answer["year"]["net_cost"] == pytest.approx(19.4962, abs=1e-3)


async def test_emissions(estimate):
    """288 kWh x 0.4 kg; 31.9645 L x 10.6 kWh x 73.96 kg/MMBTU x 0.003412141633 = 85.5058 kg."""
    month = (await estimate(power_w=400, electricity_co2=400, **OIL))["heating_month"]
    assert month["electricity_co2_kg"] == pytest.approx(115.2)
    assert month["displaced_co2_kg"] == pytest.approx(85.5058, abs=1e-3)
    assert month["net_co2_kg"] == pytest.approx(29.6942, abs=1e-3)


async def test_emissions_that_nobody_knows_are_null(estimate):
    month = (await estimate(power_w=400, **OIL))["heating_month"]
    assert (month["electricity_co2_kg"], month["net_co2_kg"]) == (None, None)
    district = {"fuel": "district_heat", "fuel_price": 0.1, "electricity_price": 0.1}
    month = (await estimate(power_w=400, electricity_co2=400, **district))["heating_month"]
    assert (month["displaced_co2_kg"], month["net_co2_kg"]) == (None, None)


async def test_a_region_has_its_tariff_currency_and_months(estimate):
    """1,000 W: 24 kWh a day, all in Quebec's first tier; 2,000 W: 40 of 48 kWh a day."""
    heating = {"fuel": "electricity", "region": "quebec"}
    answer = await estimate(power_w=1000, **heating)
    assert answer["heating_month"]["electricity_cost"] == pytest.approx(720 * 0.06905)
    assert answer["heating_month"]["net_cost"] == 0
    assert answer["break_even_price"] is None
    assert answer["assumed"]["currency"] == "CAD"
    assert answer["assumed"]["heating_months"] == 7
    assert "Hydro-Québec" in answer["assumed"]["tariff"]
    answer = await estimate(power_w=2000, **heating)
    assert answer["heating_month"]["electricity_cost"] == pytest.approx(
        30 * (40 * 0.06905 + 8 * 0.10652)
    )


async def test_a_heat_pump_makes_compute_heat_worth_little(estimate):
    """288 kWh of heat displace 96 kWh of electricity at COP 3: two thirds are lost."""
    answer = await estimate(
        power_w=400, fuel="heat_pump", efficiency=300, electricity_price=0.30, heating_months=6
    )
    month = answer["heating_month"]
    assert (month["fuel_displaced"], month["fuel_unit"]) == (pytest.approx(96), "kWh")
    assert month["heat_value"] == pytest.approx(28.8)
    assert month["net_cost"] == pytest.approx(57.6)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({**OIL}, "power_missing"),
        ({"power_w": 400, "fuel": "none"}, "price_or_region_missing"),
        ({"power_w": 400, **OIL, "electricity_price": -1}, "price_negative"),
        ({"power_w": 400, **OIL, "electricity_price": 7.18}, "price_absurd"),
        ({"power_w": 400, **OIL, "efficiency": 0.85}, "efficiency_range"),
        ({"power_w": 400, **OIL, "efficiency": 0}, "efficiency_range"),
        ({"power_w": 400, **OIL, "heat_content": 10600}, "heat_content_absurd"),
        ({"power_w": 400, "fuel": "propane", "electricity_price": 0.1}, "fuel_price_missing"),
        ({"power_w": 400, **OIL, "cooling_cop": 0.5}, "cop_below_1"),
        ({"power_w": 400, **OIL, "heating_months": 8, "cooling_months": 5}, "too_many_months"),
    ],
)
async def test_what_cannot_be_is_refused(estimate, data, text):
    with pytest.raises(ServiceValidationError) as err:
        await estimate(**data)
    assert err.value.translation_key == text


@pytest.mark.parametrize(
    "data",
    [
        {"gpu": "gtx_480"},
        {"gpu": "rtx_3060", "power_w": 170},
        {"power_w": 400, "hours_per_day": 25},
        {"power_w": 400, "heating_months": 13},
        {"power_w": -1},
        {"gpu": "rtx_3060", "count": 0},
        {"devices": [{"count": 3}]},
        {"power_w": "nan"},
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(estimate, data):
    with pytest.raises(vol.Invalid):
        await estimate(**data, **OIL)


async def test_a_price_that_is_given_is_no_regions_tariff(estimate):
    answer = await estimate(power_w=400, region="quebec", fuel="none", electricity_price=0.2)
    assert answer["assumed"]["tariff"] is None
    assert answer["heating_month"]["electricity_cost"] == pytest.approx(57.6)


async def test_the_usual_heating_months_leave_room_for_the_cooling_months(estimate):
    assert (await estimate(power_w=400, cooling_months=6, **OIL))["assumed"]["heating_months"] == 6
