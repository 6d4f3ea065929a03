"""Power from an energy counter alone: for what tells no power itself. Pure."""

from dataclasses import dataclass

HOLD = 3.0
"""A counter that stood still for this many of its last intervals says nothing any more."""

SHORTEST_HOLD_S = 60.0

SHORTEST_S = 0.5
"""Power over a shorter interval would be noise: a counter has steps of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedPower:
    """The mean power in W over the last interval between two changes of a counter.

    A counter may move in coarse steps, or be read more often than it is renewed: what counts
    is when it was seen to change. So power is known from the second change on. `power_w` is
    None before, after the counter fell, and once it has stood still for too long.
    """

    counter_j: float | None = None
    changed_at_s: float | None = None
    interval_s: float | None = None
    power_w: float | None = None

    def advance(self, *, at_s: float, counter_j: float, max_power_w: float) -> "DerivedPower":
        """Return the power after a reading of the counter in J at a time in s.

        A gain that would take more than `max_power_w` is no power. One of less than `SHORTEST_S`
        waits for the next reading.
        """
        if self.counter_j is None or counter_j < self.counter_j:
            return DerivedPower(counter_j=counter_j)
        if counter_j == self.counter_j:
            return self if self._holds(at_s) else DerivedPower(counter_j=counter_j)
        if self.changed_at_s is None:
            return DerivedPower(counter_j=counter_j, changed_at_s=at_s)
        interval_s = at_s - self.changed_at_s
        if 0 <= interval_s < SHORTEST_S:
            return self
        gained_j = counter_j - self.counter_j
        if interval_s < 0 or gained_j > max_power_w * interval_s:
            return DerivedPower(counter_j=counter_j, changed_at_s=at_s)
        return DerivedPower(
            counter_j=counter_j,
            changed_at_s=at_s,
            interval_s=interval_s,
            power_w=gained_j / interval_s,
        )

    def _holds(self, at_s: float) -> bool:
        if self.changed_at_s is None or self.interval_s is None:
            return True
        return at_s - self.changed_at_s <= max(HOLD * self.interval_s, SHORTEST_HOLD_S)
