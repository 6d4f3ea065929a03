"""How warm a building's mass is, which no sensor tells: as the room and the weather made it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from .building import Building

FORGOTTEN = timedelta(days=2)
"""After so long without a word it has settled, whatever it was."""


@dataclass(slots=True, kw_only=True)
class MassTemperature:
    """The temperature of the mass in °C, None where nothing was ever told, and of when it is."""

    mass_c: float | None = None
    told_at: datetime | None = None

    def tell(self, now: datetime, building: Building, room_c: float, outdoor_c: float) -> None:
        """Take in the temperatures of now: they are taken to have been so since the last time."""
        lasted = timedelta(0) if self.told_at is None else max(now - self.told_at, timedelta(0))
        before = self.mass_c if lasted < FORGOTTEN else None
        free_c = outdoor_c + building.gains_k
        self.mass_c = building.mass_after(before, room_c, free_c, lasted / timedelta(hours=1))
        self.told_at = now

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        told_at = self.told_at.isoformat() if self.told_at else None
        return {"mass_c": self.mass_c, "told_at": told_at}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises KeyError, TypeError, ValueError."""
        mass_c, told_at = document["mass_c"], document["told_at"]
        return cls(
            mass_c=None if mass_c is None else float(mass_c),
            told_at=datetime.fromisoformat(told_at) if told_at else None,
        )
