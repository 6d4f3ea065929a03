"""What is known of the world around a zone, at each moment of the last days."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from .documents import decimal_of, moment_of
from .seasons import Activity, Mode, Room, Season

# How long a value counts when its entity no longer says one. Then the next simpler rule
# holds: without prices no money is booked, without a temperature outdoors the fixed COP and the
# first heater, without rooms the season alone, without a season the months, without the
# household's meter the tiers that were reached.
PRICE_STANDS = timedelta(hours=2)
FUEL_PRICE_STANDS = timedelta(days=7)
OUTDOOR_STANDS = timedelta(hours=3)
ROOMS_STAND = timedelta(minutes=30)
CAPTURE_STANDS = timedelta(minutes=30)
SEASON_STANDS = timedelta(hours=24)
METER_STANDS = timedelta(hours=24)

_KEPT = timedelta(days=14)
_MOST = 20_000
_WRITTEN = 300  # a source may be off for days, and the file is written at each poll


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What entities say: prices in the zone's currency, temperatures in °C.

    `electricity_price` per kWh, before surcharge and tax; fuel prices per unit of the fuel.
    `season` is None where the months tell it; `season_by_hand` goes before all that tells it,
    and holds until another is chosen. `captures` has, by source, the part of the
    heat that reaches the space, 0 to 1.
    """

    electricity_price: Decimal | None = None
    fuel_price: Decimal | None = None
    second_fuel_price: Decimal | None = None
    outdoor_c: Decimal | None = None
    rooms: tuple[Room, ...] = ()
    season: Season | None = None
    season_by_hand: Season | None = None
    captures: Mapping[str, Decimal] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the conditions as a JSON document."""
        return {
            "electricity_price": _text(self.electricity_price),
            "fuel_price": _text(self.fuel_price),
            "second_fuel_price": _text(self.second_fuel_price),
            "outdoor_c": _text(self.outdoor_c),
            "rooms": [room_to_json(room) for room in self.rooms],
            "season": self.season,
            "season_by_hand": self.season_by_hand,
            "captures": {source: str(part) for source, part in self.captures.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises KeyError, TypeError, ValueError, ArithmeticError."""
        season, by_hand = document["season"], document["season_by_hand"]
        return cls(
            electricity_price=_number(document["electricity_price"]),
            fuel_price=_number(document["fuel_price"]),
            second_fuel_price=_number(document["second_fuel_price"]),
            outdoor_c=_number(document["outdoor_c"]),
            rooms=tuple(room_from_json(room) for room in document["rooms"]),
            season=Season(season) if season else None,
            season_by_hand=Season(by_hand) if by_hand else None,
            captures={source: decimal_of(part) for source, part in document["captures"].items()},
        )


def room_to_json(room: Room) -> dict[str, Any]:
    """Return a room as a JSON document."""
    return {
        "mode": room.mode,
        "excess_k": _text(room.excess_k),
        "target_c": _text(room.target_c),
        "activity": room.activity,
        "can_cool": room.can_cool,
        "weight": str(room.weight),
    }


def room_from_json(document: Mapping[str, Any]) -> Room:
    """Read what `room_to_json` wrote. Raises KeyError, TypeError, ValueError, ArithmeticError."""
    return Room(
        mode=Mode(document["mode"]),
        excess_k=_number(document["excess_k"]),
        target_c=_number(document.get("target_c")),  # earlier documents have none
        activity=Activity(document["activity"]) if document["activity"] else None,
        can_cool=bool(document["can_cool"]),
        weight=decimal_of(document["weight"]),
    )


class Timeline:
    """The conditions of the last two weeks: each holds until the next begins."""

    def __init__(self) -> None:
        self._since: list[datetime] = []
        self._conditions: list[Conditions] = []
        self.version = 0  # grows with each change

    def set(self, at: datetime, conditions: Conditions) -> bool:
        """Let conditions hold from a moment on; return whether that changes anything.

        What was known for later moments (the clock was set back) is forgotten.
        """
        if self._conditions and at >= self._since[-1] and self._conditions[-1] == conditions:
            return False
        self.version += 1
        keep = bisect_left(self._since, at)
        del self._since[keep:], self._conditions[keep:]
        self._since.append(at)
        self._conditions.append(conditions)
        if len(self._since) > _MOST or self._since[0] < at - 2 * _KEPT:
            self._forget(at - _KEPT)
        return True

    @property
    def latest(self) -> Conditions:
        """The last conditions that are known."""
        return self._conditions[-1] if self._conditions else Conditions()

    def at(self, moment: datetime) -> Conditions:
        """Return the conditions of a moment; before all that are known, none are."""
        index = bisect_right(self._since, moment) - 1
        return self._conditions[index] if index >= 0 else Conditions()

    def changes(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the moments strictly between two others at which conditions change."""
        index = bisect_right(self._since, start)
        while index < len(self._since) and self._since[index] < end:
            yield self._since[index]
            index += 1

    def to_json(self, since: datetime) -> list[list[Any]]:
        """Return what has held since a moment as a JSON document, of the latest at most."""
        first = max(bisect_right(self._since, since) - 1, len(self._since) - _WRITTEN, 0)
        return [
            [at.isoformat(), conditions.to_json()]
            for at, conditions in zip(self._since[first:], self._conditions[first:], strict=True)
        ]

    @classmethod
    def from_json(cls, document: Iterable[list[Any]]) -> Self:
        """Read what `to_json` wrote. Raises KeyError, TypeError, ValueError, ArithmeticError."""
        timeline = cls()
        for at, conditions in document:
            timeline.set(moment_of(at), Conditions.from_json(conditions))
        return timeline

    def _forget(self, before: datetime) -> None:
        keep = max(bisect_right(self._since, before) - 1, len(self._since) - _MOST // 2, 0)
        del self._since[:keep], self._conditions[:keep]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else decimal_of(text)
