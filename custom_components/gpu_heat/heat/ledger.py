"""The ledger: energy counters in, sums of energy, heat and money out.

All sums are decimals. Energy enters as differences of counters, so what was used
while nobody looked is counted when the counter is read again, and nothing is ever
counted twice. What a counter lost by starting anew is not guessed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from .rates import Rates
from .units import kwh

ZERO = Decimal(0)
_MOST_DIGITS = 27  # before the point, of the 28 that decimals are worked out with


class LedgerError(ValueError):
    """A document is not a ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Energy in J used between two moments."""

    start: datetime
    end: datetime
    energy_j: Decimal

    def cut(self, moment: datetime) -> tuple[Stretch, Stretch]:
        """Cut in two at a moment within; the energy is spread evenly over the time."""
        part = Decimal((moment - self.start) / (self.end - self.start))
        # Few digits, so that the rest is exact.
        energy_j = min(round(self.energy_j * part, 6), self.energy_j)
        return (
            replace(self, end=moment, energy_j=energy_j),
            replace(self, start=moment, energy_j=self.energy_j - energy_j),
        )

    def cut_at(self, moments: Iterable[datetime]) -> Iterator[Stretch]:
        """Cut at moments in rising order within."""
        rest = self
        for moment in moments:
            head, rest = rest.cut(moment)
            yield head
        yield rest


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The energy counters of one source at one moment, in J.

    `epoch` changes when the counters start anew. Where the whole host is metered,
    `whole` is true and `host_j` its counter (None: it does not answer now); the
    devices' counters are then parts of it. `host_epoch` is that of the host's counter
    where that is another's than the devices', and does not start anew with them.
    """

    at: datetime
    epoch: str
    devices_j: Mapping[str, Decimal]
    whole: bool = False
    host_j: Decimal | None = None
    host_epoch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A counter's last reading."""

    at: datetime
    counter_j: Decimal

    def to_json(self) -> dict[str, str]:
        """Return the reading as a JSON document."""
        return {"at": self.at.isoformat(), "counter_j": str(self.counter_j)}

    def stretch_to(self, at: datetime, counter_j: Decimal) -> Stretch:
        """Return the energy used since; none where the counter went back."""
        return Stretch(
            start=self.at, end=max(at, self.at), energy_j=max(counter_j - self.counter_j, ZERO)
        )


@dataclass(slots=True, kw_only=True)
class Account:
    """What one source has used, as a whole and by device, and where its counters stood.

    What it used before `reset_at` is of the sums that were reset then. `waiting` is what the
    devices used while the host's counter is silent: booked if that does not come back.
    """

    epoch: str = ""
    host_epoch: str = ""
    reset_at: datetime | None = None
    energy_j: Decimal = ZERO
    devices_j: dict[str, Decimal] = field(default_factory=dict)
    host_reading: Reading | None = None
    readings: dict[str, Reading] = field(default_factory=dict)
    waiting: Stretch | None = None

    @property
    def read_at(self) -> datetime | None:
        """When the source was last read; None if it never was."""
        readings = [*self.readings.values(), *([self.host_reading] if self.host_reading else [])]
        return max((reading.at for reading in readings), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the account as a JSON document; decimals are strings."""
        return {
            "epoch": self.epoch,
            "host_epoch": self.host_epoch,
            "reset_at": _to_json(self.reset_at),
            "energy_j": str(self.energy_j),
            "devices_j": _to_json(self.devices_j),
            "host_reading": self.host_reading.to_json() if self.host_reading else None,
            "readings": {device: reading.to_json() for device, reading in self.readings.items()},
            "waiting": _to_json(asdict(self.waiting)) if self.waiting else None,
        }

    def close(self) -> None:
        """Expect no more of a source that was removed."""
        self.readings, self.host_reading, self.waiting = {}, None, None

    def reset(self, at: datetime) -> None:
        """Let the sums begin at 0; where the counters stood stays known."""
        self.reset_at = at
        self.energy_j = ZERO
        self.devices_j = dict.fromkeys(self.devices_j, ZERO)
        self.waiting = None

    def advance(self, counters: Counters) -> list[Stretch]:
        """Take in new counters; return the energy that the source used, by stretch of time."""
        if counters.epoch != self.epoch:
            self.epoch = counters.epoch
            self.readings = {}
        used_by_devices = [
            self._advance_device(device, counters.at, counter_j)
            for device, counter_j in counters.devices_j.items()
        ]
        used = self._advance_host(counters, used_by_devices)
        for stretch in used:
            self.energy_j += stretch.energy_j
        return used

    def _advance_device(self, device: str, at: datetime, counter_j: Decimal) -> Stretch:
        reading = Reading(at=at, counter_j=counter_j)
        last = self.readings.get(device, reading)
        self.readings[device] = reading
        stretch = self._since_reset(last.stretch_to(at, counter_j))
        self.devices_j[device] = self.devices_j.get(device, ZERO) + stretch.energy_j
        return stretch

    def _advance_host(self, counters: Counters, by_devices: list[Stretch]) -> list[Stretch]:
        waiting = [self.waiting] if self.waiting else []
        host_epoch = counters.host_epoch or counters.epoch
        if not counters.whole or host_epoch != self.host_epoch:
            self.host_reading = None
        self.host_epoch = host_epoch
        if self.host_reading and counters.host_j is None:
            # Once read, the host's counter makes up for its silence; until then the devices' do.
            self.waiting = _spanning([*waiting, *by_devices])
            return []
        self.waiting = None
        last = self.host_reading
        if counters.whole and counters.host_j is not None:
            self.host_reading = Reading(at=counters.at, counter_j=counters.host_j)
        if last is None or counters.host_j is None:
            return [*waiting, *by_devices]
        return [self._since_reset(last.stretch_to(counters.at, counters.host_j))]

    def _since_reset(self, stretch: Stretch) -> Stretch:
        """Return the part of a stretch after the last reset: energy may come late."""
        if self.reset_at and stretch.start < self.reset_at < stretch.end:
            return stretch.cut(self.reset_at)[1]
        return stretch


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
            "totals": _to_json(asdict(self.totals)),
            "accounts": {source: account.to_json() for source, account in self.accounts.items()},
            "currency": self.currency,
            "since": _to_json(self.since),
            "money_since": _to_json(self.money_since),
            "closed": [_to_json(asdict(book)) for book in self.closed],
            "fuels": self.fuels,
            "former_fuel": _to_json(self.former_fuel),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote, of this version or an earlier one. Raises LedgerError."""
        try:
            ledger = cls(currency=document.get("currency", ""))
            totals = document["totals"]
            sums = {name: decimal_of(value) for name, value in totals.items() if name != "fuel"}
            ledger.totals = Totals(**sums, fuel=_decimals(totals["fuel"]))
            ledger.accounts = {
                source: _account(item) for source, item in document["accounts"].items()
            }
            if since := document.get("since"):
                ledger.since = moment_of(since)
            if money_since := document.get("money_since"):
                ledger.money_since = moment_of(money_since)
            ledger.fuels = [str(key) for key in document.get("fuels", [])]
            ledger.former_fuel = _decimals(document.get("former_fuel", {}))
            ledger.closed = [_closed(item) for item in document.get("closed", [])]
        except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError) as err:
            raise LedgerError(f"not a ledger: {err!r}") from err
        return ledger


