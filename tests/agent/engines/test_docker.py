"""Containers: paused and resumed over the engine's own wire, and never one that is not ours."""

from signal import SIGUSR1

import pytest

from gpu_heat_agent.engines.docker_spec import Verb
from gpu_heat_agent.engines.driver import STANDS_STILL, STARTS_ANEW, JobView
from gpu_heat_agent.errors import ConflictError
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state import JsonObject

from .docker_parts import (
    Drive,
    drive,
    engine,
    group,
    impatient,
    paused,
    single,
    state,
    unix_sockets,
)
from .fake_docker import FakeDocker

__all__ = ["drive", "engine", "impatient", "unix_sockets"]


@pytest.mark.parametrize(
    ("engine_state", "exit_code", "expected", "can_pause"),
    [
        ("created", 0, JobState.QUEUED, False),
        ("initialized", 0, JobState.QUEUED, False),
        ("running", 0, JobState.RUNNING, True),
        ("restarting", 1, JobState.RUNNING, False),
        ("stopping", 0, JobState.RUNNING, False),
        ("paused", 0, JobState.PAUSED, False),
        ("exited", 0, JobState.FINISHED, False),
        ("exited", 137, JobState.FAILED, False),
        ("stopped", 0, JobState.FINISHED, False),
        ("dead", 0, JobState.FAILED, False),
        ("removing", 0, JobState.FINISHED, False),
        ("bad state", 0, JobState.UNKNOWN, False),
    ],
)
def test_state_is_the_engines(
    engine: FakeDocker,
    drive: Drive,
    engine_state: str,
    exit_code: int,
    expected: JobState,
    can_pause: bool,
) -> None:
    engine.add("train", state=engine_state, exit_code=exit_code)
    view = drive(train=single(engine)).observe({})["train"]
    assert view == JobView(state=expected, can_pause=can_pause, effect=STANDS_STILL)


def test_one_list_is_asked_for_whatever_runs(engine: FakeDocker, drive: Drive) -> None:
    for number in range(20):
        engine.add(f"train-{number}", labels={"flex": ""})
    driver = drive(one=single(engine, "train-3"), all=group(engine, "flex"))
    assert len(driver.observe({})) == 21
    engine.requests.clear()
    driver.observe({})
    assert engine.requests == ["GET /v1.44/containers/json?all=1"]


