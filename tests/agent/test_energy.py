"""Energy from counters and from power."""

from hypothesis import given, strategies as st
import pytest

from gpu_heat_agent.energy import EnergyMeter, HostMeter, sum_w
from gpu_heat_agent.models import EnergyOrigin
from gpu_heat_agent.psu import Badge, FixedSupply, Supply, certified

NINETY = FixedSupply(efficiency=0.9)


def counted(*readings: tuple[float, float | None]) -> EnergyMeter:
    meter = EnergyMeter()
    for at_s, counter_j in readings:
        meter = meter.advance(at_s=at_s, power_w=100.0, counter_j=counter_j)
    return meter


def summed(*readings: tuple[float, float | None]) -> EnergyMeter:
    meter = EnergyMeter()
    for at_s, power_w in readings:
        meter = meter.advance(at_s=at_s, power_w=power_w, counter_j=None)
    return meter


def test_counter_starts_at_zero_and_adds_what_it_gains() -> None:
    meter = counted((0, 5_000_000), (10, 5_003_500), (20, 5_007_000))
    assert meter.total_j == 7000
    assert meter.origin is EnergyOrigin.COUNTER


def test_counter_reset_adds_what_the_counter_shows_since() -> None:
    assert counted((0, 9_000_000), (10, 9_003_000), (20, 1200)).total_j == 3000 + 1200


def test_counter_falling_to_an_impossible_value_is_only_a_new_base() -> None:
    assert counted((0, 9_000_000), (10, 8_000_000), (20, 8_003_000)).total_j == 3000


def test_counter_that_only_dips_adds_nothing_until_it_is_above_again() -> None:
    assert counted((0, 5000), (60, 4600), (70, 4990), (80, 5700)).total_j == 700
    assert counted((0, 5000), (60, 4400)).total_j == 4400


def test_counter_that_jumps_by_an_impossible_amount_is_only_a_new_base() -> None:
    assert counted((0, 9_000_000), (10, 0), (20, 9_000_000), (30, 9_003_000)).total_j == 3000


def test_power_stands_in_for_a_silent_counter_until_it_is_back() -> None:
    meter = counted((0, 1000), (10, None), (20, None))
    assert (meter.total_j, meter.origin) == (100 * 10, EnergyOrigin.COUNTER)
    assert meter.summing
    back = meter.advance(at_s=30, power_w=100, counter_j=4000)
    assert (back.total_j, back.summing) == (4000 - 1000, False)
    assert back.advance(at_s=40, power_w=100, counter_j=5000).total_j == 5000 - 1000


def test_counter_that_gained_less_than_power_stood_in_for_adds_nothing() -> None:
    meter = counted((0, 1000), (10, None), (20, None), (30, 1400), (40, 1900))
    assert meter.total_j == 100 * 10 + 500


def test_counter_that_is_gone_for_good_leaves_the_sum_of_power() -> None:
    silent = [(float(at_s), None) for at_s in range(10, 3611)]
    assert counted((0, 0), (5, 500), *silent).total_j == 500 + 100 * 3600


def test_counter_that_starts_anew_after_silence_is_not_counted_twice() -> None:
    meter = counted((0, 9_000_000), (10, None), (20, None), (30, 1500))
    assert meter.total_j == 1500


def test_counter_gain_counts_even_if_the_clock_was_set_back() -> None:
    assert counted((1_000_000, 1000), (10, 901_000)).total_j == 900_000


def test_power_is_summed_by_trapezoids() -> None:
    meter = summed((0, 100), (1, 200), (3, 200))
    assert meter.total_j == 150 + 400
    assert meter.origin is EnergyOrigin.INTEGRATED


def test_gap_of_ten_seconds_is_bridged_and_a_longer_one_is_not() -> None:
    assert summed((0, 100), (10, 100)).total_j == 1000
    assert summed((0, 100), (10.5, 100), (11.5, 100)).total_j == 100


def test_missing_power_is_no_zero() -> None:
    assert summed((0, 100), (1, None), (2, 100)).total_j == 200


def test_clock_set_back_adds_nothing_to_summed_energy() -> None:
    assert summed((100, 300), (50, 300), (51, 300)).total_j == 300


def test_counter_that_appears_later_takes_over_from_the_sum() -> None:
    meter = summed((0, 100), (1, 100)).advance(at_s=2, power_w=100, counter_j=7_000_000)
    meter = meter.advance(at_s=3, power_w=100, counter_j=7_000_050)
    assert (meter.total_j, meter.origin) == (150, EnergyOrigin.COUNTER)


_maybe = st.none() | st.floats(0, 1e9)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), _maybe, _maybe), max_size=30))
def test_total_never_decreases(readings: list[tuple[float, float | None, float | None]]) -> None:
    meter = EnergyMeter()
    for at_s, power_w, counter_j in readings:
        after = meter.advance(at_s=at_s, power_w=power_w, counter_j=counter_j)
        assert after.total_j >= meter.total_j
        meter = after


@given(st.lists(st.floats(0, 1500), min_size=1, max_size=20))
def test_counter_energy_does_not_depend_on_how_often_it_is_read(powers_w: list[float]) -> None:
    counter_j, often = 1000.0, [(0.0, 1000.0)]
    for second, power_w in enumerate(powers_w, 1):
        counter_j += power_w
        often.append((second, counter_j))
    total_j = counted(often[0], often[-1]).total_j
    assert counted(*often).total_j == pytest.approx(total_j, abs=1e-6)


