"""All that a zone keeps from run to run, as one document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import InvalidOperation
from typing import Any, Self

from .conditions import Conditions
from .consumption import Consumption
from .ledger import Ledger, LedgerError, Reading, decimal_of, moment_of
from .recent import Recent
from .seasons import Season

_FORMER_KEPT = timedelta(days=14)
_FORMER_MOST = 20


@dataclass(slots=True, kw_only=True)
class Book:
    """The ledger, and what its next entry depends on.

    `conditions` are the last ones known, at the moment `known_at`; `meter` is the household
    meter's last reading, that of `meter_entity`; `season` the last season, and `season_by_hand`
    the one that a person has chosen, None to let the zone tell. `options` are the settings that the sums are going
    on with, and `former` those that held up to a moment: energy may come late.
    """

    ledger: Ledger
    used: Consumption = field(default_factory=Consumption)
    recent: Recent = field(default_factory=Recent)
    conditions: Conditions = field(default_factory=Conditions)
    known_at: datetime | None = None
    meter: Reading | None = None
    meter_entity: str | None = None
    season: Season | None = None
    season_by_hand: Season | None = None
    options: Mapping[str, Any] | None = None
    former: list[tuple[datetime, Mapping[str, Any]]] = field(default_factory=list)

    def go_on_with(self, options: Mapping[str, Any], at: datetime) -> None:
        """Let other settings hold from a moment on."""
        if self.options is not None and self.options != options:
            self.former.append((at, self.options))
        self.former = [item for item in self.former if at - item[0] < _FORMER_KEPT][-_FORMER_MOST:]
        self.options = options

    def reset(self, at: datetime) -> None:
        """Let all sums begin anew."""
        self.ledger.reset(at)
        self.recent.clear()
        self.used.settle()

    def change_currency(self, currency: str, at: datetime) -> None:
        """Let money begin at 0 in another currency."""
        self.ledger.change_currency(currency, at)
        self.recent.clear()
        self.used.settle()

    def to_json(self) -> dict[str, Any]:
        """Return the book as a JSON document; decimals are strings."""
        meter = self.meter
        return {
            **self.ledger.to_json(),
            "used": self.used.to_json(),
            "recent": self.recent.to_json(),
            "conditions": self.conditions.to_json(),
            "known_at": self.known_at.isoformat() if self.known_at else None,
            "meter": [meter.at.isoformat(), str(meter.counter_j)] if meter else None,
            "meter_entity": self.meter_entity,
            "season": self.season,
            "season_by_hand": self.season_by_hand,
            "options": self.options,
            "former": [[at.isoformat(), options] for at, options in self.former],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote, of this version or an earlier one. Raises LedgerError."""
        book = cls(ledger=Ledger.from_json(document))
        try:
            book.used = Consumption.from_json(document.get("used", {}), decimal_of)
            book.recent = Recent.from_json(document.get("recent", []), decimal_of)
            if conditions := document.get("conditions"):
                book.conditions = Conditions.from_json(conditions)
            if known_at := document.get("known_at"):
                book.known_at = moment_of(known_at)
            if meter := document.get("meter"):
                at, counter_j = meter
                book.meter = Reading(at=moment_of(at), counter_j=decimal_of(counter_j))
            book.meter_entity = document.get("meter_entity")
            book.season = _season(document.get("season"))
            book.season_by_hand = _season(document.get("season_by_hand"))
            book.options = document.get("options")
            book.former = [
                (moment_of(at), dict(options)) for at, options in document.get("former", [])
            ]
        except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError) as err:
            raise LedgerError(f"not a book: {err!r}") from err
        return book


def _season(text: str | None) -> Season | None:
    return Season(text) if text else None
