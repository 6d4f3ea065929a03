"""Sums of scores: what policies cost beside always-on and the limit, and what they did."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
import math

from ..table import Row
from .score import ALWAYS_ON, IDLE, LIMIT, Comfort, Conduct, Score

HELD_OUT_CITIES = ("stockholm", "illinois")


def part_of(score: Score) -> str:
    """Return what a run is for: policies may be tuned in development, never by the others."""
    if score.cell.city in HELD_OUT_CITIES:
        return score.cell.city.capitalize()
    return "other seeds" if score.cell.seed % 2 else "development"


KEYS: dict[str, Callable[[Score], str]] = {
    "part": part_of,
    "city": lambda score: score.cell.city,
    "load": lambda score: f"{score.cell.load:.0%}",
    "slack": lambda score: score.cell.slack,
    "fuel": lambda score: score.fuel,
    "seed": lambda score: str(score.cell.seed),
}
SUMMARY = ("part", "fuel")


def rows_of(scores: Iterable[Score], by: Sequence[str] = SUMMARY) -> list[Row]:
    """Return a row for each policy of each group of runs, by the names of KEYS."""
    groups: dict[tuple[str, ...], dict[str, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for score in scores:
        groups[tuple(KEYS[key](score) for key in by)][score.policy].append(score)
    return [
        {**dict(zip(by, group, strict=True)), "policy": policy, **_sums(of, policies)}
        for group, policies in groups.items()
        for policy, of in policies.items()
    ]


def _sums(scores: Collection[Score], beside: Mapping[str, Collection[Score]]) -> Row:
    """Return the columns of a policy; those of what it did are empty for a bound."""
    net, scale = _net(scores), sum(score.scale for score in scores)
    return {
        "net CAD": net,
        "of electricity %": 100 * net / scale,
        "of the limit's saving %": None if scores is beside.get(IDLE) else _of_limit(net, beside),
        **_of_conduct([score.conduct for score in scores if score.conduct]),
        **_of_comfort([score.comfort for score in scores if score.comfort]),
    }


def _net(scores: Iterable[Score]) -> float:
    return sum(score.net_cost for score in scores)


def _of_limit(net: float, beside: Mapping[str, Collection[Score]]) -> float | None:
    """Return what part of the greatest saving beside always-on is had, in %; None if none can."""
    if ALWAYS_ON not in beside or LIMIT not in beside:
        return None
    always, least = _net(beside[ALWAYS_ON]), _net(beside[LIMIT])
    return 100 * (always - net) / (always - least) if always > least else None


def _of_conduct(conducts: Collection[Conduct]) -> Row:
    if not conducts:
        return dict.fromkeys(("missed", "latest h", "switches", "held kWh", "planning s"))
    return {
        "missed": sum(conduct.misses for conduct in conducts),
        "latest h": max(conduct.latest_h for conduct in conducts),
        "switches": max(conduct.switches for conduct in conducts),
        "held kWh": sum(conduct.held_kwh for conduct in conducts),
        "planning s": sum(conduct.planning_s for conduct in conducts),
    }


def _of_comfort(comforts: Collection[Comfort]) -> Row:
    if not comforts:
        return dict.fromkeys(("too warm h", "RMSE K"))
    heated_h = sum(comfort.heated_h for comfort in comforts)
    square_k = sum(comfort.square_k for comfort in comforts)
    return {
        "too warm h": sum(comfort.hours_above for comfort in comforts),
        "RMSE K": math.sqrt(square_k / heated_h) if heated_h else None,
    }
