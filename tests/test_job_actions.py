"""The actions pause_jobs and resume_jobs: which jobs they are about, and what they answer."""

from datetime import timedelta

from aiohttp import web
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockUser
import voluptuous as vol

from custom_components.gpu_heat.agent.models import JobState

from .conftest import zone_entry

RUNNING, PAUSED, QUEUED, FINISHED = (
    JobState.RUNNING,
    JobState.PAUSED,
    JobState.QUEUED,
    JobState.FINISHED,
)
REFUSED = web.json_response(
    {"error": {"code": "conflict", "message": "stopped by someone else"}}, status=409
)


@pytest.fixture
def act(hass):
    """Call an action; return its response."""

    async def call(action, **data):
        return await hass.services.async_call(
            "gpu_heat", action, data, blocking=True, return_response=True
        )

    return call


@pytest.fixture
def both(agent, other):
    """A zone with two sources; the second has a group of two jobs."""
    other.snapshot = other.snapshot.__class__(
        agent=other.snapshot.agent, taken_at=other.snapshot.taken_at
    )
    other.group("farm", {"1": RUNNING, "2": QUEUED})
    return zone_entry(agent, other)


def device(hass, entry, identifier):
    """A device of a zone: itself, a source by its number, a job by source and id."""
    keys = list(entry.subentries)
    registry = dr.async_get(hass)
    name = ("gpu_heat", identifier(keys))
    return registry.async_get_device_by_identifier(
        name, entry.entry_id
    ) or registry.async_get_child_device_by_identifier(name, entry.entry_id)


def zone(hass, entry):
    return device(hass, entry, lambda keys: entry.entry_id)


def source(hass, entry, number):
    return device(hass, entry, lambda keys: keys[number])


def job_device(hass, entry, number, job):
    return device(hass, entry, lambda keys: f"{keys[number]}_job_{job}")


def done(response):
    return sorted((job["job_id"], job["state"]) for job in response["jobs"])


def waiting(*agents):
    return sorted(job.id for agent in agents for job in agent.snapshot.jobs if job.state is PAUSED)


EVERYTHING = [("farm", "paused"), ("index", "paused"), ("train", "paused")]


async def test_pausing_answers_what_was_done(hass, agent, entry, setup, act, entity_id):
    await setup(entry)
    switch = entity_id("switch", "train_running")
    answer = await act("pause_jobs", entity_id=switch, duration={"minutes": 5}, reason="guests")
    assert answer == {
        "jobs": [
            {
                "entity_id": switch,
                "job_id": "train",
                "name": "Fine-tune",
                "state": "paused",
                "paused_by_us": True,
                "reason": "guests",
                "until": (dt_util.utcnow() + timedelta(minutes=5)).isoformat(),
                "error": None,
            }
        ],
        "offline_sources": [],
    }
    assert agent.leases == [("train", 300, "guests")]


async def test_a_pause_for_a_duration_ends_by_itself(
    hass, agent, entry, setup, poll, act, entity_id
):
    await setup(entry)
    switch = entity_id("switch", "train_running")
    await act("pause_jobs", entity_id=switch, duration={"minutes": 20})
    await poll(minutes=11)
    assert hass.states.get(switch).state == "off"
    await poll(minutes=9)
    assert hass.states.get(switch).state == "on"
    assert agent.leases == [("train", 900, "manual"), ("train", 540, "manual")]


async def test_a_groups_answer_has_its_jobs(hass, agent, entry, setup, act, entity_id):
    agent.group("farm", {"1": RUNNING, "2": RUNNING})
    agent.stubborn = {"farm:2"}
    await setup(entry)
    switch = entity_id("switch", "farm_running")
    (row,) = (await act("pause_jobs", entity_id=switch))["jobs"]
    assert (row["job_id"], row["state"], row["paused_by_us"], row["error"]) == (
        "farm",
        "running",  # by its engine's word: one of its jobs goes on
        True,
        None,
    )
    assert row["jobs"] == [
        {
            "job_id": "farm:1",
            "name": "Run 1",
            "state": "paused",
            "paused_by_us": True,
            "error": None,
        },
        {
            "job_id": "farm:2",
            "name": "Run 2",
            "state": "running",
            "paused_by_us": False,
            "error": "the engine refuses",
        },
    ]


async def test_what_the_engine_is_to_agree_to_is_answered_as_it_is(
    hass, agent, entry, setup, act, entity_id
):
    agent.agrees = False
    await setup(entry)
    (row,) = (await act("pause_jobs", entity_id=entity_id("switch", "train_running")))["jobs"]
    assert (row["state"], row["paused_by_us"]) == ("running", True)


