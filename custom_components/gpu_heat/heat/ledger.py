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

from .fuels import Heating
from .units import kwh

ZERO = Decimal(0)


class LedgerError(ValueError):
    """A document is not a ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What energy costs and what its heat is worth over a stretch of time.

    `electricity_price` per kWh; `useful_share` and `capture`, the part of the heat
    that reaches the space, are fractions.
    """

    electricity_price: Decimal
    heating: Heating
    useful_share: Decimal
    capture: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Energy in J used between two moments."""

    start: datetime
    end: datetime
    energy_j: Decimal

    def cut_at(self, moments: Iterable[datetime]) -> Iterator[Stretch]:
        """Cut at moments in rising order within; the energy is spread evenly over the time."""
        rest = self
        for moment in moments:
            part = Decimal((moment - rest.start) / (rest.end - rest.start))
            energy_j = round(rest.energy_j * part, 6)  # few digits, so that the rest is exact
            yield replace(rest, end=moment, energy_j=energy_j)
            rest = replace(rest, start=moment, energy_j=rest.energy_j - energy_j)
        yield rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums since the zone was made. Money in the currency of the prices, fuel by its id."""

    energy_j: Decimal = ZERO
    electricity_cost: Decimal = ZERO
    useful_heat_j: Decimal = ZERO
    heat_value: Decimal = ZERO
    cooling_cost: Decimal = ZERO
    fuel: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def net_cost(self) -> Decimal:
        """What the compute cost after the heat's value; negative is a gain."""
        return self.electricity_cost + self.cooling_cost - self.heat_value

    def plus(self, energy_j: Decimal, rates: Rates) -> Totals:
        """Add energy in J, all of it used at the same rates."""
        useful_j = energy_j * rates.capture * rates.useful_share
        heating = rates.heating
        fuel = heating.fuel_for(kwh(useful_j))
        burnt = self.fuel.get(heating.fuel.id, ZERO) + fuel
        return replace(
            self,
            energy_j=self.energy_j + energy_j,
            electricity_cost=self.electricity_cost + kwh(energy_j) * rates.electricity_price,
            useful_heat_j=self.useful_heat_j + useful_j,
            heat_value=self.heat_value + fuel * heating.price,
            fuel={**self.fuel, heating.fuel.id: burnt},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The energy counters of one source at one moment, in J.

    `epoch` changes when the counters start anew. Where the whole host is metered,
    `whole` is true and `host_j` its counter (None: it does not answer now); the
    devices' counters are then parts of it.
    """

    at: datetime
    epoch: str
    devices_j: Mapping[str, Decimal]
    whole: bool = False
    host_j: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A counter's last reading."""

    at: datetime
    counter_j: Decimal

    def stretch_to(self, at: datetime, counter_j: Decimal) -> Stretch:
        """Return the energy used since; none where the counter went back."""
        return Stretch(
            start=self.at, end=max(at, self.at), energy_j=max(counter_j - self.counter_j, ZERO)
        )


@dataclass(slots=True, kw_only=True)
class Account:
    """What one source has used, as a whole and by device, and where its counters stood."""

    epoch: str = ""
    energy_j: Decimal = ZERO
    devices_j: dict[str, Decimal] = field(default_factory=dict)
    host_reading: Reading | None = None
    readings: dict[str, Reading] = field(default_factory=dict)

    def advance(self, counters: Counters) -> list[Stretch]:
        """Take in new counters; return the energy that the source used, by stretch of time."""
        if counters.epoch != self.epoch:
            self.epoch = counters.epoch
            self.host_reading = None
            self.readings = {}
        used_by_devices = [
            self._advance_device(device, counters.at, counter_j)
            for device, counter_j in counters.devices_j.items()
        ]
        used = self._advance_host(counters, used_by_devices)
        self.energy_j += sum((stretch.energy_j for stretch in used), ZERO)
        return used

    def _advance_device(self, device: str, at: datetime, counter_j: Decimal) -> Stretch:
        last = self.readings.get(device) or Reading(at=at, counter_j=counter_j)
        self.readings[device] = Reading(at=at, counter_j=counter_j)
        stretch = last.stretch_to(at, counter_j)
        self.devices_j[device] = self.devices_j.get(device, ZERO) + stretch.energy_j
        return stretch

    def _advance_host(self, counters: Counters, by_devices: list[Stretch]) -> list[Stretch]:
        if not counters.whole:
            self.host_reading = None
            return by_devices
        if counters.host_j is None:
            # Once read, the host's counter makes up for its silence; until then the devices' do.
            return [] if self.host_reading else by_devices
        last = self.host_reading
        self.host_reading = Reading(at=counters.at, counter_j=counters.host_j)
        return [last.stretch_to(counters.at, counters.host_j)] if last else by_devices


type RatesOver = Callable[[Stretch], Iterable[tuple[Stretch, Rates]]]
"""Cuts a stretch into parts that each have one set of rates."""


class Ledger:
    """The sums of one heat zone, and the accounts of its sources."""

    def __init__(
        self, totals: Totals | None = None, accounts: dict[str, Account] | None = None
    ) -> None:
        self.totals = totals or Totals()
        self.accounts = accounts or {}

    def account(self, source: str) -> Account:
        """Return the account of a source, a new one if need be."""
        return self.accounts.setdefault(source, Account())

    def book(self, source: str, counters: Counters, rates_over: RatesOver) -> None:
        """Price the energy that a source used since its last counters, and add it."""
        for stretch in self.account(source).advance(counters):
            for part, rates in rates_over(stretch):
                self.totals = self.totals.plus(part.energy_j, rates)

    def to_json(self) -> dict[str, Any]:
        """Return the ledger as a JSON document; decimals are strings."""
        return {
            "totals": _to_json(asdict(self.totals)),
            "accounts": {
                source: _to_json(asdict(account)) for source, account in self.accounts.items()
            },
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises LedgerError."""
        try:
            totals = document["totals"]
            return cls(
                Totals(
                    **{name: _decimal(value) for name, value in totals.items() if name != "fuel"},
                    fuel=_decimals(totals["fuel"]),
                ),
                {source: _account(item) for source, item in document["accounts"].items()},
            )
        except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError) as err:
            raise LedgerError(f"not a ledger: {err!r}") from err


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


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(f"{text} is not a number")
    return number


def _decimals(document: Mapping[str, str]) -> dict[str, Decimal]:
    return {key: _decimal(value) for key, value in document.items()}


def _account(document: Mapping[str, Any]) -> Account:
    host = document["host_reading"]
    return Account(
        epoch=document["epoch"],
        energy_j=_decimal(document["energy_j"]),
        devices_j=_decimals(document["devices_j"]),
        host_reading=_reading(host) if host else None,
        readings={device: _reading(item) for device, item in document["readings"].items()},
    )


def _reading(document: Mapping[str, str]) -> Reading:
    return Reading(
        at=datetime.fromisoformat(document["at"]), counter_j=_decimal(document["counter_j"])
    )
