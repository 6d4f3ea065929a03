"""When jobs run by the plan, as people read it: moments, heat and money."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from .control.plan import Plan
from .control.reasons import Reason
from .control.runs import Worth
from .flexible import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time in which a job is planned to run.

    `heat_kwh` is the heat that it gives off, `cost` what it costs in the zone's currency, less
    what its heat is worth (negative: a gain); None where nobody knows what the job draws.
    """

    key: str
    job_id: str
    name: str
    start: datetime
    end: datetime
    reason: Reason
    heat_kwh: float | None
    cost: float | None


def windows(plan: Plan, start: datetime, units: Mapping[str, Unit]) -> Iterator[Window]:
    """Yield the windows of a plan that was made for `start`, in their order."""
    gain, worth = Worth(plan.edges, plan.gain), Worth(plan.edges, plan.worth)
    rows = ((run, key) for key, runs in plan.runs.items() for run in runs)
    for (begin_h, end_h), key in sorted(rows):
        unit = units[key]
        kilowatts = None if unit.power_w is None else unit.power_w / 1000
        heats = worth.of([(begin_h, end_h)]) > 0
        waits = Reason.CHEAP_HOUR if plan.pays else Reason.WOULD_COST_MORE
        yield Window(
            key=key,
            job_id=unit.job.id,
            name=unit.job.name,
            start=start + timedelta(hours=begin_h),
            end=start + timedelta(hours=end_h),
            reason=Reason.WANTED_HEAT if heats else waits,
            heat_kwh=None if kilowatts is None else kilowatts * (end_h - begin_h),
            cost=None if kilowatts is None else -kilowatts * gain.of([(begin_h, end_h)]),
        )
