"""Sees to it that no deadline is missed because of us: when slack runs out, jobs run."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from statistics import median

from .task import Task, by_queue, in_turn

WORK_MARGIN = 1.15
"""Work takes longer than it says: estimates, clocks that come down, a queue that is slow."""

MARGIN_H = 1.0
"""Slack in h that is kept besides: a plan is made each quarter of an hour, a pause lasts half an
hour, and a job takes time to come back."""

RUNNING_MARGIN_H = 3.0
"""With no more slack than that, what runs is not paused any more: the guard would soon have it run
again, and again."""

TIGHT, TIGHT_RUNNING = 1.0, 0.5
"""Where the jobs of a queue have less slack than the longest of them takes, none is made to wait:
it would take its place just when another comes that cannot wait for it. What runs then is not
paused as long as they have less than twice that."""

_TRIED = 32  # of more that would begin at once, the others are asked again next time
_TINY_H = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the guard says of a task.

    `slack_h` is for how many h it could still wait, everything before it in its queue counted;
    `forced` that it, or one behind it, can wait no longer; `at_risk` that its deadline may be
    missed even so.
    """

    slack_h: float
    forced: bool
    at_risk: bool


def watch(tasks: Iterable[Task], places: Mapping[str, int]) -> dict[str, Watch]:
    """Return what the guard says of each task; `places` has how many of a queue run at a time."""
    return {
        task_id: said
        for queue, of_queue in by_queue(tasks)
        for task_id, said in (
            _apart(of_queue) if queue is None else _queued(of_queue, max(places[queue], 1))
        )
    }


def _apart(tasks: Sequence[Task]) -> Iterator[tuple[str, Watch]]:
    for task in tasks:
        slack_h = task.due_h - WORK_MARGIN * task.work_h
        yield (
            task.id,
            Watch(slack_h=slack_h, forced=slack_h <= MARGIN_H, at_risk=task.due_h < task.work_h),
        )


def _queued(tasks: Sequence[Task], places: int) -> Iterator[tuple[str, Watch]]:
    """Go through the queue as it runs from now on: each task takes the first place that is free.

    If all wait, all of that is later by as much. (Of tasks in a fixed order that do not depend on
    each other none is ever later because another is done sooner.)
    """
    rows = list(_in_places(tasks, places))
    tightness = _tightness(tasks)
    behind_waits = False
    for task, slack_h, waits, at_risk in reversed(rows):
        short = _short(task, slack_h)
        tight = tightness > (TIGHT_RUNNING if task.running else TIGHT)
        yield (
            task.id,
            Watch(slack_h=slack_h, forced=short or behind_waits or tight, at_risk=at_risk),
        )
        # One that has to wait for a place needs those before it to be done.
        behind_waits = behind_waits or (short and waits)


def _in_places(tasks: Sequence[Task], places: int) -> Iterator[tuple[Task, float, bool, bool]]:
    """Yield tasks in turn: slack in h, whether it waits for a place, whether it may be late."""
    free_h, least_h = [0.0] * places, [0.0] * places
    for task in in_turn(tasks):
        starts_h = heappop(free_h)
        heappush(free_h, starts_h + WORK_MARGIN * task.work_h)
        ends_h = heappop(least_h) + task.work_h
        heappush(least_h, ends_h)
        slack_h = task.due_h - starts_h - WORK_MARGIN * task.work_h
        yield task, slack_h, starts_h > 0, task.due_h < ends_h


def refused(
    tasks: Sequence[Task], places: Mapping[str, int], starting: Collection[str]
) -> set[str]:
    """Return which tasks are not to take a place of their queue now, though they would.

    What has a place keeps it, also before one that is due earlier: so none begins that leaves
    another without the slack that the guard keeps.
    """
    turned_down = set[str]()
    for queue, of_queue in by_queue(tasks):
        asking = [task for task in in_turn(of_queue) if task.id in starting and not task.placed]
        if queue is None or not asking:
            continue
        tight = _tight_ids(of_queue, max(places[queue], 1), ())
        accepted = [task.id for task in asking]
        if _tight_ids(of_queue, max(places[queue], 1), accepted) <= tight:
            continue
        accepted = []
        for task in asking[:_TRIED]:
            if _tight_ids(of_queue, max(places[queue], 1), [*accepted, task.id]) <= tight:
                accepted.append(task.id)
        turned_down |= {task.id for task in asking} - set(accepted)
    return turned_down


def _tight_ids(tasks: Sequence[Task], places: int, placed: Collection[str]) -> set[str]:
    """Return which of a queue have no slack to spare where some more have places."""
    moved = [replace(task, started=True) if task.id in placed else task for task in tasks]
    return {task.id for task, slack_h, _, _ in _in_places(moved, places) if slack_h <= MARGIN_H}


def _tightness(tasks: Sequence[Task]) -> float:
    """Return how likely a job that comes finds all places taken for longer than it can wait.

    It is taken to be like those that are there: the work of the longest by the median slack. Where
    none has a deadline, none will have.
    """
    if not any(task.firm for task in tasks):
        return 0.0
    slack_h = median(task.due_h - task.work_h for task in tasks)
    return max(task.work_h for task in tasks) / max(slack_h, _TINY_H)


def _short(task: Task, slack_h: float) -> bool:
    return slack_h <= (RUNNING_MARGIN_H if task.running else MARGIN_H)
