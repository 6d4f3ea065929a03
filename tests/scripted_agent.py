"""A small HTTP server that serves the snapshots of a test, as an agent would."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import ssl
from typing import Any

from aiohttp import web
from homeassistant.util import dt as dt_util

from custom_components.gpu_heat.agent.models import (
    AgentInfo,
    Device,
    Host,
    HostOrigin,
    Job,
    JobState,
    Snapshot,
    Vendor,
    to_json,
)

TOKEN = "s3cret"
GPU = "GPU-0000-0001"

_FIRST = ("running", "queued", "paused", "unknown", "failed", "finished")


class ScriptedAgent:
    """Serves `snapshot`; pauses and resumes its jobs; `answer` replaces its answer."""

    def __init__(self, agent_id: str = "agent-1") -> None:
        self.id = agent_id
        self.token = TOKEN
        self.tokens: list[str] = []
        self.answer: web.Response | None = None
        self.refusal: web.Response | None = None
        self.slow: asyncio.Event | None = None
        self.slow_reading: asyncio.Event | None = None
        self.asked = asyncio.Event()
        self.leases: list[tuple[str, int, str]] = []
        self.limits: list[tuple[str, float, int]] = []
        self.agrees = True  # else a pause waits for `agree`
        self.arrivals = asyncio.Semaphore(0)  # of pauses that are slow
        self.busy = 0  # how many requests are still to be told to slow down
        self.stubborn: set[str] = set()  # jobs whose engine refuses to pause them
        self.refuses_limits = False
        self.exempt: set[str] = set()  # jobs that go on although their group waits
        self.snapshot = Snapshot(
            agent=AgentInfo(
                id=self.id,
                name="rack",
                version="0.1.0",
                started_at=datetime(2026, 1, 1, tzinfo=UTC),
            ),
            taken_at=dt_util.utcnow(),
            devices=(
                Device(
                    id=GPU,
                    vendor=Vendor.NVIDIA,
                    name="NVIDIA GeForce RTX 4090",
                    index=0,
                    power_w=450.0,
                    energy_j=0.0,
                    temperature_c=61.0,
                    utilization=0.98,
                ),
            ),
            jobs=(
                Job(id="train", name="Fine-tune", kind="process", state=JobState.RUNNING),
                Job(id="index", name="Index", kind="process", state=JobState.RUNNING),
            ),
        )
        self.address: dict[str, Any] = {}

    def gpu(self, **changes: Any) -> None:
        """Change what the GPU says."""
        device = replace(self.snapshot.devices[0], **changes)
        self.snapshot = replace(self.snapshot, devices=(device, *self.snapshot.devices[1:]))

    def host(self, power_w: float | None, energy_j: float | None) -> None:
        """Meter the whole host."""
        host = Host(power_w=power_w, energy_j=energy_j, origin=HostOrigin.WALL)
        self.snapshot = replace(self.snapshot, host=host)

    def job(self, job_id: str, **changes: Any) -> Job:
        """Change a job; return it as it is then."""
        jobs = {job.id: job for job in self.snapshot.jobs}
        jobs[job_id] = replace(jobs[job_id], **changes)
        self.snapshot = replace(self.snapshot, jobs=tuple(jobs.values()))
        return jobs[job_id]

    def group(self, group_id: str, states: Mapping[str, JobState], **changes: Any) -> None:
        """Have a group with these jobs, by the part of their ids behind the colon."""
        former = {job.id: job for job in self.snapshot.jobs}
        group = former.get(group_id) or Job(
            id=group_id, name=group_id.title(), kind="slurm", state=JobState.RUNNING, members=0
        )
        members = [
            replace(
                former.get(f"{group_id}:{name}")
                or Job(
                    id=f"{group_id}:{name}",
                    name=f"Run {name}",
                    kind="slurm",
                    state=state,
                    group=group_id,
                ),
                state=state,
            )
            for name, state in states.items()
        ]
        others = [job for job in former.values() if group_id not in {job.id, job.group}]
        jobs = (*others, replace(group, **changes), *members)
        self.snapshot = replace(self.snapshot, jobs=jobs)
        self._count()

    def silence(self, group_id: str) -> None:
        """Have the engine of a group not answer: its jobs are not listed then."""
        jobs = [job for job in self.snapshot.jobs if job.group != group_id]
        self.snapshot = replace(self.snapshot, jobs=tuple(jobs))
        self.job(group_id, state=JobState.UNKNOWN, members=None)

    def agree(self) -> None:
        """Let the engine do what was asked of it."""
        for job in self.snapshot.jobs:
            if job.paused_by_us and job.members is None:
                self.job(job.id, state=JobState.PAUSED)
        self._count()

    def members(self, group_id: str) -> list[Job]:
        """Return the jobs of a group."""
        return [job for job in self.snapshot.jobs if job.group == group_id]

    def _count(self) -> None:
        """Have groups say how many jobs they have and what those do, as the agent's do."""
        for group in self.snapshot.jobs:
            if group.members is None:
                continue
            states = {job.state for job in self.members(group.id)}
            empty = JobState.PAUSED if group.paused_by_us else JobState.FINISHED
            state = next((JobState(item) for item in _FIRST if item in states), empty)
            self.job(group.id, state=state, members=len(self.members(group.id)))

    def forget(self, job_id: str) -> None:
        """List a job no longer."""
        jobs = [job for job in self.snapshot.jobs if job_id not in {job.id, job.group}]
        self.snapshot = replace(self.snapshot, jobs=tuple(jobs))
        self._count()

    async def start(self, ssl_context: ssl.SSLContext | None = None) -> None:
        """Listen on a free port of loopback."""
        app = web.Application()
        app.router.add_get("/api/v1/snapshot", self._read)
        app.router.add_post("/api/v1/jobs/{id}/pause", self._pause)
        app.router.add_post("/api/v1/jobs/{id}/resume", self._resume)
        app.router.add_put("/api/v1/devices/{id}/power_limit", self._limit)
        app.router.add_get("/openapi.json", self._openapi)
        app.router.add_get("/healthz", self._health)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        port = self.address.get("port", 0)
        self._site = web.TCPSite(
            self._runner, "127.0.0.1", port, reuse_address=True, ssl_context=ssl_context
        )
        await self._site.start()
        self.address = {"host": "127.0.0.1", "port": self._runner.addresses[0][1]}

    async def stop(self) -> None:
        """Be gone."""
        await self._runner.cleanup()

    def _refused(self, request: web.Request) -> web.Response | None:
        self.tokens.append(request.headers.get("Authorization", ""))
        if self.tokens[-1] != f"Bearer {self.token}":
            return web.json_response({"error": {"code": "unauthorized"}}, status=401)
        if self.busy:
            self.busy -= 1
            return _error(429, "slow down")
        return None

    async def _read(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        self.snapshot = replace(self.snapshot, taken_at=dt_util.utcnow())
        seen = to_json(self.snapshot)
        if slow := self.slow_reading:
            self.asked.set()
            await slow.wait()
        return web.json_response(seen) if self.answer is None else _copy(self.answer)

    async def _pause(self, request: web.Request) -> web.Response:
        if refused := self._refused(request) or self.refusal:
            return _copy(refused)
        job_id, body = request.match_info["id"], await request.json()
        if self.slow:
            self.asked.set()
            self.arrivals.release()
            await self.slow.wait()
        if job_id not in {job.id for job in self.snapshot.jobs}:
            return _error(404, f'there is no job "{job_id}"')
        if job_id in self.stubborn:
            return _error(409, "the engine refuses")
        self.leases.append((job_id, body["lease_s"], body["reason"]))
        pause = {
            "paused_by_us": True,
            "reason": body["reason"],
            "lease_expires_at": dt_util.utcnow() + timedelta(seconds=body["lease_s"]),
        }
        if job_id not in self._paused_groups():
            self.exempt = {key for key in self.exempt if not key.startswith(f"{job_id}:")}
        self.exempt.discard(job_id)
        for job in self._meant(job_id):
            if job.id in self.exempt:
                continue
            if job.id in self.stubborn:
                self.job(job.id, error="the engine refuses")
            elif job.state in {JobState.RUNNING, JobState.QUEUED, JobState.PAUSED}:
                state = JobState.PAUSED if self.agrees else job.state
                self.job(job.id, state=state, error=None, **pause)
            else:
                self.job(job.id, **(pause if job.members is not None else {}))
        self._count()
        return web.json_response(to_json(self.job(job_id)))

    async def _resume(self, request: web.Request) -> web.Response:
        if refused := self._refused(request) or self.refusal:
            return _copy(refused)
        job_id = request.match_info["id"]
        if job_id not in {job.id for job in self.snapshot.jobs}:
            return _error(404, f'there is no job "{job_id}"')
        return web.json_response(to_json(self.run_on(job_id)))

    def _paused_groups(self) -> set[str]:
        return {
            job.id for job in self.snapshot.jobs if job.members is not None and job.paused_by_us
        }

    def _meant(self, job_id: str) -> list[Job]:
        return [job for job in self.snapshot.jobs if job_id in {job.id, job.group}]

    async def _limit(self, request: web.Request) -> web.Response:
        if refused := self._refused(request) or self.refusal:
            return _copy(refused)
        device_id, body = request.match_info["id"], await request.json()
        if self.refuses_limits:
            return _error(409, "limits are not for you")
        self.limits.append((device_id, body["watts"], body["lease_s"]))
        self.gpu(power_limit_w=body["watts"])
        return web.json_response(to_json(self.snapshot.devices[0]))

    def run_on(self, job_id: str) -> Job:
        """Let a job run on, or all of a group, as the end of a lease does."""
        over = {"paused_by_us": False, "reason": None, "lease_expires_at": None}
        if job_id.partition(":")[0] in self._paused_groups() - {job_id}:
            self.exempt.add(job_id)
        for job in self._meant(job_id):
            ours = job.paused_by_us or job.id == job_id
            self.job(job.id, **(over | ({"state": JobState.RUNNING} if ours else {})))
        self._count()
        return self.job(job_id)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _openapi(self, request: web.Request) -> web.Response:
        return web.json_response({"info": {"title": "gpu-heat-agent", "version": "9.0.0"}})


def _copy(response: web.Response) -> web.Response:
    """Return an answer anew: each can be sent only once."""
    return web.Response(
        body=response.body, status=response.status, content_type=response.content_type
    )


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status)
