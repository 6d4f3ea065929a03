"""Groups of jobs: paused together, with those that come later, and let go one by one."""

from pathlib import Path

import pytest

from gpu_heat_agent.errors import ConflictError, UnknownError, UnreachableError
from gpu_heat_agent.models import JobState

from .parts import Clock
from .scripted_engine import GROUP, Engine, Run


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> Engine:
    return Engine(running={"all:1", "all:2"})


@pytest.fixture
def run(tmp_path: Path, clock: Clock, engine: Engine) -> Run:
    return Run(tmp_path, clock, engine, GROUP)


def test_group_is_listed_before_its_jobs(run: Run) -> None:
    rows = [(job.id, job.name, job.group, job.members, job.state) for job in run.book.jobs]
    assert rows == [
        ("all", "All", None, 2, JobState.RUNNING),
        ("all:1", "1", "all", None, JobState.RUNNING),
        ("all:2", "2", "all", None, JobState.RUNNING),
    ]


def test_pausing_a_group_pauses_its_jobs_in_one_call_and_resuming_it_lets_all_go_on(
    run: Run, engine: Engine
) -> None:
    job = run.pause("all")
    assert (job.state, job.paused_by_us, job.reason) == (JobState.PAUSED, True, "warm")
    assert engine.calls == [("pause", ("all",)), ("pause", ("all:1", "all:2"))]
    assert engine.waiting() == ["all:1", "all:2"]
    assert run.job("all:1").paused_by_us
    job = run.book.resume("all")
    assert (job.state, job.paused_by_us) == (JobState.RUNNING, False)
    assert engine.waiting() == []
    assert run.records() == {}


def test_job_that_comes_to_a_paused_group_is_paused_with_what_is_left_of_its_lease(
    run: Run, engine: Engine, clock: Clock
) -> None:
    run.pause("all", lease_s=600)
    clock.passes(400)
    engine.running.add("all:3")
    assert run.job("all:3").paused_by_us
    assert engine.waiting() == ["all:1", "all:2", "all:3"]
    clock.passes(200)
    run.book.tick()
    assert engine.waiting() == []
    assert run.records() == {}


def test_group_without_jobs_can_be_paused_for_those_to_come(tmp_path: Path, clock: Clock) -> None:
    engine = Engine()
    run = Run(tmp_path, clock, engine, GROUP)
    assert run.job("all").state is JobState.FINISHED
    assert run.pause("all").state is JobState.PAUSED
    engine.running.add("all:9")
    run.book.tick()
    assert engine.waiting() == ["all:9"]


def test_renewing_a_group_renews_all_of_it(run: Run, engine: Engine, clock: Clock) -> None:
    run.pause("all", lease_s=60)
    clock.passes(50)
    run.pause("all", lease_s=60)
    clock.passes(50)
    run.book.tick()
    assert engine.waiting() == ["all:1", "all:2"]
    assert engine.calls.count(("pause", ("all:1", "all:2"))) == 1
    clock.passes(10)
    run.book.tick()
    assert engine.waiting() == []


def test_job_that_someone_else_holds_is_neither_ours_nor_resumed(run: Run, engine: Engine) -> None:
    engine.others_hold("all:1")
    run.pause("all")
    assert not run.job("all:1").paused_by_us
    run.book.resume("all")
    assert engine.held_by == {"all:1": "somebody"}


def test_one_job_of_a_paused_group_runs_on_if_asked_to(run: Run, engine: Engine) -> None:
    run.pause("all")
    assert run.book.resume("all:1").state is JobState.RUNNING
    for _ in range(3):
        run.book.tick()
    assert engine.waiting() == ["all:2"]
    group = run.job("all")
    assert (group.state, group.error) == (JobState.PAUSED, "1 of its jobs run on")
    run.pause("all")  # a renewal leaves it alone too
    assert engine.waiting() == ["all:2"]
    run.book.resume("all")
    run.pause("all")  # another pause does not
    assert engine.waiting() == ["all:1", "all:2"]