def _spanning(stretches: list[Stretch]) -> Stretch | None:
    """Return what was used as of one time, from the first moment to the last."""
    if not stretches:
        return None
    return Stretch(
        start=min(stretch.start for stretch in stretches),
        end=max(stretch.end for stretch in stretches),
        energy_j=sum((stretch.energy_j for stretch in stretches), ZERO),
    )


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


def _to_json(value: Any) -> Any:
    match value:
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {key: _to_json(item) for key, item in value.items()}
        case _:
            return value


def decimal_of(text: str) -> Decimal:
    """Read a decimal that can be added up. Raises ValueError, InvalidOperation."""
    number = Decimal(str(text))  # of a damaged document it may be anything
    if not number.is_finite() or number.adjusted() > _MOST_DIGITS:
        raise ValueError(f"{text} is not a number")
    return number


def moment_of(text: str) -> datetime:
    """Read a moment. Raises ValueError, also where its time zone is not said."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def _decimals(document: Mapping[str, str]) -> dict[str, Decimal]:
    return {key: decimal_of(value) for key, value in document.items()}


def _closed(document: Mapping[str, Any]) -> ClosedBook:
    return ClosedBook(
        currency=document["currency"],
        until=moment_of(document["until"]),
        electricity_cost=decimal_of(document["electricity_cost"]),
        heat_value=decimal_of(document["heat_value"]),
        cooling_cost=decimal_of(document["cooling_cost"]),
    )


def _account(document: Mapping[str, Any]) -> Account:
    host, reset_at = document["host_reading"], document.get("reset_at")
    waiting = document.get("waiting")
    return Account(
        epoch=document["epoch"],
        host_epoch=document.get("host_epoch", document["epoch"]),
        reset_at=moment_of(reset_at) if reset_at else None,
        energy_j=decimal_of(document["energy_j"]),
        devices_j=_decimals(document["devices_j"]),
        host_reading=_reading(host) if host else None,
        readings={device: _reading(item) for device, item in document["readings"].items()},
        waiting=_stretch(waiting) if waiting else None,
    )


def _stretch(document: Mapping[str, str]) -> Stretch:
    return Stretch(
        start=moment_of(document["start"]),
        end=moment_of(document["end"]),
        energy_j=decimal_of(document["energy_j"]),
    )


def _reading(document: Mapping[str, str]) -> Reading:
    return Reading(at=moment_of(document["at"]), counter_j=decimal_of(document["counter_j"]))
