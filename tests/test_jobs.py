"""Jobs: paused and resumed by hand, kept paused by leases, never left behind."""

import asyncio
from datetime import timedelta

from aiohttp import web
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.gpu_heat.agent.models import JobState

REFUSED = web.json_response(
    {"error": {"code": "conflict", "message": "stopped by someone else"}}, status=409
)


async def switch_job(hass, entity_id, job, action):
    await hass.services.async_call(
        "switch", action, {"entity_id": entity_id("switch", f"{job}_running")}, blocking=True
    )


async def test_switching_a_job_off_pauses_it_and_on_resumes_it(
    hass, agent, entry, setup, entity_id
):
    await setup(entry)
    await switch_job(hass, entity_id, "train", "turn_off")
    status = hass.states.get(entity_id("sensor", "train_status"))
    assert hass.states.get(entity_id("switch", "train_running")).state == "off"
    assert (status.state, status.attributes["reason"]) == ("paused", "manual")
    assert hass.states.get(entity_id("switch", "index_running")).state == "on"
    await switch_job(hass, entity_id, "train", "turn_on")
    assert hass.states.get(entity_id("switch", "train_running")).state == "on"
    assert hass.states.get(entity_id("sensor", "train_status")).state == "running"


async def test_a_pause_is_kept_up_by_renewing_its_lease(hass, agent, entry, setup, poll, entity_id):
    """A lease is 15 minutes, renewed when less than half of it is left."""
    await setup(entry)
    await switch_job(hass, entity_id, "train", "turn_off")
    await poll(minutes=7)
    assert agent.leases == [("train", 900, "manual")]
    await poll(minutes=1)
    assert agent.leases == [("train", 900, "manual")] * 2


async def test_a_pause_outlives_a_restart_of_home_assistant(
    hass, agent, entry, setup, entity_id, freezer
):
    """Meanwhile the lease has run out, and the job went on: it is paused again."""
    await setup(entry)
    await switch_job(hass, entity_id, "train", "turn_off")
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(timedelta(minutes=20))
    agent.run_on("train")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get(entity_id("switch", "train_running")).state == "off"


async def test_a_pause_outlives_an_outage_of_the_network(
    hass, agent, entry, setup, poll, entity_id
):
    await setup(entry)
    await switch_job(hass, entity_id, "train", "turn_off")
    await agent.stop()
    await poll(minutes=20)
    agent.run_on("train")  # its lease is over
    await agent.start()
    await poll()
    assert hass.states.get(entity_id("switch", "train_running")).state == "off"


async def test_a_job_resumed_on_its_machine_is_left_alone(
    hass, agent, entry, setup, poll, entity_id
):
    await setup(entry)
    await switch_job(hass, entity_id, "train", "turn_off")
    await poll()
    agent.run_on("train")
    for _ in range(3):
        await poll()
    assert hass.states.get(entity_id("switch", "train_running")).state == "on"
    assert len(agent.leases) == 1


async def test_a_finished_job_is_let_go(hass, agent, entry, setup, poll, entity_id):
    await setup(entry)
    await switch_job(hass, entity_id, "train", "turn_off")
    agent.job("train", state=JobState.FINISHED, paused_by_us=False, lease_expires_at=None)
    await poll()
    await poll(minutes=10)
    assert hass.states.get(entity_id("sensor", "train_status")).state == "finished"
    assert len(agent.leases) == 1


async def test_a_refusal_is_said_and_not_insisted_on(hass, agent, entry, setup, poll, entity_id):
    await setup(entry)
    agent.refusal = REFUSED
    with pytest.raises(HomeAssistantError, match="stopped by someone else"):
        await switch_job(hass, entity_id, "train", "turn_off")
    agent.refusal = None
    await poll()
    assert agent.leases == []


async def test_a_renewal_that_is_refused_ends_the_pause(
    hass, agent, entry, setup, poll, entity_id, caplog
):
    await setup(entry)
    await switch_job(hass, entity_id, "train", "turn_off")
    agent.refusal = REFUSED
    await poll(minutes=8)
    agent.refusal = None
    agent.run_on("train")
    await poll()
    assert "cannot be kept paused: stopped by someone else" in caplog.text
    assert hass.states.get(entity_id("switch", "train_running")).state == "on"


async def test_a_renewal_that_fails_is_tried_again(hass, agent, entry, setup, poll, entity_id):
    await setup(entry)
    await switch_job(hass, entity_id, "train", "turn_off")
    agent.refusal = web.json_response({"error": {"message": "busy"}}, status=503)
    await poll(minutes=8)
    agent.refusal = None
    await poll()
    assert agent.leases == [("train", 900, "manual")] * 2


async def test_an_answer_that_is_no_job_is_an_error(hass, agent, entry, setup, entity_id):
    await setup(entry)
    agent.refusal = web.json_response({"id": "train"})
    with pytest.raises(HomeAssistantError, match="missing"):
        await switch_job(hass, entity_id, "train", "turn_off")


async def test_a_resume_is_not_undone_by_a_renewal_under_way(
    hass, agent, entry, setup, poll, entity_id
):
    """While the pause of one job is renewed, the other is resumed: it stays resumed."""
    await setup(entry)
    for job in ("train", "index"):
        await switch_job(hass, entity_id, job, "turn_off")
    agent.slow = asyncio.Event()
    polling = hass.async_create_task(poll(minutes=8))
    await agent.asked.wait()
    resuming = hass.async_create_task(switch_job(hass, entity_id, "index", "turn_on"))
    await asyncio.sleep(0)
    agent.slow.set()
    await asyncio.gather(polling, resuming)
    await poll()
    assert hass.states.get(entity_id("switch", "index_running")).state == "on"
    assert hass.states.get(entity_id("switch", "train_running")).state == "off"


async def test_a_job_resumed_on_its_machine_during_an_outage_is_left_alone(
    hass, agent, entry, setup, poll, entity_id
):
    """Its lease would have run on for 14 minutes."""
    await setup(entry)
    await switch_job(hass, entity_id, "train", "turn_off")
    await agent.stop()
    await poll(minutes=1)
    agent.run_on("train")
    await agent.start()
    await poll()
    assert hass.states.get(entity_id("switch", "train_running")).state == "on"
    assert len(agent.leases) == 1
