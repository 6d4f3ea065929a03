"""The machine's power and energy, from whatever tells them."""

from collections.abc import Callable
from dataclasses import replace
import json
from pathlib import Path

import pytest

from gpu_heat_agent.config import Config, HostConfig, HostPower
from gpu_heat_agent.energy import EnergyMeter, HostMeter
from gpu_heat_agent.host_power import HostReading
from gpu_heat_agent.metering import Metering
from gpu_heat_agent.models import Device, Host, HostOrigin, Vendor
from gpu_heat_agent.periodic import Outcome
from gpu_heat_agent.psu import Badge, certified
from gpu_heat_agent.rapl import Processors
from gpu_heat_agent.readers import DeviceReading
from gpu_heat_agent.run import Launch, _host
from gpu_heat_agent.simulated import parse_spec
from gpu_heat_agent.state_dir import StateDir, Store

from .parts import Clock

RAPL = HostConfig(power=HostPower.RAPL, base_load_w=60, psu_efficiency=0.9)


class ScriptedReader:
    """A GPU with a counter, and a processor with graphics."""

    def __init__(self) -> None:
        self.power_w: float | None = 300.0
        self.counter_j: float | None = 0.0
        self.apu = False

    def read(self) -> list[DeviceReading]:
        gpu = Device(id="GPU-a", vendor=Vendor.NVIDIA, name="GPU", index=0, power_w=self.power_w)
        apu = Device(id="apu", vendor=Vendor.AMD, name="APU", index=1, power_w=40)
        readings = [DeviceReading(device=gpu, counter_j=self.counter_j)]
        if self.apu:
            readings.append(DeviceReading(device=apu, in_package=True))
        return readings

    def set_power_limit(self, device_id: str, watts: float) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""


class ScriptedHost:
    """The machine tells what the test says."""

    def __init__(self) -> None:
        self.reading = HostReading()
        self.closed = False

    def read(self, now: object) -> HostReading:
        return self.reading

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader() -> ScriptedReader:
    return ScriptedReader()


@pytest.fixture
def host() -> ScriptedHost:
    return ScriptedHost()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return StateDir(tmp_path).open_store()


@pytest.fixture
def make(
    reader: ScriptedReader, host: ScriptedHost, store: Store, clock: Clock
) -> Callable[[HostConfig], Metering]:
    return lambda config: Metering(reader, store, config, clock, host)


def processors(energy_j: float, power_w: float | None) -> HostReading:
    return HostReading(
        origin=HostOrigin.RAPL, processors=Processors(energy_j=energy_j, power_w=power_w)
    )


def wall(clock: Clock, power_w: float, origin: HostOrigin = HostOrigin.IPMI) -> HostReading:
    return HostReading(origin=origin, wall=Outcome(at=clock(), value=power_w))


def test_gpus_processors_and_the_rest_go_through_the_power_supply(
    make: Callable[[HostConfig], Metering], reader: ScriptedReader, host: ScriptedHost, clock: Clock
) -> None:
    metering = make(RAPL)
    host.reading = processors(0, None)
    assert metering.sample().host.power_w is None  # the processors' is not known yet
    clock.passes(10)
    reader.counter_j, host.reading = 3000, processors(900, 90)
    sample = metering.sample()
    assert sample.host.origin is HostOrigin.RAPL
    assert sample.host.power_w == pytest.approx((300 + 90 + 60) / 0.9)
    assert sample.host.energy_j == pytest.approx((3000 + 900 + 600) / 0.9)
    assert not metering.summing  # counters all


def test_power_supply_with_a_badge_has_the_efficiency_of_the_load(
    make: Callable[[HostConfig], Metering], host: ScriptedHost
) -> None:
    host.reading = processors(0, 140)
    metering = make(replace(RAPL, psu=certified(Badge.GOLD, 1000)))
    assert metering.sample().host.power_w == pytest.approx(500 / 0.9)


@pytest.mark.parametrize("origin", [HostOrigin.RAPL, HostOrigin.ESTIMATE])
def test_graphics_within_a_processor_count_once(
    make: Callable[[HostConfig], Metering],
    reader: ScriptedReader,
    host: ScriptedHost,
    clock: Clock,
    origin: HostOrigin,
) -> None:
    reader.apu = True
    metering = make(replace(RAPL, psu_efficiency=1))
    host.reading = replace(processors(0, 90), origin=origin)
    metering.sample()
    clock.passes(10)
    reader.counter_j = 3000
    found = metering.sample().host
    processor_w = 90 if origin is HostOrigin.RAPL else 40
    assert found.power_w == 300 + processor_w + 60
    processor_j = 0 if origin is HostOrigin.RAPL else 400
    assert found.energy_j == 3000 + processor_j + 600


def test_machine_with_a_gpu_that_is_not_known_has_no_power(
    make: Callable[[HostConfig], Metering], reader: ScriptedReader, host: ScriptedHost
) -> None:
    host.reading = processors(0, 90)
    metering = make(RAPL)
    metering.sample()
    reader.power_w = reader.counter_j = None
    assert metering.sample().host.power_w is None


