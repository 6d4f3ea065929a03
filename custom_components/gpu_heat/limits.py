"""What people asked of the power limits of one source's GPUs, kept up with leases.

The agent puts a limit back as it found it when the lease ends. So a limit lasts as long as
Home Assistant is there to renew it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from .agent.models import Device, Snapshot
from .const import LOGGER
from .holds import LEASE
from .sources import RefusedError, Source, SourceError

_ROUNDING_W = 1.0


class Limits:
    """The limits in W that are wished, by device. `save` is called after each change."""

    def __init__(
        self, source: Source, save: Callable[[], None], document: Mapping[str, float] | None = None
    ) -> None:
        self._source = source
        self._save = save
        self._wishes = dict(document or {})
        self._sent_at: dict[str, datetime] = {}

    def to_json(self) -> dict[str, float]:
        """Return a JSON document of all wishes."""
        return dict(self._wishes)

    def wish(self, device_id: str) -> float | None:
        """Return the limit in W that is wished for a device; None if none is."""
        return self._wishes.get(device_id)

    def forget(self, device_id: str) -> None:
        """Have no wish for a device any more: its limit stays, and ends with its lease."""
        self._wish(device_id, None)

    async def set(self, device_id: str, watts: float, now: datetime) -> Device:
        """Limit a device's power until another wish. Raises SourceError."""
        device = await self._send(device_id, watts, now)
        self._wish(device_id, watts)
        return device

    async def keep(self, previous: Snapshot | None, current: Snapshot, now: datetime) -> Snapshot:
        """Renew leases; return the snapshot with the limits as they are then.

        `previous` is the last snapshot before, if there is one. A limit that someone else has
        changed since, or that the agent has put back because a job was resumed, is left as it
        is; one that the agent has put back as it stopped or as its lease ended is set again.
        """
        same_run = previous is not None and previous.agent.started_at == current.agent.started_at
        before = {device.id: device for device in previous.devices} if previous else {}
        devices = {device.id: device for device in current.devices}
        due: list[tuple[Device, float]] = []
        for device_id, watts in list(self._wishes.items()):
            device, sent_at = devices.get(device_id), self._sent_at.get(device_id)
            if device is None or device.power_limit_w is None:
                continue
            stands = _stands(device, watts)
            age = LEASE if sent_at is None else now - sent_at
            was_ours = same_run and age < LEASE and _stands(before.get(device_id), watts)
            if was_ours and not stands:
                LOGGER.info("The power limit of %s was changed elsewhere", device.name)
                self._wish(device_id, None)
            elif age >= LEASE / 2 or not (stands or same_run):
                due.append((device, watts))
        sent = await asyncio.gather(*(self._renew(*row, now) for row in due))
        devices |= {device.id: device for device in sent if device is not None}
        return replace(current, devices=tuple(devices.values()))

    async def _renew(self, device: Device, watts: float, now: datetime) -> Device | None:
        """Set a limit anew; return the device as it is then, None if that failed."""
        try:
            return await self._send(device.id, watts, now)
        except RefusedError as err:
            LOGGER.warning("The power limit of %s is not kept: %s", device.name, err)
            if self._wishes.get(device.id) == watts:
                self._wish(device.id, None)
        except SourceError as err:
            LOGGER.debug("A power limit is tried again at the next poll: %s", err)
        return None

    async def _send(self, device_id: str, watts: float, now: datetime) -> Device:
        lease_s = round(LEASE.total_seconds())
        device = await self._source.set_power_limit(device_id, watts, lease_s)
        self._sent_at[device_id] = now
        return device

    def _wish(self, device_id: str, watts: float | None) -> None:
        if watts is None:
            self._wishes.pop(device_id, None)
            self._sent_at.pop(device_id, None)
        else:
            self._wishes[device_id] = watts
        self._save()


def _stands(device: Device | None, watts: float) -> bool:
    """Return whether a device has a limit, as far as cards and drivers round it."""
    limit_w = device.power_limit_w if device else None
    return limit_w is not None and abs(limit_w - watts) <= _ROUNDING_W
