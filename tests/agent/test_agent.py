"""The agent as a process of its own: what survives what."""

import asyncio
from datetime import datetime
import json
import os
from pathlib import Path
import signal
import subprocess
import sys

import pytest

from gpu_heat_agent.models import snapshot_from_json

from .harness import RunningAgent, run_cli, until

# A job of three processes, the last of which counts in a file.
COUNTER = """
import subprocess, sys, time
depth, path = int(sys.argv[1]), sys.argv[2]
if depth:
    subprocess.run([sys.executable, "-c", sys.argv[3], str(depth - 1), path, sys.argv[3]])
while True:
    with open(path, "a") as file:
        file.write(".")
    time.sleep(0.01)
"""


BY_SIGNALS = 'pause = "signal"\n'


def counting_job(agent: RunningAgent, extra: str = BY_SIGNALS) -> Path:
    """Configure a job "count", and return the file whose size is its work."""
    work = agent.config.with_name("work")
    command = [sys.executable, "-c", COUNTER, "2", str(work), COUNTER]
    agent.config.write_text(f'[[jobs]]\nid = "count"\ncommand = {json.dumps(command)}\n{extra}')
    return work


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def states(leader: int) -> list[str]:
    """Return the states of all processes in a session, from /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if os.getsid(int(entry.name)) == leader:
                    found.append((entry / "stat").read_text().rpartition(")")[2].split()[0])
            except (ProcessLookupError, FileNotFoundError):
                continue
    return found


async def working(work: Path) -> None:
    """Wait until more work is done than now."""
    before = size(work)
    await until(lambda: size(work) > before)


async def test_paused_job_stands_still_with_its_whole_tree_and_runs_on(
    agent: RunningAgent,
) -> None:
    work = counting_job(agent)
    await agent.start()
    await working(work)
    [leader] = agent.job_pids()
    assert (await agent.snapshot())["devices"][0]["power_w"] == 350

    status, job = await agent.pause("count")

    assert status == 200
    assert (job["state"], job["paused_by_us"], job["reason"]) == ("paused", True, "test")
    assert states(leader) == ["T", "T", "T"]
    before = size(work)
    snapshot = await agent.snapshot()
    assert snapshot["devices"][0]["power_w"] == 20
    assert size(work) == before

    status, job = await agent.resume("count")

    assert (status, job["state"], job["paused_by_us"]) == (200, "running", False)
    await working(work)
    assert (await agent.resume("count"))[0] == 200


async def test_energy_never_decreases_and_the_job_is_found_again_after_a_kill(
    agent: RunningAgent,
) -> None:
    work = counting_job(agent)
    await agent.start()
    await working(work)
    leaders, before = agent.job_pids(), await agent.snapshot()

    await agent.kill()
    await agent.start()

    after = await agent.snapshot()
    assert agent.job_pids() == leaders
    assert after["agent"]["id"] == before["agent"]["id"]
    assert after["jobs"][0]["state"] == "running"
    for old, new in zip(before["devices"], after["devices"], strict=True):
        assert new["energy_j"] >= old["energy_j"]
    assert snapshot_from_json(after).power_w == 370


async def test_pause_holds_over_a_kill_of_the_agent(agent: RunningAgent) -> None:
    work = counting_job(agent)
    await agent.start()
    await working(work)
    _, paused = await agent.pause("count")
    [leader] = agent.job_pids()

    await agent.kill()
    assert states(leader) == ["T", "T", "T"]
    await agent.start()

    [job] = (await agent.snapshot())["jobs"]
    assert (job["state"], job["paused_by_us"], job["reason"]) == ("paused", True, "test")
    assert job["lease_expires_at"] == paused["lease_expires_at"]
    await agent.resume("count")
    await working(work)


async def test_lease_that_ran_out_while_the_agent_was_dead_ends_at_its_start(
    agent: RunningAgent,
) -> None:
    work = counting_job(agent)
    await agent.start()
    await working(work)
    await agent.pause("count")
    await agent.kill()
    text = agent.state_dir.joinpath("state.json").read_text()
    agent.state_dir.joinpath("state.json").write_text(
        text.replace('"lease_s": 600', '"lease_s": 0')
    )

    await agent.start()

    [job] = (await agent.snapshot())["jobs"]
    assert (job["state"], job["paused_by_us"]) == ("running", False)
    await working(work)


async def test_stopped_agent_leaves_its_jobs_running_and_takes_the_pause_up_again(
    agent: RunningAgent,
) -> None:
    work = counting_job(agent)
    await agent.start()
    await working(work)
    _, paused = await agent.pause("count")

    assert await agent.stop() == 0

    await working(work)
    await agent.start()
    [job] = (await agent.snapshot())["jobs"]
    assert (job["state"], job["paused_by_us"]) == ("paused", True)
    assert job["lease_expires_at"] == paused["lease_expires_at"]


async def test_stopped_agent_ends_the_jobs_that_it_shall_end(agent: RunningAgent) -> None:
    work = counting_job(agent, 'on_stop = "terminate"\n')
    await agent.start()
    await working(work)
    [leader] = agent.job_pids()
    assert await agent.stop() == 0
    assert set(states(leader)) <= {"Z"}
    await agent.start()
    assert agent.job_pids() not in ([], [leader])


async def test_lost_state_is_a_new_agent_that_does_not_start_jobs_twice(
    agent: RunningAgent,
) -> None:
    work = counting_job(agent)
    await agent.start()
    await working(work)
    before, leaders = await agent.snapshot(), agent.job_pids()
    await agent.kill()
    agent.state_dir.joinpath("state.json").write_text('{"version": 1, "agent')

    await agent.start()

    after = await agent.snapshot()
    assert after["agent"]["id"] != before["agent"]["id"]
    assert agent.job_pids() == leaders
    assert len(list(agent.state_dir.glob("state.json.corrupt-*"))) == 1
    assert "set aside" in agent.log.read_text()


async def test_job_that_someone_else_stopped_is_not_ours(agent: RunningAgent) -> None:
    work = counting_job(agent)
    await agent.start()
    await working(work)
    [leader] = agent.job_pids()
    os.killpg(leader, 19)
    await until(lambda: states(leader) == ["T", "T", "T"])

    assert (await agent.pause("count"))[0] == 409
    status, answer = await agent.resume("count")

    assert (status, answer["error"]["code"]) == (409, "conflict")
    assert states(leader) == ["T", "T", "T"]
    os.killpg(leader, 18)
    await working(work)


async def test_pause_that_someone_else_ended_is_dropped(agent: RunningAgent) -> None:
    work = counting_job(agent)
    await agent.start()
    await working(work)
    await agent.pause("count")
    [leader] = agent.job_pids()

    os.kill(leader, 18)

    await until(lambda: agent.state()["jobs"]["count"]["pause"] is None)
    await working(work)


async def test_job_that_has_ended_well_is_not_started_again(agent: RunningAgent) -> None:
    work = agent.config.with_name("work")
    command = ["sh", "-c", f"echo done >> {work}"]
    agent.config.write_text(f'[[jobs]]\nid = "once"\ncommand = {json.dumps(command)}\n')
    await agent.start()
    await until(lambda: agent.state()["jobs"]["once"]["memory"]["outcome"] == "finished")
    await agent.stop()
    await agent.start()
    [job] = (await agent.snapshot())["jobs"]
    assert (job["state"], job["can_pause"]) == ("finished", False)
    assert work.read_text() == "done\n"
    assert (await agent.pause("once"))[0] == 409


async def test_job_that_failed_is_said_to_have_and_its_output_is_kept(
    agent: RunningAgent,
) -> None:
    agent.config.write_text('[[jobs]]\nid = "bad"\ncommand = ["sh", "-c", "echo why; exit 3"]\n')
    await agent.start()
    await until(lambda: agent.state()["jobs"]["bad"]["memory"]["outcome"] == "failed")
    assert (await agent.snapshot())["jobs"][0]["state"] == "failed"
    log = agent.state_dir / "jobs" / "bad.log"
    assert log.read_text() == "why\n"
    assert log.stat().st_mode & 0o777 == 0o600


async def test_secrets_are_private_and_the_token_is_not_logged(agent: RunningAgent) -> None:
    await agent.start()
    token = agent.state_dir.joinpath("token")
    assert token.stat().st_mode & 0o777 == 0o600
    assert agent.state_dir.joinpath("state.json").stat().st_mode & 0o777 == 0o600
    assert len(token.read_text().strip()) == 43  # 256 bits in base 64
    assert token.read_text().strip() not in agent.log.read_text()


async def test_simulated_dgx_draws_10200_watts_with_all_gpus_at_work(
    agent: RunningAgent,
) -> None:
    agent.config.write_text(
        '[[jobs]]\nid = "all"\ncommand = ["sleep", "600"]\ndevices = [0, 1, 2, 3, 4, 5, 6, 7]\n'
    )
    await agent.start("--simulate", "dgx_h100")
    snapshot = await agent.snapshot()
    assert snapshot["host"]["power_w"] == 10200
    assert snapshot["host"]["origin"] == "estimate"
    assert [device["power_w"] for device in snapshot["devices"]] == [700] * 8
    assert datetime.fromisoformat(snapshot["taken_at"]).tzinfo is not None


@pytest.mark.parametrize("which", ["port", "state"])
async def test_second_agent_on_the_same_port_or_folder_says_so(
    agent: RunningAgent, tmp_path: Path, which: str
) -> None:
    await agent.start()
    folder = agent.state_dir if which == "state" else tmp_path / "other"
    listen = agent.url.removeprefix("http://") if which == "port" else "127.0.0.1:0"

    process = await asyncio.create_subprocess_exec(
        *run_cli("run", "--simulate", "rtx_3090", "--listen", listen, "--state-dir", str(folder)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await process.communicate()
    assert process.returncode == 2
    assert stderr.count(b"\n") == 1
    assert (listen if which == "port" else str(folder)) in stderr.decode()
    assert not (tmp_path / "other").exists()


@pytest.fixture
def hung_nvml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An NVML whose first call never returns, for the agents that are started."""
    folder = tmp_path / "hung"
    folder.mkdir()
    source = folder / "nvml.c"
    source.write_text("#include <unistd.h>\nint nvmlInitWithFlags() { for (;;) pause(); }\n")
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(folder))


