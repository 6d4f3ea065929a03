"""Adds up a day of a building: how warm it was, and how much heat it was given."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from .heat_loss import HeatDay

LEAST_KNOWN_H = 20.0
"""A day of which less is known says nothing."""

_LONGEST_STEP = timedelta(minutes=5)
_DAY_H = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatSample:
    """What is known at a moment: temperatures in °C, and all heat that is delivered, in W."""

    indoor_c: float
    outdoor_c: float
    heat_w: float


@dataclass(slots=True, kw_only=True)
class HeatDayTally:
    """The day so far: sums over the `hours` that were known."""

    day: str = ""
    hours: float = 0.0
    indoor: float = 0.0
    outdoor: float = 0.0
    heat_kwh: float = 0.0
    at: datetime | None = None

    def tell(self, local: datetime, sample: HeatSample | None) -> HeatDay | None:
        """Take in what is known now, None for nothing; return the day before once it is over.

        A value holds since the last, unless that was long ago.
        """
        whole, day, now = None, local.date().isoformat(), local.astimezone(UTC)
        if day != self.day:
            whole = self._whole()
            self.day, self.at = day, None
            self.hours = self.indoor = self.outdoor = self.heat_kwh = 0.0
        if sample is None:
            self.at = None
            return whole
        if self.at is not None and timedelta(0) < (step := now - self.at) <= _LONGEST_STEP:
            hours = step / timedelta(hours=1)
            self.hours += hours
            self.indoor += hours * sample.indoor_c
            self.outdoor += hours * sample.outdoor_c
            self.heat_kwh += hours * sample.heat_w / 1000
        self.at = now
        return whole

    def _whole(self) -> HeatDay | None:
        if self.hours < LEAST_KNOWN_H:
            return None
        return HeatDay(
            indoor_c=self.indoor / self.hours,
            outdoor_c=self.outdoor / self.hours,
            heat_kwh=self.heat_kwh / self.hours * _DAY_H,
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        return {
            "day": self.day,
            "hours": self.hours,
            "indoor": self.indoor,
            "outdoor": self.outdoor,
            "heat_kwh": self.heat_kwh,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; what came meanwhile is not known. Raises KeyError."""
        return cls(
            day=str(document["day"]),
            hours=float(document["hours"]),
            indoor=float(document["indoor"]),
            outdoor=float(document["outdoor"]),
            heat_kwh=float(document["heat_kwh"]),
        )
