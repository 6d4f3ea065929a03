"""Units in systemd's freezer."""

import pytest

from gpu_heat_agent.engines import systemd, systemd_bus
from gpu_heat_agent.engines.driver import STANDS_STILL, JobView
from gpu_heat_agent.engines.systemd_spec import Verb
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.models import JobState

from .harness import TRAIN, Agent, single
from .private_bus import PrivateBus


def test_frozen_unit_is_paused_and_goes_on_where_it_was(bus: PrivateBus, freezer: Agent) -> None:
    assert freezer.look() == {
        "job": JobView(state=JobState.RUNNING, can_pause=True, effect=STANDS_STILL)
    }
    freezer.pause()
    assert freezer.look() == {
        "job": JobView(state=JobState.PAUSED, can_pause=False, effect=STANDS_STILL)
    }
    freezer.resume()
    assert freezer.state() is JobState.RUNNING
    assert bus.calls() == [["FreezeUnit", TRAIN], ["ThawUnit", TRAIN]]


def test_next_run_thaws_a_unit_that_its_config_no_longer_has(
    bus: PrivateBus, freezer: Agent
) -> None:
    freezer.pause()
    freezer.restart(configured=False)
    freezer.resume()
    assert bus.systemd("show", TRAIN)["freezer"] == "running"


def test_thawing_twice_asks_systemd_once(bus: PrivateBus, freezer: Agent) -> None:
    freezer.pause()
    plans = dict(freezer.plans)
    assert freezer.driver.resume(plans) == {}
    assert freezer.driver.resume(plans) == {}
    assert bus.calls() == [["FreezeUnit", TRAIN], ["ThawUnit", TRAIN]]


def test_planned_pause_that_never_came_to_be_is_undone_by_doing_nothing(
    bus: PrivateBus, freezer: Agent
) -> None:
    freezer.plan()
    freezer.resume()
    assert bus.calls() == []


def test_unit_that_someone_else_froze_is_paused_and_left_so(
    bus: PrivateBus, freezer: Agent
) -> None:
    bus.systemd("set", TRAIN, freezer="frozen")
    view = freezer.look()["job"]
    assert (view.state, view.can_pause) == (JobState.PAUSED, False)
    with pytest.raises(ConflictError, match="someone else froze it"):
        freezer.plan()


def test_unit_frozen_by_its_slice_is_paused_and_left_so(bus: PrivateBus, freezer: Agent) -> None:
    bus.systemd("set", TRAIN, freezer="frozen-by-parent")
    assert freezer.state() is JobState.PAUSED
    with pytest.raises(ConflictError, match="frozen-by-parent"):
        freezer.plan()


def test_unit_restarted_since_our_freeze_is_not_thawed(bus: PrivateBus, freezer: Agent) -> None:
    freezer.pause()
    bus.systemd("restart", TRAIN)
    bus.systemd("set", TRAIN, freezer="frozen")  # by someone else, for their reasons
    freezer.resume()
    assert bus.systemd("show", TRAIN)["freezer"] == "frozen"


def test_unit_frozen_by_someone_else_between_plan_and_pause_stays_frozen(
    bus: PrivateBus, freezer: Agent
) -> None:
    freezer.plan()
    bus.systemd("set", TRAIN, freezer="frozen")
    assert isinstance(freezer.driver.pause(freezer.plans)["job"], ConflictError)
    assert freezer.driver.resume(freezer.plans) == {}
    assert bus.systemd("show", TRAIN)["freezer"] == "frozen"


def test_unit_on_its_way_into_the_freezer_runs_until_systemd_says_otherwise(
    bus: PrivateBus, freezer: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd_bus, "LIMIT_S", 1.0)
    bus.systemd("mode", silent=["FreezeUnit"])
    freezer.pause()
    assert freezer.state() is JobState.RUNNING
    bus.systemd("set", TRAIN, freezer="frozen")
    assert freezer.state() is JobState.PAUSED


