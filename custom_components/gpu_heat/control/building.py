"""A building as one store of heat: what it needs ahead, and what heat is worth in each slot."""

from collections.abc import Sequence
from dataclasses import dataclass
import math

USUAL_LOSS_W_K = 150.0
"""A detached house of 150 m² that loses 1 W/(m²K), until its own loss is known."""

USUAL_TIME_CONSTANT_H = 46.0
"""How slowly a house cools: its heat capacity by its loss. ISO 13790:2008, table 12, has 80 (very
light) to 370 (very heavy) kJ/K for each m² of floor; medium is 165, which at 1 W/(m²K) is 46 h."""

USUAL_GAINS_K = 4.0
"""How far people, devices and the sun keep a house above the temperature outdoors: degree days
count from 16 °C for rooms of 20 °C."""

_OVERSIZED_K = 60.0  # a heater without a known power: enough for a room that much warmer


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """What is known of a building.

    `loss_w_k` is the heat in W that it loses for each K between indoors and outdoors; `gains_k`
    by how many K it stays warmer without any heating; `heater_w` what its heater delivers.
    """

    loss_w_k: float = USUAL_LOSS_W_K
    time_constant_h: float = USUAL_TIME_CONSTANT_H
    gains_k: float = USUAL_GAINS_K
    heater_w: float | None = None

    @property
    def capacity_kwh_k(self) -> float:
        """The heat in kWh that warms it by 1 K."""
        return self.loss_w_k * self.time_constant_h / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """What surrounds a building, slot by slot: all sequences are as long as `hours`.

    `hours` are the lengths of the slots; `free_c` is the temperature in °C that the room would
    settle at without heating, cooling and compute; `target_c` what the heater keeps, None where
    it is off; `ceiling_c` above which more heat is not welcome; `cool_c` what an air conditioner
    keeps, None without one. `heat_price` and `cool_price` are per kWh of heat delivered and
    removed. `room_c` is the temperature now.
    """

    hours: Sequence[float]
    free_c: Sequence[float]
    target_c: Sequence[float | None]
    ceiling_c: Sequence[float | None]
    cool_c: Sequence[float | None]
    heat_price: Sequence[float]
    cool_price: Sequence[float]
    room_c: float


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

    The physics is that of one store of heat, solved exactly for each slot: the room settles at
    `free_c` plus heat / loss with the building's time constant.
    """

    def __init__(self, building: Building, climate: Climate) -> None:
        self._room_c = climate.room_c
        self._capacity_wh_k = building.loss_w_k * building.time_constant_h
        heater_w = building.heater_w or building.loss_w_k * _OVERSIZED_K
        self._rows = [
            (
                keeps := math.exp(-hours / building.time_constant_h),
                (1 - keeps) * free_c,
                (1 - keeps) / building.loss_w_k,
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
        self._heater_w = heater_w
        # The part of the heat of a slot that is still there at its end.
        time_constant_h = building.time_constant_h
        self._arrives = [
            (1 - math.exp(-hours / time_constant_h)) * time_constant_h / hours
            for hours in climate.hours
        ]
        # What stored heat is worth at the end: as when it was last needed, or in the way.
        *_, self._at_end = self._go_through([0.0] * len(self._rows))

    def respond(self, heat_w: Sequence[float]) -> Response:
        """Return what becomes of compute heat in W, given by slot."""
        rooms, marks, bill, _ = self._go_through(heat_w)
        end_c = rooms[-1] if rooms else self._room_c
        bill -= self._at_end * self._capacity_wh_k / 1000 * (end_c - self._room_c)
        return Response(room_c=rooms, worth=self._valued(marks), bill=bill)

    def _go_through(
        self, heat_w: Sequence[float]
    ) -> tuple[list[float], list[float | None], float, float]:
        """Return by slot the room's temperature, and the worth of heat where that is set then.

        Besides, what heating and cooling cost, and the last such worth.
        """
        room_c, bill, last, heater_w = self._room_c, 0.0, 0.0, self._heater_w
        rooms: list[float] = []
        marks: list[float | None] = []
        for row, compute_w in zip(self._rows, heat_w, strict=True):
            keeps, free, per_w, target_c, cool_c, ceiling_c, kh, heat_price, cool_price = row
            room_c = keeps * room_c + free + per_w * compute_w
            mark: float | None = None
            if room_c < target_c:
                last = heat_price
                needed_w = (target_c - room_c) / per_w
                if needed_w <= heater_w:
                    room_c, mark = target_c, heat_price
                else:
                    needed_w = heater_w
                    room_c += per_w * needed_w
                bill += needed_w * kh * heat_price
            elif room_c > cool_c:
                bill += (room_c - cool_c) / per_w * kh * cool_price
                room_c = cool_c
                last = mark = -cool_price
            elif room_c > ceiling_c:
                last = mark = 0.0  # somebody opens a window
            rooms.append(room_c)
            marks.append(mark)
        return rooms, marks, bill, last

    def _valued(self, marks: Sequence[float | None]) -> list[float]:
        """Go back from the end: heat is worth what it spares when it is next needed, less losses.

        This is the costate of the heat balance. A slot in which the heater or the air conditioner
        works sets it (`marks`); in between it decays with the building's time constant.
        """
        worth, stored = [0.0] * len(marks), self._at_end
        for index in range(len(marks) - 1, -1, -1):
            mark, keeps, arrives = marks[index], self._rows[index][0], self._arrives[index]
            if mark is None:
                worth[index] = stored * arrives
                stored *= keeps
            else:
                worth[index] = mark
                stored = mark * keeps / arrives
        return worth
