"""Sees to it that no deadline is missed because of us: when slack runs out, jobs run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .task import Task, by_queue, in_turn

WORK_MARGIN = 1.15
"""Work takes longer than it says: estimates, clocks that come down, a queue that is slow."""

MARGIN_H = 1.0
"""Slack in h that is kept besides: a plan is made each quarter of an hour, a pause lasts half an
hour, and a job takes time to come back."""

RUNNING_MARGIN_H = 3.0
"""With no more slack than that, what runs is not paused any more: the guard would soon have it run
again, and again."""


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
    """Go by the bound of list scheduling.

    A task starts at the latest when all work before it, spread over all places, is done
    (Graham, "Bounds on multiprocessing timing anomalies", 1969).
    """
    rows, before_h = [], 0.0
    for task in in_turn(tasks):
        needs_h = before_h / places + task.work_h
        rows.append((task, task.due_h - WORK_MARGIN * needs_h, task.due_h < needs_h))
        before_h += task.work_h
    forced = False
    for task, slack_h, at_risk in reversed(rows):
        forced = forced or _short(task, slack_h)
        yield task.id, Watch(slack_h=slack_h, forced=forced, at_risk=at_risk)


def _short(task: Task, slack_h: float) -> bool:
    return slack_h <= (RUNNING_MARGIN_H if task.running else MARGIN_H)
