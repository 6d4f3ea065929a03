"""AMD and Intel GPUs over trees of the kernel's files, alone and beside NVIDIA's."""

from pathlib import Path

import pytest

from gpu_heat_agent.combined import CombinedReader
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.hardware import make_reader
from gpu_heat_agent.models import Device, Vendor
from gpu_heat_agent.nvml import NvmlReader
from gpu_heat_agent.readers import NAMELESS, DeviceReading
from gpu_heat_agent.sysfs_gpus import SysfsGpuReader

from .nvml_state import NvmlState
from .sys_tree import AMD_DEVICE, AMD_HWMON, I915_HWMON, INTEL_DEVICE, SysTree, write

RX, ARC = "0000:03:00.0", "0000:0b:00.0"


class Clock:
    """A monotonic clock that the test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tree(tmp_path: Path) -> SysTree:
    return SysTree(tmp_path / "sys")


@pytest.fixture
def reader(tree: SysTree, clock: Clock) -> SysfsGpuReader:
    return SysfsGpuReader(tree.root, clock)


def without(files: dict[str, str], *names: str) -> dict[str, str]:
    return {key: line for key, line in files.items() if not key.startswith(names)}


def failures(reading: DeviceReading) -> dict[str, str]:
    return {name: str(err) for name, err in reading.failures.items()}


def test_all_that_an_amd_card_tells_is_read(tree: SysTree, reader: SysfsGpuReader) -> None:
    tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    [reading] = reader.read()
    assert reading.counter_j is None
    assert not reading.in_package
    assert failures(reading) == {"counter_j": "amdgpu has no energy counter"}
    assert reading.device == Device(
        id="amd-5c88007e7ad9b8a1",
        vendor=Vendor.AMD,
        name="AMD GPU 1002:744c",
        index=0,
        power_w=213,
        temperature_c=58,
        memory_temperature_c=84,
        utilization=0.97,
        memory_used_bytes=12884901888,
        memory_total_bytes=25753026560,
        power_limit_w=303,
        power_limit_min_w=0,
        power_limit_max_w=348,
    )


def test_amd_card_that_tells_instant_power_alone_is_read(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    hwmon = without(AMD_HWMON, "power1_average") | {"power1_input": "41000000"}
    tree.card(0, RX, AMD_DEVICE, hwmon)
    assert reader.read()[0].device.power_w == 41


def test_amd_card_without_an_edge_tells_its_hottest_spot(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    tree.card(0, RX, AMD_DEVICE, without(AMD_HWMON, "temp1"))
    assert reader.read()[0].device.temperature_c == 79


def test_old_amd_driver_without_labels_tells_its_first_temperature(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    tree.card(0, RX, AMD_DEVICE, {"name": "amdgpu", "temp1_input": "41000", "temp3_input": "0"})
    device = reader.read()[0].device
    assert (device.temperature_c, device.memory_temperature_c) == (41, None)


def test_each_value_stands_alone_and_says_what_it_met(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    hwmon = tree.card(0, RX, without(AMD_DEVICE, "gpu_busy"), AMD_HWMON)
    (hwmon / "power1_average").write_text("broken\n")
    (hwmon / "temp1_input").unlink()
    (hwmon / "temp1_input").mkdir()
    (hwmon / "power1_cap").write_text("99000000000000\n")
    [reading] = reader.read()
    device = reading.device
    assert (device.power_w, device.utilization, device.temperature_c) == (None, None, None)
    assert (device.memory_temperature_c, device.memory_used_bytes) == (84, 12884901888)
    assert failures(reading) == {
        "counter_j": "amdgpu has no energy counter",
        "power_w": "power1_average holds no number: 'broken'",
        "utilization": "this kernel has no file gpu_busy_percent",
        "temperature_c": "temp1_input: Is a directory",
        "power_limit_w": "9.9e+07 W cannot be",
    }


def test_processor_with_graphics_keeps_its_zero_watts(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    hwmon = {"name": "amdgpu", "power1_input": "0", "in1_label": "vddnb", "in1_input": "749"}
    tree.card(0, "0000:c1:00.0", {"vendor": "0x1002", "device": "0x150e"}, hwmon)
    [reading] = reader.read()
    assert reading.in_package
    assert (reading.device.id, reading.device.name) == ("pci-0000:c1:00.0", "AMD GPU 1002:150e")
    assert reading.device.power_w == 0


def test_card_has_the_name_that_its_maker_wrote_into_it(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    named = AMD_DEVICE | {"product_name": "AMD Instinct MI210", "unique_id": "0" * 16}
    tree.card(0, RX, named, AMD_HWMON)
    tree.card(1, ARC, {"product_name": ""}, {"name": "xe"})
    assert [(r.device.id, r.device.name) for r in reader.read()] == [
        (f"pci-{RX}", "AMD Instinct MI210"),
        (f"pci-{ARC}", "Intel GPU"),
    ]


def test_power_of_an_intel_card_is_what_its_counter_gains(
    tree: SysTree, reader: SysfsGpuReader, clock: Clock
) -> None:
    hwmon = tree.card(0, ARC, INTEL_DEVICE, I915_HWMON)
    powers_w: list[float | None] = []
    for clock.now_s, counter_uj in ((0, 5_000_000), (10, 905_000_000), (20, 2_405_000_000)):
        (hwmon / "energy1_input").write_text(f"{counter_uj}\n")
        [reading] = reader.read()
        powers_w.append(reading.device.power_w)
    assert powers_w == [None, None, 150]  # 1500 J in 10 s
    assert reading.counter_j == 2405
    assert reading.failures.keys() == {"temperature_c", "memory_temperature_c"}
    assert reading.device == Device(
        id=f"pci-{ARC}",
        vendor=Vendor.INTEL,
        name="Intel GPU 8086:56a0",
        index=0,
        power_w=150,
        power_limit_w=190,
        power_limit_max_w=190,
    )


def test_counter_that_wraps_at_32_bits_is_power_again_after_two_changes(
    tree: SysTree, reader: SysfsGpuReader, clock: Clock
) -> None:
    hwmon = tree.card(0, ARC, INTEL_DEVICE, I915_HWMON)
    powers_w: list[float | None] = []
    counters_uj = (
        3_000_000_000,
        4_000_000_000,
        2**32 - 967_296,
        32_704,
        1_000_032_704,
        2e9 + 32_704,
    )
    for step, counter_uj in enumerate(counters_uj):
        clock.now_s = 10.0 * step
        (hwmon / "energy1_input").write_text(f"{counter_uj:.0f}\n")
        powers_w.append(reader.read()[0].device.power_w)
    assert powers_w == [None, None, pytest.approx(29.4), None, None, 100]


def test_tiles_are_part_of_their_card(tree: SysTree, reader: SysfsGpuReader) -> None:
    tile = {"name": "i915_gt0", "energy1_input": "3000000"}
    tree.card(0, ARC, INTEL_DEVICE, tile, I915_HWMON, tile | {"name": "i915_gt1"})
    [reading] = reader.read()
    assert reading.counter_j == 5


def test_card_stands_before_package_and_the_package_for_a_card_without(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    package = {"name": "xe", "energy2_input": "7000000", "power2_max": "0"}
    more = {
        "energy1_input": "9000000",
        "power1_max": "150000000",
        "temp2_label": "pkg",
        "temp2_input": "51000",
        "temp3_label": "vram",
        "temp3_input": "62000",
    }
    tree.card(0, RX, INTEL_DEVICE, package)
    tree.card(1, ARC, INTEL_DEVICE, package | more)
    first, second = reader.read()
    assert (first.counter_j, first.device.power_limit_w) == (7, None)
    assert (second.counter_j, second.device.power_limit_w) == (9, 150)
    assert (second.device.temperature_c, second.device.memory_temperature_c) == (51, 62)


def test_counter_that_fails_once_is_not_replaced_by_one_of_a_part(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    both = {"name": "xe", "energy1_input": "150000000000", "energy2_input": "100000000000"}
    hwmon = tree.card(0, ARC, INTEL_DEVICE, both)
    assert reader.read()[0].counter_j == 150_000
    (hwmon / "energy1_input").write_text("\n")
    [reading] = reader.read()
    assert (reading.counter_j, reading.device.power_w) == (None, None)
    assert failures(reading)["power_w"] == "energy1_input holds no number: ''"


def test_power_is_not_that_of_an_instant(
    tree: SysTree, reader: SysfsGpuReader, clock: Clock
) -> None:
    hwmon = tree.card(0, ARC, INTEL_DEVICE, I915_HWMON)
    powers_w: list[float | None] = []
    for clock.now_s, counter_j in ((0, 0), (1, 100), (2, 200), (2.0001, 200.2), (3, 300)):
        (hwmon / "energy1_input").write_text(f"{counter_j * 1e6:.0f}\n")
        [reading] = reader.read()
        powers_w.append(reading.device.power_w)
        assert reading.counter_j == pytest.approx(counter_j)
        assert "power_w" not in reading.failures or reading.device.power_w is None
    assert powers_w == [None, None, 100, 100, 100]  # not 2,000 W in the fourth


def test_card_that_wakes_has_not_the_mean_power_of_its_sleep(
    tree: SysTree, reader: SysfsGpuReader, clock: Clock
) -> None:
    hwmon = tree.card(0, ARC, INTEL_DEVICE | {"power/runtime_status": "active"}, I915_HWMON)
    status = tree.root / "class/drm/card0/device/power/runtime_status"
    powers_w: list[float | None] = []
    for clock.now_s, counter_j, state in (
        (0, 0, "active"),
        (10, 900, "active"),
        (20, 1800, "active"),
        (30, 1800, "suspended"),
        (3630, 1900, "active"),
        (3640, 2800, "active"),
        (3650, 3700, "active"),
    ):
        (hwmon / "energy1_input").write_text(f"{counter_j * 1_000_000}\n")
        status.write_text(f"{state}\n")
        powers_w.append(reader.read()[0].device.power_w)
    assert powers_w == [None, None, 90, None, None, None, 90]  # not 0.03 W in the fifth


def test_intel_card_without_a_counter_has_no_power(tree: SysTree, reader: SysfsGpuReader) -> None:
    tree.card(0, ARC, INTEL_DEVICE, {"name": "xe"})
    [reading] = reader.read()
    assert (reading.device.power_w, reading.counter_j) == (None, None)
    assert failures(reading)["power_w"] == "this kernel has no file energy1_input"


def test_sleeping_card_is_not_woken(tree: SysTree, reader: SysfsGpuReader) -> None:
    tree.card(0, RX, AMD_DEVICE | {"power/runtime_status": "suspended"}, AMD_HWMON)
    [reading] = reader.read()
    assert (reading.device.power_w, reading.device.temperature_c) == (None, None)
    assert "asleep" in failures(reading)["power_w"]


def test_lost_card_keeps_its_row_and_the_other_its_readings_and_index(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    tree.card(0, ARC, INTEL_DEVICE, I915_HWMON)
    tree.card(1, RX, AMD_DEVICE, AMD_HWMON)
    reader.read()
    tree.remove(0)
    lost, other = reader.read()
    assert lost == DeviceReading(
        device=Device(id=f"pci-{ARC}", vendor=Vendor.INTEL, name="Intel GPU 8086:56a0", index=0)
    )
    assert (other.device.index, other.device.power_w) == (1, 213)


def test_graphics_without_hwmon_and_others_cards_have_no_row(
    tree: SysTree, reader: SysfsGpuReader
) -> None:
    tree.card(0, "0000:00:02.0", INTEL_DEVICE)
    tree.card(1, "0000:01:00.0", {"vendor": "0x10de"}, {"name": "nouveau"}, {"temp1_input": "1"})
    with pytest.raises(UnreachableError, match="no AMD or Intel GPU"):
        reader.read()


def test_amd_limit_is_written_in_microwatts(tree: SysTree, reader: SysfsGpuReader) -> None:
    hwmon = tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    reader.set_power_limit("amd-5c88007e7ad9b8a1", 250.5)
    assert (hwmon / "power1_cap").read_text() == "250500000"
    assert reader.read()[0].device.power_limit_w == 250.5


def test_limit_that_cannot_be_set(tree: SysTree, reader: SysfsGpuReader) -> None:
    hwmon = tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    tree.card(1, ARC, INTEL_DEVICE, I915_HWMON)
    with pytest.raises(ConflictError):
        reader.set_power_limit(f"pci-{ARC}", 100)
    with pytest.raises(UnreachableError, match="does not answer"):
        reader.set_power_limit("pci-nowhere", 100)
    (hwmon / "power1_cap").unlink()
    (hwmon / "power1_cap").mkdir()
    with pytest.raises(UnreachableError, match="could not be set"):
        reader.set_power_limit("amd-5c88007e7ad9b8a1", 100)


@pytest.mark.parametrize("number", [1, 13, 22, 95])
def test_limit_that_may_not_be_set_is_a_conflict(
    tree: SysTree, reader: SysfsGpuReader, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(ConflictError, match="refused"):
        reader.set_power_limit("amd-5c88007e7ad9b8a1", 100)


def test_file_that_root_alone_may_read_says_so(
    tree: SysTree, reader: SysfsGpuReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    real = Path.open

    def closed(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "power1_average":
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", closed)
    [reading] = reader.read()
    assert reading.device.power_w is None
    assert failures(reading)["power_w"] == "power1_average: permission denied: run as root"


@pytest.fixture
def both(nvml: NvmlState, reader: SysfsGpuReader, clock: Clock) -> CombinedReader:
    return CombinedReader(NvmlReader(clock), reader)


def ids(reader: CombinedReader) -> list[tuple[int, str]]:
    return [(reading.device.index, reading.device.id) for reading in reader.read()]


def test_all_gpus_have_an_index_of_their_own(tree: SysTree, both: CombinedReader) -> None:
    tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    tree.card(1, ARC, INTEL_DEVICE, I915_HWMON)
    assert ids(both) == [
        (0, "GPU-a"),
        (1, "GPU-b"),
        (2, "amd-5c88007e7ad9b8a1"),
        (3, f"pci-{ARC}"),
    ]
    both.close()


def test_nvidia_alone_is_as_it_was(both: CombinedReader) -> None:
    assert ids(both) == [(0, "GPU-a"), (1, "GPU-b")]
    both.close()


def test_machine_without_nvidia_does_not_want_nvml(
    tree: SysTree, both: CombinedReader, nvml: NvmlState
) -> None:
    nvml.set(init="E9")
    tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    assert ids(both) == [(0, "amd-5c88007e7ad9b8a1")]


def test_nvidia_gpus_that_nvml_does_not_know_are_there_without_a_name(
    tree: SysTree, both: CombinedReader, nvml: NvmlState, clock: Clock
) -> None:
    nvml.set(init="E9")
    tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    tree.pci(RX, vendor="0x1002", **{"class": "0x030000"})
    tree.pci("0000:41:00.0", vendor="0x10de", **{"class": "0x030200"})
    tree.pci("0000:41:00.1", vendor="0x10de", **{"class": "0x040300"})  # its sound
    tree.pci("0000:42:00.0", vendor="0x10de", **{"class": "0x030000"})
    tree.pci("0000:43:00.0", vendor="0x10de")
    assert ids(both) == [(0, NAMELESS), (1, NAMELESS), (2, "amd-5c88007e7ad9b8a1")]
    nvml.set(init="0")
    clock.now_s = 10
    assert ids(both) == [(0, "GPU-a"), (1, "GPU-b"), (2, "amd-5c88007e7ad9b8a1")]
    both.close()


def test_machine_with_neither_names_both(both: CombinedReader, nvml: NvmlState) -> None:
    nvml.set(init="E9")
    with pytest.raises(UnreachableError, match=r"NVML: Driver Not Loaded; no AMD or Intel GPU"):
        both.read()


def test_limit_goes_to_the_reader_that_knows_the_device(
    tree: SysTree, both: CombinedReader, nvml: NvmlState
) -> None:
    hwmon = tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    both.read()
    both.set_power_limit("amd-5c88007e7ad9b8a1", 200)
    both.set_power_limit("GPU-a", 400)
    assert (hwmon / "power1_cap").read_text() == "200000000"
    assert "0.limit=400000" in nvml.path.read_text()
    both.close()


def test_real_machine_is_read_both_ways() -> None:
    assert isinstance(make_reader(None, seed="", busy=frozenset), CombinedReader)


def test_hwmon_that_goes_while_it_is_looked_for(tree: SysTree, reader: SysfsGpuReader) -> None:
    hwmon = tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    write(hwmon.parent, {"hwmon99": "no folder"})
    (hwmon / "temp9_label").mkdir()
    assert len(reader.read()) == 1


def test_limit_is_put_back_before_the_first_reading(
    tree: SysTree, both: CombinedReader, nvml: NvmlState
) -> None:
    nvml.set(init="E9")
    hwmon = tree.card(0, RX, AMD_DEVICE, AMD_HWMON)
    both.set_power_limit("amd-5c88007e7ad9b8a1", 200)  # as an agent does that starts again
    assert (hwmon / "power1_cap").read_text() == "200000000"
