"""How much electricity a household has used in each period of a tiered tariff."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
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
    has not yet had the time to show, and `household_j` what the household used without us.
    `displaced_j` is the electricity that our heat spared it, where it heats with that.
    """

    ours_j: Decimal = ZERO
    household_j: Decimal = ZERO
    pending_j: Decimal = ZERO
    displaced_j: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Consumption:
    """The use by period. `meter_has_ours`: the household's meter counts our sources as well."""

    meter_has_ours: bool = False
    periods: dict[date, Use] = field(default_factory=dict)

    def of(self, period: date) -> Decimal:
        """Return what was used in a period up to now, in J."""
        if (use := self.periods.get(period)) is None:
            return ZERO
        return use.household_j + use.ours_j

    def add_ours(self, period: date, energy_j: Decimal) -> None:
        """Count energy of our sources."""
        use = self.use(period)
        use.ours_j += energy_j
        if self.meter_has_ours and period < max(self.periods):
            use.household_j -= energy_j  # late: the meter has shown it long ago, as its own
        else:
            use.pending_j += energy_j

    def add_household(self, period: date, shown_j: Decimal) -> None:
        """Count energy that the household's meter has shown since it was last read."""
        use = self.use(period)
        use.household_j += shown_j - (use.pending_j if self.meter_has_ours else ZERO)
        use.pending_j = ZERO

    def begin_meter(self, period: date, shown_j: Decimal) -> None:
        """Begin with a meter: what it has shown since the period began, as far as is known."""
        use = self.use(period)
        use.household_j = shown_j - (use.ours_j if self.meter_has_ours else ZERO)
        use.pending_j = ZERO

    def settle(self) -> None:
        """Leave what was booked as it is: ours become the household's."""
        for use in self.periods.values():
            use.household_j += use.ours_j
            use.ours_j = use.displaced_j = ZERO

    def use(self, period: date) -> Use:
        """Return the use of a period, a new one if need be."""
        if (use := self.periods.get(period)) is None:
            if len(self.periods) >= _KEPT:
                del self.periods[min(self.periods)]
            use = self.periods[period] = Use()
        return use

    def to_json(self) -> dict[str, Any]:
        """Return the use by period as a JSON document."""
        return {
            day.isoformat(): {name: str(energy_j) for name, energy_j in asdict(use).items()}
            for day, use in self.periods.items()
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], decimal: Callable[[str], Decimal]) -> Self:
        """Read what `to_json` wrote. Raises ValueError, TypeError, ArithmeticError."""
        periods = {
            date.fromisoformat(day): Use(**{name: decimal(text) for name, text in use.items()})
            for day, use in document.items()
        }
        return cls(periods=periods)
