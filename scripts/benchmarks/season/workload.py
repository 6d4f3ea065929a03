"""Jobs that one server of four GPUs gets: when they come, how long they are, when they are due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from random import Random
from statistics import NormalDist

from .clock import STEPS_PER_DAY, STEPS_PER_H

GPUS = 4
IDLE_W = 25.0
"""What a GPU draws on which no job has begun."""

ARRIVALS_WEEKS = 6
LOADS = (0.25, 0.5)

_MEDIAN_H, _SPREAD = 6.0, 0.7
_SHORTEST_H, _LONGEST_H = 1.0, 24.0
_RUNNING_W, _HELD_W = (250.0, 400.0), (60.0, 120.0)

# How long beyond its work a job may take.
_SLACK_H: Mapping[str, tuple[float, float]] = {
    "hours": (4, 12),
    "days": (2 * 24, 5 * 24),
    "weeks": (7 * 24, 21 * 24),
}
SLACKS = tuple(_SLACK_H)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job for one GPU; `arrival`, `due` and `work` are in steps of 15 min.

    `running_w` is drawn while it runs and `held_w` while it waits after it has started, both
    beyond the 25 W that its GPU would draw without it.
    """

    id: str
    arrival: int
    due: int
    work: int
    running_w: float
    held_w: float


def make_jobs(*, seed: int, load: float, slack: str) -> Sequence[Job]:
    """Return the jobs of six weeks, by arrival; `load` is the part of the GPUs that they keep busy.

    They come by a Poisson process. Work is lognormal around 6 h, between 1 and 24 h; a GPU at
    work draws 250 to 400 W, and 60 to 120 W while a job waits on it (60 to 120 W is what GPUs
    with a context and no load are reported to draw: arXiv:2605.23918). The same seed and load
    give the same jobs but for their deadlines.
    """
    rng = Random(f"jobs {seed} {load}")  # noqa: S311
    gap = mean_work_h() * STEPS_PER_H / (load * GPUS)
    jobs: list[Job] = []
    at = rng.expovariate(1 / gap)
    while at < ARRIVALS_WEEKS * 7 * STEPS_PER_DAY:
        jobs.append(_job(f"job-{len(jobs):03d}", math.floor(at), rng, _SLACK_H[slack]))
        at += rng.expovariate(1 / gap)
    return jobs


def _job(job_id: str, arrival: int, rng: Random, slack_h: tuple[float, float]) -> Job:
    hours = min(max(_MEDIAN_H * math.exp(rng.gauss(0, _SPREAD)), _SHORTEST_H), _LONGEST_H)
    work = round(hours * STEPS_PER_H)
    return Job(
        id=job_id,
        arrival=arrival,
        work=work,
        running_w=rng.uniform(*_RUNNING_W) - IDLE_W,
        held_w=rng.uniform(*_HELD_W) - IDLE_W,
        due=arrival + work + round(rng.uniform(*slack_h) * STEPS_PER_H),
    )


def mean_work_h() -> float:
    """Return the mean of the work in h: that of a lognormal between its limits."""
    log = NormalDist(math.log(_MEDIAN_H), _SPREAD)
    low, high = math.log(_SHORTEST_H), math.log(_LONGEST_H)
    shifted = NormalDist(log.mean + log.variance, _SPREAD)
    between = math.exp(log.mean + log.variance / 2) * (shifted.cdf(high) - shifted.cdf(low))
    return _SHORTEST_H * log.cdf(low) + between + _LONGEST_H * (1 - log.cdf(high))
