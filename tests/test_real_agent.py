"""The real agent with real jobs, behind the real integration."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
import sys

from homeassistant.config_entries import ConfigSubentryData
import psutil
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL

from .agent.cgroups import end_cgroup, stands_still
from .agent.harness import RunningAgent
from .conftest import OPTIONS

WORK = """
import os, time
os.fork()
while True:
    with open(f"{os.getpid()}.count", "a") as count:
        count.write(".")
    time.sleep(0.01)
"""


CONFIG = """
[[jobs]]
id = "train"
name = "Fine-tune"
command = ["{python}", "{folder}/work.py"]
cwd = "{folder}"
devices = [0]
on_stop = "terminate"
"""


class RealAgent(RunningAgent):
    """The agent of a server with two RTX 3090, and one job of two processes on the first."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        (folder / "work.py").write_text(WORK)
        self.config.write_text(CONFIG.format(python=sys.executable, folder=folder))

    @property
    def address(self) -> URL:
        """Where it listens."""
        return URL(self.url)

    def job(self) -> list[psutil.Process]:
        """Return the processes of the job that live."""
        work = str(self.folder / "work.py")
        processes = psutil.process_iter(["cmdline"])
        return [process for process in processes if work in (process.info["cmdline"] or ())]

    def work_done(self) -> int:
        """Return how much the job's two processes have done."""
        return sum(file.stat().st_size for file in self.folder.glob("*.count"))


@pytest.fixture
async def real(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[RealAgent]:
    """The agent, running."""
    agent = RealAgent(tmp_path)
    try:
        await agent.start()
        yield agent
    finally:
        await agent.end()
        for process in agent.job():
            process.kill()
        for path in agent.cgroups():
            end_cgroup(path)


@pytest.fixture
async def zone(hass, real):
    """A zone with the real agent as its source."""
    entry = MockConfigEntry(
        domain="gpu_heat",
        title="House",
        options=OPTIONS,
        minor_version=2,
        subentries_data=[
            ConfigSubentryData(
                data={
                    "host": real.address.host,
                    "port": real.address.port,
                    "token": (real.state_dir / "token").read_text().strip(),
                    "kind": "agent",
                    "tls": False,
                },
                subentry_type="source",
                title="server",
                unique_id=None,
            )
        ],
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def until(hass, zone, condition):
    """Poll the source until something is so."""
    for _ in range(100):
        for source in zone.runtime_data.sources.values():
            await source.async_refresh()
        if condition():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come about")


async def test_a_job_switched_off_stands_still_and_its_gpu_goes_idle(
    hass, real, zone, entity_id, figure
):
    switch = entity_id("switch", "train_running")
    await until(hass, zone, lambda: figure(f"{zone.entry_id}_power") == 370)  # 350 + 20
    await until(hass, zone, lambda: len(real.job()) == 2)

    await hass.services.async_call("switch", "turn_off", {"entity_id": switch}, blocking=True)
    assert [stands_still(process.pid) for process in real.job()] == [True, True]
    done = real.work_done()
    await until(hass, zone, lambda: figure(f"{zone.entry_id}_power") == 40)
    assert hass.states.get(entity_id("sensor", "train_status")).state == "paused"
    assert real.work_done() == done

    await hass.services.async_call("switch", "turn_on", {"entity_id": switch}, blocking=True)
    await until(hass, zone, lambda: real.work_done() > done)
    await until(hass, zone, lambda: figure(f"{zone.entry_id}_power") == 370)
    assert hass.states.get(switch).state == "on"


async def test_an_agent_that_is_killed_loses_neither_energy_nor_job(
    hass, real, zone, entity_id, figure
):
    energy = f"{zone.entry_id}_energy"
    switch = entity_id("switch", "train_running")
    await until(hass, zone, lambda: len(real.job()) == 2)
    await hass.services.async_call("switch", "turn_off", {"entity_id": switch}, blocking=True)
    await until(hass, zone, lambda: figure(energy) > 0)
    before, pids = figure(energy), {process.pid for process in real.job()}
    await real.kill()
    await until(hass, zone, lambda: hass.states.get(switch).state == "unavailable")
    assert figure(energy) == before
    await real.start("--listen", real.address.authority, "--simulate", "2xrtx_3090")
    await until(hass, zone, lambda: hass.states.get(switch).state == "off")
    assert {process.pid for process in real.job()} == pids
    assert [stands_still(process.pid) for process in real.job()] == [True, True]
    await until(hass, zone, lambda: figure(energy) > before)
    await hass.services.async_call("switch", "turn_on", {"entity_id": switch}, blocking=True)
    assert hass.states.get(switch).state == "on"
