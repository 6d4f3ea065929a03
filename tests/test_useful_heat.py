"""How much heat is useful, and what it displaces: thermostats, seasons, captures, cooling."""

from datetime import timedelta

from homeassistant.components.climate import HVACMode
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM
import pytest

from .conftest import zone_entry

KWH = 3_600_000
# 1 kWh of useful heat: 1 / (0.85 x 10.6) = 0.110988 L of oil, at 1.30 CAD/L
VALUE_OF_A_KWH = 0.144284
ROOM = "climate.room"
OUTDOOR = "sensor.outdoor"


def room(hass, mode=HVACMode.HEAT, temperature=20.0, entity_id=ROOM, target=21, **attributes):
    hass.states.async_set(
        entity_id,
        mode,
        {"current_temperature": temperature, "temperature": target, **attributes},
    )


def outdoors(hass, celsius):
    hass.states.async_set(OUTDOOR, str(celsius), {"unit_of_measurement": "°C"})


@pytest.mark.parametrize(
    ("mode", "temperature", "useful"),
    [
        (HVACMode.HEAT, 21.5, 1),  # target + 0.5 K: all of it
        (HVACMode.HEAT, 22.0, 0.5),
        (HVACMode.HEAT, 22.5, 0),
        (HVACMode.OFF, 15.0, 0),  # nothing is displaced
        ("unavailable", None, 1),  # by the months
    ],
)
async def test_heat_is_useful_as_far_as_the_thermostat_wants_it(
    hass, agent, setup, poll, figure, mode, temperature, useful
):
    room(hass, mode, temperature)
    await setup(zone_entry(agent, seasons={"thermostats": [ROOM]}))
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert figure("useful_share") == useful * 100
    assert figure("heat_value") == pytest.approx(10 * useful * VALUE_OF_A_KWH, abs=1e-5)


@pytest.mark.parametrize(
    ("action", "temperature", "share"),
    [
        ("heating", 23, 100),  # the furnace burns: compute heat spares it
        ("idle", 20, 100),  # compute is the first stage of the heating
        ("idle", 22, 50),
        ("cooling", 20, 0),
        ("off", 20, 0),
    ],
)
async def test_what_the_heater_does_comes_first(
    hass, agent, setup, figure, action, temperature, share
):
    room(hass, HVACMode.HEAT_COOL, temperature, hvac_action=action)
    await setup(zone_entry(agent, seasons={"thermostats": [ROOM]}))
    assert figure("useful_share") == share


async def test_several_thermostats_count_by_their_weights(hass, agent, setup, figure):
    """A cold room of 30 m² and a warm one of 10 m²: 30 / 40 of the heat is useful."""
    room(hass, temperature=20)
    room(hass, temperature=25, entity_id="climate.attic")
    seasons = {
        "thermostats": [ROOM, "climate.attic"],
        "weights": [
            {"thermostat": ROOM, "weight": 30},
            {"thermostat": "climate.attic", "weight": 10},
        ],
    }
    await setup(zone_entry(agent, seasons=seasons))
    assert figure("useful_share") == 75


async def test_a_thermostat_in_fahrenheit_is_understood(hass, agent, setup, figure):
    """71.6 °F is 22 °C, 1 K above a target of 69.8 °F."""
    hass.config.units = US_CUSTOMARY_SYSTEM
    room(
        hass,
        HVACMode.HEAT_COOL,
        71.6,
        target=None,
        target_temp_low=69.8,
        target_temp_high=75,
    )
    await setup(zone_entry(agent, seasons={"thermostats": [ROOM]}))
    assert figure("useful_share") == pytest.approx(50)


@pytest.mark.parametrize(
    ("modes", "season"),
    [
        (["off", "auto"], "heating"),  # a radiator valve by its schedule
        (["off", "cool", "auto"], "cooling"),
        (["off", "heat", "cool", "auto"], "heating"),  # either: the months tell
    ],
)
async def test_auto_means_what_the_thermostat_can_do(hass, agent, setup, entity_id, modes, season):
    room(hass, HVACMode.AUTO, hvac_modes=modes)
    await setup(zone_entry(agent, seasons={"thermostats": [ROOM], "season_by": "thermostat"}))
    assert hass.states.get(entity_id("sensor", "season")).state == season


async def test_a_silent_thermostat_counts_for_half_an_hour(
    hass, agent, setup, poll, figure, entity_id
):
    room(hass, temperature=25)
    entry = zone_entry(agent, seasons={"thermostats": [ROOM]})
    await setup(entry)
    hass.states.async_set(ROOM, "unavailable")
    await poll(minutes=29)
    assert figure("useful_share") == 0
    await poll(minutes=2)
    assert figure("useful_share") == 100  # January, by the months
    registry = ir.async_get(hass)
    issue_id = f"thermostat_missing_{entry.entry_id}_{ROOM}"
    issue = registry.async_get_issue("gpu_heat", issue_id)
    assert issue.translation_placeholders == {
        "zone": "House",
        "entity": ROOM,
        "stands": "30 min",
    }
    room(hass, temperature=25)
    await poll(minutes=1)
    assert registry.async_get_issue("gpu_heat", issue_id) is None


