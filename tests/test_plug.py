"""A smart plug, or another meter, that a whole server is behind."""

from dataclasses import replace

import pytest

from .conftest import zone_entry
from .scripted_agent import GPU
from .test_entity_sources import KWH, say


async def test_a_plug_takes_the_place_of_what_the_server_knows(hass, agent, setup, poll, figure):
    say(hass, "612.5", entity_id="sensor.plug")
    say(hass, "100", entity_id="sensor.plug_energy", unit="kWh")
    entry = zone_entry(
        agent, source={"plug_power": "sensor.plug", "plug_energy": "sensor.plug_energy"}
    )
    await setup(entry)
    assert figure(f"{entry.entry_id}_power") == 612.5
    assert figure(f"{GPU}_power") == 450
    agent.gpu(energy_j=1.0 * KWH)
    say(hass, "101.5", entity_id="sensor.plug_energy", unit="kWh")
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 1.5
    assert figure(f"{GPU}_energy") == 1


async def test_a_silent_plug_leaves_the_power_unknown(hass, agent, setup, poll, entity_id):
    say(hass, "612.5", entity_id="sensor.plug")
    entry = zone_entry(agent, source={"plug_power": "sensor.plug"})
    await setup(entry)
    say(hass, "unavailable", entity_id="sensor.plug")
    await poll()
    assert hass.states.get(entity_id("sensor", f"{entry.entry_id}_power")).state == "unknown"


async def test_a_silent_plug_is_named(hass, agent, setup, poll, entity_id):
    say(hass, "612.5", entity_id="sensor.plug")
    entry = zone_entry(agent, source={"plug_power": "sensor.plug"})
    await setup(entry)
    (key,) = entry.subentries
    online = entity_id("binary_sensor", f"{key}_online")
    assert hass.states.get(online).attributes["reason"] is None
    say(hass, "unavailable", entity_id="sensor.plug")
    await poll()
    assert hass.states.get(online).state == "on"
    assert hass.states.get(online).attributes["reason"] == "sensor.plug: no value"
    say(hass, "612.5", entity_id="sensor.plug")
    await poll()
    assert hass.states.get(online).attributes["reason"] is None


async def test_what_a_plug_has_missed_the_gpus_tell_at_least(
    hass, agent, setup, poll, figure, freezer
):
    say(hass, "600", entity_id="sensor.plug")
    entry = zone_entry(agent, source={"plug_power": "sensor.plug"})
    await setup(entry)
    await poll(seconds=60)
    await poll(seconds=60)
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.02)
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(3600)
    agent.gpu(energy_j=0.45 * KWH)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.47)


async def test_while_the_agent_is_off_its_plug_is_summed_on(hass, agent, setup, poll, figure):
    say(hass, "600", entity_id="sensor.plug")
    entry = zone_entry(agent, source={"plug_power": "sensor.plug"})
    await setup(entry)
    await agent.stop()
    for _ in range(6):
        await poll(seconds=60)
    await agent.start()
    await poll(seconds=60)
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(600 * 420 / KWH)


async def test_a_circuit_is_overloaded_above_four_fifths_of_its_rating(
    hass, agent, setup, poll, entity_id
):
    entry = zone_entry(agent, source={"circuit_current": 15, "circuit_voltage": 120})
    await setup(entry)
    for power_w, state in ((1440.0, "off"), (1441.0, "on"), (None, "unknown")):
        agent.gpu(power_w=power_w)
        await poll()
        assert hass.states.get(entity_id("binary_sensor", "circuit_load")).state == state
    assert hass.states.get(entity_id("binary_sensor", "circuit_load")).attributes["limit_w"] == 1440


PLUG, PLUG_ENERGY = "sensor.plug", "sensor.plug_energy"


async def reconfigured(hass, entry, *, without=(), **changes):
    """Change a source's data, as its form does."""
    (subentry,) = entry.subentries.values()
    data = {key: value for key, value in subentry.data.items() if key not in without}
    hass.config_entries.async_update_subentry(entry, subentry, data={**data, **changes})
    await hass.async_block_till_done()


async def test_a_plug_that_is_taken_off_leaves_what_the_server_has_counted_alone(
    hass, agent, setup, poll, figure
):
    agent.host(500, 100 * KWH)  # by its own meter, since it began
    say(hass, "600", entity_id=PLUG)
    entry = zone_entry(agent, source={"plug_power": PLUG})
    await setup(entry)
    await poll(seconds=60)
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.01)
    await reconfigured(hass, entry, without=["plug_power"])
    agent.host(500, 100.5 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.51)
    await reconfigured(hass, entry, plug_power=PLUG)
    await poll(seconds=60)
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.52)


