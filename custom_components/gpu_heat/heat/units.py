"""Conversions between units of energy."""

from decimal import Decimal

JOULES_PER_KWH = Decimal(3_600_000)


def kwh(energy_j: Decimal) -> Decimal:
    """Return an energy in kWh, given in J."""
    return energy_j / JOULES_PER_KWH
