"""Setting power limits, and putting back those that were found."""

from collections.abc import Callable, Collection
from dataclasses import replace
import logging
import math

from .clock import Now
from .errors import AgentError, ConflictError, OutOfRangeError, UnknownError, UnreachableError
from .models import Device
from .readers import DeviceReader
from .sampler import Sampler
from .state import State
from .state_dir import Store

_LOGGER = logging.getLogger(__name__)

_AGAIN_S = 60.0


class PowerLimits:
    """Limits in W, each for the length of a lease.

    The one that was found is on the disk before another is set, and is put back when the lease
    ends, when the agent stops and, after a crash, when it starts again.
    """

    def __init__(
        self,
        reader: DeviceReader,
        sampler: Sampler,
        store: Store,
        clock: Callable[[], Now],
        *,
        enabled: bool,
    ) -> None:
        self._reader = reader
        self._sampler = sampler
        self._store = store
        self._clock = clock
        self._enabled = enabled
        self._ends_at_s: dict[str, float] = {}

    def settable(self, device: Device) -> bool:
        """Return whether a device's limit may be set."""
        limits_w = (device.power_limit_w, device.power_limit_min_w, device.power_limit_max_w)
        return self._enabled and None not in limits_w

    async def set(self, device_id: str, watts: float, lease_s: float) -> Device:
        """Set one device's limit for `lease_s`, and return the device as it is then.

        The limit that was found ends the lease. Raises UnknownError, ConflictError where it
        cannot be set, OutOfRangeError, UnreachableError.
        """
        if not self._enabled:
            raise ConflictError("power limits are not enabled in the agent's config")
        device = await self._device(device_id)
        low_w, high_w = device.power_limit_min_w, device.power_limit_max_w
        if low_w is None or high_w is None:
            raise ConflictError(f"{device.name} does not offer a power limit now")
        if not (math.isfinite(watts) and low_w <= watts <= high_w):
            raise OutOfRangeError(f"watts must lie from {low_w:g} to {high_w:g}")
        await self._sampler.in_thread(lambda: self._apply(device_id, watts))
        self._ends_at_s[device_id] = self._clock().steady_s + lease_s
        self._sampler.invalidate()
        return await self._device(device_id)

    async def restore(self, device_ids: Collection[str] | None = None) -> None:
        """Put back the limits that were found, of all devices or of these.

        One that fails stays on record.
        """
        found = self._store.state.found_limits_w
        chosen = [key for key in found if device_ids is None or key in device_ids]
        if chosen:
            await self._sampler.in_thread(lambda: self._restore(chosen))
            self._sampler.invalidate()

    async def end_leases(self) -> None:
        """Put back the limits whose lease is over."""
        now_s = self._clock().steady_s
        await self.restore([key for key, end_s in self._ends_at_s.items() if end_s <= now_s])

    async def _device(self, device_id: str) -> Device:
        for device in (await self._sampler.current()).devices:
            if device.id == device_id:
                return device
        raise UnknownError(f'there is no device "{device_id}"')

    def _apply(self, device_id: str, watts: float) -> None:
        first = device_id not in self._store.state.found_limits_w
        if first:
            self._record(device_id, self._present_w(device_id))
        try:
            self._reader.set_power_limit(device_id, watts)
        except AgentError:
            if first:  # it would override what others set from now on
                self._record(device_id, None)
            raise
        if watts == self._store.state.found_limits_w[device_id]:
            self._record(device_id, None)
        _LOGGER.info("Device %s: power limit set to %g W", device_id, watts)

    def _present_w(self, device_id: str) -> float:
        """Read a limit anew: an older sample may hold one of ours that was put back since."""
        for reading in self._reader.read():
            if reading.device.id == device_id and reading.device.power_limit_w is not None:
                return reading.device.power_limit_w
        raise ConflictError(f'device "{device_id}" does not tell its power limit now')

    def _restore(self, device_ids: Collection[str]) -> None:
        for device_id in device_ids:
            found_w = self._store.state.found_limits_w.get(device_id)
            if found_w is None:  # put back by another since it was asked for
                continue
            try:
                self._reader.set_power_limit(device_id, found_w)
                self._record(device_id, None)
                self._ends_at_s.pop(device_id, None)
                _LOGGER.info("Device %s: power limit back at %g W", device_id, found_w)
            except AgentError as err:
                _LOGGER.warning("Device %s: power limit not put back: %s", device_id, err)
                self._ends_at_s[device_id] = self._clock().steady_s + _AGAIN_S

    def _record(self, device_id: str, found_w: float | None) -> None:
        def changed(state: State) -> State:
            limits = {key: w for key, w in state.found_limits_w.items() if key != device_id}
            if found_w is not None:
                limits[device_id] = found_w
            return replace(state, found_limits_w=limits)

        try:
            self._store.update(changed)
        except OSError as err:
            raise UnreachableError(f"the state file cannot be written: {err.strerror}") from err
