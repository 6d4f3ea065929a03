"""Energy of what a source's parts draw, where the source itself keeps no account of it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from ..agent.derived_power import DerivedPower
from ..agent.energy import DIP, EnergyMeter, MeterLimits
from ..agent.models import Device, EnergyOrigin
from ..agent.readers import DeviceReading
from ..agent.state import meter_from_json

GPU_LIMITS = MeterLimits(max_gap_s=60.0, max_power_w=3000.0)
"""Of a single accelerator that is read at the integration's polls."""

HOST_LIMITS = MeterLimits(max_gap_s=60.0, max_power_w=100_000.0)
"""Of a whole machine."""


class Meters:
    """A meter for each part of a source, by its id.

    Energy is that of the part's own counter, bridged over resets, or its power summed over
    time. A counter that falls is believed to have begun anew once it has stayed there for
    `settles_s`. `document` is what `to_json` returned in an earlier run.
    """

    def __init__(
        self, limits: MeterLimits, document: object = None, *, settles_s: float = 0.0
    ) -> None:
        self._limits = limits
        self._settles_s = settles_s
        self._meters, self._derived = _read(document)
        self._fallen_at_s: dict[str, float] = {}

    def advance(
        self, key: str, at_s: float, *, power_w: float | None, counter_j: float | None
    ) -> tuple[float | None, EnergyMeter | None]:
        """Take in a reading at a time in s since 1970; None is what could not be read.

        Returns the power in W, from the counter where only that is told, and the meter; None
        for a part that has never been read.
        """
        if not self._settled(key, at_s, counter_j):
            counter_j = None
        if power_w is None and counter_j is not None:
            derived = self._derived.get(key, DerivedPower()).advance(
                at_s=at_s, counter_j=counter_j, max_power_w=self._limits.max_power_w
            )
            self._derived[key] = derived
            power_w = derived.power_w
        meter = self._meters.get(key)
        if power_w is not None or counter_j is not None:
            meter = (meter or EnergyMeter()).advance(
                at_s=at_s, power_w=power_w, counter_j=counter_j, limits=self._limits
            )
            self._meters[key] = meter
        return power_w, meter

    def _settled(self, key: str, at_s: float, counter_j: float | None) -> bool:
        """Return whether a counter will not take back what it says."""
        last_j = self.meter(key).counter_j
        if counter_j is None or last_j is None or counter_j >= DIP * last_j:
            self._fallen_at_s.pop(key, None)
            return True
        return abs(at_s - self._fallen_at_s.setdefault(key, at_s)) >= self._settles_s

    def meter(self, key: str) -> EnergyMeter:
        """Return the meter of a part, a new one if there is none."""
        return self._meters.get(key, EnergyMeter())

    def add(self, key: str, energy_j: float) -> EnergyMeter:
        """Add energy in J that a meter missed, as something else knows.

        Where a counter is silent yet, that is taken off what it tells later.
        """
        meter = self._meters[key]
        silent = meter.origin is EnergyOrigin.COUNTER and meter.summing
        self._meters[key] = meter = replace(
            meter,
            total_j=meter.total_j + energy_j,
            provisional_j=meter.provisional_j + energy_j if silent else 0.0,
        )
        return meter

    def change(self, key: str) -> None:
        """Go on from the energy so far with something else that tells it."""
        self._meters[key] = EnergyMeter(total_j=self.meter(key).total_j)
        self._derived.pop(key, None)

    def devices(self, readings: Iterable[DeviceReading], at_s: float) -> tuple[Device, ...]:
        """Return the devices of readings at a time in s since 1970, with their energy."""
        devices = []
        for reading in readings:
            device = reading.device
            power_w, meter = self.advance(
                device.id, at_s, power_w=device.power_w, counter_j=reading.counter_j
            )
            if meter is None:
                devices.append(device)
            else:
                devices.append(
                    replace(
                        device,
                        power_w=power_w,
                        energy_j=meter.total_j,
                        energy_origin=meter.origin,
                    )
                )
        return tuple(devices)

    def to_json(self) -> dict[str, Any]:
        """Return the meters as a JSON document."""
        return {
            key: {**asdict(meter), "derived": asdict(self._derived[key])}
            if key in self._derived
            else asdict(meter)
            for key, meter in self._meters.items()
        }


def _read(document: object) -> tuple[dict[str, EnergyMeter], dict[str, DerivedPower]]:
    """Read meters, and powers from counters; what cannot be read begins anew."""
    meters: dict[str, EnergyMeter] = {}
    derived: dict[str, DerivedPower] = {}
    for key, item in document.items() if isinstance(document, Mapping) else ():
        try:
            meters[key] = meter_from_json(item)
            derived[key] = DerivedPower(**item["derived"])
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            continue
    return meters, derived
