"""What was known when, over a year, over restarts and under a clock that is set back."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.conditions import Conditions, Timeline
from custom_components.gpu_heat.heat.curve import Curve
from custom_components.gpu_heat.heat.seasons import Mode, Room, Season

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def priced(price):
    return Conditions(electricity_price=Decimal(price))


ALL = Conditions(
    electricity_price=Decimal("0.1"),
    fuel_price=Decimal("1.3"),
    second_fuel_price=Decimal("0.5"),
    outdoor_c=Decimal(-7),
    rooms=(Room(mode=Mode.HEAT, excess_k=Decimal(1)),),
    season=Season.HEATING,
    season_by_hand=Season.SHOULDER,
    captures={"s": Decimal("0.5")},
)


def test_what_has_held_since_a_moment_is_written_and_read_again():
    timeline = Timeline()
    timeline.set(NOON, priced(1))
    timeline.set(NOON + HOUR, ALL)
    timeline.set(NOON + 2 * HOUR, priced(2))
    written = json.loads(json.dumps(timeline.to_json(NOON + HOUR + MINUTE)))
    again = Timeline.from_json(written)
    assert again.at(NOON + HOUR) == ALL
    assert again.latest == priced(2)
    assert again.at(NOON + MINUTE) == Conditions()  # nobody needs it any more


def test_no_more_than_300_changes_are_written():
    timeline = Timeline()
    for minute in range(1000):
        timeline.set(NOON + minute * MINUTE, priced(minute))
    written = timeline.to_json(NOON)
    assert len(written) == 300
    assert Timeline.from_json(written).latest == priced(999)


def test_of_the_time_before_nothing_is_known():
    timeline = Timeline()
    assert timeline.at(NOON) == Conditions()
    timeline.set(NOON, priced(1))
    assert timeline.at(NOON - MINUTE) == Conditions()


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 3)), max_size=30))
def test_each_condition_holds_until_the_next_begins(changes):
    changes.sort(key=lambda change: change[0])
    timeline, naive = Timeline(), {}
    for minute, price in changes:
        version = timeline.version
        changed = timeline.set(NOON + minute * MINUTE, priced(price))
        assert (timeline.version > version) == changed
        naive[minute] = priced(price)
    for minute in range(-1, 102):
        known = [naive[at] for at in sorted(naive) if at <= minute]
        assert timeline.at(NOON + minute * MINUTE) == (known[-1] if known else Conditions())
    cuts = [(at - NOON) / MINUTE for at in timeline.changes(NOON, NOON + 50 * MINUTE)]
    assert all(0 < cut < 50 for cut in cuts)
    stays = set(range(1, 50)) - set(cuts)
    assert all(
        timeline.at(NOON + minute * MINUTE) == timeline.at(NOON + (minute - 1) * MINUTE)
        for minute in stays
    )


@given(st.lists(st.tuples(st.integers(-60, 60), st.integers(0, 3)), min_size=1, max_size=30))
def test_a_clock_that_is_set_back_does_not_hide_what_is_known_now(changes):
    timeline, at = Timeline(), NOON
    for minutes, price in changes:
        at += minutes * MINUTE
        timeline.set(at, priced(price))
        assert timeline.at(at) == timeline.at(at + 999 * HOUR) == priced(price)


def test_two_weeks_are_kept_of_a_year_of_changes():
    timeline = Timeline()
    for n in range(365 * 24 * 4):
        timeline.set(NOON + n * 15 * MINUTE, priced(n % 7))
    end = NOON + timedelta(days=365)
    kept = list(timeline.changes(NOON, end))
    assert timedelta(days=14) <= end - kept[0] <= timedelta(days=28, minutes=15)
    assert timeline.at(end - timedelta(days=13)) != Conditions()


def test_of_changes_each_second_the_latest_are_kept():
    timeline = Timeline()
    for n in range(30_000):
        timeline.set(NOON + timedelta(seconds=n), priced(n))
    kept = list(timeline.changes(NOON, NOON + 9 * HOUR))
    assert 9_000 < len(kept) <= 20_000
    assert timeline.at(NOON + timedelta(seconds=29_999)) == priced(29_999)


@given(
    st.builds(
        Conditions,
        electricity_price=st.none() | st.decimals(-9, 9, places=5),
        outdoor_c=st.none() | st.decimals(-50, 50, places=2),
        season=st.none() | st.sampled_from(Season),
        rooms=st.lists(
            st.builds(
                Room,
                mode=st.sampled_from(Mode),
                excess_k=st.none() | st.decimals(-9, 9, places=2),
                target_c=st.none() | st.decimals(5, 35, places=1),
                can_cool=st.booleans(),
                weight=st.decimals(0, 99, places=1),
            ),
            max_size=3,
        ).map(tuple),
        captures=st.dictionaries(st.text(max_size=3), st.decimals(0, 1, places=2), max_size=3),
    )
)
def test_conditions_come_back_as_they_were_written(conditions):
    assert Conditions.from_json(conditions.to_json()) == conditions


def test_a_room_of_before_targets_were_kept_has_none():
    document = ALL.to_json()
    del document["rooms"][0]["target_c"]
    assert Conditions.from_json(document) == ALL


@given(
    st.dictionaries(st.integers(-30, 40), st.integers(1, 8), min_size=1, max_size=6),
    st.decimals(-50, 60, places=1),
)
def test_a_curve_is_level_beyond_its_ends_and_straight_between_its_points(points, outdoor_c):
    curve = Curve(tuple((Decimal(at), Decimal(points[at])) for at in sorted(points)))
    temperatures = sorted(points)
    after = bisect_right(temperatures, outdoor_c)
    if after in (0, len(temperatures)):
        assert curve.at(outdoor_c) == points[temperatures[max(after - 1, 0)]]
    else:
        cold, warm = temperatures[after - 1 : after + 1]
        part = (float(outdoor_c) - cold) / (warm - cold)
        expected = points[cold] * (1 - part) + points[warm] * part
        assert float(curve.at(outdoor_c)) == pytest.approx(expected)
