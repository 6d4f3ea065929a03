"""The demo's weather: each day is cold, with a sunny noon."""

from math import cos, pi

_MEAN_C = 3.0
_SWING_K = 7.0
_WARMEST_HOUR = 14
_NOON_KW = 1.6  # of sun through the house's windows


def outdoor_c(hour: float) -> float:
    """Return the temperature outdoors at an hour of the day, in °C."""
    return _MEAN_C + _SWING_K * cos((hour - _WARMEST_HOUR) * pi / 12)


def sun_kw(hour: float) -> float:
    """Return what the sun gives the house at an hour of the day, in kW."""
    return _NOON_KW * max(cos((hour - 12) * pi / 12), 0.0)
