"""What goes on over reloads, changes of settings, outages and absurd words."""

from datetime import timedelta

from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM
import pytest

from .conftest import zone_entry
from .test_prices import KWH, PRICE, TIERS, issues, say

METER = {"unit_of_measurement": "kWh", "device_class": "energy", "state_class": "total_increasing"}


@pytest.fixture(autouse=True)
async def _utc(hass):
    await hass.config.async_set_time_zone("UTC")


def change(hass, freezer, entry, **sections):
    """Change fields of sections of the options, a moment later."""
    freezer.tick(timedelta(seconds=2))
    changed = {name: {**entry.options.get(name, {}), **fields} for name, fields in sections.items()}
    hass.config_entries.async_update_entry(entry, options={**entry.options, **changed})


async def test_a_silent_damper_is_reported_while_power_is_drawn(hass, agent, setup, poll):
    hass.states.async_set("cover.damper", "open", {"current_position": 50})
    entry = zone_entry(agent, source={"capture": 100, "capture_entity": "cover.damper"})
    await setup(entry)
    hass.states.async_set("cover.damper", "unavailable")
    e = 0.0
    for _ in range(240):  # 44 min, 11 s each, energy rising
        e += 450 * 11
        agent.gpu(energy_j=e)
        await poll(seconds=11)
    assert issues(hass)


async def test_an_issue_goes_with_its_entity(hass, agent, setup, poll, freezer):
    say(hass, "0.10")
    say(hass, "0.12", entity_id="sensor.other")
    entry = zone_entry(agent, electricity={"tariff": "entity", "price_entity": PRICE})
    await setup(entry)
    say(hass, "unavailable")
    await poll(minutes=125)
    await poll(minutes=2)
    assert issues(hass)
    change(hass, freezer, entry, electricity={"price_entity": "sensor.other"})
    await hass.async_block_till_done()
    await poll(minutes=2)
    assert not issues(hass)


async def test_a_reload_does_not_prolong_a_silent_price(
    hass, agent, setup, poll, figure, entity_id, freezer
):
    say(hass, "0.10")
    entry = zone_entry(agent, electricity={"tariff": "entity", "price_entity": PRICE})
    await setup(entry)
    say(hass, "unavailable")
    await poll(minutes=110)
    freezer.tick(timedelta(seconds=2))
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await poll(minutes=100)  # silent for 3.5 h
    await poll(minutes=2)
    assert hass.states.get(entity_id("sensor", "electricity_price")).state == "unknown"


async def test_a_reload_while_the_source_is_off_keeps_what_the_room_said(
    hass, agent, setup, poll, figure, freezer
):
    hass.states.async_set(
        "climate.room",
        "heat",
        {"current_temperature": 25, "temperature": 20, "hvac_modes": ["heat", "off"]},
    )
    entry = zone_entry(agent, seasons={"thermostats": ["climate.room"]})
    await setup(entry)
    await poll()
    assert figure("useful_share") == 0
    await agent.stop()
    await poll(hours=3)
    freezer.tick(timedelta(seconds=2))
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await agent.start()
    agent.gpu(energy_j=3.0 * KWH)
    await poll()
    await poll()
    assert figure("heat_value") == 0  # the room was 5 K too warm all the time


async def test_a_reload_while_the_source_is_off_keeps_the_price(
    hass, agent, setup, poll, figure, entity_id, freezer
):
    say(hass, "0.10")
    entry = zone_entry(agent, electricity={"tariff": "entity", "price_entity": PRICE})
    await setup(entry)
    await poll()
    await agent.stop()
    await poll(hours=3)
    freezer.tick(timedelta(seconds=2))
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await agent.start()
    agent.gpu(energy_j=3.0 * KWH)
    await poll()
    await poll()
    assert figure("electricity_cost") == pytest.approx(0.3)


async def test_late_energy_of_another_currency_has_no_price(
    hass, agent, setup, poll, figure, freezer
):
    entry = zone_entry(agent, electricity={"currency": "JPY", "electricity_price": 31})
    await setup(entry)
    await poll()
    await agent.stop()
    await poll(hours=3)
    change(hass, freezer, entry, electricity={"currency": "CAD", "electricity_price": 0.07})
    await hass.async_block_till_done()
    await agent.start()
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    await poll()
    assert figure("electricity_cost") < 10  # CAD


