"""What this machine supports, device by device."""

from collections.abc import Callable
from dataclasses import fields

from .errors import UnreachableError
from .models import Device
from .readers import DeviceReader, DeviceReading

_IDENTITY = frozenset({"id", "vendor", "name", "index", "energy_j", "energy_origin"})


def check(reader: DeviceReader, write: Callable[[str], object]) -> int:
    """Write what each device tells; return 0 where power is readable, else 1."""
    try:
        readings = reader.read()
    except UnreachableError as err:
        write(f"No device: {err}\n")
        return 1
    finally:
        reader.close()
    for reading in readings:
        write(_report(reading))
    if any(reading.device.power_w is not None for reading in readings):
        return 0
    write("No device tells its power\n")
    return 1


def _report(reading: DeviceReading) -> str:
    device = reading.device
    lines = [f"{device.index}: {device.name} ({device.id})"]
    lines += [f"  {name:<22}{_shown(device, name)}" for name in _measured()]
    counter = reading.counter_j
    origin = "summed from power" if counter is None else f"counter, {counter:.0f} J"
    return "\n".join([*lines, f"  {'energy':<22}{origin}"]) + "\n"


def _measured() -> list[str]:
    return [field.name for field in fields(Device) if field.name not in _IDENTITY]


def _shown(device: Device, name: str) -> str:
    value = getattr(device, name)
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if value is None:
        return "not supported"
    return f"{value:g}" if isinstance(value, float) else str(value)
