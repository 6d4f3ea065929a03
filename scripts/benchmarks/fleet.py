"""A zone of many servers in a running Home Assistant, beside the least that any code would do."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
import multiprocessing
from time import process_time

from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, HomeAssistant, callback
import psutil

from custom_components.gpu_heat.const import POLL_INTERVAL

from . import floor, house, servers

SIZES = ((2, 5), (20, 5), (125, 8))  # sources, and devices of each
ROUNDS = 6
POLL_S = POLL_INTERVAL.total_seconds()
_BETWEEN_S = 0.8 * POLL_S  # after the polls and the writing of files that follows them


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Servers that listen: a port each, and how many devices each has."""

    ports: list[int]
    devices: int


def measure() -> list[dict[str, str | float | None]]:
    """Let Home Assistant poll 10, 100 and 1,000 devices at the real interval, for six rounds.

    The servers are another process, and every value moves at each poll. CPU is that of the
    whole Home Assistant process, its threads included; nothing else runs in it, no recorder
    and no browser. The peer is what any integration would do at the least: a coordinator for
    each server with one GET and json.loads, and as many sensors that show what is in there;
    it sums up nothing, values nothing and writes no file.
    """
    return [
        _alone(of, sources, devices) for sources, devices in SIZES for of in ("ours", "the least")
    ]


def _alone(of: str, sources: int, devices: int) -> dict[str, str | float | None]:
    """Run in a process of its own, so that CPU and memory are its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(_run, of, sources, devices).result()


def _run(of: str, sources: int, devices: int) -> dict[str, str | float | None]:
    add = {"ours": add_zone, "the least": floor.add}[of]
    with servers.running(sources, devices) as ports:
        measured = asyncio.run(_measured(Fleet(ports=ports, devices=devices), add))
    return {"devices": sources * devices, "sources": sources, "of": of, **measured}


async def _measured(
    fleet: Fleet, add: Callable[[HomeAssistant, Fleet], Awaitable[None]]
) -> dict[str, str | float | None]:
    process = psutil.Process()
    async with house.home() as hass:
        await add(hass, fleet)
        await hass.async_block_till_done()
        await _first_write(hass)
        await asyncio.sleep(POLL_S + _BETWEEN_S)
        memory, started = process.memory_info().rss, process_time()
        await asyncio.sleep(ROUNDS * POLL_S)
        used_s, memory = process_time() - started, process.memory_info().rss - memory
        changed, same = await _writes(hass)
        entities = len(hass.states.async_all())
    round_s, devices = used_s / ROUNDS, len(fleet.ports) * fleet.devices
    return {
        "entities": entities,
        "CPU ms a round": round_s * 1e3,
        "% of a core": round_s / POLL_S * 100,
        "CPU µs a device": round_s / devices * 1e6,
        "states changed": changed,
        "written unchanged": same,
        "growth, kB": memory // 1000,
    }


async def add_zone(hass: HomeAssistant, fleet: Fleet) -> None:
    """Add a zone whose sources are the servers."""
    await house.add_zone(
        hass,
        [
            house.Agent(name=servers.name(number), port=port, token=servers.TOKEN)
            for number, port in enumerate(fleet.ports)
        ],
    )


async def _first_write(hass: HomeAssistant) -> None:
    polled = hass.loop.create_future()
    remove = hass.bus.async_listen(
        EVENT_STATE_CHANGED, callback(lambda event: polled.done() or polled.set_result(None))
    )
    await polled
    remove()


async def _writes(hass: HomeAssistant) -> tuple[int, int]:
    """Return how many states are written in a round: those that change, and those that do not."""
    counts = {EVENT_STATE_CHANGED: 0, EVENT_STATE_REPORTED: 0}

    @callback
    def count(event: Event) -> None:
        counts[event.event_type] += 1

    for name in counts:
        hass.bus.async_listen(name, count, event_filter=callback(lambda data: True))
    await asyncio.sleep(POLL_S)
    return counts[EVENT_STATE_CHANGED], counts[EVENT_STATE_REPORTED]
