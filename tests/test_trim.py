"""GPUs draw less while work goes on whose heat nobody wants, and nobody else's limit is touched."""

from datetime import UTC, datetime, timedelta

from aiohttp import web
from homeassistant.components.climate import HVACMode
from homeassistant.util import dt as dt_util
import pytest

from custom_components.gpu_heat.agent.models import JobState
from custom_components.gpu_heat.control.reasons import Reason
from custom_components.gpu_heat.holds import Hold

from .conftest import zone_entry
from .scripted_agent import GPU

HOUR_S = 3600
HOUR = timedelta(hours=1)
# The cheapest hours of the day are now, and the room is warm.
NOW = {
    "tariff": "time_of_use",
    "electricity_price": 0.40,
    "windows": [{"start": "12:00:00", "end": "16:00:00", "price": 0.20}],
}


@pytest.fixture
async def entry(hass, agent):
    """A zone that trims to 60 %, with a job that runs in its cheapest hour."""
    await hass.config.async_set_time_zone("UTC")
    agent.forget("index")
    agent.gpu(
        power_limit_w=450.0,
        power_limit_min_w=150.0,
        power_limit_max_w=500.0,
        power_limit_settable=True,
    )
    agent.job("train", remaining_s=4 * HOUR_S, devices=(GPU,))
    hass.states.async_set("sensor.outdoor", 14, {"unit_of_measurement": "°C"})
    seasons = {"thermostats": ["climate.room"], "outdoor_temperature": "sensor.outdoor"}
    return zone_entry(agent, electricity=NOW, seasons=seasons, control={"trim_power": 60})


@pytest.fixture
def room(hass):
    """Set the room's temperature, with a target of 21 °C."""
    return lambda temperature: hass.states.async_set(
        "climate.room", HVACMode.HEAT, {"current_temperature": temperature, "temperature": 21}
    )


@pytest.fixture
def switch(hass, entity_id):
    """Turn the zone's automatic control on or off."""

    async def turn(state):
        entity = {"entity_id": entity_id("switch", "_automatic_control")}
        await hass.services.async_call("switch", f"turn_{state}", entity, blocking=True)

    return turn


def limit(agent):
    return agent.snapshot.devices[0].power_limit_w


async def test_the_limit_is_lowered_while_no_heat_is_wanted_and_put_back(
    agent, entry, setup, room, poll, switch
):
    room(21.8)
    await setup(entry)
    await switch("on")
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    assert agent.limits == [(GPU, 300.0, 900)]  # 60 % of 500 W
    room(20.5)
    await poll()
    assert limit(agent) == 450
    (source,) = entry.runtime_data.sources.values()
    assert source.limits.to_json() == {}


async def test_a_job_that_runs_on_as_it_was_switched_often_draws_less(
    agent, entry, setup, room, poll, switch
):
    """Six switches by the schedule within an hour, and no heat is wanted."""
    room(21.8)
    await setup(entry)
    (source,) = entry.runtime_data.sources.values()
    for _ in range(3):
        now = dt_util.utcnow()
        hold = Hold(paused=True, manual=False, reason="schedule", until=now + HOUR)
        await source.holds.pause("train", now, hold)
        await source.holds.let_go("train", now, "schedule")
        await poll(minutes=20)
    await switch("on")
    decision = entry.runtime_data.scheduler.data.decision(f"{source.subentry.subentry_id}/train")
    assert decision.reason is Reason.SWITCHED_OFTEN
    assert agent.limits == [(GPU, 300.0, 900)]


async def test_it_is_put_back_when_automatic_control_is_turned_off(
    agent, entry, setup, room, switch
):
    room(21.8)
    await setup(entry)
    await switch("on")
    await switch("off")
    assert limit(agent) == 450


async def test_of_a_server_that_was_off_it_is_put_back_when_that_is_there_again(
    agent, entry, setup, room, switch, poll
):
    room(21.8)
    await setup(entry)
    await switch("on")
    agent.answer = web.Response(status=500)
    await poll()
    await switch("off")
    assert limit(agent) == 300
    agent.answer = None
    await poll()
    await poll()
    assert limit(agent) == 450


async def test_a_job_that_cannot_wait_has_all_its_power(agent, entry, setup, room, switch):
    room(21.8)
    agent.job("train", deadline=datetime(2026, 1, 15, 16, 30, tzinfo=UTC))
    await setup(entry)
    await switch("on")
    assert agent.limits == []


async def test_work_that_a_person_has_told_is_done_at_full_power(
    hass, agent, entry, setup, room, switch, entity_id
):
    """Its hours count down as they pass: those of a slower GPU would be too few."""
    room(21.8)
    agent.job("train", remaining_s=None)
    await setup(entry)
    work = {"entity_id": entity_id("number", "train_remaining_work"), "value": 4}
    await hass.services.async_call("number", "set_value", work, blocking=True)
    await switch("on")
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    assert agent.limits == []


async def test_what_a_person_has_set_is_not_touched(
    hass, agent, entry, setup, room, switch, poll, entity_id
):
    room(21.8)
    await setup(entry)
    number = {"entity_id": entity_id("number", "power_limit"), "value": 400}
    await hass.services.async_call("number", "set_value", number, blocking=True)
    await switch("on")
    await poll(minutes=16)
    assert limit(agent) == 400
    await switch("off")
    assert limit(agent) == 400


async def test_what_is_set_on_the_machine_meanwhile_is_left(
    agent, entry, setup, room, switch, poll
):
    room(21.8)
    await setup(entry)
    await switch("on")
    agent.gpu(power_limit_w=420.0)
    await poll()
    await poll(minutes=16)
    room(21.8)
    await poll(minutes=15)
    assert limit(agent) == 420
    room(20.5)
    await poll()
    assert limit(agent) == 420


async def test_what_was_set_before_a_restart_is_put_back_after_it(
    hass, agent, entry, setup, room, switch, poll
):
    room(21.8)
    await setup(entry)
    await switch("on")
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    room(20.5)
    await poll()
    await poll()
    assert limit(agent) == 450


@pytest.mark.parametrize("gpu", [{"power_limit_settable": False}, {"power_limit_w": 310.0}])
async def test_nothing_is_lowered_that_may_not_be_or_is_low(agent, entry, setup, room, switch, gpu):
    room(21.8)
    agent.gpu(power_limit_min_w=310.0, **gpu)
    await setup(entry)
    await switch("on")
    assert agent.limits == []


async def test_an_agent_that_refuses_is_asked_again(agent, entry, setup, room, switch, poll):
    room(21.8)
    agent.refuses_limits = True
    await setup(entry)
    await switch("on")
    assert limit(agent) == 450
    agent.refuses_limits = False
    await poll(minutes=16)
    room(21.8)
    await poll(minutes=1)
    assert limit(agent) == 300
