"""What was added to two sums over the last 24 hours."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from .documents import moment_of
from .ledger import Totals

_WINDOW = timedelta(hours=24)
_STEP = timedelta(minutes=15)


@dataclass(slots=True, kw_only=True)
class Recent:
    """The sums of cost and heat value, as they were each quarter of an hour of the last day."""

    _marks: deque[tuple[datetime, Decimal, Decimal]] = field(default_factory=deque)

    def mark(self, at: datetime, totals: Totals) -> None:
        """Remember the sums of a moment."""
        marks = self._marks
        if marks and at < marks[-1][0]:  # the clock was set back
            marks.clear()
        if not marks or at - marks[-1][0] >= _STEP:
            marks.append((at, totals.electricity_cost, totals.heat_value))

    def offset_ratio(self, now: datetime, totals: Totals) -> Decimal | None:
        """Return heat value by electricity cost of the last 24 h, or of as long as is known.

        None where there was no cost.
        """
        marks = self._marks
        while len(marks) > 1 and marks[1][0] <= now - _WINDOW:
            marks.popleft()
        if not marks:
            return None
        _, cost, value = marks[0]
        spent = totals.electricity_cost - cost
        return (totals.heat_value - value) / spent if spent > 0 else None

    def clear(self) -> None:
        """Forget all, for sums that begin anew."""
        self._marks.clear()

    def to_json(self) -> list[list[str]]:
        """Return the marks as a JSON document."""
        return [[at.isoformat(), str(cost), str(value)] for at, cost, value in self._marks]

    @classmethod
    def from_json(cls, document: Iterable[list[str]], decimal: Callable[[str], Decimal]) -> Self:
        """Read what `to_json` wrote. Raises ValueError, TypeError, ArithmeticError."""
        recent = cls()
        for at, cost, value in document:
            recent._marks.append((moment_of(at), decimal(cost), decimal(value)))
        return recent
