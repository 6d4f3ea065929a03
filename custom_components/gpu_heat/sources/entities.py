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
        self._meters = Meters(_limits(max_gap_s), document.get("meters"))

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

    What the plug's power cannot tell of a time in which nobody read it, the energy of the
    machine's parts tells at least.
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
        self._meters = Meters(_limits(max_gap_s), plug.get("meters"))
        self._parts_j: dict[str, float] = dict(plug.get("parts_j", {}))
        self._said_at_s: float | None = plug.get("said_at_s")

    @override
    async def read(self) -> Snapshot:
        # The plug first: it is metered also while the machine itself does not answer.
        at_s = self._entities.now().timestamp()
        power_w, counter_j = self._entities.reading(self._power, self._energy)
        power_w, meter = self._meters.advance(self._key, at_s, power_w=power_w, counter_j=counter_j)
        says = power_w is not None or counter_j is not None
        gap_s = 0.0 if self._said_at_s is None else at_s - self._said_at_s
        parts_j, self._parts_j = self._parts_j, {}
        if says:
            self._said_at_s = at_s
        snapshot = await self._source.read()
        now_j = {
            device.id: device.energy_j for device in snapshot.devices if device.energy_j is not None
        }
        if says and meter and counter_j is None and gap_s > self._max_gap_s:
            gained_j = sum(max(now_j[key] - parts_j.get(key, now_j[key]), 0.0) for key in now_j)
            meter = self._meters.add(self._key, gained_j)
        self._parts_j = now_j if says else parts_j
        return replace(
            snapshot,
            host=Host(
                power_w=power_w,
                energy_j=meter.total_j if meter else None,
                origin=HostOrigin.WALL,
            ),
        )

    @property
    def _key(self) -> str:
        """Another plug's energy is not this one's."""
        return f"{self._power} {self._energy}"

    @override
    async def pause(self, job_id: str, lease_s: int, reason: str) -> Job:
        return await self._source.pause(job_id, lease_s, reason)

    @override
    async def resume(self, job_id: str) -> Job:
        return await self._source.resume(job_id)

    @override
    async def close(self) -> None:
        await self._source.close()

    @override
    def to_json(self) -> dict[str, Any]:
        return {
            **self._source.to_json(),
            "plug": {
                "meters": self._meters.to_json(),
                "parts_j": self._parts_j,
                "said_at_s": self._said_at_s,
            },
        }


def _limits(max_gap_s: float) -> MeterLimits:
    return MeterLimits(max_gap_s=max_gap_s, max_power_w=MAX_POWER_W)