def test_wall_power_is_taken_as_it_is_and_summed_between_its_own_moments(
    make: Callable[[HostConfig], Metering], host: ScriptedHost, clock: Clock, reader: ScriptedReader
) -> None:
    metering = make(replace(RAPL, power=HostPower.IPMI))
    host.reading = wall(clock, 600)
    metering.advance()
    clock.passes(10)
    host.reading = wall(clock, 620)
    clock.passes(3)
    reader.power_w = reader.counter_j = None  # the wall has it all the same
    for _ in range(2):
        found = metering.sample().host
        assert found == Host(power_w=620, energy_j=6100, origin=HostOrigin.IPMI)
    assert not metering.summing


def test_silent_meter_leaves_the_energy_and_no_power(
    make: Callable[[HostConfig], Metering], host: ScriptedHost, clock: Clock
) -> None:
    metering = make(replace(RAPL, power=HostPower.METER))
    for _ in range(2):
        host.reading = wall(clock, 600, HostOrigin.WALL)
        metering.advance()
        clock.passes(10)
    host.reading = HostReading(origin=HostOrigin.WALL)
    assert metering.sample().host == Host(power_w=None, energy_j=6000, origin=HostOrigin.WALL)


def test_what_gpus_used_while_the_meter_was_silent_counts_at_least(
    make: Callable[[HostConfig], Metering], host: ScriptedHost, clock: Clock, reader: ScriptedReader
) -> None:
    metering = make(replace(RAPL, power=HostPower.IPMI))
    for power_w in (600, 600, None, None, 600, 600):
        meter = wall(clock, power_w) if power_w else HostReading(origin=HostOrigin.IPMI)
        host.reading = meter
        found = metering.sample().host
        clock.passes(10 if power_w else 100)
        reader.counter_j = (reader.counter_j or 0) + (3000 if power_w else 30_000)
    # 10 s, then 3 kJ and 2 x 30 kJ of the GPU alone in 210 s, then 10 s.
    assert found.energy_j == 6000 + 63_000 + 6000


def test_energy_goes_on_where_another_way_takes_over(
    make: Callable[[HostConfig], Metering], host: ScriptedHost, clock: Clock, reader: ScriptedReader
) -> None:
    first = make(replace(RAPL, psu_efficiency=1))
    host.reading = processors(0, 90)
    first.advance()
    clock.passes(10)
    reader.counter_j, host.reading = 3000, processors(900, 90)
    first.close()
    assert host.closed
    assert first.sample().host.energy_j == 4500
    second = make(replace(RAPL, power=HostPower.IPMI))
    host.reading = wall(clock, 500)
    assert second.sample().host.energy_j == 4500
    clock.passes(10)
    host.reading = wall(clock, 500)
    assert second.sample().host.energy_j == 9500


def test_meter_that_has_never_answered_has_no_energy_rather_than_none_used(
    make: Callable[[HostConfig], Metering], host: ScriptedHost
) -> None:
    metering = make(replace(RAPL, power=HostPower.IPMI))
    host.reading = HostReading(origin=HostOrigin.IPMI, stands=False)
    assert metering.sample().host == Host(origin=HostOrigin.IPMI)


def test_nothing_is_claimed_where_nothing_is_known(make: Callable[[HostConfig], Metering]) -> None:
    assert make(RAPL).sample().host == Host()


def test_state_file_of_an_earlier_version_has_the_machines_energy(
    store: Store, tmp_path: Path
) -> None:
    meter = HostMeter(total_j=5, base=EnergyMeter(total_j=4), wall=EnergyMeter(total_j=3))
    store.update(lambda state: replace(state, host=meter))
    assert StateDir(tmp_path).open_store().state.host == meter
    path = tmp_path / "state.json"
    document = json.loads(path.read_text())
    del document["host"]["processors"], document["host"]["wall"]
    path.write_text(json.dumps(document))
    assert StateDir(tmp_path).open_store().state.host == replace(meter, wall=EnergyMeter())


@pytest.mark.parametrize(
    ("spec", "config", "expected"),
    [
        (None, HostConfig(power=HostPower.IPMI), HostConfig(power=HostPower.IPMI)),
        ("rtx_3090", HostConfig(power=HostPower.IPMI), HostConfig()),
        (
            "dgx_h100",
            HostConfig(power=HostPower.AUTO, psu_efficiency=0.9),
            HostConfig(power=HostPower.ESTIMATE, base_load_w=4600, psu_efficiency=0.9),
        ),
        (
            "dgx_h100",
            HostConfig(power=HostPower.ESTIMATE, base_load_w=100),
            HostConfig(power=HostPower.ESTIMATE, base_load_w=100),
        ),
    ],
)
def test_simulated_gpus_are_not_mixed_with_the_real_machine(
    tmp_path: Path, spec: str | None, config: HostConfig, expected: HostConfig
) -> None:
    simulation = None if spec is None else parse_spec(spec)
    launch = Launch(
        config=Config(name="rig", host=config), state_dir=tmp_path, simulation=simulation
    )
    assert _host(launch) == expected
