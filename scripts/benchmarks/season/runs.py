"""All runs, on all cores."""

from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
import os
from pathlib import Path
import sys

from . import kept
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
        for seed, city, load, slack in product(self.seeds, self.cities, self.loads, self.slacks):
            yield Cell(city=city, load=load, slack=slack, seed=seed)


def run(choice: Choice, file: Path | None = None) -> list[Score]:
    """Run what is chosen; a line on stderr tells of each run.

    Each run's scores are added to a file, if there is one; what that has is not run again.
    Raises, once all are through, a group of what `run_cell` raised.
    """
    known = kept.read(file) if file and file.exists() else []
    done = {score.cell for score in known}
    cells = [cell for cell in choice.cells() if cell not in done]
    scores = [score for score in known if score.cell in set(choice.cells())]
    with ProcessPoolExecutor(max_workers=os.process_cpu_count()) as pool:
        runs = {
            pool.submit(run_cell, cell, choice.policies, choice.fuels, limits=choice.limits): cell
            for cell in cells
        }
        errors = []
        for number, ended in enumerate(as_completed(runs), start=1):
            print(f"season: {number} of {len(cells)}, {runs[ended]}", file=sys.stderr)
            if error := ended.exception():
                errors.append(error)
                continue
            scores += ended.result()
            if file:
                kept.add(file, ended.result())
    if errors:
        raise BaseExceptionGroup("runs that failed", errors)
    return scores
