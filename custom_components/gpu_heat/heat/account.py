"""What one source has used, by its energy counters."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from .documents import decimal_of, decimals_of, moment_of, to_json

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Energy in J used between two moments."""

    start: datetime
    end: datetime
    energy_j: Decimal

    def cut(self, moment: datetime) -> tuple[Stretch, Stretch]:
        """Cut in two at a moment within; the energy is spread evenly over the time."""
        part = Decimal((moment - self.start) / (self.end - self.start))
        # Few digits, so that the rest is exact.
        energy_j = min(round(self.energy_j * part, 6), self.energy_j)
        return (
            replace(self, end=moment, energy_j=energy_j),
            replace(self, start=moment, energy_j=self.energy_j - energy_j),
        )

    def cut_at(self, moments: Iterable[datetime]) -> Iterator[Stretch]:
        """Cut at moments in rising order within."""
        rest = self
        for moment in moments:
            head, rest = rest.cut(moment)
            yield head
        yield rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The energy counters of one source at one moment, in J.

    `epoch` changes when the counters start anew. Where the whole host is metered,
    `whole` is true and `host_j` its counter (None: it does not answer now); the
    devices' counters are then parts of it. `host_epoch` is that of the host's counter
    where that is another's than the devices', and does not start anew with them.
    """

    at: datetime
    epoch: str
    devices_j: Mapping[str, Decimal]
    whole: bool = False
    host_j: Decimal | None = None
    host_epoch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A counter's last reading."""

    at: datetime
    counter_j: Decimal

    def to_json(self) -> dict[str, str]:
        """Return the reading as a JSON document."""
        return {"at": self.at.isoformat(), "counter_j": str(self.counter_j)}

    def stretch_to(self, at: datetime, counter_j: Decimal) -> Stretch:
        """Return the energy used since; none where the counter went back."""
        return Stretch(
            start=self.at, end=max(at, self.at), energy_j=max(counter_j - self.counter_j, ZERO)
        )


@dataclass(slots=True, kw_only=True)
class Account:
    """What one source has used, as a whole and by device, and where its counters stood.

    What it used before `reset_at` is of the sums that were reset then. `waiting` is what the
    devices used while the host's counter is silent: booked if that does not come back.
    """

    epoch: str = ""
    host_epoch: str = ""
    reset_at: datetime | None = None
    energy_j: Decimal = ZERO
    devices_j: dict[str, Decimal] = field(default_factory=dict)
    host_reading: Reading | None = None
    readings: dict[str, Reading] = field(default_factory=dict)
    waiting: Stretch | None = None

    @property
    def read_at(self) -> datetime | None:
        """When the source was last read; None if it never was."""
        readings = [*self.readings.values(), *([self.host_reading] if self.host_reading else [])]
        return max((reading.at for reading in readings), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the account as a JSON document; decimals are strings."""
        return {
            "epoch": self.epoch,
            "host_epoch": self.host_epoch,
            "reset_at": to_json(self.reset_at),
            "energy_j": str(self.energy_j),
            "devices_j": to_json(self.devices_j),
            "host_reading": self.host_reading.to_json() if self.host_reading else None,
            "readings": {device: reading.to_json() for device, reading in self.readings.items()},
            "waiting": to_json(asdict(self.waiting)) if self.waiting else None,
        }

    def close(self) -> None:
        """Expect no more of a source that was removed."""
        self.readings, self.host_reading, self.waiting = {}, None, None

    def reset(self, at: datetime) -> None:
        """Let the sums begin at 0; where the counters stood stays known."""
        self.reset_at = at
        self.energy_j = ZERO
        self.devices_j = dict.fromkeys(self.devices_j, ZERO)
        self.waiting = None

    def advance(self, counters: Counters) -> list[Stretch]:
        """Take in new counters; return the energy that the source used, by stretch of time."""
        if counters.epoch != self.epoch:
            self.epoch = counters.epoch
            self.readings = {}
        used_by_devices = [
            self._advance_device(device, counters.at, counter_j)
            for device, counter_j in counters.devices_j.items()
        ]
        used = self._advance_host(counters, used_by_devices)
        for stretch in used:
            self.energy_j += stretch.energy_j
        return used

    def _advance_device(self, device: str, at: datetime, counter_j: Decimal) -> Stretch:
        reading = Reading(at=at, counter_j=counter_j)
        last = self.readings.get(device, reading)
        self.readings[device] = reading
        stretch = self._since_reset(last.stretch_to(at, counter_j))
        self.devices_j[device] = self.devices_j.get(device, ZERO) + stretch.energy_j
        return stretch

    def _advance_host(self, counters: Counters, by_devices: list[Stretch]) -> list[Stretch]:
        waiting = [self.waiting] if self.waiting else []
        host_epoch = counters.host_epoch or counters.epoch
        if not counters.whole or host_epoch != self.host_epoch:
            self.host_reading = None
        self.host_epoch = host_epoch
        if self.host_reading and counters.host_j is None:
            # Once read, the host's counter makes up for its silence; until then the devices' do.
            self.waiting = _spanning([*waiting, *by_devices])
            return []
        self.waiting = None
        last = self.host_reading
        if counters.whole and counters.host_j is not None:
            self.host_reading = Reading(at=counters.at, counter_j=counters.host_j)
        if last is None or counters.host_j is None:
            return [*waiting, *by_devices]
        return [self._since_reset(last.stretch_to(counters.at, counters.host_j))]

    def _since_reset(self, stretch: Stretch) -> Stretch:
        """Return the part of a stretch after the last reset: energy may come late."""
        if self.reset_at and stretch.start < self.reset_at < stretch.end:
            return stretch.cut(self.reset_at)[1]
        return stretch


def _spanning(stretches: list[Stretch]) -> Stretch | None:
    """Return what was used as of one time, from the first moment to the last."""
    if not stretches:
        return None
    return Stretch(
        start=min(stretch.start for stretch in stretches),
        end=max(stretch.end for stretch in stretches),
        energy_j=sum((stretch.energy_j for stretch in stretches), ZERO),
    )


def account_from_json(document: Mapping[str, Any]) -> Account:
    """Read what `Account.to_json` wrote. Raises KeyError, TypeError, ValueError and its like."""
    host, reset_at = document["host_reading"], document.get("reset_at")
    waiting = document.get("waiting")
    return Account(
        epoch=document["epoch"],
        host_epoch=document.get("host_epoch", document["epoch"]),
        reset_at=moment_of(reset_at) if reset_at else None,
        energy_j=decimal_of(document["energy_j"]),
        devices_j=decimals_of(document["devices_j"]),
        host_reading=_reading(host) if host else None,
        readings={device: _reading(item) for device, item in document["readings"].items()},
        waiting=_stretch(waiting) if waiting else None,
    )


def _stretch(document: Mapping[str, str]) -> Stretch:
    return Stretch(
        start=moment_of(document["start"]),
        end=moment_of(document["end"]),
        energy_j=decimal_of(document["energy_j"]),
    )


def _reading(document: Mapping[str, str]) -> Reading:
    return Reading(at=moment_of(document["at"]), counter_j=decimal_of(document["counter_j"]))
