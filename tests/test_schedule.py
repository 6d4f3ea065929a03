"""The action schedule_jobs: jobs follow the heat that the room wants."""

import asyncio

from aiohttp import web
from homeassistant.components.climate import HVACMode
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
import voluptuous as vol

from custom_components.gpu_heat.agent.models import JobState

from .conftest import zone_entry


@pytest.fixture
def room(hass):
    """Set the room's temperature, with a target of 21 °C."""

    def set_room(temperature, mode=HVACMode.HEAT):
        hass.states.async_set(
            "climate.room", mode, {"current_temperature": temperature, "temperature": 21}
        )

    return set_room


@pytest.fixture
def entry(agent):
    """A zone with a thermostat."""
    return zone_entry(agent, seasons={"thermostats": ["climate.room"]})


@pytest.fixture
def schedule(hass):
    """Call schedule_jobs; return its response."""

    async def call(**data):
        return await hass.services.async_call(
            "gpu_heat", "schedule_jobs", data, blocking=True, return_response=True
        )

    return call


def done(response):
    return [(job["job_id"], job["action"], job["reason"], job["state"]) for job in response["jobs"]]


async def test_a_warm_room_pauses_and_a_cold_one_resumes_after_the_minimum_time(
    hass, entry, setup, room, schedule, poll, entity_id
):
    room(22)
    await setup(entry)
    response = await schedule()
    assert (response["heat_wanted"], response["reason"]) == (False, "room_warm")
    assert done(response) == [
        ("train", "pause", "room_warm", "paused"),
        ("index", "pause", "room_warm", "paused"),
    ]
    assert response["jobs"][0]["entity_id"] == entity_id("switch", "train_running")
    assert hass.states.get(entity_id("sensor", "train_status")).attributes["reason"] == "room_warm"

    room(18)
    await poll(minutes=29)
    assert done(await schedule())[0] == ("train", "keep", "minimum_time", "paused")
    await poll(minutes=1)
    assert done(await schedule())[0] == ("train", "run", "wanted_heat", "running")

    room(22)
    await poll(minutes=29)
    assert done(await schedule())[0] == ("train", "keep", "minimum_time", "running")
    await poll(minutes=1)
    assert done(await schedule())[0] == ("train", "pause", "room_warm", "paused")


async def test_minimum_times_are_an_option(hass, agent, setup, room, schedule):
    room(22)
    seasons = {"thermostats": ["climate.room"]}
    control = {"minimum_on": {"seconds": 0}, "minimum_off": {"seconds": 0}}
    await setup(zone_entry(agent, seasons=seasons, control=control))
    assert done(await schedule())[0] == ("train", "pause", "room_warm", "paused")
    room(18)
    assert done(await schedule())[0] == ("train", "run", "wanted_heat", "running")


@pytest.mark.parametrize(
    ("temperature", "wanted"), [(21.49, True), (21.5, False), (20, True), (22.5, False)]
)
async def test_heat_is_wanted_below_target_plus_half_a_kelvin(
    entry, setup, room, schedule, temperature, wanted
):
    room(temperature)
    await setup(entry)
    assert (await schedule(dry_run=True))["heat_wanted"] is wanted


async def test_a_dry_run_only_says_what_it_would_do(agent, entry, setup, room, schedule):
    room(22)
    await setup(entry)
    response = await schedule(dry_run=True)
    assert done(response)[0] == ("train", "pause", "room_warm", "running")
    assert agent.leases == []


