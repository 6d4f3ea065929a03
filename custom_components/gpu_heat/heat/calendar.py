"""Moments at which days and months begin, by a wall clock, also over changes of the clocks.

All moments that are returned are in UTC: two moments of one local zone subtract by its
wall clock, which is an hour wrong over a change of the clocks.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo


def days(start: datetime, end: datetime, zone: tzinfo) -> Iterator[date]:
    """Yield the local dates that two moments and what lies between them are of."""
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def moment(day: date, at: time, zone: tzinfo) -> datetime:
    """Return when a wall clock shows a time of a day, in UTC; the first time if twice."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def passings(day: date, at: time, zone: tzinfo) -> Iterator[datetime]:
    """Yield the moments at which a wall clock passes a time of a day, either way, in UTC.

    There is one, but where the clocks change over that time: set forward, they pass it at
    the change; set back, they pass it, are set back behind it, and pass it again.
    """
    local = datetime.combine(day, at, zone)
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        yield first
    if first != second:
        yield _clock_change(min(first, second), max(first, second), zone)
    if first < second:
        yield second


def _clock_change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Return when between two moments the clocks change, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def month_starts(
    start: datetime, end: datetime, zone: tzinfo, first_day: int = 1
) -> Iterator[datetime]:
    """Yield the moments strictly between two others at which a month begins.

    A billing month may begin on any `first_day` from 1 to 28.
    """
    day = billing_month(start.astimezone(zone).date(), first_day)
    while (begin := moment(day, time(), zone)) < end:
        if begin > start:
            yield begin
        day = (day.replace(day=1) + timedelta(days=32)).replace(day=first_day)


def billing_month(day: date, first_day: int) -> date:
    """Return the first day of the billing month that a day is of."""
    if day.day >= first_day:
        return day.replace(day=first_day)
    return (day.replace(day=1) - timedelta(days=1)).replace(day=first_day)
