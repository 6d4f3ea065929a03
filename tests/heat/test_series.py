"""Values of the time ahead, by steps and by points."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
import math
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.series import Line, Row, Series

MIDNIGHT = datetime(2026, 1, 15, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def at(hours):
    return MIDNIGHT + timedelta(hours=hours)


def row(start, value, end=None):
    return Row(start=at(start), value=value, end=None if end is None else at(end))


def values(series, *hours):
    return [series.at(at(hour)) for hour in hours]


def test_a_step_holds_until_before_the_next():
    series = Series.of([row(0, 1.0), row(1, 2.0)])
    assert values(series, -0.01, 0, 0.99, 1, 1.99, 2) == [None, 1, 1, 2, 2, None]
    assert series.end == at(2)


def test_of_what_is_missing_nothing_is_known():
    series = Series.of([row(0, 1.0), row(1, 2.0), row(13, 3.0)])
    assert values(series, 1.5, 2, 12.9, 13.5, 14) == [2, None, None, 3, None]


def test_a_quarter_that_is_missing_is_not_the_one_before():
    series = Series.of([row(quarter / 4, quarter) for quarter in (0, 1, 3, 4)])
    assert values(series, 0.3, 0.5, 0.7, 0.8) == [1, None, None, 3]


def test_steps_of_an_hour_and_of_a_quarter_follow_one_another():
    series = Series.of([row(0, 1.0), row(1, 2.0), row(2, 3.0), row(2.25, 4.0)])
    assert values(series, 1.9, 2.1, 2.4, 2.5) == [2, 3, 4, None]


def test_what_says_its_end_holds_until_then():
    series = Series.of([row(0, 1.0, end=6), row(8, 2.0, end=8.5)])
    assert values(series, 5.9, 6, 8.4, 8.5) == [1, None, 2, None]


def test_what_begins_later_ends_what_still_holds():
    series = Series.of([row(0, 1.0, end=24), row(5, 2.0, end=6)])
    assert values(series, 4, 5, 6) == [1, 2, None]


def test_order_does_not_matter_and_the_last_of_two_counts():
    series = Series.of([row(2, 3.0), row(0, 1.0), row(1, 9.0), row(1, 2.0)])
    assert values(series, 0, 1, 2) == [1, 2, 3]


def test_one_row_without_an_end_says_nothing():
    assert Series.of([row(0, 1.0)]).steps == ()


@pytest.mark.parametrize(
    "unsound",
    [
        row(1, math.nan),
        row(1, math.inf),
        row(1, 5.0, end=1),
        row(1, 5.0, end=0.5),
        Row(start=datetime(2026, 1, 15, 1), value=5.0),
        Row(start=at(1), end=datetime(2026, 1, 15, 2), value=5.0),
        Row(start=datetime(1, 1, 1, tzinfo=BERLIN), value=5.0),
        Row(start=at(1), end=datetime.max.replace(tzinfo=UTC), value=5.0),
    ],
)
def test_what_is_not_sound_is_left_out(unsound):
    series = Series.of([row(0, 1.0, end=2), unsound])
    assert values(series, 0, 1) == [1, 1]
    assert Line.of([unsound, row(0, 1.0)]).at(at(0)) == 1


def test_nothing_is_known_of_no_rows():
    assert Series.of([]).at(MIDNIGHT) is Line.of([]).at(MIDNIGHT) is None
    assert Series.of([]).end is Line.of([]).end is None


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 29), 23), (datetime(2026, 10, 25), 25)]
)
def test_a_day_on_which_the_clock_is_set_has_all_its_hours(day, hours):
    start = day.replace(tzinfo=BERLIN).astimezone(UTC)
    rows = [
        Row(start=(start + timedelta(hours=hour)).astimezone(BERLIN), value=hour)
        for hour in range(hours)
    ]
    series, line = Series.of(rows), Line.of(rows)
    middles = [start + timedelta(hours=hour + 0.5) for hour in range(hours)]
    assert [series.at(moment.astimezone(BERLIN)) for moment in middles] == list(range(hours))
    assert [line.at(moment.astimezone(BERLIN)) for moment in middles[:-1]] == [
        hour + 0.5 for hour in range(hours - 1)
    ]


def test_between_two_points_values_go_evenly():
    line = Line.of([row(3, -4.0), row(0, 2.0)])
    assert values(line, 0, 1, 1.5, 3) == [2, 0, -1, -4]
    assert line.end == at(3)


def test_between_points_far_apart_and_beyond_them_nothing_is_known():
    line = Line.of([row(0, 2.0), row(3.5, 5.0)])
    assert values(line, -1, 0, 1, 3.4, 3.5, 3.6) == [None, 2, None, None, 5, None]


moments = st.datetimes(datetime(2026, 3, 28), datetime(2026, 3, 30), timezones=st.just(UTC))
written = st.datetimes(
    datetime(2026, 3, 28), datetime(2026, 3, 30), timezones=st.sampled_from([None, UTC, BERLIN])
)
rows = st.lists(
    st.builds(Row, start=written, value=st.floats(), end=st.none() | written), max_size=12
)
temperatures = st.lists(
    st.builds(Row, start=written, value=st.floats(-60, 60)),
    max_size=12,
)


@given(rows, moments)
def test_a_value_is_always_one_that_was_said_for_then(rows, moment):
    series = Series.of(rows)
    said = series.at(moment)
    if said is not None:
        began = {}
        for row in rows:
            if row.sound and row.start.astimezone(UTC) <= moment:
                began[row.start.astimezone(UTC)] = row.value
        assert said == began[max(began)]
    for earlier, later in pairwise(series.steps):
        assert earlier.start < earlier.end <= later.start


@given(temperatures, moments)
def test_a_value_between_points_lies_between_theirs(rows, moment):
    sound = [row.value for row in rows if row.sound]
    value = Line.of(rows).at(moment)
    assert value is None or min(sound) - 1e-9 <= value <= max(sound) + 1e-9
