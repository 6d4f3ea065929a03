"""Units of energy, heat and area, and conversions between them."""

from decimal import Decimal

JOULES_PER_KWH = Decimal(3_600_000)

# The International Table BTU is 1,055.05585262 J: 3,600 J / 1,055.05585262 J (ISO 80000-5).
BTU_PER_HOUR_PER_WATT = Decimal("3.412141633")
BTU_PER_KWH = BTU_PER_HOUR_PER_WATT * 1000

SQUARE_METERS_PER_SQUARE_FOOT = Decimal("0.09290304")  # a foot is 0.3048 m by definition


def kwh(energy_j: Decimal) -> Decimal:
    """Return an energy in kWh, given in J."""
    return energy_j / JOULES_PER_KWH


def joules(energy_kwh: Decimal) -> Decimal:
    """Return an energy in J, given in kWh."""
    return energy_kwh * JOULES_PER_KWH


def heated_area_sqft(heat_w: Decimal, btu_per_hour_per_sqft: Decimal) -> Decimal:
    """Return the area in sq ft that a heat in W keeps warm, by a rule of thumb."""
    return heat_w * BTU_PER_HOUR_PER_WATT / btu_per_hour_per_sqft
