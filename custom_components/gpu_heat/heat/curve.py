"""A figure that depends on the temperature outdoors, such as a heat pump's COP."""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Curve:
    """Straight lines between points (temperature in °C, figure), level beyond the ends.

    The points are in rising order of temperature; there is at least one.
    """

    points: tuple[tuple[Decimal, Decimal], ...]

    def at(self, outdoor_c: Decimal) -> Decimal:
        """Return the figure at a temperature in °C."""
        after = bisect_right(self.points, outdoor_c, key=lambda point: point[0])
        if after == 0:
            return self.points[0][1]
        if after == len(self.points):
            return self.points[-1][1]
        (cold, low), (warm, high) = self.points[after - 1], self.points[after]
        return low + (high - low) * (outdoor_c - cold) / (warm - cold)
