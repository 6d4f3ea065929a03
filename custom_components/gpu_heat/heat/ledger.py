"""The ledger: energy counters in, sums of energy, heat and money out.

All sums are decimals. Energy enters as differences of counters, so what was used
while nobody looked is counted when the counter is read again, and nothing is ever
counted twice. What a counter lost by starting anew is not guessed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from .account import ZERO, Account, Counters, Stretch, account_from_json
from .documents import decimal_of, decimals_of, moment_of, to_json
from .rates import Rates
from .units import kwh


class LedgerError(ValueError):
    """A document is not a ledger."""


@dataclass(slots=True, kw_only=True)
class Totals:
    """Sums of energy in J, money in one currency, CO2 in kg, and fuel by its key.

    Of what is not known nothing is booked: `unpriced_j` is the energy without a price, which
    is in no sum of money, and `unvalued_j` the useful heat without one, which counts as
    worth nothing; nor is CO2 where a factor is not known. `cooling_j` is the air
    conditioner's electricity.
    """

    energy_j: Decimal = ZERO
    unpriced_j: Decimal = ZERO
    electricity_cost: Decimal = ZERO
    useful_heat_j: Decimal = ZERO
    unvalued_j: Decimal = ZERO
    heat_value: Decimal = ZERO
    cooling_j: Decimal = ZERO
    cooling_cost: Decimal = ZERO
    co2_net: Decimal = ZERO
    fuel: dict[str, Decimal] = field(default_factory=dict)

    @property
    def net_cost(self) -> Decimal:
        """What the compute cost after the heat's value; negative is a gain."""
        return self.electricity_cost + self.cooling_cost - self.heat_value

    def add(self, energy_j: Decimal, rates: Rates) -> None:
        """Add energy in J, all of it used at the same rates."""
        energy_kwh = kwh(energy_j)
        in_space_j = energy_j * rates.capture
        price = rates.electricity_price
        self.energy_j += energy_j
        if price is None:
            self.unpriced_j += energy_j
        else:
            self.electricity_cost += energy_kwh * price
        if rates.cooling:
            cooling_j = in_space_j * rates.cooling
            self.cooling_j += cooling_j
            if price is not None:
                self.cooling_cost += kwh(cooling_j) * price
        if rates.useful_share:
            self._add_heat(in_space_j * rates.useful_share, rates)
        if (co2_net := rates.co2_net) is not None:
            self.co2_net += energy_kwh * co2_net

    def reprice(self, cost: Decimal, value: Decimal) -> None:
        """Add to cost and value of energy that was booked, as its tier has become another."""
        self.electricity_cost += cost
        self.heat_value += value

    def _add_heat(self, useful_j: Decimal, rates: Rates) -> None:
        fuel = rates.heating.fuel_for(kwh(useful_j))
        self.useful_heat_j += useful_j
        self.fuel[rates.fuel_key] = self.fuel.get(rates.fuel_key, ZERO) + fuel
        if rates.heating.price is None:
            self.unvalued_j += useful_j
        elif rates.electricity_price is not None:  # a value without its cost would feign a gain
            self.heat_value += fuel * rates.heating.price

    def copy(self) -> Totals:
        """Return the sums as they are now."""
        return replace(self, fuel=dict(self.fuel))


type PartsOf = Callable[[Stretch], Iterable[tuple[Decimal, Rates]]]
"""Parts a stretch into energies in J that each have one set of rates."""


@dataclass(slots=True, kw_only=True)
class ClosedBook:
    """The money that was booked in another currency, up to a moment."""

    currency: str
    until: datetime
    electricity_cost: Decimal
    heat_value: Decimal
    cooling_cost: Decimal


