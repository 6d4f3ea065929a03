"""All runs, on all cores."""

from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
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
    """Run what is chosen; a line on stderr tells of each run. Raises what `run_cell` does."""
    cells = list(choice.cells())
    scores: list[Score] = []
    with ProcessPoolExecutor(max_workers=os.process_cpu_count()) as pool:
        told = pool.map(partial(_run, choice), cells)
        for number, (cell, of_cell) in enumerate(zip(cells, told, strict=True), start=1):
            scores += of_cell
            print(f"season: {number} of {len(cells)}, {cell}", file=sys.stderr)
    return scores


def _run(choice: Choice, cell: Cell) -> list[Score]:
    return run_cell(cell, choice.policies, choice.fuels, limits=choice.limits)
