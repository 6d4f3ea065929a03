"""Turns readings into samples with energy; blocking, for the hardware's thread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
import logging

from .clock import Now
from .config import HostConfig
from .energy import EnergyMeter, HostMeter, sum_w
from .errors import UnreachableError
from .host_power import HostReader, HostReading, make_host_reader
from .models import Device, Host, HostOrigin
from .readers import NAMELESS, DeviceReader, DeviceReading
from .state import Seen, State
from .state_dir import Store

_LOGGER = logging.getLogger(__name__)

PERSIST_INTERVAL_S = 10.0

_SUMMED = frozenset({HostOrigin.ESTIMATE, HostOrigin.RAPL})
"""Origins of a power that is the sum of parts, through the power supply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """All devices and the host at one moment; no energy in it is ahead of the state file."""

    taken: Now
    devices: tuple[Device, ...]
    host: Host


class Metering:
    """The meters of all devices and of the host, over one reader."""

    def __init__(
        self,
        reader: DeviceReader,
        store: Store,
        host: HostConfig,
        clock: Callable[[], Now],
        host_reader: HostReader | None = None,
    ) -> None:
        self._reader = reader
        self._store = store
        self._host = host
        self._host_reader = host_reader or make_host_reader(host, clock)
        self._host_reading = HostReading()
        self._clock = clock
        self._started = clock()
        self._meters: Mapping[str, EnergyMeter] = store.state.meters
        self._seen: Mapping[str, Seen] = store.state.seen
        self._host_meter = store.state.host
        self._unmetered_j = 0.0
        self._persisted_s = self._started.steady_s
        self._reading_failed = self._writing_failed = False
        self._readings: Sequence[DeviceReading] = ()
        self._taken = self._started

    @property
    def summing(self) -> bool:
        """Whether some energy has to be summed from power, which wants frequent readings."""
        if self._host_reading.origin is HostOrigin.ESTIMATE:
            return True
        return any(meter.summing for meter in self._present().values())

    def advance(self) -> None:
        """Read all devices and move the meters on, writing them down now and then."""
        try:
            self._readings = self._recognised(self._reader.read())
        except UnreachableError as err:
            self._readings = ()
            if not self._reading_failed:
                _LOGGER.warning("No device can be read: %s", err)
            self._reading_failed = True
        else:
            self._reading_failed = False
        self._taken = self._clock()
        self._host_reading = self._host_reader.read(self._taken)
        self._move_meters()
        if self._taken.steady_s - self._persisted_s >= PERSIST_INTERVAL_S:
            self.persist()

    def sample(self) -> Sample:
        """Return the present readings with energies that are on the disk."""
        self.advance()
        self.persist()
        state = self._store.state
        return Sample(
            taken=self._taken,
            devices=tuple(
                _metered(reading, state.meters)
                for reading in self._readings
                if reading.device.id != NAMELESS
            ),
            host=self._host_now(state.host),
        )

    def persist(self) -> None:
        """Write the meters down; while that fails the energies served stand still."""

        def changed(state: State) -> State:
            return replace(state, meters=self._meters, seen=self._seen, host=self._host_meter)

        self._persisted_s = self._taken.steady_s
        try:
            self._store.update(changed)
        except OSError as err:
            if not self._writing_failed:
                _LOGGER.warning("The state file cannot be written: %s", err.strerror)
            self._writing_failed = True
        else:
            self._writing_failed = False

    def close(self) -> None:
        """Write the meters down and let go of the hardware."""
        self.persist()
        self._reader.close()
        self._host_reader.close()

    def _recognised(self, readings: Sequence[DeviceReading]) -> Sequence[DeviceReading]:
        """Return the readings; a device that was lost before this run is known by its place."""
        present = {
            device.id: Seen(name=device.name, index=device.index)
            for device in (reading.device for reading in readings)
            if device.id != NAMELESS
        }
        places = {seen.index for seen in present.values()}
        earlier = {
            key: seen
            for key, seen in self._seen.items()
            if key not in present and seen.index not in places
        }
        self._seen = earlier | present
        by_place = {seen.index: (key, seen.name) for key, seen in earlier.items()}
        return [
            reading
            if reading.device.id != NAMELESS or reading.device.index not in by_place
            else _renamed(reading, *by_place[reading.device.index])
            for reading in readings
        ]

    def _move_meters(self) -> None:
        at_s = self._at_s(self._taken)
        meters, gained_j = dict(self._meters), 0.0
        for reading in self._readings:
            device = reading.device
            if device.power_w is None and reading.counter_j is None:
                continue
            before = meters.get(device.id, EnergyMeter())
            after = before.advance(at_s=at_s, power_w=device.power_w, counter_j=reading.counter_j)
            meters[device.id] = after
            if self._counts(reading):
                gained_j += after.total_j - before.total_j
        self._meters = meters
        self._move_host_meter(at_s, gained_j)

    def _move_host_meter(self, at_s: float, devices_j: float) -> None:
        now = self._host_reading
        self._unmetered_j += devices_j
        if now.wall is not None and now.wall.value is not None:
            wall_s = self._at_s(now.wall.at)
            if wall_s != self._host_meter.wall.powered_at_s:
                self._host_meter = self._host_meter.measured(
                    at_s=wall_s, power_w=now.wall.value, devices_j=self._unmetered_j
                )
                self._unmetered_j = 0.0
        elif now.origin in _SUMMED:
            self._host_meter = self._host_meter.summed(
                at_s=at_s,
                devices_j=devices_j,
                base_load_w=self._host.base_load_w or 0.0,
                supply=self._host.supply,
                processors_j=None if now.processors is None else now.processors.energy_j,
            )

    def _at_s(self, moment: Now) -> float:
        """Return a time: the steady clock within one run, the wall clock from run to run."""
        return self._started.wall_s + moment.steady_s - self._started.steady_s

    def _host_now(self, meter: HostMeter) -> Host:
        now = self._host_reading
        if now.origin is HostOrigin.NONE:
            return Host()
        power_w: float | None
        if now.origin in _SUMMED:
            known_w = self._devices_w()
            if now.origin is HostOrigin.RAPL:
                known_w.append(None if now.processors is None else now.processors.power_w)
            output_w = sum_w([self._host.base_load_w or 0.0, *known_w])
            power_w = None if output_w is None else self._host.supply.wall_w(output_w)
        else:
            power_w = None if now.wall is None else now.wall.value
        # A counter that stands at 0 because nobody answers would be taken for no energy.
        return Host(
            power_w=power_w, energy_j=meter.total_j if now.stands else None, origin=now.origin
        )

    def _devices_w(self) -> list[float | None]:
        """Return the powers of which the machine's is the sum; None for one not known now."""
        powers_w: list[float | None] = [
            reading.device.power_w
            for reading in self._readings
            if self._counts(reading)
            and (reading.device.power_w is not None or reading.device.id in self._meters)
        ]
        if self._reading_failed or any(r.device.id == NAMELESS for r in self._readings):
            powers_w.append(None)
        return powers_w

    def _counts(self, reading: DeviceReading) -> bool:
        """Return whether a device is not in the processors' counters already."""
        return self._host_reading.origin is not HostOrigin.RAPL or not reading.in_package

    def _present(self) -> Mapping[str, EnergyMeter]:
        ids = {reading.device.id for reading in self._readings}
        return {key: meter for key, meter in self._meters.items() if key in ids}


def _renamed(reading: DeviceReading, device_id: str, name: str) -> DeviceReading:
    return replace(reading, device=replace(reading.device, id=device_id, name=name))


def _metered(reading: DeviceReading, meters: Mapping[str, EnergyMeter]) -> Device:
    meter = meters.get(reading.device.id)
    if meter is None:
        return reading.device
    return replace(reading.device, energy_j=meter.total_j, energy_origin=meter.origin)
