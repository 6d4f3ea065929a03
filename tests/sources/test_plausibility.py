"""What a device says of itself against what can be."""

from itertools import pairwise
from random import Random

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.sources.plausibility import CounterCheck, LostPower, ZeroPower

KWH = 3_600_000.0
HOUR = 3600.0
watts = st.floats(50, 3000)


def compared(readings):
    """Return the comparisons that (time, power, counter) make, with the time of each."""
    check = CounterCheck()
    found = []
    for at_s, power_w, counter_j in readings:
        result = check.advance(at_s=at_s, power_w=power_w, counter_j=counter_j)
        if result:
            found.append((at_s, result))
    return found


def polls(power_w, *, hours, factor=1.0, start_s=0.0, step_s=10.0):
    """Yield readings of a steady power, and a counter that runs by a factor of it."""
    for number in range(round(hours * HOUR / step_s) + 1):
        at_s = number * step_s
        yield start_s + at_s, power_w, 1000.0 + factor * power_w * at_s


def test_a_counter_43_percent_short_is_off_after_three_hours():
    """450 W for 3 h are 1.35 kWh; 57 % of that are 0.7695 kWh."""
    ((at_s, found),) = compared(polls(450.0, hours=3, factor=0.57))
    assert at_s == 3 * HOUR
    assert found.off
    assert found.power_j == pytest.approx(1.35 * KWH)
    assert found.counter_j == pytest.approx(0.7695 * KWH)
    assert found.span_s == 3 * HOUR


def test_a_counter_one_percent_off_agrees():
    ((_, found),) = compared(polls(450.0, hours=3, factor=1.01))
    assert not found.off


def test_less_than_a_tenth_of_a_kwh_is_not_judged():
    """At 20 W 0.1 kWh takes 5 h."""
    ((at_s, _),) = compared(polls(20.0, hours=6))
    assert at_s == 5 * HOUR


def test_windows_follow_each_other():
    """Off by half for 3 h, then sound for 7 h: another two windows of 3 h."""
    off = list(polls(450.0, hours=3, factor=0.5))
    stood_j = off[-1][2]
    sound = [(3 * HOUR + at_s, w, stood_j + j - 1000) for at_s, w, j in polls(450.0, hours=7)]
    found = compared([*off, *sound])
    assert [(at_s / HOUR, item.off) for at_s, item in found] == [(3, True), (6, False), (9, False)]


@given(power_w=watts, factor=st.floats(0.92, 1.08))
def test_what_is_within_the_tolerance_is_never_off(power_w, factor):
    assert not any(found.off for _, found in compared(polls(power_w, hours=7, factor=factor)))


@given(power_w=watts, factor=st.one_of(st.floats(0.1, 0.87), st.floats(1.15, 10)))
def test_a_steady_load_that_is_beyond_it_is_off_at_the_first_comparison(power_w, factor):
    found = compared(polls(power_w, hours=3, factor=factor))
    assert [item.off for _, item in found] in ([True], [])
    longer = compared(polls(power_w, hours=12, factor=factor))
    assert longer
    assert all(item.off for _, item in longer)


