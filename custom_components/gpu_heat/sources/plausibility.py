"""Whether what a device says of itself can be. Pure.

Times are in s, of the clock that the readings were taken by. A value of None could not be read.
"""

from dataclasses import dataclass
import math

LONGEST_STEP_S = 30.0
"""Between two readings of one stretch: sources are polled every 10 s, and one poll may fail."""

ZERO_S = 3600.0
"""A GPU that draws nothing at all for so long cannot measure what it draws."""

LOST_S = 300.0
"""A reading that has been missing for so long will not come back by itself."""

LEAST_SPAN_S = 3 * 3600.0
LEAST_J = 360_000.0
"""Counter and power are compared over at least 3 h and 0.1 kWh: some 1,080 readings."""

TOLERANCE = 0.1
"""What counter and power may differ by: on sound GPUs they agree within 1 % (zeus#12)."""

CERTAINTY = 4.0
"""How many standard errors of the sampled power a difference has to exceed the tolerance by."""

UNSEEN_STEP_J = 3_600_000.0
"""A counter that has not moved yet may move in steps of 1 kWh, as plain meters do."""


class ZeroPower:
    """Tells a device whose power has been exactly 0 W in every reading of an hour."""

    __slots__ = ("_at_s", "_energy_j", "_held_s", "_measures")

    def __init__(self) -> None:
        self._measures = False
        self._held_s = 0.0
        self._at_s: float | None = None
        self._energy_j: float | None = None

    def advance(self, *, at_s: float, power_w: float | None, energy_j: float | None) -> bool | None:
        """Return whether that is so after a reading; None as long as it is not known.

        A device that once drew something, or whose energy moved, can measure.
        """
        if self._measures:
            return False
        if power_w is not None:
            before_j, self._energy_j = self._energy_j, energy_j
            moved = before_j is not None and energy_j is not None and energy_j > before_j
            if power_w != 0 or moved:
                self._measures = True
                return False
            self._held_s += _step_s(self._at_s, at_s)
            self._at_s = at_s
        return True if self._held_s >= ZERO_S else None


class LostPower:
    """Tells a device that once had a power, and has had none for some minutes."""

    __slots__ = ("_at_s", "_had", "_held_s")

    def __init__(self) -> None:
        self._had = False
        self._held_s = 0.0
        self._at_s: float | None = None

    def advance(self, *, at_s: float, power_w: float | None, energy_j: float | None) -> bool | None:
        """Return whether that is so after a reading; None as long as it is not known."""
        if power_w is not None:
            self._had, self._held_s, self._at_s = True, 0.0, None
            return False
        if not self._had and energy_j is None:
            return False
        self._held_s += _step_s(self._at_s, at_s)
        self._at_s = at_s
        return True if self._held_s >= LOST_S else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A device's energy in J by its counter and by its power, over the same `span_s` seconds."""

    counter_j: float
    power_j: float
    span_s: float

    @property
    def difference_j(self) -> float:
        """How far the two are apart."""
        return abs(self.counter_j - self.power_j)

    @property
    def tolerance_j(self) -> float:
        """How far they may be apart."""
        return TOLERANCE * max(self.counter_j, self.power_j)

    @property
    def off(self) -> bool:
        """Whether they contradict each other."""
        return self.difference_j > self.tolerance_j


class CounterCheck:
    """Compares a device's counter with its power, summed by the trapezoidal rule.

    Power that is read every 10 s misses what happens in between. So they are said to
    contradict each other only by more than the scatter of the readings, and a step of the
    counter, can explain; what is in doubt is watched for longer. A gap starts anew.
    """

    __slots__ = ("_window", "last")

    def __init__(self) -> None:
        self.last: Comparison | None = None
        self._window: _Window | None = None

    @property
    def running(self) -> Comparison | None:
        """The figures since the last comparison, which do not tell anything yet."""
        return self._window.comparison() if self._window else None

    def advance(
        self, *, at_s: float, power_w: float | None, counter_j: float | None
    ) -> Comparison | None:
        """Return a comparison where a reading makes one complete."""
        if power_w is None or counter_j is None:
            return None
        window = self._window
        if window is None or not window.goes_on(at_s, counter_j):
            self._window = _Window(at_s, power_w, counter_j)
            return None
        window.add(at_s, power_w, counter_j)
        if (found := window.verdict()) is None:
            return None
        self.last = found
        self._window = _Window(at_s, power_w, counter_j)
        return found


@dataclass(slots=True)
class _Window:
    """The last reading, and what has been summed up to it.

    `readings`, `mean_w` and `squares` are the running mean and sum of squared deviations
    (Welford 1962) of the power, of readings that differ from the one before: others are the
    same one, told again.
    """

    at_s: float
    power_w: float
    counter_j: float
    span_s: float = 0.0
    counted_j: float = 0.0
    summed_j: float = 0.0
    coarsest_j: float = 0.0
    readings: int = 0
    mean_w: float = 0.0
    squares: float = 0.0

    def goes_on(self, at_s: float, counter_j: float) -> bool:
        return 0 <= at_s - self.at_s <= LONGEST_STEP_S and counter_j >= self.counter_j

    def add(self, at_s: float, power_w: float, counter_j: float) -> None:
        elapsed_s = at_s - self.at_s
        gained_j = counter_j - self.counter_j
        self.span_s += elapsed_s
        self.counted_j += gained_j
        self.summed_j += (self.power_w + power_w) / 2 * elapsed_s
        self.coarsest_j = max(self.coarsest_j, gained_j)
        if gained_j or power_w != self.power_w:
            self.readings += 1
            deviation_w = power_w - self.mean_w
            self.mean_w += deviation_w / self.readings
            self.squares += deviation_w * (power_w - self.mean_w)
        self.at_s, self.power_w, self.counter_j = at_s, power_w, counter_j

    def comparison(self) -> Comparison:
        return Comparison(counter_j=self.counted_j, power_j=self.summed_j, span_s=self.span_s)

    def verdict(self) -> Comparison | None:
        """Return the comparison if it tells something."""
        if self.span_s < LEAST_SPAN_S or max(self.counted_j, self.summed_j) < LEAST_J:
            return None
        found = self.comparison()
        if found.off and found.difference_j <= found.tolerance_j + self._explained_j():
            return None
        return found

    def _explained_j(self) -> float:
        """Return the difference that sampling and the counter's steps may make."""
        step_j = self.coarsest_j or UNSEEN_STEP_J
        if not self.readings:
            return step_j
        standard_error_w = math.sqrt(self.squares) / self.readings
        return step_j + CERTAINTY * standard_error_w * self.span_s


def _step_s(before_s: float | None, at_s: float) -> float:
    """Return the time between two readings; one across a gap does not count."""
    if before_s is None or not 0 <= at_s - before_s <= LONGEST_STEP_S:
        return 0.0
    return at_s - before_s
