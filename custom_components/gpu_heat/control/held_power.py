"""What a GPU draws while its jobs are paused: their memory and context keep it awake.

With a context alive and no work an H100 draws 50 W more than without, an A100 26 W, an L40S
66 W (arXiv:2605.23918).
"""

from dataclasses import dataclass, replace
from enum import Enum, auto
import math
from typing import Self

USUAL_W = 50.0
"""What a GPU that waits with its jobs is taken to draw for them until that is learned: an H100's,
rather than a pause that is thought to cost nothing."""

SETTLES_S = 120.0
"""After a pause kernels run to their end and clocks come down; what is drawn then is no guide."""

WORKING = 0.05
"""A GPU that is busy for more of its time than this is at work, whoever's."""

DROP = 0.6
"""Where a GPU does not tell how busy it is, one that still draws more of what it drew before
is at work: a context alone takes at most 102 of an L40S' 350 W."""

_MEMORY_S = 600.0
"""The time constant with which later readings replace earlier ones."""


class Use(Enum):
    """What the jobs of a GPU are doing."""

    RUNNING = auto()
    PAUSED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPower:
    """What is known of one GPU: W while its jobs run, and W while all of them are paused.

    `paused_at_s` is when they were, None while they are not. `still_w` is what the GPU draws
    although they have been paused for a while and it works on, else None.
    """

    running_w: float | None = None
    held_w: float | None = None
    paused_at_s: float | None = None
    read_at_s: float | None = None
    still_w: float | None = None

    def advance(
        self, *, at_s: float, use: Use, power_w: float | None, utilization: float | None
    ) -> Self:
        """Take in a reading: power in W, utilization from 0 to 1, None where it is not known."""
        if use is not Use.PAUSED:
            running_w = self.running_w
            if use is Use.RUNNING and power_w is not None:
                running_w = _mean(running_w, power_w, self._step_s(at_s))
            return replace(
                self, running_w=running_w, paused_at_s=None, read_at_s=at_s, still_w=None
            )
        paused_at_s = at_s if self.paused_at_s is None else self.paused_at_s
        seen = replace(self, paused_at_s=paused_at_s, read_at_s=at_s)
        if power_w is None:
            return replace(seen, still_w=None)
        if at_s - paused_at_s < SETTLES_S:
            return seen
        if self._works(power_w, utilization):
            return replace(seen, still_w=power_w)
        return replace(seen, held_w=_mean(self.held_w, power_w, self._step_s(at_s)), still_w=None)

    def _works(self, power_w: float, utilization: float | None) -> bool:
        if utilization is not None:
            return utilization > WORKING
        return self.running_w is not None and power_w > DROP * self.running_w

    def _step_s(self, at_s: float) -> float:
        return 0.0 if self.read_at_s is None else max(at_s - self.read_at_s, 0.0)


def _mean(before: float | None, value: float, step_s: float) -> float:
    """Return a mean in which a reading weighs the more, the longer it has been since the last."""
    if before is None:
        return value
    return before + (value - before) * -math.expm1(-step_s / _MEMORY_S)
