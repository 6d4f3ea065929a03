"""What electricity costs: fixed, by an entity, by the time of use, or by tiers of consumption."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from .calendar import billing_month, days, moment, month_starts, passings
from .consumption import Consumption
from .units import joules, kwh


class Prices(Protocol):
    """One kind of price."""

    def cuts(self, start: datetime, end: datetime, zone: tzinfo) -> Iterable[datetime]:
        """Yield the moments between two others at which the price may change."""

    def now(self, local: datetime, followed: Decimal | None, used: Consumption) -> Decimal | None:
        """Return the price of the next kWh at a local time; None where it is not known.

        `followed` is what an entity says.
        """


@dataclass(frozen=True, slots=True)
class FixedPrice:
    """The same price at all times."""

    price: Decimal

    def cuts(self, start: datetime, end: datetime, zone: tzinfo) -> Iterable[datetime]:
        """Yield nothing."""
        return ()

    def now(self, local: datetime, followed: Decimal | None, used: Consumption) -> Decimal | None:
        """Return the price."""
        return self.price


@dataclass(frozen=True, slots=True)
class FollowedPrice:
    """The price that an entity says."""

    def cuts(self, start: datetime, end: datetime, zone: tzinfo) -> Iterable[datetime]:
        """Yield nothing: what an entity said when is known to who asked it."""
        return ()

    def now(self, local: datetime, followed: Decimal | None, used: Consumption) -> Decimal | None:
        """Return what the entity says."""
        return followed


@dataclass(frozen=True, slots=True)
class UnknownPrice:
    """A price that nobody can tell any more."""

    def cuts(self, start: datetime, end: datetime, zone: tzinfo) -> Iterable[datetime]:
        """Yield nothing."""
        return ()

    def now(self, local: datetime, followed: Decimal | None, used: Consumption) -> Decimal | None:
        """Return None."""
        return None


MONTHS = frozenset(range(1, 13))
WEEKDAYS = frozenset(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time of the day with a price of its own, on weekdays (0 is Monday) of months.

    One that ends before or at its start goes on over midnight, and belongs to the day and
    month in which it began. `start` and `end` may be equal: that is the whole day.
    """

    start: time
    end: time
    price: Decimal
    weekdays: frozenset[int] = WEEKDAYS
    months: frozenset[int] = MONTHS

    def holds(self, local: datetime) -> bool:
        """Tell whether it is on at a local time."""
        clock, day = local.time(), local.date()
        if self.start < self.end:
            return self.start <= clock < self.end and self._begins_on(day)
        if clock >= self.start:
            return self._begins_on(day)
        return clock < self.end and self._begins_on(day - timedelta(days=1))

    @property
    def part_of_year(self) -> Decimal:
        """The part of a year, 0 to 1, in which it is on."""
        start, end = self._span(0)
        return Decimal((end - start) * len(self.weekdays) * len(self.months)) / (86400 * 7 * 12)

    def _begins_on(self, day: date) -> bool:
        return day.weekday() in self.weekdays and day.month in self.months

    def overlaps(self, other: Window) -> bool:
        """Tell whether there is a moment in a year at which both are on."""
        return any(
            spans_meet(mine, its)
            for shift in (-1, 0, 1)
            for mine, its in [(self._span(0), other._span(shift))]
            if self._shares_a_day(other, shift)
        )

    def _span(self, day: int) -> tuple[int, int]:
        start, end = (at.hour * 3600 + at.minute * 60 + at.second for at in (self.start, self.end))
        return day * 86400 + start, (day + (end <= start)) * 86400 + end

    def _shares_a_day(self, other: Window, shift: int) -> bool:
        """Tell whether the other may begin that many days after a day on which this begins."""
        if not any((day + shift) % 7 in other.weekdays for day in self.weekdays):
            return False
        if self.months & other.months:
            return True
        return shift != 0 and any(
            (month - 1 + shift) % 12 + 1 in other.months for month in self.months
        )


