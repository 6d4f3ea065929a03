"""Reading the JSON bodies of requests, strictly."""

import json
import math
from typing import NoReturn

from .errors import MalformedError, OutOfRangeError


class Body:
    """The object in a body; each method takes one field, `finish` refuses what is left.

    An empty body stands for an object without fields. Raises MalformedError.
    """

    def __init__(self, body: bytes) -> None:
        document = _parse(body) if body.strip() else {}
        if not isinstance(document, dict):
            raise MalformedError("the body must be a JSON object")
        self._left: dict[str, object] = document

    def text(self, name: str) -> str:
        """Take a text."""
        value = self._take(name)
        if not isinstance(value, str):
            raise MalformedError(f"{name} must be a text")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Take a number; one with a `default` may be left out.

        Raises OutOfRangeError for one that no float can hold.
        """
        value = self._take(name) if default is None else self._left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise MalformedError(f"{name} must be a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise OutOfRangeError(f"{name} is too large")
        return number

    def finish(self) -> None:
        """Refuse fields that nobody took."""
        for name in self._left:
            raise MalformedError(f"there is no field {name[:40]!r}")

    def _take(self, name: str) -> object:
        if name not in self._left:
            raise MalformedError(f"{name} is missing")
        return self._left.pop(name)


def _parse(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as err:
        raise MalformedError("the body is not valid JSON") from err


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
