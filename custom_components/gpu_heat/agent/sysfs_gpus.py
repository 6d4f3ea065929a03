"""AMD and Intel GPUs through the kernel's hwmon files; NVIDIA's are NVML's.

Sources: the comments of the kernel's amdgpu_pm.c, and Documentation/ABI/testing/
sysfs-driver-intel-{i915,xe}-hwmon. A card without such files, as most graphics within Intel's
processors, has no row.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
import errno
import os
from pathlib import Path
import time
from types import MappingProxyType

from .derived_power import DerivedPower
from .energy import DEVICE_LIMITS
from .errors import ConflictError, UnreachableError
from .models import Device, Vendor
from .readers import DeviceReading, silent
from .sysfs import MICRO, MILLI, folders, hwmons, number, text

SYS = Path("/sys")

_VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {"amdgpu": Vendor.AMD, "i915": Vendor.INTEL, "xe": Vendor.INTEL}
)
"""By the name of the hwmon; "i915_gtN" is a tile, which is part of its "i915"."""

_NAMES: Mapping[Vendor, str] = MappingProxyType({Vendor.AMD: "AMD", Vendor.INTEL: "Intel"})
_NVIDIA, _DISPLAY = 0x10DE, 0x03


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """Where one card's files are."""

    id: str
    vendor: Vendor
    device: Path
    hwmon: Path


