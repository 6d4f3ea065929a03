"""What is noticed of a source over many polls: readings that cannot be, and none."""

from dataclasses import replace
from datetime import timedelta
import logging

from aiohttp import web
import pytest

from custom_components.gpu_heat.agent.models import Device, EnergyOrigin, Vendor

from .test_issues import issue, issues

KWH = 3_600_000.0


async def polls(poll, *, minutes, act=None):
    """Let polls fall due, 29 s apart: two a minute and a little more."""
    for number in range(round(minutes * 60 / 29) + 1):
        if act:
            act(number * 29)
        await poll(seconds=29)


async def test_a_gpu_that_always_says_0_w_is_named_after_an_hour(hass, agent, entry, setup, poll):
    agent.gpu(power_w=0.0, vendor=Vendor.AMD, name="AMD Radeon Graphics")
    await setup(entry)
    await polls(poll, minutes=58)
    assert not issues(hass)
    await polls(poll, minutes=2)
    found = issue(hass)
    assert found.translation_key == "power_always_zero"
    assert found.translation_placeholders["named"] == "- GPU 0 AMD Radeon Graphics"
    agent.gpu(power_w=4.0)
    await poll()
    assert not issues(hass)
    agent.gpu(power_w=0.0)
    await polls(poll, minutes=61)
    assert not issues(hass)


async def test_a_meter_that_says_0_w_is_believed(hass, agent, entry, setup):
    agent.gpu(power_w=0.0, vendor=Vendor.OTHER)
    await setup(entry)
    read(entry, agent, minutes=61)
    assert not issues(hass)


def read(entry, agent, *, minutes, act=None):
    """Have a source's readings taken in as at polls every 10 s, all at once."""
    (source,) = entry.runtime_data.sources.values()
    at = source.data.taken_at
    for number in range(minutes * 6 + 1):
        if act:
            act(number * 10)
        taken_at = at + timedelta(seconds=number * 10)
        source.health.answered(replace(agent.snapshot, taken_at=taken_at))


def counter(agent, factor):
    """Return what lets the counter run by a factor of 450 W, from where it stands."""
    begun_j = agent.snapshot.devices[0].energy_j

    def act(at_s):
        agent.gpu(energy_j=begun_j + factor * 450.0 * at_s, energy_origin=EnergyOrigin.COUNTER)

    return act


async def test_a_counter_that_the_power_contradicts_is_named_until_they_agree(
    hass, agent, entry, setup, poll
):
    """373 polls of 29 s at 450 W: 1.352 kWh. At two of them the counter stands: 0.767 kWh."""
    agent.gpu(energy_origin=EnergyOrigin.COUNTER)
    await setup(entry)
    await polls(poll, minutes=179, act=counter(agent, 0.57))
    assert not issues(hass)
    await polls(poll, minutes=1, act=counter(agent, 0.57))
    found = issue(hass)
    assert found.translation_key == "counter_off"
    (line,) = found.translation_placeholders["named"].splitlines()
    assert line == "- GPU 0 NVIDIA GeForce RTX 4090: 0.767 kWh / 1.352 kWh (3.0 h)"
    await hass.config_entries.async_reload(entry.entry_id)
    read(entry, agent, minutes=179, act=counter(agent, 1.0))
    assert issues(hass) == ["counter_off"]
    read(entry, agent, minutes=180, act=counter(agent, 1.0))
    assert not issues(hass)


@pytest.mark.parametrize(("origin", "told"), [("counter", ["counter_off"]), ("integrated", [])])
async def test_only_a_counter_is_compared_with_the_power(hass, agent, entry, setup, origin, told):
    """For 3 h it stands still at 450 W, which are 1.35 kWh."""
    agent.gpu(energy_origin=EnergyOrigin(origin))
    await setup(entry)
    read(entry, agent, minutes=180)
    assert issues(hass) == told


async def test_gpus_that_have_lost_their_power_are_named_after_five_minutes(
    hass, agent, entry, setup, poll
):
    second = replace(agent.snapshot.devices[0], id="node7/GPU-2", index=1, name="NVIDIA L4")
    never = Device(id="GPU-3", vendor=Vendor.NVIDIA, name="GT 710", index=2)
    agent.snapshot = replace(agent.snapshot, devices=(*agent.snapshot.devices, second, never))
    await setup(entry)
    silent = tuple(replace(item, power_w=None) for item in agent.snapshot.devices)
    agent.snapshot = replace(agent.snapshot, devices=silent)
    await polls(poll, minutes=4)
    assert not issues(hass)
    await polls(poll, minutes=2)
    found = issue(hass)
    assert found.translation_key == "driver_lost"
    lines = found.translation_placeholders["named"].splitlines()
    assert lines == ["- GPU 0 NVIDIA GeForce RTX 4090", "- GPU 1 NVIDIA L4 (node7)"]
    agent.gpu(power_w=300.0)
    await poll()
    assert issue(hass).translation_placeholders["named"] == "- GPU 1 NVIDIA L4 (node7)"
    await hass.config_entries.async_reload(entry.entry_id)
    assert issues(hass) == ["driver_lost"]
    agent.snapshot = replace(agent.snapshot, devices=agent.snapshot.devices[:1])
    await poll()
    assert not issues(hass)


async def test_while_its_source_is_off_a_gpu_has_not_lost_its_driver(
    hass, agent, entry, setup, poll
):
    await setup(entry)
    agent.gpu(power_w=None)
    await poll()
    await agent.stop()
    await polls(poll, minutes=20)
    await agent.start()
    await poll()
    assert not issues(hass)


async def test_a_gpu_that_may_be_asleep_has_not_lost_its_driver(hass, agent, entry, setup):
    """An agent does not wake AMD's and Intel's cards to ask what they draw."""
    agent.gpu(vendor=Vendor.AMD)
    await setup(entry)
    agent.gpu(power_w=None)
    read(entry, agent, minutes=10)
    assert not issues(hass)


async def test_another_agents_counters_are_not_compared_with_the_former_ones(
    hass, agent, entry, setup
):
    agent.gpu(energy_origin=EnergyOrigin.COUNTER)
    await setup(entry)
    (source,) = entry.runtime_data.sources.values()
    read(entry, agent, minutes=120, act=counter(agent, 1.0))
    (figures,) = source.health.figures().values()
    assert figures["since"]["counter_j"] == 0.9 * KWH
    agent.snapshot = replace(agent.snapshot, agent=replace(agent.snapshot.agent, id="anew"))
    read(entry, agent, minutes=0)
    (figures,) = source.health.figures().values()
    assert figures["since"]["counter_j"] == 0


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(body=b"<html>a login page</html>", content_type="text/html"),
        web.Response(body=b"{}", status=503, content_type="application/json"),
        web.Response(body=b"{}", status=401, content_type="application/json"),
        web.Response(body=b"{}", status=404, content_type="application/json"),
        web.Response(body=b'{"agent": {"version": "9"}}', content_type="application/json"),
    ],
    ids=["login page", "503", "401", "404", "9"],
)
async def test_nothing_is_logged_as_a_warning_of_a_source_that_is_off_or_flaps(
    hass, agent, entry, setup, poll, caplog, answer
):
    await setup(entry)
    caplog.clear()
    for said in (answer, None, answer, answer, None):
        agent.answer = said
        await poll()
    await agent.stop()
    await poll()
    await agent.start()
    await poll()
    told = [item for item in caplog.records if item.levelno > logging.INFO]
    assert not [item for item in told if item.name != "asyncio"]  # which sees the clock jump
    assert not issues(hass)