@pytest.mark.parametrize(
    ("temperature", "mode", "said", "wanted", "reason"),
    [
        (18, HVACMode.HEAT, {"season": "cooling"}, False, "cooling_season"),
        (18, HVACMode.HEAT, {"season": "shoulder"}, True, "wanted_heat"),
        (22, HVACMode.HEAT, {"season": "shoulder"}, False, "room_warm"),
        (18, HVACMode.HEAT, {"demand": 0}, False, "no_demand"),
        (25, HVACMode.HEAT, {"demand": 40}, True, "wanted_heat"),
        (18, HVACMode.OFF, {}, False, "heating_off"),
        (None, HVACMode.HEAT, {}, None, "demand_unknown"),
        (18, "unavailable", {"season": "cooling"}, None, "demand_unknown"),
    ],
)
async def test_why_heat_is_wanted_or_not(
    entry, setup, room, schedule, temperature, mode, said, wanted, reason
):
    room(temperature, mode)
    await setup(entry)
    response = await schedule(dry_run=True, **said)
    assert (response["heat_wanted"], response["reason"]) == (wanted, reason)


async def test_without_a_thermostat_the_work_goes_on(agent, setup, schedule):
    await setup(zone_entry(agent))
    assert (await schedule(season="cooling"))["reason"] == "demand_unknown"
    assert [job.state for job in agent.snapshot.jobs] == [JobState.RUNNING] * 2


async def test_a_persons_pause_is_left_to_that_person(
    hass, entry, setup, room, schedule, entity_id
):
    room(18)
    await setup(entry)
    await hass.services.async_call(
        "switch", "turn_off", {"entity_id": entity_id("switch", "train_running")}, blocking=True
    )
    assert done(await schedule())[0] == ("train", "keep", "manual_hold", "paused")


async def test_a_job_that_a_person_wants_to_run_runs(
    hass, entry, setup, room, schedule, poll, entity_id
):
    room(22)
    await setup(entry)
    await hass.services.async_call(
        "gpu_heat",
        "resume_jobs",
        {"entity_id": entity_id("switch", "train_running"), "duration": {"hours": 1}},
        blocking=True,
    )
    assert done(await schedule()) == [
        ("train", "keep", "manual_run", "running"),
        ("index", "pause", "room_warm", "paused"),
    ]
    await poll(minutes=61)
    assert done(await schedule())[0] == ("train", "pause", "room_warm", "paused")


async def test_a_job_stopped_by_someone_else_is_not_touched(agent, entry, setup, room, schedule):
    room(18)
    agent.job("train", state=JobState.PAUSED, can_pause=False)
    await setup(entry)
    assert done(await schedule())[0] == ("train", "keep", "not_controllable", "paused")


async def test_a_pause_that_nobody_decides_anew_ends_after_two_hours(
    agent, entry, setup, room, schedule, poll
):
    room(22)
    await setup(entry)
    await schedule()
    for _ in range(11):
        await poll(minutes=10)
    assert agent.snapshot.jobs[0].state is JobState.PAUSED
    await poll(minutes=11)
    assert agent.snapshot.jobs[0].state is JobState.RUNNING


async def test_a_pause_that_is_decided_anew_goes_on(agent, entry, setup, room, schedule, poll):
    room(22)
    await setup(entry)
    for _ in range(20):
        await schedule()
        await poll(minutes=10)
        assert agent.snapshot.jobs[0].state is JobState.PAUSED


async def test_a_pause_ends_in_time_while_the_room_is_not_known(
    hass, agent, entry, setup, room, schedule, poll
):
    room(22)
    await setup(entry)
    await schedule()
    room(None)
    await poll(minutes=31)  # until then its last word counts
    for _ in range(8):
        await poll(minutes=10)
        assert done(await schedule())[0] == ("train", "keep", "demand_unknown", "paused")
    await poll(minutes=11)
    assert agent.snapshot.jobs[0].state is JobState.RUNNING


async def test_a_resume_that_failed_is_tried_again_at_once(
    agent, entry, setup, room, schedule, poll
):
    room(22)
    await setup(entry)
    await schedule()
    await poll(minutes=31)
    room(18)
    agent.refusal = web.json_response({"error": {"message": "busy"}}, status=503)
    assert "busy" in (await schedule())["jobs"][0]["error"]
    agent.refusal = None
    assert done(await schedule())[0] == ("train", "run", "wanted_heat", "running")