async def test_an_infinite_temperature_is_none(
    hass, agent, setup, poll, entity_id, figure, hass_storage, freezer
):
    hass.states.async_set("sensor.out", "5", {"unit_of_measurement": "°C"})
    entry = zone_entry(
        agent,
        seasons={
            "outdoor_temperature": "sensor.out",
            "season_by": "outdoor",
            "heating_below": 13,
            "cooling_above": 18,
        },
    )
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    hass.states.async_set("sensor.out", "1e400", {"unit_of_measurement": "°C"})
    await hass.async_block_till_done()
    agent.gpu(energy_j=2.0 * KWH)
    await poll()
    await poll()
    freezer.tick(timedelta(seconds=2))
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert not issues(hass)
    assert figure(f"{entry.entry_id}_energy") == 2


async def test_a_price_beyond_measure_is_none(
    hass, agent, setup, poll, entity_id, figure, caplog, freezer
):
    say(hass, "1e30")
    entry = zone_entry(agent, electricity={"tariff": "entity", "price_entity": PRICE})
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    await poll()
    assert "Traceback" not in caplog.text, caplog.text[-1500:]
    freezer.tick(timedelta(seconds=2))
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert not issues(hass)
    assert figure(f"{entry.entry_id}_energy") == 1


async def test_a_restart_bears_with_a_damper_not_yet_there(
    hass, agent, setup, poll, figure, freezer
):
    hass.states.async_set("cover.damper", "closed", {"current_position": 0})
    entry = zone_entry(agent, source={"capture": 100, "capture_entity": "cover.damper"})
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    assert figure("heat_value") == 0
    freezer.tick(timedelta(seconds=2))
    await hass.config_entries.async_unload(entry.entry_id)
    hass.states.async_remove("cover.damper")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    agent.gpu(energy_j=2.0 * KWH)
    await poll()
    await poll()
    assert figure("heat_value") == pytest.approx(0, abs=1e-3)


async def test_a_restart_bears_with_a_thermostat_not_yet_there(
    hass, agent, setup, poll, figure, freezer
):
    room = {"current_temperature": 25, "temperature": 20, "hvac_modes": ["heat", "off"]}
    hass.states.async_set("climate.room", "heat", room)
    entry = zone_entry(agent, seasons={"thermostats": ["climate.room"]})
    await setup(entry)
    await poll()
    freezer.tick(timedelta(seconds=2))
    await hass.config_entries.async_unload(entry.entry_id)
    hass.states.async_remove("climate.room")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert figure("useful_share") == 0


async def test_late_energy_keeps_the_capture_of_its_time(hass, agent, setup, poll, figure, freezer):
    entry = zone_entry(agent, source={"capture": 0})
    await setup(entry)
    await poll()
    await agent.stop()
    await poll(hours=3)
    sub = next(iter(entry.subentries.values()))
    freezer.tick(timedelta(seconds=2))
    hass.config_entries.async_update_subentry(entry, sub, data={**sub.data, "capture": 100})
    await hass.async_block_till_done()
    await agent.start()
    agent.gpu(energy_j=3.0 * KWH)
    await poll()
    await poll()
    assert figure("heat_value") == pytest.approx(0, abs=1e-2)


async def test_nothing_is_reported_before_other_integrations_have_come_up(
    hass, agent, setup, freezer
):
    say(hass, "0.10")
    entry = zone_entry(agent, electricity={"tariff": "entity", "price_entity": PRICE})
    await setup(entry)
    freezer.tick(timedelta(seconds=2))
    await hass.config_entries.async_unload(entry.entry_id)
    hass.states.async_remove(PRICE)
    freezer.tick(timedelta(hours=5))
    await hass.config_entries.async_setup(entry.entry_id)
    assert not issues(hass)


async def test_a_price_may_stay_as_it_is_for_days(hass, agent, setup, poll, figure, entity_id):
    say(hass, "0.10")
    entry = zone_entry(agent, electricity={"tariff": "entity", "price_entity": PRICE})
    await setup(entry)
    say(hass, "0.11")
    say(hass, "0.10")
    for _ in range(27):
        await poll(hours=1)
    assert hass.states.get(entity_id("sensor", "electricity_price")).state == "0.1"


