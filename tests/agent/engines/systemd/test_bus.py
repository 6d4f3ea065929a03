"""A bus that fails."""

import gc
import logging

import pytest

from gpu_heat_agent.engines import systemd_bus
from gpu_heat_agent.engines.systemd_spec import Manager
from gpu_heat_agent.errors import UnreachableError
from gpu_heat_agent.models import JobState

from .harness import TRAIN, Agent, single
from .private_bus import PrivateBus


def test_bus_that_went_and_came_back_is_asked_again(
    bus: PrivateBus, freezer: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    assert freezer.state() is JobState.RUNNING
    bus.down()
    with pytest.raises(UnreachableError):
        freezer.look()
    bus.up()
    bus.systemd("add", TRAIN, active="active")
    assert freezer.state() is JobState.RUNNING
    gc.collect()  # where Python complains of what nobody has caught
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_bus_without_systemd_is_unreachable(
    bus: PrivateBus, agents: list[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = single(agents, TRAIN)
    bus.down()
    bus.up_bare()
    with pytest.raises(UnreachableError, match="systemd does not answer"):
        agent.look()


def test_no_answer_in_time_is_unreachable_and_the_next_one_is_taken(
    bus: PrivateBus, freezer: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd_bus, "LIMIT_S", 1.0)
    bus.systemd("mode", silent=["LoadUnit"])
    with pytest.raises(UnreachableError, match=r"within 1 s"):
        freezer.look()
    monkeypatch.undo()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    bus.systemd("mode", silent=[])
    assert freezer.state() is JobState.RUNNING


def test_pause_while_the_bus_is_gone_fails_for_that_job(bus: PrivateBus, freezer: Agent) -> None:
    freezer.plan()
    bus.down()
    assert isinstance(freezer.driver.pause(freezer.plans)["job"], UnreachableError)
    assert isinstance(freezer.driver.resume(freezer.plans)["job"], UnreachableError)


def test_group_that_systemd_does_not_tell_of_is_not_empty(bus: PrivateBus, group: Agent) -> None:
    bus.down()
    bus.up(
        denials='<deny send_destination="*" send_interface="org.freedesktop.systemd1.Manager"'
        ' send_member="ListUnitsByPatterns"/>'
    )
    with pytest.raises(UnreachableError):
        group.look()


def test_user_s_own_manager_is_found_by_the_session_s_address(
    bus: PrivateBus, agents: list[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
    agent = single(agents, TRAIN, manager=Manager.USER)
    agent.pause()
    assert agent.plans["job"]["manager"] == "user"
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setenv(
        "XDG_RUNTIME_DIR", bus.address.removeprefix("unix:path=").removesuffix("/bus")
    )
    agent.restart()
    agent.resume()
    assert agent.state() is JobState.RUNNING


def test_user_s_own_manager_without_a_session_is_unreachable(
    agents: list[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    agent = single(agents, TRAIN, manager=Manager.USER)
    with pytest.raises(UnreachableError, match="XDG_RUNTIME_DIR"):
        agent.look()
