"""Setting prices, heaters, seasons and air conditioning: what is taken, and what is refused."""

from homeassistant.data_entry_flow import FlowResultType
import pytest

from .conftest import OPTIONS

FIXED = OPTIONS["electricity"]
OIL = OPTIONS["heating"]
MONTHS = OPTIONS["seasons"]
SEASONS = {**MONTHS, "season_by": "months", "heating_below": 13, "cooling_above": 18}
TIERS = {"period": "day", "first_day": 1, "meter_has_ours": True}
NIGHT = {"start": "22:00:00", "end": "06:00:00", "price": 0.05}


@pytest.fixture
def change(hass, entry, setup):
    """Open a section of a zone's options, and submit one form after the other."""

    async def submit(section, *inputs):
        await setup(entry)
        hass.states.async_set("sensor.price", "0.1", {"unit_of_measurement": "CAD/kWh"})
        hass.states.async_set("sensor.euros", "0.1", {"unit_of_measurement": "EUR/kWh"})
        hass.states.async_set("sensor.oil", "1.3", {"unit_of_measurement": "CAD/L"})
        hass.states.async_set("sensor.bare", "0.1")
        hass.states.async_set("sensor.cents", "32.5", {"unit_of_measurement": "CAD/kWh"})
        hass.states.async_set("sensor.grid", "100", {"unit_of_measurement": "kWh"})
        hass.states.async_set("sensor.outdoor", "5", {"unit_of_measurement": "°C"})
        hass.states.async_set("sensor.humidity", "50", {"unit_of_measurement": "%"})
        menu = await hass.config_entries.options.async_init(entry.entry_id)
        result = await hass.config_entries.options.async_configure(
            menu["flow_id"], {"next_step_id": section}
        )
        for user_input in inputs:
            result = await hass.config_entries.options.async_configure(menu["flow_id"], user_input)
        await hass.async_block_till_done()
        return result

    return submit


def suggested(form):
    return {
        str(key): key.description["suggested_value"]
        for key in form["data_schema"].schema
        if key.description and "suggested_value" in key.description
    }


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ({"tariff": "entity"}, {"price_entity": "sensor.price"}),
        (
            {"tariff": "tiers"},
            {**TIERS, "tiers": [{"price": 0.07, "up_to": 40}, {"price": 0.11}]},
        ),
        (
            {"tariff": "tiers", "surcharge": 0.01, "tax": 15, "electricity_co2": 30},
            {
                "period": "month",
                "first_day": 15,
                "meter": "sensor.grid",
                "meter_has_ours": False,
                "tiers": [{"price": 0.07}],
            },
        ),
        (
            {"tariff": "time_of_use", "electricity_price": 0.2},
            {"windows": [NIGHT, {**NIGHT, "start": "06:00:00", "end": "08:00:00"}]},
        ),
    ],
    ids=["entity", "tiers by the day", "tiers by the month", "windows"],
)
async def test_each_kind_of_price_is_asked_for_what_it_needs(entry, change, kind, details):
    shared = {"currency": "CAD", **kind}
    result = await change("electricity", shared, details)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["electricity"] == {**shared, **details}


async def test_what_belongs_to_another_kind_of_price_is_dropped(hass, entry, change):
    tiers = {**TIERS, "tiers": [{"price": 0.07}]}
    await change("electricity", {"currency": "CAD", "tariff": "tiers"}, tiers)
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "electricity"}
    )
    await hass.config_entries.options.async_configure(menu["flow_id"], dict(FIXED))
    await hass.async_block_till_done()
    assert entry.options["electricity"] == FIXED


async def test_a_region_fills_the_forms_in(entry, change):
    form = await change("electricity", {**FIXED, "region": "quebec"})
    assert form["step_id"] == "electricity"
    assert "Hydro-Québec, Rate D" in form["description_placeholders"]["source"]
    assert "2025-04-01" in form["description_placeholders"]["source"]
    filled = suggested(form)
    assert filled["tariff"] == "tiers"
    assert filled["electricity_co2"] == 1.5


async def test_a_regions_tiers_can_be_edited_before_they_are_saved(entry, change):
    shared = {"tariff": "tiers", "currency": "CAD"}
    form = await change("electricity", {**FIXED, "region": "quebec"}, shared)
    filled = suggested(form)
    assert filled["tiers"] == [{"price": 0.06905, "up_to": 40.0}, {"price": 0.10652}]
    assert filled["period"] == "day"


@pytest.mark.parametrize("region", ["ontario", "germany", "japan"])
async def test_regions_of_other_kinds_fill_in_as_well(entry, change, region):
    filled = suggested(await change("electricity", {**FIXED, "region": region}))
    assert (filled["tariff"], filled["currency"], filled["electricity_price"]) == {
        "ontario": ("time_of_use", "CAD", 0.098),
        "germany": ("fixed", "EUR", 0.3869),
        "japan": ("fixed", "JPY", 31),
    }[region]


