"""What the config says of containers, which one the agent runs in, and how answers are read."""

from contextlib import suppress
from datetime import UTC, datetime
import json
from pathlib import Path
import sys

from hypothesis import given, strategies as st
import pytest

from gpu_heat_agent.engines.docker_container import (
    AnswerError,
    Container,
    read_details,
    read_list,
    read_versions,
)
from gpu_heat_agent.engines.docker_own import is_own, own_ids
from gpu_heat_agent.engines.docker_plan import Outcome, Plan, Step, read_plan
from gpu_heat_agent.engines.docker_spec import DockerSpec, Label, StoppingSpec, Verb, read_spec
from gpu_heat_agent.engines.kinds import KINDS, READERS
from gpu_heat_agent.errors import UsageError
from gpu_heat_agent.job_config import AfterMaxPause, read_jobs
from gpu_heat_agent.toml_table import Table

ID = "ab" * 32
OTHER = "cd" * 32
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def read(**keys: object) -> DockerSpec:
    table = Table(keys, "jobs[0]")
    spec = read_spec(table, "train", Path("/etc"))
    table.finish()
    return spec


def test_container_is_read() -> None:
    assert read(container="my_train.1-x") == DockerSpec(
        container="my_train.1-x",
        verb=Verb.PAUSE,
        socket=Path("/var/run/docker.sock"),
        stop_timeout_s=30,
    )
    assert not read(container="train").group


def test_group_is_read() -> None:
    spec = read(label="a=b=c", pause="stop", stop_timeout_s=2.5, socket="/run/user/1000/p.sock")
    assert spec == StoppingSpec(
        label=Label(key="a", value="b=c"),
        verb=Verb.STOP,
        socket=Path("/run/user/1000/p.sock"),
        stop_timeout_s=3,
    )
    assert spec.group
    assert read(label="a").label == Label(key="a")
    assert read(label="a=").label == Label(key="a", value="")


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "container: give"),
        ({"container": "a", "label": "b"}, "container: give"),
        ({"container": "/train"}, "docker ps"),
        ({"container": "a b"}, "docker ps"),
        ({"container": "../x"}, "docker ps"),
        ({"container": 1}, "in quotes"),
        ({"label": "=x"}, "key=value"),
        ({"label": " a=x"}, "key=value"),
        ({"container": "a", "pause": "kill"}, '"pause", "stop"'),
        ({"container": "a", "socket": "tcp://127.0.0.1:2375"}, "Unix socket"),
        ({"container": "a", "socket": "unix:///run/docker.sock"}, "Unix socket"),
        ({"container": "a", "socket": "/" + "x" * 107}, "107 bytes"),
        ({"container": "a", "socket": ""}, "in quotes"),
        ({"container": "a", "stop_timeout_s": 0}, "1 to 3600"),
        ({"container": "a", "stop_timeout_s": float("nan")}, "1 to 3600"),
        ({"container": "a", "image": "b"}, "no such key"),
    ],
)
def test_wrong_config_says_what_to_write(keys: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        read(**keys)


def test_container_that_is_stopped_anyway_has_no_other_pause_that_frees() -> None:
    frozen = {"id": "a", "kind": "docker", "container": "a", "after_max_pause": "free"}
    (job,) = read_jobs([Table(frozen)], Path("/etc"), READERS)
    assert job.after_max_pause is AfterMaxPause.FREE
    with pytest.raises(UsageError, match="after_max_pause"):
        read_jobs([Table({**frozen, "pause": "stop"})], Path("/etc"), READERS)


def test_windows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UsageError, match="Windows"):
        read(container="a")


def test_kind_takes_no_library() -> None:
    assert KINDS["docker"].extra is None


# The agent's own container

MOUNTS = (
    "700 699 0:60 / / rw - overlay overlay rw,upperdir=/var/lib/docker/overlay2/{other}/diff",
    "701 700 8:1 /var/lib/docker/containers/{id}/hostname /etc/hostname rw - ext4 /dev/sda1 rw",
)


@pytest.mark.parametrize(
    ("cgroup", "mounts", "hostname"),
    [
        (f"0::/system.slice/docker-{ID}.scope\n", "", "rig"),
        (f"12:memory:/docker/{ID}\n", "", "rig"),
        (f"0::/user.slice/libpod-{ID}.scope/container\n", "", "rig"),
        ("0::/\n", "\n".join(MOUNTS).format(id=ID, other=OTHER), "rig"),
        ("0::/\n", "", ID[:12]),
    ],
)
def test_agent_knows_its_own_container(
    tmp_path: Path, cgroup: str, mounts: str, hostname: str
) -> None:
    (tmp_path / "cgroup").write_text(cgroup)
    (tmp_path / "mountinfo").write_text(mounts)
    own = own_ids(tmp_path, hostname)
    assert is_own(ID, own)
    assert not is_own(OTHER, own)


