"""Runs benchmarks by name; see scripts/bench."""

import argparse
from collections.abc import Callable, Sequence
import json

from . import chaos, fleet, jobs, ledger, plan, season, sources
from .table import Row, table

# The docstring of each says what is measured.
BENCHMARKS: dict[str, Callable[[], Sequence[Row]]] = {
    "chaos": chaos.measure,
    "fleet": fleet.measure,
    "jobs": jobs.measure,
    "ledger": ledger.measure,
    "plan": plan.measure,
    "season": season.measure,
    "sources": sources.measure,
}

# They run for half an hour or more, and need an environment of their own.
ON_REQUEST = {"season"}


def main() -> None:
    """Run the benchmarks that are asked for, and print what they measured."""
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument(
        "name", nargs="?", choices=sorted(BENCHMARKS), help="all but season if left out"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    names = [asked.name] if asked.name else [name for name in BENCHMARKS if name not in ON_REQUEST]
    measured = {}
    for name in names:
        measured[name] = BENCHMARKS[name]()
        if not asked.json:
            print(f"\n{name}: {BENCHMARKS[name].__doc__}\n")
            print(table(measured[name]))
    if asked.json:
        print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
