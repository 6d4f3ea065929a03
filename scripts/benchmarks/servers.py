"""GPU servers that answer as the agent does, in a process of their own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
import multiprocessing
from multiprocessing.connection import Connection

from aiohttp import web

from custom_components.gpu_heat.agent.models import AgentInfo, Device, Snapshot, Vendor, to_json

TOKEN = "bench"  # noqa: S105 - nothing is secret here


def name(server: int) -> str:
    """Return what a server is called."""
    return f"rack {server}"


@contextmanager
def running(sources: int, devices: int) -> Iterator[list[int]]:
    """Have so many servers listen, with so many devices each; yield their ports."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_process, args=(theirs, sources, devices), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _process(ready: Connection, sources: int, devices: int) -> None:
    asyncio.run(_serve(ready, sources, devices))


async def _serve(ready: Connection, sources: int, devices: int) -> None:
    ready.send([await _listen(number, devices) for number in range(sources)])
    await asyncio.Event().wait()


async def _listen(server: int, devices: int) -> int:
    polls = count()

    async def read(request: web.Request) -> web.Response:
        return web.json_response(to_json(_snapshot(server, devices, next(polls))))

    app = web.Application()
    app.router.add_get("/api/v1/snapshot", read)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner.addresses[0][1]


def _snapshot(server: int, devices: int, poll: int) -> Snapshot:
    now = datetime.now(UTC)
    return Snapshot(
        agent=AgentInfo(id=name(server), name=name(server), version="0.1.0", started_at=now),
        taken_at=now,
        devices=tuple(_device(server, index, poll) for index in range(devices)),
    )


def _device(server: int, index: int, poll: int) -> Device:
    """Return a device whose values are all others than at the poll before."""
    draw = (poll * 37 + index * 11 + server) % 100
    return Device(
        id=f"GPU-{server:08x}-51b0-4c2e-9f3a-{index:012x}",
        vendor=Vendor.NVIDIA,
        name="NVIDIA H100 80GB HBM3",
        index=index,
        power_w=300.125 + draw * 3.5,
        energy_j=1e9 + poll * 4_500.25 + draw,
        temperature_c=40.0 + draw % 41,
        memory_temperature_c=50.0 + draw % 41,
        utilization=draw / 100,
        memory_used_bytes=(40 + draw % 40) * 2**30,
        memory_total_bytes=80 * 2**30,
        power_limit_w=700.0,
        power_limit_min_w=200.0,
        power_limit_max_w=700.0,
    )
