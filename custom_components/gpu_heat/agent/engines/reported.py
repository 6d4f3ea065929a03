"""What an app says of its own state. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import UnreachableError
from ..models import JobState
from ..strict_json import number, parse

MAX_BYTES = 65_536

_LONGEST_S = 10 * 365 * 86_400.0
_MAX_NAME = 200
_WORDS = {state.value: state for state in JobState if state is not JobState.UNKNOWN}

Scalar: TypeAlias = str | bool | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A state, and what else is known: the work left in s, the share of it that is done."""

    state: JobState
    remaining_s: float | None = None
    progress: float | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePath:
    """Where in an app's own JSON its state is, and what its values mean."""

    keys: tuple[str, ...]
    meanings: tuple[tuple[Scalar, JobState], ...]

    def read(self, body: bytes) -> Report:
        """Return what the app says. Raises UnreachableError where it says nothing known."""
        try:
            value = parse(body)
        except ValueError as err:
            raise UnreachableError("its state is not JSON") from err
        where = ".".join(self.keys)
        for key in self.keys:
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                raise UnreachableError(f'there is no "{where}" in its state')
        for wanted, state in self.meanings:
            if same(value, wanted):
                return Report(state=state)
        raise UnreachableError(f'what it has as "{where}" is none of the listed values')


def same(value: object, wanted: Scalar) -> bool:
    """Return whether a value of a document is the wanted one; true is not 1."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return value == wanted


def read_report(body: bytes) -> Report:
    """Return what a word or {"state": WORD, ...} says.

    Raises UnreachableError where it is neither.
    """
    text = body.strip()
    if (state := _WORDS.get(text.decode("ascii", "replace").lower())) is not None:
        return Report(state=state)
    try:
        document = parse(text)
    except ValueError:
        document = None
    if isinstance(document, str):
        document = {"state": document}
    word = document.get("state") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(word, str) or word.lower() not in _WORDS:
        raise UnreachableError(f"its state is none of {', '.join(_WORDS)}")
    name = document.get("name")
    return Report(
        state=_WORDS[word.lower()],
        remaining_s=number(document.get("remaining_s"), high=_LONGEST_S),
        progress=number(document.get("progress"), high=1.0),
        name=name[:_MAX_NAME] if isinstance(name, str) and name.strip() else None,
    )


def meanings(
    lists: Sequence[tuple[JobState, Sequence[Scalar]]],
) -> tuple[tuple[Scalar, JobState], ...]:
    """Return what each value means. Raises ValueError, with the value that means two things."""
    found: list[tuple[Scalar, JobState]] = []
    for state, values in lists:
        for value in values:
            if any(same(value, other) and of is not state for other, of in found):
                raise ValueError(repr(value))
            found.append((value, state))
    return tuple(found)
