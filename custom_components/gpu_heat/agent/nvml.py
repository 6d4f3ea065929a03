"""NVIDIA GPUs through NVML, by NVIDIA's own nvidia-ml-py."""

from collections.abc import Callable
from contextlib import suppress
import logging
import time
from types import ModuleType

from .errors import ConflictError, UnreachableError
from .models import Device, Vendor
from .nvml_device import MILLI, code_of, driver_gone, read_device
from .nvml_library import unload
from .readers import NAMELESS, DeviceReading, silent

_LOGGER = logging.getLogger(__name__)

_BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)

RENEW_S = 60.0
MAX_RENEW_S = 3600.0
"""NVML is started anew while a GPU is lost: at once, then at intervals that double."""


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
        self._told_to_restart = False
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
                if _is(nvml, handle, device_id):
                    nvml.nvmlDeviceSetPowerManagementLimit(handle, round(watts / MILLI))
                    return
        except nvml.NVMLError as err:
            if code_of(err) in {nvml.NVML_ERROR_NOT_SUPPORTED, nvml.NVML_ERROR_NO_PERMISSION}:
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
            self._start(pynvml)
        except pynvml.NVMLError as err:
            self._back_off(err)
            return None
        _LOGGER.info("NVML initialised")
        self._nvml = pynvml
        return self._nvml

    def _start(self, nvml: ModuleType) -> None:
        """Start NVML; a library that is not of the driver's version is loaded anew for it.

        Raises NVMLError.
        """
        former = {nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, nvml.NVML_ERROR_FUNCTION_NOT_FOUND}
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as err:
            if code_of(err) not in former:
                raise
            unload(nvml)
            self._start_anew(nvml, former)

    def _start_anew(self, nvml: ModuleType, former: set[int]) -> None:
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as err:
            if code_of(err) in former and not self._told_to_restart:
                _LOGGER.warning(
                    "NVML is not of the driver's version: restart the agent, or the machine if "
                    "its kernel still runs a former driver"
                )
                self._told_to_restart = True
            raise
        self._told_to_restart = False

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
                if code_of(err) in driver_gone(nvml):
                    raise
                if code_of(err) != nvml.NVML_ERROR_NO_PERMISSION:  # such a one is not ours
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


def _nameless(index: int) -> Device:
    return Device(id=NAMELESS, vendor=Vendor.NVIDIA, name="NVIDIA GPU", index=index)


def _is(nvml: ModuleType, handle: object, device_id: str) -> bool:
    """Return whether a handle is that of a device. Raises NVMLError where the driver is gone."""
    try:
        return str(nvml.nvmlDeviceGetUUID(handle)) == device_id
    except nvml.NVMLError as err:
        if code_of(err) in driver_gone(nvml):
            raise
        return False


def _shut_down(nvml: ModuleType) -> None:
    with suppress(nvml.NVMLError):  # it has gone already
        nvml.nvmlShutdown()