class SysfsGpuReader:
    """A DeviceReader. Each value stands alone; a card that has gone keeps its row."""

    def __init__(self, sys: Path = SYS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sys = sys
        self._monotonic = monotonic
        self._known: dict[str, Device] = {}
        self._derived: dict[str, DerivedPower] = {}

    def read(self) -> list[DeviceReading]:
        """Return all cards that there are or have been."""
        readings = {}
        for card in self._cards():
            reading = self._read(card)
            readings[card.id] = reading
            self._known[card.id] = silent(reading.device)
        if not self._known:
            raise UnreachableError(f"no AMD or Intel GPU with hwmon in {self._sys}/class/drm")
        return [readings.get(key) or DeviceReading(device=d) for key, d in self._known.items()]

    def set_power_limit(self, device_id: str, watts: float) -> None:
        """Set an AMD card's limit in W, which takes root."""
        for card in self._cards():
            if card.id == device_id:
                break
        else:
            raise UnreachableError("the GPU does not answer")
        if card.vendor is not Vendor.AMD:
            raise ConflictError("the power limit of such a GPU cannot be set")
        try:
            (card.hwmon / "power1_cap").write_text(str(round(watts / MICRO)))
        except OSError as err:
            if err.errno in {errno.EACCES, errno.EPERM, errno.EINVAL, errno.EOPNOTSUPP}:
                raise ConflictError(f"the power limit cannot be set: {err.strerror}") from err
            raise UnreachableError(f"the power limit could not be set: {err.strerror}") from err

    def close(self) -> None:
        """Nothing is held."""

    def knows(self, device_id: str) -> bool:
        """Return whether a device is, or was, one of this reader's."""
        return device_id in self._known or any(card.id == device_id for card in self._cards())

    def nvidia_count(self) -> int:
        """Return how many NVIDIA GPUs are on the PCI bus, whatever drives them."""
        count = 0
        for device in folders(self._sys / "bus/pci/devices", r".*"):
            try:
                is_gpu = number(device / "class") >> 16 == _DISPLAY
                count += is_gpu and number(device / "vendor") == _NVIDIA
            except UnreachableError:
                continue
        return count

    def _cards(self) -> Iterator[_Card]:
        seen = set()
        for card in folders(self._sys / "class/drm", r"card\d+"):
            device = card / "device"
            for name, hwmon in hwmons(device / "hwmon"):
                vendor = _VENDORS.get(name)
                if vendor is not None and (key := _id(device)) not in seen:
                    seen.add(key)
                    yield _Card(id=key, vendor=vendor, device=device, hwmon=hwmon)

    def _read(self, card: _Card) -> DeviceReading:
        values = _Values(card)
        known = self._known.get(card.id)
        device = known or Device(
            id=card.id, vendor=card.vendor, name=_name(card), index=len(self._known)
        )
        if _asleep(card):  # to wake it would cost more heat than there is to measure
            self._derived.pop(card.id, None)  # else it would wake with the mean of its sleep
            asleep = UnreachableError("it is asleep, and reading would wake it")
            return DeviceReading(device=device, failures={"power_w": asleep})
        if card.vendor is Vendor.AMD:
            return _amd(device, values)
        package_alone = values.has("energy2_input") and not values.has("energy1_input")
        counter = "energy2_input" if package_alone else "energy1_input"
        counter_j = values.first("counter_j", (counter,), MICRO)
        device = _intel(device, values)
        if counter_j is None:
            values.failures["power_w"] = values.failures["counter_j"]
        else:
            derived = self._derived.get(card.id, DerivedPower()).advance(
                at_s=self._monotonic(), counter_j=counter_j, max_power_w=DEVICE_LIMITS.max_power_w
            )
            self._derived[card.id] = derived
            device = replace(device, power_w=derived.power_w)
            if derived.power_w is None:
                values.failures["power_w"] = UnreachableError("its counter has not moved twice yet")
        return DeviceReading(device=device, counter_j=counter_j, failures=values.failures)


class _Values:
    """The values of one card, and why some of them cannot be had."""

    def __init__(self, card: _Card) -> None:
        self._card = card
        self.failures: dict[str, Exception] = {}

    def first(self, name: str, files: tuple[str, ...], unit: float) -> float | None:
        """Return the first of some hwmon files that can be read, in SI units."""
        for file in files:
            try:
                value = number(self._card.hwmon / file) * unit
            except UnreachableError as err:
                if name not in self.failures or not isinstance(err.__cause__, FileNotFoundError):
                    self.failures[name] = err
            else:
                self.failures.pop(name, None)
                return value
        return None

    def has(self, file: str) -> bool:
        """Return whether there is a hwmon file."""
        return (self._card.hwmon / file).exists()

    def of_device(self, name: str, file: str) -> int | None:
        """Return what one of the device's own files says."""
        try:
            return number(self._card.device / file)
        except UnreachableError as err:
            self.failures[name] = err
            return None

    def power_w(self, name: str, *files: str) -> float | None:
        """Return a power in W; one that no GPU draws is none."""
        power_w = self.first(name, files, MICRO)
        if power_w is None or 0 <= power_w <= DEVICE_LIMITS.max_power_w:
            return power_w
        self.failures[name] = UnreachableError(f"{power_w:g} W cannot be")
        return None

    def labels(self) -> Mapping[str, str]:
        """Return the temperature files by their label."""
        found = {}
        for path in folders(self._card.hwmon, r"temp\d+_label"):
            try:
                found[text(path)] = path.name.replace("_label", "_input")
            except UnreachableError:
                continue
        return found


def _amd(device: Device, values: _Values) -> DeviceReading:
    """Read an amdgpu card. The core's temperature is that of the edge, else the hottest spot's.

    Where graphics and processor share a chip, the power is that of both; such a chip alone has
    a second voltage, "vddnb".
    """
    labels = values.labels()
    core = labels.get("edge") or labels.get("junction") or "temp1_input"
    memory = labels.get("mem", "temp3_input")
    busy = values.of_device("utilization", "gpu_busy_percent")
    device = replace(
        device,
        power_w=values.power_w("power_w", "power1_average", "power1_input"),
        temperature_c=values.first("temperature_c", (core,), MILLI),
        memory_temperature_c=values.first("memory_temperature_c", (memory,), MILLI) or None,
        utilization=None if busy is None else busy / 100,
        memory_used_bytes=values.of_device("memory_used_bytes", "mem_info_vram_used"),
        memory_total_bytes=values.of_device("memory_total_bytes", "mem_info_vram_total"),
        power_limit_w=values.power_w("power_limit_w", "power1_cap"),
        power_limit_min_w=values.power_w("power_limit_min_w", "power1_cap_min"),
        power_limit_max_w=values.power_w("power_limit_max_w", "power1_cap_max"),
    )
    no_counter = UnreachableError("amdgpu has no energy counter")
    failures = {**values.failures, "counter_j": no_counter}
    return DeviceReading(device=device, in_package=values.has("in1_input"), failures=failures)


def _intel(device: Device, values: _Values) -> Device:
    """Read an i915 or xe card but for its power, which only its counter tells.

    Of xe's two channels the first is the card, the second the package, which is part of it and
    stands in where there is no first. A limit of 0 is none.
    """
    labels = values.labels()
    memory = labels.get("vram", "temp3_input")
    core = (labels["pkg"],) if "pkg" in labels else ("temp2_input", "temp1_input")
    return replace(
        device,
        temperature_c=values.first("temperature_c", core, MILLI),
        memory_temperature_c=values.first("memory_temperature_c", (memory,), MILLI) or None,
        power_limit_w=values.power_w("power_limit_w", "power1_max", "power2_max") or None,
        power_limit_max_w=values.power_w(
            "power_limit_max_w", "power1_rated_max", "power2_rated_max"
        )
        or None,
    )


def _id(device: Path) -> str:
    """Return the card's own number, which AMD's better ones have, else its place on the bus."""
    try:
        unique = text(device / "unique_id")
    except UnreachableError:
        unique = ""
    if unique.strip("0x"):
        return f"amd-{unique.removeprefix('0x')}"
    return f"pci-{os.path.basename(os.path.realpath(device))}"


def _name(card: _Card) -> str:
    try:
        if name := text(card.device / "product_name"):
            return name
    except UnreachableError:
        pass
    maker = _NAMES[card.vendor]
    try:
        vendor, device = (number(card.device / file) for file in ("vendor", "device"))
    except UnreachableError:
        return f"{maker} GPU"
    return f"{maker} GPU {vendor:04x}:{device:04x}"


def _asleep(card: _Card) -> bool:
    try:
        return text(card.device / "power/runtime_status") == "suspended"
    except UnreachableError:
        return False
