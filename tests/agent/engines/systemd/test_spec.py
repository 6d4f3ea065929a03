"""What a config may say of units, and which ones are refused."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hypothesis import given, strategies as st
import pytest

from gpu_heat_agent.engines import systemd_spec
from gpu_heat_agent.engines.kinds import READERS
from gpu_heat_agent.engines.systemd_spec import (
    Manager,
    ServiceSpec,
    SystemdSpec,
    Verb,
    never,
    own_units,
    read_spec,
)
from gpu_heat_agent.errors import UsageError
from gpu_heat_agent.job_config import AfterMaxPause, read_jobs
from gpu_heat_agent.toml_table import Table

HERE = Path("/nonexistent")
VITAL = [
    "-.slice",
    "dbus-broker.service",
    "dbus.service",
    "getty@tty1.service",
    "gpu-heat-agent.service",
    "init.scope",
    "ssh.service",
    "sshd.service",
    "sshd@1.service",
    "system.slice",
    "systemd-journald.service",
    "systemd-logind.service",
    "user-1000.slice",
    "user.slice",
    "user@1000.service",
]


def read(**keys: Any) -> SystemdSpec:
    table = Table(keys, "jobs[0]")
    spec = read_spec(table, "train", HERE)
    table.finish()
    return spec


def test_one_unit_is_frozen_unless_the_config_says_otherwise() -> None:
    spec = read(unit="train.service")
    assert spec == ServiceSpec(unit="train.service", pause=Verb.FREEZE, manager=Manager.SYSTEM)
    assert (spec.group, spec.can_signal, spec.can_free) == (False, True, True)


def test_list_of_units_is_a_group() -> None:
    spec = read(units=["batch@*.service", "train.service"], pause="stop", manager="user")
    assert (spec.group, spec.pause, spec.manager) == (True, Verb.STOP, Manager.USER)


@pytest.mark.parametrize("keys", [{"unit": "batch.slice"}, {"units": ["a.service", "run-*.scope"]}])
def test_what_is_no_service_has_no_main_process_and_cannot_be_started_again(
    keys: dict[str, Any],
) -> None:
    spec = read(**keys)
    assert (spec.can_signal, spec.can_free) == (False, False)
    with pytest.raises(UsageError, match=r'jobs\[0\]\.pause: .*write "freeze"'):
        read(**keys, pause="stop")


@pytest.mark.parametrize("keys", [{}, {"unit": "a.service", "units": ["b.service"]}, {"units": []}])
def test_exactly_one_of_unit_and_units_is_given(keys: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r'jobs\[0\]\.unit: give job "train" either'):
        read(**keys)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"unit": "train"}, "with its end"),
        ({"unit": "train.timer"}, "with its end"),
        ({"unit": "../train.service"}, "no name of a unit"),
        ({"unit": "tr ain.service"}, "no name of a unit"),
        ({"unit": ".service"}, "no name of a unit"),
        ({"unit": "train*.service"}, "for a pattern write units"),
        ({"unit": "batch@.service"}, "is a template"),
        ({"units": ["batch@.service"]}, "is a template"),
        ({"units": ["bat[a-z]@*.service"]}, "no name of a unit"),
        ({"units": ["train.*"]}, "with its end"),
        ({"unit": "a" * 250 + ".service"}, "no name of a unit"),
        ({"unit": "train.service", "pause": "kill"}, '"freeze", "stop"'),
        ({"unit": "train.service", "manager": "root"}, '"system", "user"'),
    ],
)
def test_what_is_wrong_is_said_at_its_key(keys: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=rf"jobs\[0\]\.\w+: .*{text}"):
        read(**keys)


@pytest.mark.parametrize(
    "pattern", ["*.service", "?.service", "*", "b*.service", "??tch@*.service"]
)
def test_pattern_that_fits_too_much_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="units: "):
        read(units=[pattern])


@pytest.mark.parametrize("name", VITAL)
def test_unit_that_the_machine_needs_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"unit: .*cannot be listed"):
        read(unit=name)
    with pytest.raises(UsageError, match=r"units: .*cannot be listed"):
        read(units=["train.service", name])


@pytest.mark.parametrize(
    "pattern", ["sys*.service", "systemd-*.service", "systemd-jour*.service", "ssh*.service"]
)
def test_pattern_that_could_fit_such_a_unit_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"units: .*could fit"):
        read(units=[pattern])


@given(
    st.sampled_from(VITAL),
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25), st.sampled_from("*?")), max_size=3),
)
def test_no_pattern_that_is_taken_fits_a_unit_that_the_machine_needs(
    name: str, cuts: list[tuple[int, int, str]]
) -> None:
    stem, dot, end = name.rpartition(".")
    for start, length, wild in cuts:
        stem = stem[:start] + wild + stem[start + length :]
    try:
        spec = read(units=[stem + dot + end])
    except UsageError:
        return
    assert not any(fnmatchcase(name, pattern) for pattern in spec.units)


@given(st.text(), st.booleans())
def test_any_text_is_taken_or_refused_at_its_key(text: str, pattern: bool) -> None:
    key, value = ("units", [text]) if pattern else ("unit", text)
    try:
        spec = read(**{key: value})
    except UsageError as err:
        fault = str(err)
    else:
        fault = f"jobs[0].{key}: "
        assert text in {spec.unit, *spec.units}
    assert fault.startswith(f"jobs[0].{key}: ")


def test_units_that_the_agent_runs_in_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cgroup = tmp_path / "cgroup"
    cgroup.write_text("1:name=systemd:/\n0::/user.slice/heat.slice/heat-agent.service/worker\n")
    monkeypatch.setattr(systemd_spec, "OWN_CGROUP", cgroup)
    assert own_units() == {"user.slice", "heat.slice", "heat-agent.service"}
    for keys in ({"unit": "heat-agent.service"}, {"unit": "heat.slice"}):
        with pytest.raises(UsageError, match="the agent itself runs in"):
            read(**keys)
    with pytest.raises(UsageError, match=r"could fit heat-agent\.service"):
        read(units=["heat-*.service"])
    assert never(["train.service"], own_units()) is None


def test_machine_without_cgroups_has_no_units_of_ours(tmp_path: Path) -> None:
    assert own_units(tmp_path / "none") == frozenset()


def test_kind_is_known_to_the_config() -> None:
    table = Table(
        {"id": "train", "kind": "systemd", "unit": "train.service", "after_max_pause": "free"},
        "jobs[0]",
    )
    (job,) = read_jobs([table], HERE, READERS)
    assert (job.kind, job.after_max_pause) == ("systemd", AfterMaxPause.FREE)
    table = Table(
        {"id": "all", "kind": "systemd", "unit": "all.slice", "after_max_pause": "free"}, "jobs[0]"
    )
    with pytest.raises(UsageError, match="after_max_pause"):
        read_jobs([table], HERE, READERS)
