"""What a zone's jobs are to the schedule: those that are planned, and those that follow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .agent.models import Job, JobState
from .control.decide import FlexibleJob
from .control.guard import WORK_MARGIN
from .control.task import Task
from .coordinator import SourceCoordinator
from .job_load import JobLoad
from .job_status import ENDED, is_group, listed

_HOUR = timedelta(hours=1)

# Ten years: whoever tells more work does not know it, and moments end with the year 9999.
_MOST_WORK_H = 87_660.0

# Less than that is done before anything could be decided.
_LEAST_WORK_S = 1.0

# Where nobody knows what a job draws, it is planned by what it may draw, else as one of a usual
# GPU, and no money is told.
_SOME_W = 250.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What is decided on as one: a job, a group as a whole, or one job of a group.

    `task` is None where nobody knows its work; `due_h` then says in how many h it has to be done
    all the same, None if nothing does. `power_w` is None where nobody knows it, `held_known` tells
    whether what it draws while it waits has been learned.
    """

    source: SourceCoordinator
    job: Job
    flexible: FlexibleJob
    deadline: datetime | None
    power_w: float | None
    held_known: bool
    task: Task | None = None
    due_h: float | None = None

    @property
    def key(self) -> str:
        """What it is known by among all jobs of the zone."""
        return self.flexible.id


def key_of(source: SourceCoordinator, job_id: str) -> str:
    """Return what a job is known by among all jobs of its zone."""
    return f"{source.subentry.subentry_id}/{job_id}"


class Flexible:
    """The units of one source, at a moment; `places` has how many of a group run at a time.

    `max_delay` is for how long a job without a deadline may be made to wait in all. `part_w` is
    what that of `JobLoad` was before; `most_seen` how many of a group were ever seen to run at a
    time, now included.
    """

    def __init__(
        self,
        source: SourceCoordinator,
        now: datetime,
        *,
        max_delay: timedelta,
        part_w: float | None,
        most_seen: Mapping[str, int],
    ) -> None:
        self._source = source
        self._now = now
        self._max_delay = max_delay
        self.load = JobLoad(source, part_w)
        self.units: list[Unit] = []
        self.places: dict[str, int] = {}
        self.most_seen: dict[str, int] = {}
        for job in listed(source.snapshot.jobs) if source.snapshot else ():
            members = source.members(job.id) if is_group(job) else ()
            live = [member for member in members if _lives(member)]
            # What was paused alone is not let go by a word to its group.
            alone = not job.paused_by_us and any(member.paused_by_us for member in live)
            if alone or any(self._work_h(member) for member in live):
                queue = key_of(source, job.id)
                running = sum(member.state is JobState.RUNNING for member in members)
                self.most_seen[queue] = max(most_seen.get(queue, 1), running)
                places = self.places[queue] = self._places(members, self.most_seen[queue])
                units = [self._unit(member, queue) for member in live]
                self.units += _in_queue(units, places)
            else:
                self.units.append(self._unit(job, None, members))

    def _unit(self, job: Job, queue: str | None, members: Sequence[Job] = ()) -> Unit:
        source, orders = self._source, self._source.orders
        deadline = orders.deadline(job.id, job.deadline)
        due_h = None if deadline is None else (deadline - self._now) / _HOUR
        patience = self._patience(members or [job])
        # No job draws nothing: its meter does not see it.
        power_w, held_w = self.load.running_w(job) or None, self.load.held_w(job)
        flexible = replace(
            source.holds.flexible(job, self._now),
            id=key_of(source, job.id),
            policy=orders.policy(job.id),
            patience=patience if deadline is None else None,
            power_w=power_w,
            held_w=self.load.usual_held_w(job) if held_w is None else held_w,
        )
        unit = Unit(
            source=source,
            job=job,
            flexible=flexible,
            deadline=deadline,
            power_w=power_w,
            held_known=held_w is not None,
        )
        work_h = self._work_h(job)
        if work_h is None or not _lives(job):
            return replace(unit, due_h=due_h)
        order, running = orders.order(job.id), job.state is JobState.RUNNING
        task = Task(
            id=flexible.id,
            work_h=work_h,
            due_h=WORK_MARGIN * work_h + patience / _HOUR if due_h is None else due_h,
            power_w=power_w or self.load.most_w(job) or _SOME_W,
            held_w=flexible.held_w,
            started=running or bool(order and order.ran_s),
            running=running,
            runs_on=running and flexible.runs_on,
            keeps_place=not job.frees_gpu,
            firm=deadline is not None,
            queue=queue,
        )
        return replace(unit, task=task)

    def _work_h(self, job: Job) -> float | None:
        """Return the work left in h; None where nobody knows of any."""
        left_s = self._source.orders.remaining_s(job.id, job)
        if left_s is None or left_s < _LEAST_WORK_S:
            return None
        return min(left_s / 3600, _MOST_WORK_H)

    def _patience(self, jobs: Iterable[Job]) -> timedelta:
        """Return for how long jobs may still be made to wait: as the one that has waited most."""
        orders = (self._source.orders.order(job.id) for job in jobs)
        waited_s = max((order.waited_s for order in orders if order), default=0.0)
        return self._max_delay - timedelta(seconds=waited_s)

    def _places(self, members: Sequence[Job], most_seen: int) -> int:
        """Return how many of a group run at a time: as its GPUs allow, or as was seen.

        If all that run tell their GPUs, these are what there is to be had.
        """
        running = [member for member in members if member.state is JobState.RUNNING]
        takes = max((len(member.devices) for member in members), default=0)
        gpus = len(self._source.snapshot.devices) if self._source.snapshot else 0
        fit = gpus // takes if takes else 1
        if running and all(member.devices for member in running):
            return max(fit, len(running))
        return max(fit, most_seen)


def _in_queue(units: Sequence[Unit], places: int) -> Iterator[Unit]:
    """Give the jobs of a queue that have no deadline one that they can meet.

    Their patience is for what we make them wait, not for the work that is before them.
    """
    before_h = sum(unit.task.work_h for unit in units if unit.task and unit.deadline)
    for unit in sorted(units, key=lambda unit: unit.flexible.patience or timedelta(0)):
        task = unit.task
        if task is None or unit.deadline is not None:
            yield unit
            continue
        due_h = task.due_h + WORK_MARGIN * before_h / places
        before_h += task.work_h
        yield replace(unit, task=replace(task, due_h=due_h))


def _lives(job: Job) -> bool:
    return is_group(job) or job.state not in ENDED
