"""What a source asks its owner for: other credentials, another version, a meter that is gone."""

from dataclasses import replace

from aiohttp import web
from homeassistant.config_entries import SOURCE_REAUTH, ConfigSubentryData
from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.gpu_heat.agent.models import to_json
from custom_components.gpu_heat.const import DOMAIN

from .conftest import OPTIONS, zone_entry
from .scripted_agent import TOKEN

WATT = {"unit_of_measurement": "W"}
PLUG, METER = "sensor.plug_power", "sensor.plug_energy"


@pytest.fixture
def told(hass):
    """All that was ever told of issues."""
    return async_capture_events(hass, ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED)


def issues(hass):
    """Return the translation keys of the issues that there are, ours and Home Assistant's."""
    return sorted(item.translation_key for item in ir.async_get(hass).issues.values())


def issue(hass):
    """Return the only issue."""
    (only,) = ir.async_get(hass).issues.values()
    return only


def flows(hass):
    return [
        flow
        for flow in hass.config_entries.flow.async_progress()
        if flow["context"]["source"] == SOURCE_REAUTH
    ]


async def test_a_token_that_is_rejected_is_asked_for_once(hass, agent, entry, setup, poll):
    await setup(entry)
    agent.token = "changed"
    for _ in range(3):
        await poll()
    (flow,) = flows(hass)
    assert flow["context"]["title_placeholders"] == {"name": "rack of agent-1"}
    assert issues(hass) == ["config_entry_reauth"]
    agent.token = TOKEN
    await poll()
    assert not flows(hass)
    assert not issues(hass)


async def test_a_new_token_ends_it(hass, agent, entry, setup, poll, figure):
    agent.token = "changed"
    await setup(entry)
    (flow,) = flows(hass)
    await hass.config_entries.flow.async_configure(flow["flow_id"], {"token": "changed"})
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_power") == 450
    assert not flows(hass)
    assert not issues(hass)


async def test_of_two_that_reject_each_is_asked_for_in_turn(
    hass, agent, other, setup, poll, figure
):
    """Home Assistant asks for one a zone at a time; the other's is not taken back with it."""
    entry = zone_entry(agent, other)
    await setup(entry)
    other.token = "changed"
    await poll()
    agent.token = "changed too"
    await poll()
    (flow,) = flows(hass)
    assert flow["context"]["title_placeholders"] == {"name": "rack of agent-2"}
    agent.token = TOKEN
    await poll()
    assert flows(hass) == [flow]
    agent.token = "changed too"
    await hass.config_entries.flow.async_configure(flow["flow_id"], {"token": "changed"})
    await hass.async_block_till_done()
    (flow,) = flows(hass)
    assert flow["context"]["title_placeholders"] == {"name": "rack of agent-1"}


async def test_nobody_is_asked_for_the_token_of_a_source_that_is_removed(
    hass, agent, other, setup, poll
):
    entry = zone_entry(agent, other)
    await setup(entry)
    agent.token = "changed"
    await poll()
    gone = next(key for key, item in entry.subentries.items() if item.unique_id == agent.id)
    hass.config_entries.async_remove_subentry(entry, gone)
    await hass.async_block_till_done()
    assert not flows(hass)
    assert not issues(hass)


def answer_of(agent, version):
    """Return a snapshot that lacks what this version of the integration needs."""
    document = to_json(
        replace(agent.snapshot, agent=replace(agent.snapshot.agent, version=version))
    )
    del document["devices"]
    return web.json_response(document)


@pytest.mark.parametrize(
    ("version", "key", "shown"),
    [
        ("0.0.9", "agent_too_old", "0.0.9"),
        ("7.1.0", "agent_too_new", "7.1.0"),
        ("nightly", "agent_too_old", "nightly"),
        ("[here](http://evil)", "agent_too_old", "?"),
    ],
)
async def test_an_agent_of_another_version_is_named(
    hass, agent, entry, setup, poll, version, key, shown
):
    await setup(entry)
    agent.answer = answer_of(agent, version)
    await poll()
    await poll()
    found = issue(hass)
    assert (found.translation_key, found.is_fixable) == (key, False)
    assert found.translation_placeholders == {
        "zone": "House",
        "source": "rack of agent-1",
        "version": shown,
        "ours": "0.1.0",
    }
    agent.answer = None
    await poll()
    assert not issues(hass)


