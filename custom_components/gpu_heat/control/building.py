"""A building as a store of heat: what it needs ahead, and what heat is worth in each slot."""

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Self

USUAL_LOSS_W_K = 150.0
"""A detached house of 150 m² that loses 1 W/(m²K), until its own loss is known."""

USUAL_TIME_CONSTANT_H = 46.0
"""How slowly a house cools: its heat capacity by its loss. ISO 13790:2008, table 12, has 80 (very
light) to 370 (very heavy) kJ/K for each m² of floor; medium is 165, which at 1 W/(m²K) is 46 h."""

USUAL_GAINS_K = 4.0
"""How far people, devices and the sun keep a house above the temperature outdoors: degree days
count from 16 °C for rooms of 20 °C."""

_AIR_PART = 0.12
_BETWEEN = 4.0
_AIR_LOSS = 0.5
"""Assumptions about a usual house: the part of its heat capacity that warms at once (air,
furniture, plaster), the heat that passes on to the walls, and what the air loses itself, both by
the loss of the whole. On models of this form: Bacher and Madsen, "Identifying suitable models for
the heat dynamics of buildings" (Energy and Buildings 43, 2011)."""

_OVERSIZED_K = 60.0  # a heater without a known power: enough for a room that much warmer


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """What is known of a building: air and what is in it, and behind that the mass of its walls.

    `loss_w_k` is the heat in W that it loses for each K between indoors and outdoors, all in all;
    `time_constant_h` its whole heat capacity by that. `gains_k` is by how many K it stays warmer
    without any heating, `heater_w` what its heater delivers.
    """

    loss_w_k: float = USUAL_LOSS_W_K
    time_constant_h: float = USUAL_TIME_CONSTANT_H
    gains_k: float = USUAL_GAINS_K
    heater_w: float | None = None

    @property
    def capacity_wh_k(self) -> float:
        """The heat in Wh that warms all of it by 1 K."""
        return self.loss_w_k * self.time_constant_h

    @property
    def air_wh_k(self) -> float:
        """The heat in Wh that warms the air and what is in it by 1 K."""
        return _AIR_PART * self.capacity_wh_k

    @property
    def mass_wh_k(self) -> float:
        """The heat in Wh that warms the mass by 1 K."""
        return (1 - _AIR_PART) * self.capacity_wh_k

    @property
    def between_w_k(self) -> float:
        """The heat in W that passes between air and mass for each K."""
        return _BETWEEN * self.loss_w_k

    @property
    def air_loss_w_k(self) -> float:
        """The loss in W/K of the air itself: through windows, gaps and fans."""
        return _AIR_LOSS * self.loss_w_k

    @property
    def mass_loss_w_k(self) -> float:
        """The loss in W/K of the mass, so that both together lose `loss_w_k`."""
        rest = self.loss_w_k - self.air_loss_w_k
        return rest * self.between_w_k / (self.between_w_k - rest)

    def mass_after(self, mass_c: float | None, room_c: float, free_c: float, hours: float) -> float:
        """Return the temperature of the mass, some hours after it was `mass_c`, None for long ago.

        It settles between the room and `free_c`, see `Climate`.
        """
        through = self.between_w_k + self.mass_loss_w_k
        settled_c = (self.between_w_k * room_c + self.mass_loss_w_k * free_c) / through
        if mass_c is None:
            return settled_c
        return settled_c + (mass_c - settled_c) * math.exp(-hours * through / self.mass_wh_k)


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """What surrounds a building, slot by slot: all sequences are as long as `hours`.

    `hours` are the lengths of the slots; `free_c` is the temperature in °C that the room would
    settle at without heating, cooling and compute; `target_c` what the heater keeps, None where
    it is off; `ceiling_c` above which more heat is not welcome; `cool_c` what an air conditioner
    keeps, None without one. `heat_price` and `cool_price` are per kWh of heat delivered and
    removed. `room_c` and `mass_c` are the temperatures of air and mass now;
    the mass has settled where nothing is known of it.
    """

    hours: Sequence[float]
    free_c: Sequence[float]
    target_c: Sequence[float | None]
    ceiling_c: Sequence[float | None]
    cool_c: Sequence[float | None]
    heat_price: Sequence[float]
    cool_price: Sequence[float]
    room_c: float
    mass_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How a building takes the heat of the compute.

    By slot: `room_c` at its end, `worth` of one more kWh of heat in it. `bill` is what heating
    and cooling cost over all slots, less the worth of the heat that is still stored at the end.
    """

    room_c: Sequence[float]
    worth: Sequence[float]
    bill: float


class HeatStore:
    """A building in its climate; asked again and again what it makes of some compute heat.

    Two stores of heat, air and mass, that are solved exactly for each slot:

        air  dT/dt = air_loss (free - T) + between (mass - T) + heat
        mass dT/dt = mass_loss (free - T) + between (air - T)

    each by its heat capacity, which is the least that tells what warms a room at once from what is
    stored in it (ISO 13790 does it with one more, which is not seen within quarters of an hour).
    """

    def __init__(self, building: Building, climate: Climate) -> None:
        self._building = building
        first_c = climate.free_c[0] if climate.free_c else climate.room_c
        mass_c = climate.mass_c
        if mass_c is None:
            mass_c = building.mass_after(None, climate.room_c, first_c, 0.0)
        self._begin = climate.room_c, mass_c
        self._heater_w = building.heater_w or building.loss_w_k * _OVERSIZED_K
        steps = {hours: _Step.of(building, hours) for hours in set(climate.hours)}
        self._rows = [
            (
                step := steps[hours],
                (1 - step.air_air - step.air_mass) * free_c,
                (1 - step.mass_air - step.mass_mass) * free_c,
                -math.inf if target_c is None else target_c,
                math.inf if cool_c is None else cool_c,
                math.inf if ceiling_c is None else ceiling_c,
                hours / 1000,
                heat_price,
                cool_price,
            )
            for hours, free_c, target_c, cool_c, ceiling_c, heat_price, cool_price in zip(
                climate.hours,
                climate.free_c,
                climate.target_c,
                climate.cool_c,
                climate.ceiling_c,
                climate.heat_price,
                climate.cool_price,
                strict=True,
            )
        ]
        # What stored heat is worth at the end: as when it was last needed, or in the way.
        *_, self._at_end = self._go_through([0.0] * len(self._rows))

    def respond(self, heat_w: Sequence[float]) -> Response:
        """Return what becomes of compute heat in W, given by slot."""
        rooms, end, marks, bill, _ = self._go_through(heat_w)
        air_k, mass_k = (after - before for after, before in zip(end, self._begin, strict=True))
        building = self._building
        stored_kwh = (air_k * building.air_wh_k + mass_k * building.mass_wh_k) / 1000
        return Response(
            room_c=rooms, worth=self._valued(marks), bill=bill - self._at_end * stored_kwh
        )

    def _go_through(
        self, heat_w: Sequence[float]
    ) -> tuple[list[float], tuple[float, float], list[float | None], float, float]:
        """Return by slot the room's temperature, and the worth of heat where that is set then.

        Besides, the temperatures at the end, what heating and cooling cost, and the last worth.
        """
        (air, mass), bill, last, heater_w = self._begin, 0.0, 0.0, self._heater_w
        rooms: list[float] = []
        marks: list[float | None] = []
        for row, compute_w in zip(self._rows, heat_w, strict=True):
            added_w = compute_w
            step, free_air, free_mass, target_c, cool_c, ceiling_c, kh, heat_price, cool_price = row
            settled = step.mass_air * air + step.mass_mass * mass + free_mass
            air = step.air_air * air + step.air_mass * mass + free_air + step.air_k_w * compute_w
            mark: float | None = None
            if air < target_c:
                last = heat_price
                needed_w = (target_c - air) / step.air_k_w
                if needed_w <= heater_w:
                    mark = heat_price
                else:
                    needed_w = heater_w
                air += step.air_k_w * needed_w
                added_w += needed_w
                bill += needed_w * kh * heat_price
            elif air > cool_c:
                removed_w = (air - cool_c) / step.air_k_w
                air = cool_c
                added_w -= removed_w
                bill += removed_w * kh * cool_price
                last = mark = -cool_price
            elif air > ceiling_c:
                last = mark = 0.0  # somebody opens a window
            mass = settled + step.mass_k_w * added_w
            rooms.append(air)
            marks.append(mark)
        return rooms, (air, mass), marks, bill, last

    def _valued(self, marks: Sequence[float | None]) -> list[float]:
        """Go back from the end: heat is worth what it spares when it is next needed, less losses.

        This is the costate of the heat balance, per K of air and of mass. A slot in which the
        heater or the air conditioner works sets the worth of heat in the air (`marks`): there it
        takes the place of theirs. In between what is lost on the way counts.
        """
        building, worth = self._building, [0.0] * len(marks)
        air = self._at_end * building.air_wh_k / 1000
        mass = self._at_end * building.mass_wh_k / 1000
        for index in range(len(marks) - 1, -1, -1):
            mark, row = marks[index], self._rows[index]
            step, kh = row[0], row[6]
            if mark is None:
                worth[index] = (air * step.air_k_w + mass * step.mass_k_w) / kh
                air, mass = (
                    air * step.air_air + mass * step.mass_air,
                    air * step.air_mass + mass * step.mass_mass,
                )
                continue
            worth[index] = mark
            if mark == 0:
                air = mass = 0.0
                continue
            spared = mark * kh / step.air_k_w
            gives = step.mass_k_w / step.air_k_w
            air, mass = (
                spared * step.air_air + mass * (step.mass_air - gives * step.air_air),
                spared * step.air_mass + mass * (step.mass_mass - gives * step.air_mass),
            )
        return worth


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """The exact solution of a slot: what temperatures after it owe to those before, and to heat.

    `air_air` and `air_mass` are the weights of air and mass in the air after it; `air_k_w` is in K
    by W of heat into the air. So for the mass.
    """

    air_air: float
    air_mass: float
    mass_air: float
    mass_mass: float
    air_k_w: float
    mass_k_w: float

    @classmethod
    def of(cls, building: Building, hours: float) -> Self:
        """Return the matrix exponential of the rates, and its integral."""
        air_wh_k, mass_wh_k = building.air_wh_k, building.mass_wh_k
        between = building.between_w_k
        a, b = -(building.air_loss_w_k + between) / air_wh_k, between / air_wh_k
        c, d = between / mass_wh_k, -(building.mass_loss_w_k + between) / mass_wh_k
        middle, spread = (a + d) / 2, math.sqrt((a - d) ** 2 / 4 + b * c)
        fast, slow = middle - spread, middle + spread
        at_fast, at_slow = math.exp(fast * hours), math.exp(slow * hours)
        slope = (at_slow - at_fast) / (slow - fast)
        level = at_slow - slope * slow
        air_air, air_mass = level + slope * a, slope * b
        mass_air, mass_mass = slope * c, level + slope * d
        det = (a * d - b * c) * air_wh_k
        return cls(
            air_air=air_air,
            air_mass=air_mass,
            mass_air=mass_air,
            mass_mass=mass_mass,
            air_k_w=(d * (air_air - 1) - b * mass_air) / det,
            mass_k_w=(a * mass_air - c * (air_air - 1)) / det,
        )
