"""Fixtures: the NVML library, an agent that runs, processes that end with their test."""

from collections.abc import AsyncGenerator, Callable, Generator
import ctypes
from pathlib import Path
import signal
import subprocess
import sys

import pytest

from .cgroups import end_cgroup
from .harness import RunningAgent
from .nvml_state import NvmlState


@pytest.fixture(autouse=True)
def _sockets(request: pytest.FixtureRequest) -> None:
    """Allow sockets under Home Assistant's pytest plugin too, which blocks them."""
    if request.config.pluginmanager.hasplugin("socket"):
        request.getfixturevalue("socket_enabled")


@pytest.fixture(autouse=True)
def _custom_integrations() -> None:
    """Override the fixture for the integration: the agent knows no Home Assistant."""


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in library, compiled."""
    library = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    options = ["-std=gnu11", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"]
    source = Path(__file__).with_name("fakenvml.c")
    command = ["gcc", *options, f"-Wl,-soname,{library.name}", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return library


@pytest.fixture
def nvml(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NvmlState:
    """Two GPUs behind the real nvidia-ml-py: a data-centre card, and a lesser one."""
    ctypes.CDLL(str(nvml_library))  # found by its soname from now on
    state = NvmlState(tmp_path / "nvml.txt")
    monkeypatch.setenv("FAKE_NVML_STATE", str(state.path))
    return state


@pytest.fixture
def spawn(tmp_path: Path) -> Generator[Callable[..., subprocess.Popen[bytes]]]:
    """Start processes in sessions of their own that are gone when the test ends."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, start_new_session=True, cwd=tmp_path)
        started.append(process)
        return process

    yield start
    for process in started:
        _end_session(process.pid)
        process.wait(10)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncGenerator[RunningAgent]:
    """The real agent as a process with two simulated GPUs; not started yet."""
    running = RunningAgent(tmp_path)
    yield running
    await running.end()
    for pid in running.job_pids():
        _end_session(pid)
    for path in running.cgroups():
        end_cgroup(path)


def _end_session(leader: int) -> None:
    """Kill all of a session that a test started."""
    command = [sys.executable, "-c", _KILL_SESSION, str(leader), str(int(signal.SIGKILL))]
    subprocess.run(command, check=True)


_KILL_SESSION = """
import os, sys
leader, signum = map(int, sys.argv[1:])
for name in os.listdir("/proc"):
    if name.isdecimal():
        try:
            if os.getsid(int(name)) == leader:
                os.kill(int(name), signum)
        except ProcessLookupError:
            pass
"""
