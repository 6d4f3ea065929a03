"""What a thermostat is usually set to, by the hour of the week."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

REMEMBERED = timedelta(days=8)
"""A weekday's hour tells of the next one, and a little longer."""

DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_HOURS = 7 * 24
_ALIKE_K = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A target in °C, and when it was told."""

    at: datetime
    target_c: float


@dataclass(slots=True)
class TargetProfile:
    """The last target of each hour of the week, by the clock of the place."""

    hours: dict[int, Told] = field(default_factory=dict)

    def tell(self, local: datetime, target_c: float) -> None:
        """Take in the target of now."""
        self.hours[_hour(local)] = Told(at=local, target_c=target_c)

    def highest_c(self, local: datetime) -> float | None:
        """Return the highest target of the last 24 h; None where none was told."""
        return max(
            (told.target_c for told in self.hours.values() if local - told.at < DAY), default=None
        )

    def usual_c(self, local: datetime, now: datetime) -> float | None:
        """Return what was told for this hour, a week ago or else on the latest other day."""
        same_day, *others = (self._told(_hour(local) - 24 * day, now) for day in range(7))
        if same_day:
            return same_day.target_c
        known = [told for told in others if told]
        return max(known, key=lambda told: told.at).target_c if known else None

    def ahead(self, now: datetime, target_c: float, hours: int) -> list[float]:
        """Return the targets of the hours from now on: that of now until the usual one changes."""
        usual_now = self.usual_c(now, now)
        targets, held = [target_c], True
        for hour in range(1, hours):
            later = (now.astimezone(UTC) + hour * _HOUR).astimezone(now.tzinfo)
            usual_c = self.usual_c(later, now)
            held = held and (
                usual_c is None or usual_now is None or abs(usual_c - usual_now) < _ALIKE_K
            )
            targets.append(target_c if held or usual_c is None else usual_c)
        return targets

    def _told(self, hour: int, now: datetime) -> Told | None:
        told = self.hours.get(hour % _HOURS)
        return told if told and now - told.at < REMEMBERED else None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        return {
            str(hour): [told.at.isoformat(), told.target_c] for hour, told in self.hours.items()
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises TypeError, ValueError."""
        return cls(
            {
                int(hour): Told(at=datetime.fromisoformat(at), target_c=float(target_c))
                for hour, (at, target_c) in document.items()
            }
        )


def _hour(local: datetime) -> int:
    return local.weekday() * 24 + local.hour