async def test_resuming_what_runs_does_not_count_as_switching_it(
    hass, entry, setup, room, schedule, entity_id
):
    room(22)
    await setup(entry)
    await hass.services.async_call(
        "gpu_heat",
        "resume_jobs",
        {"entity_id": entity_id("switch", "train_running")},
        blocking=True,
    )
    assert done(await schedule())[0] == ("train", "pause", "room_warm", "paused")


async def test_a_job_whose_pause_ran_out_has_its_minimum_time_too(
    hass, entry, setup, room, schedule, poll, entity_id
):
    room(22)
    await setup(entry)
    await hass.services.async_call(
        "gpu_heat",
        "pause_jobs",
        {"entity_id": entity_id("switch", "train_running"), "duration": {"minutes": 5}},
        blocking=True,
    )
    await poll(minutes=6)
    assert done(await schedule())[0] == ("train", "keep", "minimum_time", "running")


async def test_a_thermostat_that_is_renamed_is_followed(hass, agent, setup, schedule):
    registered = er.async_get(hass).async_get_or_create("climate", "demo", "room")
    state = (HVACMode.HEAT, {"current_temperature": 23, "temperature": 21})
    hass.states.async_set(registered.entity_id, *state)
    seasons = {"thermostats": [registered.entity_id]}
    await setup(zone_entry(agent, seasons=seasons))
    hass.states.async_remove(registered.entity_id)
    er.async_get(hass).async_update_entity(registered.entity_id, new_entity_id="climate.hall")
    hass.states.async_set("climate.hall", *state)
    await hass.async_block_till_done()
    assert (await schedule())["reason"] == "room_warm"


async def test_a_failure_is_told_with_the_job(agent, entry, setup, room, schedule):
    room(22)
    await setup(entry)
    agent.refusal = web.json_response({"error": {"message": "engine gone"}}, status=503)
    response = await schedule()
    assert "engine gone" in response["jobs"][0]["error"]
    assert response["jobs"][0]["state"] == "running"


async def test_a_source_that_is_off_is_named(agent, entry, setup, room, schedule, poll):
    room(22)
    await setup(entry)
    await agent.stop()
    await poll()
    response = await schedule()
    assert (response["jobs"], response["offline_sources"]) == ([], ["rack of agent-1"])
    await agent.start()


async def test_with_two_zones_the_zone_must_be_named(hass, agent, entry, setup, room, schedule):
    room(18)
    await setup(entry)
    other = zone_entry(agent)
    await setup(other)
    with pytest.raises(ServiceValidationError):
        await schedule()
    assert (await schedule(config_entry_id=other.entry_id))["reason"] == "demand_unknown"


@pytest.mark.parametrize("data", [{"demand": 101}, {"demand": -1}, {"season": "monsoon"}])
async def test_what_cannot_be_is_refused(entry, setup, room, schedule, data):
    await setup(entry)
    with pytest.raises(vol.Invalid):
        await schedule(**data)


async def test_what_a_person_decides_while_the_schedule_does_stands(
    hass, agent, entry, setup, room, schedule, entity_id
):
    room(22)
    await setup(entry)
    agent.slow = asyncio.Event()
    switch = {"entity_id": entity_id("switch", "train_running")}
    switching = hass.async_create_task(
        hass.services.async_call("switch", "turn_off", switch, blocking=True)
    )
    await agent.arrivals.acquire()
    deciding = hass.async_create_task(schedule())
    await agent.arrivals.acquire()  # that of the other job: one does not wait for the other
    agent.slow.set()
    response = (await asyncio.gather(switching, deciding))[1]
    assert "a person has decided" in response["jobs"][0]["error"]
    (source,) = entry.runtime_data.sources.values()
    assert source.holds.to_json()["holds"]["train"]["manual"]
    assert agent.snapshot.jobs[0].reason == "manual"
