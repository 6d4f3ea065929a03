"""Groups of jobs, like those of a cluster: one device a group, its jobs as an attribute."""

from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.gpu_heat import async_remove_config_entry_device
from custom_components.gpu_heat.agent.models import JobState

RUNNING, PAUSED, QUEUED = JobState.RUNNING, JobState.PAUSED, JobState.QUEUED
FINISHED, FAILED = JobState.FINISHED, JobState.FAILED

# What each job has, and each group.
OF_EACH = (
    "running",
    "status",
    "reason",
    "activity",
    "policy",
    "deadline",
    "clear_deadline",
    "deadline_at_risk",
)


@pytest.fixture
def farm(agent):
    """A group with a job that runs and one that waits for its turn."""
    agent.group("farm", {"1": RUNNING, "2": QUEUED})
    agent.job("farm:1", remaining_s=5400.0)
    return agent


@pytest.fixture
def shown(hass, entity_id):
    """Read an entity of a job by its kind."""
    platforms = {"running": "switch", "status": "sensor", "jobs": "sensor", "activity": "event"}
    return lambda job, key: hass.states.get(entity_id(platforms[key], f"_job_{job}_{key}"))


@pytest.fixture
def switch(hass, entity_id):
    """Turn a job's switch on or off."""

    async def turn(job, action):
        target = {"entity_id": entity_id("switch", f"_job_{job}_running")}
        await hass.services.async_call("switch", action, target, blocking=True)

    return turn


def of_jobs(hass, entry):
    """What a zone has for its jobs, by the ends of their unique ids."""
    items = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return {item.unique_id.partition("_job_")[2] for item in items if "_job_" in item.unique_id}


def device(hass, entry, job):
    (subentry,) = entry.subentries
    return dr.async_get(hass).async_get_child_device_by_identifier(
        ("gpu_heat", f"{subentry}_job_{job}"), entry.entry_id
    )


async def test_a_group_has_a_device_and_its_jobs_have_none(hass, farm, entry, setup, shown):
    await setup(entry)
    assert of_jobs(hass, entry) == {
        *("farm_jobs", "train_remaining_work", "index_remaining_work"),
        *(f"{job}_{key}" for job in ("farm", "train", "index") for key in OF_EACH),
    }
    assert shown("farm", "running").state == "on"
    assert shown("farm", "status").state == "running"
    assert shown("farm", "jobs").state == "2"
    assert shown("farm", "activity").state == "unknown"


async def test_the_jobs_of_a_group_are_an_attribute(farm, entry, setup, shown):
    await setup(entry)
    attributes = shown("farm", "jobs").attributes
    assert attributes["state_class"] == "measurement"
    assert attributes["left_out"] == 0
    assert attributes["jobs"] == [
        {
            "id": "farm:1",
            "name": "Run 1",
            "state": "running",
            "paused_by_us": False,
            "reason": None,
            "remaining_s": 5400.0,
            "error": None,
        },
        {
            "id": "farm:2",
            "name": "Run 2",
            "state": "queued",
            "paused_by_us": False,
            "reason": None,
            "remaining_s": None,
            "error": None,
        },
    ]


@pytest.mark.parametrize(
    ("states", "changes", "running", "status"),
    [
        ({"1": RUNNING, "2": PAUSED}, {}, "on", "running"),
        ({"1": QUEUED}, {}, "on", "queued"),
        ({"1": PAUSED, "2": FINISHED}, {}, "off", "paused"),
        ({"1": RUNNING}, {"paused_by_us": True}, "on", "pausing"),
        ({"1": QUEUED}, {"paused_by_us": True}, "on", "pausing"),
        ({"1": PAUSED}, {"paused_by_us": True}, "off", "paused"),
        ({}, {"paused_by_us": True}, "off", "paused"),
        ({"1": FINISHED}, {"paused_by_us": True}, "off", "finished"),
        ({}, {}, "on", "finished"),  # open to the jobs to come
        ({"1": FAILED}, {}, "on", "failed"),
    ],
)
async def test_what_a_group_does(agent, entry, setup, shown, states, changes, running, status):
    agent.group("farm", states, **changes)
    await setup(entry)
    assert (shown("farm", "running").state, shown("farm", "status").state) == (running, status)


@pytest.mark.parametrize(
    ("state", "running"),
    [(RUNNING, "on"), (QUEUED, "on"), (PAUSED, "off"), (FINISHED, "off"), (FAILED, "off")],
)
async def test_what_a_job_does(agent, entry, setup, shown, state, running):
    agent.job("train", state=state)
    await setup(entry)
    assert (shown("train", "running").state, shown("train", "status").state) == (running, state)


async def test_while_its_engine_is_silent_a_group_is_not_known(farm, entry, setup, shown, poll):
    await setup(entry)
    farm.silence("farm")
    await poll()
    assert shown("farm", "running").state == "unknown"
    assert shown("farm", "status").state == "unknown"
    assert shown("farm", "jobs").state == "unknown"
    assert "jobs" not in shown("farm", "jobs").attributes


async def test_a_group_whose_engine_is_silent_at_first_gets_its_jobs_later(
    farm, entry, setup, shown, poll, hass
):
    farm.silence("farm")
    await setup(entry)
    assert "farm_jobs" not in of_jobs(hass, entry)
    farm.group("farm", {"1": RUNNING}, members=1)
    await poll()
    assert shown("farm", "jobs").state == "1"
    farm.silence("farm")
    await poll()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert shown("farm", "jobs").state == "unknown"  # known as a group from before


