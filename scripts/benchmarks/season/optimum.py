"""What nobody can beat: the cheapest way to do the work for one who knows all of the future.

A linear program in what compute changes against the same house without it. Compute warms the house
(`rise`), which lets the heater do less (`saved`) and makes the air conditioner do more (`cooled`).
It is a bound from below for all policies that miss no deadline, as it leaves out what binds them:

- work may be split at will over GPUs and jobs, as long as the sum of the work that is done lies
  between what deadlines ask for and what has come;
- the heater may be used less whenever the room is no colder than without compute, also where the
  thermostat would not have let it; the air conditioner where it likes;
- switches cost nothing, and no GPU has to be held.

What it keeps holds for every policy, since more heat never makes a later temperature lower or the
heater work more: the room is never colder and the heater never does more than without compute;
the room is never warmer and the air conditioner never does more than with all GPUs at their most.

It is a bound for the work alone. Where heat costs more than electricity, as with oil, a GPU that a
paused job holds gains by its heat although it does no work, which the bound leaves out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from .clock import STEP_H
from .course import Course, Response, respond
from .scenarios import Prices
from .workload import GPUS, Job

_KWH = STEP_H / 1000  # of a W for a step

_WAYS = (
    ("highs-ds", {"simplex_dual_edge_weight_strategy": "devex"}),
    ("highs-ds", {}),
    ("highs-ds", {"presolve": False}),
    ("highs-ipm", {"presolve": False}),
)
"""How to solve it: the first is a fifth faster here, but ends in vain once in a hundred."""

type Vector = NDArray[np.float64]


class NoOptimumError(RuntimeError):
    """The solver found no optimum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be done, in W of work by step.

    `least` and `most` bound the sum of the power of the work up to the end of each step. `busy`
    is how many GPUs may have a job then, `gpu_w` the most that one draws.
    """

    least: Vector
    most: Vector
    busy: Vector
    gpu_w: float


def work_of(jobs: Sequence[Job], always_w: Sequence[float], steps: int) -> Work:
    """Return the bounds of the work; `always_w` is what running at once does, which can be done."""
    ends = np.arange(1, steps + 1, dtype=float)
    least, most, busy = np.zeros(steps), np.zeros(steps), np.zeros(steps)
    for job in jobs:
        most += job.running_w * np.clip(ends - job.arrival, 0, job.work)
        least += job.running_w * np.clip(ends - (job.due - job.work), 0, job.work)
        busy[job.arrival : job.due] += 1
    gpu_w = max(job.running_w for job in jobs)
    power_w = np.asarray(always_w)
    done = np.cumsum(power_w)
    return Work(
        least=np.minimum(least, done),
        most=np.maximum(most, done),
        busy=np.maximum(np.minimum(busy, GPUS), power_w / gpu_w),
        gpu_w=gpu_w,
    )


def limit(course: Course, idle: Response, work: Work, prices: Prices) -> float:
    """Return the least net cost of the work, see above. Raises NoOptimumError.

    `idle` is what the house does without compute.
    """
    steps = len(idle.room_c)
    fullest = respond(course, [GPUS * work.gpu_w] * steps)
    return _Program(course, idle, fullest, work, prices).solve()


def cost_of(
    course: Course, idle: Response, work: Work, prices: Prices, compute_w: Sequence[float]
) -> float:
    """Return the net cost of compute of a power by step. Raises NoOptimumError."""
    steps = len(idle.room_c)
    fullest = respond(course, [GPUS * work.gpu_w] * steps)
    program = _Program(course, idle, fullest, work, prices)
    program.fix(np.cumsum(np.asarray(compute_w)))
    return program.solve()


class _Program:
    """Columns, each by step: sum of the work, saved, cooled, rise of air, rise of mass.

    In kWh, but for the rises, which are in K.
    """

    def __init__(
        self,
        course: Course,
        idle: Response,
        fullest: Response,
        work: Work,
        prices: Prices,
    ) -> None:
        self._steps = steps = len(idle.room_c)
        self._work = work
        self._house = course.steps[:steps]
        room_c, heater_w, cooler_w = (
            (np.asarray(idle.room_c), np.asarray(fullest.room_c)),
            np.asarray(idle.heater_w),
            (np.asarray(idle.cooler_w), np.asarray(fullest.cooler_w)),
        )
        nothing, endless = np.zeros(steps), np.full(steps, np.inf)
        self._least = [work.least * _KWH, nothing, nothing, nothing, nothing]
        self._most = [
            work.most * _KWH,
            heater_w * _KWH,
            (cooler_w[1] - cooler_w[0]) * _KWH,
            room_c[1] - room_c[0],
            endless,
        ]
        electricity, heat, cool = (
            np.asarray(by[:steps]) for by in (prices.electricity, prices.heat, prices.cool)
        )
        # Of a sum, each step's price counts for what the step adds.
        self._cost = [electricity - np.append(electricity[1:], 0), -heat, cool, nothing, nothing]

    def fix(self, done: Vector) -> None:
        """Leave no choice of when the work is done."""
        self._least[0] = self._most[0] = done * _KWH

    def solve(self) -> float:
        """Return the least cost."""
        rises, level = self._rises()
        powers, most = self._powers()
        least = np.concatenate(self._least)
        for method, options in _WAYS:
            result = linprog(
                np.concatenate(self._cost),
                A_ub=powers,
                b_ub=most,
                A_eq=rises,
                b_eq=level,
                bounds=np.column_stack([least, np.concatenate(self._most)]),
                method=method,
                options=options,
            )
            if result.status == 0:
                return float(result.fun)
        raise NoOptimumError(f"{self._steps} steps: {result.message}")

    def _rises(self) -> tuple[coo_array, Vector]:
        """Return the rows that tie the rises after a step to those before it."""
        house, steps = self._house, self._steps
        table = _Table(steps)
        for node, (own, other, heat) in enumerate(
            (("air_air", "air_mass", "air_heat"), ("mass_mass", "mass_air", "mass_heat"))
        ):
            row = node * steps
            own_column, other_column = 3 + node, 4 - node
            weights = {name: _column(house, name) for name in (own, other, heat)}
            weights[heat] /= _KWH
            table.put(row, own_column, np.ones(steps))
            table.put(row, own_column, -weights[own], back=1)
            table.put(row, other_column, -weights[other], back=1)
            table.put(row, 0, -weights[heat])
            table.put(row, 0, weights[heat], back=1)
            table.put(row, 1, weights[heat])
            table.put(row, 2, weights[heat])
        return table.matrix(2 * steps, len(self._cost) * steps), np.zeros(2 * steps)

    def _powers(self) -> tuple[coo_array, Vector]:
        """Return the rows that keep power between nothing and what the GPUs draw."""
        steps, work = self._steps, self._work
        table = _Table(steps)
        one = np.ones(steps)
        table.put(0, 0, one)
        table.put(0, 0, -one, back=1)
        table.put(steps, 0, -one)
        table.put(steps, 0, one, back=1)
        most = np.append(work.busy * work.gpu_w * _KWH, np.zeros(steps))
        return table.matrix(2 * steps, len(self._cost) * steps), most


def _column(house: Sequence[object], name: str) -> Vector:
    return np.fromiter((getattr(step, name) for step in house), float)


class _Table:
    """The entries of a sparse matrix whose rows and columns both go by steps."""

    def __init__(self, steps: int) -> None:
        self._at = np.arange(steps)
        self._rows: list[NDArray[np.int64]] = []
        self._columns: list[NDArray[np.int64]] = []
        self._values: list[Vector] = []

    def put(self, row: int, column: int, values: Vector, *, back: int = 0) -> None:
        """Add a weight for each step of what a column was `back` steps before."""
        at = self._at[back:]
        self._rows.append(at + row)
        self._columns.append(at - back + column * len(self._at))
        self._values.append(values[back:])

    def matrix(self, rows: int, columns: int) -> coo_array:
        """Return the matrix."""
        entries = np.concatenate(self._values)
        place = np.concatenate(self._rows), np.concatenate(self._columns)
        return coo_array((entries, place), shape=(rows, columns))
