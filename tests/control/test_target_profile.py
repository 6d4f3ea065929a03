"""What a thermostat is set to, hour by hour of the week, is expected to come again."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.gpu_heat.control.target_profile import TargetProfile

MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(days, start=MONDAY):
    """A setback thermostat: 21 °C from 6 to 22 h, else 18; on Sundays 20 all day."""
    profile = TargetProfile()
    for hour in range(days * 24):
        at = start + hour * HOUR
        profile.tell(at, 20 if at.weekday() == 6 else 21 if 6 <= at.hour < 22 else 18)
    return profile


def test_the_next_setback_is_expected():
    now = MONDAY + timedelta(days=7, hours=20)
    assert told(7).ahead(now, 21, 12) == [21, 21, *[18] * 8, 21, 21]


def test_a_weekday_is_like_that_of_last_week():
    sunday = MONDAY + timedelta(days=13, hours=12)
    assert told(7).usual_c(sunday, MONDAY + timedelta(days=7)) == 20


def test_a_day_that_was_never_told_is_like_the_latest_other():
    tuesday = MONDAY + timedelta(days=1)
    assert told(1).usual_c(tuesday + 23 * HOUR, tuesday) == 18


def test_a_target_set_by_hand_holds_until_the_usual_one_changes():
    now = MONDAY + timedelta(days=7, hours=20)
    assert told(7).ahead(now, 23, 4) == [23, 23, 18, 18]


def test_without_a_profile_the_target_of_now_holds():
    assert TargetProfile().ahead(MONDAY, 19.5, 3) == [19.5] * 3
    assert TargetProfile().highest_c(MONDAY) is None


def test_what_was_told_long_ago_counts_no_longer():
    late = MONDAY + timedelta(days=20)
    assert told(7).usual_c(late, late) is None


def test_the_highest_target_is_that_of_the_last_day():
    sunday_night = MONDAY + timedelta(days=6, hours=23)
    assert told(7).highest_c(sunday_night) == 20  # on Saturday until 22 h it was 21
    assert told(7).highest_c(sunday_night - 2.5 * HOUR) == 21


def test_the_clock_of_the_place_counts_also_as_it_is_set():
    zone = ZoneInfo("Europe/Berlin")
    profile = told(13, datetime(2026, 3, 16, tzinfo=zone))
    now = datetime(2026, 3, 29, 0, 30, tzinfo=zone)  # a Sunday; at 2 h it is 3 h
    monday = profile.ahead(now, 20, 31)
    # 23 h of Sunday at 20 °C, then the night, and 21 °C from 6 h on.
    assert monday == [*[20] * 23, *[18] * 6, 21, 21]


def test_it_outlives_a_restart():
    profile = told(7)
    assert TargetProfile.from_json(profile.to_json()) == profile
    with pytest.raises(ValueError, match="midnight"):
        TargetProfile.from_json({"midnight": [MONDAY.isoformat(), 20]})
