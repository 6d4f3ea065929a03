"""The narrow interface to hardware that the rest of the agent knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from .models import Device

NAMELESS = ""
"""The id of a device that is there but does not even say who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReading:
    """One device now. Its `energy_j` is left to the meters; `counter_j` is its own counter.

    `in_package`: it is part of the processor, so that the processor's counter has its energy too.
    `failures` are the errors that values met, by field of Device or "counter_j".
    """

    device: Device
    counter_j: float | None = None
    in_package: bool = False
    failures: Mapping[str, Exception] = field(default_factory=dict, compare=False)


class DeviceReader(Protocol):
    """Reads one kind of hardware. Calls block and come from one thread, one at a time."""

    def read(self) -> list[DeviceReading]:
        """Return every device; a value that cannot be read is None, an id NAMELESS.

        Raises UnreachableError where not even the devices are known.
        """

    def set_power_limit(self, device_id: str, watts: float) -> None:
        """Set a limit in W. Raises ConflictError or UnreachableError."""

    def close(self) -> None:
        """Let go of the hardware; no call follows."""


def silent(device: Device) -> Device:
    """Return a device that does not answer: who it is, and no reading."""
    return Device(id=device.id, vendor=device.vendor, name=device.name, index=device.index)


def without_readings(device: Device) -> Device:
    """Return a device whose readings are too old, with the energy that it had used."""
    return replace(silent(device), energy_j=device.energy_j, energy_origin=device.energy_origin)
