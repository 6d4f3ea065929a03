"""How much electricity a household has used in each period of a tiered tariff."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Self

ZERO = Decimal(0)
# So many periods are kept, the latest ones: no source is expected to come back with energy that
# was used before. Should one do, it is priced from the first tier on.
_KEPT = 100


@dataclass(slots=True, kw_only=True)
class Use:
    """Energy of one period in J.

    `ours_j` is what our sources used, `pending_j` the part of it that the household's meter
    has not yet had the time to show, and `household_j` what the meter says.
    """

    ours_j: Decimal = ZERO
    household_j: Decimal = ZERO
    pending_j: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Consumption:
    """The use by period. `meter_has_ours`: the household's meter counts our sources as well."""

    meter_has_ours: bool = False
    periods: dict[date, Use] = field(default_factory=dict)

    def of(self, period: date) -> Decimal:
        """Return what was used in a period up to now, in J."""
        if (use := self.periods.get(period)) is None:
            return ZERO
        return use.household_j + (use.pending_j if self.meter_has_ours else use.ours_j)

    def add_ours(self, period: date, energy_j: Decimal) -> None:
        """Count energy of our sources."""
        use = self._use(period)
        use.ours_j += energy_j
        use.pending_j += energy_j

    def add_household(self, period: date, energy_j: Decimal) -> None:
        """Count energy that the household's meter has shown since it was last read."""
        use = self._use(period)
        use.household_j += energy_j
        use.pending_j = ZERO

    def _use(self, period: date) -> Use:
        if (use := self.periods.get(period)) is None:
            if len(self.periods) >= _KEPT:
                del self.periods[min(self.periods)]
            use = self.periods[period] = Use()
        return use

    def to_json(self) -> dict[str, Any]:
        """Return the use by period as a JSON document."""
        return {
            day.isoformat(): [str(use.ours_j), str(use.household_j), str(use.pending_j)]
            for day, use in self.periods.items()
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], decimal: Callable[[str], Decimal]) -> Self:
        """Read what `to_json` wrote. Raises ValueError, TypeError, ArithmeticError."""
        periods = {}
        for day, amounts in document.items():
            ours_j, household_j, pending_j = map(decimal, amounts)
            periods[date.fromisoformat(day)] = Use(
                ours_j=ours_j, household_j=household_j, pending_j=pending_j
            )
        return cls(periods=periods)
