"""Jobs that commands of their owner's pause, with real child processes."""

from collections.abc import Callable, Generator
import os
from pathlib import Path
import signal
import time
from typing import Any

import pytest

from gpu_heat_agent.engines import command
from gpu_heat_agent.engines.command import first_line, read_spec
from gpu_heat_agent.engines.driver import Effect, JobDriver, JobView
from gpu_heat_agent.errors import ConflictError, UnreachableError, UsageError
from gpu_heat_agent.job_config import JobConfig
from gpu_heat_agent.models import JobState
from gpu_heat_agent.toml_table import Table

Drive = Callable[..., JobDriver]

PAUSE = ["sh", "-c", "echo paused > state"]
RESUME = ["sh", "-c", "echo running > state"]
STATE = ["cat", "state"]


@pytest.fixture
def drive(tmp_path: Path) -> Generator[Drive]:
    """Make drivers of one job "job", whose state is a word in a file."""
    (tmp_path / "state").write_text("running\n")
    made: list[JobDriver] = []

    def make(**keys: Any) -> JobDriver:
        made.append(command.make_driver([job(tmp_path, **keys)], {}, tmp_path))
        return made[-1]

    yield make
    for driver in made:
        driver.close()


def job(folder: Path, **keys: Any) -> JobConfig:
    table = Table({"pause": PAUSE, "resume": RESUME, "state": STATE, "cwd": ".", **keys}, "jobs[0]")
    spec = read_spec(table, "job", folder)
    table.finish()
    return JobConfig(id="job", name="Job", kind="command", spec=spec)


def view(driver: JobDriver) -> JobView:
    return driver.observe({})["job"]


def plan(driver: JobDriver) -> dict[str, Any]:
    view(driver)
    return {"job": driver.plan_pause("job", {})}


def shell(text: str) -> list[str]:
    return ["sh", "-c", text]


def gone(pid: int) -> bool:
    """Whether a process ends soon."""
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":  # nobody has waited for it, and it runs no more
            return True
        time.sleep(0.01)
    return False


def test_job_is_paused_and_resumed_by_its_commands(drive: Drive) -> None:
    driver = drive()
    assert view(driver) == JobView(
        state=JobState.RUNNING, can_pause=True, effect=Effect(frees_gpu=False, keeps_work=True)
    )
    undo = plan(driver)
    assert driver.pause(undo) == {}
    assert view(driver).state is JobState.PAUSED
    assert driver.resume(undo) == {}
    assert driver.resume(undo) == {}
    assert view(driver).state is JobState.RUNNING


def test_plan_holds_no_command(drive: Drive) -> None:
    assert plan(drive()) == {"job": {"told": "pause"}}


def test_next_run_resumes_from_the_plan_alone(drive: Drive) -> None:
    driver = drive()
    undo = plan(driver)
    driver.pause(undo)
    assert drive().resume(undo) == {}
    assert view(driver).state is JobState.RUNNING


def test_what_a_pause_does_is_as_configured(drive: Drive) -> None:
    effect = view(drive(frees_gpu=True, keeps_work=False)).effect
    assert effect == Effect(frees_gpu=True, keeps_work=False)


def test_state_may_tell_more(drive: Drive) -> None:
    text = '{"state": "queued", "remaining_s": 90, "progress": null, "name": "Frames"}'
    seen = view(drive(state=["echo", text]))
    assert (seen.state, seen.remaining_s, seen.name) == (JobState.QUEUED, 90.0, "Frames")


