"""GPUs that are not there: their power follows the jobs that run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import re

from .errors import ConflictError, UsageError
from .job_config import JobConfig
from .models import Device, Vendor
from .presets import PRESETS, Preset
from .readers import DeviceReading

IDLE_W = 20.0
_IDLE_C, _BUSY_C = 34.0, 67.0
_IDLE_MEMORY, _BUSY_MEMORY = 0.02, 0.85
_BUSY_UTILIZATION = 0.98
_LOWEST_LIMIT = 0.3
_MAX_DEVICES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What is simulated: `count` devices, and the base load of their machines if known."""

    preset: Preset
    count: int
    base_load_w: float | None


def parse_spec(spec: str) -> Simulation:
    """Read "PRESET" or "COUNTxPRESET", such as 2xrtx_3090. Raises UsageError."""
    match = re.fullmatch(r"(?:(\d{1,4})x)?([a-z0-9_]+)", spec)
    preset = PRESETS.get(match[2]) if match else None
    if match is None or preset is None:
        known = ", ".join(PRESETS)
        raise UsageError(f"--simulate {spec}: write COUNTxPRESET with a preset of {known}")
    machines = int(match[1] or 1)
    if not 1 <= machines * preset.count <= _MAX_DEVICES:
        raise UsageError(f"--simulate {spec}: simulate 1 to {_MAX_DEVICES} GPUs")
    base = preset.base_load_w
    return Simulation(
        preset=preset,
        count=machines * preset.count,
        base_load_w=None if base is None else base * machines,
    )


def assign(jobs: Sequence[JobConfig], count: int) -> Mapping[str, frozenset[int]]:
    """Return which GPUs each job uses; jobs that do not say are dealt round-robin.

    Raises UsageError for a GPU that is not there.
    """
    used: dict[str, frozenset[int]] = {}
    dealt = 0
    for job in jobs:
        if max(job.devices, default=0) >= count:
            raise UsageError(f'job "{job.id}": devices must lie from 0 to {count - 1}')
        if job.devices:
            used[job.id] = frozenset(job.devices)
        else:
            used[job.id] = frozenset({dealt % count})
            dealt += 1
    return used


class SimulatedReader:
    """A DeviceReader; `busy` returns the indices of the GPUs that are at work now."""

    def __init__(
        self, simulation: Simulation, *, seed: str, busy: Callable[[], frozenset[int]]
    ) -> None:
        self._simulation = simulation
        self._seed = seed
        self._busy = busy
        self._limits_w = dict.fromkeys(range(simulation.count), float(simulation.preset.power_w))

    def read(self) -> list[DeviceReading]:
        """Return all devices; power steps at once when a job starts or stops."""
        busy = self._busy()
        return [
            DeviceReading(device=self._device(index, index in busy))
            for index in range(self._simulation.count)
        ]

    def set_power_limit(self, device_id: str, watts: float) -> None:
        """Limit the power that a busy device draws."""
        for index in self._limits_w:
            if self._device_id(index) == device_id:
                self._limits_w[index] = watts
                return
        raise ConflictError(f"there is no simulated device {device_id}")

    def close(self) -> None:
        """Nothing is held."""

    def _device_id(self, index: int) -> str:
        return f"GPU-sim-{self._seed}-{index}"

    def _device(self, index: int, busy: bool) -> Device:
        preset = self._simulation.preset
        limit_w = self._limits_w[index]
        full = int(preset.memory_bytes)
        return Device(
            id=self._device_id(index),
            vendor=Vendor.NVIDIA,
            name=preset.name,
            index=index,
            power_w=min(float(preset.power_w), limit_w) if busy else IDLE_W,
            temperature_c=_BUSY_C if busy else _IDLE_C,
            memory_temperature_c=_BUSY_C + 12 if busy else _IDLE_C + 4,
            utilization=_BUSY_UTILIZATION if busy else 0.0,
            memory_used_bytes=int(full * (_BUSY_MEMORY if busy else _IDLE_MEMORY)),
            memory_total_bytes=full,
            power_limit_w=limit_w,
            power_limit_min_w=float(round(preset.power_w * _LOWEST_LIMIT)),
            power_limit_max_w=float(preset.power_w),
            throttle_reasons=("sw_power_cap",) if busy and limit_w < preset.power_w else (),
        )
