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

# Heat contents: US Energy Information Administration, "Units and calculators explained:
# energy conversion calculators": heating oil 137,381 BTU per US gallon, propane 91,452 BTU per
# US gallon, natural gas 1,036 BTU per cubic foot. Wood pellets: 16.5 MJ/kg net calorific
# value is the least of class A1 in ISO 17225-2 (4.6 kWh/kg), 4.8 is usual.
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
