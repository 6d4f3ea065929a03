"""The power limit of a GPU: within the card's bounds, and kept up while it is wished."""

import asyncio
from dataclasses import replace

from aiohttp import web
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from .scripted_agent import GPU

LIMIT = f"{GPU}_power_limit"


@pytest.fixture
def limited(agent):
    agent.gpu(
        power_limit_w=450.0,
        power_limit_min_w=150.0,
        power_limit_max_w=480.0,
        power_limit_settable=True,
    )
    return agent


async def choose(hass, entity_id, value):
    data = {"entity_id": entity_id("number", LIMIT), "value": value}
    await hass.services.async_call("number", "set_value", data, blocking=True)


def shown(hass, entity_id):
    return hass.states.get(entity_id("number", LIMIT))


async def test_a_limit_has_the_bounds_of_its_card(hass, limited, entry, setup, entity_id):
    await setup(entry)
    state = shown(hass, entity_id)
    assert (state.state, state.attributes["min"], state.attributes["max"]) == ("450.0", 150, 480)
    for value in (149, 481):
        with pytest.raises(ServiceValidationError):
            await choose(hass, entity_id, value)
    assert limited.limits == []


async def test_a_limit_is_set_for_a_lease_of_15_minutes(hass, limited, entry, setup, entity_id):
    await setup(entry)
    await choose(hass, entity_id, 300)
    assert limited.limits == [(GPU, 300, 900)]
    assert shown(hass, entity_id).state == "300.0"


async def test_an_agent_that_may_not_set_limits_offers_none(hass, agent, entry, setup, entity_id):
    agent.gpu(power_limit_w=450.0, power_limit_min_w=150.0, power_limit_max_w=480.0)
    await setup(entry)
    assert not [key for key in hass.states.async_entity_ids("number") if "power_limit" in key]


async def test_a_limit_is_renewed_at_half_of_its_lease(
    hass, limited, entry, setup, poll, entity_id
):
    await setup(entry)
    await choose(hass, entity_id, 300)
    await poll(seconds=439)
    assert len(limited.limits) == 1
    await poll()  # 450 s later, half of 900
    assert limited.limits == [(GPU, 300, 900)] * 2


async def test_a_limit_outlives_a_restart_of_home_assistant(hass, limited, entry, setup, entity_id):
    await setup(entry)
    await choose(hass, entity_id, 300)
    await hass.config_entries.async_unload(entry.entry_id)
    limited.gpu(power_limit_w=450.0)  # its lease ran out meanwhile
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert limited.limits == [(GPU, 300, 900)] * 2
    assert shown(hass, entity_id).state == "300.0"


async def test_a_limit_that_was_changed_elsewhere_is_left_alone(
    hass, limited, entry, setup, poll, entity_id
):
    await setup(entry)
    await choose(hass, entity_id, 300)
    limited.gpu(power_limit_w=450.0)  # as when a job of it is resumed
    await poll()
    await poll(seconds=900)
    assert limited.limits == [(GPU, 300, 900)]
    assert shown(hass, entity_id).state == "450.0"


async def test_a_limit_that_is_set_during_a_poll_is_kept(
    hass, limited, entry, setup, poll, freezer
):
    """What that poll reads is from before the limit was set."""
    await setup(entry)
    limited.slow_reading = asyncio.Event()
    freezer.tick(11)
    async_fire_time_changed(hass, dt_util.utcnow())
    await limited.asked.wait()
    (source,) = entry.runtime_data.sources.values()
    await source.async_limit_power(GPU, 300)
    limited.slow_reading.set()
    await hass.async_block_till_done(wait_background_tasks=True)
    await poll(seconds=450)
    assert limited.limits == [(GPU, 300, 900)] * 2


async def test_a_limit_outlives_a_restart_of_its_agent(
    hass, limited, entry, setup, poll, entity_id
):
    await setup(entry)
    await choose(hass, entity_id, 300)
    await poll()
    info = replace(limited.snapshot.agent, started_at=dt_util.utcnow())
    limited.snapshot = replace(limited.snapshot, agent=info)
    limited.gpu(power_limit_w=450.0)  # put back as it stopped
    await poll()
    assert shown(hass, entity_id).state == "300.0"


async def test_a_limit_outlives_an_outage_of_the_network(
    hass, limited, entry, setup, poll, entity_id
):
    await setup(entry)
    await choose(hass, entity_id, 300)
    await limited.stop()
    await poll(minutes=20)
    limited.gpu(power_limit_w=450.0)  # its lease ran out
    await limited.start()
    await poll()
    assert shown(hass, entity_id).state == "300.0"


async def test_a_refusal_is_said(hass, limited, entry, setup, entity_id):
    await setup(entry)
    limited.refusal = web.json_response({"error": {"message": "takes root"}}, status=409)
    with pytest.raises(HomeAssistantError, match="takes root"):
        await choose(hass, entity_id, 300)


async def test_a_renewal_that_is_refused_ends_the_wish(
    hass, limited, entry, setup, poll, entity_id, caplog
):
    await setup(entry)
    await choose(hass, entity_id, 300)
    limited.refusal = web.json_response({"error": {"message": "no more"}}, status=409)
    await poll(seconds=450)
    limited.refusal = None
    await poll(seconds=450)
    assert limited.limits == [(GPU, 300, 900)]
    assert caplog.text.count("no more") == 1


async def test_a_source_that_is_off_has_no_limit_to_set(
    hass, limited, entry, setup, poll, entity_id
):
    await setup(entry)
    await limited.stop()
    await poll()
    assert shown(hass, entity_id).state == "unavailable"
    await limited.start()
