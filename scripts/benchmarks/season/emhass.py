"""A rival as EMHASS plans: a linear program over two days, the compute as a deferrable load.

The house is EMHASS's own one-line model,
T[k+1] = T[k] + P[k] / capacity - loss / capacity * (T[k] - T_out[k]), all in one node, with the
house's true loss and capacity. Of each job EMHASS wants hours to run within its two days: those
that it needs before its deadline, or its even share where that is later. It plans every six hours
(its users plan once a day or more often) and for each job that comes.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import override

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csc_array

from .clock import STEPS_PER_H
from .course import HOUSE
from .guard import guarded, in_turn
from .house import COOL_C, COOLER_W, HEATER_W
from .workload import GPUS, IDLE_W
from .world import Policy, View
from .worth import MEAN_SUN_W_M2

HOURS = 48
_EVERY_H = 6
_PER_K = 1.0
"""What an hour costs in which the room is a K too cold or too warm; EMHASS penalizes that too."""

_K_PER_KWH = 3.6e6 / HOUSE.capacity_j_per_k
_COOLS = HOUSE.loss_w_per_k * 3600 / HOUSE.capacity_j_per_k  # in an hour, of the difference
_GAINS_KW = (HOUSE.gains_w + GPUS * IDLE_W + HOUSE.aperture_m2 * MEAN_SUN_W_M2) / 1000

type Vector = NDArray[np.float64]


class DeferrableLoad(Policy):
    """Runs as many jobs, the earliest deadline first, as the plan has power for in this hour."""

    def __init__(self) -> None:
        self._planned_w: Sequence[float] = ()
        self._planned_at = 0
        self._known: set[str] = set()

    @override
    def decide(self, view: View) -> Collection[str]:
        ids = {state.id for state in view.jobs}
        if view.step % STEPS_PER_H == 0 and (
            view.step - self._planned_at >= _EVERY_H * STEPS_PER_H or not ids <= self._known
        ):
            self._planned_w = _plan(view)
            self._planned_at, self._known = view.step, ids
        hour = (view.step - self._planned_at) // STEPS_PER_H
        left_w = self._planned_w[hour] if hour < len(self._planned_w) else 0.0
        wished = set()
        for state in in_turn(view):
            if left_w < state.job.running_w / 2:
                break
            wished.add(state.id)
            left_w -= state.job.running_w
        return guarded(view, wished)


def _plan(view: View) -> Sequence[float]:
    """Return the power of the compute in W for the hours ahead.

    Columns, each by hour: the sum of the work in kWh, heating and cooling in kW, the room in °C,
    what it lacks and what it has too much in K.
    """
    hour = view.now.replace(minute=0)
    times = [hour + timedelta(hours=ahead) for ahead in range(HOURS)]
    outdoor_c = np.array([view.outdoor_c, *view.forecast][:HOURS])
    price = np.array([view.scenario.price(time) for time in times])
    heat = [
        view.scenario.heat_price(at, outdoors)
        for at, outdoors in zip(price, outdoor_c, strict=True)
    ]
    cool = price * view.scenario.cool_price(1.0)
    target_c = np.array([view.target_at(time) for time in times])
    least, most, most_kw = _work(view)
    nothing, endless = np.zeros(HOURS), np.full(HOURS, np.inf)
    per_k = np.full(HOURS, _PER_K)
    gained = _K_PER_KWH * _GAINS_KW + _COOLS * outdoor_c
    gained[0] += (1 - _COOLS) * view.room_c
    result = linprog(
        np.concatenate([price - np.append(price[1:], 0), heat, cool, nothing, per_k, per_k]),
        A_ub=_ROWS_AT_MOST,
        b_ub=np.concatenate([np.full(HOURS, most_kw), nothing, -target_c, np.full(HOURS, COOL_C)]),
        A_eq=_ROWS_OF_ROOM,
        b_eq=gained,
        bounds=np.column_stack(
            [
                np.concatenate([least, nothing, nothing, -endless, nothing, nothing]),
                np.concatenate(
                    [most, nothing + HEATER_W / 1000, nothing + COOLER_W / 1000, *[endless] * 3]
                ),
            ]
        ),
        method="highs-ds",
    )
    return list(np.diff(result.x[:HOURS], prepend=0.0) * 1000) if result.status == 0 else ()


def _work(view: View) -> tuple[Vector, Vector, float]:
    """Return in kWh what has to be and what can be done by the end of each hour; and in kW."""
    ends = np.arange(1, HOURS + 1, dtype=float)
    least, most = np.zeros(HOURS), np.zeros(HOURS)
    for state in view.jobs:
        due_h = max(state.due_h(view.step), 1.0)
        needed_h = state.left_h * min(HOURS / due_h, 1.0)
        last_h = min(due_h, HOURS)
        power_kw = state.job.running_w / 1000
        least += power_kw * np.clip(ends - (last_h - needed_h), 0, needed_h)
        most += power_kw * np.minimum(ends, state.left_h)
    powers_w = sorted((state.job.running_w for state in view.jobs), reverse=True)[:GPUS]
    able = np.minimum(most, ends * sum(powers_w) / 1000)
    return np.minimum(least, able), most, sum(powers_w) / 1000


def _rows() -> tuple[csc_array, csc_array]:
    one, none = np.eye(HOURS), np.zeros((HOURS, HOURS))
    before = np.eye(HOURS, k=-1)
    step = one - before
    at_most = np.block(
        [
            [step, none, none, none, none, none],
            [-step, none, none, none, none, none],
            [none, none, none, -one, -one, none],
            [none, none, none, one, none, -one],
        ]
    )
    room = np.block(
        [-_K_PER_KWH * step, -_K_PER_KWH * one, _K_PER_KWH * one, one - (1 - _COOLS) * before]
    )
    return csc_array(at_most), csc_array(np.hstack([room, none, none]))


_ROWS_AT_MOST, _ROWS_OF_ROOM = _rows()