@pytest.mark.parametrize(
    "text",
    [
        "echo busy",
        "true",
        "echo running; exit 3",
        "echo running; echo and more",
        "head -c 70000 /dev/zero | tr '\\0' ' '; echo running",
        "kill -9 $$",
    ],
)
def test_state_that_cannot_be_read_is_unknown(drive: Drive, text: str) -> None:
    seen = view(drive(state=shell(text)))
    assert (seen.state, seen.can_pause) == (JobState.UNKNOWN, False)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("echo; echo '\033[31mno \007way' >&2; echo x >&2; exit 1", ConflictError, "[31mno way"),
        ("exit 3", ConflictError, "it ended with status 3"),
        ("echo later >&2; exit 75", UnreachableError, "later"),
        ("printf 'a%.0s' $(seq 300) >&2; exit 1", ConflictError, "a" * 200),
    ],
)
def test_command_that_fails_says_why(
    drive: Drive, text: str, kind: type[Exception], said: str
) -> None:
    driver = drive(pause=shell(text))
    failure = driver.pause(plan(driver))["job"]
    assert type(failure) is kind
    assert str(failure) == f'job "job": sh: {said}'


def test_command_that_failed_may_have_done_half_so_it_is_undone(
    drive: Drive, tmp_path: Path
) -> None:
    driver = drive(pause=shell("echo paused > state; exit 1"))
    undo = plan(driver)
    assert driver.pause(undo).keys() == {"job"}
    assert driver.resume(undo) == {}
    assert (tmp_path / "state").read_text() == "running\n"


def test_command_that_hangs_is_killed_with_all_of_its_group(drive: Drive, tmp_path: Path) -> None:
    text = "sleep 600 & echo $! > pids; echo $$ >> pids; wait"
    driver = drive(pause=shell(text), timeout_s=1)
    failure = driver.pause(plan(driver))["job"]
    assert isinstance(failure, UnreachableError)
    assert "took longer than 1 s" in str(failure)
    assert all(gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_what_a_command_leaves_running_is_not_waited_for(drive: Drive, tmp_path: Path) -> None:
    driver = drive(resume=shell("sleep 600 & echo $! > pid; echo running > state"))
    try:
        assert driver.resume({"job": {"told": "pause"}}) == {}
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, 0)  # it goes on
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert gone(pid)


def test_endless_output_takes_no_more_than_its_time(drive: Drive) -> None:
    driver = drive(state=["cat", "/dev/zero"], timeout_s=1)
    assert view(driver).state is JobState.UNKNOWN


def test_commands_have_no_input_and_an_environment_of_their_own(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_AGENT", "a")
    text = 'cat; test "$LC_ALL:$FROM_AGENT:$MINE" = C:a:m && test -f state && echo running'
    assert view(drive(state=shell(text), env={"MINE": "m"})).state is JobState.RUNNING


def test_job_that_is_not_configured_any_more_is_to_be_resumed_by_hand(tmp_path: Path) -> None:
    driver = command.make_driver([], {}, tmp_path)
    failure = driver.resume({"job": {"told": "pause"}})["job"]
    driver.close()
    assert isinstance(failure, ConflictError)


def test_program_that_has_gone_is_said(drive: Drive, tmp_path: Path) -> None:
    program = tmp_path / "ctl"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    driver = drive(pause=["./ctl"])
    undo = plan(driver)
    program.unlink()
    assert "./ctl cannot be started" in str(driver.pause(undo)["job"])


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"pause": []}, "jobs[0].pause: give a command"),
        ({"state": None}, "jobs[0].state: give a command"),
        ({"resume": "x"}, "jobs[0].resume: write a list of texts"),
        ({"resume": ["no-such-program"]}, 'jobs[0].resume: there is no program "no-such-program"'),
        ({"pause": ["./nowhere"]}, 'jobs[0].pause: there is no program "./nowhere"'),
        ({"cwd": "nowhere"}, "jobs[0].cwd: there is no folder"),
        ({"env": {"PATH": "/nowhere"}}, 'jobs[0].pause: there is no program "sh"'),
        ({"timeout_s": 61}, "jobs[0].timeout_s: write a number from 1 to 60"),
        ({"comand": ["true"]}, "jobs[0].comand: there is no such key"),
    ],
)
def test_wrong_config_is_named(tmp_path: Path, keys: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        job(tmp_path, **keys)
    assert text in str(caught.value)


def test_first_line_is_the_first_that_says_something() -> None:
    assert first_line(b"\n \x1b\n\xff bad \n next") == "\ufffd bad"
    assert first_line(b"") == ""
