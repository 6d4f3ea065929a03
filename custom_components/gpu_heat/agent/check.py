"""What this machine supports: device by device, and as a whole."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
import time
from types import MappingProxyType

from . import acpi_meter, ipmi
from .energy import EnergyMeter
from .errors import UnreachableError
from .models import Device
from .rapl import Rapl
from .readers import NAMELESS, DeviceReader, DeviceReading
from .sysfs_gpus import SYS

LENGTH_S = 3.0
STEP_S = 0.25

_IDENTITY = frozenset({"id", "vendor", "name", "index", "energy_j", "energy_origin"})
_TOGETHER: Mapping[str, str] = MappingProxyType(
    {"memory_total_bytes": "memory_used_bytes", "power_limit_max_w": "power_limit_min_w"}
)
"""Values that come with another, and fail with it."""

_WIDTH = 22


def check(
    reader: DeviceReader,
    write: Callable[[str], object],
    *,
    sleep: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    sys: Path = SYS,
) -> int:
    """Write what each device and the machine tell; return 0 where power is readable, else 1."""
    watched: dict[tuple[int, str], _Watched] = {}
    failure = ""
    try:
        end_s = monotonic() + LENGTH_S
        _watch(reader, watched, monotonic)
        write(f"Reading the devices for {LENGTH_S:g} seconds ...\n\n")
        while monotonic() < end_s:
            sleep(STEP_S)
            _watch(reader, watched, monotonic)
    except UnreachableError as err:
        failure = f"No device: {err}\n\n"
    finally:
        reader.close()
    for one in watched.values():
        write(one.report() + "\n")
    write(failure)
    write(_machine(sys, sleep, monotonic))
    if any(one.powers_w for one in watched.values()):
        return 0
    if not failure:
        write("\nNo device tells its power\n")
    return 1


@dataclass(slots=True, kw_only=True)
class _Watched:
    """One device over some seconds."""

    last: DeviceReading
    powers_w: list[float] = field(default_factory=list)
    counters_j: list[float] = field(default_factory=list)
    summed: EnergyMeter = field(default_factory=EnergyMeter)

    def take(self, reading: DeviceReading, at_s: float) -> None:
        """Take in one more reading."""
        self.last = reading
        power_w = reading.device.power_w
        if power_w is not None:
            self.powers_w.append(power_w)
        if reading.counter_j is not None:
            self.counters_j.append(reading.counter_j)
        self.summed = self.summed.advance(at_s=at_s, power_w=power_w, counter_j=None)

    def report(self) -> str:
        """Return what the device tells, a line for each value."""
        device = self.last.device
        if device.id == NAMELESS:
            return f"{device.index}: {device.name} does not say who it is\n"
        lines = [f"{device.index}: {device.name} ({device.id})"]
        lines += [_line(name, self._shown(name)) for name in _measured()]
        lines.append(_line("energy", self._energy()))
        lines.append(_line(f"over {LENGTH_S:g} s", self._series()))
        return "\n".join(lines) + "\n"

    def _shown(self, name: str) -> str:
        value = getattr(self.last.device, name)
        failed = self.last.failures.get(name) or self.last.failures.get(_TOGETHER.get(name, ""))
        if value is None or (value == () and failed):
            return "not supported" + (f" ({failed})" if failed else "")
        if isinstance(value, tuple):
            return ", ".join(value) or "none"
        return f"{value:g}" if isinstance(value, float) else str(value)

    def _energy(self) -> str:
        counter_j = self.last.counter_j
        if counter_j is not None:
            return f"counter, {counter_j:.0f} J"
        failed = self.last.failures.get("counter_j")
        return "summed from power" + (f" (no counter: {failed})" if failed else "")

    def _series(self) -> str:
        """Return the power's spread, and the energy that was gained by both ways to tell."""
        parts = []
        if self.powers_w:
            low_w, high_w = min(self.powers_w), max(self.powers_w)
            mean_w = sum(self.powers_w) / len(self.powers_w)
            parts.append(f"power {low_w:.1f} to {high_w:.1f} W, mean {mean_w:.1f} W")
        gained = [f"{self.summed.total_j:.0f} J summed from power"] if self.powers_w else []
        if self.counters_j:
            gained.insert(0, f"{self.counters_j[-1] - self.counters_j[0]:.0f} J by the counter")
        parts += ["energy " + ", ".join(gained)] if gained else []
        return "; ".join(parts) or "nothing"


def _watch(
    reader: DeviceReader,
    watched: dict[tuple[int, str], _Watched],
    monotonic: Callable[[], float],
) -> None:
    readings: Sequence[DeviceReading] = reader.read()
    at_s = monotonic()
    for reading in readings:
        key = (reading.device.index, reading.device.id)
        watched.setdefault(key, _Watched(last=reading)).take(reading, at_s)


def _machine(sys: Path, sleep: Callable[[float], object], monotonic: Callable[[], float]) -> str:
    """Return which ways there are to know the power of the whole machine."""

    def rapl() -> str:
        counters = Rapl(sys / "class/powercap")
        begin_s = monotonic()
        first = counters.read(begin_s)
        sleep(STEP_S * 4)
        end_s = monotonic()
        gained_j = counters.read(end_s).energy_j - first.energy_j
        return f"{gained_j / max(end_s - begin_s, STEP_S):.0f} W of processors and memory"

    ways: Mapping[str, Callable[[], str]] = {
        "ipmi": lambda: f"{ipmi.read_w():.0f} W",
        "meter": lambda: f"{acpi_meter.read_w(sys / 'class/hwmon'):.0f} W",
        "rapl": rapl,
    }
    lines = ["The whole machine, by [host] power ="]
    for name, way in ways.items():
        try:
            lines.append(_line(name, way()))
        except UnreachableError as err:
            lines.append(_line(name, f"not available ({err})"))
    return "\n".join(lines) + "\n"


def _measured() -> list[str]:
    return [one.name for one in fields(Device) if one.name not in _IDENTITY]


def _line(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{text}"
