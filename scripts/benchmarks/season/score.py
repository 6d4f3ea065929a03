"""How well a policy did: money, deadlines, comfort, and what it asked of jobs and computer."""

from collections.abc import Sequence
from dataclasses import dataclass

from .clock import STEP_H
from .course import Course, Response
from .house import DAY_C
from .scenarios import Prices
from .world import Trace

ABOVE_HEATED_C = DAY_C + 1.0
ABOVE_C = 26.5
"""Warmer than that is too warm: by a kelvin in the heating season, else by the air conditioner."""

IDLE, ALWAYS_ON, LIMIT = "no jobs", "always on", "limit"
"""The names of what others are measured by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comfort:
    """How warm the room was.

    `hours_above` are of all time. `square_k` is a sum over the `heated_h` of the heating season,
    in K² h, of what the room was colder than the target or warmer than the target by day: a room
    that is still warm in the evening is not too warm.
    """

    hours_above: float
    square_k: float
    heated_h: float


def comfort_of(course: Course, response: Response) -> Comfort:
    """Return how warm the room was in the course's seasons."""
    above = heated = 0
    square_k = 0.0
    for step, heats, room_c in zip(
        course.steps, course.heating_season, response.room_c, strict=False
    ):
        above += room_c > (ABOVE_HEATED_C if heats else ABOVE_C)
        if heats:
            heated += 1
            square_k += max(step.target_c - room_c, room_c - DAY_C, 0.0) ** 2
    return Comfort(hours_above=above * STEP_H, square_k=square_k * STEP_H, heated_h=heated * STEP_H)


def cost_of(prices: Prices, compute_w: Sequence[float], response: Response) -> float:
    """Return what compute, heating and cooling cost together, in CAD."""
    watts: float = sum(
        compute * electricity + heater * heat + cooler * cool
        for compute, electricity, heater, heat, cooler, cool in zip(
            compute_w,
            prices.electricity,
            response.heater_w,
            prices.heat,
            response.cooler_w,
            prices.cool,
            strict=False,
        )
    )
    return watts * STEP_H / 1000


def electricity_of(prices: Prices, compute_w: Sequence[float]) -> float:
    """Return what the electricity of the compute costs alone, in CAD."""
    return (
        sum(power * price for power, price in zip(compute_w, prices.electricity, strict=False))
        * STEP_H
        / 1000
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What all policies and bounds of a run have in common, but for the fuel."""

    city: str
    load: float
    slack: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a policy, or a bound, did in one run.

    `net_cost` in CAD is that of the house with the jobs less that of the same house with a server
    that idles; `scale` is what the jobs' electricity costs where they run at once.
    """

    cell: Cell
    fuel: str
    policy: str
    net_cost: float
    scale: float
    comfort: Comfort | None = None
    conduct: Conduct | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """What a policy did with the jobs.

    `misses` counts those that were late, the latest by `latest_h`, and those that were never done.
    `switches` are the most pauses and resumptions of a job in a day. `compute_kwh` are beyond
    what an idle server draws, `held_kwh` the part of it that paused jobs drew.
    """

    jobs: int
    misses: int
    latest_h: float
    switches: int
    compute_kwh: float
    held_kwh: float
    planning_s: float


def conduct_of(trace: Trace, jobs: int) -> Conduct:
    """Return what a policy did with so many jobs."""
    return Conduct(
        jobs=jobs,
        misses=len(trace.late_h) + trace.unfinished,
        latest_h=max(trace.late_h, default=0.0),
        switches=max(trace.switches.values(), default=0),
        compute_kwh=sum(trace.compute_w) * STEP_H / 1000,
        held_kwh=trace.held_kwh,
        planning_s=trace.planning_s,
    )
