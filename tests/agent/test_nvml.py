"""NVML through the real nvidia-ml-py."""

from collections.abc import Generator
import json
import logging
import os
from pathlib import Path
import subprocess
import sys

import pynvml
import pytest

from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.models import Device, Vendor
from gpu_heat_agent.nvml import RENEW_S, NvmlReader
from gpu_heat_agent.nvml_library import unload
from gpu_heat_agent.readers import NAMELESS

from .nvml_state import NvmlState

LOST, DRIVER_NOT_LOADED, NO_PERMISSION, UNKNOWN = "E15", "E9", "E4", "E999"
FUNCTION_NOT_FOUND = "E13"


class Clock:
    """A monotonic clock that the test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(nvml: NvmlState, clock: Clock) -> Generator[NvmlReader]:
    reader = NvmlReader(clock)
    yield reader
    reader.close()


def test_all_that_a_data_centre_card_tells_is_read(reader: NvmlReader) -> None:
    first = reader.read()[0]
    assert first.counter_j == 5000
    assert first.device == Device(
        id="GPU-a",
        vendor=Vendor.NVIDIA,
        name="NVIDIA H100 80GB HBM3",
        index=0,
        power_w=691.5,
        temperature_c=61,
        memory_temperature_c=78,
        utilization=0.97,
        memory_used_bytes=42949672960,
        memory_total_bytes=85899345920,
        power_limit_w=700,
        power_limit_min_w=200,
        power_limit_max_w=700,
        throttle_reasons=("sw_power_cap", "hw_thermal_slowdown"),
    )


def test_lesser_card_has_nulls_for_what_it_lacks_and_nothing_else(reader: NvmlReader) -> None:
    second = reader.read()[1]
    assert second.counter_j is None
    assert second.device == Device(
        id="GPU-b",
        vendor=Vendor.NVIDIA,
        name="NVIDIA GeForce GTX 1080",
        index=1,
        power_w=180,
        temperature_c=70,
    )


def test_power_is_taken_from_the_instant_field_where_the_call_is_not_supported(
    reader: NvmlReader, nvml: NvmlState
) -> None:
    nvml.set(gpu0_power="E3", gpu0_field186=345678)
    assert reader.read()[0].device.power_w == pytest.approx(345.678)


def test_power_of_the_whole_module_stands_in_where_there_is_no_other(
    reader: NvmlReader, nvml: NvmlState
) -> None:
    nvml.set(gpu0_power="E3", gpu0_field186_scope1=512000)
    reading = reader.read()[0]
    assert reading.device.power_w == pytest.approx(512)
    assert "power_w" not in reading.failures
    nvml.set(gpu0_field186=345678)
    assert reader.read()[0].device.power_w == pytest.approx(345.678)


@pytest.mark.parametrize(
    "failing",
    [
        {"gpu0_power": UNKNOWN, "gpu0_field186": "E3"},
        {"gpu0_power": "E3", "gpu0_field186": UNKNOWN},
    ],
)
def test_power_that_fails_once_is_not_that_of_the_module(
    reader: NvmlReader, nvml: NvmlState, failing: dict[str, str]
) -> None:
    nvml.set(**failing, gpu0_field186_scope1=1012000)  # of GPU and processor
    assert reader.read()[0].device.power_w is None


def test_what_each_value_met_is_kept_with_the_reading(reader: NvmlReader, nvml: NvmlState) -> None:
    nvml.set(gpu0_power=NO_PERMISSION, gpu0_field186=NO_PERMISSION)
    first, second = reader.read()
    assert {name: str(err) for name, err in first.failures.items()} == {
        "power_w": "Insufficient Permissions"
    }
    assert set(second.failures) == {
        *("counter_j", "memory_used_bytes", "utilization", "power_limit_w", "power_limit_min_w"),
    }


def test_card_that_tells_nothing_but_who_it_is_has_a_row(
    reader: NvmlReader, nvml: NvmlState
) -> None:
    nvml.set(gpu1_power="E3", gpu1_temperature="E3", gpu1_throttle_reasons="E3")
    assert reader.read()[1].device == Device(
        id="GPU-b", vendor=Vendor.NVIDIA, name="NVIDIA GeForce GTX 1080", index=1
    )


def test_unknown_error_of_one_value_costs_only_that_value(
    reader: NvmlReader, nvml: NvmlState
) -> None:
    nvml.set(gpu0_power=UNKNOWN, gpu0_utilization=UNKNOWN)
    device = reader.read()[0].device
    assert (device.power_w, device.utilization, device.temperature_c) == (None, None, 61)


def test_lost_gpu_keeps_its_row_and_the_other_its_readings(
    reader: NvmlReader, nvml: NvmlState
) -> None:
    reader.read()
    nvml.set(gpu0_uuid=LOST)
    lost, other = reader.read()
    assert lost.device == Device(
        id="GPU-a", vendor=Vendor.NVIDIA, name="NVIDIA H100 80GB HBM3", index=0
    )
    assert lost.counter_j is None
    assert other.device.power_w == 180


def test_gpu_that_is_back_is_read_again(reader: NvmlReader, nvml: NvmlState, clock: Clock) -> None:
    reader.read()
    nvml.set(gpu0_uuid=LOST)
    reader.read()
    nvml.set(gpu0_uuid="GPU-a")
    clock.now_s = RENEW_S
    assert [reading.device.power_w for reading in reader.read()] == [691.5, 180]


def test_gpu_lost_before_it_was_seen_has_a_nameless_row_until_it_is_back(
    reader: NvmlReader, nvml: NvmlState, clock: Clock
) -> None:
    nvml.set(gpu0_uuid=LOST)
    lost, other = reader.read()
    assert lost.device == Device(id=NAMELESS, vendor=Vendor.NVIDIA, name="NVIDIA GPU", index=0)
    assert other.device.id == "GPU-b"
    nvml.set(gpu0_uuid="GPU-a")
    assert [reading.device.power_w for reading in reader.read()] == [691.5, 180]


def test_nvml_is_started_anew_ever_less_often_for_a_lost_gpu(
    reader: NvmlReader, nvml: NvmlState, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    nvml.set(gpu0_uuid=LOST)
    started = []
    for clock.now_s in range(500):
        caplog.clear()
        reader.read()
        if "NVML initialised" in caplog.text:
            started.append(clock.now_s)
    assert started == [0, 1, 61, 181, 421]  # after losses told at 0, 60, 60+120, 180+240


def test_gpu_that_is_not_for_us_has_no_row(reader: NvmlReader, nvml: NvmlState) -> None:
    nvml.set(gpu0_uuid=NO_PERMISSION)
    assert [reading.device.id for reading in reader.read()] == ["GPU-b"]


def test_driver_that_is_not_there_is_asked_again_after_a_while(
    reader: NvmlReader, nvml: NvmlState, clock: Clock
) -> None:
    nvml.set(init=DRIVER_NOT_LOADED)
    for _ in range(2):
        with pytest.raises(UnreachableError, match="Driver Not Loaded"):
            reader.read()
    nvml.set(init="0")
    with pytest.raises(UnreachableError):
        reader.read()
    clock.now_s = 1.0
    assert len(reader.read()) == 2


def test_driver_that_goes_leaves_rows_without_readings_and_comes_back(
    reader: NvmlReader, nvml: NvmlState, clock: Clock
) -> None:
    reader.read()
    nvml.set(gpus=DRIVER_NOT_LOADED)
    assert [reading.device.power_w for reading in reader.read()] == [None, None]
    nvml.set(gpus="2")
    clock.now_s = 1.0
    assert [reading.device.power_w for reading in reader.read()] == [691.5, 180]


def test_driver_that_goes_in_the_middle_of_a_reading_is_noticed(
    reader: NvmlReader, nvml: NvmlState
) -> None:
    reader.read()
    nvml.set(gpu1_power=DRIVER_NOT_LOADED)
    assert [reading.device.power_w for reading in reader.read()] == [None, None]


def test_power_limit_is_set_in_milliwatts(reader: NvmlReader, nvml: NvmlState) -> None:
    reader.set_power_limit("GPU-a", 450.5)
    assert "0.limit=450500" in nvml.path.read_text()
    assert reader.read()[0].device.power_limit_w == 450.5


@pytest.mark.parametrize("error", [NO_PERMISSION, "E3"])
def test_power_limit_that_may_not_be_set_is_a_conflict(
    reader: NvmlReader, nvml: NvmlState, error: str
) -> None:
    nvml.set(gpu0_set_limit=error)
    with pytest.raises(ConflictError):
        reader.set_power_limit("GPU-a", 450)


def test_power_limit_of_what_does_not_answer_is_unreachable(
    reader: NvmlReader, nvml: NvmlState
) -> None:
    nvml.set(gpu0_set_limit=UNKNOWN)
    with pytest.raises(UnreachableError):
        reader.set_power_limit("GPU-a", 450)
    with pytest.raises(UnreachableError):
        reader.set_power_limit("GPU-z", 450)
    reader.close()
    nvml.set(init=DRIVER_NOT_LOADED)
    with pytest.raises(UnreachableError):
        reader.set_power_limit("GPU-a", 450)


def test_power_limit_is_not_set_while_the_driver_goes(reader: NvmlReader, nvml: NvmlState) -> None:
    nvml.set(gpu0_uuid=UNKNOWN)
    with pytest.raises(UnreachableError, match="does not answer"):
        reader.set_power_limit("GPU-a", 450)
    nvml.set(gpu0_uuid=DRIVER_NOT_LOADED)
    with pytest.raises(UnreachableError, match="Driver Not Loaded"):
        reader.set_power_limit("GPU-a", 450)


UPGRADED = """
import json, os, sys
from gpu_heat_agent.nvml import NvmlReader

