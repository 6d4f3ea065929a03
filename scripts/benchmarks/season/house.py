"""A house of two nodes, air and mass, with an ideal thermostat; 15 min at a time, exactly.

    C_air  dT_air/dt  = H_open (T_out - T_air) + H_between (T_mass - T_air) + heat into the air
    C_mass dT_mass/dt = H_wall (T_out - T_mass) + H_between (T_air - T_mass) + heat into the mass

All that warms or cools is constant within a step, so that the solution of the step is the matrix
exponential; windows that people open are a second such solution. It is linear, which lets a
linear program bound what can be had of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import math

from .clock import STEP_S

OPEN_HOURS = range(7, 23)
OPEN_FROM_C, OPEN_TO_C = 16.0, 22.0
DAY_HOURS = range(6, 22)
DAY_C, NIGHT_C, COOL_C = 21.0, 18.0, 25.5
HEATER_W, COOLER_W = 9000.0, 5000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A detached house of some 150 m², built of wood around 1990.

    Loss in W/K, 140 in all while the windows are closed; heat capacity in J/K; what always warms
    it in W, and through how many m² the sun does. Compute heats the air.
    """

    air_outdoors: float = 80.0
    mass_outdoors: float = 67.5
    air_mass: float = 540.0
    open_windows: float = 150.0
    air_j_per_k: float = 4e6
    mass_j_per_k: float = 26e6
    gains_w: float = 300.0
    aperture_m2: float = 3.0
    sun_on_air: float = 0.5

    @property
    def loss_w_per_k(self) -> float:
        """The loss in W/K once the mass has settled, windows closed."""
        through_mass = self.air_mass * self.mass_outdoors / (self.air_mass + self.mass_outdoors)
        return self.air_outdoors + through_mass

    @property
    def capacity_j_per_k(self) -> float:
        """The heat capacity of air and mass."""
        return self.air_j_per_k + self.mass_j_per_k

    def solution(self, *, open_windows: bool) -> Solution:
        """Return the exact solution of a step."""
        outdoors = self.air_outdoors + open_windows * self.open_windows
        return _solve(
            (
                (-(outdoors + self.air_mass) / self.air_j_per_k, self.air_mass / self.air_j_per_k),
                (
                    self.air_mass / self.mass_j_per_k,
                    -(self.mass_outdoors + self.air_mass) / self.mass_j_per_k,
                ),
            ),
            outdoors=(outdoors / self.air_j_per_k, self.mass_outdoors / self.mass_j_per_k),
            heats=(1 / self.air_j_per_k, 1 / self.mass_j_per_k),
        )


type Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What temperatures after a step owe to what was at its beginning and during it.

    `air` and `mass` are the weights of the temperatures of air and mass before; `outdoors` is the
    weight of the temperature outdoors, `air_heat` and `mass_heat` are in K by W, each on air and
    mass.
    """

    air: Pair
    mass: Pair
    outdoors: Pair
    air_heat: Pair
    mass_heat: Pair


def _solve(rates: tuple[Pair, Pair], *, outdoors: Pair, heats: Pair) -> Solution:
    (a, b), (c, d) = rates
    middle, spread = (a + d) / 2, math.sqrt((a - d) ** 2 / 4 + b * c)
    fast, slow = middle - spread, middle + spread
    at_fast, at_slow = math.exp(fast * STEP_S), math.exp(slow * STEP_S)
    slope = (at_slow - at_fast) / (slow - fast)
    level = at_slow - slope * slow
    air, mass = (level + slope * a, slope * b), (slope * c, level + slope * d)
    det = a * d - b * c

    def settle(on_air: float, on_mass: float) -> Pair:
        """Return what constant rates of warming come to: inverse of the rates, times growth."""
        grown_air = (air[0] - 1) * on_air + air[1] * on_mass
        grown_mass = mass[0] * on_air + (mass[1] - 1) * on_mass
        return (d * grown_air - b * grown_mass) / det, (a * grown_mass - c * grown_air) / det

    return Solution(
        air=air,
        mass=mass,
        outdoors=settle(*outdoors),
        air_heat=settle(heats[0], 0),
        mass_heat=settle(0, heats[1]),
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the house: its solution, with all but the heating, cooling and compute put in.

    `air_c` and `mass_c` are what weather, sun and people add; `target_c` is what the heater keeps.
    """

    air_air: float
    air_mass: float
    mass_air: float
    mass_mass: float
    air_heat: float
    mass_heat: float
    air_c: float
    mass_c: float
    target_c: float

    def after(
        self, air_c: float, mass_c: float, compute_w: float
    ) -> tuple[float, float, float, float]:
        """Return the temperatures of air and mass after it, the heating and the cooling in W.

        The thermostat is ideal: it gives just what brings the air to the target, or down to what
        the air conditioner keeps, as far as their power goes.
        """
        air = self.air_air * air_c + self.air_mass * mass_c + self.air_heat * compute_w + self.air_c
        heater_w = cooler_w = 0.0
        if air < self.target_c:
            heater_w = min((self.target_c - air) / self.air_heat, HEATER_W)
        elif air > COOL_C:
            cooler_w = min((air - COOL_C) / self.air_heat, COOLER_W)
        added_w = heater_w - cooler_w
        mass = (
            self.mass_air * air_c
            + self.mass_mass * mass_c
            + self.mass_heat * (compute_w + added_w)
            + self.mass_c
        )
        return air + self.air_heat * added_w, mass, heater_w, cooler_w


def steps_of(
    house: House,
    hours: Sequence[int],
    outdoor_c: Sequence[float],
    sun_w_m2: Sequence[float],
    always_w: float = 0.0,
) -> list[Step]:
    """Return the steps of a house by the hour of the day, the weather, and further gains in W."""
    solutions = [house.solution(open_windows=opened) for opened in (False, True)]
    steps = []
    for hour, outdoors, sun in zip(hours, outdoor_c, sun_w_m2, strict=True):
        by = solutions[hour in OPEN_HOURS and OPEN_FROM_C <= outdoors <= OPEN_TO_C]
        sun_w = house.aperture_m2 * sun
        on_air = house.gains_w + always_w + house.sun_on_air * sun_w
        on_mass = (1 - house.sun_on_air) * sun_w
        air_c, mass_c = (
            by.outdoors[node] * outdoors + by.air_heat[node] * on_air + by.mass_heat[node] * on_mass
            for node in (0, 1)
        )
        steps.append(Step(*by.air, *by.mass, *by.air_heat, air_c, mass_c, target_c(hour)))
    return steps


def target_c(hour: int) -> float:
    """Return what the thermostat is set to at an hour of the day, in °C."""
    return DAY_C if hour in DAY_HOURS else NIGHT_C
