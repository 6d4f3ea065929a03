"""Heat that entities of Home Assistant measure: smart plugs, miners, UPSes."""

from homeassistant.config_entries import SOURCE_USER
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.gpu_heat.const import DOMAIN

from .conftest import OPTIONS
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


async def test_a_meter_that_stands_still_has_used_less_than_a_step(hass, setup, poll, figure):
    say(hass, "5000", entity_id=ENERGY, unit="Wh")
    entry = meters_zone({"energy": ENERGY})
    await setup(entry)
    for watt_hours in ("5010", "5020"):
        say(hass, watt_hours, entity_id=ENERGY, unit="Wh")
        await poll(seconds=60)
    await poll(seconds=60)
    assert figure("meter-0_power") == pytest.approx(600)
    await poll(seconds=180)
    assert figure("meter-0_power") == pytest.approx(150)  # at most 10 Wh in 240 s
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert figure("meter-0_power") == pytest.approx(150)
    await poll(hours=10)
    assert figure(f"{entry.entry_id}_power") == pytest.approx(1, abs=0.02)


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
    assert (meter["label"], meter["power"]) == ("miner", POWER)
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
