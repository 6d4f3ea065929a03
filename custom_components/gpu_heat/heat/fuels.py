"""The heating that compute heat displaces: fuels, what they hold, what they cost.

Heat contents are gross (higher heating value), as fuel is billed in North America, but for
pellets, whose net one is what dealers and boiler makers use.

- Heating oil: Natural Resources Canada, home heating series, 38.2 MJ/L = 10.6 kWh/L. The US
  Energy Information Administration (EIA), "Energy conversion calculators" (2021 figures), has
  137,381 BTU per US gallon = 10.64; 138,500 = 10.72 is of 2017, for oil with more sulphur.
- Propane: EIA, 91,452 BTU per US gallon = 7.08 kWh/L (Natural Resources Canada: 7.03).
- Natural gas: EIA, 1,036 BTU per cubic foot = 10.72 kWh/m³. Canada's is 37.5 MJ/m³ = 10.42
  (Natural Resources Canada), and what a utility bills by is on its bill.
- Wood pellets: Forest Research (UK), 4.8 kWh/kg net; ISO 17225-2 class A1 asks for 4.6 or more.
- Cord wood: EIA, 20 million BTU per cord; hardwood has up to 29 (Natural Resources Canada).
- Efficiencies are within the seasonal ones of Natural Resources Canada's table: oil 78 to 89 %,
  propane and gas 78 to 97 %; heat pump: Gibb et al., "Coming in from the cold" (Joule 7, 2023),
  mean COP 2.74 between -10 and +5 °C, here 3 over a season.
- CO2 at the stack, by the kWh of gross heat: US EPA, "Emission Factors for Greenhouse Gas
  Inventories" (2024), table 1: distillate oil no. 2 73.96, propane 62.87, natural gas 53.06 kg
  per million BTU. Wood counts 0, as the wood grows again (IPCC 2006 Guidelines, volume 2, chapter
  2: biogenic CO2 is reported apart from energy).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from .curve import Curve
from .units import BTU_PER_KWH, JOULES_PER_KWH

_LITERS_PER_GALLON = Decimal("3.785411784")  # US gallon of 231 cubic inches
_CUBIC_METERS_PER_CUBIC_FOOT = Decimal("0.028316846592")
_KWH_PER_THERM = 100_000 / BTU_PER_KWH
_KWH_PER_GJ = Decimal(10**9) / JOULES_PER_KWH
_KG_PER_POUND = Decimal("0.45359237")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuel:
    """A fuel, by the units it is bought in.

    `heat_contents` is its heat in kWh by unit, the usual unit first; empty where the user
    has to say both. `efficiency` is what part of it a usual heater delivers over a season
    (a heat pump's is above 1), `efficiency_range` what can be believed. `co2` is in kg per
    kWh of its heat content: None where nobody can know it, for electricity the grid's.
    """

    id: str
    heat_contents: Mapping[str, Decimal]
    efficiency: Decimal
    efficiency_range: tuple[Decimal, Decimal]
    electric: bool = False
    co2: Decimal | None = None

    @property
    def unit(self) -> str:
        """The unit it is usually bought in."""
        return next(iter(self.heat_contents), "kWh")


_COMBUSTION = (Decimal("0.1"), Decimal("1.1"))  # over 1: condensing, by the lower heating value
_DELIVERED = (Decimal("0.5"), Decimal(1))  # heat that comes as heat, or as electricity


def _by_volume(liter: Decimal) -> dict[str, Decimal]:
    return {"L": liter, "gal": liter * _LITERS_PER_GALLON}


def _per_million_btu(kilograms: str) -> Decimal:
    return Decimal(kilograms) * BTU_PER_KWH / 1_000_000


_BY_ENERGY = {"kWh": Decimal(1), "MWh": Decimal(1000), "GJ": _KWH_PER_GJ}

FUELS: dict[str, Fuel] = {
    fuel.id: fuel
    for fuel in (
        Fuel(
            id="heating_oil",
            heat_contents=_by_volume(Decimal("10.6")),
            efficiency=Decimal("0.85"),
            efficiency_range=_COMBUSTION,
            co2=_per_million_btu("73.96"),
        ),
        Fuel(
            id="propane",
            heat_contents=_by_volume(Decimal("7.08")),
            efficiency=Decimal("0.92"),
            efficiency_range=_COMBUSTION,
            co2=_per_million_btu("62.87"),
        ),
        Fuel(
            id="natural_gas",
            heat_contents={
                "m³": Decimal("10.72"),
                "ft³": Decimal("10.72") * _CUBIC_METERS_PER_CUBIC_FOOT,
                "CCF": Decimal("10.72") * _CUBIC_METERS_PER_CUBIC_FOOT * 100,
                "therm": _KWH_PER_THERM,
                "GJ": _KWH_PER_GJ,
                "kWh": Decimal(1),
            },
            efficiency=Decimal("0.92"),
            efficiency_range=_COMBUSTION,
            co2=_per_million_btu("53.06"),
        ),
        Fuel(
            id="electricity",
            heat_contents={"kWh": Decimal(1)},
            efficiency=Decimal(1),
            efficiency_range=_DELIVERED,
            electric=True,
        ),
        Fuel(
            id="heat_pump",
            heat_contents={"kWh": Decimal(1)},
            efficiency=Decimal(3),
            efficiency_range=(Decimal(1), Decimal(8)),
            electric=True,
        ),
        Fuel(
            id="wood_pellets",
            heat_contents={
                "kg": Decimal("4.8"),
                "t": Decimal(4800),
                "lb": Decimal("4.8") * _KG_PER_POUND,
            },
            efficiency=Decimal("0.85"),
            efficiency_range=_COMBUSTION,
            co2=Decimal(0),
        ),
        Fuel(
            id="cord_wood",
            # A cord is 128 stacked cubic feet, 3.62 stacked cubic metres.
            heat_contents={
                "cord": 20_000_000 / BTU_PER_KWH,
                "stere": 20_000_000 / BTU_PER_KWH / (128 * _CUBIC_METERS_PER_CUBIC_FOOT),
            },
            efficiency=Decimal("0.7"),
            efficiency_range=_COMBUSTION,
            co2=Decimal(0),
        ),
        Fuel(
            id="district_heat",
            heat_contents=_BY_ENERGY,
            efficiency=Decimal(1),
            efficiency_range=_DELIVERED,
        ),
        Fuel(
            id="heat_sale",
            heat_contents=_BY_ENERGY,
            efficiency=Decimal(1),
            efficiency_range=_DELIVERED,
        ),
        Fuel(
            id="none",
            heat_contents={},
            efficiency=Decimal(1),
            efficiency_range=(Decimal(1), Decimal(1)),
            co2=Decimal(0),
        ),
        Fuel(
            id="custom",
            heat_contents={},
            efficiency=Decimal(1),
            efficiency_range=(Decimal("0.1"), Decimal(8)),
        ),
    )
}
NOTHING = FUELS["none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heating:
    """A heater as it works at one moment.

    `price` is per `unit` of the fuel, None where that is not known; `efficiency` a fraction
    (a heat pump's is its COP); `heat_content` in kWh and `co2` in kg, both per unit.
    """

    fuel: Fuel
    price: Decimal | None
    efficiency: Decimal
    heat_content: Decimal
    unit: str = ""
    co2: Decimal | None = None

    @property
    def key(self) -> str:
        """What its fuel is summed under: amounts in other units do not add up."""
        return fuel_key(self.fuel, self.unit)

    def fuel_for(self, heat_kwh: Decimal) -> Decimal:
        """Return how much fuel this heater burns to deliver an amount of heat."""
        return heat_kwh / (self.efficiency * self.heat_content)


def fuel_key(fuel: Fuel, unit: str) -> str:
    """Return what amounts of a fuel in a unit are summed under."""
    return fuel.id if unit in ("", fuel.unit) else f"{fuel.id} {unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heater:
    """A heater as its owner describes it.

    `price` is None where an entity says it (`follows_entity`) or, for an electric one, where
    it is the price of electricity. `cop` replaces the efficiency where the temperature outdoors
    is known. `co2` in kg per unit of the fuel; None for electricity: the grid's.
    """

    fuel: Fuel
    unit: str
    heat_content: Decimal
    efficiency: Decimal
    cop: Curve | None = None
    price: Decimal | None = None
    follows_entity: bool = False
    co2: Decimal | None = None

    @property
    def follows_electricity(self) -> bool:
        """Whether its price is the price of electricity."""
        return self.fuel.electric and self.price is None and not self.follows_entity

    @property
    def key(self) -> str:
        """What its fuel is summed under."""
        return fuel_key(self.fuel, self.unit)

    def now(
        self,
        *,
        electricity_price: Decimal | None,
        electricity_co2: Decimal | None,
        entity_price: Decimal | None,
        outdoor_c: Decimal | None,
    ) -> Heating:
        """Return how it works at prices and a temperature outdoors; None is not known."""
        price = self.price
        if self.follows_entity:
            price = entity_price
        elif self.follows_electricity:
            price = electricity_price
        cop = self.cop.at(outdoor_c) if self.cop and outdoor_c is not None else self.efficiency
        return Heating(
            fuel=self.fuel,
            unit=self.unit,
            price=price,
            efficiency=cop,
            heat_content=self.heat_content,
            co2=electricity_co2 if self.fuel.electric else self.co2,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heaters:
    """The heater of a zone; or two: below the balance temperature in °C the second heats.

    While the temperature outdoors is not known, the first counts.
    """

    first: Heater
    second: Heater | None = None
    balance_c: Decimal = field(default=Decimal(0))

    def at(self, outdoor_c: Decimal | None) -> Heater:
        """Return the heater that heats at a temperature outdoors."""
        cold = outdoor_c is not None and outdoor_c < self.balance_c
        return self.second if self.second and cold else self.first
