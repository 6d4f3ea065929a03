"""Fixtures: ports and a folder for a demo of one's own, and one that runs, with its page."""

from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page
import pytest
from pytest_socket import enable_socket

from .browser import logged_in
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


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A demo that runs."""
    enable_socket()  # this is set up before the fixture that does it for a test
    port, agent_port = free_ports(2)
    folder = tmp_path_factory.mktemp("demo")
    sandbox = Sandbox(folder=folder, port=port, agent_port=agent_port)
    with sandbox.start("--dir", str(folder), until="Ctrl-C stops both"):
        yield sandbox


@pytest.fixture
def page(demo: Sandbox) -> Iterator[Page]:
    """The page that the demo's login leads to."""
    with logged_in(demo.port) as page:
        yield page
