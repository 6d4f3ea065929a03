"""Energy from a device's own counter, or from its power summed over time. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .models import EnergyOrigin
from .psu import Supply

COUNTER_SLACK_S = 60.0
"""A counter moves in steps, and two clocks are compared over an agent restart."""

DIP = 0.9
"""A counter that falls below this part of what it was has begun anew, as Home Assistant sees it.
One that falls by less has only dipped: it was rounded, or restored from a while ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterLimits:
    """What a meter believes.

    Power is summed across at most `max_gap_s` without a reading. `max_power_w` is more than
    what is metered ever draws: it bounds what a counter can have gained in a time.
    """

    max_gap_s: float
    max_power_w: float


DEVICE_LIMITS = MeterLimits(max_gap_s=10.0, max_power_w=3000.0)
"""Of a single accelerator that is read each second where its power has to be summed."""

HOST_LIMITS = MeterLimits(max_gap_s=60.0, max_power_w=100_000.0)
"""Of a whole machine, whose own meter may be slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyMeter:
    """The energy of one device since its meter was made, in J; never decreases.

    `counter_j` with `counted_at_s` and `power_w` with `powered_at_s` are the last good
    readings; times are seconds of any clock that the caller keeps to. `provisional_j`
    is what power has added to the total since the counter fell silent.
    """

    total_j: float = 0.0
    origin: EnergyOrigin = EnergyOrigin.INTEGRATED
    counter_j: float | None = None
    counted_at_s: float | None = None
    power_w: float | None = None
    powered_at_s: float | None = None
    provisional_j: float = 0.0

    @property
    def summing(self) -> bool:
        """Whether energy is summed from power now, which wants frequent readings."""
        return self.origin is EnergyOrigin.INTEGRATED or self.powered_at_s is not None

    def advance(
        self,
        *,
        at_s: float,
        power_w: float | None,
        counter_j: float | None,
        limits: MeterLimits = DEVICE_LIMITS,
    ) -> "EnergyMeter":
        """Return the meter after a reading; None stands for what could not be read.

        A meter that has seen a counter stays with it: while the counter is silent power
        stands in, and the next value adds what it gained beyond that.
        """
        if counter_j is not None:
            if self.counter_j is not None and DIP * self.counter_j <= counter_j < self.counter_j:
                counter_j = self.counter_j
            return replace(
                self,
                total_j=self.total_j
                + max(0.0, self._counted_j(at_s, counter_j, limits) - self.provisional_j),
                origin=EnergyOrigin.COUNTER,
                counter_j=counter_j,
                counted_at_s=at_s,
                power_w=None,
                powered_at_s=None,
                provisional_j=0.0,
            )
        if power_w is None:
            return self
        summed_j = self._summed_j(at_s, power_w, limits)
        counting = self.origin is EnergyOrigin.COUNTER
        return replace(
            self,
            total_j=self.total_j + summed_j,
            power_w=power_w,
            powered_at_s=at_s,
            provisional_j=self.provisional_j + summed_j if counting else 0.0,
        )

    def _counted_j(self, at_s: float, counter_j: float, limits: MeterLimits) -> float:
        """Return what the counter gained; after a reset that is all it shows."""
        if self.counter_j is None or self.counted_at_s is None:
            return 0.0
        elapsed_s = at_s - self.counted_at_s
        gained_j = counter_j - self.counter_j
        if gained_j >= 0 and elapsed_s < 0:  # the clock was set back, the counter was not
            return gained_j
        plausible_j = max(elapsed_s, 0.0) * limits.max_power_w
        if gained_j < 0:
            return counter_j if counter_j <= plausible_j else 0.0
        slack_j = limits.max_power_w * COUNTER_SLACK_S
        return gained_j if gained_j <= plausible_j + slack_j else 0.0

    def _summed_j(self, at_s: float, power_w: float, limits: MeterLimits) -> float:
        if self.power_w is None or self.powered_at_s is None:
            return 0.0
        elapsed_s = at_s - self.powered_at_s
        if not 0 <= elapsed_s <= limits.max_gap_s:
            return 0.0
        return (self.power_w + power_w) / 2 * elapsed_s


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMeter:
    """The energy of the whole machine, in J; never decreases, whatever way it is found.

    `base` meters the load that is only assumed, `processors` what counters tell of processors
    and memory, `wall` what a meter of the whole machine tells. Where one way takes over, the
    others begin anew, so that no time counts twice.
    """

    total_j: float = 0.0
    base: EnergyMeter = EnergyMeter()
    processors: EnergyMeter = EnergyMeter()
    wall: EnergyMeter = EnergyMeter()

    def summed(
        self,
        *,
        at_s: float,
        devices_j: float,
        base_load_w: float,
        supply: Supply,
        processors_j: float | None = None,
    ) -> "HostMeter":
        """Return the meter after its devices used `devices_j` more, through a power supply.

        `processors_j` is a counter of the processors. What was used in a gap is only known
        as energy, not as power, and counts with the losses that there were at least.
        """
        base = self.base.advance(at_s=at_s, power_w=base_load_w, counter_j=None, limits=HOST_LIMITS)
        processors = self.processors.advance(
            at_s=at_s, power_w=None, counter_j=processors_j, limits=HOST_LIMITS
        )
        output_j = (
            devices_j
            + (base.total_j - self.base.total_j)
            + (processors.total_j - self.processors.total_j)
        )
        before_s = self.base.powered_at_s
        elapsed_s = 0.0 if before_s is None else at_s - before_s
        if 0 < elapsed_s <= HOST_LIMITS.max_gap_s:
            gained_j = supply.wall_w(output_j / elapsed_s) * elapsed_s
        else:
            gained_j = supply.least_wall_j(output_j)
        return HostMeter(total_j=self.total_j + gained_j, base=base, processors=processors)

    def measured(self, *, at_s: float, power_w: float, devices_j: float = 0.0) -> "HostMeter":
        """Return the meter after a reading of the whole machine's power at the wall.

        After a gap `devices_j`, what its devices used since the last one, is all that is known.
        """
        wall = self.wall.advance(at_s=at_s, power_w=power_w, counter_j=None, limits=HOST_LIMITS)
        gained_j = wall.total_j - self.wall.total_j
        before_s = self.wall.powered_at_s
        if before_s is not None and not 0 <= at_s - before_s <= HOST_LIMITS.max_gap_s:
            gained_j = devices_j
        return HostMeter(total_j=self.total_j + gained_j, wall=wall)


def sum_w(powers_w: Iterable[float | None]) -> float | None:
    """Return the sum of powers in W; None where one is not known: it would be too small."""
    total_w = 0.0
    for power_w in powers_w:
        if power_w is None:
            return None
        total_w += power_w
    return total_w
