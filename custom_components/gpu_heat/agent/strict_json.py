"""Reading JSON that others wrote: nothing but JSON, and numbers that are numbers. Pure."""

import json
import math
from typing import NoReturn


def parse(text: bytes) -> object:
    """Return the value of a JSON document. Raises ValueError."""
    try:
        value: object = json.loads(text.decode("utf-8"), parse_constant=_refuse)
    except RecursionError as err:
        raise ValueError("nested too deeply") from err
    return value


def number(value: object, *, high: float) -> float | None:
    """Return a number from 0 to `high`; None for anything else, also for true and NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= high and math.isfinite(value) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
