"""Units that are stopped and started."""

import logging

import pytest

from gpu_heat_agent.engines import systemd, systemd_bus
from gpu_heat_agent.engines.driver import STARTS_ANEW
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.models import JobState

from .harness import TRAIN, Agent
from .private_bus import PrivateBus


def test_stopped_unit_is_paused_and_started_again(bus: PrivateBus, stopper: Agent) -> None:
    view = stopper.look()["job"]
    assert (view.can_pause, view.effect) == (True, STARTS_ANEW)
    stopper.pause()
    stopper.comes_to(JobState.PAUSED)
    stopper.resume()
    assert stopper.state() is JobState.RUNNING
    assert bus.calls() == [["StopUnit", TRAIN, "replace"], ["StartUnit", TRAIN, "replace"]]


@pytest.mark.parametrize("fields", [{"fails_on_stop": True}, {"forgotten": True}])
def test_stopped_unit_is_paused_however_it_ended(
    bus: PrivateBus, stopper: Agent, fields: dict[str, bool]
) -> None:
    bus.systemd("set", TRAIN, **fields)
    stopper.pause()
    stopper.comes_to(JobState.PAUSED)
    stopper.restart()
    assert stopper.state() is JobState.PAUSED
    stopper.resume()
    assert stopper.state() is JobState.RUNNING


def test_unit_runs_until_it_has_stopped(bus: PrivateBus, stopper: Agent) -> None:
    bus.systemd("set", TRAIN, stubborn=True)
    stopper.pause()
    view = stopper.look()["job"]
    assert (view.state, view.can_pause) == (JobState.RUNNING, False)
    bus.systemd("finish", TRAIN)
    assert stopper.state() is JobState.PAUSED


def test_unit_resumed_while_it_still_stops_is_started_when_it_has(
    bus: PrivateBus, stopper: Agent
) -> None:
    bus.systemd("set", TRAIN, stubborn=True)
    stopper.pause()
    stopper.resume()
    bus.systemd("finish", TRAIN)
    stopper.comes_to(JobState.RUNNING)


def test_unit_that_waits_for_its_start_is_queued_and_not_finished(
    bus: PrivateBus, stopper: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "_START_S", 0.2)
    bus.systemd("set", TRAIN, slow=True)
    stopper.pause()
    stopper.comes_to(JobState.PAUSED)
    stopper.resume()
    assert stopper.state() is JobState.QUEUED
    bus.systemd("finish", TRAIN)
    assert stopper.state() is JobState.RUNNING


def test_unit_that_ended_before_the_stop_is_not_started_again(
    bus: PrivateBus, stopper: Agent
) -> None:
    stopper.plan()
    bus.systemd("exit", TRAIN)
    assert isinstance(stopper.driver.pause(stopper.plans)["job"], ConflictError)
    assert stopper.driver.resume(stopper.plans) == {}
    assert bus.calls() == []


@pytest.mark.parametrize(("failed", "state"), [(False, JobState.FINISHED), (True, JobState.FAILED)])
def test_unit_that_ended_by_itself_is_told_from_one_that_a_crashed_agent_stopped(
    bus: PrivateBus, stopper: Agent, failed: bool, state: JobState
) -> None:
    stopper.plan()
    stopper.restart()  # before it came to the stop
    bus.systemd("exit", TRAIN, failed=failed)
    assert stopper.state() is state
    stopper.resume()
    assert bus.calls() == []


def test_unit_that_someone_else_started_is_theirs(bus: PrivateBus, stopper: Agent) -> None:
    stopper.pause()
    stopper.comes_to(JobState.PAUSED)
    bus.systemd("restart", TRAIN)
    assert stopper.state() is JobState.RUNNING
    bus.systemd("exit", TRAIN)
    assert stopper.state() is JobState.FINISHED
    bus.calls()
    stopper.resume()
    assert bus.calls() == []


def test_unit_restarted_between_plan_and_pause_is_left_alone(
    bus: PrivateBus, stopper: Agent
) -> None:
    stopper.plan()
    bus.systemd("restart", TRAIN)
    assert "restarted" in str(stopper.driver.pause(stopper.plans)["job"])
    assert stopper.driver.resume(stopper.plans) == {}
    assert bus.calls() == []


