"""A job that a person switches: for good, or for a while where the schedule acts by itself."""

import pytest

from custom_components.gpu_heat.agent.models import JobState

from .conftest import zone_entry

RUNNING, PAUSED = JobState.RUNNING, JobState.PAUSED


@pytest.fixture
def entry(agent):
    """A zone with a thermostat, whose schedule is asked for by hand."""
    return zone_entry(agent, seasons={"thermostats": ["climate.room"]})


@pytest.fixture
def room(hass):
    """Set the room's temperature, with a target of 21 °C."""

    def set_room(temperature):
        hass.states.async_set(
            "climate.room", "heat", {"current_temperature": temperature, "temperature": 21}
        )

    return set_room


@pytest.fixture
def automatic(entry, setup):
    """Set up the zone, its schedule acting by itself."""

    async def begin():
        await setup(entry)
        (source,) = entry.runtime_data.sources.values()
        source.automatic = True

    return begin


@pytest.fixture
def switch(hass, entity_id):
    """Switch the job "train"."""

    async def call(action):
        target = {"entity_id": entity_id("switch", "train_running")}
        await hass.services.async_call("switch", action, target, blocking=True)

    return call


@pytest.fixture
def decided(hass, agent):
    """Have the schedule decide; return what it did to the job "train", and the job's state."""

    async def decide():
        response = await hass.services.async_call(
            "gpu_heat", "schedule_jobs", {}, blocking=True, return_response=True
        )
        return response["jobs"][0]["action"], agent.snapshot.jobs[0].state

    return decide


async def pass_time(poll, minutes):
    """Let time go by in steps that are short enough to renew leases."""
    for _ in range(minutes // 7):
        await poll(minutes=7)
    await poll(minutes=minutes % 7)


async def test_a_job_that_is_switched_off_waits_until_it_is_switched_on(
    entry, setup, room, switch, poll, decided
):
    room(18)
    await setup(entry)
    await switch("turn_off")
    await pass_time(poll, 130)
    assert await decided() == ("keep", PAUSED)
    await switch("turn_on")
    assert await decided() == ("keep", RUNNING)


async def test_without_a_schedule_of_its_own_a_job_that_is_switched_on_is_the_actions(
    entry, setup, room, switch, poll, decided
):
    room(23)
    await setup(entry)
    await switch("turn_off")
    await switch("turn_on")
    await poll(minutes=31)
    assert await decided() == ("pause", PAUSED)


async def test_the_schedule_leaves_a_job_that_is_switched_off_for_two_hours(
    automatic, room, switch, poll, decided
):
    room(18)
    await automatic()
    await switch("turn_off")
    await pass_time(poll, 119)
    assert await decided() == ("keep", PAUSED)
    await pass_time(poll, 2)
    assert await decided() == ("run", RUNNING)


async def test_the_schedule_leaves_a_job_that_is_switched_on_for_two_hours(
    automatic, room, switch, poll, decided
):
    room(23)
    await automatic()
    await switch("turn_off")
    await switch("turn_on")
    await poll(minutes=119)
    assert await decided() == ("keep", RUNNING)
    await poll(minutes=2)
    assert await decided() == ("pause", PAUSED)


async def test_for_how_long_is_an_option(agent, setup, room, switch, poll, decided):
    room(23)
    seasons = {"thermostats": ["climate.room"]}
    entry = zone_entry(agent, seasons=seasons, control={"hand_hold": {"hours": 1}})
    await setup(entry)
    (source,) = entry.runtime_data.sources.values()
    source.automatic = True
    await switch("turn_on")
    await poll(minutes=59)
    assert await decided() == ("keep", RUNNING)
    await poll(minutes=2)
    assert await decided() == ("pause", PAUSED)


async def test_a_job_that_was_switched_off_is_not_set_off_before_the_schedule_has_decided(
    automatic, room, switch, poll, decided, agent
):
    """The room is warm: the job would only run to be paused again."""
    room(23)
    await automatic()
    await switch("turn_off")
    await pass_time(poll, 121)
    assert agent.snapshot.jobs[0].state is PAUSED
    assert await decided() == ("keep", PAUSED)
    await pass_time(poll, 60)
    assert agent.snapshot.jobs[0].state is PAUSED


async def test_a_job_that_was_switched_off_runs_on_if_no_schedule_decides_in_half_an_hour(
    automatic, room, switch, poll, agent
):
    room(23)
    await automatic()
    await switch("turn_off")
    await pass_time(poll, 121)
    await pass_time(poll, 29)
    assert agent.snapshot.jobs[0].state is PAUSED
    await pass_time(poll, 2)
    assert agent.snapshot.jobs[0].state is RUNNING
