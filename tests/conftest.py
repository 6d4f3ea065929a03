"""Fixtures: a scripted agent on loopback, and a zone that reads it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

# Imported here, or else the plugin's own custom_components would hide ours.
from custom_components.gpu_heat.const import DOMAIN

# The stand-in for the NVML library, and processes that end with their test.
from .agent.conftest import nvml, nvml_library, spawn  # noqa: F401
from .certificates import Certificate
from .scripted_agent import TOKEN, ScriptedAgent

OPTIONS: dict[str, Any] = {
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
    "cooling": {},
}


@pytest.fixture(autouse=True)
def _custom_integrations(enable_custom_integrations: None) -> None:
    """Let Home Assistant find the integration."""


@pytest.fixture
async def agent(socket_enabled: None) -> AsyncGenerator[ScriptedAgent]:
    """An agent on loopback that says what the test wants."""
    scripted = ScriptedAgent()
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest.fixture
async def other(socket_enabled: None) -> AsyncGenerator[ScriptedAgent]:
    """A second agent."""
    scripted = ScriptedAgent("agent-2")
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest.fixture
async def certificate(hass: HomeAssistant, tmp_path: Path) -> Certificate:
    """A certificate that nothing vouches for."""
    return await hass.async_add_executor_job(Certificate, tmp_path)


@pytest.fixture
def broken_handshakes(hass: HomeAssistant) -> None:
    """Bear with broken handshakes: a server in our own loop says them as errors."""
    report = hass.loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if report and "incoming connection" not in context["message"]:
            report(loop, context)

    hass.loop.set_exception_handler(handle)


def zone_entry(
    *agents: ScriptedAgent, source: dict[str, Any] | None = None, **changes: Any
) -> MockConfigEntry:
    """A zone named House with scripted agents as its sources, sections of its options changed."""
    sections = {name: {**OPTIONS.get(name, {}), **section} for name, section in changes.items()}
    return MockConfigEntry(
        domain=DOMAIN,
        title="House",
        minor_version=2,
        options={**OPTIONS, **sections},
        subentries_data=[
            ConfigSubentryData(
                data=agent.address
                | {"token": TOKEN, "kind": "agent", "tls": False}
                | (source or {}),
                subentry_type="source",
                title=f"rack of {agent.id}",
                unique_id=agent.id,
            )
            for agent in agents
        ],
    )


@pytest.fixture
def entry(agent: ScriptedAgent) -> MockConfigEntry:
    """A zone: Quebec's price, heating oil at 85 %, no thermostat."""
    return zone_entry(agent)


@pytest.fixture
async def setup(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> Callable[[MockConfigEntry], Awaitable[None]]:
    """Set up a zone on a winter's day."""

    async def set_up(entry: MockConfigEntry) -> None:
        hass.config.currency = "CAD"
        freezer.move_to("2026-01-15 12:00:00+00:00")
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()

    return set_up


@pytest.fixture
def figure(hass: HomeAssistant, entity_id: Callable[[str, str], str]) -> Callable[[str], float]:
    """Read a figure of a sensor, found by the end of its unique id."""
    return lambda ending: float(hass.states.get(entity_id("sensor", ending)).state)


@pytest.fixture
def poll(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> Callable[..., Awaitable[None]]:
    """Let time go by, and all polls that fall due then."""

    async def later(**delta: float) -> None:
        freezer.tick(timedelta(**(delta or {"seconds": 11})))
        async_fire_time_changed(hass, dt_util.utcnow())
        await hass.async_block_till_done(wait_background_tasks=True)

    return later


@pytest.fixture
def entity_id(hass: HomeAssistant) -> Callable[[str, str], str]:
    """Find an entity by its platform and the end of its unique id."""

    def find(platform: str, ending: str) -> str:
        found = [
            item.entity_id
            for item in er.async_get(hass).entities.values()
            if item.platform == DOMAIN
            and item.domain == platform
            and item.unique_id.endswith(ending)
        ]
        assert len(found) == 1, f"{ending}: {found}"
        return found[0]

    return find
