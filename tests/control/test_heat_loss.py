"""What a building loses is learned from days gone by."""

import random

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.control.building import Building
from custom_components.gpu_heat.control.heat_loss import HeatDay, HeatLoss, building_of, learn


def day(outdoor_c, *, indoor_c=20.0, loss_w_k=140.0, gains_k=4.0, error=1.0):
    """A day that a house of 140 W/K needs heat on: 24 h x 140 W/K x (20 - outdoors - 4 K)."""
    watts = max(loss_w_k * (indoor_c - outdoor_c - gains_k), 0.0)
    return HeatDay(indoor_c=indoor_c, outdoor_c=outdoor_c, heat_kwh=watts * 24 / 1000 * error)


def test_a_week_of_heating_tells_loss_and_gains():
    learned = learn([day(outdoor_c) for outdoor_c in (-8, -5, -3, 0, 2, 5, 9)])
    assert learned.loss_w_k == pytest.approx(140)
    assert learned.gains_k == pytest.approx(4)
    assert (learned.confidence, learned.days) == (pytest.approx(1), 7)


def test_until_then_the_usual_counts_and_that_is_said():
    assert learn([day(outdoor_c) for outdoor_c in (-8, -5, -3, 0, 2, 5)]) == HeatLoss(days=6)
    assert HeatLoss().confidence == 0


def test_days_that_are_all_alike_tell_nothing():
    assert learn([day(outdoor_c) for outdoor_c in (1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5)]).confidence == 0


def test_days_without_heat_tell_nothing():
    assert learn([day(20) for _ in range(30)]) == HeatLoss(days=0)


def test_warm_days_tell_nothing_of_the_building():
    """The sun and open windows do: half of the heat that the building would lose, or all of it."""
    cold = [day(outdoor_c) for outdoor_c in (-8, -5, -3, 0, 2, 5, 9)]
    warm = [day(outdoor_c, error=0.5) for outdoor_c in range(11, 16)] * 10
    assert learn([*cold, *warm]) == learn(cold)
    assert [each.tells for each in (day(10), day(10.1))] == [True, False]


def test_what_is_not_sure_enough_does_not_count():
    rng = random.Random(1)
    days = [day(rng.uniform(-10, 10), error=rng.uniform(0.2, 1.8)) for _ in range(40)]
    assert learn(days) == HeatLoss(days=40)


def test_a_fifth_of_the_days_may_be_wrong():
    days = [day(outdoor_c % 20 - 10) for outdoor_c in range(40)]
    days[::5] = [day(outdoor_c, error=2.5) for outdoor_c in range(-8, 8, 2)]  # a window was open
    learned = learn(days)
    assert learned.loss_w_k == pytest.approx(140, rel=0.05)
    assert 0.3 < learned.confidence < 1


def test_noise_costs_confidence():
    rng = random.Random(1)
    days = [day(rng.uniform(-10, 10), error=rng.uniform(0.5, 1.5)) for _ in range(40)]
    assert learn(days).confidence < 0.6


def test_only_the_last_sixty_days_count():
    days = [day(outdoor_c % 15 - 10, loss_w_k=300) for outdoor_c in range(100)]
    days += [day(outdoor_c % 15 - 10) for outdoor_c in range(60)]  # it was insulated
    assert learn(days).loss_w_k == pytest.approx(140)


def test_what_a_person_says_counts_before_what_was_learned():
    learned = HeatLoss(loss_w_k=140, gains_k=3)
    assert building_of(learned) == Building(loss_w_k=140, gains_k=3)
    assert building_of(learned, loss_w_k=95, heater_w=8000) == Building(
        loss_w_k=95, gains_k=3, heater_w=8000
    )


_temperatures = st.floats(-60, 60)


@given(
    st.lists(
        st.builds(
            HeatDay,
            indoor_c=_temperatures,
            outdoor_c=_temperatures,
            heat_kwh=st.floats(0, 1e6),
        ),
        max_size=30,
    )
)
def test_whatever_the_days_say_it_can_be_believed(days):
    learned = learn(days)
    assert 10 <= learned.loss_w_k <= 100_000
    assert 0 <= learned.gains_k <= 12
    assert 0 <= learned.confidence <= 1