@given(st.floats(0, 1500), st.floats(0, 1500), st.floats(0.01, 9.9), st.floats(0.1, 0.9))
def test_summed_energy_of_a_straight_line_is_additive(
    first_w: float, last_w: float, length_s: float, split: float
) -> None:
    middle = (length_s * split, first_w + (last_w - first_w) * split)
    whole = summed((0, first_w), (length_s, last_w))
    parts = summed((0, first_w), middle, (length_s, last_w))
    assert parts.total_j == pytest.approx(whole.total_j, rel=1e-9, abs=1e-9)


@given(st.floats(0, 50_000), st.integers(1, 20))
def test_silence_costs_and_adds_nothing_once_the_counter_is_back(
    gained_j: float, silent: int
) -> None:
    readings = [(float(at_s), None) for at_s in range(1, silent + 1)]
    meter = counted((0, 1000), *readings, (silent + 1, 1000 + gained_j))
    assert meter.total_j == pytest.approx(max(gained_j, 100 * (silent - 1)))


@given(st.floats(0, 3000), st.floats(0.1, 100))
def test_reset_is_bridged_by_what_the_new_counter_can_have_gained(
    power_w: float, after_s: float
) -> None:
    gained_j = power_w * after_s
    meter = counted((0, 1e12), (after_s, gained_j))
    assert meter.total_j == pytest.approx(gained_j)


def test_sum_of_powers_is_not_known_while_one_is_not() -> None:
    assert sum_w([350, 350, 200]) == 900
    assert sum_w([350, None]) is None


def hosted(*readings: tuple[float, float], supply: Supply = NINETY) -> HostMeter:
    meter = HostMeter()
    for at_s, devices_j in readings:
        meter = meter.summed(at_s=at_s, devices_j=devices_j, base_load_w=200, supply=supply)
    return meter


def test_host_energy_is_devices_and_base_through_the_power_supply() -> None:
    assert hosted((0, 350), (10, 350)).total_j == pytest.approx((350 + 350 + 200 * 10) / 0.9)


def test_host_energy_takes_the_efficiency_at_the_mean_load() -> None:
    gold = certified(Badge.GOLD, 1000)
    total_j = hosted((0, 0), (10, 3000), supply=gold).total_j
    assert total_j == pytest.approx(500 / 0.9 * 10)  # 300 W and 200 W are half its load


def test_host_energy_of_a_gap_is_what_the_devices_told_with_the_least_losses() -> None:
    gold = certified(Badge.GOLD, 1000)
    assert hosted((0, 0), (3600, 9000), supply=gold).total_j == pytest.approx(9000 / 0.9)


def test_power_supply_of_an_idle_machine_draws_in_readings_and_not_in_gaps() -> None:
    supply = certified(Badge.GOLD, 1000)
    meter = HostMeter()
    for at_s in (0.0, 10.0, 1000.0):
        meter = meter.summed(at_s=at_s, devices_j=0, base_load_w=0, supply=supply)
    assert meter.total_j == pytest.approx(supply.wall_w(0) * 10)


def test_host_energy_has_what_the_processors_counted() -> None:
    meter = HostMeter()
    for at_s, processors_j in ((0.0, 0.0), (10.0, 950.0), (20.0, None), (30.0, 2950.0)):
        meter = meter.summed(
            at_s=at_s,
            devices_j=0,
            base_load_w=50,
            supply=FixedSupply(),
            processors_j=processors_j,
        )
    assert meter.total_j == pytest.approx(2950 + 50 * 30)


def test_processors_counter_begins_anew_with_the_agent() -> None:
    meter = HostMeter()
    for at_s, processors_j in ((0.0, 0.0), (10.0, 950.0), (40.0, 0.0), (50.0, 800.0)):
        meter = meter.summed(
            at_s=at_s,
            devices_j=0,
            base_load_w=0,
            supply=FixedSupply(),
            processors_j=processors_j,
        )
    assert meter.total_j == pytest.approx(950 + 800)


def test_measured_power_is_summed_across_a_minute_and_no_more() -> None:
    meter = HostMeter()
    for at_s, power_w in ((0.0, 600.0), (10.0, 620.0), (70.0, 600.0), (130.1, 600.0)):
        meter = meter.measured(at_s=at_s, power_w=power_w)
    assert meter.total_j == pytest.approx(610 * 10 + 610 * 60)


def test_no_time_counts_twice_where_ways_take_turns() -> None:
    def summed(meter: HostMeter, at_s: float) -> HostMeter:
        return meter.summed(at_s=at_s, devices_j=0, base_load_w=500, supply=FixedSupply())

    meter = HostMeter().measured(at_s=0, power_w=600).measured(at_s=10, power_w=600)
    meter = summed(summed(meter, 10), 30)
    assert meter.total_j == 600 * 10 + 500 * 20
    meter = meter.measured(at_s=30, power_w=600).measured(at_s=40, power_w=600)
    assert summed(meter, 40).total_j == 600 * 20 + 500 * 20


_kinds = st.sampled_from(["estimate", "rapl", "wall"])


@given(st.lists(st.tuples(_kinds, st.floats(-1e6, 1e6), st.floats(0, 1e6)), max_size=30))
def test_host_energy_never_decreases_whatever_finds_it(
    readings: list[tuple[str, float, float]],
) -> None:
    meter = HostMeter()
    for kind, at_s, value in readings:
        if kind == "wall":
            after = meter.measured(at_s=at_s, power_w=value)
        else:
            after = meter.summed(
                at_s=at_s,
                devices_j=value,
                base_load_w=100,
                supply=certified(Badge.GOLD, 1000),
                processors_j=value if kind == "rapl" else None,
            )
        assert after.total_j >= meter.total_j
        meter = after