def spans_meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether two half-open spans have a moment in common."""
    return one[0] < other[1] and other[0] < one[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOfUse:
    """Prices by windows of time; `base` is the price outside of them."""

    base: Decimal
    windows: tuple[Window, ...]

    def cuts(self, start: datetime, end: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Yield the midnights, and where windows begin and end."""
        clocks = {time()} | {at for window in self.windows for at in (window.start, window.end)}
        for day in days(start, end, zone):
            cuts = {cut for clock in clocks for cut in passings(day, clock, zone)}
            yield from sorted(cut for cut in cuts if start < cut < end)

    def now(self, local: datetime, followed: Decimal | None, used: Consumption) -> Decimal | None:
        """Return the price of the window that is on."""
        return next((window.price for window in self.windows if window.holds(local)), self.base)

    @property
    def mean(self) -> Decimal:
        """The mean price over all hours of a year, by weekdays and months of equal length."""
        above = (window.part_of_year * (window.price - self.base) for window in self.windows)
        return self.base + sum(above, Decimal(0))


class Period(StrEnum):
    """What the thresholds of tiers are counted by."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A price, and up to which consumption of the period in kWh it holds; None: to any."""

    price: Decimal
    up_to_kwh: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredPrice:
    """Prices by the consumption since the day or the billing month began.

    Our consumption comes on top of the household's: it costs what it adds to the bill. Each kWh
    of ours has the price of the tier that is reached before it, the marginal price; and what
    the household uses later in the period moves ours up. Tiers are in rising order of
    thresholds; the last has none.
    """

    tiers: tuple[Tier, ...]
    period: Period = Period.DAY
    first_day: int = 1

    def period_of(self, day: date) -> date:
        """Return the first day of the period that a day is of."""
        return day if self.period is Period.DAY else billing_month(day, self.first_day)

    def cuts(self, start: datetime, end: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Yield the moments at which a period begins."""
        if self.period is Period.MONTH:
            yield from month_starts(start, end, zone, self.first_day)
            return
        for day in days(start, end, zone):
            if start < (midnight := moment(day, time(), zone)) < end:
                yield midnight

    def split(
        self, energy_j: Decimal, day: date, used: Consumption
    ) -> Iterator[tuple[Decimal, Decimal]]:
        """Count an energy as used on a day; yield its parts by tier, each with its price."""
        period = self.period_of(day)
        used.add_ours(period, energy_j)
        yield from self._parts(used.of(period) - energy_j, energy_j)

    def now(self, local: datetime, followed: Decimal | None, used: Consumption) -> Decimal | None:
        """Return the price of the tier that is reached."""
        reached = kwh(used.of(self.period_of(local.date())))
        return next(
            tier.price for tier in self.tiers if tier.up_to_kwh is None or reached < tier.up_to_kwh
        )

    def add_household(self, period: date, shown_j: Decimal, used: Consumption) -> Decimal:
        """Count what the household's meter shows; return what that adds to the cost of ours."""
        before = self._ours(period, used)
        used.add_household(period, shown_j)
        return self._ours(period, used) - before

    def _ours(self, period: date, used: Consumption) -> Decimal:
        """Return the bill of a period with us, less the bill without."""
        use = used.use(period)
        household_kwh = kwh(use.household_j)
        return self.bill(household_kwh + kwh(use.ours_j)) - self.bill(household_kwh)

    def month_bill(self, month_kwh: Decimal, days: int) -> Decimal:
        """Return what a month costs in which so much is used, evenly over its days."""
        if self.period is Period.DAY:
            return self.bill(month_kwh / days) * days
        return self.bill(month_kwh)

    def bill(self, used_kwh: Decimal) -> Decimal:
        """Return what a period costs in which so much is used, from the first tier on."""
        parts = self._parts(Decimal(0), joules(used_kwh))
        return sum((kwh(part) * price for part, price in parts), Decimal(0))

    def _parts(self, before_j: Decimal, energy_j: Decimal) -> Iterator[tuple[Decimal, Decimal]]:
        for tier in self.tiers:
            if tier.up_to_kwh is None:
                part = energy_j
            else:
                part = min(energy_j, max(joules(tier.up_to_kwh) - before_j, Decimal(0)))
            if part > 0:
                yield part, tier.price
                before_j += part
                energy_j -= part


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A kind of price, with what comes on top: a surcharge per kWh, then a tax rate on both."""

    prices: Prices
    surcharge: Decimal = field(default=Decimal(0))
    tax: Decimal = field(default=Decimal(0))

    def gross(self, price: Decimal | None) -> Decimal | None:
        """Return a price with surcharge and tax."""
        return None if price is None else (price + self.surcharge) * (1 + self.tax)
