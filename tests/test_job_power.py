"""What GPUs draw while their jobs are paused, and one that works on."""

from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.gpu_heat.agent.models import JobState
from custom_components.gpu_heat.const import DOMAIN

from .scripted_agent import GPU

HELD = f"{GPU}_held_power"


@pytest.fixture
def used(agent):
    """An agent one of whose jobs uses the GPU."""
    agent.job("train", devices=(GPU,))
    return agent


def paused(agent, **gpu):
    agent.job("train", state=JobState.PAUSED, paused_by_us=True)
    agent.gpu(**gpu)


def issue(hass, entry):
    key = next(iter(entry.subentries))
    return ir.async_get(hass).async_get_issue(DOMAIN, f"still_drawing_{entry.entry_id}_{key}")


def shown(hass):
    return [it for it in hass.states.async_entity_ids() if "while_paused" in it]


async def polls(poll, count):
    for _ in range(count):
        await poll()


async def test_the_power_that_is_held_is_learned_and_shown(
    hass, used, entry, setup, poll, entity_id
):
    await setup(entry)
    assert not shown(hass)
    paused(used, power_w=98.0, utilization=0.0)
    await polls(poll, 11)  # 110 s after the pause was seen: clocks may still come down
    assert not shown(hass)  # a figure that nobody knows has no entity
    await polls(poll, 1)
    assert hass.states.get(entity_id("sensor", HELD)).state == "98.0"
    assert issue(hass, entry) is None


async def test_what_was_learned_outlives_a_restart_of_home_assistant(
    hass, used, entry, setup, poll, entity_id
):
    await setup(entry)
    paused(used, power_w=98.0, utilization=0.0)
    await polls(poll, 13)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get(entity_id("sensor", HELD)).state == "98.0"


async def test_a_gpu_that_works_on_is_reported_after_two_minutes(hass, used, entry, setup, poll):
    await setup(entry)
    paused(used, power_w=437.4, utilization=0.97)
    await polls(poll, 11)
    assert issue(hass, entry) is None
    await polls(poll, 1)
    placeholders = issue(hass, entry).translation_placeholders
    assert placeholders["named"] == "- GPU 0 NVIDIA GeForce RTX 4090: 437 W (Fine-tune)"
    paused(used, power_w=98.0, utilization=0.0)
    await polls(poll, 1)
    assert issue(hass, entry) is None


async def test_a_gpu_that_another_job_uses_is_not_reported(hass, used, entry, setup, poll):
    used.job("index", devices=(GPU,))
    await setup(entry)
    paused(used, power_w=437.4, utilization=0.97)
    await polls(poll, 20)
    assert issue(hass, entry) is None


async def test_a_gpu_that_a_job_of_a_group_uses_is_not_reported(hass, used, entry, setup, poll):
    used.group("farm", {"1": JobState.PAUSED, "2": JobState.RUNNING}, devices=(GPU,))
    used.job("farm:2", devices=(GPU,))
    await setup(entry)
    paused(used, power_w=437.4, utilization=0.97)
    await polls(poll, 20)
    assert issue(hass, entry) is None


async def test_a_gpu_that_was_let_go_is_free_for_others(hass, used, entry, setup, poll):
    used.job("train", frees_gpu=True)
    await setup(entry)
    paused(used, power_w=437.4, utilization=0.97)
    await polls(poll, 20)
    assert issue(hass, entry) is None


async def test_a_gpu_that_no_job_is_said_to_use_any_more_is_not_reported(
    hass, used, entry, setup, poll
):
    await setup(entry)
    paused(used, power_w=437.4, utilization=0.97)
    await polls(poll, 13)
    assert issue(hass, entry)
    used.job("train", devices=())
    await poll()
    assert issue(hass, entry) is None


async def test_a_gpu_whose_jobs_have_all_left_their_group_teaches_nothing(
    hass, agent, entry, setup, poll
):
    group = {"devices": (GPU,), "state": JobState.PAUSED, "paused_by_us": True}
    agent.group("farm", {}, **group)
    await setup(entry)
    agent.gpu(power_w=22.0, utilization=0.0)
    await polls(poll, 13)
    assert not shown(hass)


async def test_a_gpu_that_no_job_is_said_to_use_has_no_such_figure(
    hass, agent, entry, setup, entity_id
):
    await setup(entry)
    assert not shown(hass)
