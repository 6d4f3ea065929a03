"""Sees to it that no deadline is missed because of us: when slack runs out, jobs run."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    missed even so. `yields` says that it is not to begin, as another needs its place.
    """

    slack_h: float
    forced: bool
    at_risk: bool
    yields: bool = False


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
    rows = list(_in_places(in_turn(tasks), places))
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
    """Yield for tasks in their order: slack in h, whether they wait for a place, may be late."""
    free_h, least_h = [0.0] * places, [0.0] * places
    for task in tasks:
        starts_h = heappop(free_h)
        heappush(free_h, starts_h + WORK_MARGIN * task.work_h)
        ends_h = heappop(least_h) + task.work_h
        heappush(least_h, ends_h)
        slack_h = task.due_h - starts_h - WORK_MARGIN * task.work_h
        yield task, slack_h, starts_h > 0, task.due_h < ends_h


def yielding(
    tasks: Iterable[Task],
    places: Mapping[str, int],
    going: Collection[str],
    watches: Mapping[str, Watch],
) -> set[str]:
    """Return which of the tasks that are to begin have to wait, as others need their place.

    What has a place keeps it, and an engine gives the next one to whom it likes of those that
    nobody makes wait (`going`). So none begins that would leave another without the slack that
    the guard keeps if it came first. Those that can wait no longer go all the same: there may be
    more places than we know of.
    """
    waiting = set[str]()
    for queue, of_queue in by_queue(tasks):
        asking = [task for task in in_turn(of_queue) if task.id in going and not task.placed]
        if queue is None or not asking:
            continue
        contest = _Contest(of_queue, max(places[queue], 1))
        if not contest.harms(asking):
            continue
        accepted = [task for task in asking if watches[task.id].forced]
        for task in [task for task in asking if not watches[task.id].forced][:_TRIED]:
            if not contest.harms([*accepted, task]):
                accepted.append(task)
        waiting |= {task.id for task in asking} - {task.id for task in accepted}
    return waiting


class _Contest:
    """Which tasks of a queue lose the slack they need if others get places before them."""

    def __init__(self, tasks: Iterable[Task], places: int) -> None:
        self._in_turn = in_turn(tasks)
        self._places = places
        self._slack_h = self._slacks(self._in_turn)

    def harms(self, going: Sequence[Task]) -> bool:
        """Tell whether it harms any if these begin, the last of them first."""
        ids = {task.id for task in going}
        placed = [task for task in self._in_turn if task.placed]
        others = [task for task in self._in_turn if not task.placed and task.id not in ids]
        then = self._slacks([*placed, *reversed(going), *others])
        return any(
            slack_h <= MARGIN_H and slack_h < self._slack_h[key] - _TINY_H
            for key, slack_h in then.items()
        )

    def _slacks(self, tasks: Sequence[Task]) -> dict[str, float]:
        return {task.id: slack_h for task, slack_h, _, _ in _in_places(tasks, self._places)}


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
