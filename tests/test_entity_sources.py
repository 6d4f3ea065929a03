"""Heat that entities of Home Assistant measure: smart plugs, miners, UPSes."""

from dataclasses import replace

from homeassistant.config_entries import SOURCE_USER
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.gpu_heat.const import DOMAIN

from .conftest import OPTIONS, zone_entry
from .scripted_agent import GPU

KWH = 3_600_000
POWER, ENERGY = "sensor.miner_power", "sensor.miner_energy"


def say(hass, value, *, entity_id=POWER, unit="W"):
    hass.states.async_set(entity_id, value, {"unit_of_measurement": unit})


def meters_zone(*rows, **data):
    """A zone whose one source is metered by entities."""
    meters = [{"id": f"meter-{at}", "label": f"Miner {at}", **row} for at, row in enumerate(rows)]
    return MockConfigEntry(
        domain=DOMAIN,
        title="House",
        minor_version=2,
        options=OPTIONS,
        subentries_data=[
            {
                "data": {"kind": "entities", "meters": meters, "max_gap": 300, **data},
                "subentry_type": "source",
                "title": "Miners",
                "unique_id": None,
            }
        ],
    )


async def submit(hass, user_input, *, entry=None):
    """Set up entities as the first source, or as a further one; return the last result."""
    flows = hass.config_entries.subentries if entry else hass.config_entries.flow
    start = (entry.entry_id, "source") if entry else DOMAIN
    menu = await flows.async_init(start, context={"source": SOURCE_USER})
    form = await flows.async_configure(menu["flow_id"], {"next_step_id": "entities"})
    assert form["step_id"] == "entities"
    return await flows.async_configure(form["flow_id"], user_input)


async def test_power_is_summed_over_time(hass, setup, poll, figure):
    say(hass, "3.25", unit="kW")
    await setup(meters_zone({"power": POWER}))
    assert figure("meter-0_power") == 3250
    await poll(seconds=100)
    await poll(seconds=260)
    # 3,250 W for 360 s
    assert figure("meter-0_energy") == pytest.approx(0.325)


async def test_a_gap_is_not_summed_across(hass, setup, poll, figure):
    say(hass, "1000")
    await setup(meters_zone({"power": POWER}, max_gap=60))
    await poll(seconds=36)
    say(hass, "unavailable")
    await poll(seconds=36)
    say(hass, "1000")
    await poll(seconds=36)  # 72 s since the last word
    await poll(seconds=36)
    assert figure("meter-0_energy") == pytest.approx(0.020)


async def test_an_energy_sensor_is_preferred_and_its_reset_is_bridged(hass, setup, poll, figure):
    say(hass, "1000")
    say(hass, "12.0", entity_id=ENERGY, unit="kWh")
    await setup(meters_zone({"power": POWER, "energy": ENERGY}))
    say(hass, "12.5", entity_id=ENERGY, unit="kWh")
    await poll(hours=1)
    assert figure("meter-0_energy") == 0.5
    say(hass, "0.25", entity_id=ENERGY, unit="kWh")  # a new day
    await poll(hours=1)
    await poll(seconds=60)
    assert figure("meter-0_energy") == 0.75
    assert figure("meter-0_power") == 1000


@pytest.mark.parametrize("polls", [1, 5])
async def test_an_energy_sensor_that_says_0_for_a_while_has_not_begun_anew(
    hass, setup, poll, figure, polls
):
    say(hass, "15.0", entity_id=ENERGY, unit="kWh")
    await setup(meters_zone({"energy": ENERGY}))
    say(hass, "0.0", entity_id=ENERGY, unit="kWh")  # the plug restarts
    for _ in range(polls):
        await poll(seconds=11)
    say(hass, "15.1", entity_id=ENERGY, unit="kWh")
    await poll(seconds=11)
    assert figure("meter-0_energy") == pytest.approx(0.1)


async def test_an_energy_sensor_alone_tells_the_power_by_its_changes(
    hass, setup, poll, figure, entity_id
):
    say(hass, "5000", entity_id=ENERGY, unit="Wh")
    await setup(meters_zone({"energy": ENERGY}))
    assert hass.states.get(entity_id("sensor", "meter-0_power")).state == "unknown"
    for watt_hours in ("5010", "5020"):
        say(hass, watt_hours, entity_id=ENERGY, unit="Wh")
        await poll(seconds=60)
    assert figure("meter-0_power") == pytest.approx(600)  # 10 Wh in a minute
    assert figure("meter-0_energy") == pytest.approx(0.02)