def test_how_a_container_ended_is_asked_once_for_each_end(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train", state="exited", exit_code=0)
    driver = drive(train=single(engine))
    assert state(driver, "train") is JobState.FINISHED
    assert state(driver, "train") is JobState.FINISHED
    assert len(engine.sent(box.id)) == 1
    engine.start(box)
    assert state(driver, "train") is JobState.RUNNING
    engine.end(box, 1)
    assert state(driver, "train") is JobState.FAILED


def test_more_ends_than_can_be_asked_for_at_once_are_told_look_by_look(
    engine: FakeDocker, drive: Drive
) -> None:
    for number in range(40):
        engine.add(f"t{number}", labels={"flex": ""}, state="exited")
    driver = drive(all=group(engine, "flex"))
    states = [view.state for view in driver.observe({}).values()]
    assert (states.count(JobState.FINISHED), states.count(JobState.UNKNOWN)) == (32, 8)
    assert {view.state for view in driver.observe({}).values()} == {JobState.FINISHED}


def test_name_has_to_be_the_whole_name(engine: FakeDocker, drive: Drive) -> None:
    for name in ("train2", "my-train", "traXn.1", "Train"):
        engine.add(name)
    driver = drive(train=single(engine), dotted=single(engine, "tra.n.1"))
    assert [view.state for view in driver.observe({}).values()] == [JobState.UNKNOWN] * 2
    with pytest.raises(ConflictError, match="gone"):
        driver.plan_pause("train", {})


def test_name_that_a_link_gave_is_no_name(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("db", other_names=["/web/train"])
    driver = drive(train=single(engine), db=single(engine, "db"))
    assert state(driver, "train") is JobState.UNKNOWN
    paused(driver, "db")
    assert box.state == "paused"


@pytest.mark.parametrize(
    ("value", "members"),
    [(None, {"g:a", "g:b", "g:c"}), ("1", {"g:a"}), ("", {"g:c"}), ("2", set())],
)
def test_group_is_all_that_have_the_label(
    engine: FakeDocker, drive: Drive, value: str | None, members: set[str]
) -> None:
    engine.add("a", labels={"flex": "1"})
    engine.add("b", labels={"flex": "1=2"})
    engine.add("c", labels={"flex": ""})
    engine.add("d", labels={"flexible": "1"})
    engine.add("e", labels=None)
    assert drive(g=group(engine, "flex", value)).observe({}).keys() == members


def test_one_filter_narrows_the_list_where_one_can(engine: FakeDocker, drive: Drive) -> None:
    drive(a=single(engine, "a.b"), c=single(engine, "c")).observe({})
    drive(g=group(engine, "k", "v")).observe({})
    lists = engine.sent("/containers/json")
    assert "%22name%22:+[%22%5Ea%5C%5C.b$%22" in lists[0].replace("%5B", "[")
    assert "%22label%22:+[%22k%3Dv%22]" in lists[1].replace("%5B", "[").replace("%5D", "]")


def test_agents_own_container_is_shown_and_left_alone(engine: FakeDocker, drive: Drive) -> None:
    me = engine.add("agent", labels={"flex": ""})
    engine.add("train", labels={"flex": ""})
    driver = drive((me.id[:12],), me=single(engine, "agent"), g=group(engine, "flex"))
    views = driver.observe({})
    assert views.keys() == {"me", "g:train"}
    assert (views["me"].state, views["me"].can_pause) == (JobState.RUNNING, False)
    with pytest.raises(ConflictError, match="agent runs in"):
        driver.plan_pause("me", {})
    with pytest.raises(ConflictError, match="agent runs in"):
        driver.signal("me", SIGUSR1)


# Pausing and resuming


def test_pause_freezes_and_resume_thaws(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine))
    undo = paused(driver, "train")
    assert box.state == "paused"
    assert driver.observe(undo)["train"] == JobView(
        state=JobState.PAUSED, can_pause=False, effect=STANDS_STILL
    )
    for _ in range(2):
        assert driver.resume(undo) == {}
        assert (box.state, box.starts) == ("running", 1)
    assert len(engine.sent("unpause")) == 1


def test_stop_ends_and_resume_starts(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine, verb=Verb.STOP))
    undo = paused(driver, "train")
    assert box.state == "exited"
    assert engine.sent("/stop") == [f"POST /v1.44/containers/{box.id}/stop?t=30"]
    view = driver.observe(undo)["train"]
    assert (view.state, view.effect) == (JobState.PAUSED, STARTS_ANEW)
    assert state(driver, "train") is JobState.FAILED  # 143, were it not ours
    for _ in range(2):
        assert driver.resume(undo) == {}
        assert (box.state, box.starts) == ("running", 2)


def test_pause_that_frees_the_gpu_stops_what_is_else_frozen(
    engine: FakeDocker, drive: Drive
) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine))
    undo = paused(driver, "train", free=True)
    assert box.state == "exited"
    assert driver.observe(undo)["train"].effect == STARTS_ANEW
    assert driver.resume(undo) == {}
    assert box.state == "running"


@pytest.mark.parametrize("verb", list(Verb))
def test_another_run_of_the_agent_undoes_it_without_the_job(
    engine: FakeDocker, drive: Drive, verb: Verb
) -> None:
    box = engine.add("train")
    undo = paused(drive(train=single(engine, verb=verb)), "train")
    engine.passes(86_400)
    assert state(drive(train=single(engine)), "train", undo) is JobState.PAUSED
    assert drive().resume(undo) == {}
    assert box.state == "running"


def test_group_is_paused_member_by_member(engine: FakeDocker, drive: Drive) -> None:
    boxes = [engine.add(f"t{number}", labels={"flex": ""}) for number in range(5)]
    other = engine.add("web")
    driver = drive(g=group(engine, "flex"))
    undo = {"g": driver.plan_pause("g", {}), **paused(driver, *(f"g:t{n}" for n in range(5)))}
    assert undo["g"] == {}
    assert {box.state for box in boxes} == {"paused"}
    assert driver.pause({"g": {}}) == {}
    assert driver.resume(undo) == {}
    assert {box.state for box in [*boxes, other]} == {"running"}


def test_one_that_fails_does_not_keep_the_others(engine: FakeDocker, drive: Drive) -> None:
    gone, box = engine.add("a", labels={"flex": ""}), engine.add("b", labels={"flex": ""})
    driver = drive(g=group(engine, "flex"))
    driver.observe({})
    undo = {key: driver.plan_pause(key, {}) for key in ("g:a", "g:b")}
    del engine.containers[gone.id]
    failures = driver.pause(undo)
    assert failures.keys() == {"g:a"}
    assert isinstance(failures["g:a"], ConflictError)
    assert box.state == "paused"
    assert driver.resume(undo) == {}


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("state_then", ["created", "restarting", "paused", "exited", "dead"])
def test_only_what_runs_can_be_paused(
    engine: FakeDocker, drive: Drive, verb: Verb, state_then: str
) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine, verb=verb))
    driver.observe({})
    box.state = state_then
    with pytest.raises(ConflictError, match=f'"train" is {state_then}'):
        driver.plan_pause("train", {})


