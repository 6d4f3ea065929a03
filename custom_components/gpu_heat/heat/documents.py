"""How decimals and moments are written in JSON, and read again."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

_MOST_DIGITS = 27  # before the point, of the 28 that decimals are worked out with


def to_json(value: Any) -> Any:
    """Return a value as JSON has it: decimals and moments are strings."""
    match value:
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {key: to_json(item) for key, item in value.items()}
        case _:
            return value


def decimal_of(text: str) -> Decimal:
    """Read a decimal that can be added up. Raises ValueError, InvalidOperation."""
    number = Decimal(str(text))  # of a damaged document it may be anything
    if not number.is_finite() or number.adjusted() > _MOST_DIGITS:
        raise ValueError(f"{text} is not a number")
    return number


def moment_of(text: str) -> datetime:
    """Read a moment. Raises ValueError, also where its time zone is not said."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def decimals_of(document: Mapping[str, str]) -> dict[str, Decimal]:
    """Read decimals by their keys. Raises ValueError, InvalidOperation."""
    return {key: decimal_of(value) for key, value in document.items()}
