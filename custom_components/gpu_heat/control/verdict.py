"""Decides on all jobs of a zone at once: what the guard says, what the plan says, what to do."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import accumulate

from .building import Building
from .decide import FlexibleJob, Situation, Turn, decide
from .guard import MARGIN_H, Watch, watch, yielding
from .orders import Policy
from .outlook import FARTHEST, SLOT, Expectation, look_ahead
from .plan import Plan, make_plan, reach_h
from .reasons import Action, Decision
from .runs import Habits, Run
from .task import Task

_AT_ONCE_H = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What is known of the time ahead, and of the building that it will pass over.

    `capture` is the part of the planned jobs' heat that reaches the rooms; `other_w` the power
    of what is not planned, and goes on.
    """

    expected: Expectation
    building: Building
    zone: tzinfo
    capture: float = 1.0
    other_w: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that counts for the jobs of a zone at a moment.

    `tasks` are those of the jobs whose work is known, `due_h` says in how many h another job
    has to be done, both by the job's id. `places` has how many of a queue run at a time.
    `ahead` is None where nothing can be planned.
    """

    situation: Situation
    jobs: Sequence[FlexibleJob]
    tasks: Mapping[str, Task]
    due_h: Mapping[str, float]
    places: Mapping[str, int]
    ahead: Ahead | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was decided, by the job's id; `plan` is None where nothing was planned."""

    at: datetime
    decisions: Mapping[str, Decision]
    watches: Mapping[str, Watch]
    plan: Plan | None = None


def judge(question: Question) -> Verdict:
    """Decide on all jobs. The same question has the same answer; takes time for many jobs."""
    jobs = {job.id: job for job in question.jobs}
    tasks = [task for key, task in question.tasks.items() if _is_free(jobs[key])]
    others = [
        replace(task, queue=None) for key, task in question.tasks.items() if not _is_free(jobs[key])
    ]
    places = _places_left(question, jobs)
    watches = watch([*tasks, *others], places) | {
        key: Watch(slack_h=due_h, forced=due_h <= MARGIN_H, at_risk=due_h < 0)
        for key, due_h in question.due_h.items()
    }
    plan = _plan(question, tasks, places)
    turns = turns_of(plan, tasks, places) if plan else {}
    return Verdict(
        at=question.situation.now,
        decisions=decide_all(jobs, question.situation, tasks, places, watches, turns),
        watches=watches,
        plan=plan,
    )


def decide_all(
    jobs: Mapping[str, FlexibleJob],
    situation: Situation,
    tasks: Iterable[Task],
    places: Mapping[str, int],
    watches: Mapping[str, Watch],
    turns: Mapping[str, Turn],
) -> dict[str, Decision]:
    """Decide on each job, then have those wait that would take a place which another needs."""
    tasks = list(tasks)
    decisions = {
        key: decide(job, situation, watches.get(key), turns.get(key)) for key, job in jobs.items()
    }
    going = {task.id for task in tasks if goes(jobs[task.id], decisions[task.id])}
    for key in yielding(tasks, places, going, watches):
        told = replace(watches[key], yields=True)
        decisions[key] = decide(jobs[key], situation, told, turns.get(key))
    return decisions


def goes(job: FlexibleJob, decision: Decision) -> bool:
    """Tell whether nobody makes a job wait after a decision."""
    return decision.action is Action.RUN or (decision.action is Action.KEEP and job.running)


def _is_free(job: FlexibleJob) -> bool:
    """Tell whether it is for the schedule to say when a job runs."""
    return job.controllable and job.held is None and job.policy is Policy.FOLLOW_HEAT


def _places_left(question: Question, jobs: Mapping[str, FlexibleJob]) -> dict[str, int]:
    """Return how many places are left by jobs that are not ours to say, one of a queue at least."""
    left = dict(question.places)
    for key, task in question.tasks.items():
        if task.queue is not None and task.placed and not _is_free(jobs[key]):
            left[task.queue] -= 1
    return {queue: max(places, 1) for queue, places in left.items()}


def _plan(question: Question, tasks: Sequence[Task], places: Mapping[str, int]) -> Plan | None:
    if not tasks or (ahead := question.ahead) is None:
        return None
    now, minimum = question.situation.now, question.situation.minimum
    hour = timedelta(hours=1)
    outlook = look_ahead(
        now,
        now + min(reach_h(tasks, places), FARTHEST / hour) * hour,
        ahead.expected,
        ahead.building,
        zone=ahead.zone,
        capture=ahead.capture,
    )
    habits = Habits(on_h=minimum.on / hour, off_h=minimum.off / hour)
    return make_plan(outlook, tasks, places, habits, ahead.other_w)


def turns_of(
    plan: Plan, tasks: Sequence[Task], places: Mapping[str, int], after_h: float = 0.0
) -> dict[str, Turn]:
    """Return whose turn it is, some h after a plan was made.

    A plan that does not pay makes nobody wait. In a queue all places of which are taken, what
    comes next as soon as one is free waits for that with its engine, not with us.
    """
    left = {task.id: _left(plan.runs[task.id], after_h) for task in tasks}
    taken = {
        queue: _taken_until([left[task.id] for task in tasks if task.queue == queue], number)
        for queue, number in places.items()
    }
    turns = {}
    for task in tasks:
        runs, until_h = left[task.id], taken.get(task.queue or "", 0.0)
        next_up = bool(until_h and runs) and runs[0][0] <= until_h + SLOT / timedelta(hours=1)
        now = not plan.pays or next_up or bool(runs and runs[0][0] <= _AT_ONCE_H)
        turns[task.id] = Turn(
            now=now,
            next_h=runs[0][0] if runs and not now else None,
            pays=plan.pays,
            for_heat=plan.worth[0] > 0,
        )
    return turns


def _left(runs: Sequence[Run], after_h: float) -> Sequence[Run]:
    """Return what is still to come of some runs, by the h from then on."""
    return [(begin - after_h, end - after_h) for begin, end in runs if end > after_h + _AT_ONCE_H]


def _taken_until(runs_of: Iterable[Sequence[Run]], places: int) -> float:
    """Return until when, in h from now on, all places of a queue are taken without a gap."""
    steps = defaultdict[float, int](int, {0.0: 0})
    for runs in runs_of:
        for begin_h, end_h in runs:
            steps[max(begin_h, 0.0)] += 1
            steps[end_h] -= 1
    changes = sorted(steps)
    running = accumulate(steps[at_h] for at_h in changes)
    return next(at_h for at_h, count in zip(changes, running, strict=True) if count < places)