async def test_the_device_of_a_zone_means_all_its_jobs(hass, agent, other, both, setup, act):
    await setup(both)
    target = {"device_id": zone(hass, both).id}
    assert done(await act("pause_jobs", **target)) == EVERYTHING
    assert waiting(agent, other) == ["farm", "farm:1", "farm:2", "index", "train"]
    await act("resume_jobs", **target)
    assert waiting(agent, other) == []


async def test_a_zone_by_its_config_entry_means_all_its_jobs(hass, both, setup, act):
    await setup(both)
    assert done(await act("pause_jobs", config_entry_id=both.entry_id)) == EVERYTHING


async def test_all_entities_mean_all_jobs(hass, both, setup, act):
    await setup(both)
    assert done(await act("pause_jobs", entity_id="all")) == EVERYTHING


async def test_the_device_of_a_source_means_its_jobs(hass, both, setup, act):
    await setup(both)
    response = await act("pause_jobs", device_id=source(hass, both, 0).id)
    assert done(response) == [("index", "paused"), ("train", "paused")]
    response = await act("pause_jobs", device_id=[source(hass, both, 1).id])
    assert done(response) == [("farm", "paused")]


async def test_a_zone_means_also_jobs_whose_switch_is_disabled(
    hass, agent, entry, setup, act, entity_id
):
    await setup(entry)
    er.async_get(hass).async_update_entity(
        entity_id("switch", "train_running"), disabled_by=er.RegistryEntryDisabler.USER
    )
    await hass.async_block_till_done()
    response = await act("pause_jobs", device_id=zone(hass, entry).id)
    assert done(response) == [("index", "paused"), ("train", "paused")]


async def test_the_device_of_a_job_means_that_job(hass, both, setup, act):
    await setup(both)
    response = await act("pause_jobs", device_id=job_device(hass, both, 0, "index").id)
    assert done(response) == [("index", "paused")]


async def test_a_label_means_what_carries_it(hass, both, setup, act, entity_id):
    await setup(both)
    label = lr.async_get(hass).async_create("Flexible").label_id
    er.async_get(hass).async_update_entity(entity_id("switch", "train_running"), labels={label})
    assert done(await act("pause_jobs", label_id=label)) == [("train", "paused")]
    dr.async_get(hass).async_update_device(zone(hass, both).id, labels={label})
    assert done(await act("pause_jobs", label_id=label)) == EVERYTHING


async def test_an_area_means_what_stands_there(hass, both, setup, act):
    """The zone's device brings along what has no area of its own."""
    await setup(both)
    floor = fr.async_get(hass).async_create("Ground").floor_id
    areas = ar.async_get(hass)
    garage = areas.async_create("Garage", floor_id=floor).id
    office = areas.async_create("Office").id
    devices = dr.async_get(hass)
    devices.async_update_device(source(hass, both, 0).id, area_id=garage)
    both_there = [("index", "paused"), ("train", "paused")]
    assert done(await act("pause_jobs", area_id=garage)) == both_there
    assert done(await act("pause_jobs", floor_id=floor)) == both_there
    with pytest.raises(ServiceValidationError, match="has a job"):
        await act("pause_jobs", area_id=office)
    devices.async_update_device(zone(hass, both).id, area_id=office)
    assert done(await act("pause_jobs", area_id=office)) == [("farm", "paused")]


async def test_the_jobs_of_a_group_are_named_by_their_ids(hass, agent, other, both, setup, act):
    await setup(both)
    response = await act("pause_jobs", jobs=["farm:1", "train"])
    assert done(response) == [("farm:1", "paused"), ("train", "paused")]
    assert [job["entity_id"] is None for job in response["jobs"]] == [True, False]
    assert "jobs" not in response["jobs"][0]
    assert waiting(agent, other) == ["farm:1", "train"]
    await act("resume_jobs", jobs="farm:1")
    assert waiting(agent, other) == ["train"]


async def test_ids_are_looked_for_in_what_is_named_besides(hass, agent, other, setup, act):
    both = zone_entry(agent, other)  # train and index in both
    await setup(both)
    with pytest.raises(
        ServiceValidationError, match="train is a job of rack of agent-1, rack of agent-2"
    ):
        await act("pause_jobs", jobs=["train"])
    second = source(hass, both, 1).id
    assert done(await act("pause_jobs", device_id=second, jobs=["train"])) == [("train", "paused")]
    assert waiting(agent) == []
    assert waiting(other) == ["train"]


async def test_ids_are_looked_for_in_one_zone(hass, agent, other, setup, act):
    first, second = zone_entry(agent), zone_entry(other)
    await setup(first)
    await setup(second)
    await act("pause_jobs", config_entry_id=second.entry_id, jobs=["index"])
    assert (waiting(agent), waiting(other)) == ([], ["index"])