async def test_a_group_pauses_and_resumes_as_one(farm, entry, setup, shown, switch):
    await setup(entry)
    await switch("farm", "turn_off")
    assert shown("farm", "running").state == "off"
    assert shown("farm", "status").state == "paused"
    assert [job["paused_by_us"] for job in shown("farm", "jobs").attributes["jobs"]] == [True, True]
    await switch("farm", "turn_on")
    assert shown("farm", "running").state == "on"


async def test_a_pause_is_shown_when_the_engine_agrees(farm, entry, setup, shown, switch, poll):
    farm.agrees = False
    await setup(entry)
    for job in ("farm", "train"):
        await switch(job, "turn_off")
        assert (shown(job, "running").state, shown(job, "status").state) == ("on", "pausing")
    farm.agree()
    await poll()
    for job in ("farm", "train"):
        assert (shown(job, "running").state, shown(job, "status").state) == ("off", "paused")


async def test_what_is_known_of_a_job(hass, agent, entry, setup, shown, switch):
    agent.job("train", remaining_s=3600.0, error="no answer", frees_gpu=False, keeps_work=True)
    await setup(entry)
    attributes = shown("train", "status").attributes
    assert {
        key: attributes[key]
        for key in ("paused_by_us", "reason", "lease_expires_at", "remaining_s", "error")
    } == {
        "paused_by_us": False,
        "reason": None,
        "lease_expires_at": None,
        "remaining_s": 3600.0,
        "error": "no answer",
    }
    assert (attributes["frees_gpu"], attributes["keeps_work"]) == (False, True)


async def test_hundreds_of_jobs_are_shown_and_make_no_devices(
    hass, agent, entry, setup, shown, poll, hass_storage, freezer
):
    agent.group("farm", {str(number): RUNNING for number in range(500)})
    await setup(entry)
    jobs = shown("farm", "jobs")
    assert (jobs.state, len(jobs.attributes["jobs"])) == ("500", 500)
    assert jobs.attributes["jobs"][499]["id"] == "farm:499"
    assert {key.rpartition(":")[0] for key in of_jobs(hass, entry)} == {""}
    profile = entry.runtime_data.sources[next(iter(entry.subentries))].profile
    assert [job.id for job in profile.jobs] == ["train", "index", "farm"]
    agent.group("farm", {str(number): RUNNING for number in range(500, 600)})
    await poll()
    assert shown("farm", "jobs").state == "100"
    assert entry.runtime_data.sources[next(iter(entry.subentries))].profile is profile


async def test_of_more_than_a_thousand_jobs_it_is_said_how_many_are_left_out(
    agent, entry, setup, shown
):
    agent.group("farm", {str(number): QUEUED for number in range(1234)})
    await setup(entry)
    jobs = shown("farm", "jobs")
    assert (jobs.state, len(jobs.attributes["jobs"])) == ("1234", 1000)
    assert jobs.attributes["left_out"] == 234


async def test_a_group_comes_and_goes(hass, agent, entry, setup, shown, poll):
    await setup(entry)
    assert device(hass, entry, "farm") is None
    agent.group("farm", {"1": RUNNING})
    await poll()
    assert shown("farm", "jobs").state == "1"
    assert device(hass, entry, "farm").name == "Farm"
    assert not await async_remove_config_entry_device(hass, entry, device(hass, entry, "farm"))
    agent.forget("farm")
    await poll()
    for key in ("running", "status", "jobs", "activity"):
        assert shown("farm", key).state == "unavailable"
    assert await async_remove_config_entry_device(hass, entry, device(hass, entry, "farm"))


async def test_a_job_that_is_back_is_shown_again(hass, agent, entry, setup, shown, poll, caplog):
    await setup(entry)
    agent.group("farm", {"1": RUNNING})
    await poll()
    agent.forget("farm")
    await poll()
    agent.group("farm", {"1": QUEUED})
    await poll()
    assert shown("farm", "status").state == "queued"
    assert "does not generate unique IDs" not in caplog.text


@pytest.mark.parametrize("disabled", [False, True])
async def test_a_job_that_is_back_after_its_device_was_removed_gets_a_new_one(
    hass, agent, entry, setup, shown, poll, entity_id, disabled
):
    agent.group("farm", {"1": RUNNING})
    await setup(entry)
    if disabled:
        er.async_get(hass).async_update_entity(
            entity_id("sensor", "_job_farm_jobs"), disabled_by=er.RegistryEntryDisabler.USER
        )
    agent.forget("farm")
    await poll()
    dr.async_get(hass).async_remove_device(device(hass, entry, "farm").id)
    await hass.async_block_till_done()
    assert not {key for key in of_jobs(hass, entry) if key.startswith("farm")}
    agent.group("farm", {"1": RUNNING})
    await poll()
    assert device(hass, entry, "farm").name == "Farm"
    assert {key for key in of_jobs(hass, entry) if key.startswith("farm")} == {
        "farm_jobs",
        *(f"farm_{key}" for key in OF_EACH),
    }
    assert shown("farm", "running").state == "on"


async def test_a_group_that_becomes_a_job_of_its_own_has_no_number_of_jobs(
    hass, agent, entry, setup, poll
):
    agent.group("farm", {"1": RUNNING})
    await setup(entry)
    agent.group("farm", {})
    agent.job("farm", members=None, state=RUNNING)
    await poll()
    (source,) = entry.runtime_data.sources.values()
    assert source.profile.jobs[-1].members is None
