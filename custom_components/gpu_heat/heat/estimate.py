"""The calculator: what compute heat costs and is worth in a month and a year."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .fuels import NOTHING, Heater, Heating
from .ledger import Totals
from .rates import Rates
from .tariffs import FixedPrice, Prices, TieredPrice, TimeOfUse
from .units import BTU_PER_HOUR_PER_WATT, BTU_PER_KWH, heated_area_sqft, joules

ZERO = Decimal(0)
DAYS_A_MONTH = 30
MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be estimated.

    `power_w` is that of everything, facility included, and is drawn for `hours_per_day` each
    day, evenly over day and night. Of a year's 12 months of 30 days, heat displaces fuel in
    `heating_months`, and an air conditioner removes it in `cooling_months`; `cooling_cop` is
    0 where there is none. `capture` is the part of the heat, 0 to 1, that reaches the space,
    `electricity_co2` in kg per kWh, None where it is not known. Our consumption is priced from
    a tariff's first tier on.
    """

    power_w: Decimal
    hours_per_day: Decimal
    heating_months: Decimal
    cooling_months: Decimal
    prices: Prices
    heater: Heater
    cooling_cop: Decimal = ZERO
    capture: Decimal = Decimal(1)
    electricity_co2: Decimal | None = None
    heat_per_sqft: Decimal = Decimal(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """A month or a year: energy in kWh, heat in BTU, money, fuel in its unit, CO2 in kg.

    Without a price of the fuel there is no value; what is not known of the CO2 is None.
    """

    energy_kwh: Decimal = ZERO
    heat_btu: Decimal = ZERO
    electricity_cost: Decimal = ZERO
    fuel_displaced: Decimal = ZERO
    heat_value: Decimal = ZERO
    cooling_energy_kwh: Decimal = ZERO
    cooling_cost: Decimal = ZERO
    electricity_co2_kg: Decimal | None = ZERO
    displaced_co2_kg: Decimal | None = ZERO

    @property
    def net_cost(self) -> Decimal:
        """What the compute costs after the heat's value; negative is a gain."""
        return self.electricity_cost + self.cooling_cost - self.heat_value

    @property
    def net_co2_kg(self) -> Decimal | None:
        """CO2 of the electricity less that of the fuel; None where one is not known."""
        if self.electricity_co2_kg is None or self.displaced_co2_kg is None:
            return None
        return self.electricity_co2_kg - self.displaced_co2_kg


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The answer. At `break_even_price` per kWh the year's heating months cost nothing.

    It is None where the heat's value itself follows the price of electricity.
    """

    heat_btu_per_hour: Decimal
    heated_area_sqft: Decimal
    heating_month: Sums
    shoulder_month: Sums
    cooling_month: Sums
    year: Sums
    break_even_price: Decimal | None = field(default=None)


def estimate(plan: Plan) -> Estimate:
    """Work a plan out."""
    share = ZERO if plan.heater.fuel is NOTHING else Decimal(1)
    heating = _month(plan, share=share, cooled=False)
    shoulder = _month(plan, share=ZERO, cooled=False)
    cooling = _month(plan, share=ZERO, cooled=True)
    rest = MONTHS_A_YEAR - plan.heating_months - plan.cooling_months
    months = ((heating, plan.heating_months), (cooling, plan.cooling_months), (shoulder, rest))
    known = heating.energy_kwh and not plan.heater.follows_electricity
    return Estimate(
        heat_btu_per_hour=plan.power_w * BTU_PER_HOUR_PER_WATT,
        heated_area_sqft=heated_area_sqft(plan.power_w * plan.capture, plan.heat_per_sqft),
        heating_month=heating,
        shoulder_month=shoulder,
        cooling_month=cooling,
        year=_add(months),
        break_even_price=heating.heat_value / heating.energy_kwh if known else None,
    )


def _month(plan: Plan, *, share: Decimal, cooled: bool) -> Sums:
    energy = plan.power_w * plan.hours_per_day * DAYS_A_MONTH / 1000
    cost = _bill(plan.prices, energy)
    price = cost / energy if energy else mean_price(plan.prices)
    totals = Totals()
    totals.add(
        joules(energy),
        Rates(
            electricity_price=price,
            heating=_heating(plan, price),
            useful_share=share,
            capture=plan.capture,
        ),
    )
    cooling = energy * plan.capture / plan.cooling_cop if cooled and plan.cooling_cop else ZERO
    heating = _heating(plan, price)
    fuel = totals.fuel.get(heating.key, ZERO)
    grid = plan.electricity_co2
    return Sums(
        energy_kwh=energy,
        heat_btu=energy * BTU_PER_KWH,
        electricity_cost=cost,
        fuel_displaced=fuel,
        heat_value=totals.heat_value,
        cooling_energy_kwh=cooling,
        cooling_cost=_bill(plan.prices, energy + cooling) - cost,  # on top: the marginal tier
        electricity_co2_kg=None if grid is None else (energy + cooling) * grid,
        displaced_co2_kg=_emitted(fuel, heating.co2),
    )


def _heating(plan: Plan, price: Decimal) -> Heating:
    return plan.heater.now(
        electricity_price=price,
        electricity_co2=plan.electricity_co2,
        entity_price=None,
        outdoor_c=None,
    )


def _emitted(fuel: Decimal, co2: Decimal | None) -> Decimal | None:
    if not fuel:
        return ZERO
    return None if co2 is None else fuel * co2


def _bill(prices: Prices, month_kwh: Decimal) -> Decimal:
    """Return what a month costs in which so much is used, evenly over its days and hours."""
    if isinstance(prices, TieredPrice):
        return prices.month_bill(month_kwh, DAYS_A_MONTH)
    return month_kwh * mean_price(prices)


def mean_price(prices: Prices) -> Decimal:
    """Return the mean price over all hours of a year; of tiers, the first.

    Raises ValueError for a price that only an entity knows.
    """
    match prices:
        case FixedPrice(price):
            return price
        case TieredPrice():
            return prices.tiers[0].price
        case TimeOfUse():
            return prices.mean
    raise ValueError("only an entity knows this price")


def _add(months: tuple[tuple[Sums, Decimal], ...]) -> Sums:
    def total(name: str) -> Decimal | None:
        parts = [(getattr(sums, name), count) for sums, count in months if count]
        if any(part is None for part, _ in parts):
            return None
        return sum((part * count for part, count in parts), ZERO)

    sums: dict[str, Any] = {name: total(name) for name in Sums.__slots__}
    return Sums(**sums)
