"""The simulation: each 15 min a policy says which jobs run, and house and jobs go on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import process_time
from typing import Protocol

from .clock import STEP_H, STEPS_PER_DAY, STEPS_PER_H
from .course import Course, Response
from .house import target_c
from .scenarios import Scenario
from .workload import GPUS, Job


@dataclass(slots=True)
class JobState:
    """A job that has come and is not done; policies only read it.

    `left` is the work left in steps of 15 min; `switched_at` is the step at which it was last
    started, paused or resumed. One that has started keeps its GPU until it is done.
    """

    job: Job
    left: int
    started: bool = False
    running: bool = False
    switched_at: int | None = None

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def left_h(self) -> float:
        """The work left in h."""
        return self.left * STEP_H

    def due_h(self, step: int) -> float:
        """Return in how many h from a step on it has to be done; negative once it is late."""
        return (self.job.due - step) * STEP_H


@dataclass(frozen=True, slots=True)
class Day:
    """A day that is over, as a thermostat with a heater of known power tells it."""

    outdoor_c: float
    heater_kwh: float
    compute_kwh: float


@dataclass(frozen=True, slots=True)
class View:
    """What a policy knows at the beginning of a step.

    `now` is in local standard time, `jobs` in the order in which they came. `forecast` has the
    temperatures expected 1 to 72 h after the last full hour. `heating` and `cooling` tell what
    the thermostat did in the step before. `days` are the days of the run that are over.
    """

    step: int
    now: datetime
    jobs: Sequence[JobState]
    room_c: float
    outdoor_c: float
    heating: bool
    cooling: bool
    forecast: Sequence[float]
    scenario: Scenario
    days: Sequence[Day]
    latitude: float

    @property
    def target_c(self) -> float:
        """What the thermostat is set to now, in °C."""
        return target_c(self.now.hour)

    @staticmethod
    def target_at(local: datetime) -> float:
        """Return what the thermostat will be set to at a local time, in °C."""
        return target_c(local.hour)


class Policy(Protocol):
    """Decides which jobs run."""

    def decide(self, view: View) -> Collection[str]:
        """Return the ids of the jobs that shall run until the next step."""


@dataclass(slots=True, kw_only=True)
class Trace:
    """What happened: powers by step, beyond an idle server's, and how the jobs fared.

    `late_h` has in h how late each job was that missed its deadline; `switches` counts pauses
    and resumptions by job and day; `held_kwh` went into GPUs that were held by paused jobs.
    """

    compute_w: list[float] = field(default_factory=list)
    response: Response
    late_h: list[float] = field(default_factory=list)
    unfinished: int = 0
    switches: dict[tuple[str, int], int] = field(default_factory=dict)
    held_kwh: float = 0.0
    planning_s: float = 0.0


class OverbookedError(RuntimeError):
    """A policy wants more jobs on GPUs than there are GPUs."""


def simulate(
    course: Course, jobs: Sequence[Job], policy: Policy, scenario: Scenario, steps: int
) -> Trace:
    """Run jobs as a policy decides, for a number of steps. Raises OverbookedError."""
    return _World(course, jobs, policy, scenario).run(steps)


class _World:
    def __init__(
        self, course: Course, jobs: Sequence[Job], policy: Policy, scenario: Scenario
    ) -> None:
        self._course = course
        self._ahead = list(reversed(jobs))
        self._policy = policy
        self._scenario = scenario
        self._states: list[JobState] = []
        self._days: list[Day] = []
        self._room_c: list[float] = []
        self._heater_w: list[float] = []
        self._cooler_w: list[float] = []
        self._trace = Trace(
            response=Response(room_c=self._room_c, heater_w=self._heater_w, cooler_w=self._cooler_w)
        )

    def run(self, steps: int) -> Trace:
        course, trace = self._course, self._trace
        air_c, mass_c = course.air_c, course.mass_c
        for step in range(steps):
            if step and step % STEPS_PER_DAY == 0:
                self._end_day(step)
            while self._ahead and self._ahead[-1].arrival <= step:
                job = self._ahead.pop()
                self._states.append(JobState(job, job.work))
            compute_w = self._compute(step, air_c) if self._states else 0.0
            air_c, mass_c, heater_w, cooler_w = course.steps[step].after(air_c, mass_c, compute_w)
            trace.compute_w.append(compute_w)
            self._room_c.append(air_c)
            self._heater_w.append(heater_w)
            self._cooler_w.append(cooler_w)
        trace.unfinished = len(self._states) + len(self._ahead)
        return trace

    def _compute(self, step: int, air_c: float) -> float:
        """Let the policy decide and the jobs work for a step; return their power."""
        before = process_time()
        chosen = set(self._policy.decide(self._view(step, air_c)))
        self._trace.planning_s += process_time() - before
        self._switch(chosen, step)
        power_w = 0.0
        done = False
        for state in self._states:
            if state.running:
                power_w += state.job.running_w
                state.left -= 1
                done = done or not state.left
            elif state.started:
                power_w += state.job.held_w
                self._trace.held_kwh += state.job.held_w * STEP_H / 1000
        if done:
            self._finish(step + 1)
        return power_w

    def _view(self, step: int, air_c: float) -> View:
        course = self._course
        return View(
            step,
            course.times[step],
            self._states,
            air_c,
            course.outdoor_c[max(step - 1, 0)],
            bool(self._heater_w) and self._heater_w[-1] > 0,
            bool(self._cooler_w) and self._cooler_w[-1] > 0,
            course.forecast.at(step // STEPS_PER_H),
            self._scenario,
            self._days,
            course.latitude,
        )

    def _switch(self, chosen: set[str], step: int) -> None:
        for state in self._states:
            runs = state.job.id in chosen
            if runs == state.running:
                continue
            if state.started:
                key = state.job.id, step // STEPS_PER_DAY
                self._trace.switches[key] = self._trace.switches.get(key, 0) + 1
            state.running = runs
            state.started = True
            state.switched_at = step
        if sum(state.started for state in self._states) > GPUS:
            raise OverbookedError(
                f"{type(self._policy).__name__} has more than {GPUS} jobs on GPUs"
            )

    def _finish(self, step: int) -> None:
        for state in self._states:
            if not state.left and step > state.job.due:
                self._trace.late_h.append((step - state.job.due) * STEP_H)
        self._states = [state for state in self._states if state.left]

    def _end_day(self, step: int) -> None:
        day = slice(step - STEPS_PER_DAY, step)
        self._days.append(
            Day(
                sum(self._course.outdoor_c[day]) / STEPS_PER_DAY,
                sum(self._heater_w[day]) * STEP_H / 1000,
                sum(self._trace.compute_w[day]) * STEP_H / 1000,
            )
        )