def test_agent_outside_of_containers_owns_none(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/system.slice/gpu-heat-agent.service\n")
    shm = f"90 30 0:50 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw\n"
    (tmp_path / "mountinfo").write_text(shm)
    assert own_ids(tmp_path, "deadbeef") == frozenset()
    assert own_ids(tmp_path / "no proc", "rig") == frozenset()


# Answers


@given(JSON)
def test_any_answer_is_read_or_refused(document: object) -> None:
    for read_it in (read_list, read_details, read_versions):
        with suppress(AnswerError):
            read_it(document)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "Id": st.just(ID) | JSON,
            "Names": st.just(["/train"]) | JSON,
            "State": st.just("running") | JSON,
            "Labels": st.just({}) | JSON,
        },
    )
)
def test_any_row_is_read_or_refused(row: dict[str, object]) -> None:
    try:
        rows = read_list([row])
    except AnswerError:
        return
    assert all(it.id == ID for it in rows)


def details(**state: object) -> dict[str, object]:
    usual = {
        "Status": "exited",
        "ExitCode": 3,
        "StartedAt": "2026-11-01T00:00:00.5Z",
        "FinishedAt": "2026-11-01T01:00:00.123456789+01:00",
    }
    return {"Id": ID, "State": {**usual, **state}, "HostConfig": {"AutoRemove": False}}


def test_details_are_read() -> None:
    found = read_details(details())
    assert (found.exit_code, found.started_at) == (3, "2026-11-01T00:00:00.5Z")
    assert found.finished_at_s == datetime(2026, 11, 1, 0, 0, 0, 123456, UTC).timestamp()
    assert read_details(details(FinishedAt="0001-01-01T00:00:00Z")).finished_at_s is None


@pytest.mark.parametrize(
    "state", [{"ExitCode": "0"}, {"ExitCode": True}, {"FinishedAt": "now"}, {"StartedAt": None}]
)
def test_details_that_are_none_are_refused(state: dict[str, object]) -> None:
    with pytest.raises(AnswerError):
        read_details(details(**state))


def test_versions_without_an_oldest_are_one() -> None:
    assert read_versions({"ApiVersion": "1.41"}) == ((1, 41), (1, 41))


def test_container_without_a_name_is_none() -> None:
    assert read_list([{"Id": ID, "Names": None, "State": "running"}]) == ()
    assert read_list([{"Id": ID, "Names": ["/a"], "State": "Running", "Labels": None}]) == (
        Container(id=ID, name="a", state="running"),
    )


# Plans

PLAN = Plan(
    verb=Verb.STOP,
    socket=Path("/run/docker.sock"),
    id=ID,
    started_at="2026-11-01T00:00:00.5Z",
    name="train",
    token="t",
    first_asked_at_s=1000.0,
    asked_at_s=1000.0,
    stop_timeout_s=30,
)


def test_plan_survives_the_state_file() -> None:
    assert read_plan(json.loads(json.dumps(PLAN.to_json()))) == PLAN


@given(st.dictionaries(st.sampled_from(sorted(PLAN.to_json())), JSON))
def test_any_plan_is_read_or_stops_nothing(changes: dict[str, object]) -> None:
    document = {**PLAN.to_json(), **changes}
    plan = read_plan(document)  # type: ignore[arg-type]
    assert plan is None or plan.verb in Verb


@pytest.mark.parametrize(
    ("finished_at_s", "outcome", "step"),
    [
        (997.0, Outcome.UNKNOWN, Step.NOTHING),
        (998.5, Outcome.UNKNOWN, Step.START),
        (1090.0, Outcome.UNKNOWN, Step.START),
        (1091.0, Outcome.UNKNOWN, Step.NOTHING),
        (1091.0, Outcome.DOUBT, Step.NOTHING),
        (1091.0, Outcome.DONE, Step.START),
        (1010.0, Outcome.REFUSED, Step.NOTHING),
    ],
)
def test_container_is_started_if_it_ended_while_it_was_to(
    finished_at_s: float, outcome: Outcome, step: Step
) -> None:
    moment = datetime.fromtimestamp(finished_at_s, UTC).isoformat()
    assert PLAN.step(read_details(details(FinishedAt=moment)), outcome, 5000.0) is step
