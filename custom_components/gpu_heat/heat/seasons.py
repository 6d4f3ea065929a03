"""Seasons, and how much of the heat is useful."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

# Compute heat is the first stage of the heating: all of it is useful up to this much
# above the thermostat's target, none of it from FADE_END_K on.
FADE_START_K = Decimal("0.5")
FADE_END_K = Decimal("1.5")

DAY = timedelta(hours=24)
ZERO = Decimal(0)


class Season(StrEnum):
    """What the building needs at this time of the year."""

    HEATING = "heating"
    SHOULDER = "shoulder"
    COOLING = "cooling"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonCalendar:
    """Seasons by month, 1 to 12. A month in neither set is between the seasons."""

    heating_months: frozenset[int]
    cooling_months: frozenset[int]

    def season(self, moment: datetime) -> Season:
        """Return the season of a moment, in the time zone that the moment carries."""
        if moment.month in self.heating_months:
            return Season.HEATING
        if moment.month in self.cooling_months:
            return Season.COOLING
        return Season.SHOULDER


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdoorSeasons:
    """Seasons by the mean temperature outdoors of the last 24 h, in °C.

    A season that has begun ends only `hysteresis_k` beyond where it began, so that a mean
    that lingers at a threshold does not switch to and fro.
    """

    heating_below_c: Decimal = Decimal(13)
    cooling_above_c: Decimal = Decimal(18)
    hysteresis_k: Decimal = Decimal(1)

    def season(self, mean_c: Decimal, previous: Season | None) -> Season:
        """Return the season at a mean, after the previous season."""
        heating_below, cooling_above = self.heating_below_c, self.cooling_above_c
        if previous is Season.HEATING:
            heating_below += self.hysteresis_k
        elif previous is Season.COOLING:
            cooling_above -= self.hysteresis_k
        if mean_c < heating_below:
            return Season.HEATING
        if mean_c > cooling_above:
            return Season.COOLING
        return Season.SHOULDER


@dataclass(slots=True, kw_only=True)
class RollingMean:
    """The mean over time of a value that is known by its changes, over the last 24 h."""

    window: timedelta = DAY
    _changes: deque[tuple[datetime, Decimal | None]] = field(default_factory=deque)

    def add(self, at: datetime, value: Decimal | None) -> None:
        """Take in a value, None where it is no longer known.

        What is later than that is forgotten: the clock was set back.
        """
        while self._changes and at < self._changes[-1][0]:
            self._changes.pop()
        if not self._changes or self._changes[-1][1] != value:
            self._changes.append((at, value))
        self._forget(at - self.window)

    def mean(self, now: datetime) -> Decimal | None:
        """Return the mean over as much of the window as is known; None if none of it is."""
        self._forget(now - self.window)
        begin = now - self.window
        sum_, seconds = ZERO, ZERO
        ends = [*[at for at, _ in self._changes][1:], now]
        for (at, value), end in zip(self._changes, ends, strict=False):
            lasted = Decimal((end - max(at, begin)).total_seconds())
            if value is not None and lasted > 0:
                sum_ += value * lasted
                seconds += lasted
        if seconds:
            return sum_ / seconds
        return self._changes[-1][1] if self._changes else None

    def _forget(self, begin: datetime) -> None:
        """Drop the changes that the window no longer needs."""
        while len(self._changes) > 1 and self._changes[1][0] <= begin:
            self._changes.popleft()


class Mode(StrEnum):
    """What a thermostat may do: heat, cool, either by itself, or neither."""

    HEAT = "heat"
    COOL = "cool"
    BOTH = "both"
    OFF = "off"


class Activity(StrEnum):
    """What a thermostat's heater or cooler does at this moment."""

    HEATING = "heating"
    COOLING = "cooling"
    IDLE = "idle"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room as its thermostat sees it.

    `excess_k` is how far it is above the target that is heated to, in K; None where a
    temperature is not known. `target_c` is that target in °C, None where it is not known or
    was not kept. `activity` is None for a thermostat that does not say it.
    `can_cool` tells whether it has an air conditioner at all. `weight` is its part of
    the zone, in any unit.
    """

    mode: Mode
    excess_k: Decimal | None = None
    target_c: Decimal | None = None
    activity: Activity | None = None
    can_cool: bool = False
    weight: Decimal = Decimal(1)

    @property
    def heats(self) -> bool:
        """Whether its thermostat would heat, were it cold."""
        return self.mode in (Mode.HEAT, Mode.BOTH) and self.activity not in (
            Activity.OFF,
            Activity.COOLING,
        )

    @property
    def share(self) -> Decimal | None:
        """The part of the heat, 0 to 1, that displaces heating here; None if not known."""
        if self.activity is Activity.HEATING:
            return Decimal(1)
        if not self.heats:
            return ZERO
        if self.excess_k is None:
            return ZERO if self.activity is Activity.IDLE else None
        share = (FADE_END_K - self.excess_k) / (FADE_END_K - FADE_START_K)
        return min(max(share, ZERO), Decimal(1))

    def cooling(self, season: Season) -> Decimal | None:
        """Return the part of the heat, 0 or 1, that an air conditioner removes; None: no say."""
        if not self.can_cool:
            return None
        if self.activity is Activity.COOLING:
            return Decimal(1)
        if self.mode in (Mode.OFF, Mode.HEAT) or self.activity is Activity.HEATING:
            return ZERO
        return Decimal(season is Season.COOLING)


def useful_share(season: Season, rooms: Sequence[Room]) -> Decimal:
    """Return the part of the heat, 0 to 1, that displaces heating now.

    0 in the cooling season. With thermostats, 1 while a heater is on or the room is at most
    0.5 K above its target, falling to 0 at + 1.5 K, and 0 where none heats; the mean of
    the rooms by their weights. Without one that is known, 1 in the heating season.
    """
    if season is Season.COOLING:
        return ZERO
    shares = [(room.share, room.weight) for room in rooms]
    mean = _weighted(shares)
    return Decimal(season is Season.HEATING) if mean is None else mean


def cooling_part(season: Season, rooms: Sequence[Room]) -> Decimal:
    """Return the part of the heat, 0 to 1, that an air conditioner has to remove now.

    1 in the cooling season, unless the thermostats that can cool say otherwise.
    """
    mean = _weighted([(room.cooling(season), room.weight) for room in rooms])
    return Decimal(season is Season.COOLING) if mean is None else mean


def _weighted(parts: Iterable[tuple[Decimal | None, Decimal]]) -> Decimal | None:
    known = [(part, weight) for part, weight in parts if part is not None]
    weights = sum((weight for _, weight in known), ZERO)
    if not weights:
        return None
    return sum((part * weight for part, weight in known), ZERO) / weights


def season_of_rooms(rooms: Sequence[Room], previous: Season | None) -> Season | None:
    """Return the season by the thermostats' modes; None if they do not say.

    Heating where any may heat and none is set to cool, and the reverse; a thermostat that does
    both by itself counts by what it does, and else leaves the season as it was.
    """
    if not rooms:
        return None
    heat = any(
        room.mode is Mode.HEAT or (room.mode is Mode.BOTH and room.activity is Activity.HEATING)
        for room in rooms
    )
    cool = any(
        room.mode is Mode.COOL or (room.mode is Mode.BOTH and room.activity is Activity.COOLING)
        for room in rooms
    )
    if heat != cool:
        return Season.HEATING if heat else Season.COOLING
    if heat or any(room.mode is Mode.BOTH for room in rooms):
        return previous
    return Season.SHOULDER
