"""Seasons by months, and how much of the heat is useful."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum

# Compute heat is the first stage of the heating: all of it is useful up to this much
# above the thermostat's target, none of it from FADE_END_K on.
FADE_START_K = Decimal("0.5")
FADE_END_K = Decimal("1.5")


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
class Room:
    """A heated room as its thermostat sees it.

    `excess_k` is how far it is above the thermostat's target in K; None while the
    thermostat does not heat, whatever the temperature.
    """

    excess_k: Decimal | None


def useful_share(season: Season, room: Room | None) -> Decimal:
    """Return the part of the heat, 0 to 1, that displaces heating now.

    0 in the cooling season. With a thermostat 1 up to its target + 0.5 K, falling
    to 0 at + 1.5 K, and 0 while it does not heat. Without one, 1 in the heating season.
    """
    if season is Season.COOLING:
        return Decimal(0)
    if room is None:
        return Decimal(season is Season.HEATING)
    if room.excess_k is None:
        return Decimal(0)
    share = (FADE_END_K - room.excess_k) / (FADE_END_K - FADE_START_K)
    return min(max(share, Decimal(0)), Decimal(1))


def month_starts(start: datetime, end: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yield the moments strictly between two others at which a month begins in a time zone."""
    local = start.astimezone(zone)
    while True:
        local = (local.replace(day=1) + timedelta(days=32)).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0, fold=0
        )
        if local >= end:
            return
        yield local.astimezone(UTC)  # two moments of one zone subtract by its wall clock
