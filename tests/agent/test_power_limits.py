"""Power limits: for the length of a lease, and then as they were found."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gpu_heat_agent.config import HostConfig
from gpu_heat_agent.errors import ConflictError
from gpu_heat_agent.metering import Metering
from gpu_heat_agent.power_limits import PowerLimits
from gpu_heat_agent.sampler import Sampler
from gpu_heat_agent.simulated import SimulatedReader, parse_spec
from gpu_heat_agent.state_dir import StateDir, Store

from .harness import RunningAgent, until
from .parts import Clock, served
from .test_server import CONFIG

LIMITED = """
[power_limit]
enabled = true
[[jobs]]
id = "count"
command = ["sleep", "600"]
devices = [0]
on_stop = "terminate"
"""

ONE, TWO = "GPU-sim-test-0", "GPU-sim-test-1"


class StubbornReader(SimulatedReader):
    """GPUs that refuse a limit while told to."""

    refuses = False

    def set_power_limit(self, device_id: str, watts: float) -> None:
        if self.refuses:
            raise ConflictError("not now")
        super().set_power_limit(device_id, watts)


@dataclass(kw_only=True)
class Bench:
    """Two GPUs of 350 W, and their limits."""

    clock: Clock
    reader: StubbornReader
    store: Store
    limits: PowerLimits

    def watts(self) -> list[float | None]:
        return [reading.device.power_limit_w for reading in self.reader.read()]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncGenerator[Bench]:
    clock, store = Clock(), StateDir(tmp_path).open_store()
    reader = StubbornReader(parse_spec("2xrtx_3090"), seed="test", busy=frozenset)
    sampler = Sampler(Metering(reader, store, HostConfig(), clock), clock)
    limits = PowerLimits(reader, sampler, store, clock, enabled=True)
    yield Bench(clock=clock, reader=reader, store=store, limits=limits)
    await sampler.close()


async def test_limit_ends_with_its_lease(bench: Bench) -> None:
    await bench.limits.set(ONE, 200, 60)
    await bench.limits.set(TWO, 250, 600)
    bench.clock.passes(59)
    await bench.limits.end_leases()
    assert bench.watts() == [200, 250]
    bench.clock.passes(1)
    await bench.limits.end_leases()
    assert bench.watts() == [350, 250]
    assert bench.store.state.found_limits_w == {TWO: 350}


async def test_limit_that_is_set_again_stands_for_another_lease(bench: Bench) -> None:
    await bench.limits.set(ONE, 200, 60)
    bench.clock.passes(50)
    await bench.limits.set(ONE, 220, 60)
    bench.clock.passes(50)
    await bench.limits.end_leases()
    assert bench.watts() == [220, 350]


async def test_limit_that_was_found_is_nothing_to_put_back(bench: Bench) -> None:
    await bench.limits.set(ONE, 200, 60)
    await bench.limits.set(ONE, 350, 60)
    assert bench.store.state.found_limits_w == {}


async def test_limit_that_cannot_be_put_back_is_tried_again_a_minute_later(bench: Bench) -> None:
    await bench.limits.set(ONE, 200, 60)
    bench.reader.refuses = True
    bench.clock.passes(60)
    await bench.limits.end_leases()
    assert bench.watts() == [200, 350]
    bench.reader.refuses = False
    bench.clock.passes(59)
    await bench.limits.end_leases()
    assert bench.watts() == [200, 350]
    bench.clock.passes(1)
    await bench.limits.end_leases()
    assert bench.watts() == [350, 350]


async def test_limit_that_is_put_back_twice_at_once_is_no_failure(bench: Bench) -> None:
    await bench.limits.set(ONE, 200, 60)
    bench.clock.passes(60)
    await asyncio.gather(bench.limits.end_leases(), bench.limits.restore([ONE]))
    assert bench.watts() == [350, 350]


async def test_limit_of_ours_is_never_taken_for_the_one_that_was_found(bench: Bench) -> None:
    await bench.limits.set(ONE, 200, 60)
    bench.clock.passes(59.5)
    await bench.limits.set(TWO, 200, 60)  # which leaves a sample of just now
    bench.clock.passes(0.5)
    await asyncio.gather(bench.limits.end_leases(), bench.limits.set(ONE, 250, 60))
    await bench.limits.restore()
    assert bench.watts() == [350, 350]


@pytest.mark.parametrize("how", ["asked for", "lease over"])
async def test_job_that_goes_on_has_its_gpus_at_the_power_that_they_had(
    agent: RunningAgent, how: str
) -> None:
    agent.short_leases = True
    agent.config.write_text(LIMITED)
    await agent.start()
    devices = [device["id"] for device in (await agent.snapshot())["devices"]]
    await agent.pause("count", lease_s=600 if how == "asked for" else 3)
    for device in devices:
        path = f"/api/v1/devices/{device}/power_limit"
        assert (await agent.ask("PUT", path, {"watts": 200}))[0] == 200
    await asyncio.sleep(1.2)  # it has been seen to wait
    assert len(agent.state()["found_limits_w"]) == 2
    if how == "asked for":
        await agent.resume("count")
    await until(lambda: list(agent.state()["found_limits_w"]) == devices[1:])
    limits = [device["power_limit_w"] for device in (await agent.snapshot())["devices"]]
    assert limits == [350, 200]  # the job is on the first


async def test_lease_of_a_limit_has_limits(tmp_path: Path) -> None:
    async with served(tmp_path, CONFIG) as client:
        _, snapshot, _ = await client.ask("GET", "/api/v1/snapshot")
        path = f"/api/v1/devices/{snapshot['devices'][0]['id']}/power_limit"
        for lease_s, status in ((59, 422), (86_401, 422), ("60", 400), (60, 200), (86_400, 200)):
            body = {"watts": 200, "lease_s": lease_s}
            assert (await client.ask("PUT", path, json=body))[0] == status


@pytest.mark.parametrize("enabled", [True, False])
async def test_snapshot_tells_whose_limit_may_be_set(tmp_path: Path, enabled: bool) -> None:
    config = replace(CONFIG, power_limit_enabled=enabled)
    async with served(tmp_path, config) as client:
        _, snapshot, _ = await client.ask("GET", "/api/v1/snapshot")
    assert [it["power_limit_settable"] for it in snapshot["devices"]] == [enabled, enabled]
