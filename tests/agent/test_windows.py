"""The agent where POSIX is missing; tests/agent/windows.py says how far that goes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
import importlib.util
from pathlib import Path
import re
import signal
import subprocess
import sys
from types import ModuleType

import aiohttp
import pytest

from gpu_heat_agent import cli, clock, file_lock, run, sockets
from gpu_heat_agent.errors import UsageError
from gpu_heat_agent.state_dir import StateDir

from .harness import until

CONFIG = "[[jobs]]\nid = 'train'\ncommand = ['true']\n"

Windows = Callable[..., "subprocess.CompletedProcess[str]"]


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("windows.py")), str(folder), *arguments]


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    """Run one command to its end."""

    def call(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command(tmp_path, *arguments), capture_output=True, text=True, timeout=40, check=False
        )

    return call


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A running agent whose log is agent.log."""
    with (tmp_path / "agent.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command(tmp_path, "run", "--listen", "127.0.0.1:0", "--simulate", "2xrtx_3090"),
            stderr=log,
        )
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


def test_token_and_fingerprint_are_made_below_programdata(windows: Windows, tmp_path: Path) -> None:
    first, again = windows("token"), windows("token")
    assert first.returncode == 0
    assert "Made anew" in first.stderr
    assert (again.stdout, again.stderr) == (first.stdout, "")
    assert first.stdout.splitlines()[0] == (tmp_path / "gpu-heat-agent/token").read_text().strip()
    assert len(first.stdout.splitlines()) == 2


def test_simulated_devices_are_checked(windows: Windows) -> None:
    assert windows("check", "--simulate", "rtx_4090").returncode == 0


@pytest.mark.parametrize("job", ["command = ['true']", "pidfile = 'job.pid'"])
def test_process_as_a_job_is_refused(windows: Windows, tmp_path: Path, job: str) -> None:
    config = tmp_path / "gpu-heat-agent" / "config.toml"
    config.parent.mkdir()
    config.write_text(f"[[jobs]]\nid = 'train'\n{job}\n")
    refused = windows("run", "--listen", "127.0.0.1:0")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    said = f'{config}: jobs[0].kind: a process (job "train") cannot be paused on Windows yet'
    assert said in refused.stderr


async def test_agent_serves_https_and_ends_when_told(
    served: asyncio.subprocess.Process, windows: Windows, tmp_path: Path
) -> None:
    log = tmp_path / "agent.log"
    found = await until(lambda: re.search(r"Listening on (https://\S+)", log.read_text()))
    token, mark = (await asyncio.to_thread(windows, "token")).stdout.splitlines()
    headers = {"Authorization": f"Bearer {token}"}
    pinned = aiohttp.Fingerprint(bytes.fromhex(mark))
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{found[1]}/api/v1/snapshot", ssl=pinned) as response,
    ):
        assert len((await response.json())["devices"]) == 2
    second = await asyncio.to_thread(windows, "run", "--listen", "127.0.0.1:0")
    assert second.returncode == 2
    assert "another agent is using this folder" in second.stderr
    served.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(served.wait(), 15) == 0
    assert log.read_text().endswith("INFO Stopped\n")
    assert "Traceback" not in log.read_text()


@pytest.fixture
def win32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("PROGRAMDATA", "/data")


@pytest.mark.usefixtures("win32")
async def test_signal_reaches_a_loop_that_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Callable[..., object]] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    stopping = asyncio.Event()
    run._on_stop_signals(stopping.set)
    handlers[signal.SIGTERM](signal.SIGTERM, None)
    await asyncio.wait_for(stopping.wait(), 5)
    assert set(handlers) == {signal.SIGTERM, signal.SIGINT}


@pytest.mark.usefixtures("win32")
def test_default_places() -> None:
    assert cli.default_config_path() == Path("/data/gpu-heat-agent/config.toml")
    assert cli.default_state_dir() == Path("/data/gpu-heat-agent")


@pytest.mark.usefixtures("win32")
def test_job_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    assert cli.main(["token", "--config", str(config), "--state-dir", str(tmp_path / "x")]) == 2
    assert not (tmp_path / "x").exists()


@pytest.mark.usefixtures("win32")
def test_owner_and_mode_mean_nothing(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    folder = StateDir(tmp_path)
    token = folder.token()
    (tmp_path / "token").chmod(0o666)
    assert folder.token() == token
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o666
    assert folder.open_store().state.agent_id


@pytest.mark.usefixtures("win32")
def test_clock_and_limits_are_those_that_there_are() -> None:
    earlier, later = clock.read_clock(), clock.read_clock()
    assert 0 < earlier.steady_s <= later.steady_s
    assert sockets._most_connections() == sockets.MAX_CONNECTIONS


def test_lock_is_on_one_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, win32: None) -> None:
    held: list[int] = []

    def locking(fd: int, mode: int, length: int) -> None:
        assert (mode, length) == (2, 1)
        if held:
            raise OSError(13, "Permission denied")
        held.append(fd)

    msvcrt = ModuleType("msvcrt")
    vars(msvcrt).update(LK_NBLCK=2, locking=locking)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    spec = importlib.util.spec_from_file_location("lock_of_windows", str(file_lock.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lock = module.FileLock(tmp_path / "lock")
    with pytest.raises(BlockingIOError):
        module.FileLock(tmp_path / "lock")
    lock.release()


def test_lock_on_a_folder_that_is_not_there_is_another_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_lock.FileLock(tmp_path / "none" / "lock")
    folder = StateDir(tmp_path / "state")
    (tmp_path / "state" / "lock").mkdir()
    with pytest.raises(UsageError, match="--state-dir"):
        folder.lock()


def test_modules_that_home_assistant_uses_do_without_psutil() -> None:
    code = (
        "import sys; sys.modules['psutil'] = None\n"
        "import gpu_heat_agent.announce, gpu_heat_agent.clock, gpu_heat_agent.models"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
