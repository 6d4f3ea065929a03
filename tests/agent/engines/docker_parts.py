"""Containers for tests: an engine on a socket, and drivers that use it."""

from collections.abc import Callable, Generator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
import threading

import pytest

from gpu_heat_agent.engines import docker, docker_engine
from gpu_heat_agent.engines.docker import DockerDriver
from gpu_heat_agent.engines.docker_spec import DockerSpec, Label, StoppingSpec, Verb
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state import JsonObject

from .fake_docker import FakeDocker

Drive = Callable[..., DockerDriver]


@pytest.fixture(autouse=True)
def unix_sockets(_sockets: None) -> None:
    """Allow Unix sockets under Home Assistant's pytest plugin too, which blocks them."""
    with suppress(ModuleNotFoundError):  # in the environment of the agent alone
        plugin = import_module("pytest_socket")
        plugin.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)


@pytest.fixture(params=[False, True], ids=["docker", "podman"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[FakeDocker]:
    """An engine that answers."""
    with FakeDocker(tmp_path / "engine.sock", podman=request.param) as fake:
        yield fake


@pytest.fixture
def drive(engine: FakeDocker) -> Generator[Drive]:
    """Make drivers, each one run of the agent; closed at the end."""
    made: list[DockerDriver] = []

    def make(own: tuple[str, ...] = (), **specs: DockerSpec) -> DockerDriver:
        made.append(DockerDriver(specs, own, now=lambda: engine.now.timestamp()))
        return made[-1]

    yield make
    engine.release()
    for driver in made:
        driver.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a quarter of a second for engines instead of seconds."""
    for module in (docker, docker_engine):
        monkeypatch.setattr(module, "PATIENCE_S", 0.25)
    monkeypatch.setattr(docker, "_STOP_PATIENCE_S", 0.25)
    monkeypatch.setattr(docker, "_AT_THE_END_S", 0.25)


def single(engine: FakeDocker, name: str = "train", verb: Verb = Verb.PAUSE) -> DockerSpec:
    kind = DockerSpec if verb is Verb.PAUSE else StoppingSpec
    return kind(container=name, socket=engine.socket, verb=verb)


def group(engine: FakeDocker, key: str, value: str | None = None) -> DockerSpec:
    return DockerSpec(label=Label(key=key, value=value), socket=engine.socket)


def paused(driver: DockerDriver, *keys: str, free: bool = False) -> dict[str, JsonObject]:
    """Pause jobs and return what undoes it, as the book does."""
    driver.observe({})
    undo = {key: driver.plan_pause(key, {}, free=free) for key in keys}
    assert driver.pause(undo) == {}
    return undo


def state(driver: DockerDriver, key: str, ours: dict[str, JsonObject] | None = None) -> JobState:
    return driver.observe(ours or {})[key].state


def until(holds: Callable[[], bool]) -> None:
    """Wait for what has to come; an event of another thread, so looked for again and again."""
    for _ in range(500):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come")