async def test_an_agent_that_is_off_while_it_is_updated_does_not_settle_it(
    hass, agent, entry, setup, poll
):
    await setup(entry)
    agent.answer = answer_of(agent, "0.0.9")
    await poll()
    await agent.stop()
    await poll()
    assert issues(hass) == ["agent_too_old"]
    await agent.start()
    agent.answer = web.Response(status=404, body=b"{}", content_type="application/json")
    await poll()
    assert issues(hass) == ["agent_too_new"]  # it says 9.0.0 elsewhere


def metered_entry(**meter):
    """A zone whose one source is made of entities."""
    row = {"id": "01METER", "label": "Miner", "power": PLUG, **meter}
    return MockConfigEntry(
        domain=DOMAIN,
        title="House",
        minor_version=2,
        options=OPTIONS,
        subentries_data=[
            ConfigSubentryData(
                data={"kind": "entities", "meters": [row], "max_gap": 300},
                subentry_type="source",
                title="Miners",
                unique_id=None,
            )
        ],
    )


async def test_a_meter_that_is_gone_is_named_after_ten_minutes(hass, setup, poll):
    hass.states.async_set(PLUG, "800", WATT)
    await setup(metered_entry())
    hass.states.async_remove(PLUG)
    await poll()
    await poll(minutes=9)
    assert not issues(hass)
    await poll(minutes=1)
    found = issue(hass)
    assert found.translation_key == "source_entity_gone"
    assert found.translation_placeholders == {
        "zone": "House",
        "source": "Miners",
        "named": f"- {PLUG}",
    }
    hass.states.async_set(PLUG, "800", WATT)
    await poll()
    assert not issues(hass)


async def test_a_meter_that_comes_up_late_at_a_start_is_not_told_of(hass, setup, poll, told):
    await setup(metered_entry(energy=METER))
    for _ in range(9):
        await poll(minutes=1)
    hass.states.async_set(PLUG, "800", WATT)
    await poll()
    hass.states.async_set(METER, "12", {"unit_of_measurement": "kWh"})
    for _ in range(15):
        await poll(minutes=1)
    assert not told


async def test_a_meter_that_is_registered_and_silent_is_not_gone(hass, setup, poll):
    registered = er.async_get(hass).async_get_or_create(
        "sensor", "plugs", "1", suggested_object_id="plug_power"
    )
    assert registered.entity_id == PLUG
    await setup(metered_entry())
    for _ in range(3):
        await poll(minutes=10)
    assert not issues(hass)


async def test_a_meter_that_is_replaced_is_not_missed(hass, setup, poll):
    entry = metered_entry()
    hass.states.async_set("sensor.new", "700", WATT)
    await setup(entry)
    await poll(minutes=11)
    assert issues(hass) == ["source_entity_gone"]
    (subentry,) = entry.subentries.values()
    row = {**subentry.data["meters"][0], "power": "sensor.new"}
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "meters": [row]}
    )
    await hass.async_block_till_done()
    assert not issues(hass)


async def test_the_plug_of_a_server_that_is_off_is_missed_as_well(hass, agent, setup, poll):
    entry = zone_entry(agent, source={"plug_power": PLUG})
    await setup(entry)
    await agent.stop()
    await poll(minutes=11)
    assert issue(hass).translation_placeholders["named"] == f"- {PLUG}"
    await hass.config_entries.async_reload(entry.entry_id)
    assert issues(hass) == ["source_entity_gone"]
    hass.states.async_set(PLUG, "800", WATT)
    await poll()
    assert not issues(hass)


async def test_a_zone_that_is_removed_takes_its_issues_with_it(hass, agent, entry, setup, poll):
    await setup(entry)
    agent.answer = answer_of(agent, "0.0.9")
    await poll()
    assert issues(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    assert not issues(hass)


async def test_a_gpu_that_another_source_comes_to_read_is_said_to_be_counted_twice(
    hass, agent, other, setup, poll
):
    card = "GPU-34319582-d595-d1c7-d1d2-179bcfa61660"
    await setup(zone_entry(agent, other))
    agent.gpu(id=card)
    for _ in range(3):
        await poll(minutes=3)
    assert issues(hass) == []
    other.gpu(id=card.lower())
    for _ in range(3):
        await poll(minutes=3)
    assert issues(hass) == ["counted_twice"] * 2
    other.gpu(id="GPU-other")
    for _ in range(3):
        await poll(minutes=3)
    assert issues(hass) == []