async def test_a_fuel_that_comes_back_begins_at_0(hass, agent, setup, poll, figure, freezer):
    entry = zone_entry(agent)
    await setup(entry)
    agent.gpu(energy_j=100.0 * KWH)
    await poll()
    a = figure("fuel_displaced")
    change(
        hass, freezer, entry, heating={"fuel": "propane", "efficiency": 92, "heat_content": 7.08}
    )
    await hass.async_block_till_done()
    await poll()
    agent.gpu(energy_j=110.0 * KWH)
    await poll()
    b = figure("fuel_displaced")
    change(
        hass,
        freezer,
        entry,
        heating={"fuel": "heating_oil", "efficiency": 85, "heat_content": 10.6},
    )
    await hass.async_block_till_done()
    await poll()
    c = figure("fuel_displaced")
    assert c <= b, (a, b, c)  # total_increasing: statistics add c - b though nothing was used


async def test_another_unit_system_is_understood_at_once(hass, agent, setup, poll, figure):
    room = {"current_temperature": 21, "temperature": 20, "hvac_modes": ["heat", "off"]}
    hass.states.async_set("climate.room", "heat", room)
    entry = zone_entry(agent, seasons={"thermostats": ["climate.room"]})
    await setup(entry)
    assert figure("useful_share") == 50
    hass.config.units = US_CUSTOMARY_SYSTEM
    await hass.config.async_update(unit_system="us_customary")
    hass.states.async_set(
        "climate.room", "heat", {**room, "current_temperature": 69.8, "temperature": 68}
    )
    await hass.async_block_till_done()
    await poll(minutes=1)
    assert figure("useful_share") == pytest.approx(50)


async def test_a_price_of_another_entity_is_not_resumed(
    hass, agent, setup, poll, figure, entity_id, freezer
):
    say(hass, "400", "CAD/t", "sensor.pellets")
    entry = zone_entry(
        agent,
        heating={
            "fuel": "wood_pellets",
            "fuel_unit": "t",
            "heat_content": 4800,
            "fuel_price_entity": "sensor.pellets",
        },
    )
    await setup(entry)
    await poll()
    freezer.tick(timedelta(seconds=2))
    # oil now, from an entity that is unavailable at this moment
    say(hass, "unavailable", "CAD/L", "sensor.oil")
    hass.config_entries.async_update_entry(
        entry,
        options={
            **entry.options,
            "heating": {"fuel": "heating_oil", "fuel_price_entity": "sensor.oil"},
        },
    )
    await hass.async_block_till_done()
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    await poll()
    assert figure("heat_value") < 3  # else 1.11 L at 400 CAD


async def test_a_new_tariff_does_not_reprice_the_past(hass, agent, setup, poll, figure, freezer):
    hass.states.async_set("sensor.meter_a", "100", METER)
    entry = zone_entry(
        agent, electricity={**TIERS, "meter": "sensor.meter_a", "meter_has_ours": False}
    )
    await setup(entry)
    await poll()
    agent.gpu(energy_j=30.0 * KWH)
    await poll(minutes=1)
    assert figure("electricity_cost") == pytest.approx(2.1)
    change(
        hass, freezer, entry, electricity={"tiers": [{"price": 0.07, "up_to": 40}, {"price": 0.30}]}
    )
    await hass.async_block_till_done()
    await poll()
    hass.states.async_set("sensor.meter_a", "200", METER)
    await poll(minutes=1)
    assert figure("electricity_cost") <= 3.3 + 0.001  # 30 kWh at most at the old second tier, 0.11


async def test_sensors_of_a_heater_that_is_gone_are_removed(hass, agent, setup, poll, freezer):
    hass.states.async_set("sensor.out", "-20", {"unit_of_measurement": "°C"})
    entry = zone_entry(agent, seasons={"outdoor_temperature": "sensor.out"})
    await setup(entry)
    change(
        hass,
        freezer,
        entry,
        second_heater={"fuel": "propane", "fuel_price": 1.0, "balance_temperature": -10},
    )
    await hass.async_block_till_done()
    hass.config_entries.async_update_entry(entry, options={**entry.options, "second_heater": {}})
    await hass.async_block_till_done()
    registry = er.async_get(hass)
    left = [
        e.entity_id
        for e in er.async_entries_for_config_entry(registry, entry.entry_id)
        if e.unique_id.endswith("second_fuel_displaced")
    ]
    assert not left


