"""The guard: what becomes of a paused job whose agent is killed and never comes back."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from gpu_heat_agent import guard, guard_duty, guard_main
from gpu_heat_agent.clock import read_clock
from gpu_heat_agent.engines.driver import Failures
from gpu_heat_agent.engines.process import ProcessDriver
from gpu_heat_agent.engines.process_spec import PauseBy, ProcessSpec
from gpu_heat_agent.engines.processes import scan
from gpu_heat_agent.errors import UnreachableError
from gpu_heat_agent.file_lock import AGENT_LOCK, GUARD_LOCK, FileLock, is_claimed
from gpu_heat_agent.job_config import JobConfig
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.leases import ended, grant
from gpu_heat_agent.start_guard import GuardStarter
from gpu_heat_agent.state import JobRecord, Pause
from gpu_heat_agent.state_dir import StateDir, Store

from .cgroups import stands_still
from .harness import RunningAgent, until
from .test_agent import BY_SIGNALS, counting_job, size, working

Spawn = Callable[..., "subprocess.Popen[bytes]"]

LEASE_S = 2.0


def lease_end_s(agent: RunningAgent, job_id: str = "count") -> float:
    return float(agent.state()["jobs"][job_id]["pause"]["expires_at_s"])


def leader(agent: RunningAgent) -> int:
    return int(agent.state()["jobs"]["count"]["memory"]["root"]["pid"])


async def paused(agent: RunningAgent, extra: str = "", lease_s: float = LEASE_S) -> Path:
    """Start an agent, and have it pause its job; return the file of the job's work."""
    agent.short_leases = True
    work = counting_job(agent, extra)
    await agent.start()
    await working(work)
    status, job = await agent.pause("count", lease_s)
    assert (status, job["state"]) == (200, "paused")
    return work


@pytest.mark.parametrize("extra", ["", BY_SIGNALS])
async def test_job_of_an_agent_that_was_killed_runs_on_when_its_lease_ends_and_not_before(
    agent: RunningAgent, extra: str
) -> None:
    work = await paused(agent, extra)
    before, end_s = size(work), lease_end_s(agent)
    await agent.kill()

    await until(lambda: size(work) > before)

    assert time.time() >= end_s
    await until(lambda: agent.state()["jobs"]["count"]["pause"] is None)
    await until(lambda: agent.guard() is None)
    assert "guard: Job count: pause ended, lease over" in agent.log.read_text()
    assert not is_claimed(agent.state_dir / AGENT_LOCK)


async def test_agent_has_one_guard_in_a_session_of_its_own(agent: RunningAgent) -> None:
    await paused(agent, lease_s=600)
    pid = await until(agent.guard)
    assert os.getsid(pid) == pid
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", guard_main.__file__, str(agent.state_dir))
    )
    async with asyncio.timeout(20):
        assert await other.wait() == 0
    await agent.pause("count", 600)
    assert agent.guard() == pid


async def test_guard_leaves_all_to_an_agent_that_comes_back_within_the_lease(
    agent: RunningAgent,
) -> None:
    work = await paused(agent, lease_s=600)
    pid, before = await until(agent.guard), size(work)
    await agent.kill()

    await agent.start()

    [job] = (await agent.snapshot())["jobs"]
    assert (job["state"], job["paused_by_us"]) == ("paused", True)
    await agent.pause("count", 600)
    assert agent.guard() == pid
    assert size(work) == before
    await agent.resume("count")
    await working(work)


async def test_guard_goes_on_guarding_an_agent_that_came_back(agent: RunningAgent) -> None:
    work = await paused(agent, lease_s=600)
    pid = await until(agent.guard)
    await agent.kill()
    await until(lambda: b"guard_main" in Path(f"/proc/{pid}/cmdline").read_bytes())
    await agent.start()
    await agent.pause("count", LEASE_S)
    before, end_s = size(work), lease_end_s(agent)
    await agent.kill()

    await until(lambda: size(work) > before)

    assert time.time() >= end_s
    await until(lambda: agent.guard() is None)


async def test_guard_ends_with_an_agent_that_is_stopped(agent: RunningAgent) -> None:
    work = await paused(agent, lease_s=600)
    await until(agent.guard)
    assert await agent.stop() == 0
    await until(lambda: agent.guard() is None)
    await working(work)
    assert agent.state()["jobs"]["count"]["pause"] is not None  # for the next run


async def test_guard_that_was_killed_too_leaves_the_rest_to_the_next_run(
    agent: RunningAgent,
) -> None:
    work = await paused(agent)
    pid, [cgroup] = await until(agent.guard), agent.cgroups()
    await agent.kill()
    os.kill(pid, signal.SIGKILL)
    end_s, before = lease_end_s(agent), size(work)
    assert (cgroup / "cgroup.freeze").read_text() == "1\n"
    await until(lambda: time.time() > end_s)
    assert size(work) == before

    await agent.start()

    await working(work)
    assert (cgroup / "cgroup.freeze").read_text() == "0\n"


