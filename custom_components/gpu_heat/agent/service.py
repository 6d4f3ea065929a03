"""What the agent can do, behind HTTP: the snapshot, jobs and power limits."""

import asyncio
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import replace
import logging

from .clock import as_datetime
from .desk import JobDesk
from .errors import OutOfRangeError
from .leases import MAX_LEASE_S, MIN_LEASE_S
from .models import AgentInfo, Device, Job, Snapshot
from .power_limits import PowerLimits
from .progress_reader import ProgressReader
from .sampler import Sampler

_LOGGER = logging.getLogger(__name__)

MAX_REASON = 500
LIMIT_LEASE_S = 3600.0
"""How long a power limit stands if a request does not say, in s."""

_PATIENCE_S = 5.0
_LIMITS_S = 1.0


class Service:
    """One per agent. `uses` are the indices of the GPUs that each listed job uses."""

    def __init__(
        self,
        info: AgentInfo,
        sampler: Sampler,
        desk: JobDesk,
        progress: ProgressReader,
        limits: PowerLimits,
        uses: Mapping[str, Collection[int]],
    ) -> None:
        self._info = info
        self._sampler = sampler
        self._desk = desk
        self._progress = progress
        self._limits = limits
        self._uses = uses
        self._restoring: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up where the last run ended; no job waits for the hardware, which may hang."""
        await self._desk.start()
        self._restoring = asyncio.create_task(self._limits.restore())

    async def run(self) -> None:
        """Measure and watch the jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._desk.watch())
            tasks.create_task(self._progress.run(lambda: self._desk.jobs))
            tasks.create_task(self._measure())

    async def stop(self) -> bool:
        """Let all jobs go on, then put limits back and write everything down.

        Return whether the hardware let go: where it hangs, its thread does not end.
        """
        await self._desk.stop()
        await self._progress.close()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._limits.restore()
                await self._sampler.close()
        except TimeoutError:
            _LOGGER.warning("The hardware does not answer; power limits stay as they are")
            return False
        return True

    async def snapshot(self) -> Snapshot:
        """Return all that is known now. Raises UnreachableError."""
        sample = await self._sampler.current()
        return Snapshot(
            agent=self._info,
            taken_at=as_datetime(sample.taken.wall_s),
            devices=tuple(self._with_rights(device) for device in sample.devices),
            host=sample.host,
            jobs=tuple(self._with_devices(job) for job in self._desk.jobs),
        )

    async def pause(self, job_id: str, *, lease_s: float, reason: str) -> Job:
        """Pause a job for `lease_s`, or renew its lease. Raises AgentError."""
        _check_lease(lease_s)
        if len(reason) > MAX_REASON:
            raise OutOfRangeError(f"reason must be at most {MAX_REASON} characters long")
        return await self._changing(self._desk.pause(job_id, lease_s=lease_s, reason=reason))

    async def resume(self, job_id: str) -> Job:
        """Resume a job that we paused. Raises AgentError."""
        return await self._changing(self._desk.resume(job_id))

    async def set_power_limit(self, device_id: str, watts: float, lease_s: float) -> Device:
        """Set a device's power limit in W for `lease_s`. Raises AgentError."""
        _check_lease(lease_s)
        return self._with_rights(await self._limits.set(device_id, watts, lease_s))

    async def _measure(self) -> None:
        if self._restoring is not None:
            await self._restoring
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sampler.run())
            tasks.create_task(self._watch_limits())

    async def _watch_limits(self) -> None:
        """End the leases of limits; a job that goes on has its GPUs at the power that they had."""
        before: dict[str, Job] = {}
        while True:
            jobs = {job.id: job for job in self._desk.jobs if job.group is None}
            waiting = {job_id: job for job_id, job in jobs.items() if job.paused_by_us}
            gone_on = [self._with_devices(before[key]) for key in before.keys() - waiting.keys()]
            await self._limits.restore({device for job in gone_on for device in job.devices})
            await self._limits.end_leases()
            before = waiting
            await asyncio.sleep(_LIMITS_S)

    async def _changing(self, act: Awaitable[Job]) -> Job:
        try:
            return self._with_devices(await act)
        finally:
            self._sampler.invalidate()

    def _with_rights(self, device: Device) -> Device:
        return replace(device, power_limit_settable=self._limits.settable(device))

    def _with_devices(self, job: Job) -> Job:
        """Return a job with the ids of the GPUs that it, or its group, uses."""
        used = self._uses.get(job.group or job.id, ())
        return replace(
            job, devices=tuple(it.id for it in self._sampler.devices if it.index in used)
        )


def _check_lease(lease_s: float) -> None:
    if not MIN_LEASE_S <= lease_s <= MAX_LEASE_S:
        raise OutOfRangeError(f"lease_s must lie from {MIN_LEASE_S:g} to {MAX_LEASE_S:g}")
