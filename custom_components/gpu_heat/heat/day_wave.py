"""The temperatures of a day by the hour, from the lowest and the highest of each."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
import math

from .calendar import moment
from .series import HOUR, Row

# Campbell and Norman (An Introduction to Environmental Biophysics, 1998, section 2.3) let the
# temperature rise from 5 h to 14 h, and fall until 5 h of the next day.
COLDEST = time(5)
WARMEST = time(14)
# Further apart there is an extreme missing: from 14 h to 5 h it is 15 h, 16 h as clocks are set.
_FARTHEST_APART = timedelta(hours=16)


def low(day: date, value: float, zone: tzinfo) -> Row:
    """Return the lowest temperature of a day as a point."""
    return Row(start=moment(day, COLDEST, zone), value=value)


def high(day: date, value: float, zone: tzinfo) -> Row:
    """Return the highest temperature of a day as a point."""
    return Row(start=moment(day, WARMEST, zone), value=value)


def by_hour(extremes: Iterable[Row]) -> Iterator[Row]:
    """Yield points an hour apart that go in half waves from one extreme to the next.

    Of a stretch between two that are more than 16 h apart only the ends.
    """
    ordered = sorted(extremes, key=lambda row: row.start)
    for before, after in pairwise(ordered):
        apart = after.start - before.start
        yield before
        if apart > _FARTHEST_APART:
            continue
        at = before.start + HOUR
        while at < after.start:
            yield Row(start=at, value=_between(before, after, at))
            at += HOUR
    yield from ordered[-1:]


def _between(before: Row, after: Row, at: datetime) -> float:
    part = (at - before.start) / (after.start - before.start)
    return before.value + (after.value - before.value) * (1 - math.cos(math.pi * part)) / 2
