"""The GPUs of the machine that Home Assistant runs on, through NVML in its own process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, override

from ..agent import __version__
from ..agent.errors import AgentError, ConflictError, OutOfRangeError, UnknownError
from ..agent.models import AgentInfo, Job, Snapshot
from ..agent.nvml import NvmlReader
from ..agent.readers import NAMELESS, DeviceReading
from . import RefusedError, Source, UnreachableError
from .meters import GPU_LIMITS, Meters

_REFUSED = (ConflictError, OutOfRangeError, UnknownError)


class InThread(Protocol):
    """Runs something that blocks in a thread."""

    def __call__[T](self, act: Callable[[], T], /) -> Awaitable[T]:
        """Return what `act` returned. Raises what it raised."""


class Jobs(Protocol):
    """The jobs of this machine; calls block. `agent.jobs.JobBook` is one."""

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs as they were seen last."""

    def start(self) -> None:
        """Take up where the last run ended."""

    def tick(self) -> None:
        """Look at the jobs, and end the pauses whose lease is over."""

    def pause(self, job_id: str, *, lease_s: float, reason: str) -> Job:
        """Pause a job. Raises AgentError."""

    def resume(self, job_id: str) -> Job:
        """Resume a job. Raises AgentError."""

    def stop(self) -> None:
        """Let every job go on."""


class NvmlSource(Source):
    """Reads all GPUs, and looks after the jobs if there are some, in one thread a poll.

    NVML stays initialised from the first reading to `close`. `open_jobs` blocks, and is called
    once; it is None where there are no jobs.
    """

    metered = True

    def __init__(
        self,
        in_thread: InThread,
        *,
        key: str,
        name: str,
        now: Callable[[], datetime],
        document: Mapping[str, Any],
        open_jobs: Callable[[], Jobs] | None = None,
    ) -> None:
        self._in_thread = in_thread
        self._now = now
        self._info = AgentInfo(id=key, name=name, version=__version__, started_at=now())
        self._reader = NvmlReader()
        self._meters = Meters(GPU_LIMITS, document.get("meters"))
        self._open_jobs = open_jobs
        self._jobs: Jobs | None = None
        self._lock = asyncio.Lock()  # neither NVML's reader nor the jobs take two calls at once

    @override
    async def read(self) -> Snapshot:
        readings, jobs = await self._call(self._read)
        now = self._now()
        present = [reading for reading in readings if reading.device.id != NAMELESS]
        return Snapshot(
            agent=self._info,
            taken_at=now,
            devices=self._meters.devices(present, now.timestamp()),
            jobs=jobs,
        )

    @override
    async def pause(self, job_id: str, lease_s: int, reason: str) -> Job:
        return await self._call(
            lambda: self._opened().pause(job_id, lease_s=lease_s, reason=reason)
        )

    @override
    async def resume(self, job_id: str) -> Job:
        return await self._call(lambda: self._opened().resume(job_id))

    @override
    async def close(self) -> None:
        await self._call(self._close)

    @override
    def to_json(self) -> dict[str, Any]:
        return {"meters": self._meters.to_json()}

    async def _call[T](self, act: Callable[[], T]) -> T:
        async with self._lock:
            try:
                return await self._in_thread(act)
            except _REFUSED as err:
                raise RefusedError(str(err)) from err
            except AgentError as err:
                raise UnreachableError(str(err)) from err

    def _read(self) -> tuple[list[DeviceReading], tuple[Job, ...]]:
        jobs: tuple[Job, ...] = ()
        if self._open_jobs:
            book = self._opened()
            book.tick()
            jobs = book.jobs
        return self._reader.read(), jobs

    def _opened(self) -> Jobs:
        if self._jobs is None:
            if self._open_jobs is None:
                raise UnknownError("this source has no jobs")
            self._jobs = self._open_jobs()
            self._jobs.start()
        return self._jobs

    def _close(self) -> None:
        if self._jobs is not None:
            self._jobs.stop()
        self._reader.close()


async def probe_nvml(in_thread: InThread) -> list[DeviceReading]:
    """Return the GPUs of this machine. Raises SourceError, which says why there are none."""
    reader = NvmlReader()

    def read() -> list[DeviceReading]:
        try:
            return reader.read()
        finally:
            reader.close()

    try:
        return await in_thread(read)
    except AgentError as err:
        raise UnreachableError(str(err)) from err
