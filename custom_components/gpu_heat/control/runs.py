"""Chooses the hours in which one job runs."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul

from .task import Task

type Run = tuple[float, float]
"""From when to when a job runs, in h from the beginning of the plan."""

_NEAR_H = (6.0, 12.0, 24.0, 48.0)
"""A job that waits with its GPU held pays for that until its end: earlier ends are tried too."""

_ALIKE = 0.02
"""Hours whose worth differs by less than this part of the greatest difference are alike: the
earlier one is taken."""

_WORTH_H = 0.1
"""What does not save as much as so many h of its work cost is not worth waiting for."""

_TINY_H = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How jobs are switched: the least times in h, and what a switch costs in h of full power."""

    on_h: float = 0.5
    off_h: float = 0.5
    switch_h: float = 0.25


class Worth:
    """What a kWh of electricity gains in each slot: the worth of its heat less its price.

    `edges` are the borders of the slots in h, one more than there are slots; `sums` is what 1 kW
    gains until each of them, `losses` what it does where it does no work. `price` is what a kWh of
    electricity costs on average: what a switch costs goes by it.
    """

    def __init__(self, edges: Sequence[float], gain: Sequence[float], price: float = 0.0) -> None:
        self.edges = edges
        self.gain = gain
        self.price = price
        self._spans = [end - start for start, end in pairwise(edges)]
        self.sums = self._summed(gain)
        # To hold a GPU for its heat alone is never a gain: it is there to work.
        self._loss = [min(each, 0.0) for each in gain]
        self.losses = self._summed(self._loss)
        alike = _ALIKE * (max(gain) - min(gain)) or 1.0
        ranks = [-round(each / alike) for each in gain]
        self.order = sorted(range(len(gain)), key=ranks.__getitem__)  # the earlier of those alike

    def _summed(self, by_slot: Sequence[float]) -> list[float]:
        return list(accumulate(map(mul, self._spans, by_slot), initial=0.0))

    def of(self, runs: Iterable[Run]) -> float:
        """Return what 1 kW gains in some runs."""
        return sum(self.until(end) - self.until(start) for start, end in runs)

    def until(self, at_h: float) -> float:
        """Return what 1 kW gains from the beginning until `at_h`."""
        return self._until(at_h, self.sums, self.gain)

    def until_each(self, ats_h: Iterable[float]) -> Iterator[float]:
        """Yield the same for times that ascend."""
        edges, last, slot = self.edges, len(self.gain) - 1, 0
        for at_h in ats_h:
            while slot < last and edges[slot + 1] <= at_h:
                slot += 1
            yield self.sums[slot] + (at_h - edges[slot]) * self.gain[slot]

    def held_of(self, spans: Iterable[Run]) -> float:
        """Return what 1 kW that does no work gains in some spans: less than 0, or nothing."""
        return sum(self.held_until(end) - self.held_until(start) for start, end in spans)

    def held_until(self, at_h: float) -> float:
        """Return what 1 kW that does no work gains until then: less than 0, or nothing."""
        return self._until(at_h, self.losses, self._loss)

    def _until(self, at_h: float, sums: Sequence[float], by_slot: Sequence[float]) -> float:
        slot = min(bisect_right(self.edges, at_h), len(by_slot)) - 1
        return sums[slot] + (at_h - self.edges[slot]) * by_slot[slot]


def gain_of(task: Task, runs: Sequence[Run], worth: Worth, habits: Habits) -> float:
    """Return what a task gains by its runs (less than 0: what it costs), switches included."""
    power_kw, held_kw = task.power_w / 1000, task.held_w / 1000
    gain = power_kw * worth.of(runs)
    if held_kw:
        gain += held_kw * worth.held_of(waits(task, runs))
    return gain - _switches(task, runs) * habits.switch_h * power_kw * worth.price


def waits(task: Task, runs: Sequence[Run]) -> list[Run]:
    """Return when a task waits with its GPU held: once it has started, until its end."""
    ends = [end for _, end in runs]
    begins = [start for start, _ in runs[1:]]
    if task.started and runs:
        ends, begins = [0.0, *ends], [runs[0][0], *begins]
    return [(end, begin) for end, begin in zip(ends, begins, strict=False) if begin > end]


