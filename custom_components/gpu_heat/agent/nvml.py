"""NVIDIA GPUs through NVML, by NVIDIA's own nvidia-ml-py."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
import logging
import time
from types import MappingProxyType, ModuleType
from typing import TypeVar

from .errors import ConflictError, UnreachableError
from .models import Device, Vendor
from .readers import NAMELESS, DeviceReading, silent

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")

_BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
_MILLI = 1e-3

RENEW_S = 60.0
MAX_RENEW_S = 3600.0
"""NVML is started anew while a GPU is lost: at once, then at intervals that double."""

THROTTLE_REASONS: Mapping[int, str] = MappingProxyType(
    {
        0x2: "applications_clocks_setting",
        0x4: "sw_power_cap",
        0x8: "hw_slowdown",
        0x10: "sync_boost",
        0x20: "sw_thermal_slowdown",
        0x40: "hw_thermal_slowdown",
        0x80: "hw_power_brake_slowdown",
        0x100: "display_clock_setting",
    }
)
"""The bits of the clock event reasons but for idleness (0x1), which slows nothing down."""


class NvmlReader:
    """A DeviceReader. Initialised once and kept; each value of each device stands alone.

    A device that has been seen keeps its row while it, or the whole driver, is lost.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._nvml: ModuleType | None = None
        self._failures = self._renewals = 0
        self._retry_at_s = self._renew_at_s = float("-inf")
        self._why = ""
        self._known: dict[str, Device] = {}

    def read(self) -> list[DeviceReading]:
        """Return all physical GPUs that there are or have been."""
        nvml = self._connect()
        if nvml is not None:
            try:
                return self._read_all(nvml)
            except nvml.NVMLError as err:
                self._disconnect(nvml, err)
        if not self._known:
            raise UnreachableError(self._why)
        return [DeviceReading(device=silent(device)) for device in self._known.values()]

    def set_power_limit(self, device_id: str, watts: float) -> None:
        """Set a limit in W, which takes root. Raises ConflictError, UnreachableError."""
        nvml = self._connect()
        if nvml is None:
            raise UnreachableError(self._why)
        try:
            for index in range(nvml.nvmlDeviceGetCount()):
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                if _ask(nvml, nvml.nvmlDeviceGetUUID, handle) == device_id:
                    nvml.nvmlDeviceSetPowerManagementLimit(handle, round(watts / _MILLI))
                    return
        except nvml.NVMLError as err:
            if _code(err) in {nvml.NVML_ERROR_NOT_SUPPORTED, nvml.NVML_ERROR_NO_PERMISSION}:
                raise ConflictError(f"the power limit cannot be set: {err}") from err
            raise UnreachableError(f"the power limit could not be set: {err}") from err
        raise UnreachableError("the GPU does not answer")

    def close(self) -> None:
        """Shut NVML down."""
        if self._nvml is not None:
            _shut_down(self._nvml)
            self._nvml = None

    def _connect(self) -> ModuleType | None:
        """Return the library, initialised; None while it is not the time to try again."""
        if self._nvml is not None:
            return self._nvml
        if self._monotonic() < self._retry_at_s:
            return None
        import pynvml  # noqa: PLC0415 - not needed where there is no GPU

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as err:
            self._back_off(err)
            return None
        _LOGGER.info("NVML initialised")
        self._nvml = pynvml
        return self._nvml

    def _disconnect(self, nvml: ModuleType, err: Exception) -> None:
        _shut_down(nvml)
        self._nvml = None
        self._back_off(err)

    def _back_off(self, err: Exception) -> None:
        delay_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._failures += 1
        self._retry_at_s = self._monotonic() + delay_s
        if self._why != str(err):
            _LOGGER.warning("NVML does not answer: %s", err)
        self._why = str(err)

    def _read_all(self, nvml: ModuleType) -> list[DeviceReading]:
        """Read every GPU. Raises NVMLError where the driver itself is gone."""
        readings: dict[str, DeviceReading] = {}
        lost: list[int] = []
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                reading = read_device(nvml, nvml.nvmlDeviceGetHandleByIndex(index), index)
            except nvml.NVMLError as err:
                if _code(err) in _driver_gone(nvml):
                    raise
                if _code(err) != nvml.NVML_ERROR_NO_PERMISSION:  # such a one is not ours
                    lost.append(index)
                continue
            readings[reading.device.id] = reading
            self._known[reading.device.id] = reading.device
        self._failures, self._why = 0, ""
        missing = [device for key, device in self._known.items() if key not in readings]
        absent = [silent(device) for device in missing]
        places = {device.index for device in missing}
        absent += [_nameless(index) for index in lost if index not in places]
        self._renew(absent)
        rows = [*readings.values(), *(DeviceReading(device=device) for device in absent)]
        return sorted(rows, key=lambda reading: reading.device.index)

    def _renew(self, absent: list[Device]) -> None:
        """Start NVML anew now and then: only that shows a GPU that is back."""
        if not absent:
            self._renewals, self._renew_at_s = 0, float("-inf")
        elif self._monotonic() >= self._renew_at_s:
            names = ", ".join(device.id or f"index {device.index}" for device in absent)
            _LOGGER.warning("GPU lost: %s", names)
            delay_s = min(RENEW_S * 2**self._renewals, MAX_RENEW_S)
            self._renewals = min(self._renewals + 1, 10)
            self._renew_at_s = self._monotonic() + delay_s
            self.close()