@given(
    pattern=st.lists(st.floats(0, 3000), min_size=1, max_size=50),
    step_s=st.sampled_from([10.0, 11.0, 29.0]),
)
def test_a_counter_of_the_same_watts_is_never_off(pattern, step_s):
    """However the power goes: between readings it goes straight."""
    powers = [*pattern * (1100 // len(pattern) + 1)]
    readings, counter_j = [(0.0, powers[0], 0.0)], 0.0
    for number, (before_w, power_w) in enumerate(pairwise(powers), 1):
        counter_j += (before_w + power_w) / 2 * step_s
        readings.append((number * step_s, power_w, counter_j))
    assert not any(found.off for _, found in compared(readings))


@given(cut=st.integers(1, 1000), gap_s=st.floats(30.1, 1e6), power_w=watts)
def test_a_gap_starts_anew(cut, gap_s, power_w):
    """A counter that moves through a gap tells nothing of the power in it."""
    readings = list(polls(power_w, hours=3))
    late = [
        (at_s + gap_s, w, j + 1000 * KWH if number >= cut else j) if number >= cut else (at_s, w, j)
        for number, (at_s, w, j) in enumerate(readings)
    ]
    assert compared(late) == []


def test_a_missed_poll_is_no_gap():
    readings = [item for number, item in enumerate(polls(450.0, hours=3)) if number % 7 != 1]
    ((at_s, _),) = compared(readings)
    assert at_s == 3 * HOUR


def test_a_reading_told_twice_changes_nothing():
    twice = [item for item in polls(450.0, hours=3) for _ in range(2)]
    assert compared(twice) == compared(polls(450.0, hours=3))


@pytest.mark.parametrize("lacks", ["power", "counter"])
def test_a_time_without_power_or_counter_starts_anew(lacks):
    readings = list(polls(450.0, hours=4))
    readings[500:504] = [
        (at_s, None if lacks == "power" else w, None if lacks == "counter" else j)
        for at_s, w, j in readings[500:504]
    ]
    assert compared(readings) == []


def test_a_counter_that_begins_anew_starts_anew():
    first = list(polls(450.0, hours=2))
    second = list(polls(450.0, hours=2, start_s=2 * HOUR + 10))
    assert compared([*first, *second]) == []


def test_a_clock_that_is_set_back_starts_anew():
    first = list(polls(450.0, hours=2))
    second = [(at_s, w, j + KWH) for at_s, w, j in polls(450.0, hours=2, start_s=HOUR)]
    assert compared([*first, *second]) == []


def test_what_happens_between_readings_is_no_contradiction():
    """Bursts of 2 s to 450 W that fill 5 % of the time; each second counts, each tenth is read."""
    for seed in range(12):
        random = Random(seed)
        counter_j, readings, until = 0.0, [], -1
        for second in range(48 * 3600):
            if second > until and random.random() < 0.026:
                until = second + 1
            power_w = 450.0 if second <= until else 20.0
            if second % 10 == 0:
                readings.append((float(second), power_w, counter_j))
            counter_j += power_w
        found = compared(readings)
        assert found
        assert not any(item.off for _, item in found), seed


def test_a_counter_in_whole_kwh_is_watched_until_it_tells_something():
    """500 W: its first step comes after 2 h; at 10 h 5 kWh are 5 kWh."""
    readings = [(at_s, w, KWH * (j // KWH)) for at_s, w, j in polls(500.0, hours=48)]
    found = compared(readings)
    assert found
    assert not any(item.off for _, item in found)


def test_a_counter_that_stands_still_is_off_once_it_would_have_moved_in_whole_kwh():
    """At 100 W a kWh takes 10 h; with the tolerance, 11.1 h."""
    found = compared(polls(100.0, hours=12, factor=0.0))
    ((at_s, item),) = found
    assert item.off
    assert 11.1 * HOUR <= at_s <= 11.2 * HOUR


def test_a_power_that_stays_0_while_the_counter_runs_is_off():
    readings = [(at_s, 0.0, j) for at_s, _, j in polls(450.0, hours=3)]
    ((_, found),) = compared(readings)
    assert found.off
    assert found.power_j == 0


def test_the_figures_so_far_can_be_seen():
    check = CounterCheck()
    assert check.running is None
    for at_s, power_w, counter_j in polls(450.0, hours=1):
        check.advance(at_s=at_s, power_w=power_w, counter_j=counter_j)
    assert check.last is None
    assert check.running.power_j == pytest.approx(0.45 * KWH)
    assert check.running.counter_j == pytest.approx(0.45 * KWH)


def zeros(test, minutes, *, power_w=0.0, energy_j=None, start_s=0.0):
    """Take readings every 10 s; return what is said last."""
    said = None
    for number in range(minutes * 6 + 1):
        said = test.advance(at_s=start_s + number * 10, power_w=power_w, energy_j=energy_j)
    return said


def test_only_zeros_for_an_hour_are_told():
    assert zeros(ZeroPower(), 59) is None
    assert zeros(ZeroPower(), 60) is True


def test_a_power_above_0_ends_it_for_good():
    """A GPU that can measure says 0 W because it is so."""
    test = ZeroPower()
    assert zeros(test, 60) is True
    assert test.advance(at_s=3610, power_w=7.5, energy_j=None) is False
    assert zeros(test, 120, start_s=3620) is False


def test_energy_that_moves_between_readings_ends_it():
    test = ZeroPower()
    zeros(test, 30, energy_j=100.0)
    assert test.advance(at_s=1810, power_w=0.0, energy_j=101.0) is False


def test_neither_gaps_nor_missing_readings_are_zeros():
    test = ZeroPower()
    zeros(test, 30)
    assert test.advance(at_s=1810, power_w=None, energy_j=None) is None
    assert zeros(test, 29, start_s=7200) is None
    assert zeros(test, 1, start_s=7200 + 29 * 60) is True
    assert zeros(ZeroPower(), 600, power_w=None) is None


def test_a_power_that_is_missing_for_five_minutes_is_lost():
    test = LostPower()
    assert test.advance(at_s=0, power_w=100.0, energy_j=None) is False
    said = [test.advance(at_s=10.0 * n, power_w=None, energy_j=None) for n in range(1, 32)]
    assert said == [None] * 30 + [True]  # from 10 s to 310 s
    assert test.advance(at_s=320, power_w=100.0, energy_j=None) is False
    assert test.advance(at_s=330, power_w=None, energy_j=None) is None


def test_energy_tells_that_there_once_was_a_power():
    test = LostPower()
    said = [test.advance(at_s=10.0 * n, power_w=None, energy_j=5.0) for n in range(31)]
    assert said[-1] is True


def test_what_never_had_a_power_has_not_lost_it():
    test = LostPower()
    assert [test.advance(at_s=10.0 * n, power_w=None, energy_j=None) for n in range(99)] == [
        False
    ] * 99


def test_the_time_in_which_the_source_is_off_is_not_lost():
    test = LostPower()
    test.advance(at_s=0, power_w=100.0, energy_j=None)
    assert test.advance(at_s=10, power_w=None, energy_j=None) is None
    assert test.advance(at_s=36010, power_w=None, energy_j=None) is None