async def test_late_energy_under_a_meter_costs_what_it_adds_to_the_bill(
    hass, agent, setup, poll, figure
):
    """20 kWh of ours and 30.1 of the household: bill(50.1) - bill(30.1)."""
    hass.states.async_set("sensor.m", "100", METER)
    entry = zone_entry(agent, electricity={**TIERS, "meter": "sensor.m"})
    await setup(entry)
    await poll()
    await agent.stop()
    await poll(hours=2)
    hass.states.async_set("sensor.m", "150", METER)  # 50: 30 of the household, 20 of ours
    await poll(minutes=1)
    await agent.start()
    agent.gpu(energy_j=20.0 * KWH)
    await poll()
    await poll()
    hass.states.async_set("sensor.m", "150.1", METER)
    await poll(minutes=1)
    # household 30.1: bill(50.1)-bill(30.1) = 9.9*.07 + 10.1*.11
    assert figure("electricity_cost") == pytest.approx(9.9 * 0.07 + 10.1 * 0.11, abs=1e-6)


async def test_a_fuel_price_in_another_currency_is_none(
    hass, agent, setup, poll, figure, entity_id, freezer
):
    """Fuel price 1.30 CAD/L from an entity; currency becomes JPY; the entity still says CAD/L."""
    say(hass, "1.30", "CAD/L", "sensor.oil")
    entry = zone_entry(agent, heating={"fuel": "heating_oil", "fuel_price_entity": "sensor.oil"})
    await setup(entry)
    await poll()
    change(hass, freezer, entry, electricity={"currency": "JPY", "electricity_price": 31})
    await hass.async_block_till_done()
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    await poll()
    assert figure("heat_value") == 0  # CAD must not be booked as JPY


async def test_a_season_by_hand_holds_for_late_energy(
    hass, agent, setup, poll, figure, entity_id, freezer
):
    entry = zone_entry(agent)
    await setup(entry)
    await poll()
    await hass.services.async_call(
        "select",
        "select_option",
        {"entity_id": entity_id("select", "season_mode"), "option": "cooling"},
        blocking=True,
    )
    await agent.stop()
    await poll(hours=3)
    change(
        hass,
        freezer,
        entry,
        control={"minimum_on": {"minutes": 20}, "minimum_off": {"minutes": 20}},
    )
    await hass.async_block_till_done()
    await agent.start()
    agent.gpu(energy_j=3.0 * KWH)
    await poll()
    await poll()
    assert figure("heat_value") == pytest.approx(0, abs=1e-3)


async def test_an_absurd_price_is_none(hass, agent, setup, poll, figure, entity_id):
    say(hass, "32.5", "CAD/kWh")
    entry = zone_entry(agent, electricity={"tariff": "entity", "price_entity": PRICE})
    await setup(entry)
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert figure("electricity_cost") < 300


async def test_a_silent_meter_is_reported(hass, agent, setup, poll, figure):
    hass.states.async_set("sensor.m", "100", METER)
    entry = zone_entry(agent, electricity={**TIERS, "meter": "sensor.m"})
    await setup(entry)
    await poll()
    hass.states.async_set("sensor.m", "unavailable")
    for _ in range(60):
        await poll(hours=1)
    assert issues(hass)


async def test_a_notice_of_lost_sums_is_done_with_once_it_is_read(hass, hass_storage, agent, setup):
    assert await async_setup_component(hass, "repairs", {})
    entry = zone_entry(agent)
    key = f"gpu_heat.{entry.entry_id}.ledger"
    hass_storage[key] = {"version": 1, "key": key, "data": {"totals": "many"}}
    await setup(entry)
    (issue,) = issues(hass)
    flows = hass.data["repairs"]["flow_manager"]
    form = await flows.async_init("gpu_heat", data={"issue_id": issue})
    assert form["description_placeholders"]["zone"] == "House"
    await flows.async_configure(form["flow_id"], {})
    assert not issues(hass)


async def test_of_late_energy_only_what_was_used_since_a_reset_counts(
    hass, agent, setup, poll, figure
):
    """Off for 10 h with 10 kWh, a reset after 4 h: 6 kWh of zone, source and GPU."""
    entry = zone_entry(agent)
    await setup(entry)
    await poll()
    await agent.stop()
    await poll(hours=4)
    await hass.services.async_call("gpu_heat", "reset_totals", {}, blocking=True)
    await poll(hours=6)
    await agent.start()
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    await poll()
    (subentry,) = entry.subentries
    for ending in (f"{entry.entry_id}_energy", f"{subentry}_energy", "GPU-0000-0001_energy"):
        assert figure(ending) == pytest.approx(6, abs=0.02)
    assert figure("electricity_cost") == pytest.approx(6 * 0.0718, abs=2e-3)
