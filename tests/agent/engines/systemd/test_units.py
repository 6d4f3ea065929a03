"""What units are doing, signals, rights, groups."""

import os
from pathlib import Path
import pwd
import re
import signal

import pytest

from gpu_heat_agent.engines.driver import STARTS_ANEW, JobView
from gpu_heat_agent.engines.systemd_spec import ServiceSpec, Verb
from gpu_heat_agent.errors import ConflictError
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state import JsonObject

from .harness import TRAIN, Agent, single
from .private_bus import PrivateBus

DENIED = "org.freedesktop.DBus.Error.AccessDenied"
NONE_BUT_ROOT = "".join(
    '<deny send_destination="org.freedesktop.systemd1"'
    f' send_interface="org.freedesktop.systemd1.Manager" send_member="{member}"/>'
    for member in ("FreezeUnit", "ThawUnit")
)
INTERACTIVE = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"active": "active"}, JobState.RUNNING),
        ({"active": "reloading", "sub": "reload"}, JobState.RUNNING),
        ({"active": "refreshing", "sub": "refresh"}, JobState.RUNNING),
        ({"active": "activating", "sub": "auto-restart"}, JobState.RUNNING),
        ({"active": "deactivating", "sub": "stop-sigterm"}, JobState.RUNNING),
        ({"active": "active", "sub": "exited"}, JobState.FINISHED),
        ({"active": "inactive", "sub": "dead"}, JobState.FINISHED),
        ({"active": "failed", "sub": "failed"}, JobState.FAILED),
        ({"active": "inactive", "load": "masked"}, JobState.FINISHED),
        ({"active": "inactive", "load": "bad-setting"}, JobState.UNKNOWN),
        ({"active": "maintenance", "sub": "cleaning"}, JobState.UNKNOWN),
    ],
)
def test_state_is_what_systemd_says(
    bus: PrivateBus, freezer: Agent, fields: dict[str, str], state: JobState
) -> None:
    bus.systemd("set", TRAIN, **fields)
    view = freezer.look()["job"]
    assert (view.state, view.can_pause) == (state, fields == {"active": "active"})


def test_unit_that_is_not_there_is_unknown_and_said_once(
    bus: PrivateBus, agents: list[Agent], caplog: pytest.LogCaptureFixture
) -> None:
    agent = single(agents, "gone.service")
    assert agent.state() is JobState.UNKNOWN
    assert agent.state() is JobState.UNKNOWN
    assert caplog.text.count("cannot load gone.service (not-found)") == 1
    with pytest.raises(ConflictError, match="not-found"):
        agent.plan()


def test_signal_goes_to_the_main_process(bus: PrivateBus, freezer: Agent) -> None:
    freezer.driver.signal("job", signal.SIGUSR1)
    assert bus.calls() == [["KillUnit", TRAIN, "main", 10]]
    bus.systemd("exit", TRAIN)
    with pytest.raises(ConflictError, match="no main process"):
        freezer.driver.signal("job", signal.SIGUSR1)


def test_rule_of_the_docs_lets_a_user_freeze_whom_the_bus_does_not(
    bus: PrivateBus, freezer: Agent
) -> None:
    freezer.look()
    bus.down()
    bus.up(denials=NONE_BUT_ROOT)
    bus.systemd("add", TRAIN, active="active")
    with pytest.raises(ConflictError, match="rule for D-Bus"):
        freezer.pause()
    bus.down()
    user = pwd.getpwuid(os.getuid()).pw_name
    bus.up(denials=NONE_BUT_ROOT, policies=documented_policy().replace("gpu-heat", user))
    bus.systemd("add", TRAIN, active="active")
    freezer.pause()
    assert freezer.state() is JobState.PAUSED
    freezer.resume()
    assert freezer.state() is JobState.RUNNING


def documented_policy() -> str:
    page = Path(__file__).parents[4] / "docs" / "jobs" / "systemd.md"
    found = re.search("<policy .*?</policy>", page.read_text(), re.DOTALL)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("error", [DENIED, INTERACTIVE])
