"""The heat in the demo's house: what its air and its walls hold, gain and lose."""

from dataclasses import dataclass
from typing import Self

LOSS_KW_PER_K = 0.055
FURNACE_KW = 4.0

_AIR_KWH_PER_K = 0.6  # with furniture
_WALLS_KWH_PER_K = 5.0
_BETWEEN_KW_PER_K = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A small well insulated house: the temperatures of its two stores of heat, in °C."""

    air_c: float
    walls_c: float

    def after(self, hours: float, *, outdoor_c: float, heat_kw: float) -> Self:
        """Return the house some minutes on; all heat goes into the air, and is lost from it."""
        into_walls_kw = _BETWEEN_KW_PER_K * (self.air_c - self.walls_c)
        lost_kw = LOSS_KW_PER_K * (self.air_c - outdoor_c)
        return type(self)(
            air_c=self.air_c + hours * (heat_kw - lost_kw - into_walls_kw) / _AIR_KWH_PER_K,
            walls_c=self.walls_c + hours * into_walls_kw / _WALLS_KWH_PER_K,
        )
