"""A course with the same weather at all times, and forecasts that come true."""

from datetime import UTC, datetime
from random import Random
from typing import override

from scripts.benchmarks.season.clock import STEP, STEPS_PER_DAY, STEPS_PER_H
from scripts.benchmarks.season.course import HOUSE, Course
from scripts.benchmarks.season.forecast import HORIZON_H, Forecast
from scripts.benchmarks.season.house import steps_of

MONDAY = datetime(2025, 1, 6, tzinfo=UTC)


class Certain(Random):
    """Chance that never errs."""

    @override
    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return mu


def still_course(outdoor_c: float, *, days: int = 4, start: datetime = MONDAY) -> Course:
    """Return days without sun."""
    count = days * STEPS_PER_DAY
    times = [start + step * STEP for step in range(count)]
    return Course(
        latitude=42.0,
        times=times,
        outdoor_c=[outdoor_c] * count,
        steps=steps_of(HOUSE, [time.hour for time in times], [outdoor_c] * count, [0.0] * count),
        heating_season=[outdoor_c < 13] * count,
        forecast=Forecast([outdoor_c] * (count // STEPS_PER_H + HORIZON_H), Certain()),
        air_c=21.0,
        mass_c=21.0,
    )