async def test_a_thermostat_that_has_said_nothing_for_a_day_is_taken_for_dead(
    hass, agent, setup, poll, figure
):
    await setup(zone_entry(agent, seasons={"thermostats": [ROOM]}))
    room(hass, temperature=25)
    await poll(hours=23)
    assert figure("useful_share") == 0
    await poll(hours=2)
    await poll(minutes=31)
    assert figure("useful_share") == 100


async def test_late_energy_is_spread_over_the_months_it_was_used_in(
    hass, agent, entry, setup, freezer, figure
):
    """Four days, one of them in April (heating) and three in May: a quarter is useful."""
    await hass.config.async_set_time_zone("UTC")
    await setup(entry)
    freezer.move_to("2026-04-30 00:00:00+00:00")
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    before = figure("heat_value")
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.move_to("2026-05-04 00:00:00+00:00")
    agent.gpu(energy_j=40.0 * KWH)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert figure("heat_value") - before == pytest.approx(10 * VALUE_OF_A_KWH, abs=1e-4)
    assert figure("electricity_cost") == pytest.approx(40 * 0.0718)


async def test_late_energy_is_useful_as_far_as_the_room_was_cold_then(
    hass, agent, setup, freezer, poll, figure
):
    """The source is off for 4 h; the room is warm for the last three: a quarter is useful."""
    room(hass, temperature=20)
    await setup(zone_entry(agent, seasons={"thermostats": [ROOM]}))
    await poll()
    await agent.stop()
    freezer.tick(timedelta(hours=1))
    room(hass, temperature=25)
    await hass.async_block_till_done()
    freezer.tick(timedelta(hours=3))
    await agent.start()
    agent.gpu(energy_j=8.0 * KWH)
    await poll()
    await poll()
    assert figure("heat_value") == pytest.approx(2 * VALUE_OF_A_KWH, abs=1e-3)


async def test_the_season_follows_the_months(hass, entry, setup, freezer, poll, entity_id):
    await setup(entry)
    season = entity_id("sensor", "season")
    assert hass.states.get(season).state == "heating"
    freezer.move_to("2026-05-15 12:00:00+00:00")
    await poll()
    assert hass.states.get(season).state == "shoulder"
    freezer.move_to("2026-07-15 12:00:00+00:00")
    await poll()
    assert hass.states.get(season).state == "cooling"


async def test_the_season_follows_the_mean_of_a_day_outdoors(hass, agent, setup, poll, entity_id):
    """Heating below 13 °C until 14 °C, by the mean of 24 h; without a word for 3 h the months."""
    outdoors(hass, 12)
    seasons = {"season_by": "outdoor", "outdoor_temperature": OUTDOOR}
    await setup(zone_entry(agent, seasons=seasons))
    season = entity_id("sensor", "season")
    assert hass.states.get(season).state == "heating"
    await poll(hours=19)
    outdoors(hass, 20)
    await poll(minutes=5)
    await poll(hours=5)  # (19 h at 12 °C + 5 h at 20 °C) / 24 h = 13.7 °C
    assert hass.states.get(season).state == "heating"
    await poll(hours=2)  # 14.3 °C
    assert hass.states.get(season).state == "shoulder"
    await poll(hours=12)  # 18.3 °C
    assert hass.states.get(season).state == "cooling"
    hass.states.async_set(OUTDOOR, "unavailable")
    await poll(hours=4)
    assert hass.states.get(season).state == "heating"


async def test_the_season_can_be_chosen_by_hand(hass, agent, entry, setup, poll, figure, entity_id):
    """450 W in the cooling season at COP 3: 600 W in all, worth nothing, 0.04308 CAD/h."""
    entry = zone_entry(agent, cooling={"cooling_cop": 3})
    await setup(entry)
    select, season = entity_id("select", "season_mode"), entity_id("sensor", "season")
    assert hass.states.get(select).state == "auto"
    assert figure("effective_power") == 450

    async def choose(option):
        data = {"entity_id": select, "option": option}
        await hass.services.async_call("select", "select_option", data, blocking=True)

    await choose("cooling")
    assert hass.states.get(season).state == "cooling"
    assert figure("useful_share") == 0
    assert figure("effective_power") == pytest.approx(600)
    assert figure("cost_rate") == pytest.approx(0.04308)
    assert figure("heat_value_rate") == 0
    assert figure("break_even_price") == 0
    agent.gpu(energy_j=3.0 * KWH)
    await poll()
    assert figure("cooling_cost") == pytest.approx(0.0718)  # 3 kWh / 3 at 0.0718
    assert figure("net_cost") == pytest.approx(0.2872)

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get(select).state == "cooling"
    await choose("auto")
    assert hass.states.get(season).state == "heating"


