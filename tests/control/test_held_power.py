"""What a GPU draws while its jobs are paused."""

import math

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.control.held_power import HeldPower, Use


def series(known, use, powers, *, at_s=0.0, step_s=10.0, utilization=0.0):
    """Take in readings that are 10 s apart."""
    for number, power_w in enumerate(powers):
        known = known.advance(
            at_s=at_s + number * step_s, use=use, power_w=power_w, utilization=utilization
        )
    return known


def test_what_is_drawn_is_learned_once_two_minutes_have_passed():
    known = series(HeldPower(), Use.RUNNING, [350.0] * 6, utilization=0.98)
    # 0 to 110 s into the pause: clocks come down; from 120 s on 100 W are held
    known = series(known, Use.PAUSED, [300.0] * 12, at_s=60)
    assert (known.running_w, known.held_w, known.still_w) == (350, None, None)
    known = series(known, Use.PAUSED, [100.0] * 3, at_s=180)
    assert (known.held_w, known.still_w) == (100, None)


def test_later_readings_replace_earlier_ones_within_ten_minutes():
    known = series(HeldPower(held_w=100.0), Use.PAUSED, [120.0] * 13)  # learns from 120 s on
    # one step of 10 s: 100 + 20 * (1 - exp(-10 / 600)) = 100.3306
    assert known.held_w == pytest.approx(100 + 20 * (1 - math.exp(-1 / 60)))
    assert round(known.held_w, 4) == 100.3306


def test_gpu_that_works_on_is_named_with_its_power_and_teaches_nothing():
    known = series(HeldPower(), Use.PAUSED, [340.0] * 13, utilization=0.97)
    assert (known.still_w, known.held_w) == (340, None)
    known = known.advance(at_s=130, use=Use.PAUSED, power_w=90.0, utilization=0.0)
    assert (known.still_w, known.held_w) == (None, 90)


def test_gpu_that_holds_much_but_does_nothing_is_not_named():
    known = series(HeldPower(running_w=150.0), Use.PAUSED, [110.0] * 13, utilization=0.0)
    assert (known.still_w, known.held_w) == (None, 110)


@pytest.mark.parametrize(("power_w", "still_w"), [(209.0, None), (211.0, 211.0)])
def test_without_utilization_it_is_told_by_what_was_drawn_before(power_w, still_w):
    known = HeldPower(running_w=350.0)  # 0.6 * 350 = 210 W
    assert series(known, Use.PAUSED, [power_w] * 13, utilization=None).still_w == still_w


def test_without_utilization_and_without_a_before_nothing_is_claimed():
    known = series(HeldPower(), Use.PAUSED, [300.0] * 13, utilization=None)
    assert known.still_w is None


def test_job_that_runs_again_ends_it():
    known = series(HeldPower(), Use.PAUSED, [340.0] * 13, utilization=0.97)
    known = known.advance(at_s=130, use=Use.RUNNING, power_w=340.0, utilization=0.97)
    assert (known.still_w, known.paused_at_s) == (None, None)


def test_reading_that_is_missing_says_nothing():
    known = series(HeldPower(held_w=100.0), Use.PAUSED, [340.0] * 13, utilization=0.97)
    known = known.advance(at_s=130, use=Use.PAUSED, power_w=None, utilization=None)
    assert (known.still_w, known.held_w) == (None, 100)


watts = st.one_of(st.none(), st.floats(0, 1500))


@given(
    readings=st.lists(
        st.tuples(
            st.sampled_from(Use), watts, st.one_of(st.none(), st.floats(0, 1)), st.floats(0, 3600)
        )
    )
)
def test_what_is_learned_lies_within_what_was_read(readings):
    known, at_s = HeldPower(), 0.0
    for use, power_w, utilization, step_s in readings:
        at_s += step_s
        known = known.advance(at_s=at_s, use=use, power_w=power_w, utilization=utilization)
    seen = [power_w for _, power_w, _, _ in readings if power_w is not None]
    for learned in (known.running_w, known.held_w):
        if learned is not None:
            assert min(seen) - 1e-9 <= learned <= max(seen) + 1e-9
