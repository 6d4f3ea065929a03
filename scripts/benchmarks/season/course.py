"""A course: a city's weather from some day on, and what it does to the house."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random

from .clock import STEP, STEPS_PER_DAY, STEPS_PER_H
from .forecast import HORIZON_H, Forecast
from .house import DAY_C, House, Step, steps_of
from .weather import weather_of
from .workload import GPUS, IDLE_W

HOUSE = House()
WEEKS = 10
WEEKS_BETWEEN_SEEDS = 5.2
HEATING_BELOW_C = 13.0
"""It is heating season while the mean temperature of the last 24 h is below."""

_SETTLING_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Ten weeks of a city, by steps of 15 min.

    `times` are where steps begin, in local standard time. `air_c` and `mass_c` are what the house
    starts at, after two weeks with a server that idles. `heating_season` is by the 24 h before.
    """

    latitude: float
    times: Sequence[datetime]
    outdoor_c: Sequence[float]
    steps: Sequence[Step]
    heating_season: Sequence[bool]
    forecast: Forecast
    air_c: float
    mass_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a house does, by step: the temperature after it, heating and cooling during it in W."""

    room_c: Sequence[float]
    heater_w: Sequence[float]
    cooler_w: Sequence[float]


@lru_cache(maxsize=4)
def course_of(city: str, seed: int) -> Course:
    """Return the course of a seed: each begins 5.2 weeks later, so that ten cover a year."""
    weather = weather_of(city)
    year_start = weather.start.replace(month=1, day=1, hour=0)
    if year_start < weather.start:
        year_start = year_start.replace(year=year_start.year + 1)
    start = year_start + timedelta(days=round(seed * WEEKS_BETWEEN_SEEDS * 7))
    settling, count = _SETTLING_DAYS * STEPS_PER_DAY, WEEKS * 7 * STEPS_PER_DAY
    first = start - settling * STEP
    times = [first + step * STEP for step in range(settling + count)]
    outdoor_c = weather.outdoor_by_step(first, settling + count)
    steps = steps_of(
        HOUSE,
        [time.hour for time in times],
        outdoor_c,
        weather.sun_by_step(first, settling + count),
        always_w=GPUS * IDLE_W,
    )
    air_c, mass_c = DAY_C, DAY_C
    for step in steps[:settling]:
        air_c, mass_c, _, _ = step.after(air_c, mass_c, 0.0)
    hours = weather.hours(start, count // STEPS_PER_H + HORIZON_H)
    return Course(
        latitude=weather.latitude,
        times=times[settling:],
        outdoor_c=outdoor_c[settling:],
        steps=steps[settling:],
        heating_season=_cold(outdoor_c)[settling:],
        forecast=Forecast(hours, Random(f"forecast {seed}")),  # noqa: S311
        air_c=air_c,
        mass_c=mass_c,
    )


def respond(course: Course, compute_w: Sequence[float]) -> Response:
    """Return what the house does with compute of a power by step, from the beginning on."""
    air_c, mass_c = course.air_c, course.mass_c
    room_c, heater_w, cooler_w = [], [], []
    for step, power_w in zip(course.steps, compute_w, strict=False):
        air_c, mass_c, heats_w, cools_w = step.after(air_c, mass_c, power_w)
        room_c.append(air_c)
        heater_w.append(heats_w)
        cooler_w.append(cools_w)
    return Response(room_c=room_c, heater_w=heater_w, cooler_w=cooler_w)


def _cold(outdoor_c: Sequence[float]) -> list[bool]:
    """Tell of each step whether the day before it was cold; of those of the first day, never."""
    sums = list(accumulate(outdoor_c, initial=0.0))
    return [
        step >= STEPS_PER_DAY
        and sums[step] - sums[step - STEPS_PER_DAY] < HEATING_BELOW_C * STEPS_PER_DAY
        for step in range(len(outdoor_c))
    ]
