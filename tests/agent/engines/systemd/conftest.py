"""Fixtures: a bus with systemd, and agents on it."""

from collections.abc import Generator

import pytest

from gpu_heat_agent.engines.systemd_spec import ServiceSpec, Verb

from .harness import TRAIN, Agent
from .private_bus import PrivateBus, allow_unix_sockets


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Generator[PrivateBus]:
    """A bus with systemd, which has one service that runs."""
    allow_unix_sockets()
    private = PrivateBus()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", private.address)
    try:
        private.up()
        private.systemd("add", TRAIN, active="active")
        yield private
    finally:
        private.close()


@pytest.fixture
def agents() -> Generator[list[Agent]]:
    made: list[Agent] = []
    yield made
    for agent in made:
        agent.driver.close()


@pytest.fixture
def freezer(bus: PrivateBus, agents: list[Agent]) -> Agent:
    """An agent that freezes the service."""
    agents.append(Agent(job=ServiceSpec(unit=TRAIN)))
    return agents[-1]


@pytest.fixture
def stopper(bus: PrivateBus, agents: list[Agent]) -> Agent:
    """An agent that stops the service."""
    agents.append(Agent(job=ServiceSpec(unit=TRAIN, pause=Verb.STOP)))
    return agents[-1]


@pytest.fixture
def group(bus: PrivateBus, agents: list[Agent]) -> Agent:
    """An agent with a group of two units, which stops them."""
    for n in (1, 2):
        bus.systemd("add", f"batch@{n}.service", active="active")
    bus.systemd("add", "batch@old.service", load="not-found")
    agents.append(Agent(batch=ServiceSpec(units=("batch@*.service",), pause=Verb.STOP)))
    return agents[-1]