@pytest.mark.parametrize("verb", list(Verb))
def test_denied_pause_says_where_the_rule_is_and_leaves_the_unit_running(
    bus: PrivateBus, agents: list[Agent], error: str, verb: Verb
) -> None:
    agent = single(agents, TRAIN, pause=verb)
    bus.systemd("mode", denied={"stop": error, "start": error, "kill": error})
    with pytest.raises(ConflictError, match=r"docs/jobs/systemd\.md"):
        agent.pause()
    assert bus.systemd("show", TRAIN) == {
        "active": "active",
        "sub": "running",
        "freezer": "running",
    }
    with pytest.raises(ConflictError, match="not permitted"):
        agent.driver.signal("job", signal.SIGUSR1)


def test_alias_of_a_unit_that_keeps_the_machine_alive_is_never_touched(
    bus: PrivateBus, agents: list[Agent]
) -> None:
    bus.systemd("add", "ssh.service", active="active", names=["remote.service"])
    agent = single(agents, "remote.service")
    assert not agent.look()["job"].can_pause
    with pytest.raises(ConflictError, match="machine may be lost"):
        agent.plan()
    with pytest.raises(ConflictError, match="machine may be lost"):
        agent.driver.signal("job", signal.SIGTERM)


def test_alias_is_paused_under_the_unit_s_own_name(bus: PrivateBus, agents: list[Agent]) -> None:
    bus.systemd("set", TRAIN, names=["learn.service"])
    agent = single(agents, "learn.service")
    agent.pause()
    assert agent.plans["job"]["unit"] == TRAIN
    agent.resume()


@pytest.mark.parametrize(
    "undo",
    [
        {},
        {"verb": "freeze"},
        {"verb": "kill", "manager": "system", "unit": TRAIN, "invocation": ""},
        {"verb": "stop", "manager": "system", "unit": 7, "invocation": ""},
    ],
)
def test_plan_that_says_nothing_is_undone_by_doing_nothing(
    bus: PrivateBus, freezer: Agent, undo: JsonObject
) -> None:
    assert freezer.driver.resume({"job": undo}) == {}
    assert freezer.driver.pause({"job": undo}) == {}
    assert bus.calls() == []


def test_group_has_a_view_of_each_unit_and_none_of_its_own(group: Agent) -> None:
    assert group.look() == {
        f"batch:batch@{n}.service": JobView(
            state=JobState.RUNNING, can_pause=True, effect=STARTS_ANEW, name=f"batch@{n}.service"
        )
        for n in (1, 2)
    }


def test_one_of_a_group_waits_while_the_others_run(bus: PrivateBus, group: Agent) -> None:
    key = "batch:batch@1.service"
    bus.systemd("set", "batch@1.service", forgotten=True)
    group.pause(key)
    group.comes_to(JobState.PAUSED, key)  # also where systemd no longer lists it
    assert group.state("batch:batch@2.service") is JobState.RUNNING
    group.restart()
    assert group.state(key) is JobState.PAUSED
    group.resume(key)
    assert group.state(key) is JobState.RUNNING


def test_group_itself_needs_no_undoing(bus: PrivateBus, group: Agent) -> None:
    assert group.driver.plan_pause("batch", {}) == {}
    assert group.driver.pause({"batch": {}}) == {}
    assert group.driver.resume({"batch": {}}) == {}
    assert bus.calls() == []


def test_one_that_fails_does_not_keep_the_group_from_pausing(bus: PrivateBus, group: Agent) -> None:
    keys = ["batch:batch@1.service", "batch:batch@2.service"]
    for key in keys:
        group.plan(key)
    bus.systemd("exit", "batch@1.service")
    assert list(group.driver.pause(group.plans)) == keys[:1]
    group.comes_to(JobState.PAUSED, keys[1])


def test_unit_that_nobody_has_seen_cannot_be_paused(group: Agent) -> None:
    group.look()
    with pytest.raises(ConflictError, match="gone"):
        group.driver.plan_pause("batch:batch@9.service", {})
    with pytest.raises(ConflictError, match="gone"):
        group.driver.signal(f"batch:{TRAIN}", signal.SIGTERM)


def test_group_leaves_out_what_keeps_the_machine_alive(
    bus: PrivateBus, agents: list[Agent]
) -> None:
    bus.systemd("add", "remote@1.service", active="active", names=["sshd.service"])
    agents.append(Agent(batch=ServiceSpec(units=("remote@*.service",))))
    assert agents[-1].look() == {}
