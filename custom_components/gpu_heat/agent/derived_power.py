"""Power from an energy counter alone: for what tells no power itself. Pure."""

from dataclasses import dataclass, replace

SHORTEST_S = 0.5
"""Power over a shorter interval would be noise: a counter has steps of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedPower:
    """The mean power in W over the last interval between two changes of a counter.

    A counter may move in coarse steps, or be read more often than it is renewed: what counts
    is when it was seen to change. So power is known from the second change on; `power_w` is
    None before, and after the counter fell. While the counter stands still less than another
    step has been used, so power is at most the last step, `gained_j`, by the time since.
    """

    counter_j: float | None = None
    changed_at_s: float | None = None
    gained_j: float = 0.0
    power_w: float | None = None

    def advance(self, *, at_s: float, counter_j: float, max_power_w: float) -> "DerivedPower":
        """Return the power after a reading of the counter in J at a time in s.

        A gain that would take more than `max_power_w` is no power. One of less than `SHORTEST_S`
        waits for the next reading.
        """
        if self.counter_j is None or counter_j < self.counter_j:
            return DerivedPower(counter_j=counter_j)
        if self.changed_at_s is None:
            changed_at_s = at_s if counter_j > self.counter_j else None
            return DerivedPower(counter_j=counter_j, changed_at_s=changed_at_s)
        interval_s = at_s - self.changed_at_s
        if 0 <= interval_s < SHORTEST_S:
            return self
        if counter_j == self.counter_j:
            return self._still_for(interval_s)
        gained_j = counter_j - self.counter_j
        if interval_s < 0 or gained_j > max_power_w * interval_s:
            return DerivedPower(counter_j=counter_j, changed_at_s=at_s)
        return DerivedPower(
            counter_j=counter_j,
            changed_at_s=at_s,
            gained_j=gained_j,
            power_w=gained_j / interval_s,
        )

    def _still_for(self, elapsed_s: float) -> "DerivedPower":
        if self.power_w is None or elapsed_s <= 0:
            return self
        return replace(self, power_w=min(self.power_w, self.gained_j / elapsed_s))
