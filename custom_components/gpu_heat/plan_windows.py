"""When jobs run by the plan, as people read it: moments, heat and money."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .control.plan import Plan
from .control.reasons import Reason
from .control.runs import Run, Worth
from .flexible import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time in which a job is planned to run.

    `heat_kwh` is the heat that it gives off, None where nobody knows what the job draws. `cost` is
    in the zone's currency, less what its heat is worth (negative: a gain): those of all windows add
    up to what the plan costs. None where nobody knows what one of the planned jobs draws, and for
    a window that ends after the plan.
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
    worth = Worth(plan.edges, plan.worth)
    runs = sorted((run, key) for key, of_job in plan.runs.items() for run in of_job)
    costs = _costs(plan, runs, units)
    for (run, key), cost in zip(runs, costs, strict=True):
        unit, (begin_h, end_h) = units[key], run
        waits = Reason.CHEAP_HOUR if plan.pays else Reason.WOULD_COST_MORE
        yield Window(
            key=key,
            job_id=unit.job.id,
            name=unit.job.name,
            start=start + timedelta(hours=begin_h),
            end=start + timedelta(hours=end_h),
            reason=Reason.WANTED_HEAT if worth.of([run]) > 0 else waits,
            heat_kwh=_kwh(unit, run),
            cost=cost,
        )


def _costs(
    plan: Plan, runs: Sequence[tuple[Run, str]], units: Mapping[str, Unit]
) -> Sequence[float | None]:
    """Return what each run costs.

    The last of its heat is what the plan knows the worth of, by the hour; what all of it is worth
    beyond that, and what held GPUs cost, is shared out by energy.
    """
    end_h = plan.edges[-1]
    within = [((min(begin, end_h), min(end, end_h)), key) for (begin, end), key in runs]
    energies = [_kwh(units[key], run) for run, key in within]
    known = [energy for energy in energies if energy is not None]
    if len(known) < len(runs):
        return [None] * len(runs)
    gain = Worth(plan.edges, plan.gain)
    last = [
        -energy * gain.of([run]) / (run[1] - run[0]) if energy else 0.0
        for energy, (run, _) in zip(known, within, strict=True)
    ]
    beyond = (plan.cost - sum(last)) / (sum(known) or 1.0)
    return [
        cost + energy * beyond if run == clipped else None
        for cost, energy, (run, _), (clipped, _) in zip(last, known, runs, within, strict=True)
    ]


def _kwh(unit: Unit, run: Run) -> float | None:
    """Return what a job draws in a run, all of which ends as heat."""
    begin_h, end_h = run
    return None if unit.power_w is None else unit.power_w / 1000 * (end_h - begin_h)