async def test_plugs_that_take_turns_are_counted_from_their_own_turn(
    hass, agent, setup, poll, figure
):
    say(hass, "600", entity_id=PLUG)
    say(hass, "100", entity_id=PLUG_ENERGY, unit="kWh")
    entry = zone_entry(agent, source={"plug_energy": PLUG_ENERGY})
    await setup(entry)
    say(hass, "103", entity_id=PLUG_ENERGY, unit="kWh")
    await poll(hours=1)
    assert figure(f"{entry.entry_id}_energy") == 3
    await reconfigured(hass, entry, without=["plug_energy"], plug_power=PLUG)
    await poll(seconds=60)
    await poll(seconds=60)
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(3.02)
    await reconfigured(hass, entry, without=["plug_power"], plug_energy=PLUG_ENERGY)
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(3.02)
    say(hass, "104", entity_id=PLUG_ENERGY, unit="kWh")
    await poll()
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(4.02)


async def test_what_was_used_between_two_plugs_the_gpus_tell(
    hass, agent, setup, poll, figure, freezer
):
    say(hass, "600", entity_id=PLUG)
    say(hass, "7", entity_id=PLUG_ENERGY, unit="kWh")
    entry = zone_entry(agent, source={"plug_power": PLUG})
    await setup(entry)
    await poll()
    say(hass, "unavailable", entity_id=PLUG)
    agent.gpu(energy_j=0.9 * KWH)
    await poll(hours=2)
    freezer.tick(2)
    await reconfigured(hass, entry, without=["plug_power"], plug_energy=PLUG_ENERGY)
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.9 + 600 * 11 / KWH)


async def test_a_plug_that_is_taken_off_while_it_is_silent_leaves_what_the_gpus_tell(
    hass, agent, setup, poll, figure
):
    say(hass, "600", entity_id=PLUG)
    entry = zone_entry(agent, source={"plug_power": PLUG})
    await setup(entry)
    await poll(seconds=60)
    say(hass, "unavailable", entity_id=PLUG)
    for used_kwh in (0.45, 0.9):
        agent.gpu(energy_j=used_kwh * KWH)
        await poll(hours=1)
    await reconfigured(hass, entry, without=["plug_power"])
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.91)


async def test_what_a_plug_metered_while_its_agent_was_set_up_anew_is_counted(
    hass, agent, setup, poll, figure
):
    say(hass, "100", entity_id=PLUG_ENERGY, unit="kWh")
    agent.gpu(energy_j=5 * KWH)
    entry = zone_entry(agent, source={"plug_energy": PLUG_ENERGY})
    await setup(entry)
    await agent.stop()
    say(hass, "130", entity_id=PLUG_ENERGY, unit="kWh")
    await poll(hours=48)
    agent.snapshot = replace(agent.snapshot, agent=replace(agent.snapshot.agent, id="agent-new"))
    agent.gpu(energy_j=0.0)
    await agent.start()
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 30
    await hass.async_block_till_done()
    say(hass, "131", entity_id=PLUG_ENERGY, unit="kWh")
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 31


async def test_what_the_gpus_told_of_a_gap_is_not_added_to_the_plugs_counter(
    hass, agent, setup, poll, figure, freezer
):
    say(hass, "600", entity_id=PLUG)
    say(hass, "100", entity_id=PLUG_ENERGY, unit="kWh")
    entry = zone_entry(agent, source={"plug_power": PLUG, "plug_energy": PLUG_ENERGY})
    await setup(entry)
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(3600)
    agent.gpu(energy_j=0.45 * KWH)
    say(hass, "unknown", entity_id=PLUG_ENERGY, unit="kWh")  # power is told sooner
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    say(hass, "100.6", entity_id=PLUG_ENERGY, unit="kWh")
    await poll()
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.6)


async def test_what_a_plug_missed_counts_also_if_its_agent_came_up_later(
    hass, agent, setup, poll, figure, freezer
):
    say(hass, "600", entity_id=PLUG)
    entry = zone_entry(agent, source={"plug_power": PLUG})
    await setup(entry)
    await hass.config_entries.async_unload(entry.entry_id)
    await agent.stop()
    say(hass, "unavailable", entity_id=PLUG)
    freezer.tick(3600)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    agent.gpu(energy_j=0.45 * KWH)
    await agent.start()
    say(hass, "600", entity_id=PLUG)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.45)