class Ledger:
    """The sums of one heat zone, and the accounts of its sources.

    Money is in `currency`, counted from `money_since`; the other sums are counted from
    `since`. Both are None in a ledger that is older than they are.
    """

    def __init__(self, *, currency: str = "", since: datetime | None = None) -> None:
        self.totals = Totals()
        self.accounts: dict[str, Account] = {}
        self.currency = currency
        self.since = since
        self.money_since = since
        self.closed: list[ClosedBook] = []
        self.fuels: list[str] = []
        self.former_fuel: dict[str, Decimal] = {}

    def account(self, source: str) -> Account:
        """Return the account of a source, a new one if need be."""
        if (account := self.accounts.get(source)) is None:
            account = self.accounts[source] = Account()
        return account

    def book(self, source: str, counters: Counters, parts_of: PartsOf) -> None:
        """Price the energy that a source used since its last counters, and add it."""
        for stretch in _merged(self.account(source).advance(counters)):
            if stretch.energy_j:
                for energy_j, rates in parts_of(stretch):
                    self.totals.add(energy_j, rates)

    def reset(self, at: datetime) -> None:
        """Let all sums begin anew. Where the counters stood stays known."""
        self.totals = Totals()
        self.since = self.money_since = at
        self.closed.clear()
        self.former_fuel.clear()
        for account in self.accounts.values():
            account.reset(at)

    def show_fuels(self, keys: list[str]) -> None:
        """Sum the fuels of the heaters by these keys, in their order.

        One that takes the place of another begins at 0, also one that was there before: a sensor
        that fell to 0 and then rose by an old sum would be counted twice.
        """
        for index, key in enumerate(keys):
            if self.fuels[index : index + 1] not in ([], [key]):
                former = self.totals.fuel.pop(key, ZERO)
                self.former_fuel[key] = self.former_fuel.get(key, ZERO) + former
        self.fuels = keys

    def change_currency(self, currency: str, at: datetime) -> None:
        """Set aside the money that was booked so far; in the new currency it begins at 0."""
        if self.currency:
            totals = self.totals
            self.closed.append(
                ClosedBook(
                    currency=self.currency,
                    until=at,
                    electricity_cost=totals.electricity_cost,
                    heat_value=totals.heat_value,
                    cooling_cost=totals.cooling_cost,
                )
            )
            totals.electricity_cost = totals.heat_value = totals.cooling_cost = ZERO
            totals.unpriced_j = totals.unvalued_j = ZERO
            self.money_since = at
        self.currency = currency

    def to_json(self) -> dict[str, Any]:
        """Return the ledger as a JSON document; decimals are strings."""
        return {
            "totals": to_json(asdict(self.totals)),
            "accounts": {source: account.to_json() for source, account in self.accounts.items()},
            "currency": self.currency,
            "since": to_json(self.since),
            "money_since": to_json(self.money_since),
            "closed": [to_json(asdict(book)) for book in self.closed],
            "fuels": self.fuels,
            "former_fuel": to_json(self.former_fuel),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote, of this version or an earlier one. Raises LedgerError."""
        try:
            ledger = cls(currency=document.get("currency", ""))
            totals = document["totals"]
            sums = {name: decimal_of(value) for name, value in totals.items() if name != "fuel"}
            ledger.totals = Totals(**sums, fuel=decimals_of(totals["fuel"]))
            ledger.accounts = {
                source: account_from_json(item) for source, item in document["accounts"].items()
            }
            if since := document.get("since"):
                ledger.since = moment_of(since)
            if money_since := document.get("money_since"):
                ledger.money_since = moment_of(money_since)
            ledger.fuels = [str(key) for key in document.get("fuels", [])]
            ledger.former_fuel = decimals_of(document.get("former_fuel", {}))
            ledger.closed = [_closed(item) for item in document.get("closed", [])]
        except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError) as err:
            raise LedgerError(f"not a ledger: {err!r}") from err
        return ledger


def _merged(stretches: list[Stretch]) -> Iterable[Stretch]:
    """Add up what was used over the same time: a server's cards are read at once."""
    if len(stretches) == 1:
        return stretches
    used: dict[tuple[datetime, datetime], Decimal] = {}
    for stretch in stretches:
        span = stretch.start, stretch.end
        used[span] = used.get(span, ZERO) + stretch.energy_j
    return [
        Stretch(start=start, end=end, energy_j=energy_j) for (start, end), energy_j in used.items()
    ]


def _closed(document: Mapping[str, Any]) -> ClosedBook:
    return ClosedBook(
        currency=document["currency"],
        until=moment_of(document["until"]),
        electricity_cost=decimal_of(document["electricity_cost"]),
        heat_value=decimal_of(document["heat_value"]),
        cooling_cost=decimal_of(document["cooling_cost"]),
    )
