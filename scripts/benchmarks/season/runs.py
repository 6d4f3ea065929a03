"""All runs, on all cores."""

from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
import os
import sys

from .cell import run_cell
from .rivals import RIVALS
from .scenarios import SCENARIOS
from .score import Cell, Score
from .weather import CITIES
from .workload import LOADS, SLACKS

SEEDS = range(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is run; all of it unless said otherwise."""

    cities: Collection[str] = CITIES
    seeds: Collection[int] = SEEDS
    loads: Collection[float] = LOADS
    slacks: Collection[str] = SLACKS
    fuels: Collection[str] = tuple(SCENARIOS)
    policies: Collection[str] = tuple(RIVALS)
    limits: bool = True

    def cells(self) -> Iterator[Cell]:
        """Yield the runs."""
        for city, seed, load, slack in product(self.cities, self.seeds, self.loads, self.slacks):
            yield Cell(city=city, load=load, slack=slack, seed=seed)


def run(choice: Choice) -> list[Score]:
    """Run what is chosen; a line on stderr tells how far it is. Raises what `run_cell` does."""
    scores = []
    with ProcessPoolExecutor(max_workers=os.process_cpu_count()) as pool:
        ahead = {
            pool.submit(run_cell, cell, choice.policies, choice.fuels, limits=choice.limits): number
            for number, cell in enumerate(choice.cells())
        }
        by_cell = {}
        for done, future in enumerate(as_completed(ahead), start=1):
            by_cell[ahead[future]] = future.result()
            print(f"\rseason: {done} of {len(ahead)} runs", end="", file=sys.stderr)
    print(file=sys.stderr)
    for number in sorted(by_cell):
        scores += by_cell[number]
    return scores
