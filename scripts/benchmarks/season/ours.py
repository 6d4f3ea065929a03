"""The integration's own scheduler: what it knows in Home Assistant, it knows here."""

from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import override

from custom_components.gpu_heat.control.building import Building
from custom_components.gpu_heat.control.decide import FlexibleJob, MinimumTimes, Situation
from custom_components.gpu_heat.control.demand import Demand
from custom_components.gpu_heat.control.guard import watch
from custom_components.gpu_heat.control.heat_loss import HeatDay, building_of, learn
from custom_components.gpu_heat.control.mass import MassTemperature
from custom_components.gpu_heat.control.outlook import Expectation, look_ahead
from custom_components.gpu_heat.control.plan import Plan, make_plan, reach_h
from custom_components.gpu_heat.control.reasons import Reason
from custom_components.gpu_heat.control.runs import Habits
from custom_components.gpu_heat.control.task import Task, in_turn
from custom_components.gpu_heat.control.usual import UsualWeather
from custom_components.gpu_heat.control.verdict import decide_all, goes, turns_of
from custom_components.gpu_heat.heat.seasons import OutdoorSeasons, Season

from .clock import STEP, STEP_H, STEPS_PER_DAY, STEPS_PER_H
from .house import COOL_C, DAY_C, HEATER_W
from .workload import GPUS
from .world import JobState, Policy, View

_QUEUE = "server"
_PLACES = {_QUEUE: GPUS}
_HABITS = Habits()
_MINIMUM = MinimumTimes()
_NO_DEMAND = Demand(level=None, reason=Reason.DEMAND_UNKNOWN)


class Ours(Policy):
    """Plans each hour and whenever a job comes or ends; decides each quarter of an hour."""

    def __init__(self) -> None:
        self._usual: UsualWeather | None = None
        self._seasons = OutdoorSeasons()
        self._season: Season | None = None
        self._day_c = deque[float](maxlen=STEPS_PER_DAY)
        self._room_c = deque[float](maxlen=STEPS_PER_DAY)
        self._heat_days: list[HeatDay] = []
        self._building = Building(heater_w=HEATER_W)
        self._mass = MassTemperature()
        self._switches: dict[str, list[int]] = defaultdict(list)
        self._plan: Plan | None = None
        self._planned_at = 0
        self._planned_for: frozenset[str] = frozenset()

    @override
    def decide(self, view: View) -> Collection[str]:
        self._look(view)
        jobs = {state.id: _flexible(state, view, self._switches[state.id]) for state in view.jobs}
        tasks = [_task(state, jobs[state.id], view.step) for state in view.jobs]
        ids = frozenset(task.id for task in tasks)
        if self._plan is None or view.step % STEPS_PER_H == 0 or ids != self._planned_for:
            self._plan, self._planned_for = self._planned(view, tasks), ids
            self._planned_at = view.step
        watches = watch(tasks, _PLACES)
        situation = Situation(
            now=view.now,
            season=self._season or Season.HEATING,
            demand=_NO_DEMAND,
            minimum=_MINIMUM,
            above_comfort_k=view.room_c - DAY_C,
        )
        after_h = (view.step - self._planned_at) * STEP_H
        turns = turns_of(self._plan, tasks, _PLACES, after_h)
        decisions = decide_all(jobs, situation, tasks, _PLACES, watches, turns)
        running = {key for key, job in jobs.items() if goes(job, decisions[key])}
        chosen = _with_place([task for task in in_turn(tasks) if task.id in running], tasks)
        for state in view.jobs:
            if state.started and state.running is not (state.id in chosen):
                self._switches[state.id].append(view.step)
        return chosen

    def _look(self, view: View) -> None:
        self._day_c.append(view.outdoor_c)
        self._room_c.append(view.room_c)
        self._mass.tell(view.now, self._building, view.room_c, view.outdoor_c)
        if view.step % STEPS_PER_H:
            return
        self._usual = self._usual or UsualWeather(latitude=view.latitude)
        self._usual.tell(view.now, view.outdoor_c)
        mean_c = Decimal(str(round(sum(self._day_c) / len(self._day_c), 2)))
        self._season = self._seasons.season(mean_c, self._season)
        if len(view.days) > len(self._heat_days):
            day = view.days[-1]
            self._heat_days.append(
                HeatDay(
                    indoor_c=sum(self._room_c) / len(self._room_c),
                    outdoor_c=day.outdoor_c,
                    heat_kwh=day.heater_kwh + day.compute_kwh,
                )
            )
            self._building = building_of(
                learn(
                    [
                        each
                        for each, of in zip(self._heat_days, view.days, strict=False)
                        if of.heater_kwh > 0
                    ]
                ),
                heater_w=HEATER_W,
            )

    def _planned(self, view: View, tasks: Sequence[Task]) -> Plan:
        hour = view.now.replace(minute=0)

        def outdoor_c(moment: datetime) -> float | None:
            ahead_h = (moment - hour) / timedelta(hours=1)
            if ahead_h < 1:
                return view.outdoor_c + (view.forecast[0] - view.outdoor_c) * max(ahead_h, 0)
            lead = int(ahead_h)
            if lead >= len(view.forecast):
                return None
            before, after = view.forecast[lead - 1], view.forecast[lead]
            return before + (after - before) * (ahead_h - lead)

        zone = view.now.tzinfo
        usual = self._usual

        def usual_c(moment: datetime) -> float:
            at = usual.at(moment.astimezone(zone)) if usual else None
            return view.outdoor_c if at is None else at

        cooling = self._season is Season.COOLING
        expected = Expectation(
            room_c=view.room_c,
            mass_c=self._mass.mass_c,
            outdoor_c=outdoor_c,
            usual_c=usual_c,
            price=lambda moment: view.scenario.price(moment.astimezone(zone)),
            price_now=view.scenario.price(view.now),
            target_c=lambda moment: view.target_at(moment.astimezone(zone)),
            comfort_c=None if cooling else DAY_C,
            cool_c=COOL_C,
            heat_price=view.scenario.heat_price,
            cool_price=lambda price, outdoor_c: view.scenario.cool_price(price),
        )
        until = view.now + timedelta(hours=reach_h(tasks, _PLACES))
        outlook = look_ahead(view.now, until, expected, self._building, zone=zone)
        return make_plan(outlook, tasks, _PLACES, _HABITS)


def _task(state: JobState, job: FlexibleJob, step: int) -> Task:
    return Task(
        id=state.id,
        work_h=state.left_h,
        due_h=state.due_h(step),
        power_w=state.job.running_w,
        held_w=state.job.held_w,
        started=state.started,
        running=state.running,
        runs_on=job.runs_on,
        queue=_QUEUE,
    )


def _flexible(state: JobState, view: View, switches: Sequence[int]) -> FlexibleJob:
    switched_at = None
    if state.switched_at is not None:
        switched_at = view.now - (view.step - state.switched_at) * STEP
    return FlexibleJob(
        id=state.id,
        running=state.running,
        switched_at=switched_at,
        switches=sum(view.step - at < STEPS_PER_DAY for at in switches),
        power_w=state.job.running_w,
        held_w=state.job.held_w if state.started else 0.0,
    )


def _with_place(wanted: Sequence[Task], tasks: Sequence[Task]) -> list[str]:
    """Return those that have a GPU or get one."""
    free = GPUS - sum(task.started for task in tasks)
    running = []
    for task in wanted:
        if not task.started:
            if not free:
                continue
            free -= 1
        running.append(task.id)
    return running