@pytest.mark.parametrize(
    ("forms", "errors"),
    [
        ([{**FIXED, "electricity_price": -0.1}], {"electricity_price": "price_negative"}),
        ([{**FIXED, "electricity_price": 7.18}], {"electricity_price": "price_absurd"}),
        ([{**FIXED, "currency": "XYZ"}], {"currency": "currency_unknown"}),
        ([{**FIXED, "tax": 250}], {"tax": "tax_absurd"}),
        ([{**FIXED, "surcharge": 9}], {"surcharge": "price_absurd"}),
        ([{**FIXED, "electricity_co2": 5000}], {"electricity_co2": "co2_absurd"}),
        (
            [{"tariff": "time_of_use", "currency": "CAD"}],
            {"electricity_price": "electricity_price_missing"},
        ),
    ],
)
async def test_prices_that_cannot_be_are_refused(change, forms, errors):
    result = await change("electricity", *forms)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)


@pytest.mark.parametrize(
    ("tariff", "details", "errors"),
    [
        ("entity", {"price_entity": "sensor.euros"}, {"price_entity": "price_wrong_currency"}),
        ("entity", {"price_entity": "sensor.oil"}, {"price_entity": "price_wrong_unit"}),
        ("entity", {"price_entity": "sensor.bare"}, {"price_entity": "price_wrong_unit"}),
        ("entity", {"price_entity": "sensor.nobody"}, {"price_entity": "entity_missing"}),
        ("entity", {"price_entity": "sensor.cents"}, {"price_entity": "price_absurd"}),
        ("tiers", {**TIERS, "tiers": []}, {"tiers": "tiers_missing"}),
        ("tiers", {**TIERS, "tiers": [{"up_to": 40}]}, {"tiers": "row_incomplete"}),
        ("time_of_use", {"windows": [{"price": 0.1}]}, {"windows": "row_incomplete"}),
        (
            "tiers",
            {**TIERS, "tiers": [{"price": 0.1, "up_to": 40}]},
            {"tiers": "last_tier_bounded"},
        ),
        ("tiers", {**TIERS, "tiers": [{"price": 0.1}] * 2}, {"tiers": "tier_unbounded"}),
        (
            "tiers",
            {
                **TIERS,
                "tiers": [
                    {"price": 0.1, "up_to": 40},
                    {"price": 0.2, "up_to": 30},
                    {"price": 0.3},
                ],
            },
            {"tiers": "tiers_out_of_order"},
        ),
        ("tiers", {**TIERS, "tiers": [{"price": -1}]}, {"tiers": "price_negative"}),
        (
            "tiers",
            {**TIERS, "tiers": [{"price": 0.1}], "meter": "sensor.humidity"},
            {"meter": "not_an_energy"},
        ),
        (
            "tiers",
            {**TIERS, "tiers": [{"price": 0.1}], "meter": "sensor.bare"},
            {"meter": "not_an_energy"},
        ),
        (
            "tiers",
            {**TIERS, "tiers": [{"price": 0.1}], "meter": "sensor.nobody"},
            {"meter": "entity_missing"},
        ),
        ("time_of_use", {"windows": []}, {"windows": "windows_missing"}),
        (
            "time_of_use",
            {"windows": [NIGHT, {**NIGHT, "start": "05:00:00", "end": "07:00:00"}]},
            {"windows": "windows_overlap"},
        ),
        ("time_of_use", {"windows": [{**NIGHT, "price": 50}]}, {"windows": "price_absurd"}),
    ],
)
async def test_details_that_cannot_be_are_refused(change, tariff, details, errors):
    shared = {"tariff": tariff, "currency": "CAD", "electricity_price": 0.1}
    result = await change("electricity", shared, details)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)


