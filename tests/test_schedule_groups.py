"""The schedule decides on a group as a whole, or on each of its jobs where their work is known."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from homeassistant.components.climate import HVACMode
import pytest

from custom_components.gpu_heat.agent.models import JobState

from .conftest import zone_entry

RUNNING, PAUSED, QUEUED = JobState.RUNNING, JobState.PAUSED, JobState.QUEUED
HOUR_S = 3600

# Electricity is cheap for the next four hours, and from midnight to 4 h.
CHEAP = {
    "tariff": "time_of_use",
    "electricity_price": 0.30,
    "windows": [
        {"start": "12:00:00", "end": "16:00:00", "price": 0.05},
        {"start": "00:00:00", "end": "04:00:00", "price": 0.05},
    ],
}


@pytest.fixture
async def farm(hass, agent):
    """A group of four jobs, two of which run; nothing else."""
    await hass.config.async_set_time_zone("UTC")
    for job in ("train", "index"):
        agent.forget(job)
    agent.group("farm", {"1": RUNNING, "2": RUNNING, "3": QUEUED, "4": QUEUED})
    hass.states.async_set("sensor.outdoor", 5, {"unit_of_measurement": "°C"})
    return agent


@pytest.fixture
def entry(farm):
    """A zone with cheap hours, a thermostat and a sensor outdoors."""
    seasons = {"thermostats": ["climate.room"], "outdoor_temperature": "sensor.outdoor"}
    return zone_entry(farm, electricity=CHEAP, seasons=seasons)


@pytest.fixture
def room(hass):
    """Set the room's temperature, with a target of 21 °C."""
    return lambda temperature: hass.states.async_set(
        "climate.room", HVACMode.HEAT, {"current_temperature": temperature, "temperature": 21}
    )


@pytest.fixture
def schedule(hass):
    """Call schedule_jobs; return its response."""

    async def call(**data):
        return await hass.services.async_call(
            "gpu_heat", "schedule_jobs", data, blocking=True, return_response=True
        )

    return call


def work(agent, hours):
    """Have the jobs of the group tell their work."""
    for key, left in hours.items():
        agent.job(f"farm:{key}", remaining_s=left * HOUR_S)


def states(agent):
    return [job.state for job in agent.members("farm")]


async def test_a_group_whose_work_nobody_knows_follows_the_heat_as_one(
    farm, entry, setup, room, schedule, poll
):
    room(22)
    await setup(entry)
    (row,) = (await schedule())["jobs"]
    assert (row["job_id"], row["action"], row["reason"]) == ("farm", "pause", "room_warm")
    assert "jobs" not in row
    assert [job_id for job_id, *_ in farm.leases] == ["farm"]
    await poll(minutes=31)
    room(20)
    assert (await schedule())["jobs"][0]["action"] == "run"
    assert PAUSED not in states(farm)


async def test_jobs_of_known_work_are_planned_each(farm, entry, setup, room, schedule):
    room(21)
    work(farm, {"1": 4, "2": 4, "3": 4, "4": 4})
    await setup(entry)
    response = await schedule()
    # Two have ever run at a time: the other two have their places at midnight.
    assert [(row["job_id"], row["start"][:13]) for row in response["plan"]] == [
        ("farm:1", "2026-01-15T12"),
        ("farm:2", "2026-01-15T12"),
        ("farm:3", "2026-01-16T00"),
        ("farm:4", "2026-01-16T00"),
    ]
    assert states(farm) == [RUNNING, RUNNING, PAUSED, PAUSED]
    assert [job_id for job_id, *_ in farm.leases] == ["farm:3", "farm:4"]
    (row,) = response["jobs"]
    assert [(job["job_id"], job["reason"]) for job in row["jobs"]] == [
        ("farm:1", "wanted_heat"),
        ("farm:2", "wanted_heat"),
        ("farm:3", "better_hour"),
        ("farm:4", "better_hour"),
    ]
    assert (row["reason"], row["action"]) == ("wanted_heat", "pause")


async def test_one_that_can_wait_no_longer_runs_while_its_group_waits(
    farm, entry, setup, room, schedule, poll, freezer
):
    room(21)
    farm.group("farm", {"1": QUEUED, "2": QUEUED})
    work(farm, {"1": 3, "2": 3})
    await setup(entry)
    freezer.move_to("2026-01-15 16:30:00+00:00")  # electricity is expensive until midnight
    await poll()
    await schedule()
    assert states(farm) == [PAUSED, PAUSED]
    assert [job_id for job_id, *_ in farm.leases] == ["farm"]  # it disturbs nobody that runs

    farm.job("farm:2", deadline=datetime(2026, 1, 15, 20, tzinfo=UTC))
    await poll()
    response = await schedule()
    assert states(farm) == [PAUSED, RUNNING]
    assert response["jobs"][0]["jobs"][1]["reason"] == "deadline_guard"
    for _ in range(3):
        await poll(minutes=8)  # the lease of the group is renewed
    assert states(farm) == [PAUSED, RUNNING]


async def test_what_was_paused_alone_goes_on_when_nobodys_work_is_known_any_more(
    farm, entry, setup, room, schedule, poll
):
    farm.group("farm", {"1": RUNNING, "2": RUNNING})
    farm.job("farm:1", remaining_s=HOUR_S, deadline=datetime(2026, 1, 15, 14, tzinfo=UTC))
    room(22)
    await setup(entry)
    await schedule()
    assert states(farm) == [RUNNING, PAUSED]
    farm.group("farm", {"2": PAUSED})
    await poll(minutes=31)
    room(19)
    await schedule()
    assert states(farm) == [RUNNING]