def test_success_that_froze_nothing_is_found_out(bus: PrivateBus, freezer: Agent) -> None:
    bus.systemd("mode", hybrid=True)
    with pytest.raises(ConflictError, match="unified cgroup hierarchy"):
        freezer.pause()
    assert freezer.state() is JobState.RUNNING


def test_systemd_that_is_too_old_to_freeze_is_named(bus: PrivateBus, freezer: Agent) -> None:
    bus.systemd("mode", old=True)
    assert not freezer.look()["job"].can_pause
    with pytest.raises(ConflictError, match="246"):
        freezer.plan()


def test_unit_that_systemd_cannot_freeze_is_not_offered(bus: PrivateBus, freezer: Agent) -> None:
    bus.systemd("set", TRAIN, can_freeze=False)
    assert not freezer.look()["job"].can_pause
    with pytest.raises(ConflictError, match="cannot be frozen"):
        freezer.plan()


def test_oneshot_can_be_stopped_but_not_frozen(bus: PrivateBus, agents: list[Agent]) -> None:
    bus.systemd("add", "once.service", active="activating", oneshot=True)
    freezing, stopping = (single(agents, "once.service", pause=verb) for verb in Verb)
    view = freezing.look()["job"]
    assert (view.state, view.can_pause) == (JobState.RUNNING, False)
    with pytest.raises(ConflictError, match="activating"):
        freezing.plan()
    stopping.pause()
    stopping.comes_to(JobState.PAUSED)


def test_slice_is_frozen_as_a_whole(bus: PrivateBus, agents: list[Agent]) -> None:
    bus.systemd("add", "batch.slice", active="active")
    agent = single(agents, "batch.slice")
    agent.pause()
    assert agent.state() is JobState.PAUSED


def test_thaw_that_a_slice_forbids_is_said_and_can_be_tried_again(
    bus: PrivateBus, freezer: Agent
) -> None:
    freezer.pause()
    bus.systemd("mode", denied={"start": "org.freedesktop.systemd1.FrozenByParent"})
    with pytest.raises(ConflictError, match="slice around it is frozen"):
        freezer.resume()
    bus.systemd("mode", denied={})
    freezer.resume()
    assert freezer.state() is JobState.RUNNING


def test_service_with_a_watchdog_is_not_frozen(bus: PrivateBus, freezer: Agent) -> None:
    bus.systemd("set", TRAIN, watchdog_us=30_000_000)
    assert not freezer.look()["job"].can_pause
    with pytest.raises(ConflictError, match="WatchdogSec="):
        freezer.plan()


def test_unit_that_was_killed_in_the_freezer_has_ended(bus: PrivateBus, freezer: Agent) -> None:
    freezer.pause()
    bus.systemd("exit", TRAIN, failed=True)
    bus.systemd("set", TRAIN, freezer="frozen")  # as systemd leaves it
    assert freezer.state() is JobState.FAILED
    bus.calls()
    freezer.resume()
    assert bus.calls() == []


def test_freeze_that_comes_to_pass_after_it_was_given_up_is_undone(
    bus: PrivateBus, freezer: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd_bus, "LIMIT_S", 1.0)
    bus.systemd("mode", late=["FreezeUnit"])
    freezer.plan()
    assert isinstance(freezer.driver.pause(freezer.plans)["job"], UnreachableError)
    with pytest.raises(UnreachableError, match="yet to answer"):
        freezer.resume()
    bus.systemd("catch up")
    freezer.resume()
    assert bus.systemd("show", TRAIN)["freezer"] == "running"


def test_freeze_that_never_comes_to_pass_is_forgotten_in_the_end(
    bus: PrivateBus, freezer: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd_bus, "LIMIT_S", 1.0)
    monkeypatch.setattr(systemd, "_OVERDUE_S", 0.0)
    bus.systemd("mode", late=["FreezeUnit"])
    with pytest.raises(UnreachableError):
        freezer.pause()
    assert freezer.state() is JobState.RUNNING