@pytest.mark.usefixtures("hung_nvml")
async def test_hardware_that_hangs_keeps_no_job_paused(agent: RunningAgent) -> None:
    work = counting_job(agent)
    await agent.start()
    await working(work)
    await agent.pause("count")
    await agent.kill()
    path = agent.state_dir / "state.json"
    text = path.read_text().replace('"lease_s": 600', '"lease_s": 0')
    path.write_text(text.replace('"found_limits_w": {}', '"found_limits_w": {"GPU-a": 700}'))

    await agent.start("--listen", "127.0.0.1:0")

    await working(work)
    status, job = await agent.pause("count")
    assert (status, job["state"]) == (200, "paused")
    assert await agent.stop() == 0
    await working(work)
    assert agent.state()["found_limits_w"] == {"GPU-a": 700}
    assert "power limits stay as they are" in agent.log.read_text()


# The real agent, but that telling the network where it is never comes to an end.
NEVER_ANNOUNCED = """
import asyncio, sys
from contextlib import asynccontextmanager
from gpu_heat_agent import cli, run

@asynccontextmanager
async def announced(*_):
    await asyncio.Event().wait()
    yield

run.announced = announced
sys.exit(cli.main(sys.argv[1:]))
"""


async def test_jobs_are_watched_while_the_network_is_still_to_be_told(tmp_path: Path) -> None:
    config, state = tmp_path / "agent.toml", tmp_path / "state"
    config.write_text('[[jobs]]\nid = "job"\ncommand = ["sleep", "0.5"]\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", NEVER_ANNOUNCED, "run", "--simulate", "rtx_3090"),
        *("--config", str(config), "--state-dir", str(state), "--listen", "127.0.0.1:0"),
    )
    path = state / "state.json"
    await until(lambda: path.exists() and '"outcome": "finished"' in path.read_text())
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await process.wait() == 0
