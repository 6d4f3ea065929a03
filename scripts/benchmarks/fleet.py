"""A zone of many servers in a running Home Assistant, beside the least that any code would do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
import logging
import multiprocessing
from tempfile import TemporaryDirectory
from time import process_time

from homeassistant import loader
from homeassistant.bootstrap import async_load_base_functionality
from homeassistant.config_entries import SOURCE_USER, ConfigEntries, ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import CoreState, Event, HomeAssistant, callback
from homeassistant.setup import async_setup_component
import psutil

from custom_components.gpu_heat.const import DOMAIN, POLL_INTERVAL

from . import floor, servers

SIZES = ((2, 5), (20, 5), (125, 8))  # sources, and devices of each
ROUNDS = 6
POLL_S = POLL_INTERVAL.total_seconds()
_BETWEEN_S = 0.8 * POLL_S  # after the polls and the writing of files that follows them

OPTIONS = {
    "electricity": {"tariff": "fixed", "electricity_price": 0.0718, "currency": "CAD"},
    "heating": {
        "fuel": "heating_oil",
        "fuel_price": 1.30,
        "efficiency": 85,
        "heat_content": 10.6,
    },
    "seasons": {
        "heating_months": ["10", "11", "12", "1", "2", "3", "4"],
        "cooling_months": ["6", "7", "8"],
    },
    "cooling": {"cooling_cop": 3},
}


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
    async with home() as hass:
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


@asynccontextmanager
async def home() -> AsyncIterator[HomeAssistant]:
    """Run Home Assistant with an empty configuration and no more integrations than needed."""
    logging.getLogger(loader.__name__).setLevel(logging.ERROR)  # it warns of each custom one
    with TemporaryDirectory() as folder:
        hass = HomeAssistant(folder)
        hass.config.skip_pip = True
        loader.async_setup(hass)
        hass.config_entries = ConfigEntries(hass, {})
        await async_load_base_functionality(hass)
        for domain in ("homeassistant", "network"):
            await async_setup_component(hass, domain, {})
        hass.set_state(CoreState.running)
        try:
            yield hass
        finally:
            await hass.async_stop(force=True)


async def add_zone(hass: HomeAssistant, fleet: Fleet) -> None:
    """Add a zone whose sources are the servers."""
    subentries = [
        {
            "data": {
                "kind": "agent",
                "host": "127.0.0.1",
                "port": port,
                "token": servers.TOKEN,
                "tls": False,
            },
            "subentry_type": "source",
            "title": servers.name(number),
            "unique_id": servers.name(number),
        }
        for number, port in enumerate(fleet.ports)
    ]
    entry = ConfigEntry(
        data={},
        discovery_keys={},
        domain=DOMAIN,
        minor_version=2,
        options=OPTIONS,
        source=SOURCE_USER,
        subentries_data=subentries,
        title="House",
        unique_id=None,
        version=1,
    )
    await hass.config_entries.async_add(entry)


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
