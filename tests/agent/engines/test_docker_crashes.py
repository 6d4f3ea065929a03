"""Containers whose engine or whose agent is slow, hangs or ends in the middle."""

from pathlib import Path
import threading

import pytest

from gpu_heat_agent.engines import docker
from gpu_heat_agent.engines.docker_spec import Verb
from gpu_heat_agent.errors import UnreachableError
from gpu_heat_agent.models import JobState

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
    until,
)
from .fake_docker import FakeDocker

__all__ = ["drive", "engine", "impatient", "unix_sockets"]


def test_pause_that_an_earlier_run_asked_for_is_taken_over(
    engine: FakeDocker, drive: Drive
) -> None:
    box = engine.add("train")
    first = drive(train=single(engine))
    first.observe({})
    cut_off = first.plan_pause("train", {})
    later = drive(train=single(engine))
    later.observe({})
    undo = {"train": later.plan_pause("train", cut_off)}
    first.pause({"train": cut_off})  # its request comes late
    assert later.pause(undo) == {}
    assert later.resume(undo) == {}
    assert box.state == "running"


def test_stop_that_an_earlier_run_asked_for_is_taken_over(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train")
    first = drive(train=single(engine, verb=Verb.STOP))
    first.observe({})
    cut_off = first.plan_pause("train", {})
    engine.passes(20)
    later = drive(train=single(engine, verb=Verb.STOP))
    later.observe({})
    undo = {"train": later.plan_pause("train", cut_off)}
    engine.end(box, 143)
    assert later.pause(undo) == {}
    assert state(later, "train", undo) is JobState.PAUSED
    assert later.resume(undo) == {}
    assert box.state == "running"


@pytest.mark.usefixtures("impatient")
def test_container_that_takes_its_time_to_stop_runs_until_it_has(
    engine: FakeDocker, drive: Drive
) -> None:
    box = engine.add("train", ends_on_stop=False)
    driver = drive(train=single(engine, verb=Verb.STOP))
    undo = paused(driver, "train")
    view = driver.observe(undo)["train"]
    assert (view.state, view.must_resume) == (JobState.RUNNING, None)
    engine.release()
    until(lambda: state(driver, "train", undo) is JobState.PAUSED)
    assert driver.resume(undo) == {}
    assert (box.state, box.starts) == ("running", 2)


@pytest.mark.usefixtures("impatient")
def test_container_that_is_to_go_on_while_it_stops_is_started_after(
    engine: FakeDocker, drive: Drive
) -> None:
    box = engine.add("train", ends_on_stop=False)
    driver = drive(train=single(engine, verb=Verb.STOP))
    undo = paused(driver, "train")
    failure = driver.resume(undo)["train"]
    assert isinstance(failure, UnreachableError)
    assert "still stopping" in str(failure)
    assert engine.sent("/start") == []
    engine.release()
    until(lambda: driver.resume(undo) == {})
    assert (box.state, box.starts) == ("running", 2)


@pytest.mark.usefixtures("impatient")
def test_container_that_an_earlier_run_may_still_stop_is_waited_for(
    engine: FakeDocker, drive: Drive
) -> None:
    box = engine.add("train")
    first = drive(train=single(engine, verb=Verb.STOP))
    first.observe({})
    undo = {"train": first.plan_pause("train", {})}
    later = drive()
    engine.passes(80)  # 30 s that it was given, and 60 s that the engine may take
    assert "may still be stopping" in str(later.resume(undo)["train"])
    engine.passes(20)
    assert later.resume(undo) == {}
    assert (box.state, box.starts) == ("running", 1)


@pytest.mark.usefixtures("impatient")
def test_pause_that_the_engine_carries_out_late_is_undone(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine))
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    engine.hold.add("pause")
    assert isinstance(driver.pause(undo)["train"], UnreachableError)
    assert isinstance(driver.resume(undo)["train"], UnreachableError)
    engine.release()
    until(lambda: driver.resume(undo) == {})
    assert (box.state, len(engine.sent("unpause"))) == ("running", 1)


def test_pause_whose_answer_was_lost_is_undone(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine))
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    engine.cut.add("pause")
    assert isinstance(driver.pause(undo)["train"], UnreachableError)
    until(lambda: box.state == "paused")
    assert driver.resume(undo) == {}
    assert box.state == "running"


@pytest.mark.usefixtures("impatient")
def test_stop_that_fails_late_ends_the_pause(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train", ends_on_stop=False)
    driver = drive(train=single(engine, verb=Verb.STOP))
    undo = paused(driver, "train")
    engine.down()
    engine.up()
    box.ends_on_stop = True
    until(lambda: driver.observe(undo)["train"].must_resume is not None)
    assert state(driver, "train", undo) is JobState.RUNNING


@pytest.mark.usefixtures("impatient")
def test_end_of_the_agent_starts_what_stops_in_time(
    engine: FakeDocker, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "_AT_THE_END_S", 10.0)
    box = engine.add("train", ends_on_stop=False)
    driver = drive(train=single(engine, verb=Verb.STOP))
    undo = paused(driver, "train")
    assert driver.resume(undo).keys() == {"train"}
    threading.Timer(0.1, engine.release).start()
    driver.close()
    assert (box.state, box.starts) == ("running", 2)


@pytest.mark.usefixtures("impatient")
def test_engine_that_hangs_is_unreachable(engine: FakeDocker, drive: Drive) -> None:
    engine.add("train")
    driver = drive(train=single(engine))
    driver.observe({})
    engine.hold |= {"list", "json"}
    with pytest.raises(UnreachableError, match="does not answer within"):
        driver.observe({})
    with pytest.raises(UnreachableError, match="does not answer within"):
        driver.plan_pause("train", {})


@pytest.mark.usefixtures("impatient")
def test_container_whose_end_cannot_be_asked_is_unknown(engine: FakeDocker, drive: Drive) -> None:
    engine.add("train", state="exited")
    driver = drive(train=single(engine))
    engine.refuse["json"] = (500, "application/json", '{"message": "layer does not exist"}')
    assert state(driver, "train") is JobState.UNKNOWN


def test_engine_that_restarts_in_between_is_used_as_before(
    engine: FakeDocker, drive: Drive
) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine))
    undo = paused(driver, "train")
    engine.down()
    with pytest.raises(UnreachableError):
        driver.observe(undo)
    assert isinstance(driver.resume(undo)["train"], UnreachableError)
    assert box.state == "paused"
    engine.newest = "1.41"  # an older one takes its place
    engine.oldest = "1.24"
    engine.up()
    assert driver.resume(undo) == {}
    assert box.state == "running"
    assert "/v1.41/" in engine.requests[-1]


def test_silent_engine_leaves_the_jobs_of_another_known(
    engine: FakeDocker, drive: Drive, tmp_path: Path
) -> None:
    engine.add("train")
    with FakeDocker(tmp_path / "other.sock") as other:
        other.add("a", labels={"flex": ""})
        driver = drive(train=single(engine), g=group(other, "flex"), one=single(other))
        undo = paused(driver, "g:a")
        other.down()
        views = drive(train=single(engine), g=group(other, "flex"), one=single(other)).observe(undo)
    assert {key: view.state for key, view in views.items()} == {
        "train": JobState.RUNNING,
        "g:a": JobState.UNKNOWN,
        "one": JobState.UNKNOWN,
    }