async def test_guard_resumes_nothing_that_someone_else_has_stopped(agent: RunningAgent) -> None:
    agent.short_leases = True
    work = counting_job(agent, BY_SIGNALS)
    with agent.config.open("a") as file:
        file.write(f'[[jobs]]\nid = "other"\ncommand = ["sleep", "600"]\n{BY_SIGNALS}')
    await agent.start()
    await working(work)
    other = int(agent.state()["jobs"]["other"]["memory"]["root"]["pid"])
    os.kill(other, signal.SIGSTOP)
    await until(lambda: scan()[other].stopped)
    await agent.pause("count", LEASE_S)
    await agent.kill()
    await working(work)
    await until(lambda: agent.guard() is None)
    assert scan()[other].stopped


async def test_second_agent_is_told_that_there_is_one_also_beside_a_guard(
    agent: RunningAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paused(agent, lease_s=600)
    monkeypatch.setattr("gpu_heat_agent.state_dir._GUARD_PATIENCE_S", 0.1)
    # Not a fault of set-up, which a service manager would take for the last word.
    with pytest.raises(UnreachableError, match="another agent is using this folder"):
        StateDir(agent.state_dir).lock()


async def test_config_that_is_of_no_use_any_more_keeps_no_job_paused(agent: RunningAgent) -> None:
    work = await paused(agent)
    agent.config.write_text("[[jobs]]\nid = 1\n")
    await agent.kill()
    await working(work)
    await until(lambda: agent.guard() is None)
    assert "done without" in agent.log.read_text()


async def test_guard_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    store = StateDir(folder).open_store()
    hold(store, "job", ended(pause_of("process")))
    (folder / AGENT_LOCK).touch()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-P", guard_main.__file__, str(folder)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 0
    modules = {line.rpartition("|")[2].strip() for line in said.decode().splitlines()}
    assert "gpu_heat_guard.guard_duty" in modules
    assert not {"homeassistant", "aiohttp", "asyncio", "cryptography", "psutil"} & modules
    assert StateDir(folder).open_store().state.jobs == {}


# The guard's parts, in this process.


def pause_of(kind: str, undo: Any = None, lease_s: float = 600) -> Pause:
    pause = grant(kind=kind, now=read_clock(), lease_s=lease_s, reason="test")
    return replace(pause, undo={"root": None} if undo is None else undo)


def hold(store: Store, key: str, pause: Pause) -> None:
    def changed(state: Any) -> Any:
        return replace(state, jobs={**state.jobs, key: JobRecord(pause=pause)})

    store.update(changed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder in which an agent has been."""
    StateDir(tmp_path).open_store()
    (tmp_path / AGENT_LOCK).touch()
    return tmp_path


def stopped_job(folder: Path, pid: int, lease_s: float) -> Store:
    """Stop a process as the job "job", and leave it as a killed agent does."""
    (folder / "job.pid").write_text(f"{pid}\n")
    spec = ProcessSpec(pidfile=folder / "job.pid", pause=PauseBy.SIGNAL)
    store = StateDir(folder).open_store()
    driver = ProcessDriver({"job": spec}, {}, folder)
    book = JobBook("process", [JobConfig(id="job", name="", spec=spec)], driver, store, read_clock)
    book.pause("job", lease_s=lease_s, reason="test")
    assert stands_still(pid)
    return store


def test_guard_waits_for_a_lease_and_ends(folder: Path, spawn: Spawn) -> None:
    pid = spawn("sleep", "600").pid
    stopped_job(folder, pid, lease_s=0.3)
    assert guard.main([str(folder)]) == 0
    assert not stands_still(pid)
    assert not is_claimed(folder / GUARD_LOCK)


def test_guard_tries_again_where_a_job_cannot_be_resumed(
    folder: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = spawn("sleep", "600").pid
    stopped_job(folder, pid, lease_s=0.0)
    failures = [UnreachableError("not now"), UnreachableError("not yet")]
    resume = ProcessDriver.resume

    def refuse(self: ProcessDriver, undo: Any) -> Failures:
        if failures:
            raise failures.pop()
        return resume(self, undo)

    monkeypatch.setattr(ProcessDriver, "resume", refuse)
    assert guard.main([str(folder)]) == 0
    assert not stands_still(pid)


def test_guard_hands_over_to_an_agent_that_has_come_back(
    folder: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = spawn("sleep", "600").pid
    stopped_job(folder, pid, lease_s=600)
    agent = StateDir(folder)
    monkeypatch.setattr("time.sleep", lambda _: agent.lock())
    again: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *arguments: again.append(arguments))
    assert guard.main([str(folder)]) == 0
    assert again == [(sys.executable, sys.orig_argv)]
    assert stands_still(pid)
    agent.unlock()


@pytest.mark.parametrize("damage", ["none", "corrupt", "missing", "let go", "folder"])
def test_guard_has_nothing_to_do(folder: Path, damage: str) -> None:
    path = folder / "state.json"
    if damage == "corrupt":
        path.write_text("{")
    elif damage == "missing":
        path.unlink()
    elif damage == "let go":
        hold(StateDir(folder).open_store(), "job", pause_of("process", undo={}))
    elif damage == "folder":
        (folder / AGENT_LOCK).unlink()
    assert guard.main([str(folder)]) == 0
    assert damage != "corrupt" or path.read_text() == "{"
    assert not is_claimed(folder / GUARD_LOCK)
    assert (folder / AGENT_LOCK).exists() is (damage != "folder")


def test_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    assert guard.main([str(tmp_path / "gone")]) == 0
    assert guard_duty.stand_in(tmp_path / "gone", None, FileLock(tmp_path / "mine")) is False
    assert not (tmp_path / "gone").exists()


def test_pause_of_a_kind_that_is_not_known_keeps_nobody_elses_job_paused(
    folder: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = spawn("sleep", "600").pid
    store = stopped_job(folder, pid, lease_s=0.0)
    hold(store, "later", ended(pause_of("quantum")))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 12:  # an agent takes the folder
            held.append(FileLock(folder / AGENT_LOCK))

    held: list[FileLock] = []
    monkeypatch.setattr("time.sleep", sleep)
    assert guard_duty.stand_in(folder, None, FileLock(folder / GUARD_LOCK)) is True
    assert not stands_still(pid)
    assert slept[:3] == [0.2, 0.4, 0.8]
    assert max(slept) == 60.0
    held[0].release()


def test_state_that_cannot_be_read_for_a_while_is_not_taken_for_none(
    folder: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = spawn("sleep", "600").pid
    stopped_job(folder, pid, lease_s=0.0)
    failures, read = [OSError(24, "Too many open files")], Path.read_text

    def refuse(path: Path, **keys: Any) -> str:
        if failures and path.name == "state.json":
            raise failures.pop()
        return read(path, **keys)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert guard.main([str(folder)]) == 0
    assert not stands_still(pid)


def test_there_is_one_guard_for_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_heat_agent.guard._PATIENCE_S", 0.1)
    first = FileLock(folder / GUARD_LOCK)
    assert guard.main([str(folder)]) == 0
    first.release()


def test_agent_waits_for_a_guard_that_has_its_folder(folder: Path) -> None:
    mine, acting = FileLock(folder / GUARD_LOCK), FileLock(folder / AGENT_LOCK)
    threading.Timer(0.3, acting.release).start()
    agent = StateDir(folder)
    agent.lock()
    assert is_claimed(folder / AGENT_LOCK)
    agent.unlock()
    mine.release()


class Started:
    """A starter of guards, and the guards."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.failure: OSError | None = None
        self.starter = GuardStarter(folder, folder / "agent.toml")
        monkeypatch.setattr(subprocess, "Popen", self._popen)

    def _popen(self, command: list[str], **keys: Any) -> "Started":
        if self.failure is not None:
            raise self.failure
        self.commands.append(command)
        self.environments.append(keys["env"])
        return self

    def poll(self) -> int:
        """Say that the guard has ended."""
        return 1


def test_guard_that_does_not_stay_is_not_started_all_the_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPU_HEAT_JOB", "an agent that was itself started as a job")
    started = Started(folder, monkeypatch)
    for _ in range(3):
        started.starter()
    assert [command[3:] for command in started.commands] == [
        [str(folder), str(folder / "agent.toml")]
    ]
    assert "GPU_HEAT_JOB" not in started.environments[0]


def test_want_of_a_guard_is_said_and_keeps_no_pause_from_being_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started = Started(folder, monkeypatch)
    started.failure = OSError(12, "Cannot allocate memory")
    store = StateDir(folder).open_store()
    store.watch(started.starter)
    hold(store, "job", pause_of("process"))
    hold(store, "job", pause_of("process"))
    assert caplog.text.count("No guard could be started") == 1


def test_guard_is_wanted_only_where_a_pause_holds_something_back(folder: Path) -> None:
    calls: list[None] = []
    store = StateDir(folder).open_store()
    store.watch(lambda: calls.append(None))
    hold(store, "job", pause_of("process", undo={}))
    assert len(calls) == 0
    hold(store, "job", pause_of("process"))
    assert len(calls) == 1
    StateDir(folder).open_store().watch(lambda: calls.append(None))
    assert len(calls) == 2


def test_guard_is_loaded_by_its_folder_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["guard_main.py", str(folder)])
    before = set(sys.modules)
    try:
        assert guard_main.run() == 0
        assert "gpu_heat_guard.guard" in sys.modules
    finally:
        for name in set(sys.modules) - before:
            if name.startswith("gpu_heat_guard"):
                del sys.modules[name]
