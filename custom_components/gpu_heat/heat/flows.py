"""What a zone's sources cost and are worth at this moment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .rates import Rates

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One source: its power in W, None if it is not known, and its rates."""

    power_w: Decimal | None
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """All sources together. Power in W, rates in money per hour; None is not known.

    `effective_w` has the air conditioner's power with it, `in_space_w` is the heat that
    reaches the space. At `break_even_price` per kWh of electricity the net cost is 0; None
    where the heat's value itself follows the price of electricity.
    """

    power_w: Decimal | None
    effective_w: Decimal | None
    in_space_w: Decimal | None
    cost_rate: Decimal | None
    heat_value_rate: Decimal | None
    break_even_price: Decimal | None


def flows(sources: Sequence[Flow], *, value_follows_electricity: bool) -> Flows:
    """Add the sources up."""

    def add(of: Callable[[Rates], Decimal | None]) -> Decimal | None:
        total = ZERO
        for source in sources:
            factor = of(source.rates)
            if source.power_w is None or factor is None:
                return None
            total += source.power_w * factor
        return total if sources else None

    return Flows(
        power_w=add(lambda rates: Decimal(1)),
        effective_w=add(lambda rates: rates.electricity),
        in_space_w=add(lambda rates: rates.capture),
        cost_rate=_hourly(add(lambda rates: _cost(rates))),
        heat_value_rate=_hourly(add(lambda rates: rates.heat_value)),
        break_even_price=_break_even(sources, value_follows_electricity),
    )


def _cost(rates: Rates) -> Decimal | None:
    price = rates.electricity_price
    return None if price is None else rates.electricity * price


def _hourly(watts_at_a_price: Decimal | None) -> Decimal | None:
    return None if watts_at_a_price is None else watts_at_a_price / 1000


def _break_even(sources: Sequence[Flow], value_follows_electricity: bool) -> Decimal | None:
    """Return heat value by electricity, both of a kWh of what the sources draw now."""
    drawing = [source for source in sources if source.power_w]
    weighed = [(source.power_w or Decimal(1), source.rates) for source in drawing or sources]
    value, electricity = ZERO, ZERO
    for weight, rates in weighed:
        worth = rates.heat_value
        if worth is None or (value_follows_electricity and worth):
            return None
        value += weight * worth
        electricity += weight * rates.electricity
    return value / electricity if electricity else None
