"""What the season's simulation makes of decisions, and how it is told."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import override

import pytest

from scripts.benchmarks.season.guard import forced, guarded
from scripts.benchmarks.season.policies import AlwaysOn, NightClock
from scripts.benchmarks.season.report import rows_of
from scripts.benchmarks.season.scenarios import SCENARIOS, prices_of
from scripts.benchmarks.season.score import (
    Cell,
    Score,
    comfort_of,
    conduct_of,
    cost_of,
    electricity_of,
)
from scripts.benchmarks.season.thresholds import BestHours, PauseAndResume, k_search
from scripts.benchmarks.season.workload import Job
from scripts.benchmarks.season.world import (
    JobState,
    OverbookedError,
    Policy,
    Trace,
    View,
    simulate,
)

from .still_course import MONDAY, still_course

OIL, GAS = SCENARIOS["oil"], SCENARIOS["gas"]


def job(name: str = "a", *, arrival: int = 0, work_h: float = 2, due_h: float = 90) -> Job:
    return Job(
        id=name,
        arrival=arrival,
        work=int(work_h * 4),
        due=int(due_h * 4),
        running_w=300.0,
        held_w=80.0,
    )


class Scripted(Policy):
    """Runs all jobs in the steps that are said."""

    def __init__(self, steps: Collection[int]) -> None:
        self._steps = steps

    @override
    def decide(self, view: View) -> Collection[str]:
        return [state.id for state in view.jobs] if view.step in self._steps else ()


def run(policy: Policy, *jobs: Job, outdoor_c: float = 0.0, steps: int = 96) -> Trace:
    return simulate(still_course(outdoor_c), jobs, policy, GAS, steps)


def view_of(*states: JobState, step: int = 0) -> View:
    seen = Watching()
    simulate(still_course(0.0), [job()], seen, OIL, 1)
    return replace(seen.views[0], jobs=states, step=step)


class Watching(AlwaysOn):
    """Keeps what it sees."""

    def __init__(self) -> None:
        self.views: list[View] = []

    @override
    def decide(self, view: View) -> Collection[str]:
        self.views.append(view)
        return super().decide(view)


def test_a_job_draws_its_power_until_its_work_is_done():
    trace = run(AlwaysOn(), job(work_h=2), steps=12)
    assert trace.compute_w == [300.0] * 8 + [0.0] * 4
    assert trace.unfinished == 0


def test_a_paused_job_holds_its_gpu_and_draws_power():
    trace = run(Scripted({0, 1, 2, 3, 8, 9, 10, 11}), job(work_h=2), steps=13)
    assert trace.compute_w == [300.0] * 4 + [80.0] * 4 + [300.0] * 4 + [0.0]
    assert trace.held_kwh == pytest.approx(0.08)
    assert trace.switches == {("a", 0): 2}


def test_no_fifth_job_starts_beside_four_that_are_paused():
    jobs = [job(str(number), arrival=number // 4) for number in range(5)]
    with pytest.raises(OverbookedError):
        run(Scripted({0, 1}), *jobs)


def test_late_jobs_and_those_never_done_miss_their_deadlines():
    jobs = [job("late", work_h=2, due_h=1.5), job("never", work_h=40)]
    conduct = conduct_of(run(AlwaysOn(), *jobs, steps=96), len(jobs))
    assert (conduct.jobs, conduct.misses, conduct.latest_h) == (2, 2, 0.5)


def test_always_on_takes_the_earliest_deadlines_first():
    jobs = [job(name, due_h=90 - number) for number, name in enumerate("abcde")]
    seen = Watching()
    simulate(still_course(0.0), jobs, seen, OIL, 2)
    assert [state.id for state in seen.views[1].jobs if state.running] == ["b", "c", "d", "e"]


def test_a_policy_sees_what_home_assistant_would():
    seen = Watching()
    simulate(still_course(0.0), [job(arrival=100, work_h=1)], seen, OIL, 101)
    [view] = seen.views
    assert view.now == MONDAY + timedelta(days=1, hours=1)
    assert (view.target_c, view.outdoor_c, view.heating, view.cooling) == (18.0, 0.0, True, False)
    assert list(view.forecast) == [0.0] * 72
    [day] = view.days
    assert (day.outdoor_c, day.compute_kwh) == (0.0, 0.0)
    # 140 * 21 - 300 W for 16 h, less at night
    assert 16 * 2.64 < day.heater_kwh < 24 * 2.64


def test_the_night_clock_waits_for_midnight():
    trace = run(NightClock(), job(arrival=48, work_h=2), steps=96 + 10)
    assert [step for step, power_w in enumerate(trace.compute_w) if power_w] == list(range(96, 104))


@pytest.mark.parametrize(("due_h", "must"), [(12.5, 1), (12.75, 0)])
def test_a_job_is_forced_when_its_work_and_a_margin_just_fit(due_h, must):
    # 1.15 * 10 + 1
    state = JobState(job(work_h=10, due_h=due_h), 40)
    assert forced([state], 0) == must


def test_a_job_is_forced_for_those_that_wait_behind_it():
    first = [
        JobState(job(str(number), work_h=8, due_h=80), 32, started=True) for number in range(4)
    ]
    # 1.15 * (4 * 8 / 4 + 2) + 1 = 12.5
    assert forced([*first, JobState(job("last", due_h=12.5), 8)], 0) == 5
    assert forced([*first, JobState(job("last", due_h=12.75), 8)], 0) == 0


def test_a_forced_job_runs_on_until_it_has_gained_an_hour():
    waiting, running = (
        JobState(job(work_h=10, due_h=13.5), 40, started=True, running=on) for on in (False, True)
    )
    assert (forced([waiting], 0), forced([running], 0)) == (0, 1)


def test_the_guard_starts_no_fifth_job():
    held = [JobState(job(str(number), work_h=8), 32, started=True) for number in range(4)]
    view = view_of(*held, JobState(job("urgent", due_h=2), 8))
    assert guarded(view, ()) == ["0", "1", "2", "3"]


def test_what_is_wished_runs_beside_what_is_forced():
    view = view_of(
        JobState(job("urgent", due_h=3), 8),
        JobState(job("wished"), 8),
        JobState(job("idle"), 8),
    )
    assert guarded(view, {"wished"}) == ["urgent", "wished"]


@pytest.mark.parametrize("policy", [BestHours(), PauseAndResume()], ids=type)
def test_policies_that_mind_money_wait_for_the_cheap_night(policy):
    # 17 °C is neither heated nor cooled; from 17 to 19 h it is dear, then cheap.
    trace = run(policy, job(arrival=17 * 4, work_h=2, due_h=17 + 48), outdoor_c=17.0)
    assert trace.compute_w.index(300.0) == 19 * 4


def test_the_first_of_one_hour_is_paid_the_root_of_the_range():
    # (1 - 1 / 4) / (1 - 1 / alpha) = 1 + 1 / alpha: alpha = 2
    assert k_search(4.0, 1, 0) == pytest.approx(1 / 2)


def test_thresholds_fall_to_the_lowest_price_while_hours_are_had():
    thresholds = [k_search(5.0, 6, done) for done in range(7)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[-1] == pytest.approx(1 / 5)


def test_compute_costs_its_electricity_less_the_heat_that_it_spares():
    course = still_course(0.0, days=30)
    prices = prices_of(OIL, course.times, course.outdoor_c)
    work = [job(work_h=24)]
    trace = simulate(course, work, AlwaysOn(), OIL, len(course.times))
    nothing = simulate(course, [], AlwaysOn(), OIL, len(course.times))
    net = cost_of(prices, trace.compute_w, trace.response) - cost_of(
        prices, nothing.compute_w, nothing.response
    )
    assert electricity_of(prices, trace.compute_w) == pytest.approx(7.2 * 0.12)
    # All but what is lost at night, when the room is warmer than it would have been.
    assert 7.2 * (0.12 - 1.30 / 10.6 / 0.85) <= net < 0


def test_a_room_that_is_still_warm_in_the_evening_is_not_too_warm():
    course = still_course(0.0, days=1)
    response = simulate(course, [], AlwaysOn(), OIL, 96).response
    comfort = comfort_of(course, response)
    assert comfort.hours_above == 0
    assert comfort.heated_h == 24
    assert comfort_of(course, replace(response, room_c=[22.5] * 96)).hours_above == 24
    assert comfort_of(course, replace(response, room_c=[23.0] * 96)).square_k == 24 * 4


def test_a_policy_has_a_part_of_what_the_limit_saves():
    cell = Cell(city="chicago", load=0.5, slack="days", seed=0)
    costs = {"always on": 10.0, "clock": 12.0, "ours": 7.0, "limit": 6.0}
    rows = rows_of(
        Score(cell=cell, fuel="oil", policy=policy, net_cost=cost, scale=20.0)
        for policy, cost in costs.items()
    )
    assert [row["of the limit's saving %"] for row in rows] == [0, -50, 75, 100]
    assert [row["of electricity %"] for row in rows] == [50, 60, 35, 30]


@pytest.mark.parametrize(
    ("city", "seed", "part"),
    [
        ("chicago", 0, "development"),
        ("helsinki", 3, "other seeds"),
        ("stockholm", 0, "Stockholm"),
        ("illinois", 1, "Illinois"),
    ],
)
def test_what_a_policy_is_tuned_on_is_told_apart(city, seed, part):
    cell = Cell(city=city, load=0.5, slack="days", seed=seed)
    [row] = rows_of([Score(cell=cell, fuel="gas", policy="ours", net_cost=1.0, scale=1.0)])
    assert (row["part"], row["fuel"]) == (part, "gas")
