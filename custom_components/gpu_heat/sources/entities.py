"""Meters that Home Assistant knows already: smart plugs, miners, UPSes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, override

from ..agent import __version__
from ..agent.energy import MeterLimits
from ..agent.models import AgentInfo, Device, Host, HostOrigin, Job, Snapshot, Vendor
from ..agent.readers import DeviceReading
from . import Source, UnreachableError
from .meters import Meters

MAX_POWER_W = 1_000_000.0
"""More than any entity of a heat zone meters: what its counter can have gained in a time."""

SETTLES_S = 60.0
"""How long an energy sensor may say 0, or too little, until its device has come up."""

_PLUG = "plug"

type Look = Callable[[str], float | None]
"""Returns the power in W, or the energy in J, that an entity says now; None if it says none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMeter:
    """One thing that is metered: by the id of a power sensor, of an energy sensor, or of both."""

    id: str
    name: str
    power: str | None
    energy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """How entities are read."""

    power_w: Look
    energy_j: Look
    now: Callable[[], datetime]

    def reading(self, power: str | None, energy: str | None) -> tuple[float | None, float | None]:
        """Return the power in W and the counter in J that two entities say."""
        return (
            self.power_w(power) if power else None,
            self.energy_j(energy) if energy else None,
        )


class EntitiesSource(Source):
    """Reads entities; power without a counter is summed across gaps of `max_gap_s` at most."""

    metered = True

    def __init__(
        self,
        entities: Entities,
        meters: Sequence[EntityMeter],
        *,
        key: str,
        name: str,
        max_gap_s: float,
        document: Mapping[str, Any],
    ) -> None:
        self._entities = entities
        self._rows = meters
        self._info = AgentInfo(id=key, name=name, version=__version__, started_at=entities.now())
        self._meters = _meters(max_gap_s, document.get("meters"))

    @override
    async def read(self) -> Snapshot:
        now = self._entities.now()
        readings = [
            self._reading(index, row, *self._entities.reading(row.power, row.energy))
            for index, row in enumerate(self._rows)
        ]
        if all(item.device.power_w is None and item.counter_j is None for item in readings):
            raise UnreachableError("none of the entities says anything")
        devices = self._meters.devices(readings, now.timestamp())
        return Snapshot(agent=self._info, taken_at=now, devices=devices)

    @staticmethod
    def _reading(
        index: int, row: EntityMeter, power_w: float | None, counter_j: float | None
    ) -> DeviceReading:
        device = Device(id=row.id, vendor=Vendor.OTHER, name=row.name, index=index, power_w=power_w)
        return DeviceReading(device=device, counter_j=counter_j)

    @override
    def to_json(self) -> dict[str, Any]:
        return {"meters": self._meters.to_json()}


class PluggedSource(Source):
    """A source whose whole machine is behind a plug: the plug says what the machine draws.

    What the plug cannot tell of a time in which it was silent, nobody read it, or it was another
    plug, the energy of the machine's parts tells at least.
    """

    metered = True

    def __init__(
        self,
        source: Source,
        entities: Entities,
        *,
        power: str | None,
        energy: str | None,
        max_gap_s: float,
        document: Mapping[str, Any],
    ) -> None:
        self._source = source
        self._entities = entities
        self._power, self._energy = power, energy
        self._max_gap_s = max_gap_s
        plug = document.get("plug", {})
        self._meters = _meters(max_gap_s, plug.get("meters"))
        if plug.get("entities") != [power, energy]:  # another's counter is not this one's
            self._meters.change(_PLUG)
        self._parts_j: dict[str, float] = dict(plug.get("parts_j", {}))
        self._said_at_s: float | None = plug.get("said_at_s")

    @override
    async def read(self) -> Snapshot:
        # The plug first: it is metered also while the machine itself does not answer.
        at_s = self._entities.now().timestamp()
        power_w, counter_j = self._entities.reading(self._power, self._energy)
        says = power_w is not None or counter_j is not None
        told = self._tells_since(at_s, counter_j)
        power_w, meter = self._meters.advance(_PLUG, at_s, power_w=power_w, counter_j=counter_j)
        parts_j = self._parts_j
        if says:  # what the parts used up to now is in it
            self._said_at_s, self._parts_j = at_s, {}
        snapshot = await self._source.read()
        now_j = {
            device.id: device.energy_j for device in snapshot.devices if device.energy_j is not None
        }
        if says:
            self._parts_j = now_j
            if not told:
                gained_j = sum(max(now_j[key] - parts_j.get(key, now_j[key]), 0.0) for key in now_j)
                meter = self._meters.add(_PLUG, gained_j)
        return replace(
            snapshot,
            host=Host(
                power_w=power_w,
                energy_j=meter.total_j if says and meter else None,
                origin=HostOrigin.WALL,
            ),
        )

    def _tells_since(self, at_s: float, counter_j: float | None) -> bool:
        """Return whether the plug tells what was used since it last said something."""
        if self._said_at_s is None:
            return True
        meter = self._meters.meter(_PLUG)
        if counter_j is not None:
            return meter.counter_j is not None
        begun = meter.power_w is not None or meter.counter_j is not None
        return begun and at_s - self._said_at_s <= self._max_gap_s

    @override
    async def pause(self, job_id: str, lease_s: int, reason: str) -> Job:
        return await self._source.pause(job_id, lease_s, reason)

    @override
    async def resume(self, job_id: str) -> Job:
        return await self._source.resume(job_id)

    @override
    async def set_power_limit(self, device_id: str, watts: float, lease_s: int) -> Device:
        return await self._source.set_power_limit(device_id, watts, lease_s)

    @override
    async def close(self) -> None:
        await self._source.close()

    @override
    def to_json(self) -> dict[str, Any]:
        return {
            **self._source.to_json(),
            "plug": {
                "entities": [self._power, self._energy],
                "meters": self._meters.to_json(),
                "parts_j": self._parts_j,
                "said_at_s": self._said_at_s,
            },
        }


def _meters(max_gap_s: float, document: object) -> Meters:
    limits = MeterLimits(max_gap_s=max_gap_s, max_power_w=MAX_POWER_W)
    return Meters(limits, document, settles_s=SETTLES_S)
