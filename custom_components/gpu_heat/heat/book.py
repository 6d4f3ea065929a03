"""All that a zone keeps from run to run, as one document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import InvalidOperation
from typing import Any, Self

from .account import Reading
from .conditions import Conditions, Timeline
from .consumption import Consumption
from .documents import decimal_of, moment_of
from .ledger import Ledger
from .recent import Recent
from .seasons import Season

_FORMER_KEPT = timedelta(days=14)
_FORMER_MOST = 20


@dataclass(slots=True, kw_only=True)
class Book:
    """The ledger, and what its next entry depends on.

    `timeline` has the conditions up to `known_at`, and `words` what each entity said last, as
    JSON. `meter` is the household meter's last reading, that of `meter_entity`; `season` the
    last season, and `season_by_hand` the one that a person has chosen, None to let the zone
    tell. `options` are the settings that the sums are going on with, and `former` those that
    held up to a moment: energy may come late. `unread` names what could not be read again.
    """

    ledger: Ledger
    used: Consumption = field(default_factory=Consumption)
    recent: Recent = field(default_factory=Recent)
    timeline: Timeline = field(default_factory=Timeline)
    known_at: datetime | None = None
    words: Mapping[str, Any] = field(default_factory=dict)
    meter: Reading | None = None
    meter_entity: str | None = None
    season: Season | None = None
    season_by_hand: Season | None = None
    options: Mapping[str, Any] | None = None
    former: list[tuple[datetime, Mapping[str, Any]]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def conditions(self) -> Conditions:
        """The last conditions known."""
        return self.timeline.latest

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
        meter, known_at = self.meter, self.known_at
        read = [at for account in self.ledger.accounts.values() if (at := account.read_at)]
        needed_since = min([*read, *([known_at] if known_at else [])], default=None)
        return {
            **self.ledger.to_json(),
            "used": self.used.to_json(),
            "recent": self.recent.to_json(),
            "timeline": self.timeline.to_json(needed_since) if needed_since else [],
            "known_at": known_at.isoformat() if known_at else None,
            "words": self.words,
            "meter": [meter.at.isoformat(), str(meter.counter_j)] if meter else None,
            "meter_entity": self.meter_entity,
            "season": self.season,
            "season_by_hand": self.season_by_hand,
            "options": self.options,
            "former": [[at.isoformat(), options] for at, options in self.former],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote, of this version or an earlier one.

        Raises LedgerError where the sums cannot be read. What else cannot begins anew.
        """
        book = cls(ledger=Ledger.from_json(document))

        def take(name: str, read: Callable[[Any], Any]) -> None:
            if (part := document.get(name)) is None:
                return
            try:
                setattr(book, name, read(part))
            except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError):
                book.unread.append(name)

        take("used", lambda part: Consumption.from_json(part, decimal_of))
        take("recent", lambda part: Recent.from_json(part, decimal_of))
        take("timeline", Timeline.from_json)
        take("known_at", moment_of)
        take("words", dict)
        take("meter", lambda part: _reading(*part))
        take("meter_entity", str)
        take("season", Season)
        take("season_by_hand", Season)
        take("options", dict)
        take("former", lambda part: [(moment_of(at), dict(options)) for at, options in part])
        return book


def _reading(at: str, counter_j: str) -> Reading:
    return Reading(at=moment_of(at), counter_j=decimal_of(counter_j))