async def test_a_person_who_switches_a_group_off_stops_also_what_runs_while_it_waits(
    hass, farm, entry, setup, room, schedule, poll, entity_id
):
    farm.group("farm", {"1": QUEUED, "2": QUEUED})
    work(farm, {"1": 2, "2": 2})
    farm.job("farm:1", deadline=datetime(2026, 1, 15, 15, tzinfo=UTC))
    farm.job("farm:2", deadline=datetime(2026, 1, 16, 12, tzinfo=UTC))
    room(22)
    await setup(entry)
    await schedule()
    assert states(farm) == [RUNNING, PAUSED]
    target = {"entity_id": entity_id("switch", "farm_running")}
    for action, state in (("turn_off", PAUSED), ("turn_on", RUNNING)):
        await hass.services.async_call("switch", action, target, blocking=True)
        assert states(farm) == [state, state]


async def test_a_restart_knows_how_many_run_at_a_time(hass, farm, entry, setup, room, schedule):
    room(21)
    work(farm, {"1": 4, "2": 4, "3": 4, "4": 4})
    await setup(entry)
    await schedule(dry_run=True)
    await hass.config_entries.async_unload(entry.entry_id)
    farm.group("farm", {"1": QUEUED, "2": QUEUED, "3": QUEUED, "4": QUEUED})
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    starts = [row["start"][:13] for row in (await schedule(dry_run=True))["plan"]]
    assert starts.count("2026-01-15T12") == 2


async def test_what_a_person_paused_in_the_group_stays(
    hass, farm, entry, setup, room, schedule, poll
):
    room(22)
    await setup(entry)
    await hass.services.async_call("gpu_heat", "pause_jobs", {"jobs": ["farm:1"]}, blocking=True)
    work(farm, {"2": 4, "3": 4, "4": 4})
    await poll()
    room(20)
    response = await schedule()
    reasons = {job["job_id"]: job["reason"] for job in response["jobs"][0]["jobs"]}
    assert reasons["farm:1"] == "manual_hold"
    assert farm.members("farm")[0].state is PAUSED


async def test_automatic_control_that_is_turned_off_lets_all_of_them_go(
    hass, farm, entry, setup, room, entity_id
):
    room(21)
    work(farm, {"1": 4, "2": 4, "3": 4, "4": 4})
    await setup(entry)
    switch = {"entity_id": entity_id("switch", "_automatic_control")}
    await hass.services.async_call("switch", "turn_on", switch, blocking=True)
    assert states(farm) == [RUNNING, RUNNING, PAUSED, PAUSED]
    await hass.services.async_call("switch", "turn_off", switch, blocking=True)
    assert states(farm) == [RUNNING] * 4
    (source,) = entry.runtime_data.sources.values()
    assert source.holds.to_json()["holds"] == {}


async def test_a_group_that_is_let_go_takes_along_all_but_what_a_person_paused(
    hass, farm, entry, setup, room, schedule, poll
):
    room(21)
    work(farm, {"1": 4, "2": 4, "3": 4, "4": 4})
    await setup(entry)
    await schedule()  # pauses the third and the fourth
    await hass.services.async_call("gpu_heat", "pause_jobs", {"jobs": ["farm:1"]}, blocking=True)
    for key in "1234":
        farm.job(f"farm:{key}", remaining_s=0)  # so nobody knows what it still does
    room(22)
    await poll(minutes=31)
    room(22)
    await schedule()
    assert states(farm) == [PAUSED] * 4
    room(20)
    await poll(minutes=31)
    room(20)
    await schedule()
    assert ("farm", 60, "wanted_heat") in farm.leases  # its pause ends in a minute
    assert states(farm)[2:] == [RUNNING, RUNNING]
    (source,) = entry.runtime_data.sources.values()
    assert list(source.holds.to_json()["holds"]) == ["farm:1"]


async def test_a_command_that_fails_is_told_and_tried_again(farm, entry, setup, room, schedule):
    room(21)
    work(farm, {"1": 4, "2": 4, "3": 4, "4": 4})
    farm.stubborn = {"farm:3"}
    await setup(entry)
    rows = (await schedule())["jobs"][0]["jobs"]
    assert ["refuses" in (row["error"] or "") for row in rows] == [False, False, True, False]
    farm.stubborn = set()
    rows = (await schedule())["jobs"][0]["jobs"]
    assert [row["error"] for row in rows] == [None] * 4
    assert states(farm) == [RUNNING, RUNNING, PAUSED, PAUSED]


async def test_as_many_run_as_were_seen_to_or_as_there_are_gpus_for(
    farm, entry, setup, room, schedule, poll
):
    """A job of one GPU of two says nothing of how many of two GPUs will fit."""
    room(21)
    gpu = farm.snapshot.devices[0]
    other = replace(gpu, id="GPU-other", index=1)
    farm.snapshot = replace(farm.snapshot, devices=(gpu, other))
    farm.group("farm", {"1": RUNNING})
    farm.job("farm:1", devices=(gpu.id,), remaining_s=HOUR_S)
    await setup(entry)
    await schedule()
    farm.group("farm", {"2": RUNNING, "3": QUEUED, "4": QUEUED})
    for key in "234":
        farm.job(f"farm:{key}", remaining_s=4 * HOUR_S)
    farm.job("farm:2", devices=(gpu.id, other.id))
    await poll()
    plan = (await schedule())["plan"]
    assert all(row["end"] <= later["start"] for row, later in pairwise(plan))