async def test_an_id_that_is_no_jobs_is_told_with_those_that_are(hass, agent, entry, setup, act):
    """As a job of a group is that has ended by now."""
    await setup(entry)
    response = await act("pause_jobs", jobs=["farm:9", "train"])
    assert response["jobs"][0]["job_id"] == "train"
    assert response["jobs"][1]["job_id"] == "farm:9"
    assert "no job farm:9" in response["jobs"][1]["error"]
    with pytest.raises(ServiceValidationError, match="no job farm:9"):
        await act("pause_jobs", jobs=["farm:9"])


async def test_what_names_nothing_is_refused(hass, agent, entry, setup, act):
    await setup(entry)
    with pytest.raises(ServiceValidationError, match="Name the jobs"):
        await act("pause_jobs", reason="guests")
    with pytest.raises(vol.Invalid, match="jobs"):
        await act("pause_jobs", jobs=[], config_entry_id=entry.entry_id)
    with pytest.raises(vol.Invalid, match="jobs"):
        await act("pause_jobs", jobs=[str(number) for number in range(251)])
    with pytest.raises(ServiceValidationError, match="not found"):
        await act("pause_jobs", config_entry_id="nowhere")
    with pytest.raises(ServiceValidationError, match="has a job"):
        await act("pause_jobs", entity_id="switch.of_something_else")
    assert waiting(agent) == []


async def test_what_fails_for_one_job_is_said_and_done_for_the_others(
    hass, agent, entry, setup, act, entity_id
):
    agent.stubborn = {"train"}
    await setup(entry)
    switches = [entity_id("switch", f"{job}_running") for job in ("train", "index")]
    response = await act("pause_jobs", entity_id=switches, duration={"hours": 1})
    rows = {job["job_id"]: job for job in response["jobs"]}
    assert rows["train"]["error"] == "Job train: the engine refuses"
    assert (rows["train"]["state"], rows["train"]["until"]) == ("running", None)
    assert (rows["index"]["state"], rows["index"]["error"]) == ("paused", None)


async def test_an_action_that_fails_for_every_job_fails(hass, agent, entry, setup, act):
    await setup(entry)
    agent.refusal = REFUSED
    with pytest.raises(HomeAssistantError, match="Job train: stopped by someone else"):
        await act("pause_jobs", config_entry_id=entry.entry_id)


async def test_sources_that_are_off_are_named(hass, agent, other, both, setup, act, poll):
    await setup(both)
    await agent.stop()
    await poll()
    response = await act("pause_jobs", config_entry_id=both.entry_id)
    assert done(response) == [("farm", "paused")]
    assert response["offline_sources"] == ["rack of agent-1"]
    with pytest.raises(HomeAssistantError, match="does not answer: rack of agent-1"):
        await act("pause_jobs", device_id=source(hass, both, 0).id)
    await agent.start()


async def test_an_action_without_a_response_is_done_too(hass, agent, entry, setup):
    await setup(entry)
    await hass.services.async_call("gpu_heat", "pause_jobs", {"jobs": ["train"]}, blocking=True)
    assert waiting(agent) == ["train"]


async def test_a_user_needs_the_right_to_switch_each_job(
    hass, agent, entry, setup, entity_id, hass_admin_user
):
    agent.group("farm", {"1": RUNNING})
    await setup(entry)
    user = MockUser().add_to_hass(hass)
    allowed = {entity_id("switch", f"{job}_running"): {POLICY_CONTROL: True} for job in ("farm",)}
    user.mock_policy({"entities": {"entity_ids": allowed}})

    async def pause(who, **data):
        await hass.services.async_call(
            "gpu_heat", "pause_jobs", data, blocking=True, context=Context(user_id=who.id)
        )

    with pytest.raises(Unauthorized):
        await pause(user, config_entry_id=entry.entry_id)
    with pytest.raises(Unauthorized):
        await pause(user, jobs=["train"])
    assert waiting(agent) == []
    await pause(user, jobs=["farm:1"])  # by the right to its group
    assert waiting(agent) == ["farm", "farm:1"]
    await pause(hass_admin_user, config_entry_id=entry.entry_id)
    assert waiting(agent) == ["farm", "farm:1", "index", "train"]


async def test_an_agent_that_is_asked_too_often_is_asked_again(
    hass, agent, entry, setup, act, monkeypatch
):
    monkeypatch.setattr("custom_components.gpu_heat.sources.agent.BUSY_S", 0)
    agent.group("farm", {str(number): RUNNING for number in range(30)})
    await setup(entry)
    agent.busy = 2
    response = await act("pause_jobs", jobs=[f"farm:{number}" for number in range(30)])
    assert [job["error"] for job in response["jobs"]] == [None] * 30
    assert len(waiting(agent)) == 31  # with the group, which has no other job
