"""What our scheduler is held to, cell by cell: a city, a load, a slack and a fuel, all seeds."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import math
from statistics import mean

from ..table import Row
from .report import part_of
from .score import ALWAYS_ON, LIMIT, Score

OURS, CLOCK = "ours", "night clock"
WORTH_WHILE = 0.02
"""A cell counts where the limit is below always-on and clock by more than this part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sum:
    """A policy's sums over the seeds of a cell; costs as parts of always-on's electricity."""

    cost: float
    late: int = 0
    switches: int = 0
    above_h: float = 0.0
    rmse_k: float = 0.0

    @classmethod
    def of(cls, scores: Sequence[Score]) -> _Sum:
        """Add scores up."""
        cost = sum(score.net_cost for score in scores) / sum(score.scale for score in scores)
        conducts = [score.conduct for score in scores if score.conduct]
        comforts = [score.comfort for score in scores if score.comfort]
        heated_h = sum(comfort.heated_h for comfort in comforts)
        square_k = sum(comfort.square_k for comfort in comforts)
        return cls(
            cost=cost,
            late=sum(conduct.misses for conduct in conducts),
            switches=max((conduct.switches for conduct in conducts), default=0),
            above_h=sum(comfort.hours_above for comfort in comforts),
            rmse_k=math.sqrt(square_k / heated_h) if heated_h else 0.0,
        )


def rows_of(scores: Iterable[Score]) -> list[Row]:
    """Return a row for each part of the runs and slack: how far the targets are met."""
    cells = defaultdict[tuple[str, str], dict[tuple[str, float, str], dict[str, list[Score]]]](
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for score in scores:
        key = score.cell.city, score.cell.load, score.fuel
        cells[part_of(score), score.cell.slack][key][score.policy].append(score)
    return [
        {"part": part, "slack": slack, **_row(list(of.values()))}
        for (part, slack), of in sorted(cells.items())
    ]


def _row(cells: Sequence[dict[str, list[Score]]]) -> Row:
    sums = [{name: _Sum.of(scores) for name, scores in cell.items()} for cell in cells]
    counting = [cell for cell in sums if _worth_while(cell)]
    return {
        "cells": len(sums),
        "that count": len(counting),
        "below both": sum(_below_both(cell) for cell in counting),
        "of the limit's saving %": 100 * mean(map(_of_limit, counting)) if counting else None,
        "worst beside always-on %": 100 * max(_beside(cell) for cell in sums),
        "late, always-on": sum(cell[ALWAYS_ON].late for cell in sums),
        "late, ours": sum(cell[OURS].late for cell in sums),
        "most switches a day": max(cell[OURS].switches for cell in sums),
        "too warm h, always-on": sum(cell[ALWAYS_ON].above_h for cell in sums),
        "too warm h, ours": sum(cell[OURS].above_h for cell in sums),
        "RMSE K, always-on": mean(cell[ALWAYS_ON].rmse_k for cell in sums),
        "RMSE K, ours": mean(cell[OURS].rmse_k for cell in sums),
    }


def _worth_while(cell: dict[str, _Sum]) -> bool:
    best = min(cell[ALWAYS_ON].cost, cell[CLOCK].cost)
    return best - cell[LIMIT].cost > WORTH_WHILE


def _below_both(cell: dict[str, _Sum]) -> bool:
    return cell[OURS].cost < min(cell[ALWAYS_ON].cost, cell[CLOCK].cost)


def _of_limit(cell: dict[str, _Sum]) -> float:
    always = cell[ALWAYS_ON].cost
    return (always - cell[OURS].cost) / (always - cell[LIMIT].cost)


def _beside(cell: dict[str, _Sum]) -> float:
    return cell[OURS].cost - cell[ALWAYS_ON].cost
