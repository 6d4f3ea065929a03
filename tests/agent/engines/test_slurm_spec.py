"""What a config may say of a group of Slurm's jobs."""

import os
from pathlib import Path

import pytest

from gpu_heat_agent.engines.slurm import read_spec
from gpu_heat_agent.engines.slurm_spec import PauseBy, SlurmSpec
from gpu_heat_agent.engines.slurm_table import Row
from gpu_heat_agent.engines.slurm_view import Verb, state_of, view
from gpu_heat_agent.errors import UsageError
from gpu_heat_agent.models import JobState
from gpu_heat_agent.toml_table import Table


@pytest.fixture
def bin_dir(tmp_path: Path) -> str:
    """A folder with commands, so that no Slurm is needed."""
    for name in ("squeue", "scontrol", "scancel"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    return os.fspath(tmp_path)


def read(**keys: object) -> SlurmSpec:
    table = Table(keys, "jobs[0]")
    spec = read_spec(table, "flex", Path("/"))
    table.finish()
    return spec


def test_every_selector_has_to_fit(bin_dir: str) -> None:
    spec = read(bin_dir=bin_dir, partition="heat", user="root", comment="gpu_heat:flex")
    assert spec.group
    assert spec.pause is PauseBy.AUTO
    assert spec.filters == ["--partition=heat", "--user=0"]
    row = Row(
        id="1", job_id="1", state="RUNNING", partition="heat", uid="0", comment="gpu_heat:flex"
    )
    assert spec.fits(row)
    assert not spec.fits(Row(id="1", job_id="1", state="PENDING", partition="heat,other", uid="0"))
    assert not read(bin_dir=bin_dir, account="a").fits(row)


@pytest.mark.parametrize(
    ("keys", "key", "remedy"),
    [
        ({}, "partition", "at least one"),
        ({"partition": "a,b"}, "partition", "one name"),
        ({"user": "no such user"}, "user", "no user"),
        ({"comment": "(null)"}, "comment", "give a text"),
        ({"partition": "a", "pause": "kill"}, "pause", '"suspend"'),
        ({"partition": "a", "qos": "b", "gate": True}, "gate", "only selector"),
        ({"user": "root", "gate": True}, "gate", "only selector"),
        ({"partition": "a", "gate": True, "operator": False}, "gate", "operator"),
        ({"partition": "a", "pause": "suspend", "operator": False}, "pause", '"stop"'),
        ({"partition": "a", "slurm_conf": "/no/such"}, "slurm_conf", "no file"),
        ({"partition": "a", "bin_dir": "/etc"}, "bin_dir", "no squeue in /etc"),
        ({"partition": "a", "bin_dir": "/nowhere"}, "bin_dir", "no folder /nowhere"),
        ({"partition": "a", "nodes": "x"}, "nodes", "no such key"),
    ],
)
def test_what_is_wrong_is_said_at_its_key(
    bin_dir: str, keys: dict[str, object], key: str, remedy: str
) -> None:
    with pytest.raises(UsageError, match=remedy) as caught:
        read(**{"bin_dir": bin_dir, **keys})
    assert str(caught.value).startswith(f"jobs[0].{key}: ")


@pytest.mark.parametrize(
    ("state", "priority", "expected"),
    [
        ("RUNNING", 1, JobState.RUNNING),
        ("COMPLETING", 1, JobState.RUNNING),
        ("STOPPED", 1, JobState.PAUSED),
        ("SUSPENDED", 0, JobState.PAUSED),
        ("PENDING", 1, JobState.QUEUED),
        ("PENDING", 0, JobState.PAUSED),
        ("REQUEUE_HOLD", 1, JobState.PAUSED),
        ("TIMEOUT", 1, None),
        ("BEWITCHED", 1, JobState.UNKNOWN),
    ],
)
def test_states(state: str, priority: int, expected: JobState | None) -> None:
    assert state_of(Row(id="1", job_id="1", state=state, priority=priority)) is expected


@pytest.mark.parametrize(
    ("left_s", "limit_s", "fits"),
    [(301, 600, True), (300, 600, False), (None, None, True), (0, 600, False)],
)
def test_stop_needs_more_than_half_of_the_time_limit(
    left_s: float | None, limit_s: float | None, fits: bool
) -> None:
    times = {"left_s": left_s, "limit_s": limit_s, "elapsed_s": 9.0}
    row = Row(id="1", job_id="1", state="RUNNING", **times)
    assert view(row, JobState.RUNNING, Verb.STOP, None, None).can_pause is fits
    assert view(row, JobState.RUNNING, Verb.SUSPEND, None, None).can_pause
    stopped = Row(id="1", job_id="1", state="STOPPED", **times)
    ours = view(stopped, JobState.PAUSED, Verb.STOP, {"running": "stop"}, None)
    assert (ours.must_resume is None) is fits
    assert view(stopped, JobState.PAUSED, Verb.STOP, None, None).must_resume is None


def test_job_that_has_only_just_been_started_is_not_paused_as_yet() -> None:
    young = Row(id="1", job_id="1", state="RUNNING", elapsed_s=2.0)
    assert not view(young, JobState.RUNNING, Verb.STOP, None, None).can_pause
    part = Row(id="1+0", job_id="1", state="PENDING")
    assert not view(part, JobState.QUEUED, Verb.STOP, None, None).can_pause
