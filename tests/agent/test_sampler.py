"""What is measured, kept and served."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
import json
from pathlib import Path
import threading

import pytest

from gpu_heat_agent import sampler as sampler_module
from gpu_heat_agent.config import HostConfig, HostPower
from gpu_heat_agent.energy import EnergyMeter
from gpu_heat_agent.errors import UnreachableError
from gpu_heat_agent.metering import Metering
from gpu_heat_agent.models import Device, EnergyOrigin, HostOrigin, Vendor
from gpu_heat_agent.readers import NAMELESS, DeviceReading
from gpu_heat_agent.sampler import Sampler
from gpu_heat_agent.state_dir import StateDir, Store

from .parts import Clock

ESTIMATE = HostConfig(power=HostPower.ESTIMATE, base_load_w=200, psu_efficiency=0.9)


class ScriptedReader:
    """Hardware that tells what the test says."""

    def __init__(self) -> None:
        self.name = "GPU"
        self.id = "GPU-a"
        self.power_w: float | None = 350.0
        self.counter_j: float | None = None
        self.gone = self.closed = False
        self.reads = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def read(self) -> list[DeviceReading]:
        self.may_go_on.wait(20)
        self.reads += 1
        if self.gone:
            raise UnreachableError("no driver")
        device = Device(
            id=self.id, vendor=Vendor.NVIDIA, name=self.name, index=0, power_w=self.power_w
        )
        return [DeviceReading(device=device, counter_j=self.counter_j)]

    def loses_its_gpu(self) -> None:
        """Make the GPU one that does not even say who it is."""
        self.id, self.name, self.power_w = NAMELESS, "NVIDIA GPU", None

    def set_power_limit(self, device_id: str, watts: float) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader() -> ScriptedReader:
    return ScriptedReader()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return StateDir(tmp_path).open_store()


@pytest.fixture
async def sampler(reader: ScriptedReader, store: Store, clock: Clock) -> AsyncGenerator[Sampler]:
    sampler = Sampler(Metering(reader, store, HostConfig(), clock), clock)
    yield sampler
    reader.may_go_on.set()
    await sampler.close()


async def test_all_who_ask_within_a_second_get_one_sample(
    sampler: Sampler, reader: ScriptedReader, clock: Clock
) -> None:
    samples = await asyncio.gather(*(sampler.current() for _ in range(20)))
    assert reader.reads == 1
    assert all(sample is samples[0] for sample in samples)
    clock.passes(1.1)
    await sampler.current()
    assert reader.reads == 2


async def test_change_is_seen_at_once(sampler: Sampler, reader: ScriptedReader) -> None:
    await sampler.current()
    reader.power_w = 20
    sampler.invalidate()
    assert (await sampler.current()).devices[0].power_w == 20


async def test_energy_served_is_on_the_disk(
    sampler: Sampler, store: Store, clock: Clock, tmp_path: Path
) -> None:
    await sampler.current()
    clock.passes(2)
    [device] = (await sampler.current()).devices
    assert (device.energy_j, device.energy_origin) == (700, EnergyOrigin.INTEGRATED)
    assert StateDir(tmp_path).open_store().state.meters["GPU-a"].total_j == 700


async def test_energy_stands_still_while_the_disk_is_full_and_catches_up(
    sampler: Sampler,
    store: Store,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await sampler.current()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "update", full)
    for _ in range(2):
        clock.passes(2)
        [device] = (await sampler.current()).devices
        assert (device.energy_j, device.power_w) == (0, 350)
    assert caplog.text.count("cannot be written") == 1
    monkeypatch.undo()
    clock.passes(2)
    assert (await sampler.current()).devices[0].energy_j == 2100


async def test_hardware_that_hangs_makes_readings_unknown_in_the_end(
    sampler: Sampler, reader: ScriptedReader, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler_module, "PATIENCE_S", 0.01)
    await sampler.current()
    reader.may_go_on.clear()
    for waited_s, power_w in ((20, 350), (11, None)):
        clock.passes(waited_s)
        sample = await sampler.current()
        assert sample.devices[0].power_w == power_w
        assert sample.devices[0].energy_j == 0


async def test_hardware_that_never_answers_is_unreachable(
    sampler: Sampler, reader: ScriptedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler_module, "PATIENCE_S", 0.01)
    reader.may_go_on.clear()
    with pytest.raises(UnreachableError):
        await sampler.current()


async def test_summed_energy_is_sampled_each_second_and_counters_are_not(
    sampler: Sampler, reader: ScriptedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        reader.counter_j = 1000.0
        await real_sleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    running = asyncio.create_task(sampler.run())
    while len(waits) < 3:
        await real_sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    assert waits[:3] == [1, 10, 10]


def meter(
    reader: ScriptedReader, store: Store, clock: Clock, *seconds: float, host: HostConfig
) -> Metering:
    metering = Metering(reader, store, host, clock)
    metering.advance()
    for passed_s in seconds:
        clock.passes(passed_s)
        metering.advance()
    return metering


def test_meters_are_written_down_now_and_then(
    reader: ScriptedReader, store: Store, clock: Clock
) -> None:
    metering = meter(reader, store, clock, 5, host=HostConfig())
    assert store.state.meters == {}
    clock.passes(5)
    metering.advance()
    assert store.state.meters["GPU-a"].total_j == 3500
    metering.close()
    assert reader.closed


def test_host_is_estimated_from_devices_and_base_load(
    reader: ScriptedReader, store: Store, clock: Clock
) -> None:
    host = meter(reader, store, clock, 9, host=ESTIMATE).sample().host
    assert host.origin is HostOrigin.ESTIMATE
    assert host.power_w == pytest.approx(550 / 0.9)
    assert host.energy_j == pytest.approx(550 * 9 / 0.9)


@pytest.mark.parametrize("failing", ["power", "driver"])
def test_host_power_is_unknown_while_a_device_is(
    reader: ScriptedReader, store: Store, clock: Clock, failing: str
) -> None:
    metering = meter(reader, store, clock, 9, host=ESTIMATE)
    reader.power_w, reader.gone = None, failing == "driver"
    host = metering.sample().host
    assert host.power_w is None
    assert host.energy_j == pytest.approx(550 * 9 / 0.9)
    assert metering.summing


def test_device_that_never_tells_its_power_does_not_hide_the_host(
    reader: ScriptedReader, store: Store, clock: Clock
) -> None:
    reader.power_w = None
    sample = meter(reader, store, clock, host=ESTIMATE).sample()
    assert sample.host.power_w == pytest.approx(200 / 0.9)
    assert sample.devices[0].energy_j is None


def test_gpu_lost_before_this_run_keeps_its_row_and_hides_the_host(
    reader: ScriptedReader, store: Store, clock: Clock, tmp_path: Path
) -> None:
    meter(reader, store, clock, 9, host=ESTIMATE).persist()
    reader.loses_its_gpu()
    later = StateDir(tmp_path).open_store()
    sample = meter(reader, later, clock, 1, host=ESTIMATE).sample()
    [device] = sample.devices
    assert (device.id, device.name, device.index) == ("GPU-a", "GPU", 0)
    assert (device.power_w, device.energy_j) == (None, 350 * 9)
    assert sample.host.power_w is None


def test_gpu_that_was_never_seen_has_no_row_and_hides_the_host(
    reader: ScriptedReader, store: Store, clock: Clock
) -> None:
    reader.loses_its_gpu()
    sample = meter(reader, store, clock, 1, host=ESTIMATE).sample()
    assert sample.devices == ()
    assert sample.host.power_w is None


def test_gpu_in_the_place_of_another_is_not_taken_for_it(
    reader: ScriptedReader, store: Store, clock: Clock
) -> None:
    meter(reader, store, clock, host=ESTIMATE).persist()
    reader.id = "GPU-b"
    meter(reader, store, clock, host=ESTIMATE).persist()
    reader.loses_its_gpu()
    sample = meter(reader, store, clock, host=ESTIMATE).sample()
    assert [device.id for device in sample.devices] == ["GPU-b"]


def test_power_is_read_each_second_while_a_counter_is_silent(
    reader: ScriptedReader, store: Store, clock: Clock
) -> None:
    reader.counter_j = 1000
    metering = meter(reader, store, clock, 10, host=HostConfig())
    assert not metering.summing
    reader.counter_j = None
    metering.advance()
    assert metering.summing


def test_state_file_of_an_earlier_version_is_read(store: Store, tmp_path: Path) -> None:
    store.update(lambda state: replace(state, meters={"GPU-a": EnergyMeter(total_j=5)}))
    path = tmp_path / "state.json"
    document = json.loads(path.read_text())
    del document["seen"], document["meters"]["GPU-a"]["provisional_j"]
    path.write_text(json.dumps(document))
    assert StateDir(tmp_path).open_store().state.meters == {"GPU-a": EnergyMeter(total_j=5)}


def test_absent_driver_is_said_once(
    reader: ScriptedReader, store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    reader.gone = True
    sample = meter(reader, store, clock, 1, 1, host=HostConfig()).sample()
    assert sample.devices == ()
    assert caplog.text.count("no driver") == 1


def test_energy_goes_on_in_the_next_run(reader: ScriptedReader, store: Store, clock: Clock) -> None:
    reader.counter_j = 1000
    meter(reader, store, clock, host=HostConfig()).persist()
    reader.counter_j = 3500
    clock.passes(3600)
    clock.now = type(clock.now)(wall_s=clock.now.wall_s, steady_s=3, boot_id="next")
    [device] = meter(reader, store, clock, host=HostConfig()).sample().devices
    assert device.energy_j == 2500
