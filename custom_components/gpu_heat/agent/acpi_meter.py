"""The power of the whole machine by its ACPI power meter.

Source: the kernel's Documentation/hwmon/acpi_power_meter.rst; ACPI 6.5, section 10.4. A meter
names what it measures in the folder "measures": the whole is the system bus, or nothing.
"""

from pathlib import Path

from .errors import UnreachableError
from .ipmi import MAX_W
from .sysfs import MICRO, folders, hwmons, number

HWMON = Path("/sys/class/hwmon")

_WHOLE = ("LNXSYBUS", "LNXSYSTM")


def read_w(root: Path = HWMON) -> float:
    """Return the power of the machine in W. Raises UnreachableError."""
    meters = [hwmon for name, hwmon in hwmons(root) if name == "power_meter"]
    if not meters:
        raise UnreachableError("there is no ACPI power meter")
    whole = [meter for meter in meters if _is_whole(meter)]
    if len(whole) != 1:
        raise UnreachableError(f"{len(whole)} of {len(meters)} ACPI power meters are of all")
    power_w = _microwatts(whole[0]) * MICRO
    if not 0 < power_w <= MAX_W:  # a machine that runs draws something
        raise UnreachableError(f"the ACPI power meter tells {power_w:g} W, which cannot be")
    return power_w


def _microwatts(meter: Path) -> int:
    average = _file(meter, "power1_average")
    return number(average if average.exists() else _file(meter, "power1_input"))


def _is_whole(meter: Path) -> bool:
    try:
        if number(_file(meter, "power1_is_battery")) != 0:
            return False
    except UnreachableError:  # which is not there, or no battery
        pass
    measured = [path.name for path in folders(_file(meter, "measures"), r".*")]
    return not measured or any(name.startswith(_WHOLE) for name in measured)


def _file(meter: Path, name: str) -> Path:
    """Return where a file is: some kernels keep it with the device."""
    own = meter / name
    return own if own.exists() else meter / "device" / name
