"""The guard counts the whole queue, and has jobs run when slack runs out."""

from itertools import accumulate

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.gpu_heat.control.guard import MARGIN_H, Watch, watch, yielding
from custom_components.gpu_heat.control.task import Task


def task(name, work_h, due_h, **more):
    return Task(id=name, work_h=work_h, due_h=due_h, power_w=300.0, **more)


def test_slack_is_the_time_to_the_deadline_less_the_work_and_a_margin():
    assert watch([task("a", 10, 20)], {}) == {
        "a": Watch(slack_h=pytest.approx(8.5), forced=False, at_risk=False)  # 20 - 1.15 x 10
    }


@pytest.mark.parametrize(
    ("due_h", "forced", "at_risk"),
    [(12.51, False, False), (12.5, True, False), (10, True, False), (9.9, True, True)],
)
def test_a_job_is_forced_with_an_hour_of_slack_left(due_h, forced, at_risk):
    said = watch([task("a", 10, due_h)], {})["a"]
    assert (said.forced, said.at_risk) == (forced, at_risk)


def test_a_deadline_in_the_past_runs_at_once_and_is_at_risk():
    said = watch([task("late", 1, -3)], {})["late"]
    assert (said.forced, said.at_risk) == (True, True)


def test_the_queue_before_a_job_counts():
    queue = [task(name, 10, 40, queue="q") for name in "abcd"]
    slack = {name: said.slack_h for name, said in watch(queue, {"q": 2}).items()}
    # c and d begin when a and b are done: 40 - 1.15 x (10 + 10).
    assert slack == {
        "a": pytest.approx(28.5),
        "b": pytest.approx(28.5),
        "c": pytest.approx(17),
        "d": pytest.approx(17),
    }


def test_all_before_a_job_that_can_wait_no_longer_run_too():
    queue = [
        task("long", 30, 200, queue="q", started=True),  # it keeps its place
        task("tight", 5, 38, queue="q"),
        task("late", 5, 300, queue="q"),
    ]
    said = watch(queue, {"q": 1})
    assert [name for name, each in said.items() if each.forced] == ["tight", "long"]


def test_one_that_finds_a_place_does_not_need_others_to_run():
    queue = [task("calm", 6, 30, queue="q"), task("tight", 10, 12, queue="q")]
    said = watch([*queue, task("late", 3, 90, queue="q")], {"q": 3})
    assert [name for name, each in said.items() if each.forced] == ["tight"]


@pytest.mark.parametrize(
    ("slack_h", "waiting", "running"),
    [(13, False, False), (11.9, False, True), (6.1, False, True), (5.9, True, True)],
)
def test_a_tight_queue_makes_nobody_wait(slack_h, waiting, running):
    """The longest takes 6 h; a job that comes and has less slack could not wait for it."""
    queue = [
        task("waits", 6, 6 + slack_h, queue="q"),
        task("runs", 6, 6 + slack_h, queue="q", started=True, running=True),
    ]
    said = watch(queue, {"q": 4})
    assert (said["waits"].forced, said["runs"].forced) == (waiting, running)


def test_long_jobs_without_a_deadline_make_no_queue_tight():
    queue = [task(name, 48, 80, queue="q", firm=False) for name in "ab"]
    assert not any(each.forced for each in watch(queue, {"q": 2}).values())


def test_one_that_gives_its_place_away_does_not_stand_before_others():
    queue = [
        task("long", 30, 200, queue="q", started=True, keeps_place=False),
        task("tight", 5, 38, queue="q"),
    ]
    assert not any(each.forced for each in watch(queue, {"q": 1}).values())


@settings(deadline=None)
@given(
    work_h=st.floats(0.25, 48),
    slack_h=st.floats(0, 100),
    wishes=st.lists(st.booleans(), min_size=1, max_size=50),
)
def test_a_feasible_job_is_done_in_time_whatever_is_wished(work_h, slack_h, wishes):
    step_h, now_h, left_h = 0.25, 0.0, work_h
    due_h = work_h + slack_h
    while left_h > 0:
        said = watch([task("a", left_h, due_h - now_h)], {})["a"]
        if said.forced or wishes[round(now_h / step_h) % len(wishes)]:
            left_h -= step_h
        now_h += step_h
    assert now_h <= due_h + step_h  # within the step in which it ends


def feasible(works, places, slack_h):
    """Return deadlines that each can meet with all work before it in all places."""
    needs = (
        1.15 * (sum(works[:i]) / places + work) + MARGIN_H + slack_h for i, work in enumerate(works)
    )
    return {str(i): due_h for i, due_h in enumerate(accumulate(needs, max))}


