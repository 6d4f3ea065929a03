"""A running Home Assistant with a zone, and nothing else that takes time."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
import logging
from tempfile import TemporaryDirectory

from homeassistant import loader
from homeassistant.bootstrap import async_load_base_functionality
from homeassistant.config_entries import SOURCE_USER, ConfigEntries, ConfigEntry
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.setup import async_setup_component

from custom_components.gpu_heat.const import DOMAIN

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
class Agent:
    """An agent that listens on loopback without TLS."""

    name: str
    port: int
    token: str


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


async def add_zone(hass: HomeAssistant, agents: Sequence[Agent]) -> None:
    """Add a zone whose sources are the agents."""
    subentries = [
        {
            "data": {
                "kind": "agent",
                "host": "127.0.0.1",
                "port": agent.port,
                "token": agent.token,
                "tls": False,
            },
            "subentry_type": "source",
            "title": agent.name,
            "unique_id": agent.name,
        }
        for agent in agents
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
