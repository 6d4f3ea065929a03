"""All jobs of a zone are decided on at once, and the guard, the plan and people are heeded."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from custom_components.gpu_heat.control.building import Building
from custom_components.gpu_heat.control.decide import FlexibleJob, MinimumTimes, Situation
from custom_components.gpu_heat.control.demand import Demand
from custom_components.gpu_heat.control.orders import Policy
from custom_components.gpu_heat.control.outlook import Expectation
from custom_components.gpu_heat.control.reasons import Action, Reason
from custom_components.gpu_heat.control.task import Task
from custom_components.gpu_heat.control.verdict import Ahead, Question, judge
from custom_components.gpu_heat.heat.seasons import Season

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
WARM = Demand(level=0.0, reason=Reason.ROOM_WARM)


def price(moment):
    return 0.05 if moment.hour < 6 or moment.hour >= 22 else 0.30


def ahead(price_of=price):
    return Ahead(
        expected=Expectation(
            room_c=21.0,
            outdoor_c=lambda moment: 5.0,
            usual_c=lambda moment: 5.0,
            price=price_of,
            price_now=0.30,
            target_c=lambda moment: 21.0,
            comfort_c=21.0,
            cool_c=None,
            heat_price=lambda cost, outdoor_c: 0.14,
            cool_price=lambda cost, outdoor_c: 0.0,
        ),
        building=Building(),
        zone=UTC,
    )


def job(key, **more):
    return FlexibleJob(**({"id": key, "running": True} | more))


def task(key, work_h=4.0, due_h=24.0, **more):
    return Task(**({"id": key, "work_h": work_h, "due_h": due_h, "power_w": 450.0} | more))


def verdict(jobs, tasks=(), *, places=None, due_h=None, of=None, demand=WARM):
    return judge(
        Question(
            situation=Situation(
                now=NOW, season=Season.HEATING, demand=demand, minimum=MinimumTimes()
            ),
            jobs=jobs,
            tasks={each.id: each for each in tasks},
            due_h=due_h or {},
            places=places or {},
            ahead=of,
        )
    )


def decided(judged):
    return {key: (decision.action, decision.reason) for key, decision in judged.decisions.items()}


def test_what_has_work_is_planned_and_the_rest_follows():
    judged = verdict([job("train"), job("serve")], [task("train")], of=ahead())
    assert judged.plan.runs["train"] == [(10.0, 14.0)]
    assert decided(judged) == {
        "train": (Action.PAUSE, Reason.ROOM_WARM),
        "serve": (Action.PAUSE, Reason.ROOM_WARM),
    }
    assert judged.decisions["train"].figures == (("starts_in_h", 10.0),)


def test_without_an_outlook_all_follow_and_the_guard_watches():
    judged = verdict([job("train"), job("late")], [task("train"), task("late", due_h=5.0)])
    assert judged.plan is None
    assert decided(judged) == {
        "train": (Action.PAUSE, Reason.ROOM_WARM),
        "late": (Action.KEEP, Reason.DEADLINE_GUARD),
    }


@pytest.mark.parametrize(
    ("due_h", "reason", "at_risk"),
    [
        (-1.0, Reason.DEADLINE_GUARD, True),
        (0.5, Reason.DEADLINE_GUARD, False),
        (9.0, Reason.ROOM_WARM, False),
    ],
)
def test_a_deadline_counts_also_where_nobody_knows_the_work(due_h, reason, at_risk):
    judged = verdict([job("train")], due_h={"train": due_h})
    assert judged.decisions["train"].reason is reason
    assert judged.watches["train"].at_risk is at_risk


def test_a_plan_that_does_not_pay_makes_nobody_wait():
    jobs = [job(key, running=key == "a") for key in "abc"]
    tasks = [task(key, queue="farm", running=key == "a") for key in "abc"]
    judged = verdict(jobs, tasks, places={"farm": 1}, of=ahead(lambda moment: 0.10))
    assert not judged.plan.pays
    assert {action for action, _ in decided(judged).values()} == {Action.KEEP, Action.RUN}


def three_for_two_places(cheap_hours):
    jobs = [job(key, running=key in "ab") for key in "abc"]
    tasks = [task(key, queue="farm", running=key in "ab") for key in "abc"]
    of = ahead(lambda moment: 0.05 if moment.hour in cheap_hours else 0.30)
    judged = verdict(jobs, tasks, places={"farm": 2}, of=of)
    assert judged.plan.pays
    return judged.plan.runs["c"], [action for action, _ in decided(judged).values()]


def test_what_comes_as_soon_as_a_place_is_free_waits_for_it_with_its_engine():
    runs, actions = three_for_two_places({12, 13, 14, 15, 16, 17, 18, 2, 3, 4})
    assert runs[0][0] == 4
    assert actions == [Action.KEEP, Action.KEEP, Action.RUN]


def test_what_comes_in_a_better_hour_waits_with_us():
    runs, actions = three_for_two_places({12, 13, 14, 15, 0, 1, 2, 3})
    assert runs == [(12.0, 16.0)]
    assert actions == [Action.KEEP, Action.KEEP, Action.KEEP]


def test_while_none_of_a_queue_runs_all_wait_for_their_hour():
    jobs, tasks = [job("a", running=False)], [task("a", queue="farm")]
    judged = verdict(jobs, tasks, places={"farm": 1}, of=ahead())
    assert decided(judged) == {"a": (Action.KEEP, Reason.ROOM_WARM)}


@pytest.mark.parametrize(
    "held",
    [{"held": Reason.MANUAL_RUN}, {"policy": Policy.ALWAYS_RUN}, {"controllable": False}],
)
def test_what_is_not_for_the_schedule_to_say_is_not_planned(held):
    judged = verdict([job("train", **held)], [task("train", queue="farm")], of=ahead())
    assert judged.plan is None


@pytest.mark.parametrize(("due_h", "at_risk"), [(3.9, True), (4.1, False)])
def test_it_is_told_all_the_same_whether_it_may_be_late(due_h, at_risk):
    held, late = job("train", policy=Policy.ALWAYS_RUN), task("train", due_h=due_h, queue="farm")
    assert verdict([held], [late], places={"farm": 1}).watches["train"].at_risk is at_risk


def test_what_runs_anyway_takes_a_place():
    jobs = [job("mine", held=Reason.MANUAL_RUN), job("a"), job("b")]
    tasks = [
        task("mine", queue="farm", running=True),
        task("a", queue="farm", due_h=40.0),
        task("b", queue="farm", due_h=40.0),
    ]
    judged = verdict(jobs, tasks, places={"farm": 2}, of=ahead())
    (first,), (second,) = judged.plan.runs["a"], judged.plan.runs["b"]
    assert first[1] <= second[0]  # one place is left for two


def test_the_same_question_has_the_same_answer():
    jobs, tasks = [job("a"), job("b")], [task("a"), task("b", due_h=30.0)]
    assert verdict(jobs, tasks, of=ahead()) == verdict(jobs, tasks, of=ahead())


@pytest.mark.parametrize("above_k", [0.8, 1.5])
def test_what_runs_for_its_deadline_in_a_warm_room_is_not_switched_to_and_fro(above_k):
    """Eight hours of work, due in 14, without a plan: it waits for 3.8 h, then runs through."""
    left_h, running, switches = 8.0, False, 0
    for minute in range(14 * 60):
        question = Question(
            situation=Situation(
                now=NOW + timedelta(minutes=minute),
                season=Season.HEATING,
                demand=WARM,
                minimum=MinimumTimes(),
                above_comfort_k=above_k,
            ),
            jobs=[job("train", running=running)],
            tasks={"train": task("train", left_h, 14 - minute / 60, running=running)},
            due_h={},
            places={},
        )
        action = judge(question).decisions["train"].action
        switches += action is not Action.KEEP
        running = action is Action.RUN or (running and action is Action.KEEP)
        left_h -= running / 60
        if left_h <= 0:
            break
    assert switches == 1
    assert minute < 12 * 60


def test_none_begins_before_one_that_is_kept_a_moment_longer():
    """One place, 12 h of A due in 21: paused ten minutes ago, it begins in twenty.

    If B took the place for 30 h meanwhile, A would be late.
    """
    jobs = [job("a", running=False, switched_at=NOW - timedelta(minutes=10)), job("b")]
    tasks = [task("a", 12.0, 21.0, queue="farm"), task("b", 30.0, 200.0, queue="farm")]
    judged = verdict(jobs, tasks, places={"farm": 1}, of=ahead(lambda moment: 0.10))
    assert not judged.plan.pays
    assert decided(judged) == {
        "a": (Action.KEEP, Reason.MINIMUM_TIME),
        "b": (Action.PAUSE, Reason.PLACE_NEEDED),
    }


def test_what_is_stopped_with_its_place_takes_it_all_the_same():
    """5 h in the one place that is left, after another 5 h: 12 - 1.15 x 10 h of slack."""
    jobs = [job("a", running=False, policy=Policy.HOLD), job("b"), job("c")]
    tasks = [
        task("a", queue="farm", started=True),
        task("b", 5.0, 12.0, queue="farm"),
        task("c", 5.0, 12.0, queue="farm"),
    ]
    judged = verdict(jobs, tasks, places={"farm": 2}, of=ahead())
    assert judged.watches["c"].slack_h == pytest.approx(0.5)
    assert decided(judged)["c"] == (Action.KEEP, Reason.DEADLINE_GUARD)


@pytest.mark.parametrize("work_h", [1e-16, 1e-9, 1e-6])
def test_a_job_with_almost_no_work_left_does_not_keep_others_from_their_plan(work_h):
    judged = verdict([job("a"), job("b")], [task("a", work_h), task("b")], of=ahead())
    assert judged.plan.runs["b"] == [(10.0, 14.0)]
    assert judged.plan.runs["a"][0][1] - judged.plan.runs["a"][0][0] == pytest.approx(work_h)


def test_a_queue_is_planned_until_its_last_job_is_done():
    """Twelve of 10 h, one after another: 120 h, of which none can be in time after the second."""
    keys = [f"{number:02}" for number in range(12)]
    tasks = [task(key, 10.0, 24.0, queue="farm") for key in keys]
    judged = verdict(
        [job(key) for key in keys], tasks, places={"farm": 1}, of=ahead(lambda moment: 0.30)
    )
    runs = sorted(run for of_job in judged.plan.runs.values() for run in of_job)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(runs))
    assert runs[-1][1] <= judged.plan.edges[-1]
    at_work_kwh = 12 * 10 * 0.45
    assert judged.plan.cost == pytest.approx(at_work_kwh * (0.30 - 0.14), rel=0.05)


def test_what_runs_on_is_planned_so():
    """Its plan, and what that saves, is of what is done: not of the cheap night."""
    often = job("train", switches=7)
    judged = verdict([often], [task("train", started=True, running=True, runs_on=True)], of=ahead())
    assert judged.plan.runs["train"] == [(0.0, 4.0)]
    assert judged.plan.saving == 0
    assert decided(judged) == {"train": (Action.KEEP, Reason.SWITCHED_OFTEN)}