async def test_windows_on_other_days_do_not_overlap(change):
    workdays = {**NIGHT, "weekdays": ["mon", "fri"], "months": ["jan"]}
    shared = {"tariff": "time_of_use", "currency": "CAD", "electricity_price": 0.1}
    result = await change(
        "electricity", shared, {"windows": [workdays, {**NIGHT, "months": ["jul"]}]}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("heating", "errors"),
    [
        ({**OIL, "efficiency": 0}, {"efficiency": "efficiency_range"}),
        ({**OIL, "efficiency": 0.85}, {"efficiency": "efficiency_range"}),
        ({**OIL, "fuel_price": -1}, {"fuel_price": "price_negative"}),
        ({**OIL, "fuel_price": 130}, {"fuel_price": "fuel_price_absurd"}),  # cents
        ({**OIL, "heat_content": 40.1}, {"heat_content": "heat_content_absurd"}),  # a gallon's
        ({**OIL, "heat_content": 36200}, {"heat_content": "heat_content_absurd"}),  # BTU
        ({**OIL, "fuel_unit": "m³"}, {"fuel_unit": "fuel_unit_wrong"}),
        (
            {"fuel": "heating_oil", "fuel_price": 1.30, "fuel_unit": "gal"},
            {"fuel_price": "price_of_other_fuel"},
        ),
        ({**OIL, "fuel_price_entity": "sensor.price"}, {"fuel_price_entity": "price_wrong_unit"}),
        ({**OIL, "fuel_price_entity": "sensor.nobody"}, {"fuel_price_entity": "entity_missing"}),
        ({**OIL, "fuel_co2": 5000}, {"fuel_co2": "co2_absurd"}),
        ({**OIL, "heat_per_area": 0}, {"heat_per_area": "heat_per_area_zero"}),
        ({"fuel": "heat_pump", "efficiency": 90}, {"efficiency": "cop_range"}),
        ({"fuel": "heat_pump", "heat_content": 1.9}, {"heat_content": "heat_content_absurd"}),
        (
            {"fuel": "heat_pump", "cop_curve": [{"temperature": 0, "cop": 0.9}]},
            {"cop_curve": "cop_below_1"},
        ),
        (
            {"fuel": "heat_pump", "cop_curve": [{"temperature": 0, "cop": 2}] * 2},
            {"cop_curve": "temperature_twice"},
        ),
        (
            {"fuel": "custom", "fuel_price": 1},
            {"fuel_unit": "fuel_unit_missing", "heat_content": "heat_content_missing"},
        ),
        ({"fuel": "district_heat"}, {"fuel_price": "fuel_price_missing"}),
    ],
)
async def test_heaters_that_cannot_be_are_refused(change, heating, errors):
    result = await change("heating", heating)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)


CURVE = [{"temperature": -10, "cop": 2}, {"temperature": 10, "cop": 3.5}]


@pytest.mark.parametrize(
    ("section", "user_input"),
    [
        ("heating", {"fuel": "heat_pump", "cop_curve": CURVE}),
        ("cooling", {"cooling_cop": 3, "cop_curve": CURVE}),
        (
            "second_heater",
            {"fuel": "heat_pump", "cop_curve": CURVE, "balance_temperature": -5},
        ),
    ],
)
async def test_a_curve_needs_a_temperature_outdoors(hass, entry, change, section, user_input):
    result = await change(section, user_input)
    assert result["errors"]["cop_curve"] == "outdoor_missing"
    outdoor = {**MONTHS, "outdoor_temperature": "sensor.outdoor"}
    hass.config_entries.async_update_entry(entry, options={**entry.options, "seasons": outdoor})
    await hass.async_block_till_done()
    result = await hass.config_entries.options.async_configure(result["flow_id"], user_input)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options[section] == user_input


async def test_oil_has_no_cop(change):
    result = await change("heating", {**OIL, "cop_curve": CURVE})
    assert result["errors"] == {"cop_curve": "no_heat_pump"}


async def test_the_price_of_another_fuel_is_not_taken_over(change):
    gas = {"fuel": "natural_gas", "fuel_price": 1.30, "efficiency": 95}
    result = await change("heating", gas)
    assert result["errors"] == {"fuel_price": "price_of_other_fuel"}


