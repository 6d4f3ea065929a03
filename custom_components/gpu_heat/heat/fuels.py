"""The heating that compute heat displaces: fuels, what they hold, what they cost."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuel:
    """A fuel as it is bought.

    `unit` is the unit it is sold in, `heat_content` its heat in kWh per unit,
    `efficiency` what part of that a usual heater delivers over a season (a heat
    pump's is above 1), and `efficiency_range` what can be believed.
    """

    id: str
    unit: str
    heat_content: Decimal
    efficiency: Decimal
    efficiency_range: tuple[Decimal, Decimal]
    electric: bool = False


_COMBUSTION = (Decimal("0.1"), Decimal("1.1"))  # over 1: condensing, by the lower heating value

# Heat contents, gross. US Energy Information Administration, "Energy conversion calculators"
# (2021): heating oil 137,381 BTU per US gallon = 10.64 kWh/L, here 10.6 as usually rounded; its
# table of common factors still has 138,500 = 10.72, for oil with more sulphur. EIA, "British
# thermal units": propane 91,452 BTU per US gallon, natural gas 1,036 BTU per cubic foot. Wood
# pellets: ISO 17225-2 class A1 asks for 4.6 kWh/kg or more, 4.8 is usual.
FUELS: dict[str, Fuel] = {
    fuel.id: fuel
    for fuel in (
        Fuel(
            id="heating_oil",
            unit="L",
            heat_content=Decimal("10.6"),
            efficiency=Decimal("0.85"),
            efficiency_range=_COMBUSTION,
        ),
        Fuel(
            id="propane",
            unit="L",
            heat_content=Decimal("7.08"),
            efficiency=Decimal("0.92"),
            efficiency_range=_COMBUSTION,
        ),
        Fuel(
            id="natural_gas",
            unit="m³",
            heat_content=Decimal("10.72"),
            efficiency=Decimal("0.92"),
            efficiency_range=_COMBUSTION,
        ),
        Fuel(
            id="electricity",
            unit="kWh",
            heat_content=Decimal(1),
            efficiency=Decimal(1),
            efficiency_range=(Decimal("0.5"), Decimal(1)),
            electric=True,
        ),
        Fuel(
            id="heat_pump",
            unit="kWh",
            heat_content=Decimal(1),
            efficiency=Decimal(3),
            efficiency_range=(Decimal(1), Decimal(8)),
            electric=True,
        ),
        Fuel(
            id="wood_pellets",
            unit="kg",
            heat_content=Decimal("4.8"),
            efficiency=Decimal("0.85"),
            efficiency_range=_COMBUSTION,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heating:
    """The heater that compute heat displaces.

    `price` is per unit of the fuel, `efficiency` a fraction (a heat pump's is its
    COP), `heat_content` in kWh per unit of the fuel.
    """

    fuel: Fuel
    price: Decimal
    efficiency: Decimal
    heat_content: Decimal

    def fuel_for(self, heat_kwh: Decimal) -> Decimal:
        """Return how much fuel this heater burns to deliver an amount of heat."""
        return heat_kwh / (self.efficiency * self.heat_content)