async def test_a_rack_of_miners_is_believed(hass, setup, poll, figure):
    say(hass, "100", entity_id=ENERGY, unit="kWh")
    await setup(meters_zone({"energy": ENERGY}))
    say(hass, "140", entity_id=ENERGY, unit="kWh")
    await poll(hours=1)
    assert figure("meter-0_energy") == 40  # 40 kW, more than any card draws


async def test_while_one_meter_is_silent_the_source_does_not_know_its_power(
    hass, setup, poll, figure, entity_id
):
    say(hass, "1000")
    say(hass, "500", entity_id="sensor.other")
    entry = meters_zone({"power": POWER}, {"power": "sensor.other"})
    await setup(entry)
    assert figure(f"{entry.entry_id}_power") == 1500
    say(hass, "unavailable", entity_id="sensor.other")
    await poll()
    assert hass.states.get(entity_id("sensor", f"{entry.entry_id}_power")).state == "unknown"
    assert figure("meter-0_power") == 1000
    assert hass.states.get(entity_id("binary_sensor", "online")).state == "on"
    say(hass, "unavailable")
    await poll()
    assert hass.states.get(entity_id("binary_sensor", "online")).state == "off"


@pytest.mark.parametrize("word", ["-20", "nan", "inf", "1e308", "on", ""])
async def test_what_is_no_power_is_none(hass, setup, poll, entity_id, word):
    say(hass, "1000")
    await setup(meters_zone({"power": POWER}))
    say(hass, word)
    await poll()
    assert hass.states.get(entity_id("sensor", "meter-0_power")).state == "unavailable"


async def test_a_plugs_noise_below_zero_is_zero(hass, setup, poll, figure):
    say(hass, "-0.3")
    await setup(meters_zone({"power": POWER}))
    assert figure("meter-0_power") == 0


async def test_energy_goes_on_over_a_restart(hass, setup, poll, figure, freezer):
    say(hass, "1000")
    entry = meters_zone({"power": POWER})
    await setup(entry)
    await poll(seconds=36)
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(72)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert figure("meter-0_energy") == pytest.approx(0.03)  # 108 s, the gap is within 300 s
    await poll(seconds=36)
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.04)


async def test_our_sensors_stand_on_the_plugs_own_device(hass, setup, entity_id):
    other = MockConfigEntry(domain="mqtt", title="Plug")
    other.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("mqtt", "plug")}, name="Plug"
    )
    plug = er.async_get(hass).async_get_or_create(
        "sensor", "mqtt", "plug-power", config_entry=other, device_id=device.id
    )
    say(hass, "1000", entity_id=plug.entity_id)
    await setup(meters_zone({"power": plug.entity_id}))
    ours = er.async_get(hass).async_get(entity_id("sensor", "meter-0_energy"))
    assert ours.device_id == device.id
    assert hass.states.get(ours.entity_id).name == "Plug Heat source energy"
    assert dr.async_get(hass).async_get(device.id).config_entry_id == other.entry_id


async def test_a_renamed_entity_is_followed(hass, setup, poll, figure, freezer):
    plug = er.async_get(hass).async_get_or_create("sensor", "mqtt", "plug-power")
    say(hass, "1000", entity_id=plug.entity_id)
    entry = meters_zone({"power": plug.entity_id})
    await setup(entry)
    await poll(seconds=36)
    freezer.tick(2)
    hass.states.async_remove(plug.entity_id)
    er.async_get(hass).async_update_entity(plug.entity_id, new_entity_id="sensor.renamed")
    say(hass, "1000", entity_id="sensor.renamed")
    await hass.async_block_till_done()
    (subentry,) = entry.subentries.values()
    assert subentry.data["meters"][0]["power"] == "sensor.renamed"
    await poll(seconds=34)
    assert figure("meter-0_energy") == pytest.approx(0.02)


