"""Triggers and conditions for automations, and which entities they are about."""

from datetime import timedelta

from homeassistant.components.automation import DOMAIN as AUTOMATION_DOMAIN
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.condition import async_get_all_descriptions as all_conditions
from homeassistant.helpers.trigger import async_get_all_descriptions as all_triggers
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from custom_components.gpu_heat.agent.models import JobState

from .conftest import zone_entry


@pytest.fixture
def entry(agent):
    """A zone with a thermostat."""
    return zone_entry(agent, seasons={"thermostats": ["climate.room"]})


@pytest.fixture
def room(hass):
    """Set the room's temperature, with a target of 21 °C."""
    return lambda temperature: hass.states.async_set(
        "climate.room", "heat", {"current_temperature": temperature, "temperature": 21}
    )


@pytest.fixture
async def automation(hass):
    """Set up an automation; return what it calls."""

    async def set_up(trigger, *entities, condition=None):
        calls = async_mock_service(hass, "test", "called")
        config = {
            "alias": "ours",
            "triggers": {"trigger": trigger, "target": {"entity_id": list(entities)}},
            "actions": [{"action": "test.called"}],
        }
        if condition:
            config["conditions"] = condition
        assert await async_setup_component(hass, AUTOMATION_DOMAIN, {AUTOMATION_DOMAIN: config})
        await hass.async_block_till_done()
        return calls

    return set_up


async def test_heat_is_wanted_once_the_demand_rises_above_nothing(
    hass, entry, setup, room, automation, entity_id
):
    room(22)
    await setup(entry)
    calls = await automation("gpu_heat.heat_wanted", entity_id("sensor", "_heat_demand"))
    room(21)
    await hass.async_block_till_done()
    assert len(calls) == 1
    room(20)
    await hass.async_block_till_done()
    assert len(calls) == 1  # it was wanted already
    room(22)
    await hass.async_block_till_done()
    room(20.5)
    await hass.async_block_till_done()
    assert len(calls) == 2


async def test_a_job_that_is_paused_and_goes_on_triggers(
    hass, agent, entry, setup, room, poll, automation, entity_id
):
    room(21)
    await setup(entry)
    status = entity_id("sensor", "train_status")
    calls = await automation("gpu_heat.job_paused", status)
    agent.job("train", state=JobState.PAUSED, paused_by_us=True)
    await poll()
    assert len(calls) == 1


async def test_a_job_that_goes_on_triggers(
    hass, agent, entry, setup, room, poll, automation, entity_id
):
    room(21)
    agent.job("train", state=JobState.PAUSED)
    await setup(entry)
    calls = await automation("gpu_heat.job_resumed", entity_id("sensor", "train_status"))
    agent.job("train", state=JobState.QUEUED)
    await poll()
    agent.job("train", state=JobState.RUNNING)
    await poll()
    assert len(calls) == 1


async def test_a_deadline_that_is_new_and_at_risk_triggers(
    hass, agent, entry, setup, room, poll, automation, entity_id
):
    room(21)
    await setup(entry)
    await poll()
    risk = entity_id("binary_sensor", "train_deadline_at_risk")
    calls = await automation("gpu_heat.deadline_at_risk", risk)
    due = dt_util.utcnow() + timedelta(hours=1)
    agent.job("train", remaining_s=2 * 3600, deadline=due)
    await poll()
    await poll()
    assert len(calls) == 1


async def test_a_restart_is_no_news(hass, agent, entry, setup, room, poll, automation, entity_id):
    room(21)
    await setup(entry)
    agent.job("train", remaining_s=2 * 3600, deadline=dt_util.utcnow())
    await poll()
    await poll()
    risk = entity_id("binary_sensor", "train_deadline_at_risk")
    assert hass.states.get(risk).state == "on"
    calls = await automation("gpu_heat.deadline_at_risk", risk)
    await hass.config_entries.async_reload(entry.entry_id)
    await poll()
    assert hass.states.get(risk).state == "on"
    assert calls == []


async def test_other_entities_do_not_trigger(hass, entry, setup, room, automation):
    room(22)
    await setup(entry)
    other = er.async_get(hass).async_get_or_create("sensor", "demo", "heat_demand")
    hass.states.async_set(other.entity_id, "0")
    calls = await automation("gpu_heat.heat_wanted", other.entity_id, "sensor.house_power")
    hass.states.async_set(other.entity_id, "50")
    hass.states.async_set("sensor.house_power", "900")
    await hass.async_block_till_done()
    assert calls == []


@pytest.mark.parametrize(("temperature", "count"), [(21, 1), (22, 0)])
async def test_an_automation_may_ask_whether_heat_is_wanted(
    hass, agent, entry, setup, room, poll, automation, entity_id, temperature, count
):
    room(temperature)
    await setup(entry)
    condition = {
        "condition": "gpu_heat.is_heat_wanted",
        "target": {"entity_id": entity_id("sensor", "_heat_demand")},
        "options": {"behavior": "any"},
    }
    status = entity_id("sensor", "train_status")
    calls = await automation("gpu_heat.job_paused", status, condition=condition)
    agent.job("train", state=JobState.PAUSED)
    await poll()
    assert len(calls) == count


async def test_the_automation_editor_knows_them(hass, entry, setup, room):
    room(21)
    await setup(entry)
    assert await async_setup_component(hass, AUTOMATION_DOMAIN, {})
    triggers, conditions = await all_triggers(hass), await all_conditions(hass)
    assert {key for key in triggers if key.startswith("gpu_heat.")} == {
        "gpu_heat.deadline_at_risk",
        "gpu_heat.heat_wanted",
        "gpu_heat.job_paused",
        "gpu_heat.job_resumed",
    }
    assert triggers["gpu_heat.job_paused"]["fields"].keys() == {"behavior", "for"}
    assert conditions["gpu_heat.is_heat_wanted"]["fields"].keys() == {"behavior", "for"}
