"""Setting power limits, and putting back those that were found."""

from dataclasses import replace
import logging
import math

from .errors import AgentError, ConflictError, OutOfRangeError, UnknownError, UnreachableError
from .models import Device
from .readers import DeviceReader
from .sampler import Sampler
from .state import State
from .state_dir import Store

_LOGGER = logging.getLogger(__name__)


class PowerLimits:
    """Limits in W. The one that was found is on the disk before another is set."""

    def __init__(
        self, reader: DeviceReader, sampler: Sampler, store: Store, *, enabled: bool
    ) -> None:
        self._reader = reader
        self._sampler = sampler
        self._store = store
        self._enabled = enabled

    async def set(self, device_id: str, watts: float) -> Device:
        """Set one device's limit and return the device as it is then.

        Raises UnknownError, ConflictError where it cannot be set, OutOfRangeError,
        UnreachableError.
        """
        if not self._enabled:
            raise ConflictError("power limits are not enabled in the agent's config")
        device = await self._device(device_id)
        low_w, high_w = device.power_limit_min_w, device.power_limit_max_w
        found_w = device.power_limit_w
        if low_w is None or high_w is None or found_w is None:
            raise ConflictError(f"{device.name} does not offer a power limit now")
        if not (math.isfinite(watts) and low_w <= watts <= high_w):
            raise OutOfRangeError(f"watts must lie from {low_w:g} to {high_w:g}")
        await self._sampler.in_thread(lambda: self._apply(device_id, watts, found_w))
        self._sampler.invalidate()
        return await self._device(device_id)

    async def restore(self) -> None:
        """Put back all limits that were found; one that fails stays on record."""
        await self._sampler.in_thread(self._restore)
        self._sampler.invalidate()

    async def _device(self, device_id: str) -> Device:
        for device in (await self._sampler.current()).devices:
            if device.id == device_id:
                return device
        raise UnknownError(f'there is no device "{device_id}"')

    def _apply(self, device_id: str, watts: float, found_w: float) -> None:
        first = device_id not in self._store.state.found_limits_w
        if first:
            self._record(device_id, found_w)
        try:
            self._reader.set_power_limit(device_id, watts)
        except AgentError:
            if first:  # it would override what others set from now on
                self._record(device_id, None)
            raise
        _LOGGER.info("Device %s: power limit set to %g W", device_id, watts)

    def _restore(self) -> None:
        for device_id, found_w in self._store.state.found_limits_w.items():
            try:
                self._reader.set_power_limit(device_id, found_w)
                self._record(device_id, None)
                _LOGGER.info("Device %s: power limit back at %g W", device_id, found_w)
            except AgentError as err:
                _LOGGER.warning("Device %s: power limit not put back: %s", device_id, err)

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
