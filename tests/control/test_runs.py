"""When one job runs: what a switch costs counts also where heat pays for all electricity."""

import pytest

from custom_components.gpu_heat.control.runs import Chooser, Habits, Worth, gain_of
from custom_components.gpu_heat.control.task import Task

HABITS = Habits(on_h=0.5, off_h=0.5, switch_h=0.5)


def task(**more):
    return Task(**({"id": "a", "work_h": 2.0, "due_h": 8.0, "power_w": 1000.0} | more))


def worth(*gains, price=0.12):
    return Worth(range(len(gains) + 1), gains, price)


def test_a_pause_costs_two_switches_of_half_an_hours_electricity():
    at_once, later = [(0.0, 2.0)], [(1.0, 3.0)]
    running = task(started=True, running=True)
    gains = worth(0.02, 0.02, 0.02, 0.02)
    assert gain_of(running, at_once, gains, HABITS) == pytest.approx(0.04)
    assert gain_of(running, later, gains, HABITS) == pytest.approx(0.04 - 2 * 0.5 * 0.12)
    assert gain_of(task(), later, gains, HABITS) == pytest.approx(0.04)  # it only begins


def test_what_runs_is_not_paused_for_a_little_more_of_a_gain():
    gains = worth(0.02, 0.02, 0.05, 0.05)  # each hour of oil heat gains more than it costs
    running = task(started=True, running=True)
    assert Chooser(gains, HABITS).best(running, 8.0) == [(0.0, 2.0)]
    assert Chooser(gains, HABITS).best(task(), 8.0) == [(2.0, 4.0)]


def test_waiting_with_a_gpu_held_never_gains():
    gains = worth(0.02, -0.10, 0.02, 0.02)
    held = task(started=True, held_w=100.0)
    # Two hours wait: nothing in the first, 0.1 kWh at -0.10 in the second.
    assert gain_of(held, [(2.0, 4.0)], gains, HABITS) == pytest.approx(0.04 - 0.01)


@pytest.mark.parametrize("rest_h", [0.05, 0.1, 0.14, 0.2])
def test_what_runs_is_not_paused_for_the_rest_of_a_slot(rest_h):
    """Ten hours of work: eight hours are cheap, and two of those before them have to do.

    Without minimum times it may wait as it likes; what is left of this quarter is as dear as they.
    """
    edges = [0.0, *(rest_h + slot / 4 for slot in range(80))]
    gain = [-0.05 if 4 <= edge < 8 or 14 <= edge < 18 else -0.30 for edge in edges[:-1]]
    running = task(work_h=10.0, started=True, running=True)
    runs = Chooser(Worth(edges, gain, 0.3), Habits(on_h=0.0, off_h=0.0)).best(running, 20.0)
    assert runs[0][0] == 0
    assert sum(end - begin for begin, end in runs) == pytest.approx(10)


def test_what_waits_begins_in_its_slot_whenever_that_is_asked():
    """The first of hours that are alike is its turn, also when a part of its quarter is over."""
    for rest in (0.25, 0.2, 0.1):
        edges = [0.0, *(rest + slot / 4 for slot in range(40))]
        gain = [-0.05 if edge < 6 else -0.30 for edge in edges[:-1]]
        waiting = task(work_h=2.1, started=True, held_w=20.0)
        assert Chooser(Worth(edges, gain, 0.3), HABITS).best(waiting, 8.0)[0][0] == 0
