"""One run of everything: the same jobs, weather and forecasts for all policies and fuels."""

from collections.abc import Collection, Mapping

from . import optimum
from .clock import STEPS_PER_DAY
from .course import course_of, respond
from .rivals import RIVALS, Rival
from .scenarios import SCENARIOS, Prices, prices_of
from .score import (
    ALWAYS_ON,
    IDLE,
    LIMIT,
    Cell,
    Score,
    comfort_of,
    conduct_of,
    cost_of,
    electricity_of,
)
from .workload import make_jobs
from .world import Trace, simulate

_AFTERWARDS = 3 * STEPS_PER_DAY
_TOLERANCE = 0.005


class MismatchError(AssertionError):
    """The linear program does not describe the house that is simulated."""


def run_cell(
    cell: Cell, policies: Collection[str], fuels: Collection[str], *, limits: bool
) -> list[Score]:
    """Return the scores of policies, and of the bounds.

    Raises MismatchError, NoOptimumError, OverbookedError.
    """
    run = _Run(cell)
    scores = [
        score
        for fuel in fuels
        for score in (run.idle(fuel), *(run.score(fuel, RIVALS[name]) for name in policies))
    ]
    if limits:
        run.check()
        scores += [run.limit(fuel) for fuel in fuels]
    return scores


class _Run:
    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._course = course_of(cell.city, cell.seed)
        self._jobs = make_jobs(seed=cell.seed, load=cell.load, slack=cell.slack)
        last = max(job.due for job in self._jobs)
        self._steps = min(last + _AFTERWARDS, len(self._course.steps))
        self._nothing = [0.0] * self._steps
        self._idle = respond(self._course, self._nothing)
        self._traces: dict[tuple[str, str], Trace] = {}
        self._prices: Mapping[str, Prices] = {
            fuel: prices_of(scenario, self._course.times, self._course.outdoor_c)
            for fuel, scenario in SCENARIOS.items()
        }
        self._always = self._trace("oil", RIVALS[ALWAYS_ON])

    def idle(self, fuel: str) -> Score:
        """Return the score of doing nothing: how warm the room is without the jobs."""
        return Score(
            cell=self._cell,
            fuel=fuel,
            policy=IDLE,
            net_cost=0.0,
            scale=self._scale(fuel),
            comfort=comfort_of(self._course, self._idle),
        )

    def score(self, fuel: str, rival: Rival) -> Score:
        """Return the score of a policy."""
        trace, prices = self._trace(fuel, rival), self._prices[fuel]
        cost = cost_of(prices, trace.compute_w, trace.response)
        return Score(
            cell=self._cell,
            fuel=fuel,
            policy=rival.name,
            net_cost=cost - cost_of(prices, self._nothing, self._idle),
            scale=self._scale(fuel),
            comfort=comfort_of(self._course, trace.response),
            conduct=conduct_of(trace, len(self._jobs)),
        )

    def limit(self, fuel: str) -> Score:
        """Return the bound."""
        prices = self._prices[fuel]
        work = optimum.work_of(self._jobs, self._always.compute_w, self._steps)
        return Score(
            cell=self._cell,
            fuel=fuel,
            policy=LIMIT,
            net_cost=optimum.limit(self._course, self._idle, work, prices),
            scale=self._scale(fuel),
        )

    def check(self) -> None:
        """See to it that the linear program finds for always-on the cost that is simulated.

        Where prices are flat, as with oil: else the program would put off heating, and find less.
        """
        prices, trace = self._prices["oil"], self._always
        work = optimum.work_of(self._jobs, trace.compute_w, self._steps)
        found = optimum.cost_of(self._course, self._idle, work, prices, trace.compute_w)
        simulated = cost_of(prices, trace.compute_w, trace.response) - cost_of(
            prices, self._nothing, self._idle
        )
        if abs(found - simulated) > _TOLERANCE * self._scale("oil"):
            raise MismatchError(
                f"{self._cell}: the linear program says that always-on costs {found:.2f} CAD, "
                f"the simulation {simulated:.2f} CAD"
            )

    def _trace(self, fuel: str, rival: Rival) -> Trace:
        key = rival.name, fuel if rival.minds_money else ""
        if key not in self._traces:
            self._traces[key] = simulate(
                self._course, self._jobs, rival.make(), SCENARIOS[fuel], self._steps
            )
        return self._traces[key]

    def _scale(self, fuel: str) -> float:
        return electricity_of(self._prices[fuel], self._always.compute_w)
