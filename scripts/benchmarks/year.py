"""A year of a GPU server, made up but fixed: its power, its counter, and the price of each hour."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
import random
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Montreal")
POLL_S = 10
POLLS = 365 * 86400 // POLL_S

# Readings are 3 s past the hour, so that what an hour's last one covers has to be cut.
FIRST = datetime(2026, 1, 1, 0, 0, 3, tzinfo=ZONE).astimezone(UTC)
LAST = FIRST + timedelta(seconds=POLLS * POLL_S)

# The power by the second, in tenths of a watt: jobs of eight cards that begin and end, and a
# ripple on it. The pattern is a little longer than a day, so that its hours wander.
_PATTERN_S = 90_001


def _pattern() -> list[int]:
    dice = random.Random(2026)  # noqa: S311  # nothing is kept secret with it
    power: list[int] = []
    while len(power) < _PATTERN_S:
        level = 2_000 + 3_500 * dice.randint(0, 8)  # idle, and 350 W for each card that works
        lasts = dice.randint(20, 3_000)
        power += [level + dice.randint(-500, 500) for _ in range(lasts)]
    return power[:_PATTERN_S]


_POWER = _pattern()
_SUMS = [0, *accumulate(_POWER)]


def power_w(second: int) -> Decimal:
    """Return the power in W in the second that begins so many after the first reading."""
    return Decimal(_POWER[second % _PATTERN_S]) / 10


def counter_tenths(second: int) -> int:
    """Return the energy counter in tenths of a joule, so many seconds after the first reading."""
    rounds, rest = divmod(second, _PATTERN_S)
    return rounds * _SUMS[-1] + _SUMS[rest]


def energy_kwh(start: datetime, end: datetime) -> Fraction:
    """Return the energy between two whole seconds, spread evenly from reading to reading."""
    return (_read(end) - _read(start)) / 36_000_000


def _read(at: datetime) -> Fraction:
    poll, rest = divmod((min(max(at, FIRST), LAST) - FIRST) // timedelta(seconds=1), POLL_S)
    before, after = (counter_tenths((poll + step) * POLL_S) for step in (0, 1))
    return before + Fraction(rest, POLL_S) * (after - before)


def hours() -> list[datetime]:
    """Return the beginnings of all hours of the year and of the one that its last reading is in."""
    first = FIRST.replace(second=0)
    return [first + timedelta(hours=hour) for hour in range(365 * 24 + 1)]


def spot_price(hour: int) -> Decimal:
    """Return what a price entity says in an hour of the year, per kWh."""
    return Decimal(40 + hour * 7919 % 211) / 1000