async def test_entities_become_a_source(hass, setup, figure, agent, entry):
    await setup(entry)
    say(hass, "1350")
    result = await submit(
        hass, {"name": "Miners", "meters": [{"power": POWER}], "max_gap": 300}, entry=entry
    )
    assert (result["type"], result["title"]) == (FlowResultType.CREATE_ENTRY, "Miners")
    (meter,) = result["data"]["meters"]
    assert (meter["label"], meter["power"]) == ("miner power", POWER)
    assert "name" not in result["data"]
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_power") == 1800


async def test_a_zone_may_begin_with_entities(hass):
    say(hass, "1350")
    result = await submit(hass, {"name": "Miners", "meters": [{"power": POWER}], "max_gap": 300})
    assert result["step_id"] == "electricity"


@pytest.mark.parametrize(
    ("meters", "text"),
    [
        ([], "meters_missing"),
        ([{"label": "Miner"}], "meter_without_entity"),
        ([{"power": "sensor.nobody"}], "source_entity_missing"),
        ([{"power": ENERGY}], "not_a_power"),
        ([{"energy": POWER}], "not_an_energy_meter"),
        ([{"power": POWER}, {"power": POWER}], "entity_twice"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_lost(hass, meters, text):
    say(hass, "1350")
    say(hass, "12", entity_id=ENERGY, unit="kWh")
    given = {"name": "Miners", "meters": meters, "max_gap": 300}
    result = await submit(hass, given)
    assert result["errors"] == {"meters": text}
    shown = {str(key): key.description for key in result["data_schema"].schema}
    assert shown["meters"] == {"suggested_value": meters}
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {**given, "meters": [{"power": POWER, "energy": ENERGY}]}
    )
    assert result["step_id"] == "electricity"


async def test_what_is_counted_already_is_not_counted_twice(hass, setup, entity_id, agent, entry):
    await setup(entry)
    ours = entity_id("sensor", f"{GPU}_power")
    result = await submit(
        hass, {"name": "x", "meters": [{"power": ours}], "max_gap": 300}, entry=entry
    )
    assert result["errors"] == {"meters": "entity_ours"}
    say(hass, "1000")
    given = {"name": "Miners", "meters": [{"power": POWER}], "max_gap": 300}
    await submit(hass, given, entry=entry)
    await hass.async_block_till_done()
    result = await submit(hass, given, entry=entry)
    assert result["errors"] == {"meters": "entity_in_use"}
    assert result["description_placeholders"]["other"] == "Miners"


async def test_a_meter_that_is_kept_goes_on_and_another_begins(hass, setup, poll, figure):
    say(hass, "1000")
    say(hass, "400", entity_id="sensor.other")
    entry = meters_zone({"power": POWER})
    await setup(entry)
    await poll(seconds=36)
    (key,) = entry.subentries
    form = await entry.start_subentry_reconfigure_flow(hass, key)
    shown = {str(item): item.description for item in form["data_schema"].schema}
    assert shown["name"] == {"suggested_value": "Miners"}
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"],
        {
            "name": "Two miners",
            "meters": [{"label": "Old", "power": POWER}, {"power": "sensor.other"}],
            "max_gap": 300,
        },
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    subentry = entry.subentries[key]
    assert subentry.title == "Two miners"
    assert [row["label"] for row in subentry.data["meters"]] == ["Old", "other"]
    assert subentry.data["meters"][0]["id"] == "meter-0"
    assert figure("meter-0_energy") == pytest.approx(0.01)
    assert figure(f"{entry.entry_id}_power") == 1400


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


@pytest.mark.parametrize(("before", "after"), [("1.50", "1.49"), ("250.30", "250.25")])
async def test_a_counter_that_dips_is_none_that_begins_anew(
    hass, setup, poll, figure, before, after
):
    say(hass, before, entity_id=ENERGY, unit="kWh")
    await setup(meters_zone({"energy": ENERGY}))
    say(hass, "unavailable", entity_id=ENERGY)  # a plug that keeps its count seldom, restarts
    await poll(minutes=20)
    say(hass, after, entity_id=ENERGY, unit="kWh")
    await poll()
    assert figure("meter-0_energy") == 0
    say(hass, before, entity_id=ENERGY, unit="kWh")
    await poll()
    assert figure("meter-0_energy") == 0
