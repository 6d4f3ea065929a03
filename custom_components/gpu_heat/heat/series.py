"""Values of the time ahead: prices that hold in steps, temperatures that go by points."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from itertools import pairwise
import math
from typing import Self

HOUR = timedelta(hours=1)
# Two temperatures further apart than this say nothing of the time between them.
FARTHEST_APART = timedelta(hours=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A value from a moment on; `end` is until when, None where that is not said."""

    start: datetime
    value: float
    end: datetime | None = None

    @property
    def sound(self) -> bool:
        """Whether it can be used: a number, of a moment with a time zone, that lasts."""
        moments = [self.start] if self.end is None else [self.start, self.end]
        return (
            math.isfinite(self.value)
            and all(_is_moment(at) for at in moments)
            and (self.end is None or _utc(self.end) > _utc(self.start))
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A value that holds from `start` until before `end`, both in UTC."""

    start: datetime
    end: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """Values that hold in steps, in order and without overlaps; between them there may be gaps."""

    steps: tuple[Step, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[Row], *, longest: timedelta = HOUR) -> Self:
        """Put rows in order, whatever order they come in.

        Rows that are not sound are left out, the last of several for one moment counts, and a
        row that begins while another still holds ends that one. A row that says no end holds
        as long as the shorter of its distances to its neighbours, and not longer than
        `longest`: what is missing stays a gap. Alone it says nothing.
        """
        ordered = _in_order(rows)
        starts = [_utc(row.start) for row in ordered]
        apart = [later - earlier for earlier, later in pairwise(starts)]
        steps = []
        for index, row in enumerate(ordered):
            start, beside = starts[index], apart[max(index - 1, 0) : index + 1]
            lasts = min(beside, default=timedelta(0))
            end = start + min(lasts, longest) if row.end is None else _utc(row.end)
            if index < len(apart):
                end = min(end, starts[index + 1])
            if end > start:
                steps.append(Step(start, end, row.value))
        return cls(tuple(steps))

    def at(self, moment: datetime) -> float | None:
        """Return the value of a moment with a time zone; None where none is known."""
        index = bisect_right(self.steps, moment, key=_start) - 1
        if index < 0 or moment >= self.steps[index].end:
            return None
        return self.steps[index].value

    @property
    def end(self) -> datetime | None:
        """Until when anything is known; None if nothing is."""
        return self.steps[-1].end if self.steps else None


@dataclass(frozen=True, slots=True)
class Line:
    """Values that go evenly from one point to the next, in order; moments are in UTC."""

    points: tuple[Row, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """Put rows in order as `Series.of` does; ends do not matter."""
        return cls(tuple(Row(start=_utc(row.start), value=row.value) for row in _in_order(rows)))

    def at(self, moment: datetime) -> float | None:
        """Return the value of a moment with a time zone.

        None outside of the points, and between two that are more than 3 h apart.
        """
        points = self.points
        index = bisect_right(points, moment, key=_start)
        if index == 0:
            return None
        before = points[index - 1]
        since = _utc(moment) - before.start
        if not since:
            return before.value
        if index == len(points) or points[index].start - before.start > FARTHEST_APART:
            return None
        part = since / (points[index].start - before.start)
        return before.value + part * (points[index].value - before.value)

    @property
    def end(self) -> datetime | None:
        """Up to when anything is known; None if nothing is."""
        return self.points[-1].start if self.points else None


def _in_order(rows: Iterable[Row]) -> list[Row]:
    sound = {_utc(row.start): row for row in rows if row.sound}
    return [sound[start] for start in sorted(sound)]


def _start(item: Row | Step) -> datetime:
    return item.start


def _is_moment(at: datetime) -> bool:
    return at.utcoffset() is not None and MINYEAR < at.year < MAXYEAR  # else UTC may not have it


def _utc(moment: datetime) -> datetime:
    """Return a moment in UTC: in a zone whose clock is set, hours come twice or lack."""
    return moment.astimezone(UTC)
