"""Scores in a file, a line of JSON each, so that a run that is cut off can go on."""

from collections.abc import Iterable
import dataclasses
import json
from pathlib import Path

from .score import Cell, Comfort, Conduct, Score


def add(file: Path, scores: Iterable[Score]) -> None:
    """Add scores to the end of a file."""
    lines = [json.dumps(dataclasses.asdict(score)) + "\n" for score in scores]
    with file.open("a", encoding="utf-8") as out:
        out.write("".join(lines))


def read(file: Path) -> list[Score]:
    """Return the scores of a file."""
    with file.open(encoding="utf-8") as lines:
        return [_score(json.loads(line)) for line in lines]


def _score(row: dict[str, object]) -> Score:
    comfort, conduct = row["comfort"], row["conduct"]
    return Score(
        **{
            **row,
            "cell": Cell(**row["cell"]),
            "comfort": comfort and Comfort(**comfort),
            "conduct": conduct and Conduct(**conduct),
        }
    )
