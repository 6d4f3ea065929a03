"""What engines, proxies before them and their sockets refuse."""

import os
from pathlib import Path
import re
import socket as sockets

import pytest

from gpu_heat_agent.engines.docker import DockerDriver
from gpu_heat_agent.engines.docker_spec import DockerSpec, Verb
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.models import JobState

from .docker_parts import (
    Drive,
    drive,
    engine,
    impatient,
    paused,
    single,
    state,
    unix_sockets,
)
from .fake_docker import FakeDocker

__all__ = ["drive", "engine", "impatient", "unix_sockets"]


def test_runtime_without_a_freezer_says_so(engine: FakeDocker, drive: Drive) -> None:
    engine.add("train")
    driver = drive(train=single(engine))
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    text = "cannot toggle freezer: cgroups not configured for container"
    engine.refuse["pause"] = (500, "application/json", f'{{"message": "{text}"}}')
    failure = driver.pause(undo)["train"]
    assert isinstance(failure, ConflictError)
    assert str(failure) == f'container "train" cannot be paused: {text}'
    assert driver.resume(undo) == {}


@pytest.mark.parametrize("status", [403, 405])
def test_proxy_that_lets_no_pause_through_is_told_what_it_takes(
    engine: FakeDocker, drive: Drive, status: int
) -> None:
    engine.add("train")
    driver = drive(train=single(engine))
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    engine.refuse["pause"] = (status, "text/html", "<html><body>Forbidden</body></html>")
    failure = driver.pause(undo)["train"]
    assert isinstance(failure, ConflictError)
    assert f"POST /containers/{{id}}/pause is not permitted by what serves {engine.socket}" in str(
        failure
    )
    assert driver.resume(undo) == {}


@pytest.mark.parametrize(
    ("word", "status", "body", "text"),
    [
        ("list", 403, "no", "GET /containers/json is not permitted"),
        ("list", 503, "no server", "HTTP 503"),
        ("list", 200, "{", "no JSON"),
        ("list", 200, "[" * 100_000, "no JSON"),
        ("list", 200, "{}", "no list"),
        ("list", 200, "[1]", "an object is missing"),
        ("list", 200, '[{"Id": "../stop", "Names": ["/a"], "State": "running"}]', "Id is none"),
        ("list", 500, '{"message": "bad\\nday"}', "bad day"),
        ("list", 500, '["message"]', "HTTP 500"),
        ("version", 404, "404 page not found", "HTTP 404"),
        ("version", 200, '{"ApiVersion": "new"}', "no version"),
        ("version", 200, "{}", "ApiVersion is missing"),
    ],
)
def test_answer_that_is_no_engines_is_none(
    engine: FakeDocker, drive: Drive, word: str, status: int, body: str, text: str
) -> None:
    engine.refuse[word] = (status, "application/json", body)
    with pytest.raises(UnreachableError, match=text):
        drive(train=single(engine)).observe({})


def test_answer_without_end_is_not_read_to_its_end(
    engine: FakeDocker, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.refuse["list"] = (200, "application/json", "[" + " " * 17_000_000)
    with pytest.raises(UnreachableError, match="too long"):
        drive(train=single(engine)).observe({})


@pytest.mark.parametrize(
    ("oldest", "newest", "spoken"),
    [("1.24", "1.41", "1.41"), ("1.40", "1.55", "1.44"), ("1.50", "1.60", "1.50")],
)
def test_nearest_version_is_spoken(
    engine: FakeDocker, drive: Drive, oldest: str, newest: str, spoken: str
) -> None:
    engine.oldest, engine.newest = oldest, newest
    engine.add("train")
    assert state(drive(train=single(engine)), "train") is JobState.RUNNING
    assert f"/v{spoken}/" in engine.requests[-1]


def test_engine_that_stops_speaking_a_version_is_asked_anew(
    engine: FakeDocker, drive: Drive
) -> None:
    engine.add("train")
    driver = drive(train=single(engine))
    driver.observe({})
    engine.oldest, engine.newest = "1.50", "1.60"
    with pytest.raises(UnreachableError, match="too old"):
        driver.observe({})
    assert state(driver, "train") is JobState.RUNNING


def test_start_that_fails_is_told_and_tried_again(engine: FakeDocker, drive: Drive) -> None:
    box = engine.add("train")
    driver = drive(train=single(engine, verb=Verb.STOP))
    undo = paused(driver, "train")
    engine.refuse["start"] = (500, "application/json", '{"message": "port is taken"}')
    failure = driver.resume(undo)["train"]
    assert str(failure) == ('container "train" cannot be resumed: port is taken; start it by hand')
    del engine.refuse["start"]
    assert driver.resume(undo) == {}
    assert box.state == "running"


# The socket


def test_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    driver = DockerDriver({"train": DockerSpec(container="train", socket=tmp_path / "no.sock")})
    with pytest.raises(UnreachableError, match=r"no\.sock cannot be reached: there is no such"):
        driver.observe({})
    driver.close()


def test_socket_that_nobody_serves_is_told(tmp_path: Path) -> None:
    path = tmp_path / "left.sock"
    with sockets.socket(sockets.AF_UNIX) as left:
        left.bind(str(path))
    driver = DockerDriver({"train": DockerSpec(container="train", socket=path)})
    with pytest.raises(UnreachableError, match="nothing listens there"):
        driver.observe({})
    driver.close()


def test_socket_that_may_not_be_used_tells_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "theirs.sock"
    path.touch()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sockets.socket, "connect", refuse)
    monkeypatch.setattr("grp.getgrgid", lambda _: os.stat_result)
    monkeypatch.setattr(os.stat_result, "gr_name", "docker", raising=False)
    driver = DockerDriver({"train": DockerSpec(container="train", socket=path)})
    with pytest.raises(UnreachableError, match='belongs to the group "docker"'):
        driver.observe({})
    driver.close()


def test_driver_without_jobs_asks_nobody(engine: FakeDocker, drive: Drive) -> None:
    assert drive().observe({}) == {}
    assert engine.requests == []


def test_proxy_of_the_docs_lets_through_what_is_asked_and_no_more(
    engine: FakeDocker, drive: Drive
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "jobs" / "docker.md").read_text()
    allowed = dict(re.findall(r"'-allow(GET|POST)=(.*?)'", page))
    box = engine.add("train")
    driver = drive(train=single(engine))
    driver.resume(paused(driver, "train"))
    refused = [
        "GET /v1.44/images/json",
        f"GET /v1.44/containers/{box.id}/archive",
        f"GET /versions/containers/{box.id}/json",
        f"POST /v1.44/containers/{box.id}/exec",
        f"POST /v1.44/containers/{box.id}/pause/../exec",
        "POST /v1.44/containers/create",
        "POST /v1.44/build",
    ]
    assert len(engine.requests) == 6
    for requests, passes in ((engine.requests, True), (refused, False)):
        for method, path in (request.split("?")[0].split(" ") for request in requests):
            # As the proxy does it: no brackets around the expression.
            assert bool(re.search(f"^{allowed[method]}$", path)) is passes, path