@pytest.mark.parametrize(
    "heating",
    [
        {"fuel": "custom", "fuel_price": 1, "fuel_unit": "bag", "heat_content": 70},
        {"fuel": "natural_gas", "fuel_price": 2, "fuel_unit": "therm"},
        {"fuel": "heating_oil", "fuel_price_entity": "sensor.oil"},
        {"fuel": "electricity"},
        {"fuel": "none"},
        {"fuel": "heat_pump", "efficiency": 280},
    ],
)
async def test_heaters_of_all_kinds_are_taken(entry, change, heating):
    assert (await change("heating", heating))["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["heating"] == heating


@pytest.mark.parametrize(
    ("balance", "text"),
    [({}, "balance_missing"), ({"balance_temperature": -5}, "outdoor_missing")],
)
async def test_a_second_heater_needs_a_temperature_outdoors(change, balance, text):
    result = await change("second_heater", {"fuel": "propane", "fuel_price": 1, **balance})
    assert result["errors"] == {"balance_temperature": text}


async def test_a_second_heater_is_another_one(change):
    result = await change("second_heater", {**OIL, "balance_temperature": -5})
    assert result["errors"]["fuel"] == "second_heater_same"


async def test_a_second_heater_can_be_taken_away_again(hass, entry, change):
    result = await change("second_heater", {"balance_temperature": 3})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["second_heater"] == {}


@pytest.mark.parametrize(
    ("seasons", "errors"),
    [
        ({"cooling_months": ["1"]}, {"cooling_months": "months_overlap"}),
        ({"season_by": "outdoor"}, {"outdoor_temperature": "outdoor_needed"}),
        ({"season_by": "thermostat"}, {"thermostats": "thermostats_missing"}),
        ({"outdoor_temperature": "sensor.humidity"}, {"outdoor_temperature": "not_a_temperature"}),
        ({"outdoor_temperature": "sensor.nobody"}, {"outdoor_temperature": "entity_missing"}),
        ({"heating_below": 18}, {"cooling_above": "thresholds_too_near"}),
        (
            {"weights": [{"thermostat": "climate.attic", "weight": 1}]},
            {"weights": "weight_of_other"},
        ),
        (
            {
                "thermostats": ["climate.attic"],
                "weights": [{"thermostat": "climate.attic", "weight": 0}],
            },
            {"weights": "weight_zero"},
        ),
        (
            {
                "thermostats": ["climate.attic"],
                "weights": [{"thermostat": "climate.attic", "weight": 1}] * 2,
            },
            {"weights": "weight_twice"},
        ),
    ],
)
async def test_seasons_that_cannot_be_are_refused(change, seasons, errors):
    result = await change("seasons", {**SEASONS, **seasons})
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)


async def test_seasons_by_the_weather_are_taken(entry, change):
    seasons = {**SEASONS, "season_by": "outdoor", "outdoor_temperature": "sensor.outdoor"}
    assert (await change("seasons", seasons))["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["seasons"] == seasons


@pytest.mark.parametrize("cop", [0.5, 85])
async def test_an_air_conditioner_that_cannot_be_is_refused(change, cop):
    result = await change("cooling", {"cooling_cop": cop})
    assert result["errors"] == {"cooling_cop": "cop_below_1"}


@pytest.mark.parametrize(
    ("capture", "errors"),
    [
        ({"capture_entity": "sensor.text"}, {"placement": "not_an_opening"}),
        ({"capture_entity": "sensor.nobody"}, {"placement": "source_entity_missing"}),
        ({"capture": 60, "capture_entity": "sensor.damper"}, None),
    ],
)
async def test_what_lets_the_heat_in_is_checked(hass, agent, entry, setup, figure, capture, errors):
    await setup(entry)
    hass.states.async_set("sensor.text", "ajar")
    hass.states.async_set("sensor.damper", "50", {"unit_of_measurement": "%"})
    (subentry,) = entry.subentries
    form = await entry.start_subentry_reconfigure_flow(hass, subentry)
    source = {**agent.address, "token": "s3cret", "tls": False}
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {**source, "placement": capture}
    )
    await hass.async_block_till_done()
    if errors:
        assert result["errors"] == errors
    else:
        assert figure("heat_value_rate") == pytest.approx(0.45 * 0.3 * 0.144284, abs=1e-6)


async def test_in_another_currency_fuel_is_asked_for_its_price(hass, entry, change):
    form = await change("electricity", {**FIXED, "currency": "JPY", "electricity_price": 31})
    assert form["step_id"] == "heating"
    assert "fuel_price" not in suggested(form)
    form = await hass.config_entries.options.async_configure(
        form["flow_id"], {"fuel": "heating_oil"}
    )
    assert form["errors"] == {"fuel_price": "fuel_price_missing"}
    assert entry.options["electricity"]["currency"] == "CAD"
    yen = {"fuel": "heating_oil", "fuel_price": 120, "efficiency": 85}
    await hass.config_entries.options.async_configure(form["flow_id"], yen)
    await hass.async_block_till_done()
    assert entry.options["electricity"]["currency"] == "JPY"
    assert entry.options["heating"] == yen


async def test_the_temperature_outdoors_stays_while_a_curve_needs_it(hass, entry, change):
    pump = {"fuel": "heat_pump", "cop_curve": CURVE}
    outdoor = {**SEASONS, "outdoor_temperature": "sensor.outdoor"}
    await change("seasons", outdoor)
    options = {**entry.options, "heating": pump}
    hass.config_entries.async_update_entry(entry, options=options)
    await hass.async_block_till_done()
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "seasons"})
    result = await hass.config_entries.options.async_configure(menu["flow_id"], dict(SEASONS))
    assert result["errors"] == {"outdoor_temperature": "outdoor_in_use"}


async def test_two_fields_never_show_each_others_figures(change):
    wrong = {**FIXED, "electricity_price": 7.18, "surcharge": 4}
    result = await change("electricity", wrong)
    assert result["errors"] == {"electricity_price": "price_absurd"}
    assert result["description_placeholders"]["price"] == "7.18"
