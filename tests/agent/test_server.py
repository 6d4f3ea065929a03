"""The HTTP interface on a real server."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
import json
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
import pytest

from gpu_heat_agent import server
from gpu_heat_agent.config import Config, ServerConfig
from gpu_heat_agent.engines.process_spec import OnStop, ProcessSpec
from gpu_heat_agent.job_config import JobConfig
from gpu_heat_agent.models import snapshot_from_json
from gpu_heat_agent.rate_limit import RateLimit

from .nvml_state import NvmlState
from .parts import TOKEN, Client, served
from .schema import faults

SPEC = ProcessSpec(command=("sleep", "600"), on_stop=OnStop.TERMINATE)
JOB = JobConfig(id="train", name="Train", spec=SPEC)
CONFIG = Config(name="rig", jobs=(JOB,), power_limit_enabled=True)
PAUSE = "/api/v1/jobs/train/pause"
RESUME = "/api/v1/jobs/train/resume"
GOOD = {"lease_s": 600, "reason": "too warm"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    async with served(tmp_path, CONFIG) as client:
        yield client


async def test_anyone_may_ask_whether_the_agent_lives(client: Client) -> None:
    status, body, headers = await client.ask("GET", "/healthz", token=None)
    assert (status, body) == (200, {"status": "ok"})
    assert headers["Server"] == "gpu-heat-agent"


async def test_snapshot_is_one_that_its_readers_take(client: Client) -> None:
    status, body, _ = await client.ask("GET", "/api/v1/snapshot")
    snapshot = snapshot_from_json(body)
    assert status == 200
    assert snapshot.power_w == 370
    assert [job.id for job in snapshot.jobs] == ["train"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic a-token-for-the-tests"])
async def test_without_the_token_nothing_is_told(client: Client, header: str) -> None:
    for method, path in (("GET", "/api/v1/snapshot"), ("POST", PAUSE), ("POST", RESUME)):
        async with client.session.request(
            method, client.url + path, headers={"Authorization": header}
        ) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert (await response.json())["error"]["code"] == "unauthorized"


async def test_pause_and_resume_answer_with_the_job(client: Client) -> None:
    status, job, _ = await client.ask("POST", PAUSE, json=GOOD)
    assert (status, job["state"], job["reason"]) == (200, "paused", "too warm")
    assert job["lease_expires_at"] is not None
    _, snapshot, _ = await client.ask("GET", "/api/v1/snapshot")
    assert [device["power_w"] for device in snapshot["devices"]] == [20, 20]
    status, job, _ = await client.ask("POST", RESUME, json={})
    assert (status, job["state"], job["lease_expires_at"]) == (200, "running", None)


async def test_second_pause_renews_the_lease(client: Client) -> None:
    _, first, _ = await client.ask("POST", PAUSE, json={"lease_s": 60, "reason": "a"})
    status, second, _ = await client.ask("POST", PAUSE, json={"lease_s": 86400, "reason": "b"})
    assert (status, second["reason"]) == (200, "b")
    assert second["lease_expires_at"] > first["lease_expires_at"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"[" * 60000,
        b'{"lease_s": 600}',
        b'{"reason": "x"}',
        b'{"lease_s": "600", "reason": "x"}',
        b'{"lease_s": true, "reason": "x"}',
        b'{"lease_s": NaN, "reason": "x"}',
        b'{"lease_s": 600, "reason": 5}',
        b'{"lease_s": 600, "reason": "x", "pid": 1}',
    ],
)
async def test_body_of_the_wrong_shape_is_malformed(client: Client, body: bytes) -> None:
    status, answer, _ = await client.ask("POST", PAUSE, data=body)
    assert (status, answer["error"]["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    "body",
    [
        b'{"lease_s": 59, "reason": "x"}',
        b'{"lease_s": 86401, "reason": "x"}',
        b'{"lease_s": -600, "reason": "x"}',
        b'{"lease_s": 1e999, "reason": "x"}',
        b'{"lease_s": 1' + b"0" * 400 + b', "reason": "x"}',
        json.dumps({"lease_s": 600, "reason": "x" * 501}).encode(),
    ],
)
async def test_value_beyond_its_limits_is_out_of_range(client: Client, body: bytes) -> None:
    status, answer, _ = await client.ask("POST", PAUSE, data=body)
    assert (status, answer["error"]["code"]) == (422, "out_of_range")


async def test_all_errors_are_json(client: Client) -> None:
    for method, path, body, status, code in (
        ("GET", "/nowhere", b"", 404, "unknown"),
        ("POST", "/api/v1/jobs/other/pause", json.dumps(GOOD).encode(), 404, "unknown"),
        ("POST", "/api/v1/jobs/other/resume", b"", 404, "unknown"),
        ("DELETE", "/api/v1/snapshot", b"", 405, "method_not_allowed"),
        ("POST", PAUSE, b"x" * 70000, 413, "too_large"),
        ("POST", RESUME, b'{"pid": 1}', 400, "malformed"),
    ):
        found, answer, headers = await client.ask(method, path, data=body)
        assert (found, answer["error"]["code"]) == (status, code), path
        assert ("Allow" in headers) == (status == 405)


async def test_body_that_does_not_come_is_given_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(server, "LINGER_S", 0.0)
    async with served(tmp_path, Config(name="rig")) as client:
        host, port = client.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {PAUSE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        writer.write(f"{head}Content-Length: 10\r\n\r\n{{".encode())
        answer = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"in time" in answer


async def test_fault_of_the_agent_is_told_without_its_inside(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(client.service, "snapshot", broken)
    status, answer, _ = await client.ask("GET", "/api/v1/snapshot")
    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "secret" not in json.dumps(answer)


async def test_peer_that_asks_too_often_is_told_to_wait(tmp_path: Path) -> None:
    limit = RateLimit(burst=2, per_s=0.001)
    async with served(tmp_path, Config(name="rig"), limit=limit) as client:
        answers = [await client.ask("GET", "/healthz", token=None) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert answers[2][1]["error"]["code"] == "too_many_requests"
    assert answers[2][2]["Retry-After"] == "1"


async def test_metrics_follow_the_snapshot(client: Client) -> None:
    status, text, headers = await client.ask("GET", "/metrics", token=None)
    samples = {
        (sample.name, sample.labels.get("index") or sample.labels.get("state")): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    power = samples["gpu_heat_device_power_watts", "0"]
    assert power.value == 350
    assert set(power.labels) == {"uuid", "name", "index", "vendor"}
    assert samples["gpu_heat_device_temperature_celsius", "1"].value == 34
    assert samples["gpu_heat_device_utilization_ratio", "0"].value == 0.98
    assert samples["gpu_heat_device_power_limit_watts", "0"].value == 350
    assert ("gpu_heat_device_energy_joules_total", "0") in samples
    assert samples["gpu_heat_job_state", "running"].labels["job"] == "train"
    assert samples["gpu_heat_job_state", "running"].value == 1
    assert samples["gpu_heat_job_state", "paused"].value == 0
    assert "gpu_heat_host_power_watts{" not in text
    assert "process_cpu_seconds_total" in text


async def test_metrics_may_want_the_token(tmp_path: Path) -> None:
    config = Config(name="rig", server=ServerConfig(metrics_token=True))
    async with served(tmp_path, config, spec="dgx_h100") as client:
        assert (await client.ask("GET", "/metrics", token=None))[0] == 401
        status, text, _ = await client.ask("GET", "/metrics")
        _, document, _ = await client.ask("GET", "/openapi.json", token=None)
    assert status == 200
    described = document["paths"]["/metrics"]["get"]
    assert sorted(described["responses"]) == ["200", "401", "429", "503"]
    assert "security" not in described  # so that of the whole document holds
    assert 'gpu_heat_host_power_watts{origin="estimate"} 4760.0' in text  # 8 x 20 + 4600


async def test_answers_keep_to_the_openapi_document(client: Client) -> None:
    _, document, _ = await client.ask("GET", "/openapi.json", token=None)
    assert document["openapi"] == "3.1.0"
    for method, path, template, body in (
        ("get", "/api/v1/snapshot", "/api/v1/snapshot", None),
        ("post", PAUSE, "/api/v1/jobs/{id}/pause", GOOD),
        ("post", PAUSE, "/api/v1/jobs/{id}/pause", {}),
        ("post", RESUME, "/api/v1/jobs/{id}/resume", None),
        ("put", "/api/v1/devices/x/power_limit", "/api/v1/devices/{id}/power_limit", {"watts": 1}),
    ):
        status, answer, _ = await client.ask(method.upper(), path, json=body)
        described = document["paths"][template][method]["responses"][str(status)]
        schema = described["content"]["application/json"]["schema"]
        assert faults(answer, schema, document) == [], path


async def test_document_says_that_the_metrics_are_open(client: Client) -> None:
    _, document, _ = await client.ask("GET", "/openapi.json", token=None)
    described = document["paths"]["/metrics"]["get"]
    assert sorted(described["responses"]) == ["200", "429", "503"]
    assert described["security"] == []


async def test_every_route_is_in_the_openapi_document(client: Client) -> None:
    _, document, _ = await client.ask("GET", "/openapi.json")
    assert sorted(document["paths"]) == [
        "/api/v1/devices/{id}/power_limit",
        "/api/v1/jobs/{id}/pause",
        "/api/v1/jobs/{id}/resume",
        "/api/v1/snapshot",
        "/healthz",
        "/metrics",
        "/openapi.json",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "1",  # a process
        "sshd.service",
        "train.service",
        "%2Fbin%2Fsh",
        "..%2Ftrain",
        "train%2F..",
        "train:1",
        "train%00",
        "TRAIN",
        "*",
    ],
)
async def test_nothing_but_a_listed_job_can_be_named(client: Client, name: str) -> None:
    for verb, body in (("pause", GOOD), ("resume", None)):
        status, answer, _ = await client.ask("POST", f"/api/v1/jobs/{name}/{verb}", json=body)
        assert (status, answer["error"]["code"]) == (404, "unknown")


async def limit(client: Client, watts: Any, index: int = 0) -> tuple[int, Any]:
    _, snapshot, _ = await client.ask("GET", "/api/v1/snapshot")
    path = f"/api/v1/devices/{snapshot['devices'][index]['id']}/power_limit"
    status, answer, _ = await client.ask("PUT", path, json={"watts": watts})
    return status, answer


async def test_power_limit_of_a_busy_gpu_lowers_its_power(client: Client) -> None:
    status, device = await limit(client, 250)
    assert (status, device["power_limit_w"], device["power_w"]) == (200, 250, 250)
    assert (await limit(client, 200))[1]["power_w"] == 200
    assert client.store.state.found_limits_w == {device["id"]: 350}


async def test_power_limit_has_limits(client: Client) -> None:
    assert (await limit(client, 104))[0] == 422
    assert (await limit(client, 351))[0] == 422
    assert (await limit(client, "200"))[0] == 400
    unknown = await client.ask("PUT", "/api/v1/devices/x/power_limit", json={"watts": 200})
    assert unknown[0] == 404


async def test_power_limit_wants_to_be_enabled(tmp_path: Path) -> None:
    config = replace(CONFIG, power_limit_enabled=False, jobs=())
    async with served(tmp_path, config) as client:
        assert (await limit(client, 250))[0] == 409


async def test_power_limit_is_put_back_when_the_agent_stops(
    tmp_path: Path, nvml: NvmlState
) -> None:
    async with served(tmp_path, replace(CONFIG, jobs=()), spec=None) as client:
        status, device = await limit(client, 450.5)
        assert (status, device["power_limit_w"]) == (200, 450.5)
        assert (await limit(client, 100, index=1))[0] == 409
    assert nvml.path.read_text().rstrip().endswith("0.limit=700000")
    assert client.store.state.found_limits_w == {}


@pytest.mark.parametrize(("refusal", "status"), [("E4", 409), ("E999", 503)])
async def test_power_limit_that_was_refused_leaves_the_limit_to_others(
    tmp_path: Path, nvml: NvmlState, refusal: str, status: int
) -> None:
    config = replace(CONFIG, jobs=())
    nvml.set(gpu0_set_limit=refusal)
    async with served(tmp_path, config, spec=None) as client:
        assert (await limit(client, 450))[0] == status
        assert client.store.state.found_limits_w == {}
        nvml.set(gpu0_set_limit="1", gpu0_limit=500_000)
    assert nvml.path.read_text().rstrip().endswith("0.limit=500000")


async def test_power_limit_that_was_refused_keeps_what_an_earlier_one_found(
    tmp_path: Path, nvml: NvmlState
) -> None:
    async with served(tmp_path, replace(CONFIG, jobs=()), spec=None) as client:
        assert (await limit(client, 450))[0] == 200
        nvml.set(gpu0_set_limit="E4")
        assert (await limit(client, 400))[0] == 409
        assert client.store.state.found_limits_w == {"GPU-a": 700}


async def test_power_limit_that_cannot_be_put_back_is_tried_again(
    tmp_path: Path, nvml: NvmlState
) -> None:
    config = replace(CONFIG, jobs=())
    async with served(tmp_path, config, spec=None) as client:
        await limit(client, 450)
        nvml.set(gpu0_set_limit="E4")
    assert client.store.state.found_limits_w == {"GPU-a": 700}
    nvml.set(gpu0_set_limit="1")
    async with served(tmp_path, config, spec=None) as client:
        _, snapshot, _ = await client.ask("GET", "/api/v1/snapshot")
    assert snapshot["devices"][0]["power_limit_w"] == 700


async def test_counter_energy_is_served_over_a_driver_reload(
    tmp_path: Path, nvml: NvmlState
) -> None:
    async with served(tmp_path, Config(name="rig"), spec=None) as client:
        _, first, _ = await client.ask("GET", "/api/v1/snapshot")
        nvml.set(gpu0_energy=7_000_000)
        client.service._sampler.invalidate()
        _, second, _ = await client.ask("GET", "/api/v1/snapshot")
    nvml.set(gpu0_energy=0)
    async with served(tmp_path, Config(name="rig"), spec=None) as client:
        _, third, _ = await client.ask("GET", "/api/v1/snapshot")
    assert [it["devices"][0]["energy_j"] for it in (first, second, third)] == [0, 2000, 2000]
    assert third["devices"][0]["energy_origin"] == "counter"


async def test_disk_that_refuses_a_pause_leaves_the_job_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(client.store, "update", full)
    status, answer, headers = await client.ask("POST", PAUSE, json=GOOD)
    assert (status, answer["error"]["code"]) == (503, "unreachable")
    assert int(headers["Retry-After"]) > 0
    assert (await limit(client, 250))[0] == 503
    _, snapshot, _ = await client.ask("GET", "/api/v1/snapshot")
    assert snapshot["jobs"][0]["state"] == "running"
    monkeypatch.undo()