now_s = 0.0
reader = NvmlReader(lambda: now_s)
for line in sys.stdin:
    now_s = float(line)
    print(json.dumps([r.device.power_w for r in reader.read()]), flush=True)
"""


def test_driver_that_is_upgraded_under_the_agent_is_read_again(tmp_path: Path) -> None:
    library, state = tmp_path / "libnvidia-ml.so.1", NvmlState(tmp_path / "nvml.txt")
    _build(library, driver=1)
    state.set(driver=1)
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(tmp_path),
        "FAKE_NVML_STATE": str(state.path),
    }
    with subprocess.Popen(
        [sys.executable, "-c", UPGRADED],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as agent:

        def powers_w(at_s: float) -> object:
            assert agent.stdin is not None
            assert agent.stdout is not None
            agent.stdin.write(f"{at_s}\n")
            agent.stdin.flush()
            return json.loads(agent.stdout.readline())

        assert powers_w(0) == [691.5, 180]
        state.set(driver=2)  # the kernel has the new driver, the library is still the old one
        assert powers_w(1) == [None, None]
        assert powers_w(2) == [None, None]
        _build(library, driver=2)
        assert powers_w(3) == [None, None]  # not asked again before its time
        assert powers_w(4) == [691.5, 180]
        state.set(gpu0_power=500000)
        assert powers_w(5) == [500, 180]
        agent.kill()


def _build(library: Path, *, driver: int) -> None:
    """Put a library for a driver in the place of what is there, as a package manager does."""
    made = library.with_suffix(".new")
    options = ["-std=gnu11", "-shared", "-fPIC", "-fvisibility=hidden", f"-DDRIVER={driver}"]
    source = str(Path(__file__).with_name("fakenvml.c"))
    command = ["gcc", *options, f"-Wl,-soname,{library.name}", "-o", str(made), source]
    subprocess.run(command, check=True)
    made.replace(library)


def test_library_that_something_else_keeps_loaded_is_said_once(
    reader: NvmlReader, nvml: NvmlState, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    reader.read()
    nvml.set(driver=2)
    for clock.now_s in range(30):
        assert [reading.device.power_w for reading in reader.read()] == [None, None]
    assert caplog.text.count("restart the agent") == 1
    nvml.set(driver=1)
    clock.now_s = 200
    assert [reading.device.power_w for reading in reader.read()] == [691.5, 180]


def test_library_without_a_function_is_loaded_anew_too(
    reader: NvmlReader, nvml: NvmlState, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    nvml.set(init=FUNCTION_NOT_FOUND)
    with pytest.raises(UnreachableError):
        reader.read()
    assert "NVML unloaded" in caplog.text


@pytest.mark.parametrize("private", ["nvmlLib", "_nvmlGetFunctionPointer_cache"])
def test_other_nvidia_ml_py_is_left_as_it_is(
    reader: NvmlReader, nvml: NvmlState, monkeypatch: pytest.MonkeyPatch, private: str
) -> None:
    reader.read()
    with monkeypatch.context() as other:
        other.delattr(pynvml, private)
        assert not unload(pynvml)
    assert reader.read()[0].device.power_w == 691.5


@pytest.mark.usefixtures("nvml")
def test_system_that_cannot_unload_leaves_the_library(
    reader: NvmlReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.read()
    reader.close()
    monkeypatch.setitem(sys.modules, "_ctypes", None)
    assert not unload(pynvml)


@pytest.mark.usefixtures("nvml")
def test_library_that_does_not_go_is_no_failure(
    reader: NvmlReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError("shared object not open")

    reader.read()
    reader.close()
    monkeypatch.setattr("_ctypes.dlclose", refuse)
    assert not unload(pynvml)
    assert reader.read()[0].device.power_w == 691.5