def queue_at(now_h, left, due, started):
    return [
        task(name, hours, due[name] - now_h, queue="q", started=name in started)
        for name, hours in left.items()
    ]


@settings(deadline=None)
@given(
    works=st.lists(st.floats(0.25, 12), min_size=1, max_size=8),
    slack_h=st.floats(0, 30),
    places=st.integers(1, 3),
    wishes=st.lists(st.booleans(), min_size=1, max_size=50),
)
def test_a_feasible_queue_is_done_in_time_whatever_is_wished(works, slack_h, places, wishes):
    step_h, now_h = 0.25, 0.0
    due = feasible(works, places, slack_h)
    left = {str(i): work for i, work in enumerate(works)}
    started = set()
    while left:
        queue = queue_at(now_h, left, due, started)
        said = watch(queue, {"q": places})
        forced = any(each.forced for each in said.values())
        if forced or wishes[round(now_h / step_h) % len(wishes)]:
            order = sorted(left, key=lambda name: (name not in started, due[name], name))
            for name in order[:places]:
                started.add(name)
                left[name] -= step_h
                if left[name] <= 0:
                    assert now_h + step_h <= due[name] + step_h
                    del left[name]
        now_h += step_h


def yields(queue, places, *going):
    return yielding(queue, {"q": places}, going, watch(queue, {"q": places}))


def test_none_takes_a_place_that_another_will_need_before():
    """30 h of the one leave the other 52 - 1.15 x (30 + 15) h of slack: less than an hour."""
    queue = [task("long", 30, 200, queue="q"), task("due", 15, 52, queue="q")]
    assert yields(queue, 1, "long") == {"long"}
    assert yields(queue, 2, "long") == set()
    later = [queue[0], task("due", 15, 53, queue="q")]
    assert yields(later, 1, "long") == set()


def test_an_engine_may_begin_with_any_that_nobody_makes_wait():
    """Both would begin at once, and the place may go to the one that has time."""
    queue = [task("long", 30, 200, queue="q"), task("due", 15, 52, queue="q")]
    assert yields(queue, 1, "long", "due") == {"long"}
    assert yields(queue, 2, "long", "due") == set()


def test_one_that_can_wait_no_longer_is_not_made_later_still():
    """12 h due in 14.7 leave 0.9 h of slack."""
    queue = [task("long", 30, 200, queue="q"), task("due", 12, 14.7, queue="q")]
    assert yields(queue, 1, "long", "due") == {"long"}
    assert yields(queue, 1, "due") == set()


def test_what_has_a_place_or_is_in_no_queue_yields_to_none():
    queue = [
        task("long", 30, 200, queue="q", started=True),
        task("due", 15, 40, queue="q"),
        task("alone", 30, 40),
    ]
    assert yields(queue, 1, "long", "due", "alone") == set()


@settings(deadline=None)
@given(
    works=st.lists(st.floats(0.25, 12), min_size=1, max_size=8),
    slack_h=st.floats(0, 60),
    places=st.integers(1, 3),
    wishes=st.lists(st.booleans(), min_size=1, max_size=50),
    likes=st.permutations(range(8)),
)
def test_a_feasible_queue_is_done_in_time_whoever_the_engine_likes(
    works, slack_h, places, wishes, likes
):
    """Each is let go when that is wished; places go by liking, of those that have to by turn."""
    step_h, now_h, rank = 0.25, 0.0, dict(zip(map(str, range(8)), likes, strict=True))
    due = feasible(works, places, slack_h)
    left = {str(i): work for i, work in enumerate(works)}
    started = set()
    while left:
        queue = queue_at(now_h, left, due, started)
        said = watch(queue, {"q": places})
        wished = {
            name
            for index, name in enumerate(left)
            if said[name].forced or wishes[(round(now_h / step_h) + index) % len(wishes)]
        }
        going = wished - yielding(queue, {"q": places}, wished, said)
        liked = [name for name in going - started if not said[name].forced]
        liking = sorted(liked, key=rank.get)
        liking += sorted(going - started - set(liked), key=lambda name: (due[name], name))
        for name in liking[: places - len(started & left.keys())]:
            started.add(name)
        for name in going & started:
            left[name] -= step_h
            if left[name] <= 0:
                assert now_h + step_h <= due[name] + step_h
                del left[name]
        now_h += step_h