def test_container_that_a_stop_would_remove_is_not_stopped(
    engine: FakeDocker, drive: Drive
) -> None:
    engine.add("train", auto_remove=True)
    driver = drive(train=single(engine))
    driver.observe({})
    with pytest.raises(ConflictError, match="--rm"):
        driver.plan_pause("train", {}, free=True)
    paused(driver, "train")


def test_signal_reaches_a_container_that_runs(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine))
    driver.observe({})
    driver.signal("train", SIGUSR1)
    assert box.signals == ["SIGUSR1"]
    box.state = "paused"
    with pytest.raises(ConflictError):
        driver.signal("train", SIGUSR1)
    assert (box.signals, box.state) == (["SIGUSR1"], "paused")


# Not ours


def test_container_that_ended_just_before_is_not_started(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine, verb=Verb.STOP))
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    engine.end(box, 0)
    assert "had ended" in str(driver.pause(undo)["train"])
    for _ in range(2):  # the record may stay, if it cannot be written that it is over
        assert driver.resume(undo) == {}
        assert state(driver, "train", undo) is JobState.FINISHED
    assert (box.state, box.starts) == ("exited", 1)


def test_what_someone_else_paused_just_before_stays_paused(
    engine: FakeDocker, drive: Drive
) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine))
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    box.state = "paused"
    failure = driver.pause(undo)["train"]
    assert isinstance(failure, ConflictError)
    assert "already paused" in str(failure)
    for _ in range(2):  # the record may stay, if it cannot be written that it is over
        assert driver.resume(undo) == {}
        driver.observe(undo)
    assert box.state == "paused"


@pytest.mark.parametrize("verb", list(Verb))
def test_container_that_was_started_anew_is_not_ours(
    engine: FakeDocker, drive: Drive, verb: Verb
) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine, verb=verb))
    undo = paused(driver, "train")
    engine.start(box)
    box.state = "paused"
    assert driver.resume(undo) == {}
    assert box.state == "paused"
    engine.start(box)
    engine.end(box, 0)
    assert driver.resume(undo) == {}
    assert box.state == "exited"


@pytest.mark.parametrize("verb", list(Verb))
def test_container_of_the_same_name_is_not_ours(
    engine: FakeDocker, drive: Drive, verb: Verb
) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine, verb=verb))
    undo = paused(driver, "train")
    del engine.containers[box.id]
    assert driver.observe(undo)["train"].must_resume == "its container is gone"
    other = engine.add("train")
    other.state = "paused"
    assert driver.observe(undo)["train"].must_resume == "another container has its name now"
    assert driver.resume(undo) == {}
    assert other.state == "paused"


def test_stopped_container_that_ended_hours_later_ended_by_itself(
    engine: FakeDocker, drive: Drive
) -> None:
    """The agent was cut off after it had written its plan, before it asked the engine."""
    box = engine.add("train")
    driver = drive(train=single(engine, verb=Verb.STOP))
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    engine.passes(7200)
    engine.end(box, 0)
    later = drive(train=single(engine, verb=Verb.STOP))
    assert state(later, "train", undo) is JobState.FINISHED
    assert later.resume(undo) == {}
    assert box.state == "exited"


def test_pause_that_ended_by_someone_else_is_over(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine))
    undo = paused(driver, "train")
    box.state = "running"
    view = driver.observe(undo)["train"]
    assert (view.state, view.must_resume) == (
        JobState.RUNNING,
        "someone else let its container go on",
    )
    assert driver.resume(undo) == {}
    assert engine.sent("unpause") == []


@pytest.mark.parametrize("gone", ["removing", "dead"])
def test_stopped_container_that_is_being_removed_is_left_alone(
    engine: FakeDocker, drive: Drive, gone: str
) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine, verb=Verb.STOP))
    undo = paused(driver, "train")
    box.state = gone
    assert driver.resume(undo) == {}
    assert engine.sent("/start") == []


@pytest.mark.parametrize("undo", [{}, {"verb": "pause"}, {"verb": "remove", "id": "1"}])
def test_plan_that_stops_nothing_is_undone_by_nothing(
    engine: FakeDocker, drive: Drive, undo: JsonObject
) -> None:
    assert drive().resume({"train": undo}) == {}
    assert engine.requests == []
