"""Fixtures: ports and a folder for a demo of one's own."""

from pathlib import Path

import pytest

from .harness import Sandbox, free_ports


@pytest.fixture(autouse=True)
def _custom_integrations() -> None:
    """Override the fixture for the integration: here Home Assistant is a process of its own."""


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Allow sockets, which Home Assistant's pytest plugin blocks."""


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A sandbox for one test."""
    port, agent_port = free_ports(2)
    return Sandbox(folder=tmp_path, port=port, agent_port=agent_port)
