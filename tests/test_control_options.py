"""What the form for jobs takes, what it refuses, and what it means for the zone."""

from datetime import timedelta

from homeassistant.components.weather import WeatherEntityFeature
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.gpu_heat.control.decide import MinimumTimes
from custom_components.gpu_heat.control_settings import ControlSettings
from custom_components.gpu_heat.settings import ZoneSettings

from .conftest import OPTIONS, zone_entry

HALF_AN_HOUR = {"minutes": 30}
LEAST = {"minimum_on": HALF_AN_HOUR, "minimum_off": HALF_AN_HOUR}
ALL = {
    "minimum_on": {"minutes": 20},
    "minimum_off": {"minutes": 10},
    "weather": "weather.home",
    "heat_loss": 180,
    "heating_power": 12.5,
    "max_delay": {"days": 7, "hours": 12},
    "hand_hold": {"minutes": 45},
    "trim_power": 70,
}


def weather(hass, features=WeatherEntityFeature.FORECAST_HOURLY, state="cloudy"):
    hass.states.async_set("weather.home", state, {"supported_features": int(features)})


async def jobs_form(hass, entry):
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    return await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "control"}
    )


async def submit(hass, form, user_input):
    result = await hass.config_entries.options.async_configure(form["flow_id"], user_input)
    await hass.async_block_till_done()
    return result


async def test_all_that_can_be_said_of_jobs_reaches_the_zone(hass, entry, setup):
    weather(hass)
    await setup(entry)
    result = await submit(hass, await jobs_form(hass, entry), ALL)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert ZoneSettings.from_options(entry.options).control == ControlSettings(
        minimum=MinimumTimes(on=timedelta(minutes=20), off=timedelta(minutes=10)),
        weather="weather.home",
        heat_loss_w_k=180,
        heater_w=12_500,
        max_delay=timedelta(hours=180),
        hand_hold=timedelta(minutes=45),
        trim_power=0.7,
    )


async def test_what_is_left_empty_is_as_usual(hass, entry, setup):
    await setup(entry)
    await submit(hass, await jobs_form(hass, entry), LEAST)
    assert entry.options == {**OPTIONS, "control": LEAST}
    control = ZoneSettings.from_options(entry.options).control
    assert control == ControlSettings()
    assert (control.max_delay, control.hand_hold) == (timedelta(hours=24), timedelta(hours=2))
    assert (control.weather, control.heat_loss_w_k, control.heater_w) == (None, None, None)
    assert control.trim_power == 1


async def test_what_is_usual_is_suggested_at_first(hass, entry, setup):
    await setup(entry)
    form = await jobs_form(hass, entry)
    suggested = {
        str(marker): marker.description["suggested_value"]
        for marker in form["data_schema"].schema
        if marker.description
    }
    assert suggested == {
        "max_delay": {"days": 1, "hours": 0, "minutes": 0},
        "hand_hold": {"days": 0, "hours": 2, "minutes": 0},
        "trim_power": 100,
    }


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        ({"weather": "weather.elsewhere"}, {"weather": "entity_missing"}),
        ({"weather": "weather.now_only"}, {"weather": "no_forecast"}),
        ({"heat_loss": 4.9}, {"heat_loss": "heat_loss_range"}),
        ({"heat_loss": 100_001}, {"heat_loss": "heat_loss_range"}),
        ({"heating_power": 0}, {"heating_power": "heating_power_range"}),
        ({"heating_power": 12_500}, {"heating_power": "heating_power_range"}),  # in W
        ({"trim_power": 39}, {"trim_power": "trim_power_range"}),
        ({"trim_power": 101}, {"trim_power": "trim_power_range"}),
        ({"max_delay": {"days": 365, "minutes": 1}}, {"max_delay": "time_too_long"}),
        ({"hand_hold": {"days": 366}}, {"hand_hold": "time_too_long"}),
        (
            {"heat_loss": 1, "trim_power": 0},
            {"heat_loss": "heat_loss_range", "trim_power": "trim_power_range"},
        ),
    ],
)
async def test_what_cannot_be_is_said_at_the_field_and_can_be_mended(
    hass, entry, setup, wrong, errors
):
    weather(hass)
    hass.states.async_set("weather.now_only", "sunny", {"temperature": 3})
    await setup(entry)
    form = await jobs_form(hass, entry)
    refused = await submit(hass, form, ALL | wrong)
    assert refused["errors"] == errors
    result = await submit(hass, form, ALL)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["control"] == ALL


@pytest.mark.parametrize(
    "limits",
    [
        {"heat_loss": 5, "heating_power": 0.2, "trim_power": 40, "max_delay": {"minutes": 0}},
        {
            "heat_loss": 100_000,
            "heating_power": 2_000,
            "trim_power": 100,
            "max_delay": {"days": 365},
        },
    ],
)
async def test_what_is_just_believed_is_taken(hass, entry, setup, limits):
    await setup(entry)
    result = await submit(hass, await jobs_form(hass, entry), LEAST | limits)
    assert result["data"]["control"] == LEAST | limits


async def test_a_weather_entity_that_is_not_up_yet_is_taken(hass, entry, setup):
    weather(hass, features=0, state="unavailable")
    await setup(entry)
    result = await submit(hass, await jobs_form(hass, entry), LEAST | {"weather": "weather.home"})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_weather_entity_that_is_renamed_stays_the_zones(hass, agent, setup):
    registry = er.async_get(hass)
    registry.async_get_or_create("weather", "met", "home", suggested_object_id="home")
    entry = zone_entry(agent, control={"weather": "weather.home"})
    await setup(entry)
    registry.async_update_entity("weather.home", new_entity_id="weather.garden")
    await hass.async_block_till_done()
    assert entry.options["control"] == {"weather": "weather.garden"}
