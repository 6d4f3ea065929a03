"""What electricity costs and is worth as heat, over a time in which that does not change."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from .fuels import Heating

ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What energy costs and what its heat is worth over a stretch of time.

    `electricity_price` is per kWh, None where it is not known. `useful_share` and `capture`,
    the part of the heat that reaches the space, are fractions. `cooling` is the electricity
    that an air conditioner draws for a unit of heat in the space. `electricity_co2` is in kg
    per kWh, None where it is not known.
    """

    electricity_price: Decimal | None
    heating: Heating
    useful_share: Decimal
    capture: Decimal = Decimal(1)
    cooling: Decimal = ZERO
    electricity_co2: Decimal | None = None

    @property
    def heat_value(self) -> Decimal | None:
        """What a kWh of electricity is worth as heat; None where that is not known."""
        if (useful := self.capture * self.useful_share) == 0:
            return ZERO
        price = self.heating.price
        return None if price is None else self.heating.fuel_for(useful) * price

    @property
    def electricity(self) -> Decimal:
        """The electricity for a kWh of compute, in kWh, with the air conditioner's."""
        return 1 + self.capture * self.cooling

    @cached_property
    def fuel_key(self) -> str:
        """What the fuel is summed under."""
        return self.heating.key

    @cached_property
    def co2_net(self) -> Decimal | None:
        """CO2 in kg of a kWh of electricity, less that of the fuel that it displaces.

        None where one of the two is not known.
        """
        if self.electricity_co2 is None:
            return None
        emitted = self.electricity * self.electricity_co2
        if (useful := self.capture * self.useful_share) == 0:
            return emitted
        co2 = self.heating.co2
        return None if co2 is None else emitted - self.heating.fuel_for(useful) * co2
