"""A year and more of hours of weather, as measured or as typical of a place.

Typical years are EnergyPlus weather files: Chicago's is a TMY3 (National Renewable Energy
Laboratory), those of Helsinki and Stockholm are IWEC (ASHRAE); the package sinergym holds them.
"illinois" are temperatures that were measured from 2015 to 2018, which the package eemeter holds;
no irradiance comes with them, so the sun is Chicago's at the same hour of the year. All clocks are
standard time, also in summer.
"""

from collections.abc import Iterator, Sequence
import csv
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
import gzip
import os
from pathlib import Path

from .clock import STEPS_PER_H

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
_PACKAGES = _CACHE / "gpu-heat" / "weather"
_TYPICAL = _PACKAGES / "sinergym" / "data" / "weather"
_MEASURED = _PACKAGES / "eemeter" / "eemeter" / "samples" / "il-tempF.csv.gz"
_HEAD_LINES = 8
_HOURS_OF_YEAR = 8760


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Weather by the hour from `start` on.

    `outdoor_c` are temperatures in °C at the full hours, `sun_w_m2` the global horizontal
    irradiance in W/m², a mean over the hour that follows. Where `returns`, the last hour is
    followed by the first. `latitude` is in degrees.
    """

    latitude: float
    start: datetime
    outdoor_c: Sequence[float]
    sun_w_m2: Sequence[float]
    returns: bool

    def outdoor_by_step(self, first: datetime, steps: int) -> list[float]:
        """Return the mean temperature of each step of 15 min, by straight lines between hours."""
        hour = self._index(first)
        means = []
        for step in range(steps):
            at, quarter = divmod(step, STEPS_PER_H)
            before, after = self._at(hour + at), self._at(hour + at + 1)
            means.append(before + (after - before) * (quarter + 0.5) / STEPS_PER_H)
        return means

    def sun_by_step(self, first: datetime, steps: int) -> list[float]:
        """Return the irradiance of each step of 15 min: that of its hour."""
        hour, of = self._index(first), len(self.sun_w_m2)
        return [self.sun_w_m2[(hour + step // STEPS_PER_H) % of] for step in range(steps)]

    def hours(self, first: datetime, hours: int) -> list[float]:
        """Return the temperatures at full hours from `first` on."""
        hour = self._index(first)
        return [self._at(hour + at) for at in range(hours)]

    def _index(self, moment: datetime) -> int:
        return round((moment - self.start) / timedelta(hours=1))

    def _at(self, hour: int) -> float:
        return self.outdoor_c[hour % len(self.outdoor_c) if self.returns else hour]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    file: str
    utc_h: int
    latitude: float


_PLACES = {
    "chicago": _Place(
        file="USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw", utc_h=-6, latitude=41.98
    ),
    "helsinki": _Place(file="FIN_Helsinki.029740_IWEC.epw", utc_h=2, latitude=60.32),
    "stockholm": _Place(file="SWE_Stockholm.Arlanda.024600_IWEC.epw", utc_h=1, latitude=59.65),
}
CITIES = (*_PLACES, "illinois")


@cache
def weather_of(city: str) -> Weather:
    """Return the weather of a city. Raises FileNotFoundError before `scripts/setup season` ran."""
    return _measured() if city == "illinois" else _typical(_PLACES[city])


def _typical(place: _Place) -> Weather:
    """Read an EnergyPlus weather file: 8,760 hours, each row by the hour that ends."""
    with (_TYPICAL / place.file).open(encoding="latin-1") as file:
        rows = list(csv.reader(file))[_HEAD_LINES:]
    outdoor_c = [float(row[6]) for row in rows]
    return Weather(
        latitude=place.latitude,
        start=datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=place.utc_h))),
        outdoor_c=[outdoor_c[-1], *outdoor_c[:-1]],
        sun_w_m2=[float(row[13]) for row in rows],
        returns=True,
    )


def _measured() -> Weather:
    chicago = weather_of("chicago")
    rows = list(_measured_rows())
    start, _ = rows[0]
    first_hour = round((start - start.replace(month=1, day=1)) / timedelta(hours=1))
    return Weather(
        latitude=chicago.latitude,
        start=start,
        outdoor_c=_without_gaps([value for _, value in rows]),
        sun_w_m2=[
            chicago.sun_w_m2[(first_hour + hour) % _HOURS_OF_YEAR] for hour in range(len(rows))
        ],
        returns=False,
    )


def _measured_rows() -> Iterator[tuple[datetime, float | None]]:
    with gzip.open(_MEASURED, "rt", encoding="ascii") as file:
        for row in csv.DictReader(file):
            fahrenheit = row["tempF"]
            celsius = (float(fahrenheit) - 32) / 1.8 if fahrenheit else None
            yield datetime.fromisoformat(row["dt"]), celsius


def _without_gaps(values: Sequence[float | None]) -> list[float]:
    filled: list[float] = []
    for value in values:
        filled.append(filled[-1] if value is None else value)
    return filled
