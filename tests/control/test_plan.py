"""Jobs are planned into the best hours before their deadlines, if that pays."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.gpu_heat.control.building import Building, Climate
from custom_components.gpu_heat.control.outlook import Outlook
from custom_components.gpu_heat.control.plan import make_plan
from custom_components.gpu_heat.control.runs import Habits
from custom_components.gpu_heat.control.task import Task

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
QUARTERS = 72 * 4


def outlook(price, *, outdoor_c=-5.0, heat_price=0.0, slots=QUARTERS):
    """72 h from noon on; a cold house whose heat is worth `heat_price` per kWh all the time."""
    return Outlook(
        start=NOON,
        price=price,
        building=Building(loss_w_k=200),
        climate=Climate(
            hours=[0.25] * slots,
            free_c=[outdoor_c + 4] * slots,
            target_c=[20.0] * slots,
            ceiling_c=[21.0] * slots,
            cool_c=[None] * slots,
            heat_price=[heat_price] * slots,
            cool_price=[0.0] * slots,
            room_c=20.0,
        ),
    )


def cheap_at_night(dear=0.30, cheap=0.10):
    """Cheap from 22 to 6 h, that is from 10 to 18 h after noon."""
    return [cheap if 10 <= quarter / 4 % 24 < 18 else dear for quarter in range(QUARTERS)]


def task(**more):
    return Task(**({"id": "train", "work_h": 6.0, "due_h": 48.0, "power_w": 1000.0} | more))


def planned(view, *tasks, places=None, habits=None):
    return make_plan(view, tasks, places or {}, habits or Habits())


def test_work_waits_for_the_cheap_night():
    plan = planned(outlook(cheap_at_night()), task())
    assert plan.runs["train"] == [(10.0, 16.0)]
    # 6 kWh at 0.10 instead of 0.30.
    assert (plan.cost, plan.cost_at_once) == (pytest.approx(0.60), pytest.approx(1.80))
    assert plan.pays
    assert plan.saving == pytest.approx(1.20)


def test_work_with_no_time_for_it_runs_at_once():
    plan = planned(outlook(cheap_at_night()), task(due_h=9.0))
    assert plan.runs["train"] == [(0.0, 6.0)]
    assert (plan.pays, plan.saving) == (False, 0)


def test_work_is_done_in_pieces_if_one_night_is_too_short():
    plan = planned(outlook(cheap_at_night()), task(work_h=12.0, due_h=72.0))
    assert plan.runs["train"] == [(10.0, 18.0), (34.0, 38.0)]


def test_a_pause_that_costs_more_than_it_saves_is_not_made():
    # Waiting for the night saves 6 x 0.02 = 0.12; 10 h of 300 W at 0.30 cost 0.90.
    dear = cheap_at_night(dear=0.30, cheap=0.28)
    plan = planned(outlook(dear), task(started=True, running=True, held_w=300.0))
    assert plan.runs["train"] == [(0.0, 6.0)]
    assert not plan.pays
    assert planned(outlook(dear), task(held_w=300.0)).pays  # it has not begun, and holds nothing


@pytest.mark.parametrize(("heat_price", "held_cost"), [(0.0, 0.90), (0.20, 0.30), (0.40, 0.0)])
def test_a_gpu_that_is_held_costs_what_its_heat_is_not_worth_and_never_gains(heat_price, held_cost):
    view = outlook(cheap_at_night(), heat_price=heat_price)
    free = planned(view, task(started=True))
    held = planned(view, task(started=True, held_w=300.0))
    assert free.runs == held.runs == {"train": [(10.0, 16.0)]}
    # 10 h of 0.3 kW are 3 kWh, at 0.30 less the worth of the heat.
    assert held.cost - free.cost == pytest.approx(held_cost, abs=0.005)
    assert held.cost_at_once == pytest.approx(free.cost_at_once)


def test_with_the_same_price_all_day_there_is_nothing_to_wait_for():
    plan = planned(outlook([0.2] * QUARTERS, heat_price=0.15), task())
    assert plan.runs["train"] == [(0.0, 6.0)]
    # 6 kWh at 0.20, which spare 6 kWh of heat at 0.15.
    assert plan.cost == pytest.approx(0.30, abs=0.005)


def test_jobs_of_a_queue_follow_one_another():
    tasks = [task(id=name, work_h=4.0, queue="slurm", due_h=24.0) for name in "abc"]
    plan = planned(outlook(cheap_at_night()), *tasks, places={"slurm": 1})
    runs = sorted(run for runs in plan.runs.values() for run in runs)
    assert runs == [(0.0, 4.0), (10.0, 14.0), (14.0, 18.0)]  # the night has room for two


def test_what_runs_goes_on_where_its_place_is():
    started = task(id="a", started=True, running=True, queue="slurm", due_h=70.0)
    urgent = task(id="b", queue="slurm", due_h=14.0)
    plan = planned(outlook([0.2] * QUARTERS), started, urgent, places={"slurm": 1})
    assert plan.runs == {"a": [(0.0, 6.0)], "b": [(6.0, 12.0)]}


def test_a_short_gap_is_run_through():
    price = cheap_at_night()
    price[50] = 0.30  # a quarter of an hour within the night
    plan = planned(outlook(price), task(work_h=7.75, due_h=24.0))
    assert plan.runs["train"] == [(10.0, 17.75)]


def test_a_cheap_quarter_alone_is_too_short_to_run_in():
    price = [0.30] * QUARTERS
    price[80] = 0.01
    price[100:140] = [0.10] * 40
    plan = planned(outlook(price), task(work_h=6.0))
    assert plan.runs["train"] == [(25.0, 31.0)]


def test_no_job_is_an_empty_plan():
    plan = planned(outlook([0.2] * QUARTERS))
    assert (plan.runs, plan.cost, plan.saving) == ({}, 0, 0)


_tasks = st.lists(
    st.builds(
        Task,
        id=st.uuids().map(str),
        work_h=st.floats(0.1, 30),
        due_h=st.floats(-5, 100),
        power_w=st.floats(0, 2000),
        held_w=st.floats(0, 200),
        started=st.booleans(),
        queue=st.sampled_from([None, "a", "b"]),
    ),
    max_size=8,
)
_prices = st.lists(st.floats(-0.1, 1), min_size=QUARTERS // 3, max_size=QUARTERS // 3).map(
    lambda prices: [price for price in prices for _ in range(3)]
)
_places = st.fixed_dictionaries({"a": st.integers(1, 3), "b": st.integers(1, 3)})


@settings(max_examples=150, deadline=None)
@given(tasks=_tasks, price=_prices, places=_places, outdoor_c=st.floats(-20, 35))
def test_laws_of_a_plan(tasks, price, places, outdoor_c):
    view = outlook(price, outdoor_c=outdoor_c, heat_price=0.1)
    habits = Habits(on_h=0.5, off_h=0.5)
    placed = {"a": 0, "b": 0}
    for index, item in enumerate(tasks):  # no more have begun than there are places
        if item.queue and item.started:
            placed[item.queue] += 1
            if placed[item.queue] > places[item.queue]:
                tasks[index] = replace(item, started=False)
    plan = make_plan(view, tasks, places, habits)
    assert plan == make_plan(view, list(reversed(tasks)), places, habits)  # deterministic
    assert plan.cost <= plan.cost_at_once + 1e-9
    for item in tasks:
        runs = plan.runs[item.id]
        lengths = [end - start for start, end in runs]
        gaps = [later[0] - run[1] for run, later in pairwise(runs)]
        assert sum(lengths) == pytest.approx(item.work_h)  # no work is lost
        assert all(gap >= habits.off_h - 1e-6 for gap in gaps)
        assert all(length >= habits.on_h - 1e-6 for length in lengths[:-1])
    for queue, most in places.items():
        of_queue = [plan.runs[item.id] for item in tasks if item.queue == queue]
        for quarter in range(QUARTERS):
            middle = quarter / 4 + 0.125
            running = sum(any(start <= middle < end for start, end in runs) for runs in of_queue)
            assert running <= most
