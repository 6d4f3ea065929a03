"""What one NVIDIA GPU tells, each value on its own."""

from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import TypeAlias, TypeVar

from .models import Device, Vendor
from .readers import DeviceReading

_T = TypeVar("_T")
_Field: TypeAlias = int | tuple[int, int]

MILLI = 1e-3
_MODULE = 1
"""The scope of a power reading that is all of a module's: GPU and processor."""

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


def read_device(nvml: ModuleType, handle: object, index: int) -> DeviceReading:
    """Read one GPU. Raises NVMLError where it does not even say who it is.

    A module of GPU and processor may tell the power of both alone.
    """
    uuid = str(nvml.nvmlDeviceGetUUID(handle))
    values = _Values(nvml, handle)
    ask = values.ask
    memory = ask("memory_used_bytes", nvml.nvmlDeviceGetMemoryInfo)
    rates = ask("utilization", nvml.nvmlDeviceGetUtilizationRates)
    limits_mw = ask("power_limit_min_w", nvml.nvmlDeviceGetPowerManagementLimitConstraints)
    low_mw, high_mw = limits_mw or (None, None)
    hot_c = values.field("memory_temperature_c", nvml.NVML_FI_DEV_MEMORY_TEMP, "uiVal")
    device = Device(
        id=uuid,
        vendor=Vendor.NVIDIA,
        name=ask("name", nvml.nvmlDeviceGetName) or "NVIDIA GPU",
        index=index,
        power_w=_milli(_power_mw(values)),
        temperature_c=_temperature_c(values),
        memory_temperature_c=hot_c or None,  # a card without such a sensor says 0
        utilization=None if rates is None else rates.gpu / 100,
        memory_used_bytes=None if memory is None else memory.used,
        memory_total_bytes=None if memory is None else memory.total,
        power_limit_w=_milli(ask("power_limit_w", nvml.nvmlDeviceGetPowerManagementLimit)),
        power_limit_min_w=_milli(low_mw),
        power_limit_max_w=_milli(high_mw),
        throttle_reasons=_throttle_reasons(values),
    )
    counter_mj = ask("counter_j", nvml.nvmlDeviceGetTotalEnergyConsumption)
    return DeviceReading(device=device, counter_j=_milli(counter_mj), failures=values.failures)


def code_of(err: Exception) -> int:
    """Return the number of an NVMLError, which can be neither hashed nor compared."""
    return int(getattr(err, "value", 0))


def driver_gone(nvml: ModuleType) -> frozenset[int]:
    """Return the errors after which no call will work any more."""
    return frozenset(
        {
            nvml.NVML_ERROR_UNINITIALIZED,
            nvml.NVML_ERROR_DRIVER_NOT_LOADED,
            nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        }
    )


class _Values:
    """The values of one GPU, and why some of them cannot be had.

    Each method raises NVMLError where no call will work any more.
    """

    def __init__(self, nvml: ModuleType, handle: object) -> None:
        self.nvml = nvml
        self._handle = handle
        self._gone = driver_gone(nvml)
        self.failures: dict[str, Exception] = {}

    def ask(self, name: str, call: Callable[..., _T], *args: object) -> _T | None:
        """Return one value; None where just this one cannot be had."""
        try:
            value = call(self._handle, *args)
        except self.nvml.NVMLError as err:
            if code_of(err) in self._gone:
                raise
            self.failures[name] = err.with_traceback(None)
            return None
        self.failures.pop(name, None)
        return value

    def field(self, name: str, wanted: _Field, member: str) -> int | None:
        """Return a field; the call may succeed and the field fail."""
        fields = self.ask(name, self.nvml.nvmlDeviceGetFieldValues, [wanted])
        if fields is None:
            return None
        if fields[0].nvmlReturn == self.nvml.NVML_SUCCESS:
            return int(getattr(fields[0].value, member))
        self.failures[name] = self.nvml.NVMLError(fields[0].nvmlReturn)
        return None

    def unsupported(self, name: str) -> bool:
        """Return whether a value failed because this GPU has none, and not for once."""
        return code_of(self.failures[name]) == int(self.nvml.NVML_ERROR_NOT_SUPPORTED)


def _power_mw(values: _Values) -> int | None:
    """Return the GPU's power; its module's only where it is never told alone."""
    nvml, instant = values.nvml, values.nvml.NVML_FI_DEV_POWER_INSTANT
    power_mw = values.ask("power_w", nvml.nvmlDeviceGetPowerUsage)
    if power_mw is not None:
        return int(power_mw)
    never = values.unsupported("power_w")
    power_mw = values.field("power_w", instant, "uiVal")
    if power_mw is None and never and values.unsupported("power_w"):
        return values.field("power_w", (instant, _MODULE), "uiVal")
    return power_mw


def _temperature_c(values: _Values) -> float | None:
    """Return the core temperature by the new call, or by the old one on an old driver."""
    nvml = values.nvml
    for call in (nvml.nvmlDeviceGetTemperatureV, nvml.nvmlDeviceGetTemperature):
        celsius = values.ask("temperature_c", call, nvml.NVML_TEMPERATURE_GPU)
        if celsius is not None:
            return float(celsius)
    return None


def _throttle_reasons(values: _Values) -> tuple[str, ...]:
    for call in (
        values.nvml.nvmlDeviceGetCurrentClocksEventReasons,
        values.nvml.nvmlDeviceGetCurrentClocksThrottleReasons,
    ):
        bits = values.ask("throttle_reasons", call)
        if bits is not None:
            return tuple(name for bit, name in THROTTLE_REASONS.items() if bits & bit)
    return ()


def _milli(value: float | None) -> float | None:
    return None if value is None else value * MILLI
