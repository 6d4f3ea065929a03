"""A measurement that may be slow, made now and then in a thread of its own."""

from collections.abc import Callable
from dataclasses import dataclass
import logging
import threading

from .clock import Now
from .errors import UnreachableError

_LOGGER = logging.getLogger(__name__)

INTERVAL_S = 10.0
LONGEST_INTERVAL_S = 640.0
"""While nothing answers the intervals double up to this."""

LAST_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the last attempt brought: a value, or why there is none; and when that was."""

    at: Now
    value: float | None
    why: str = ""


class Periodic:
    """Measures each ten seconds from the first look on; whoever looks need not wait.

    `measure` raises UnreachableError where there is nothing to be had; that is said once.
    """

    def __init__(self, name: str, measure: Callable[[], float], clock: Callable[[], Now]) -> None:
        self._name = name
        self._measure = measure
        self._clock = clock
        self._outcome: Outcome | None = None
        self._attempted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def look(self, patience_s: float = 0.0) -> Outcome | None:
        """Return the last outcome; None if there is no first one within `patience_s`.

        Starts the measuring.
        """
        if self._thread.ident is None:
            self._thread.start()
        self._attempted.wait(patience_s)
        return self._outcome

    def close(self) -> None:
        """Measure no more; one that is being made is waited for a little."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(LAST_S)

    def _run(self) -> None:
        failures, why = 0, ""
        while not self._stopping.is_set():
            outcome = self._attempt()
            if outcome.why and outcome.why != why:
                _LOGGER.warning("%s cannot be read: %s", self._name, outcome.why)
            why = outcome.why
            failures = failures + 1 if why else 0
            self._outcome = outcome
            self._attempted.set()
            self._stopping.wait(min(INTERVAL_S * 2 ** max(failures - 1, 0), LONGEST_INTERVAL_S))

    def _attempt(self) -> Outcome:
        try:
            value, why = self._measure(), ""
        except UnreachableError as err:
            value, why = None, str(err)
        return Outcome(at=self._clock(), value=value, why=why)