def test_job_that_someone_else_resumes_is_left_alone_by_its_group(run: Run, engine: Engine) -> None:
    run.pause("all")
    engine.others_resume("all:2")
    for _ in range(3):
        run.book.tick()
    assert engine.waiting() == ["all:1"]


def test_one_job_of_a_group_is_paused_alone_and_keeps_its_own_lease(
    run: Run, engine: Engine, clock: Clock
) -> None:
    run.pause("all:1", lease_s=1000)
    assert engine.waiting() == ["all:1"]
    run.pause("all", lease_s=60)
    clock.passes(60)
    run.book.tick()
    assert engine.waiting() == ["all:1"]
    clock.passes(940)
    run.book.tick()
    assert engine.waiting() == []


def test_job_of_a_paused_group_that_is_paused_alone_too_outlasts_its_group(
    run: Run, engine: Engine, clock: Clock
) -> None:
    run.pause("all", lease_s=60)
    run.pause("all:1", lease_s=1000)
    clock.passes(60)
    run.book.tick()
    assert engine.waiting() == ["all:1"]
    clock.passes(940)
    run.book.tick()
    assert engine.waiting() == []


def test_job_whose_own_pause_ends_first_waits_on_with_its_group(
    run: Run, engine: Engine, clock: Clock
) -> None:
    run.pause("all:1", lease_s=60)
    run.pause("all", lease_s=600)
    clock.passes(60)
    run.book.tick()
    assert engine.waiting() == ["all:1", "all:2"]
    assert [verb for verb, _ in engine.calls] == ["pause", "pause", "pause"]
    clock.passes(540)
    run.book.tick()
    assert engine.waiting() == []


def test_what_fails_for_one_job_is_said_of_it_and_done_for_the_others(
    run: Run, engine: Engine, clock: Clock
) -> None:
    engine.refuses.add("all:1")
    assert run.pause("all", lease_s=600).paused_by_us
    job = run.job("all:1")
    assert (job.paused_by_us, job.error) == (False, "all:1 may not be paused")
    assert engine.waiting() == ["all:2"]
    tries = len(engine.calls)
    for _ in range(5):
        run.book.tick()
    assert len(engine.calls) == tries  # not insisted on each second
    engine.refuses.clear()
    run.pause("all", lease_s=600)
    assert engine.waiting() == ["all:1", "all:2"]
    assert run.job("all:1").error is None


def test_group_of_which_no_job_can_be_paused_is_not_paused(run: Run, engine: Engine) -> None:
    engine.refuses |= {"all:1", "all:2"}
    with pytest.raises(ConflictError, match="may not be paused"):
        run.pause("all")
    assert not run.job("all").paused_by_us
    assert run.records() == {}


def test_job_that_ends_while_its_group_waits_leaves_no_record(run: Run, engine: Engine) -> None:
    run.pause("all")
    del engine.held_by["all:1"]
    run.book.tick()
    assert sorted(run.records()) == ["all", "all:2"]
    assert sorted(run.store.state.jobs) == ["all", "all:2"]


def test_only_jobs_that_the_engine_lists_now_can_be_named(run: Run) -> None:
    for job_id in ("all:7", "all:../1", "other:1", "one", "all:1:2", ""):
        with pytest.raises(UnknownError):
            run.pause(job_id)
        with pytest.raises(UnknownError):
            run.book.resume(job_id)


def test_engine_that_does_not_answer_is_said_to_and_nothing_is_recorded(
    run: Run, engine: Engine
) -> None:
    engine.answers = False
    for job_id in ("all", "all:1"):
        with pytest.raises(UnreachableError):
            run.pause(job_id)
    assert run.records() == {}
    job = run.job("all")
    assert (job.state, job.members, job.can_pause) == (JobState.UNKNOWN, None, False)


