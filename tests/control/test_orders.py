"""What a job's owner has ordered: it counts down, it ends, it begins anew."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.control.orders import (
    Order,
    Policy,
    advance,
    begin_anew,
    deadline,
    end,
    remaining_s,
)

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=8)
SEEN = Order(first_seen=NOON)

SECONDS = st.floats(min_value=0, max_value=3.2e8)
MOMENTS = st.datetimes(timezones=st.just(UTC))
ORDERS = st.builds(
    Order,
    policy=st.sampled_from(Policy),
    deadline=st.none() | MOMENTS,
    work_s=st.none() | SECONDS.filter(bool),
    first_seen=MOMENTS,
    ran_s=SECONDS,
    waited_s=SECONDS,
    ended=st.booleans(),
    gone_since=st.none() | MOMENTS,
)


def work(seconds):
    return Order(first_seen=NOON, work_s=seconds)


def test_the_work_that_a_person_named_counts_down_while_the_job_runs():
    """An hour less 10 s of running, less none while it waits for 60 s."""
    order = advance(work(3600.0), step_s=10.0, running=True, waiting=False)
    order = advance(order, step_s=60.0, running=False, waiting=True)
    assert (order.work_s, order.ran_s, order.waited_s) == (3590.0, 10.0, 60.0)


@pytest.mark.parametrize("step_s", [10.0, 60.0])
def test_what_the_job_tells_counts_once_the_person_s_figure_is_used_up(step_s):
    order = advance(work(10.0), step_s=step_s, running=True, waiting=False)
    assert (remaining_s(work(10.0), 900.0), remaining_s(order, 900.0)) == (10.0, 900.0)
    assert remaining_s(order, None) is None


def test_a_job_that_neither_runs_nor_waits_for_us_is_as_it_was():
    assert advance(work(10.0), step_s=60.0, running=False, waiting=False) == work(10.0)


def test_a_job_of_unknown_work_stays_one_while_it_runs():
    order = advance(SEEN, step_s=10.0, running=True, waiting=False)
    assert (order.work_s, order.ran_s) == (None, 10.0)


def test_a_person_s_deadline_stands_before_the_job_s_own_also_when_it_has_passed():
    order = Order(first_seen=NOON, deadline=NOON - timedelta(hours=1))
    assert deadline(order, LATER) == NOON - timedelta(hours=1)
    assert (deadline(SEEN, LATER), deadline(SEEN, None)) == (LATER, None)


def test_of_a_job_that_nobody_has_seen_yet_only_the_job_s_own_word_is_known():
    assert (remaining_s(None, 900.0), deadline(None, LATER)) == (900.0, LATER)


def test_a_job_that_ends_has_no_work_left_and_keeps_its_policy():
    order = end(Order(first_seen=NOON, policy=Policy.HOLD, work_s=60.0))
    assert (order.ended, order.work_s, order.policy) == (True, None, Policy.HOLD)


def test_a_job_that_begins_anew_is_seen_for_the_first_time_and_keeps_what_was_ordered():
    before = Order(
        first_seen=NOON, policy=Policy.ALWAYS_RUN, ran_s=50.0, waited_s=20.0, deadline=LATER
    )
    ordered = Order(
        first_seen=NOON + timedelta(hours=1),
        policy=Policy.ALWAYS_RUN,
        deadline=LATER,
    )
    assert begin_anew(end(before), NOON + timedelta(hours=1)) == ordered


def test_work_that_was_named_for_the_next_run_stands_when_that_begins():
    order = Order(first_seen=NOON, ended=True, work_s=7200.0)
    assert begin_anew(order, LATER).work_s == 7200.0


@pytest.mark.parametrize("passed_s", [0, 1])
def test_a_deadline_that_has_passed_was_that_of_an_earlier_run(passed_s):
    order = Order(first_seen=NOON, ended=True, deadline=LATER)
    assert begin_anew(order, LATER + timedelta(seconds=passed_s)).deadline is None


@pytest.mark.parametrize(
    ("order", "ordered"),
    [
        (SEEN, False),
        (Order(first_seen=NOON, policy=Policy.HOLD), True),
        (Order(first_seen=NOON, deadline=LATER), True),
        (work(1.0), True),
    ],
)
def test_what_a_person_has_ordered_is_told_from_what_was_only_seen(order, ordered):
    assert order.by_person is ordered


@given(ORDERS)
def test_an_order_is_read_as_it_was_written(order):
    assert Order.from_json(order.to_json()) == order


@given(ORDERS, st.lists(st.tuples(st.floats(0, 60), st.booleans(), st.booleans())))
def test_work_never_grows_by_itself_and_times_never_shrink(order, steps):
    for step_s, running, waiting in steps:
        after = advance(order, step_s=step_s, running=running, waiting=waiting)
        assert (after.work_s or 0) <= (order.work_s or 0)
        assert after.work_s is None or after.work_s > 0
        assert after.ran_s + after.waited_s >= order.ran_s + order.waited_s
        order = after
