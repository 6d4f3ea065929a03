"""The guard that the rivals share: where slack runs out, jobs run whatever the policy says.

It is written apart from the one of the integration, which is under test.
"""

from collections.abc import Container, Sequence

from .workload import GPUS
from .world import JobState, View

MARGIN_FACTOR, MARGIN_H = 1.15, 1.0
KEEPS_H = 1.0
"""So much more slack a job that runs must have gained before it may wait again."""


def in_turn(view: View) -> list[JobState]:
    """Return the jobs that have a GPU, then the others, each by their deadlines."""
    return sorted(view.jobs, key=lambda state: (not state.started, state.job.due, state.job.id))


def forced(jobs: Sequence[JobState], step: int) -> int:
    """Return how many of the first jobs in turn can wait no longer.

    By the bound of list scheduling a job starts at the latest when all work before it, spread over
    all GPUs, is done (Graham, "Bounds on multiprocessing timing anomalies", 1969).
    """
    last, before_h = 0, 0.0
    for place, state in enumerate(jobs, start=1):
        left_h = state.left_h
        slack_h = state.due_h(step) - MARGIN_FACTOR * (before_h / GPUS + left_h)
        if slack_h <= MARGIN_H + KEEPS_H * state.running:
            last = place
        before_h += left_h
    return last


def guarded(view: View, wished: Container[str]) -> list[str]:
    """Return the ids of the jobs that run: those that must, then those wished for, in turn."""
    jobs = in_turn(view)
    must = forced(jobs, view.step)
    free = GPUS - sum(state.started for state in jobs)
    running = []
    for place, state in enumerate(jobs):
        if place >= must and state.job.id not in wished:
            continue
        if not state.started:
            if not free:
                continue
            free -= 1
        running.append(state.job.id)
    return running
