"""Power and energy of what pages tell of, from one page to the next."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
import math
from typing import Any

from ..agent.energy import MeterLimits
from ..agent.models import Device, Host, HostOrigin
from ..agent.readers import without_readings
from .meters import GPU_LIMITS, HOST_LIMITS, Meters
from .page import Page, PartReading, has_uuid

LOST_S = 300.0
"""How long a thing that pages no longer tell of is missed, before it counts as taken away."""

_LEAST_SURE_FIRST = (HostOrigin.RAPL, HostOrigin.ESTIMATE, HostOrigin.IPMI, HostOrigin.WALL)


class PageAccount:
    """Devices and hosts over the pages of one source.

    A machine's power is that of its whole if a meter tells it, else the sum of its devices and
    of its other parts; energy is summed the same way and never decreases. While a part that has
    been measured has no reading the sum is not known. A device that pages no longer tell of
    stays for `LOST_S` without readings, so that no sum is silently too small; then it counts as
    taken away. So with other parts. `document` is what `to_json` returned in an earlier run, and
    `limits` are those of a device. Where the pages have `moved` since, what has no UUID may be
    another machine's: its meters begin anew.
    """

    def __init__(
        self, document: object = None, *, limits: MeterLimits = GPU_LIMITS, moved: bool = False
    ) -> None:
        stored: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
        self._device_meters = Meters(limits, stored.get("devices"))
        self._part_meters = Meters(HOST_LIMITS, stored.get("parts"))
        for meters in (self._device_meters, self._part_meters) if moved else ():
            for key in meters.to_json():
                if not has_uuid(key):
                    meters.change(key)
        self._device_totals_j = _totals_j(self._device_meters)
        self._part_totals_j = _totals_j(self._part_meters)
        self._host_j = _energy_j(stored.get("host_j"))
        self._devices: dict[str, tuple[Device, float]] = {}
        self._parts: dict[str, tuple[PartReading, float]] = {}

    def take(self, page: Page, at_s: float) -> tuple[tuple[Device, ...], Host]:
        """Take in a page that was read at a time in s since 1970; return devices and host."""
        devices = self._device_meters.devices(page.devices, at_s)
        lost = _lost(self._devices, {device.id for device in devices}, at_s)
        self._devices |= {device.id: (device, at_s) for device in devices if device.measured}
        devices += tuple(without_readings(device) for device in lost)
        parts, gains_j = self._advance_parts(page.parts, at_s)
        wholes = {part.host for part in parts if part.whole}
        parts = [part for part in parts if part.whole or part.host not in wholes]
        counted = [device for device in devices if _host(device) not in wholes]
        all_gains_j = [gains_j[part.id] for part in parts]
        for device in devices:
            gained_j = _gain_j(self._device_totals_j, device.id, device.energy_j)
            all_gains_j.append(0.0 if _host(device) in wholes else gained_j)
        self._host_j += sum(all_gains_j)
        if not parts:
            return devices, Host()
        powers_w = [part.power_w for part in parts]
        powers_w += [device.power_w for device in counted if device.measured]
        known_w = [power_w for power_w in powers_w if power_w is not None]
        origins = {part.origin for part in parts}
        if counted:  # machines without a meter of the whole are as unsure as a sum
            origins.add(HostOrigin.RAPL)
        return devices, Host(
            power_w=sum(known_w) if len(known_w) == len(powers_w) else None,
            energy_j=self._host_j,
            origin=next(origin for origin in _LEAST_SURE_FIRST if origin in origins),
        )

    def _advance_parts(
        self, readings: Iterable[PartReading], at_s: float
    ) -> tuple[list[PartReading], Mapping[str, float]]:
        """Return the parts that have ever been measured, with their power, and gains in J."""
        parts: list[PartReading] = []
        gains_j: dict[str, float] = {}
        for reading in readings:
            power_w, meter = self._part_meters.advance(
                reading.id, at_s, power_w=reading.power_w, counter_j=reading.counter_j
            )
            if meter is not None:
                parts.append(replace(reading, power_w=power_w))
                gains_j[reading.id] = _gain_j(self._part_totals_j, reading.id, meter.total_j)
        lost = _lost(self._parts, gains_j, at_s)
        self._parts |= {part.id: (part, at_s) for part in parts}
        parts += [replace(part, power_w=None) for part in lost]
        return parts, gains_j | {part.id: 0.0 for part in lost}

    def to_json(self) -> dict[str, Any]:
        """Return what a later account has to know, as a JSON document."""
        return {
            "devices": self._device_meters.to_json(),
            "parts": self._part_meters.to_json(),
            "host_j": self._host_j,
        }


def _host(device: Device) -> str:
    return device.id.rpartition("/")[0]


def _lost[Thing](
    known: dict[str, tuple[Thing, float]], present: Iterable[str], at_s: float
) -> list[Thing]:
    """Forget what has been missing for long; return what is missing since a short time."""
    missing = known.keys() - set(present)
    for key in missing:
        if abs(at_s - known[key][1]) > LOST_S:
            del known[key]
    return [known[key][0] for key in sorted(missing & known.keys())]


def _gain_j(totals_j: dict[str, float], key: str, total_j: float | None) -> float:
    """Return what a meter gained since the last time, and keep its total."""
    if total_j is None:
        return 0.0
    before_j = totals_j.get(key, 0.0)
    totals_j[key] = total_j
    return total_j - before_j


def _totals_j(meters: Meters) -> dict[str, float]:
    return {key: meter["total_j"] for key, meter in meters.to_json().items()}


def _energy_j(stored: object) -> float:
    if not isinstance(stored, int | float) or not math.isfinite(stored):
        return 0.0
    return max(0.0, float(stored))