def test_lease_that_ends_while_the_engine_is_away_ends_the_pause_when_it_is_back(
    run: Run, engine: Engine, clock: Clock
) -> None:
    run.pause("all", lease_s=60)
    engine.answers = False
    clock.passes(60)
    for _ in range(3):
        run.book.tick()
    assert engine.waiting() == ["all:1", "all:2"]
    engine.answers = True
    run.book.tick()
    assert engine.waiting() == []
    assert run.records() == {}


def test_next_run_takes_a_paused_group_up_again(
    run: Run, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    run.pause("all", lease_s=600)
    run.book.stop()
    assert engine.waiting() == []
    engine.running.add("all:3")
    clock.passes(100)
    run = Run(tmp_path, clock, engine, GROUP)
    run.book.tick()
    assert engine.waiting() == ["all:1", "all:2", "all:3"]
    clock.passes(500)
    run.book.tick()
    assert engine.waiting() == []


def test_group_that_left_the_config_lets_its_jobs_go(
    run: Run, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    run.pause("all")
    run = Run(tmp_path, clock, engine)
    assert engine.waiting() == []
    assert run.records() == {}


def test_group_that_cannot_be_let_go_pauses_no_job_after_its_lease(
    run: Run, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    run.pause("all", lease_s=60)
    engine.stuck.add("all")  # such as a gate that may not be opened any more
    clock.passes(60)
    run.book.tick()
    assert engine.waiting() == []
    engine.calls.clear()
    for _ in range(3):
        run.book.tick()
    Run(tmp_path, clock, engine, GROUP).book.tick()
    assert ("pause", ("all:1", "all:2")) not in engine.calls
    engine.stuck.clear()
    run.book.tick()
    assert run.records() == {}


def test_job_with_a_pause_of_its_own_runs_on_if_asked_to_while_its_group_waits(
    run: Run, engine: Engine
) -> None:
    run.pause("all:1")
    run.pause("all")
    run.book.resume("all:1")
    run.book.tick()
    assert engine.waiting() == ["all:2"]


def test_job_with_a_pause_of_its_own_that_others_resume_is_left_alone_by_its_group(
    run: Run, engine: Engine
) -> None:
    run.pause("all:1")
    run.pause("all")
    engine.others_resume("all:1")
    for _ in range(3):
        run.book.tick()
    assert engine.waiting() == ["all:2"]


def test_own_pause_that_ended_while_no_agent_ran_leaves_the_job_to_its_group(
    run: Run, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    run.pause("all:1", lease_s=60)
    run.pause("all", lease_s=600)
    clock.passes(60)
    run = Run(tmp_path, clock, engine, GROUP)
    run.book.tick()
    assert engine.waiting() == ["all:1", "all:2"]
    assert "resume" not in [verb for verb, _ in engine.calls]


def test_group_remembers_none_of_the_jobs_that_came_and_went(run: Run, engine: Engine) -> None:
    run.pause("all")
    for number in range(3, 9):
        key = f"all:{number}"
        engine.running.add(key)
        run.book.tick()
        if number % 2:
            del engine.held_by[key]
        else:
            run.book.resume(key)
            engine.running.discard(key)
        run.book.tick()
    run.book.resume("all:1")
    assert run.records()["all"].exempt == ("all:1",)


def test_what_failed_of_jobs_that_are_gone_is_forgotten(run: Run, engine: Engine) -> None:
    engine.refuses.add("all:1")
    run.pause("all")
    engine.running.discard("all:1")
    run.book.tick()
    engine.refuses.clear()
    engine.running.add("all:1")  # another one of the same name
    job = run.job("all:1")
    assert (job.paused_by_us, job.error) == (True, None)


def test_renewing_a_group_does_not_end_it_where_a_job_cannot_join(
    tmp_path: Path, clock: Clock
) -> None:
    engine = Engine(refuses={"all:1"})
    run = Run(tmp_path, clock, engine, GROUP)
    run.pause("all")
    engine.running.add("all:1")
    run.book.tick()
    assert run.pause("all").paused_by_us
    assert run.job("all:1").error == "all:1 may not be paused"
