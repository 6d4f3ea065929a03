"""Rivals from the literature that hold an hour's worth against a threshold, job by job."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
import math
from typing import override

from . import worth
from .clock import STEP_H, STEPS_PER_H
from .guard import guarded
from .world import JobState, Policy, View

_SWITCH = 0.1  # what a switch is put at, of the lowest price of an hour
_HALVINGS = 50


class _Hourly(Policy):
    """Wishes anew each hour which jobs shall run; those that come in between wait for the next."""

    def __init__(self) -> None:
        self._wished: set[str] = set()

    @override
    def decide(self, view: View) -> Collection[str]:
        if view.step % STEPS_PER_H == 0:
            self._wished = self._wished_at(view)
        return guarded(view, self._wished)

    def _wished_at(self, view: View) -> set[str]:
        """Return the ids of the jobs that shall run for an hour."""
        raise NotImplementedError


class BestHours(_Hourly):
    """Takes the best hours before the deadline, as far as the forecast reaches, as many as needed.

    The interruptible strategy of Wiesner et al., "Let's wait awhile" (Middleware 2021), with an
    hour's worth in place of its carbon intensity, and made anew each hour.
    """

    @override
    def _wished_at(self, view: View) -> set[str]:
        ahead = worth.hours_ahead(view)
        return {
            state.id
            for state in view.jobs
            if _among_best(ahead, state.left_h, state.due_h(view.step))
        }


def _among_best(ahead: Sequence[float], needed_h: float, due_h: float) -> bool:
    """Tell whether the first hour is one of the best that are needed before a deadline."""
    window = sorted(ahead[: max(math.floor(due_h), 1)], reverse=True)
    return ahead[0] >= window[min(math.ceil(needed_h), len(window)) - 1]


class PauseAndResume(_Hourly):
    """Two thresholds by how much of the job is done; that to pause is higher than that to resume.

    After Lechowicz et al., "The online pause and resume problem" (arXiv:2303.17551), which needs no
    forecast. Their thresholds become those of k-search where switches cost nothing; here it is
    k-search's, moved to either side by what a switch is put at: a tenth of the lowest price. An
    hour costs its price and the heat that it fails to give.
    """

    def __init__(self) -> None:
        super().__init__()
        self._range: CostRange | None = None

    @override
    def _wished_at(self, view: View) -> set[str]:
        if self._range is None or view.now.hour == 0:
            self._range = cost_range(view)
        of, cost = self._range, self._range.heat - worth.hours_ahead(view)[0]
        switch = _SWITCH * of.lowest
        return {
            state.id
            for state in view.jobs
            if cost <= _threshold(state, of) + (switch if state.running else -switch)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRange:
    """What an hour can cost per kWh: its price, cooling, and the `heat` that it fails to give."""

    lowest: float
    highest: float
    heat: float


def cost_range(view: View) -> CostRange:
    """Return the range by the tariff of the week ahead."""
    hour, scenario = view.now.replace(minute=0), view.scenario
    prices = [scenario.price(hour + timedelta(hours=ahead)) for ahead in range(7 * 24)]
    coldest_c = min(view.outdoor_c, *view.forecast)
    heat = max(scenario.heat_price(price, coldest_c) for price in prices)
    highest = max(prices)
    return CostRange(
        lowest=min(prices), highest=highest + scenario.cool_price(highest) + heat, heat=heat
    )


def _threshold(state: JobState, of: CostRange) -> float:
    hours = math.ceil(state.job.work * STEP_H)
    done = math.floor((state.job.work - state.left) * STEP_H)
    return of.highest * k_search(of.highest / of.lowest, hours, done)


@cache
def k_search(ratio: float, hours: int, done: int) -> float:
    """Return the most to pay for the next of so many hours, as a part of the highest price.

    `ratio` is that of the highest to the lowest price. The first pays 1 / alpha, and each less
    than the one before; alpha, the competitive ratio, solves
    (1 - 1 / ratio) / (1 - 1 / alpha) = (1 + 1 / (hours * alpha)) ** hours
    (Lorenz et al., "Optimal algorithms for k-search with application in option pricing", 2009).
    """
    low, high = 1.0, ratio
    for _ in range(_HALVINGS):
        alpha = (low + high) / 2
        if (1 - 1 / alpha) * (1 + 1 / (hours * alpha)) ** hours < 1 - 1 / ratio:
            low = alpha
        else:
            high = alpha
    return 1 - (1 - 1 / high) * (1 + 1 / (hours * high)) ** done
