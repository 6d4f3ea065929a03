"""What power supplies draw at the wall."""

from hypothesis import given, strategies as st
import pytest

from gpu_heat_agent.psu import CURVES, Badge, FixedSupply, Mains, certified

GOLD = certified(Badge.GOLD, 1000)

badges = st.sampled_from(Badge)
mains = st.sampled_from(Mains)
ratings = st.floats(100, 20_000)


@pytest.mark.parametrize(
    ("output_w", "wall_w"),
    [
        (200, 200 / 0.87),
        (500, 500 / 0.90),
        (1000, 1000 / 0.87),
        (350, 350 / 0.885),  # half-way from 20 to 50 %
        (750, 750 / 0.885),  # half-way from 50 to 100 %
        (1200, 1200 / 0.87),  # overloaded
        (100, 100 + 29.885 * 0.75),  # the losses at 20 % are 200 / 0.87 - 200 = 29.885 W
        (0, 29.885 / 2),
    ],
)
def test_gold_at_115_v(output_w: float, wall_w: float) -> None:
    assert GOLD.wall_w(output_w) == pytest.approx(wall_w, rel=1e-4)


def test_titanium_is_certified_down_to_a_tenth() -> None:
    supply = certified(Badge.TITANIUM, 2000, Mains.V230)
    assert supply.wall_w(200) == pytest.approx(200 / 0.90)
    assert supply.wall_w(300) == pytest.approx(300 / 0.92)
    assert supply.wall_w(100) == pytest.approx(100 + 200 * (1 / 0.9 - 1) * 0.75)


def test_fixed_efficiency_holds_at_any_load() -> None:
    supply = FixedSupply(efficiency=0.9)
    assert [supply.wall_w(watts) for watts in (0, 90, 900)] == [0, 100, 1000]
    assert supply.least_wall_j(900) == 1000


def test_every_badge_has_a_curve_at_both_voltages() -> None:
    assert all(set(CURVES[volts]) == set(Badge) for volts in Mains)


@given(badges, mains, ratings, st.floats(0, 1.5), st.floats(0, 1.5))
def test_more_output_takes_more_at_the_wall(
    badge: Badge, volts: Mains, rated_w: float, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    supply = certified(badge, rated_w, volts)
    gained_w = supply.wall_w(high * rated_w) - supply.wall_w(low * rated_w)
    assert gained_w >= (high - low) * rated_w * 0.999 - 1e-6


@given(badges, mains, ratings, st.floats(0.001, 1.5))
def test_efficiency_lies_between_nothing_and_all_and_energy_below_power(
    badge: Badge, volts: Mains, rated_w: float, load: float
) -> None:
    supply, output_w = certified(badge, rated_w, volts), load * rated_w
    assert 0 < output_w / supply.wall_w(output_w) < 1
    assert output_w < supply.least_wall_j(output_w) <= supply.wall_w(output_w) * (1 + 1e-12)


@given(badges, mains, st.floats(0.001, 0.1), st.floats(0.001, 0.1))
def test_efficiency_falls_towards_no_load(
    badge: Badge, volts: Mains, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    supply = certified(badge, 1000, volts)
    assert low / supply.wall_w(low * 1000) <= high / supply.wall_w(high * 1000) * (1 + 1e-12)