def _switches(task: Task, runs: Sequence[Run]) -> int:
    """Count the times it is paused or let go on; its start and its end are no switches."""
    return 2 * (len(runs) - 1) + 2 * (task.running and runs[0][0] > 0)


class Chooser:
    """Chooses runs for tasks, one after the other, among the slots with a free place.

    `full` says of each slot whether all places are taken.
    """

    def __init__(self, worth: Worth, habits: Habits, full: Sequence[bool] | None = None) -> None:
        self._worth = worth
        self._edges = worth.edges
        self._habits = habits
        self._full = full
        self._blocked_from = self._next_full(full) if full and any(full) else None

    def soonest(self, task: Task) -> list[Run]:
        """Return the one run that begins as soon as there is a place for all of it."""
        start = 0.0
        if self._blocked_from is not None and not task.placed:
            for slot, edge in enumerate(self._edges[:-1]):
                if self._edges[self._blocked_from[slot]] >= min(
                    edge + task.work_h, self._edges[-1]
                ):
                    start = edge
                    break
            else:
                start = self._edges[-1]
        return [(start, start + task.work_h)]

    def best(self, task: Task, due_h: float) -> list[Run]:
        """Return the runs that gain most, and end before `due_h`; the soonest where none does."""
        soonest = self.soonest(task)
        best, most = soonest, gain_of(task, soonest, self._worth, self._habits)
        most += _WORTH_H * task.power_w / 1000 * self._worth.price
        for runs in self._candidates(task, min(due_h, self._edges[-1])):
            if task.running and 0 < runs[0][0] < self._habits.off_h:
                continue  # too short a pause to make
            if (gain := gain_of(task, runs, self._worth, self._habits)) > most:
                best, most = runs, gain
        return best

    def _candidates(self, task: Task, due_h: float) -> Iterator[list[Run]]:
        if due_h - task.work_h <= _TINY_H or task.work_h <= _TINY_H:
            return
        if block := self._best_block(task, due_h):
            yield [block]
        yield from self._pieces(task, due_h)
        if task.started and task.held_w:
            for near_h in _NEAR_H:
                if task.work_h < near_h < due_h:
                    yield from self._pieces(task, near_h)

    def _best_block(self, task: Task, due_h: float) -> Run | None:
        """Return the best run in one piece that begins with a slot."""
        edges, worth, work_h = self._edges, self._worth, task.work_h
        held = task.held_w / task.power_w if task.started and task.power_w else 0.0
        blocked_from = None if task.placed else self._blocked_from
        last = bisect_right(edges, due_h - work_h + _TINY_H)
        begins = edges[: min(last, len(edges) - 1)]
        ends = [start + work_h for start in begins]
        best, most = None, 0.0
        for slot, until_end in enumerate(worth.until_each(ends)):
            start, end = begins[slot], ends[slot]
            if blocked_from is not None and edges[blocked_from[slot]] < end:
                continue
            gain = until_end - worth.sums[slot] + held * worth.losses[slot]
            if best is None or gain > most + _TINY_H:
                best, most = (start, end), gain
        return best

    def _pieces(self, task: Task, due_h: float) -> Iterator[list[Run]]:
        """Yield the best slots, joined to runs that are not too short nor too near."""
        edges, full = self._edges, None if task.placed else self._full
        end = bisect_right(edges, due_h + _TINY_H) - 1
        chosen: list[int] = []
        hours = 0.0
        for slot in self._worth.order:
            if slot < end and not (full and full[slot]):
                chosen.append(slot)
                hours += edges[slot + 1] - edges[slot]
                if hours >= task.work_h - _TINY_H:
                    break
        else:
            return
        pieces = _Pieces(self._worth, self._habits, end, full)
        if runs := pieces.fitted(sorted(chosen), task.work_h):
            yield runs
            if task.running and runs[0][0] > 0:
                # Rather than to be paused it does now what it would do first.
                (start, stop), *later = runs
                yield [(0.0, stop - start), *later]

    def _next_full(self, full: Sequence[bool]) -> list[int]:
        """Return for each slot the first from it on that is full; beyond the last: none is."""
        following = [len(full)] * (len(full) + 1)
        for slot in range(len(full) - 1, -1, -1):
            following[slot] = slot if full[slot] else following[slot + 1]
        return following