async def test_rates_of_a_winters_day(hass, entry, setup, agent, poll, figure, entity_id):
    """0.45 kW: 0.03231 CAD/h; 0.45 x 0.144284 = 0.064928 CAD/h; 1,535 BTU/h heat 153.5 sq ft."""
    await setup(entry)
    assert figure("electricity_price") == 0.0718
    assert figure("cost_rate") == pytest.approx(0.03231)
    assert figure("heat_value_rate") == pytest.approx(0.064928, abs=1e-6)
    assert figure("break_even_price") == pytest.approx(VALUE_OF_A_KWH, abs=1e-6)
    assert figure("heated_area") == pytest.approx(14.265, abs=1e-3)  # 153.546 x 0.09290304
    assert hass.states.get(entity_id("sensor", "offset_ratio")).state == "unknown"
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    assert figure("offset_ratio") == pytest.approx(200.95, abs=0.01)  # 0.144284 / 0.0718
    await agent.stop()
    await poll()
    for ending in ("cost_rate", "heat_value_rate", "effective_power", "heated_area"):
        assert hass.states.get(entity_id("sensor", ending)).state == "unavailable"
    assert figure("electricity_price") == 0.0718
    await agent.start()


async def test_the_offset_ratio_is_that_of_the_last_day(agent, entry, setup, poll, figure, freezer):
    """On 30 April all heat is useful; two days later none of the last 24 h was."""
    await setup(entry)
    freezer.move_to("2026-04-30 12:00:00+00:00")
    await poll()
    for hours in range(1, 50):
        agent.gpu(energy_j=hours * 1.0 * KWH)
        await poll(hours=1)
    assert figure("offset_ratio") == 0


async def test_co2_is_that_of_the_electricity_less_that_of_the_oil(agent, setup, poll, figure):
    """10 kWh x 0.030 kg; 10 / 0.85 kWh of oil x 73.96 kg/MMBTU x 3,412.14 = 2.96893 kg."""
    await setup(zone_entry(agent, electricity={"electricity_co2": 30}))
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert figure("co2_net") == pytest.approx(0.3 - 2.96893, abs=1e-4)


async def test_without_a_factor_there_is_no_co2(hass, entry, setup, entity_id):
    await setup(entry)
    with pytest.raises(AssertionError):
        entity_id("sensor", "co2_net")


async def test_no_heating_makes_no_value(hass, agent, setup, poll, figure, entity_id):
    await setup(zone_entry(agent, heating={"fuel": "none"}))
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert [figure(key) for key in ("useful_share", "heat_value", "heat_value_rate")] == [0, 0, 0]
    with pytest.raises(AssertionError):
        entity_id("sensor", "fuel_displaced")


async def test_the_second_heater_takes_over_in_the_cold(hass, agent, setup, poll, figure):
    """Above -5 °C the heat pump, COP 2.5 at 0 °C; below it oil."""
    outdoors(hass, 0)
    pump = {
        "fuel": "heat_pump",
        "fuel_price": 0.10,
        "efficiency": None,
        "heat_content": None,
        "cop_curve": [{"temperature": -10, "cop": 2}, {"temperature": 10, "cop": 3}],
    }
    oil = {"fuel": "heating_oil", "fuel_price": 1.3, "efficiency": 85, "balance_temperature": -5}
    outdoor = {"outdoor_temperature": OUTDOOR}
    entry = zone_entry(agent, heating=pump, second_heater=oil, seasons=outdoor)
    await setup(entry)
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_fuel_displaced") == 4  # kWh of electricity
    assert figure("heat_value") == pytest.approx(0.4)
    outdoors(hass, -8)
    await hass.async_block_till_done()
    agent.gpu(energy_j=20.0 * KWH)
    await poll(minutes=10)
    assert figure("second_fuel_displaced") == pytest.approx(1.109878, abs=1e-3)
    assert figure("heat_value") == pytest.approx(0.4 + 1.442841, abs=2e-3)


@pytest.mark.parametrize(
    ("state", "attributes", "part"),
    [
        ("on", {}, 0.6),
        ("off", {}, 0),
        ("50", {"unit_of_measurement": "%"}, 0.3),
        ("0.5", {}, 0.3),
        ("unknown", {}, 0.6),  # by the percentage alone
        ("150", {"unit_of_measurement": "%"}, 0.6),  # not a part of anything
    ],
)
async def test_an_entity_lets_the_heat_in(
    hass, agent, setup, poll, figure, state, attributes, part
):
    """60 % by its place, times how far the damper is open."""
    hass.states.async_set("sensor.damper", state, attributes)
    await setup(captured(agent, "sensor.damper"))
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert figure("heat_value") == pytest.approx(10 * part * VALUE_OF_A_KWH, abs=1e-5)
    assert figure("heat_value_rate") == pytest.approx(0.45 * part * VALUE_OF_A_KWH, abs=1e-6)


@pytest.mark.parametrize("opening", ["cover.duct", "valve.loop"])
async def test_a_position_lets_the_heat_in(hass, agent, setup, figure, opening):
    hass.states.async_set(opening, "open", {"current_position": 50})
    await setup(captured(agent, opening))
    assert figure("heat_value_rate") == pytest.approx(0.45 * 0.3 * VALUE_OF_A_KWH, abs=1e-6)


def captured(agent, entity_id):
    return zone_entry(agent, source={"capture": 60, "capture_entity": entity_id})
