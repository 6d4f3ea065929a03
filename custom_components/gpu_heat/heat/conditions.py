"""What is known of the world around a zone, at each moment of the last days."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from .ledger import decimal_of
from .seasons import Activity, Mode, Room, Season

# How long a value counts when its entity no longer says one. Then the next simpler rule
# holds: without prices no money is booked, without a temperature outdoors the fixed COP and the
# first heater, without rooms the season alone, without a season the months.
PRICE_STANDS = timedelta(hours=2)
FUEL_PRICE_STANDS = timedelta(days=7)
OUTDOOR_STANDS = timedelta(hours=3)
ROOMS_STAND = timedelta(minutes=30)
CAPTURE_STANDS = timedelta(minutes=30)
SEASON_STANDS = timedelta(hours=24)

# That long before the last look a source may have been read last.
_POLLS_APART = timedelta(minutes=1)
_KEPT = timedelta(days=14)
_MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What entities say: prices in the zone's currency, temperatures in °C.

    `electricity_price` per kWh, before surcharge and tax; fuel prices per unit of the fuel.
    `season` is None where the months tell it; `season_by_hand` goes before all that tells it,
    and holds until another is chosen. `captures` has, by source, the part of the
    heat that an entity lets into the space, 0 to 1.
    """

    electricity_price: Decimal | None = None
    fuel_price: Decimal | None = None
    second_fuel_price: Decimal | None = None
    outdoor_c: Decimal | None = None
    rooms: tuple[Room, ...] = ()
    season: Season | None = None
    season_by_hand: Season | None = None
    captures: Mapping[str, Decimal] = field(default_factory=dict)

    def after(self, age: timedelta) -> Conditions:
        """Return what still counts of conditions of that age."""

        def kept[T](value: T, stands: timedelta, empty: T) -> T:
            return value if age < stands else empty

        return replace(
            self,
            electricity_price=kept(self.electricity_price, PRICE_STANDS, None),
            fuel_price=kept(self.fuel_price, FUEL_PRICE_STANDS, None),
            second_fuel_price=kept(self.second_fuel_price, FUEL_PRICE_STANDS, None),
            outdoor_c=kept(self.outdoor_c, OUTDOOR_STANDS, None),
            rooms=kept(self.rooms, ROOMS_STAND, ()),
            season=kept(self.season, SEASON_STANDS, None),
            captures=kept(self.captures, CAPTURE_STANDS, {}),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the conditions as a JSON document."""
        return {
            "electricity_price": _text(self.electricity_price),
            "fuel_price": _text(self.fuel_price),
            "second_fuel_price": _text(self.second_fuel_price),
            "outdoor_c": _text(self.outdoor_c),
            "rooms": [
                {
                    "mode": room.mode,
                    "excess_k": _text(room.excess_k),
                    "activity": room.activity,
                    "can_cool": room.can_cool,
                    "weight": str(room.weight),
                }
                for room in self.rooms
            ],
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
            rooms=tuple(
                Room(
                    mode=Mode(room["mode"]),
                    excess_k=_number(room["excess_k"]),
                    activity=Activity(room["activity"]) if room["activity"] else None,
                    can_cool=bool(room["can_cool"]),
                    weight=decimal_of(room["weight"]),
                )
                for room in document["rooms"]
            ),
            season=Season(season) if season else None,
            season_by_hand=Season(by_hand) if by_hand else None,
            captures={source: decimal_of(part) for source, part in document["captures"].items()},
        )


_LIMITS = sorted(
    {
        PRICE_STANDS,
        FUEL_PRICE_STANDS,
        OUTDOOR_STANDS,
        ROOMS_STAND,
        CAPTURE_STANDS,
        SEASON_STANDS,
    }
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

    def resume(self, at: datetime, conditions: Conditions) -> None:
        """Begin with the last conditions of an earlier run; they lose their worth with time."""
        self.set(at - _POLLS_APART, conditions)
        for limit in _LIMITS:
            self.set(at + limit, conditions.after(limit))

    def cut_off(self, at: datetime) -> None:
        """Forget what was expected to hold from a moment on."""
        self.version += 1
        keep = bisect_right(self._since, at)
        del self._since[keep:], self._conditions[keep:]

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

    def _forget(self, before: datetime) -> None:
        keep = max(bisect_right(self._since, before) - 1, len(self._since) - _MOST // 2, 0)
        del self._since[:keep], self._conditions[:keep]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else decimal_of(text)
