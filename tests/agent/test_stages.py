"""How a pause comes about and how it ends: checkpoints, the engine's word, the longest length."""

from dataclasses import replace
import os
from pathlib import Path
import signal
import sys
import time
from typing import Any

import pytest

from gpu_heat_agent.engines.driver import STARTS_ANEW
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.job_config import AfterMaxPause, Checkpoint, JobConfig
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state import Stage

from .parts import Clock
from .scripted_engine import GROUP, SINGLE, CrashError, Engine, Run


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> Engine:
    return Engine(running={"one"})


def single(**keys: Any) -> JobConfig:
    return replace(SINGLE, **keys)


def test_pause_holds_only_when_the_engine_says_so(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    run = Run(tmp_path, clock, engine, SINGLE)
    engine.slow.add("one")
    job = run.pause("one", lease_s=60)
    assert (job.state, job.paused_by_us) == (JobState.RUNNING, True)
    for _ in range(3):
        assert run.job("one").paused_by_us  # that it still runs is nobody's doing
    assert run.records()["one"].stage is Stage.ASKED
    engine.slow.clear()
    assert run.job("one").state is JobState.PAUSED
    assert run.records()["one"].stage is Stage.HELD


def test_pause_that_the_engine_never_agrees_to_ends_with_its_lease(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    run = Run(tmp_path, clock, engine, SINGLE)
    engine.slow.add("one")
    run.pause("one", lease_s=60)
    clock.passes(60)
    assert not run.job("one").paused_by_us
    assert engine.waiting() == []


def test_lease_renewed_before_the_engine_agrees_asks_it_nothing_more(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    run = Run(tmp_path, clock, engine, SINGLE)
    engine.slow.add("one")
    run.pause("one", lease_s=60)
    clock.passes(50)
    run.pause("one", lease_s=60)
    assert engine.calls == [("pause", ("one",))]
    clock.passes(59)
    assert run.job("one").paused_by_us


def test_crash_before_the_engine_agreed_is_made_good_by_the_next_run(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    run = Run(tmp_path, clock, engine, SINGLE)
    engine.crash_in = 1  # one look, then the end before the job is stopped
    with pytest.raises(CrashError):
        run.pause("one")
    engine.crash_in = None
    assert engine.running == {"one"}
    assert Run(tmp_path, clock, engine, SINGLE).job("one").state is JobState.PAUSED


def test_job_resumed_by_someone_else_while_no_agent_ran_is_left_alone(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    Run(tmp_path, clock, engine, SINGLE).pause("one")
    engine.others_resume("one")
    run = Run(tmp_path, clock, engine, SINGLE)
    assert not run.job("one").paused_by_us
    assert engine.running == {"one"}


def test_job_stopped_by_someone_else_while_no_agent_ran_is_left_alone(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    run = Run(tmp_path, clock, engine, SINGLE)
    run.pause("one")
    run.book.stop()
    engine.others_hold("one")
    run = Run(tmp_path, clock, engine, SINGLE)
    assert not run.job("one").paused_by_us
    assert engine.held_by == {"one": "somebody"}


def test_engine_that_wants_a_job_back_gets_it(tmp_path: Path, clock: Clock, engine: Engine) -> None:
    run = Run(tmp_path, clock, engine, SINGLE)
    run.pause("one")
    engine.must_resume["one"] = "half of its time limit is used up"
    run.book.tick()
    assert engine.running == {"one"}


def test_what_a_job_tells_of_the_work_left_is_shown(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    run = Run(tmp_path, clock, engine, SINGLE, work_left_s=lambda: {"one": 90.0})
    assert run.job("one").remaining_s == 90


def test_why_a_job_cannot_be_paused_is_said_before_and_when_it_is_tried(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    engine.obstacles["one"] = "its owner would undo it"
    run = Run(tmp_path, clock, engine, SINGLE)
    assert run.job("one").error == "its owner would undo it"
    with pytest.raises(ConflictError, match="cannot be paused: its owner would undo it"):
        run.pause("one")


def test_job_that_became_one_of_another_kind_keeps_the_way_to_end_its_old_pause(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    Run(tmp_path, clock, engine, SINGLE).pause("one")  # and a crash
    other = Engine(running={"one"})
    run = Run(tmp_path, clock, other, replace(SINGLE, kind="other"), kind="other")
    with pytest.raises(UnreachableError, match='paused still as a job of kind "scripted"'):
        run.pause("one")
    assert other.waiting() == []
    Run(tmp_path, clock, engine)  # of a kind that left the config
    assert engine.waiting() == []
    run = Run(tmp_path, clock, other, replace(SINGLE, kind="other"), kind="other")
    assert run.pause("one").paused_by_us


# Checkpoints


def test_job_is_paused_when_its_checkpoint_has_been_written(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    done = tmp_path / "checkpoint"
    checkpoint = Checkpoint(signal=signal.SIGUSR1, done_file=done, timeout_s=30)
    run = Run(tmp_path, clock, engine, single(checkpoint=checkpoint))
    job = run.pause("one")
    assert (job.state, job.paused_by_us) == (JobState.RUNNING, True)
    assert engine.calls == [("SIGUSR1", ("one",))]
    clock.passes(29)
    assert run.job("one").state is JobState.RUNNING
    done.write_text("all that is known")
    assert run.job("one").state is JobState.PAUSED


def test_checkpoint_of_before_is_not_taken_for_the_one_asked_for(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    done = tmp_path / "checkpoint"
    done.write_text("of yesterday")
    checkpoint = Checkpoint(signal=signal.SIGUSR1, done_file=done, timeout_s=30)
    run = Run(tmp_path, clock, engine, single(checkpoint=checkpoint))
    run.pause("one")
    assert run.job("one").state is JobState.RUNNING


def test_signal_without_a_file_gives_the_job_its_time(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    checkpoint = Checkpoint(signal=signal.SIGUSR1, timeout_s=30)
    run = Run(tmp_path, clock, engine, single(checkpoint=checkpoint))
    run.pause("one")
    clock.passes(29)
    assert run.job("one").state is JobState.RUNNING
    clock.passes(1)
    assert run.job("one").state is JobState.PAUSED


def command(text: str) -> Checkpoint:
    return Checkpoint(command=(sys.executable, "-c", text), timeout_s=30)


def wait_until_paused(run: Run) -> None:
    deadline_s = time.monotonic() + 20
    while run.job("one").state is not JobState.PAUSED:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_command_is_told_of_which_job(tmp_path: Path, clock: Clock, engine: Engine) -> None:
    out = tmp_path / "out"
    text = f"import os; open({str(out)!r}, 'w').write(os.environ['GPU_HEAT_CHECKPOINT'])"
    run = Run(tmp_path, clock, engine, single(checkpoint=command(text)))
    run.pause("one")
    wait_until_paused(run)
    assert out.read_text() == "one"


@pytest.mark.parametrize("outcome", ["fails", "hangs"])
def test_job_that_keeps_its_work_is_paused_without_a_checkpoint(
    tmp_path: Path, clock: Clock, engine: Engine, outcome: str
) -> None:
    text = "exit(3)" if outcome == "fails" else "import time; time.sleep(600)"
    run = Run(tmp_path, clock, engine, single(checkpoint=command(text)))
    run.pause("one")
    if outcome == "hangs":
        clock.passes(30)
    wait_until_paused(run)


def test_checkpoint_that_cannot_even_be_killed_holds_nothing_up(
    tmp_path: Path, clock: Clock, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging: list[int] = []  # as by a disk that does not answer
    monkeypatch.setattr(os, "killpg", lambda pid, _: hanging.append(pid))
    run = Run(tmp_path, clock, engine, single(checkpoint=command("import time; time.sleep(600)")))
    run.pause("one")
    clock.passes(30)
    try:
        wait_until_paused(run)
    finally:
        for pid in hanging:
            os.kill(pid, signal.SIGKILL)


def test_job_whose_work_would_be_lost_runs_on_without_a_checkpoint(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    engine.effect = STARTS_ANEW
    run = Run(tmp_path, clock, engine, single(checkpoint=command("import time; time.sleep(600)")))
    run.pause("one", lease_s=600)
    clock.passes(30)
    job = run.job("one")
    assert (job.state, job.paused_by_us) == (JobState.RUNNING, False)
    assert job.error == "its checkpoint took longer than 30 s"
    assert engine.calls == []


def test_program_that_is_gone_is_said_at_once(tmp_path: Path, clock: Clock, engine: Engine) -> None:
    engine.effect = STARTS_ANEW
    config = single(checkpoint=Checkpoint(command=(str(tmp_path / "none"),)))
    run = Run(tmp_path, clock, engine, config)
    with pytest.raises(ConflictError, match="cannot be started"):
        run.pause("one")
    assert run.records() == {}


def test_resuming_while_a_checkpoint_is_written_leaves_the_job_running(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    checkpoint = Checkpoint(signal=signal.SIGUSR1, timeout_s=30)
    run = Run(tmp_path, clock, engine, single(checkpoint=checkpoint))
    run.pause("one")
    assert not run.book.resume("one").paused_by_us
    clock.passes(30)
    assert run.job("one").state is JobState.RUNNING
    assert engine.calls == [("SIGUSR1", ("one",))]


def test_crash_while_a_checkpoint_is_written_has_it_written_anew(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    config = single(checkpoint=Checkpoint(signal=signal.SIGUSR1, timeout_s=30))
    Run(tmp_path, clock, engine, config).pause("one")
    run = Run(tmp_path, clock, engine, config)
    clock.passes(30)
    assert run.job("one").state is JobState.PAUSED
    assert engine.calls == [("SIGUSR1", ("one",)), ("SIGUSR1", ("one",)), ("pause", ("one",))]


# The longest pause


def test_job_runs_on_when_it_has_been_paused_for_as_long_as_it_may_be(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    run = Run(tmp_path, clock, engine, single(max_pause_s=1000))
    run.pause("one", lease_s=600)
    clock.passes(500)
    run.pause("one", lease_s=600)
    clock.passes(499)
    assert run.job("one").paused_by_us
    clock.passes(1)
    assert not run.job("one").paused_by_us
    assert engine.running == {"one"}


def test_longest_pause_counts_over_a_restart_of_the_agent(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    config = single(max_pause_s=1000)
    Run(tmp_path, clock, engine, config).pause("one", lease_s=3000)
    clock.passes(999)
    run = Run(tmp_path, clock, engine, config)
    assert run.job("one").paused_by_us
    clock.passes(1)
    assert not run.job("one").paused_by_us


def test_job_lets_go_of_its_gpu_instead_if_it_is_to(
    tmp_path: Path, clock: Clock, engine: Engine
) -> None:
    config = single(max_pause_s=1000, after_max_pause=AfterMaxPause.FREE)
    run = Run(tmp_path, clock, engine, config)
    run.pause("one", lease_s=3000)
    clock.passes(1000)
    assert run.job("one").state is JobState.PAUSED
    record = run.records()["one"]
    assert (record.free, record.undo["free"]) == (True, True)
    assert engine.calls == [("pause", ("one",)), ("resume", ("one",)), ("pause", ("one",))]
    clock.passes(1999)
    assert run.job("one").paused_by_us  # with the lease that it had, and once only
    clock.passes(1)
    assert not run.job("one").paused_by_us


def test_job_of_a_paused_group_that_has_waited_too_long_is_left_alone(
    tmp_path: Path, clock: Clock
) -> None:
    engine = Engine(running={"all:1"})
    run = Run(tmp_path, clock, engine, replace(GROUP, max_pause_s=1000))
    run.pause("all", lease_s=3000)
    clock.passes(600)
    engine.running.add("all:2")
    run.book.tick()
    clock.passes(400)
    for _ in range(3):
        run.book.tick()
    assert engine.waiting() == ["all:2"]
