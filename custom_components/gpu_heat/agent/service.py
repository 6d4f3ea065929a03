"""What the agent can do, behind HTTP: the snapshot, jobs and power limits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import logging
from typing import TypeVar

from .clock import as_datetime
from .errors import AgentError, OutOfRangeError
from .jobs import JobBook
from .leases import MAX_LEASE_S, MIN_LEASE_S
from .models import AgentInfo, Device, Job, Snapshot
from .power_limits import PowerLimits
from .sampler import Sampler

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")

MAX_REASON = 500
_TICK_S = 1.0
_PATIENCE_S = 5.0


class Service:
    """One per agent; the jobs are touched in one thread of their own alone."""

    def __init__(
        self, info: AgentInfo, sampler: Sampler, book: JobBook, limits: PowerLimits
    ) -> None:
        self._info = info
        self._sampler = sampler
        self._book = book
        self._limits = limits
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jobs")
        self._restoring: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up where the last run ended; no job waits for the hardware, which may hang."""
        await self._in_thread(self._book.start)
        self._restoring = asyncio.create_task(self._limits.restore())

    async def run(self) -> None:
        """Measure and watch the jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_jobs())
            tasks.create_task(self._measure())

    async def stop(self) -> bool:
        """Let all jobs go on, then put limits back and write everything down.

        Return whether the hardware let go: where it hangs, its thread does not end.
        """
        await self._in_thread(self._book.stop)
        self._thread.shutdown()
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
            devices=sample.devices,
            host=sample.host,
            jobs=self._book.jobs,
        )

    async def pause(self, job_id: str, *, lease_s: float, reason: str) -> Job:
        """Pause a job for `lease_s`, or renew its lease. Raises AgentError."""
        if not MIN_LEASE_S <= lease_s <= MAX_LEASE_S:
            raise OutOfRangeError(f"lease_s must lie from {MIN_LEASE_S:g} to {MAX_LEASE_S:g}")
        if len(reason) > MAX_REASON:
            raise OutOfRangeError(f"reason must be at most {MAX_REASON} characters long")
        return await self._changing(
            lambda: self._book.pause(job_id, lease_s=lease_s, reason=reason)
        )

    async def resume(self, job_id: str) -> Job:
        """Resume a job that we paused. Raises AgentError."""
        return await self._changing(lambda: self._book.resume(job_id))

    async def set_power_limit(self, device_id: str, watts: float) -> Device:
        """Set a device's power limit in W. Raises AgentError."""
        return await self._limits.set(device_id, watts)

    async def _measure(self) -> None:
        if self._restoring is not None:
            await self._restoring
        await self._sampler.run()

    async def _watch_jobs(self) -> None:
        failing = False
        while True:
            try:
                await self._in_thread(self._book.tick)
                failing = False
            except (AgentError, OSError) as err:  # such as a clock that cannot be opened
                if not failing:
                    _LOGGER.warning("Jobs cannot be looked after now: %s", err)
                failing = True
            await asyncio.sleep(_TICK_S)

    async def _changing(self, act: Callable[[], Job]) -> Job:
        try:
            return await self._in_thread(act)
        finally:
            self._sampler.invalidate()

    async def _in_thread(self, act: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)
