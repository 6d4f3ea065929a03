"""How long a job still has to run, from how much of its work is done. Pure."""

from collections import deque
import re
from typing import TypeAlias

from .strict_json import number, parse

WINDOW_S = 3600.0
"""The rate is that of the last hour of running, and of more where progress is rarer."""

LEAST_S = 60.0
LONGEST_GAP_S = 120.0
LONGEST_S = 10 * 365 * 86_400.0

_MAX_STEPS = 1024
_NUMBER = re.compile(rb"\+?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)

_Step: TypeAlias = tuple[float, float]


def parse_progress(text: bytes) -> float | None:
    """Return the share of the work that is done, 0 to 1; None for anything else.

    That is a number, or a JSON object with one as "progress".
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return number(float(text), high=1.0)
    try:
        document = parse(text)
    except ValueError:
        return None
    return number(document.get("progress"), high=1.0) if isinstance(document, dict) else None


class ProgressMeter:
    """Estimates the running time left from looks at a job's progress.

    The rate is taken between the moments at which the progress was seen to change: how long
    the first value had been there, nobody knows. Time that the job does not run does not count.
    """

    def __init__(self) -> None:
        self._steps: deque[_Step] = deque(maxlen=_MAX_STEPS)
        self._ran_s = 0.0
        self._last: tuple[float, bool] | None = None
        self._done: float | None = None
        self._known = False

    def feed(self, at_s: float, *, running: bool, done: float | None) -> None:
        """Take one look, at a moment of the steady clock; `done` is 0 to 1, None if not known.

        A job that waits cannot always be asked: then what it told before holds.
        """
        self._pass_time(at_s, running)
        self._known = done is not None or not running
        if done is None:
            return
        before, self._done = self._done, done
        if before is not None and done < before:  # it began anew
            self._steps.clear()
        elif before is not None and done > before:
            self._steps.append((self._ran_s, done))
            self._forget()

    @property
    def remaining_s(self) -> float | None:
        """The running time left in s, None if not known."""
        if not self._known or self._done is None:
            return None
        if self._done >= 1.0:
            return 0.0
        if not self._steps:
            return None
        (first_s, first), (last_s, last) = self._steps[0], self._steps[-1]
        span_s = last_s - first_s
        if span_s < LEAST_S:
            return None
        late_s = self._ran_s - last_s - span_s / (len(self._steps) - 1)  # for the next step
        left_s = (1.0 - self._done) * (span_s + max(late_s, 0.0)) / (last - first)
        return left_s if left_s <= LONGEST_S else None

    def _pass_time(self, at_s: float, running: bool) -> None:
        """Count the time since the last look; half of it where the job was stopped or let go."""
        last, self._last = self._last, (at_s, running)
        if last is None:
            return
        passed_s = at_s - last[0]
        if passed_s < 0 or (passed_s > LONGEST_GAP_S and (running or last[1])):
            self._steps.clear()  # nobody saw whether it ran
            self._done = None
            return
        self._ran_s += passed_s * (running + last[1]) / 2

    def _forget(self) -> None:
        """Drop steps that are too old, as long as enough are left to tell a rate."""
        last_s = self._steps[-1][0]
        while len(self._steps) > 2:
            next_s = self._steps[1][0]
            if next_s > last_s - WINDOW_S or last_s - next_s < LEAST_S:
                return
            self._steps.popleft()