class _Pieces:
    """Makes runs of slots: each as long as it has to be, as far apart, and together the work."""

    def __init__(self, worth: Worth, habits: Habits, end: int, full: Sequence[bool] | None) -> None:
        self._gain = worth.gain
        self._edges = worth.edges
        self._habits = habits
        self._end = end
        self._full = full

    def fitted(self, slots: Sequence[int], work_h: float) -> list[Run] | None:
        """Return runs of `work_h` together, near some slots; None where they do not fit."""
        runs = self._without_short(self._joined(slots))
        while (missing_h := work_h - self._hours(runs)) > _TINY_H:
            if not self._extend(runs):
                return None
        while missing_h < -_TINY_H and self._trim(runs, -missing_h):
            missing_h = work_h - self._hours(runs)
        edges = self._edges
        result = [(edges[first], edges[end]) for first, end in runs]
        start, end_h = result[-1]
        result[-1] = (start, end_h + missing_h)  # what is left over is less than a slot
        return result if result[-1][1] > start else result[:-1]

    def _hours(self, runs: Sequence[list[int]]) -> float:
        return sum(self._edges[end] - self._edges[first] for first, end in runs)

    def _joined(self, slots: Sequence[int]) -> list[list[int]]:
        runs: list[list[int]] = []
        for slot in slots:
            if runs and self._near(runs[-1][1], slot):
                runs[-1][1] = slot + 1
            else:
                runs.append([slot, slot + 1])
        return runs

    def _near(self, end: int, first: int) -> bool:
        """Tell whether a gap is too short to pause for, and can be run through."""
        if first == end:
            return True
        short = self._edges[first] - self._edges[end] < self._habits.off_h - _TINY_H
        return short and not (self._full and any(self._full[end:first]))

    def _without_short(self, runs: list[list[int]]) -> list[list[int]]:
        least = self._habits.on_h - _TINY_H
        long = [run for run in runs if self._edges[run[1]] - self._edges[run[0]] >= least]
        return long or [max(runs, key=lambda run: self._edges[run[1]] - self._edges[run[0]])]

    def _extend(self, runs: list[list[int]]) -> bool:
        """Add the best slot beside a run; join runs that come too near. False if there is none."""
        best: tuple[float, int, int] | None = None
        for index, (first, end) in enumerate(runs):
            for slot in (first - 1, end):
                free = 0 <= slot < self._end and not (self._full and self._full[slot])
                if free and (best is None or self._gain[slot] > best[0]):
                    best = (self._gain[slot], index, slot)
        if best is None:
            return False
        _, index, slot = best
        runs[index] = [min(runs[index][0], slot), max(runs[index][1], slot + 1)]
        for left, right in pairwise(range(len(runs))):
            if self._near(runs[left][1], runs[right][0]):
                runs[left : right + 1] = [[runs[left][0], runs[right][1]]]
                break
        return True

    def _trim(self, runs: list[list[int]], over_h: float) -> bool:
        """Take away the worst slot at the end of a run, if that is all too much."""
        edges, least = self._edges, self._habits.on_h - _TINY_H
        worst: tuple[float, int, int] | None = None
        for index, (first, end) in enumerate(runs):
            for slot in (first, end - 1):
                hours = edges[slot + 1] - edges[slot]
                rest = edges[end] - edges[first] - hours
                fits = hours <= over_h + _TINY_H and (rest >= least or rest <= _TINY_H)
                fits = fits and slot > 0  # what can begin now is not put off
                if fits and (worst is None or self._gain[slot] < worst[0]):
                    worst = (self._gain[slot], index, slot)
        if worst is None:
            return False
        _, index, slot = worst
        first, end = runs[index]
        if first + 1 == end:
            del runs[index]
        else:
            runs[index] = [first + 1, end] if slot == first else [first, end - 1]
        return True
