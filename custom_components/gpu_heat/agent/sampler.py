"""One cached sample for all who ask, so that many clients cost no more than one."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from .clock import Now
from .errors import UnreachableError
from .metering import Metering, Sample
from .models import Device
from .readers import without_readings

_T = TypeVar("_T")

FRESH_S = 1.0
COUNTER_INTERVAL_S = 10.0
PATIENCE_S = 5.0
STALE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    sample: Sample
    version: int


class Sampler:
    """Samples in a thread of its own, as the hardware's library may block."""

    def __init__(self, metering: Metering, clock: Callable[[], Now]) -> None:
        self._metering = metering
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hardware")
        self._version = 0
        self._kept: _Kept | None = None
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def devices(self) -> Sequence[Device]:
        """The devices as last sampled, however long ago; none before the first sample."""
        return () if self._kept is None else self._kept.sample.devices

    async def run(self) -> None:
        """Keep the meters going, each second where energy has to be summed from power."""
        while True:
            began_s = self._clock().steady_s
            await self.in_thread(self._metering.advance)
            spent_s = self._clock().steady_s - began_s
            interval_s = FRESH_S if self._metering.summing else COUNTER_INTERVAL_S
            await asyncio.sleep(max(interval_s - spent_s, 0.05))

    async def current(self) -> Sample:
        """Return a sample of at most a second ago; while the hardware hangs, the last one.

        Raises UnreachableError where there is none.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + PATIENCE_S
        while not self._fresh() and (patience_s := deadline_s - loop.time()) > 0:
            if self._refreshing is None:
                self._refreshing = asyncio.create_task(self._refresh())
            await asyncio.wait({self._refreshing}, timeout=patience_s)
        if self._kept is None:
            raise UnreachableError("the hardware does not answer")
        sample = self._kept.sample
        return sample if self._age_s(sample) <= STALE_S else _old(sample)

    def invalidate(self) -> None:
        """Make the next `current` read anew, as something has just been changed."""
        self._version += 1

    async def in_thread(self, act: Callable[[], _T]) -> _T:
        """Do something in the hardware's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    async def close(self) -> None:
        """Write the meters down and let go of the hardware."""
        await self.in_thread(self._metering.close)
        self._thread.shutdown()

    async def _refresh(self) -> None:
        version = self._version
        try:
            sample = await self.in_thread(self._metering.sample)
            self._kept = _Kept(sample=sample, version=version)
        finally:
            self._refreshing = None

    def _fresh(self) -> bool:
        kept = self._kept
        return (
            kept is not None
            and kept.version == self._version
            and self._age_s(kept.sample) <= FRESH_S
        )

    def _age_s(self, sample: Sample) -> float:
        return self._clock().steady_s - sample.taken.steady_s


def _old(sample: Sample) -> Sample:
    """Return a sample without the readings that hold for its own moment only."""
    return replace(
        sample,
        devices=tuple(without_readings(device) for device in sample.devices),
        host=replace(sample.host, power_w=None),
    )
