"""What the command `check` says of a machine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gpu_heat_agent import check as check_module, ipmi
from gpu_heat_agent.check import check
from gpu_heat_agent.errors import UnreachableError
from gpu_heat_agent.models import Device, Vendor
from gpu_heat_agent.nvml import NvmlReader
from gpu_heat_agent.readers import NAMELESS, DeviceReader, DeviceReading
from gpu_heat_agent.sysfs_gpus import SysfsGpuReader

from .nvml_state import NvmlState
from .sys_tree import I915_HWMON, INTEL_DEVICE, SysTree, write


class Time:
    """Seconds that pass when they are slept; something may happen meanwhile."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.meanwhile: Callable[[float], object] = lambda _: None

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        self.meanwhile(self.now_s)


class GoneReader:
    """Hardware that answers once."""

    def __init__(self, *readings: DeviceReading) -> None:
        self._readings = readings
        self.closed = self._asked = False

    def read(self) -> list[DeviceReading]:
        if self._asked or not self._readings:
            raise UnreachableError("no driver")
        self._asked = True
        return list(self._readings)

    def set_power_limit(self, device_id: str, watts: float) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def passing() -> Time:
    return Time()


@pytest.fixture
def tree(tmp_path: Path) -> SysTree:
    return SysTree(tmp_path / "sys")


@pytest.fixture
def said(
    tree: SysTree, passing: Time, monkeypatch: pytest.MonkeyPatch
) -> Callable[[DeviceReader], tuple[int, str]]:
    """Check a reader; return the status and what was written."""

    def no_bmc() -> float:
        raise UnreachableError("ipmitool is not installed")

    def run(reader: DeviceReader) -> tuple[int, str]:
        parts: list[str] = []
        status = check(reader, parts.append, sleep=passing.sleep, monotonic=passing, sys=tree.root)
        return status, "".join(parts)

    monkeypatch.setattr(ipmi, "read_w", no_bmc)
    return run


Said = Callable[[DeviceReader], tuple[int, str]]


def test_each_device_tells_its_values_or_why_not(said: Said, nvml: NvmlState) -> None:
    nvml.set(gpu0_temperature_v="E4", gpu0_temperature="E4")
    status, out = said(NvmlReader())
    assert status == 0
    first, second = out[out.index("0: ") :].split("1: ")
    assert first.splitlines()[:3] == [
        "0: NVIDIA H100 80GB HBM3 (GPU-a)",
        "  power_w               691.5",
        "  temperature_c         not supported (Insufficient Permissions)",
    ]
    assert "  throttle_reasons      sw_power_cap, hw_thermal_slowdown\n" in first
    assert "  energy                counter, 5000 J\n" in first
    assert second.startswith("NVIDIA GeForce GTX 1080 (GPU-b)\n")
    assert "  memory_temperature_c  not supported\n" in second  # it says 0, and not why
    assert "  memory_total_bytes    not supported (Not Supported)\n" in second
    assert "  power_limit_max_w     not supported (Not Supported)\n" in second
    assert "  energy                summed from power (no counter: Not Supported)\n" in second


def test_three_seconds_show_both_ways_to_tell_the_energy(
    said: Said, nvml: NvmlState, passing: Time
) -> None:
    def meanwhile(now_s: float) -> None:
        nvml.set(gpu0_energy=5_000_000 + round(now_s * 640_000))
        nvml.set(gpu0_power=700_000 if now_s > 1.5 else 600_000)

    nvml.set(gpu0_power=600_000)
    passing.meanwhile = meanwhile
    _, out = said(NvmlReader())
    # 7 readings of 600 W and 6 of 700 W; 1.5 s, 0.25 s and 1.25 s of 600, 650 and 700 W.
    expected = (
        "  over 3 s              power 600.0 to 700.0 W, mean 646.2 W; "
        "energy 1920 J by the counter, 1938 J summed from power\n"
    )
    assert expected in out


def test_power_of_a_counter_alone_is_found_within_the_three_seconds(
    said: Said, tree: SysTree, passing: Time
) -> None:
    hwmon = tree.card(0, "0000:0b:00.0", INTEL_DEVICE, I915_HWMON)
    passing.meanwhile = lambda now_s: write(hwmon, {"energy1_input": f"{5e6 + now_s * 120e6:.0f}"})
    status, out = said(SysfsGpuReader(tree.root, passing))
    assert status == 0
    assert "  power_w               120\n" in out
    assert "  temperature_c         not supported (this kernel has no file temp2_input)\n" in out
    assert "energy 360 J by the counter, 270 J summed from power\n" in out  # of the last 2.25 s


def test_machine_has_a_line_for_each_way(
    said: Said, tree: SysTree, passing: Time, nvml: NvmlState, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out = said(NvmlReader())
    assert out.endswith(
        "The whole machine, by [host] power =\n"
        "  ipmi                  not available (ipmitool is not installed)\n"
        "  meter                 not available (there is no ACPI power meter)\n"
        "  rapl                  not available (there are no RAPL counters)\n"
    )
    monkeypatch.setattr(ipmi, "read_w", lambda: 1184.0)
    meter = {"name": "power_meter", "power1_average": "412000000"}
    write(tree.root / "class/hwmon/hwmon3", meter)
    package = tree.root / "class/powercap/intel-rapl:0"
    write(package, {"name": "package-0", "energy_uj": "0"})
    passing.meanwhile = lambda now_s: write(package, {"energy_uj": f"{now_s * 95e6:.0f}"})
    _, out = said(NvmlReader())
    assert out.endswith(
        "  ipmi                  1184 W\n"
        "  meter                 412 W\n"
        "  rapl                  95 W of processors and memory\n"
    )


def test_machine_whose_power_nobody_tells_fails(said: Said, nvml: NvmlState) -> None:
    nvml.set(gpu0_power="E3", gpu1_power="E3", gpu1_temperature="E3")
    nvml.set(gpu1_throttle_reasons="E3")
    status, out = said(NvmlReader())
    assert status == 1
    assert out.endswith("\nNo device tells its power\n")
    assert "  power_w               not supported (Not Supported)\n" in out
    assert "  throttle_reasons      not supported (Not Supported)\n" in out
    assert "  over 3 s              nothing\n" in out


def test_machine_without_a_device_fails_and_tells_of_the_machine(said: Said) -> None:
    reader = GoneReader()
    status, out = said(reader)
    assert (status, reader.closed) == (1, True)
    assert out.startswith("No device: no driver\n\nThe whole machine")


def test_device_that_goes_meanwhile_leaves_what_it_had_told(said: Said) -> None:
    named = Device(id="GPU-a", vendor=Vendor.OTHER, name="Card", index=0, power_w=100)
    nameless = Device(id=NAMELESS, vendor=Vendor.OTHER, name="Card", index=1)
    status, out = said(GoneReader(DeviceReading(device=named), DeviceReading(device=nameless)))
    assert status == 0
    assert "0: Card (GPU-a)\n  power_w               100\n" in out
    assert "1: Card does not say who it is\n" in out
    assert "No device: no driver\n" in out


def test_the_seconds_are_three() -> None:
    assert check_module.LENGTH_S == 3