def read_device(nvml: ModuleType, handle: object, index: int) -> DeviceReading:
    """Read one GPU. Raises NVMLError where it does not even say who it is."""
    uuid = str(nvml.nvmlDeviceGetUUID(handle))
    ask = partial(_ask, nvml)
    power_mw = ask(nvml.nvmlDeviceGetPowerUsage, handle)
    if power_mw is None:
        power_mw = _field(nvml, handle, nvml.NVML_FI_DEV_POWER_INSTANT, "uiVal")
    memory = ask(nvml.nvmlDeviceGetMemoryInfo, handle)
    rates = ask(nvml.nvmlDeviceGetUtilizationRates, handle)
    limits_mw = ask(nvml.nvmlDeviceGetPowerManagementLimitConstraints, handle) or (None, None)
    device = Device(
        id=uuid,
        vendor=Vendor.NVIDIA,
        name=ask(nvml.nvmlDeviceGetName, handle) or "NVIDIA GPU",
        index=index,
        power_w=_milli(power_mw),
        temperature_c=_temperature_c(nvml, handle),
        # A card without such a sensor says 0 rather than that it has none.
        memory_temperature_c=_field(nvml, handle, nvml.NVML_FI_DEV_MEMORY_TEMP, "uiVal") or None,
        utilization=None if rates is None else rates.gpu / 100,
        memory_used_bytes=None if memory is None else memory.used,
        memory_total_bytes=None if memory is None else memory.total,
        power_limit_w=_milli(ask(nvml.nvmlDeviceGetPowerManagementLimit, handle)),
        power_limit_min_w=_milli(limits_mw[0]),
        power_limit_max_w=_milli(limits_mw[1]),
        throttle_reasons=_throttle_reasons(nvml, handle),
    )
    counter_mj = ask(nvml.nvmlDeviceGetTotalEnergyConsumption, handle)
    return DeviceReading(device=device, counter_j=_milli(counter_mj))


def _nameless(index: int) -> Device:
    return Device(id=NAMELESS, vendor=Vendor.NVIDIA, name="NVIDIA GPU", index=index)


def _ask(nvml: ModuleType, call: Callable[..., _T], *args: object) -> _T | None:
    """Return one value; None where just this one cannot be had.

    Raises NVMLError where no call will work any more.
    """
    try:
        return call(*args)
    except nvml.NVMLError as err:
        if _code(err) in _driver_gone(nvml):
            raise
        return None


def _field(nvml: ModuleType, handle: object, field_id: int, member: str) -> int | None:
    """Return one field value; the call may succeed although the field has failed."""
    fields = _ask(nvml, nvml.nvmlDeviceGetFieldValues, handle, [field_id])
    if fields is None or fields[0].nvmlReturn != nvml.NVML_SUCCESS:
        return None
    return int(getattr(fields[0].value, member))


def _temperature_c(nvml: ModuleType, handle: object) -> float | None:
    """Return the core temperature by the new call, or by the old one on an old driver."""
    for call in (nvml.nvmlDeviceGetTemperatureV, nvml.nvmlDeviceGetTemperature):
        celsius = _ask(nvml, call, handle, nvml.NVML_TEMPERATURE_GPU)
        if celsius is not None:
            return float(celsius)
    return None


def _throttle_reasons(nvml: ModuleType, handle: object) -> tuple[str, ...]:
    for call in (
        nvml.nvmlDeviceGetCurrentClocksEventReasons,
        nvml.nvmlDeviceGetCurrentClocksThrottleReasons,
    ):
        bits = _ask(nvml, call, handle)
        if bits is not None:
            return tuple(name for bit, name in THROTTLE_REASONS.items() if bits & bit)
    return ()


def _milli(value: float | None) -> float | None:
    return None if value is None else value * _MILLI


def _code(err: Exception) -> int:
    """Return the number of an NVMLError, which can be neither hashed nor compared."""
    return int(getattr(err, "value", 0))


def _driver_gone(nvml: ModuleType) -> frozenset[int]:
    return frozenset(
        {
            nvml.NVML_ERROR_UNINITIALIZED,
            nvml.NVML_ERROR_DRIVER_NOT_LOADED,
            nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        }
    )


def _shut_down(nvml: ModuleType) -> None:
    with suppress(nvml.NVMLError):  # it has gone already
        nvml.nvmlShutdown()
