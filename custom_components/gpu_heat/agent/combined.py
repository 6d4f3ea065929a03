"""All GPUs of a machine: NVIDIA's through NVML, AMD's and Intel's through sysfs."""

from dataclasses import replace

from .errors import UnreachableError
from .models import Device, Vendor
from .readers import NAMELESS, DeviceReader, DeviceReading
from .sysfs_gpus import SysfsGpuReader


class CombinedReader:
    """A DeviceReader over both; what one of them lacks does not hide the other.

    NVIDIA's GPUs have the lower indices, as they have without the others.
    """

    def __init__(self, nvml: DeviceReader, sysfs: SysfsGpuReader) -> None:
        self._nvml = nvml
        self._sysfs = sysfs
        self._offset = 0

    def read(self) -> list[DeviceReading]:
        """Return all GPUs. Raises UnreachableError where neither way knows any."""
        others: list[DeviceReading] = []
        no_others = ""
        try:
            others = self._sysfs.read()
        except UnreachableError as err:
            no_others = str(err)
        try:
            nvidia = self._nvml.read()
        except UnreachableError as err:
            if not others:
                raise UnreachableError(f"NVML: {err}; {no_others}") from err
            nvidia = self._unheard()
        self._offset = max([self._offset, *(r.device.index + 1 for r in nvidia)])
        return [*nvidia, *(self._placed(reading) for reading in others)]

    def set_power_limit(self, device_id: str, watts: float) -> None:
        """Set a limit in W by the way that knows the device."""
        reader = self._sysfs if self._sysfs.knows(device_id) else self._nvml
        reader.set_power_limit(device_id, watts)

    def close(self) -> None:
        """Let go of both."""
        self._nvml.close()
        self._sysfs.close()

    def _unheard(self) -> list[DeviceReading]:
        """Return NVIDIA's GPUs that are on the bus, of which NVML tells nothing."""
        return [
            DeviceReading(
                device=Device(id=NAMELESS, vendor=Vendor.NVIDIA, name="NVIDIA GPU", index=index)
            )
            for index in range(self._sysfs.nvidia_count())
        ]

    def _placed(self, reading: DeviceReading) -> DeviceReading:
        device = reading.device
        return replace(reading, device=replace(device, index=device.index + self._offset))
