"""How long it takes to plan jobs over 72 h."""

from collections.abc import Callable
from datetime import UTC, datetime
import math
from random import Random
from time import process_time

from custom_components.gpu_heat.control.building import Building, Climate
from custom_components.gpu_heat.control.outlook import Outlook
from custom_components.gpu_heat.control.plan import make_plan
from custom_components.gpu_heat.control.runs import Habits
from custom_components.gpu_heat.control.task import Task

from .table import Row

JOBS = (1, 20, 200, 2000)
ROUNDS = 5
_QUARTERS = 72 * 4
_JOBS_A_GPU = 8


def measure() -> list[Row]:
    """Plan jobs of 1 to 12 h on a cluster with a GPU for every eight, from one CPU's time.

    72 h in quarters of an hour, a cool week in autumn, prices that are low at night; deadlines
    between 10 h and eight days. The peer is the least that plans at all: each job takes the
    cheapest quarters before its deadline, whatever the others do, what its heat does and how often
    it is switched ("Let's wait awhile", Middleware 2021). The best of five rounds counts.
    """
    return [_row(jobs) for jobs in JOBS]


def _row(jobs: int) -> Row:
    rng = Random(jobs)  # noqa: S311  # nothing is kept secret with it
    tasks = [_task(index, rng) for index in range(jobs)]
    places = {"cluster": max(jobs // _JOBS_A_GPU, 1)}
    outlook = _outlook()
    ours = min(_timed(lambda: make_plan(outlook, tasks, places, Habits())) for _ in range(ROUNDS))
    peer = min(_timed(lambda: _cheapest(outlook, tasks)) for _ in range(ROUNDS))
    return {"jobs": jobs, "plan ms": ours * 1000, "cheapest quarters ms": peer * 1000}


def _timed(work: Callable[[], object]) -> float:
    before = process_time()
    work()
    return process_time() - before


def _task(index: int, rng: Random) -> Task:
    return Task(
        id=f"job-{index}",
        work_h=rng.choice((1.0, 2.0, 4.0, 6.0, 8.0, 12.0)),
        due_h=rng.uniform(10, 200),
        power_w=rng.uniform(250, 400),
        held_w=90.0,
        queue="cluster",
    )


def _outlook() -> Outlook:
    clock = [quarter / 4 % 24 for quarter in range(_QUARTERS)]
    price = [0.08 if hour < 7 or hour >= 19 else 0.14 for hour in clock]
    return Outlook(
        start=datetime(2026, 10, 1, tzinfo=UTC),
        price=price,
        building=Building(),
        climate=Climate(
            hours=[0.25] * _QUARTERS,
            free_c=[12 - 5 * math.cos(math.tau * (hour - 4) / 24) for hour in clock],
            target_c=[21.0] * _QUARTERS,
            ceiling_c=[22.0] * _QUARTERS,
            cool_c=[25.5] * _QUARTERS,
            heat_price=[0.1] * _QUARTERS,
            cool_price=[each / 3 for each in price],
            room_c=21.0,
        ),
    )


def _cheapest(outlook: Outlook, tasks: list[Task]) -> list[list[int]]:
    chosen = []
    for task in tasks:
        window = range(min(int(task.due_h * 4), _QUARTERS))
        by_price = sorted(window, key=lambda quarter: outlook.price[quarter])
        chosen.append(sorted(by_price[: math.ceil(task.work_h * 4)]))
    return chosen
