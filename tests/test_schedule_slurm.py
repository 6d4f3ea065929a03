"""The schedule over a real Slurm: a queue waits while the room is warm, and runs when it cools."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
import time

from homeassistant.components.climate import HVACMode
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL

from .agent.engines.conftest import slurm, slurm_session  # noqa: F401
from .agent.engines.slurm_cluster import Cluster
from .agent.harness import RunningAgent
from .conftest import OPTIONS

CONFIG = """
[[jobs]]
id = "farm"
name = "Farm"
kind = "slurm"
partition = "heat"
"""
WORK = "exec sleep 600"
ALL_YEAR = {
    "heating_months": [str(month) for month in range(1, 13)],
    "cooling_months": [],
    "thermostats": ["climate.room"],
}
AT_ONCE = {"minimum_on": {"seconds": 0}, "minimum_off": {"seconds": 0}}
PATIENCE_S = 60  # a change is decided on after ten seconds, and the agent looks every five


@pytest.fixture
async def agent(
    tmp_path: Path,
    socket_enabled: None,
    slurm: Cluster,  # noqa: F811
) -> AsyncGenerator[RunningAgent]:
    """The agent of a server whose jobs are those of a partition."""
    running = RunningAgent(tmp_path)
    running.config.write_text(CONFIG)
    try:
        await running.start()
        yield running
    finally:
        await running.end()


@pytest.fixture
def room(hass: HomeAssistant) -> Callable[[float], None]:
    """Set the room's temperature, with a target of 21 °C."""
    return lambda temperature: hass.states.async_set(
        "climate.room", HVACMode.HEAT, {"current_temperature": temperature, "temperature": 21}
    )


@pytest.fixture
async def zone(hass: HomeAssistant, agent: RunningAgent, room) -> MockConfigEntry:
    """A zone with a cold room, whose schedule is yet to be switched on."""
    room(19)
    address = URL(agent.url)
    server = {"host": address.host, "port": address.port, "token": agent.token()}
    entry = MockConfigEntry(
        domain="gpu_heat",
        title="House",
        options={**OPTIONS, "seasons": ALL_YEAR, "control": AT_ONCE},
        minor_version=2,
        subentries_data=[
            ConfigSubentryData(
                data={**server, "kind": "agent", "tls": False},
                subentry_type="source",
                title="cluster",
                unique_id=None,
            )
        ],
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def until(zone: MockConfigEntry, condition: Callable[[], object]) -> None:
    """Poll the source until something is so."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come about"
        for source in zone.runtime_data.sources.values():
            await source.async_refresh()
        await asyncio.sleep(0.2)


async def test_a_queue_is_held_while_the_room_is_warm_and_released_when_it_cools(
    hass: HomeAssistant,
    slurm: Cluster,  # noqa: F811
    zone: MockConfigEntry,
    room: Callable[[float], None],
    entity_id: Callable[[str, str], str],
) -> None:
    runs = slurm.submit(WORK, "--ntasks=60")
    waits = slurm.submit(WORK, "--ntasks=8")  # for the first: the node has 64 CPUs
    other = slurm.submit(WORK, "--partition=other")
    slurm.wait_running(runs, other)
    reason, status = entity_id("sensor", "farm_reason"), entity_id("sensor", "farm_status")
    automatic = {"entity_id": entity_id("switch", "automatic_control")}
    await hass.services.async_call("switch", "turn_on", automatic, blocking=True)
    assert slurm.state(runs) == "RUNNING"

    room(22)

    await until(zone, lambda: slurm.state(runs) == "STOPPED" and slurm.held(waits))
    await until(zone, lambda: hass.states.get(status).state == "paused")
    assert hass.states.get(reason).state in {"room_warm", "comfort_ceiling"}
    comes = slurm.submit(WORK, "--ntasks=8")
    await until(zone, lambda: slurm.held(comes))
    assert slurm.stopped(runs)
    assert slurm.state(other) == "RUNNING"

    room(19)

    await until(zone, lambda: slurm.going(runs))
    await until(zone, lambda: not slurm.held(waits) and not slurm.held(comes))
    assert [slurm.state(job) for job in (runs, waits, comes)] == ["RUNNING", "PENDING", "PENDING"]
    slurm.run("scancel", runs)
    await until(zone, lambda: [slurm.state(job) for job in (waits, comes)] == ["RUNNING"] * 2)
    await until(zone, lambda: hass.states.get(status).state == "running")
    assert hass.states.get(reason).state == "wanted_heat"


async def test_a_held_queue_is_released_when_automatic_control_is_switched_off(
    hass: HomeAssistant,
    slurm: Cluster,  # noqa: F811
    zone: MockConfigEntry,
    room: Callable[[float], None],
    entity_id: Callable[[str, str], str],
) -> None:
    room(22)
    automatic = {"entity_id": entity_id("switch", "automatic_control")}
    await hass.services.async_call("switch", "turn_on", automatic, blocking=True)
    job = slurm.submit(WORK)
    await until(zone, lambda: slurm.held(job) or slurm.state(job) == "STOPPED")

    await hass.services.async_call("switch", "turn_off", automatic, blocking=True)

    await until(zone, lambda: slurm.going(job))
    assert slurm.state(job) == "RUNNING"
