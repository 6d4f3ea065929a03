"""What the weather is usually like in some days: as lately, and a little more of the season."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import math
from typing import Any, Self

REMEMBERED = timedelta(days=10)
"""The time constant with which later days replace earlier ones."""

SEASON_K = 12.0
"""Half of the difference between the warmest and the coldest day of a mean year outside of the
tropics: Chicago 14, Stockholm and Helsinki 11 (means of the months of their standard years)."""

_COLDEST_DAY = 20  # of the year in the north: some four weeks after the solstice
_YEAR_DAYS = 365.25
_TROPIC_DEG = 23.4


@dataclass(slots=True)
class UsualWeather:
    """Mean temperatures in °C by the hour of the day, of the days that it was told of.

    `latitude` in degrees says how strong the seasons are, and when.
    """

    latitude: float
    hours: dict[int, float] = field(default_factory=dict)
    told_at: datetime | None = None

    def tell(self, local: datetime, outdoor_c: float) -> None:
        """Take in what it is like now; once an hour is enough."""
        before = self.hours.get(local.hour)
        weight = 1.0 if before is None else -math.expm1(-1 / (REMEMBERED / timedelta(days=1)))
        self.hours[local.hour] = (
            outdoor_c if before is None else before + weight * (outdoor_c - before)
        )
        self.told_at = local

    def at(self, local: datetime) -> float | None:
        """Return what it is usually like at a moment ahead; None where nothing was told."""
        if not self.hours or self.told_at is None:
            return None
        mean = sum(self.hours.values()) / len(self.hours)
        by_hour = self.hours.get(local.hour, mean)
        return by_hour + self._season_k(local) - self._season_k(self.told_at - REMEMBERED)

    def _season_k(self, local: datetime) -> float:
        strength = min(abs(self.latitude) / _TROPIC_DEG, 1.0) * SEASON_K
        day = local.timetuple().tm_yday - _COLDEST_DAY
        return -math.copysign(strength, self.latitude) * math.cos(2 * math.pi * day / _YEAR_DAYS)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        return {
            "hours": {str(hour): value for hour, value in self.hours.items()},
            "told_at": self.told_at.isoformat() if self.told_at else None,
        }

    @classmethod
    def from_json(cls, latitude: float, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises KeyError, TypeError, ValueError."""
        told_at = document["told_at"]
        return cls(
            latitude=latitude,
            hours={int(hour): float(value) for hour, value in document["hours"].items()},
            told_at=datetime.fromisoformat(told_at) if told_at else None,
        )