def test_planned_stop_that_never_came_to_be_is_undone_by_doing_nothing(
    bus: PrivateBus, stopper: Agent
) -> None:
    stopper.plan()
    stopper.restart()
    stopper.resume()
    assert bus.calls() == []


def test_unit_that_someone_else_is_stopping_cannot_be_paused(
    bus: PrivateBus, stopper: Agent
) -> None:
    bus.systemd("set", TRAIN, job=[9, "stop"])
    assert not stopper.look()["job"].can_pause
    with pytest.raises(ConflictError, match="someone else is stopping it"):
        stopper.plan()


def test_unit_is_not_stopped_when_that_takes_others_along(bus: PrivateBus, stopper: Agent) -> None:
    bus.systemd("add", "web.service", active="active")
    bus.systemd("set", TRAIN, along=["web.service", "idle.service"])
    with pytest.raises(ConflictError, match=r"web\.service would be stopped with it"):
        stopper.plan()
    bus.systemd("exit", "web.service")
    stopper.pause()
    stopper.comes_to(JobState.PAUSED)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"transient": True}, "systemd-run"),
        ({"can_start": False}, "by hand"),
        ({"can_stop": False}, "by hand"),
    ],
)
def test_unit_that_could_not_be_started_again_is_not_stopped(
    bus: PrivateBus, stopper: Agent, fields: dict[str, bool], why: str
) -> None:
    bus.systemd("set", TRAIN, **fields)
    assert not stopper.look()["job"].can_pause
    with pytest.raises(ConflictError, match=why):
        stopper.plan()


def test_masked_unit_keeps_its_pause_until_it_can_be_started(
    bus: PrivateBus, stopper: Agent
) -> None:
    stopper.pause()
    stopper.comes_to(JobState.PAUSED)
    bus.systemd("set", TRAIN, load="masked")
    with pytest.raises(ConflictError, match="masked"):
        stopper.resume()
    bus.systemd("set", TRAIN, load="loaded")
    stopper.resume()
    assert stopper.state() is JobState.RUNNING


def test_pause_of_a_unit_whose_file_is_gone_ends_with_a_warning(
    bus: PrivateBus, stopper: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    stopper.pause()
    stopper.comes_to(JobState.PAUSED)
    bus.systemd("remove", TRAIN)
    with caplog.at_level(logging.WARNING):
        stopper.resume()
    assert "unit file is gone" in caplog.text


def test_freezing_job_can_let_go_of_its_gpu_by_being_stopped(
    bus: PrivateBus, freezer: Agent
) -> None:
    freezer.pause()
    freezer.resume()
    freezer.pause(free=True)
    freezer.comes_to(JobState.PAUSED)
    assert freezer.look()["job"].effect == STARTS_ANEW
    freezer.resume()
    assert freezer.state() is JobState.RUNNING


def test_unit_that_cleans_up_after_its_own_end_is_not_started_again(
    bus: PrivateBus, stopper: Agent
) -> None:
    stopper.plan()
    stopper.restart()  # before it came to the stop
    bus.systemd("exit", TRAIN)
    bus.systemd("set", TRAIN, active="deactivating", sub="stop-post")
    stopper.resume()
    assert bus.calls() == []


def test_unit_that_waits_to_be_restarted_cannot_be_paused(bus: PrivateBus, stopper: Agent) -> None:
    bus.systemd("set", TRAIN, active="activating", sub="auto-restart")
    assert not stopper.look()["job"].can_pause
    with pytest.raises(ConflictError, match="about to start it again"):
        stopper.plan()


def test_stop_that_comes_to_pass_after_it_was_given_up_is_undone(
    bus: PrivateBus, stopper: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd_bus, "LIMIT_S", 1.0)
    bus.systemd("mode", late=["StopUnit"])
    stopper.plan()
    assert isinstance(stopper.driver.pause(stopper.plans)["job"], UnreachableError)
    with pytest.raises(UnreachableError, match="yet to answer"):
        stopper.resume()
    bus.systemd("catch up")
    stopper.resume()
    stopper.comes_to(JobState.RUNNING)


def test_stop_whose_answer_was_lost_is_a_pause(
    bus: PrivateBus, stopper: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd_bus, "LIMIT_S", 1.0)
    bus.systemd("mode", silent=["StopUnit"])
    stopper.pause()
    stopper.comes_to(JobState.PAUSED)
