"""What the sums of the year are, in fractions, hour by hour, and without the code under test."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from . import year

FIXED = Decimal("0.0718")
BASE = Decimal("0.098")
WINDOWS = (
    (7, 11, Decimal("0.203")),
    (11, 17, Decimal("0.157")),
    (17, 19, Decimal("0.211")),
)
FIRST_TIER, SECOND_TIER = Decimal("0.06905"), Decimal("0.10652")  # Quebec, Rate D
FIRST_TIER_KWH = 40
SURCHARGE, TAX = Decimal("0.003"), Decimal("0.14975")

CAPTURE = Decimal("0.9")
OIL, OIL_CO2 = Decimal("1.30"), Decimal("2.675")  # per L
HEAT_CONTENT, EFFICIENCY = Decimal("10.6"), Decimal("0.85")
COP = Decimal(3)
GRID_CO2 = Decimal("0.0015")
HEATING_MONTHS, COOLING_MONTHS = frozenset({10, 11, 12, 1, 2, 3, 4}), frozenset({6, 7, 8})

_FUEL_PER_KWH = Fraction(CAPTURE) / (Fraction(HEAT_CONTENT) * Fraction(EFFICIENCY))
_COOLING_PER_KWH = Fraction(CAPTURE) / Fraction(COP)


def sums(kind: str) -> dict[str, Fraction]:
    """Return the sums of the year for a kind of price."""
    energy: Counter[str] = Counter()
    cost: Counter[str] = Counter()
    priced = _tiers() if kind == "tiers" else _hourly(kind)
    for month, energy_kwh, money in priced:
        heated, cooled = month in HEATING_MONTHS, month in COOLING_MONTHS
        season = "heating" if heated else "cooling" if cooled else "shoulder"
        energy[season] += energy_kwh
        cost[season] += money
    fuel = energy["heating"] * _FUEL_PER_KWH
    cooling_kwh = energy["cooling"] * _COOLING_PER_KWH
    return {
        "energy": energy.total(),
        "electricity": cost.total(),
        "heat": fuel * Fraction(OIL),
        "cooling": cost["cooling"] * _COOLING_PER_KWH,
        "fuel": fuel,
        "CO2": (energy.total() + cooling_kwh) * Fraction(GRID_CO2) - fuel * Fraction(OIL_CO2),
    }


def hourly_prices(kind: str) -> list[Decimal]:
    """Return the price of each hour, with surcharge and tax; not for tiers."""
    net: list[Decimal] = []
    for number, hour in enumerate(year.hours()):
        local = hour.astimezone(year.ZONE)
        match kind:
            case "fixed":
                net.append(FIXED)
            case "entity":
                net.append(year.spot_price(number))
            case "time of use" if local.weekday() < 5:
                found = [price for start, end, price in WINDOWS if start <= local.hour < end]
                net.append(found[0] if found else BASE)
            case "time of use":
                net.append(BASE)
    return [(price + SURCHARGE) * (1 + TAX) for price in net]


def _hourly(kind: str) -> Iterator[tuple[int, Fraction, Fraction]]:
    """Yield month, energy in kWh and money of each hour."""
    for hour, price in zip(year.hours(), hourly_prices(kind), strict=True):
        energy_kwh = year.energy_kwh(hour, hour + timedelta(hours=1))
        yield hour.astimezone(year.ZONE).month, energy_kwh, energy_kwh * Fraction(price)


def _tiers() -> Iterator[tuple[int, Fraction, Fraction]]:
    """Yield month, energy in kWh and money of each day, as a bill has them."""
    days: Counter = Counter()
    for hour in year.hours():
        day = hour.astimezone(year.ZONE).date()
        days[day] += year.energy_kwh(hour, hour + timedelta(hours=1))
    for day, energy_kwh in days.items():
        first = min(energy_kwh, Fraction(FIRST_TIER_KWH))
        net = first * Fraction(FIRST_TIER) + (energy_kwh - first) * Fraction(SECOND_TIER)
        on_top = energy_kwh * Fraction(SURCHARGE)
        yield day.month, energy_kwh, (net + on_top) * Fraction(1 + TAX)
