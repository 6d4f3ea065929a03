"""Typed reading of a TOML table: what is wrong is said with its key."""

from collections.abc import Mapping
from enum import StrEnum
import json
from pathlib import Path
from typing import TypeGuard, TypeVar
from urllib.parse import urlsplit

from .errors import UsageError

_E = TypeVar("_E", bound=StrEnum)

_MAX_INTEGER = 65535


class Table:
    """One table of a TOML document; each method takes one key out of it.

    `path` names the table in messages, such as "jobs[0]". `finish` refuses what is left.
    """

    def __init__(self, values: Mapping[str, object], path: str = "") -> None:
        self._left = dict(values)
        self._path = path

    def fault(self, key: str, text: str) -> UsageError:
        """Return the error for a key of this table."""
        return UsageError(f"{self._name(key)}: {text}")

    def has(self, key: str) -> bool:
        """Return whether a key is there and has not been taken."""
        return key in self._left

    def string(self, key: str) -> str | None:
        """Take a string that is not empty."""
        value = self._left.pop(key, None)
        if value is None or (_is_text(value) and value.strip()):
            return value
        raise self.fault(key, 'write a text in quotes, such as "text"')

    def boolean(self, key: str, default: bool) -> bool:
        """Take true or false."""
        value = self._left.pop(key, default)
        if isinstance(value, bool):
            return value
        raise self.fault(key, "write true or false, without quotes")

    def number(self, key: str, default: float, *, low: float, high: float) -> float:
        """Take a number from `low` to `high`."""
        value = self._left.pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(key, "write a number, without quotes")
        if not low <= value <= high:  # neither is NaN
            raise self.fault(key, f"write a number from {low:.10g} to {high:.10g}")
        return float(value)

    def choice(self, key: str, kind: type[_E], default: _E) -> _E:
        """Take one of the values of an enumeration."""
        value = self._left.pop(key, default)
        for member in kind:
            if value == member.value:
                return member
        raise self.fault(key, "write one of " + ", ".join(f'"{member}"' for member in kind))

    def strings(self, key: str) -> tuple[str, ...] | None:
        """Take a list of strings."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if isinstance(value, list) and all(_is_text(item) for item in value):
            return tuple(value)
        raise self.fault(key, 'write a list of texts, such as ["python", "train.py"]')

    def integers(self, key: str) -> tuple[int, ...]:
        """Take a list of whole numbers from 0 to 65535."""
        value = self._left.pop(key, [])
        if isinstance(value, list) and all(
            type(item) is int and 0 <= item <= _MAX_INTEGER for item in value
        ):
            return tuple(value)
        raise self.fault(key, "write a list of whole numbers, such as [0, 1]")

    def path(self, key: str, folder: Path) -> Path | None:
        """Take a path; a relative one starts at `folder`."""
        text = self.string(key)
        try:
            return None if text is None else folder / Path(text).expanduser()
        except RuntimeError as err:  # there is no such user
            raise self.fault(key, f"{err}; write the whole path") from err

    def http_url(self, key: str) -> str | None:
        """Take the address of a page, http or https, without a user and a password in it."""
        text = self.string(key)
        if text is None:
            return None
        try:
            parts = urlsplit(text)
            fit = parts.scheme in {"http", "https"} and bool(parts.hostname)
            fit = fit and parts.port != 0 and parts.username is None
        except ValueError:
            fit = False
        if not fit:
            raise self.fault(key, "write an address such as http://127.0.0.1:8000/pause")
        return text

    def environment(self, key: str) -> dict[str, str]:
        """Take a table of environment variables."""
        value = self._left.pop(key, {})
        if isinstance(value, dict) and all(
            _is_text(name) and name and "=" not in name and _is_text(item)
            for name, item in value.items()
        ):
            return dict(value)
        raise self.fault(key, 'write a table of texts, such as { NAME = "value" }')

    def table(self, key: str) -> "Table":
        """Take a table; one that is not there is empty."""
        value = self._left.pop(key, {})
        if isinstance(value, dict):
            return Table(value, self._name(key))
        raise self.fault(key, f"write it as a table, [{self._name(key)}]")

    def names(self) -> tuple[str, ...]:
        """Return the keys that have not been taken."""
        return tuple(self._left)

    def is_table(self, key: str) -> bool:
        """Return whether a key that has not been taken is a table."""
        return isinstance(self._left.get(key), dict)

    def scalars(self, key: str) -> "tuple[str | bool | int | float, ...]":
        """Take a list of texts, numbers, true and false."""
        value = self._left.pop(key, [])
        if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
            return tuple(value)
        raise self.fault(key, 'write a list of values, such as ["paused", "stopped"]')

    def json(self, key: str) -> bytes | None:
        """Take any value that JSON has too, as a JSON document."""
        if key not in self._left:
            return None
        try:
            return json.dumps(self._left.pop(key), allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as err:
            raise self.fault(key, "this cannot be written as JSON; write dates as texts") from err

    def tables(self, key: str) -> list["Table"]:
        """Take a list of tables; one that is not there is empty."""
        value = self._left.pop(key, [])
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [Table(item, f"{self._name(key)}[{n}]") for n, item in enumerate(value)]
        raise self.fault(key, f"write each as a table, [[{self._name(key)}]]")

    def finish(self) -> None:
        """Refuse keys that nobody took."""
        for key in self._left:
            raise self.fault(key, "there is no such key; correct or remove it")

    def _name(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is a string that the system takes."""
    return isinstance(value, str) and "\0" not in value
