"""Prices ahead as integrations write them, what is read of them, and what is believed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.price_rows import SHAPES, Told, believed, told_by
from custom_components.gpu_heat.heat.series import Row, Series

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 1, 15)
MIDNIGHT = datetime(2026, 1, 15, tzinfo=BERLIN)


def at(hours):
    """Return a moment by the hours since midnight in Berlin."""
    return MIDNIGHT.astimezone(UTC) + timedelta(hours=hours)


def local(hours):
    return at(hours).astimezone(BERLIN)


def text(hours):
    return local(hours).isoformat()


def zulu(hours):
    return at(hours).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


WRITTEN = {
    "nordpool": {
        "raw_today": [
            {"start": local(0), "end": local(1), "value": 0.1},
            {"start": local(1), "end": local(2), "value": 0.2},
        ],
        "raw_tomorrow": [{"start": local(24), "end": local(25), "value": 0.3}],
    },
    "energi data service": {
        "raw_today": [{"hour": local(0), "price": 0.1}, {"hour": local(1), "price": 0.2}],
        "raw_tomorrow": [{"hour": local(24), "price": 0.3}, {"hour": local(25), "price": 9}],
    },
    "entso-e": {
        "prices_today": [
            {"time": "2026-01-15 00:00:00+01:00", "price": 0.1},
            {"time": "2026-01-15 01:00:00+01:00", "price": 0.2},
        ],
        "prices_tomorrow": [
            {"time": "2026-01-16 00:00:00+01:00", "price": 0.3},
            {"time": "2026-01-16 01:00:00+01:00", "price": 9},
        ],
    },
    "epex spot": {
        "data": [
            {"start_time": text(0), "end_time": text(1), "price_per_kwh": 0.1},
            {"start_time": text(1), "end_time": text(2), "price_per_kwh": 0.2},
            {"start_time": text(24), "end_time": text(25), "price_per_kwh": 0.3},
        ]
    },
    "octopus energy": {
        "rates": [
            {"start": local(0), "end": local(1), "value_inc_vat": 0.1},
            {"start": local(1), "end": local(2), "value_inc_vat": 0.2},
            {"start": local(24), "end": local(25), "value_inc_vat": 0.3},
        ]
    },
    "frank energie": {
        "prices": [
            {"from": local(0), "till": local(1), "price": 0.1},
            {"from": local(1), "till": local(2), "price": 0.2},
            {"from": local(24), "till": local(25), "price": 0.3},
        ]
    },
    "zonneplan": {
        "forecast": [
            {"datetime": zulu(0), "electricity_price": 1_000_000},
            {"datetime": zulu(1), "electricity_price": 2_000_000},
            {"datetime": zulu(24), "electricity_price": 3_000_000},
            {"datetime": zulu(25), "electricity_price": 90_000_000},
        ]
    },
    "tibber's api": {
        "today": [{"startsAt": text(0), "total": 0.1}, {"startsAt": text(1), "total": 0.2}],
        "tomorrow": [{"startsAt": text(24), "total": 0.3}, {"startsAt": text(25), "total": 9}],
    },
}


def shown(attributes, today=TODAY):
    return [told.series(1, 3) for told in told_by(attributes, today, BERLIN)]


@pytest.mark.parametrize("attributes", WRITTEN.values(), ids=WRITTEN)
def test_each_integration_is_read_as_it_writes(attributes):
    series = believed(shown(attributes), 0.1, at(0.5))
    assert [series.at(at(hour)) for hour in (0, 1.5, 24.9)] == pytest.approx([0.1, 0.2, 0.3])
    assert series.at(at(12)) is None
    assert series.at(at(26)) is None


def test_quarters_are_read_like_hours():
    rows = [{"time": text(quarter / 4), "price": quarter / 100} for quarter in range(96)]
    [series] = shown({"prices": rows})
    assert [series.at(at(hour)) for hour in (0.3, 12, 23.99)] == [0.01, 0.48, 0.95]


@pytest.mark.parametrize(
    ("day", "count", "step_h"),
    [
        (date(2026, 1, 15), 24, 1),
        (date(2026, 1, 15), 48, 0.5),
        (date(2026, 1, 15), 96, 0.25),
        (date(2026, 3, 29), 23, 1),
        (date(2026, 3, 29), 92, 0.25),
        (date(2026, 10, 25), 25, 1),
        (date(2026, 10, 25), 100, 0.25),
    ],
)
def test_a_list_of_numbers_is_a_whole_day_of_as_many_hours_as_it_has(day, count, step_h):
    midnight = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)
    [series] = shown({"today": [index / 100 for index in range(count)]}, day)
    middles = [midnight + timedelta(hours=(index + 0.5) * step_h) for index in range(count)]
    assert [series.at(moment) for moment in middles] == [index / 100 for index in range(count)]
    assert series.end == midnight + timedelta(hours=count * step_h)


@pytest.mark.parametrize("count", [1, 23, 25, 92, 100])
def test_a_list_of_another_length_is_none_of_a_day(count):
    assert shown({"today": [0.1] * count}) == []


def test_tomorrow_follows_today_also_where_an_hour_is_not_known():
    [series] = shown({"today": [0.1] * 23 + [None], "tomorrow": [0.2] * 24})
    assert [series.at(at(hour)) for hour in (22, 23, 24, 47.9, 48)] == [0.1, None, 0.2, 0.2, None]


@pytest.mark.parametrize(
    "row",
    [
        "0.1",
        None,
        {},
        {"start": local(1), "value": None},
        {"start": local(1), "value": True},
        {"start": local(1), "value": "cheap"},
        {"start": local(1), "value": float("nan")},
        {"start": local(1), "value": 10**400},
        {"start": local(1), "value": 4},  # more than a kWh costs
        {"start": "soon", "value": 0.5},
        {"start": 1768435200, "value": 0.5},
        {"start": datetime(2026, 1, 15, 1), "value": 0.5},  # of which time zone?
    ],
)
def test_what_is_not_a_price_of_a_time_is_left_out(row):
    [series] = shown({"raw_today": [{"start": local(0), "end": local(1), "value": 0.1}, row]})
    assert [step.value for step in series.steps] == [0.1]


def prices(*values, first=0):
    return Series.of(
        Row(start=at(first + hour), end=at(first + hour + 1), value=value)
        for hour, value in enumerate(values)
    )


@pytest.mark.parametrize(
    ("price", "agrees"), [(0.3, True), (0.306, True), (0.307, False), (0.25, False), (30, False)]
)
def test_prices_are_believed_within_2_percent_of_the_price_now(price, agrees):
    series = prices(0.3, 0.5)
    assert (believed([series], price, at(0.5)) is series) is agrees


def test_a_state_may_lag_a_minute_behind():
    series = prices(0.3, 0.5)
    assert believed([series], 0.3, at(1) + timedelta(seconds=30)) is series
    assert believed([series], 0.3, at(1) + timedelta(seconds=90)) is None


def test_prices_of_another_day_are_not_believed():
    assert believed([prices(0.3, 0.3)], 0.3, at(2.5)) is None


def test_of_several_that_agree_the_longest_is_taken():
    short, long, other = prices(0.3, 0.5), prices(0.3, 0.5, 0.7), prices(0.6, 0.6)
    assert believed([short, long, other], 0.3, at(0)) is long


def test_of_several_that_agree_now_alone_none_is_taken():
    assert believed([prices(0.3, 0.5), prices(0.3, 0.6)], 0.3, at(0)) is None


def test_prices_are_told_in_the_unit_of_their_entity():
    told = Told(key="", rows=(Row(start=at(0), end=at(1), value=12.5),))
    assert told.series(0.01, 3).at(at(0)) == 0.125
    assert told.series(1, 3).at(at(0)) is None  # beyond what a kWh costs


def test_what_is_told_later_counts_and_what_is_long_past_is_left():
    before = Told(key="", rows=tuple(Row(start=at(h), end=at(h + 1), value=h) for h in (0, 1, 2)))
    later = Told(key="", rows=(Row(start=at(2), end=at(3), value=9),))
    series = before.extended(later, at(1)).series(1, 10)
    assert [series.at(at(hour)) for hour in (0, 1, 2)] == [None, 1, 9]


names = st.sampled_from(sorted({name for shape in SHAPES for name in shape.lists}))
keys = st.sampled_from(
    sorted({key for shape in SHAPES for key in (shape.start, shape.end, shape.value) if key})
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.datetimes(datetime(2026, 1, 14), datetime(2026, 1, 17))
    | st.datetimes(datetime(2026, 1, 14), datetime(2026, 1, 17), timezones=st.just(BERLIN))
    | st.datetimes(datetime(2026, 1, 14), datetime(2026, 1, 17)).map(str)
)
fuzz = st.dictionaries(
    names, scalars | st.lists(scalars | st.dictionaries(keys, scalars, max_size=5), max_size=24)
)


@given(fuzz, st.floats(-3, 3), st.floats(0, 48))
def test_whatever_attributes_say_what_is_believed_agrees_with_the_price_now(
    attributes, price, hours
):
    series = believed(shown(attributes), price, at(hours))
    if series is not None:
        near = [series.at(at(hours)), series.at(at(hours - 1 / 60))]
        assert any(
            said == pytest.approx(price, rel=0.021, abs=1.1e-4) for said in near if said is not None
        )
        assert all(abs(step.value) <= 3 for step in series.steps)
