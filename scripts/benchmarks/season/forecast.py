"""What is known of the temperatures ahead: the truth, and an error that grows with the lead.

The error of a moment ahead shrinks as the moment comes nearer, each hour by a revision of its own
that is independent of those before (the martingale model of forecast evolution: Heath and
Jackson, "Modeling the evolution of demand forecasts", 1994). The variance grows by the hour, so
that the standard deviation is 0.5 K one hour ahead and 2.5 K 72 h ahead. Of one revision the
errors of neighbouring hours go together.
"""

from collections.abc import Sequence
import math
from random import Random

HORIZON_H = 72
FIRST_K, LAST_K = 0.5, 2.5
_TOGETHER = 0.9  # correlation of the revisions of two hours that follow one another

_GROWTH = math.sqrt((LAST_K**2 - FIRST_K**2) / (HORIZON_H - 1))
_SHARES = (FIRST_K, *[_GROWTH] * (HORIZON_H - 1))


def deviation_k(lead_h: int) -> float:
    """Return the standard deviation in K, `lead_h` hours ahead; 1 to 72."""
    return math.sqrt(FIRST_K**2 + (lead_h - 1) * _GROWTH**2)


class Forecast:
    """The forecasts of a run; `outdoor_c` is what comes true, by the hour."""

    def __init__(self, outdoor_c: Sequence[float], rng: Random) -> None:
        known = len(outdoor_c) - HORIZON_H
        self._by_hour: list[Sequence[float]] = [()] * known
        errors = [0.0] * (HORIZON_H + 1)
        for hour in reversed(range(known + HORIZON_H)):
            errors = self._revised(errors, rng)
            if hour < known:
                ahead = outdoor_c[hour + 1 : hour + 1 + HORIZON_H]
                self._by_hour[hour] = [
                    true + error for true, error in zip(ahead, errors, strict=False)
                ]

    @staticmethod
    def _revised(later: Sequence[float], rng: Random) -> list[float]:
        """Return the errors by lead an hour before those given: the same moments, less is known."""
        shock, errors = rng.gauss(0, 1), []
        fresh = math.sqrt(1 - _TOGETHER**2)
        for share, known in zip(_SHARES, (0.0, *later), strict=False):
            errors.append(known + share * shock)
            shock = _TOGETHER * shock + fresh * rng.gauss(0, 1)
        return errors

    def at(self, hour: int) -> Sequence[float]:
        """Return the temperatures expected 1 to 72 h after an hour of the run, in °C."""
        return self._by_hour[hour]
