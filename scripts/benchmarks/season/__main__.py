"""Runs a part of the season's benchmark, or looks anew at the scores of one that was run.

.venv-season/bin/python -m scripts.benchmarks.season --cities chicago --seeds 0,2 --by slack,fuel
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from ..table import table
from . import kept, targets
from .report import KEYS, SUMMARY, rows_of
from .rivals import RIVALS
from .runs import SEEDS, Choice, run
from .scenarios import SCENARIOS
from .weather import CITIES
from .workload import LOADS, SLACKS


def main() -> None:
    """Run what is asked for, and print it."""
    parser = argparse.ArgumentParser(
        prog="scripts.benchmarks.season",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--cities", type=_some_of(CITIES), default=CITIES)
    parser.add_argument("--seeds", type=_some_of(SEEDS), default=tuple(SEEDS))
    parser.add_argument("--loads", type=_some_of(LOADS), default=LOADS)
    parser.add_argument("--slacks", type=_some_of(SLACKS), default=SLACKS)
    parser.add_argument("--fuels", type=_some_of(SCENARIOS), default=tuple(SCENARIOS))
    parser.add_argument("--policies", type=_some_of(RIVALS), default=tuple(RIVALS))
    parser.add_argument("--by", type=_some_of(KEYS), default=SUMMARY, help="of what to make rows")
    parser.add_argument("--targets", action="store_true", help="how far our targets are met")
    parser.add_argument("--no-limits", action="store_true", help="leave out what takes longest")
    parser.add_argument("--save", type=Path, help="add the scores to a file, go on with it")
    parser.add_argument("--load", type=Path, help="run nothing, read the scores from a file")
    asked = parser.parse_args()
    choice = Choice(
        cities=asked.cities,
        seeds=asked.seeds,
        loads=asked.loads,
        slacks=asked.slacks,
        fuels=asked.fuels,
        policies=asked.policies,
        limits=not asked.no_limits,
    )
    scores = kept.read(asked.load) if asked.load else run(choice, asked.save)
    print(table(targets.rows_of(scores) if asked.targets else rows_of(scores, asked.by)))


def _some_of[T](known: Iterable[T]) -> Callable[[str], tuple[T, ...]]:
    """Return what reads some of the known, divided by commas."""
    by_name = {str(one): one for one in known}

    def chosen(text: str) -> tuple[T, ...]:
        unknown = [name for name in text.split(",") if name not in by_name]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(by_name)}")
        return tuple(by_name[name] for name in text.split(","))

    return chosen


if __name__ == "__main__":
    main()
