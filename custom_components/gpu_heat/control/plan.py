"""Plans when jobs run: in the best hours before their deadlines, if that pays at all."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from heapq import heapreplace
from itertools import accumulate
from statistics import mean

from .building import HeatStore
from .guard import MARGIN_H, WORK_MARGIN
from .outlook import FAR_SLOT, Outlook
from .runs import Chooser, Habits, Run, Worth, waits
from .task import Task, by_queue, in_turn

_LOOKS = 32
"""How often a plan looks anew at what its own heat leaves to be wanted."""

_AGAIN = 12
"""So few jobs are gone through twice: the first were placed before the others were known."""

WORTH_WHILE = 0.005
"""A plan that saves less than this part of the electricity's cost is not worth its switches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When jobs run, in h from the outlook's start, by their ids; and what that comes to.

    `cost` is the net cost of the work until the end of the outlook: electricity, and what heating
    and cooling cost more or less than without it. Work after that is in neither cost.
    `cost_at_once` is that of running all jobs as soon as possible; where the plan is hardly better
    (`pays` is False) it is the same.
    `gain` is what a kWh of electricity gains by slot, given the plan; `worth` its heat alone.
    """

    runs: Mapping[str, Sequence[Run]]
    cost: float
    cost_at_once: float
    pays: bool
    edges: Sequence[float]
    gain: Sequence[float]
    worth: Sequence[float]

    @property
    def saving(self) -> float:
        """What the plan saves against running all at once."""
        return self.cost_at_once - self.cost


def reach_h(tasks: Iterable[Task], places: Mapping[str, int]) -> float:
    """Return how far to look ahead for a plan, in h: all is due then, and can be done."""
    ends_h = [0.0]
    for queue, of_queue in by_queue(tasks):
        ends_h += [max(task.due_h, task.work_h) for task in of_queue]
        free_h = [0.0] * (places[queue] if queue is not None else 0)
        for task in in_turn(of_queue) if free_h else ():
            # Each may begin a slot later than it could.
            heapreplace(free_h, free_h[0] + task.work_h + FAR_SLOT / timedelta(hours=1))
        ends_h += free_h
    return max(ends_h)


def make_plan(
    outlook: Outlook,
    tasks: Iterable[Task],
    places: Mapping[str, int],
    habits: Habits,
    other_w: float = 0.0,
) -> Plan:
    """Plan tasks; `places` has how many of a queue run at a time.

    `other_w` is the power of what is not planned, and goes on.
    """
    return _Planner(outlook, in_turn(tasks), places, habits, other_w).plan()


class _Load:
    """The power and the places that planned runs take, slot by slot."""

    def __init__(self, edges: Sequence[float], places: Mapping[str, int], other_w: float) -> None:
        self._edges = edges
        self._slots = len(edges) - 1
        self._places = places
        self.power_w = [other_w] * self._slots
        self._taken = {queue: [0] * self._slots for queue in places}

    def full(self, queue: str | None) -> list[bool] | None:
        """Return of each slot whether all places of a queue are taken."""
        if queue is None:
            return None
        places = self._places[queue]
        return [taken >= places for taken in self._taken[queue]]

    def put(self, task: Task, runs: Sequence[Run], sign: int = 1) -> None:
        """Add the runs of a task, or take them away."""
        held = waits(task, runs)
        for spans, power_w in ((runs, task.power_w), (held, task.held_w)):
            for span in spans:
                self._spread(span, sign * power_w)
        if task.queue is not None:
            taken = self._taken[task.queue]
            for span in [*runs, *(held if task.keeps_place else [])]:
                for slot in range(*self._within(span)):
                    taken[slot] += sign

    def _within(self, span: Run) -> tuple[int, int]:
        edges = self._edges
        first = max(bisect_left(edges, span[0] + 1e-9) - 1, 0)
        return first, min(bisect_left(edges, span[1] - 1e-9), self._slots)

    def _spread(self, span: Run, power_w: float) -> None:
        edges, begin, end = self._edges, *span
        for slot in range(*self._within(span)):
            left, right = edges[slot], edges[slot + 1]
            self.power_w[slot] += power_w * (min(end, right) - max(begin, left)) / (right - left)


class _Planner:
    def __init__(
        self,
        outlook: Outlook,
        tasks: Sequence[Task],
        places: Mapping[str, int],
        habits: Habits,
        other_w: float,
    ) -> None:
        self._outlook = outlook
        self._tasks = tasks
        self._places = places
        self._habits = habits
        self._other_w = other_w
        self._edges = list(accumulate(outlook.climate.hours, initial=0.0))
        self._store = HeatStore(outlook.building, outlook.climate)
        self._idle = self._bill(self._load())
        self._price = max(mean(outlook.price), 0.0)

    def plan(self) -> Plan:
        at_once, soonest = self._soonest()
        load, chosen = self._chosen()
        cost_at_once, cost = self._cost(at_once, soonest), self._cost(load, chosen)
        work_kwh = sum(task.work_h * task.power_w for task in self._tasks) / 1000
        pays = cost_at_once - cost > WORTH_WHILE * work_kwh * self._price
        if not pays:
            load, chosen, cost = at_once, soonest, cost_at_once
        worth = self._store.respond(self._heat(load)).worth
        return Plan(
            runs=chosen,
            cost=cost,
            cost_at_once=cost_at_once,
            pays=pays,
            edges=self._edges,
            gain=self._gain(worth),
            worth=worth,
        )

    def _load(self) -> _Load:
        return _Load(self._edges, self._places, self._other_w)

    def _heat(self, load: _Load) -> list[float]:
        capture = self._outlook.capture
        return [capture * power_w for power_w in load.power_w]

    def _worth(self, load: _Load) -> Worth:
        worth = self._store.respond(self._heat(load)).worth
        return Worth(self._edges, self._gain(worth), self._price)

    def _gain(self, worth: Sequence[float]) -> list[float]:
        """Return what a kWh of electricity gains by slot, where its heat is worth so much."""
        capture = self._outlook.capture
        return [
            capture * each - price for each, price in zip(worth, self._outlook.price, strict=True)
        ]

    def _bill(self, load: _Load) -> float:
        """Return what electricity, heating and cooling cost under a load."""
        hours = self._outlook.climate.hours
        electricity = sum(
            power_w * hours * price
            for power_w, hours, price in zip(load.power_w, hours, self._outlook.price, strict=True)
        )
        return electricity / 1000 + self._store.respond(self._heat(load)).bill

    def _cost(self, load: _Load, runs: Mapping[str, Sequence[Run]]) -> float:
        """Return what the work costs; GPUs that are held for it gain nothing by their heat."""
        if not any(task.held_w for task in self._tasks):
            return self._bill(load) - self._idle
        worth, at_work, held = self._worth(load), self._load(), 0.0
        for task in self._tasks:
            at_work.put(replace(task, held_w=0.0), runs[task.id])
            held -= task.held_w / 1000 * worth.held_of(waits(task, runs[task.id]))
        return self._bill(at_work) - self._idle + held

    def _soonest(self) -> tuple[_Load, dict[str, list[Run]]]:
        """Run each task as soon as it has a place."""
        load, runs = self._load(), dict[str, list[Run]]()
        flat = Worth(self._edges, [0.0] * (len(self._edges) - 1))
        for task in self._tasks:
            runs[task.id] = Chooser(flat, self._habits, load.full(task.queue)).soonest(task)
            load.put(task, runs[task.id])
        return load, runs

    def _chosen(self) -> tuple[_Load, dict[str, list[Run]]]:
        """Give each task in turn its best hours, as the heat of those before it leaves them."""
        load, runs = self._load(), dict[str, list[Run]]()
        every = max(len(self._tasks) // _LOOKS, 1)
        worth = self._worth(load)
        for index, task in enumerate(self._tasks):
            if index and index % every == 0:
                worth = self._worth(load)
            runs[task.id] = self._best(task, worth, load)
            load.put(task, runs[task.id])
        if 1 < len(self._tasks) <= _AGAIN:
            for task in self._tasks:
                load.put(task, runs[task.id], -1)
                runs[task.id] = self._best(task, self._worth(load), load)
                load.put(task, runs[task.id])
        return load, runs

    def _best(self, task: Task, worth: Worth, load: _Load) -> list[Run]:
        chooser = Chooser(worth, self._habits, load.full(task.queue))
        if task.runs_on:
            return chooser.soonest(task)
        due_h = task.due_h - (WORK_MARGIN - 1) * task.work_h - MARGIN_H
        return chooser.best(task, due_h)
