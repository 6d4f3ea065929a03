"""Runs benchmarks by name; see scripts/bench."""

import argparse
from collections.abc import Callable
import json

from . import chaos, fleet, jobs, ledger, sources

type Row = dict[str, str | float | None]
"""What was measured, by the name of its column; all rows of a benchmark have the same columns."""

# The docstring of each says what is measured.
BENCHMARKS: dict[str, Callable[[], list[Row]]] = {
    "chaos": chaos.measure,
    "fleet": fleet.measure,
    "jobs": jobs.measure,
    "ledger": ledger.measure,
    "sources": sources.measure,
}


def main() -> None:
    """Run the benchmarks that are asked for, and print what they measured."""
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("name", nargs="?", choices=sorted(BENCHMARKS), help="all if left out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    names = [asked.name] if asked.name else list(BENCHMARKS)
    measured = {}
    for name in names:
        measured[name] = BENCHMARKS[name]()
        if not asked.json:
            print(f"\n{name}: {BENCHMARKS[name].__doc__}\n")
            print(table(measured[name]))
    if asked.json:
        print(json.dumps(measured, indent=2))


def table(rows: list[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[_shown(value) for value in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value: str | float | None) -> str:
    match value:
        case None:
            return ""
        case 0.0:
            return "0"
        case float() if abs(value) < 0.001:
            return f"{value:.1e}"
        case float():
            return f"{value:.2f}"
        case int():
            return f"{value:,}"
    return value


if __name__ == "__main__":
    main()
