"""Beyond the forecast the weather is expected to be as lately, and as the season goes on."""

from datetime import UTC, datetime, timedelta
import json
import math

import pytest

from custom_components.gpu_heat.control.usual import UsualWeather

JANUARY = datetime(2026, 1, 10, tzinfo=UTC)


def told(latitude=45.0, days=60, start=JANUARY):
    """Weather of -10 °C at midnight to -2 °C at noon, day after day."""
    usual = UsualWeather(latitude=latitude)
    for hour in range(days * 24):
        at = start + timedelta(hours=hour)
        usual.tell(at, -6 - 4 * math.cos(2 * math.pi * at.hour / 24))
    return usual


def test_the_hours_of_a_day_are_told_apart():
    usual = told(latitude=0.0)
    at = usual.told_at
    assert usual.at(at.replace(hour=0)) == pytest.approx(-10)
    assert usual.at(at.replace(hour=12)) == pytest.approx(-2)


def test_spring_makes_it_warmer_in_the_north_and_colder_in_the_south():
    north, south = told(), told(latitude=-45.0)
    # From the 70th to the 90th day: 12 x (cos(50/365.25 x 2 pi) - cos(70/365.25 x 2 pi)).
    later = north.told_at + timedelta(days=20)
    assert north.at(later) - north.at(north.told_at) == pytest.approx(3.5, abs=0.1)
    assert south.at(later) - south.at(south.told_at) == pytest.approx(-3.5, abs=0.1)


def test_in_the_tropics_the_seasons_fade():
    usual = told(latitude=1.0)
    later = usual.told_at + timedelta(days=28)
    assert usual.at(later) == pytest.approx(usual.at(usual.told_at), abs=0.4)


def test_later_days_replace_earlier_ones():
    usual = told(latitude=0.0, days=30)
    for _hour in range(24 * 23):  # 23 days of 10 °C: nine tenths of what counts, by e^(-2.3)
        usual.tell(usual.told_at + timedelta(hours=1), 10.0)
    assert usual.at(usual.told_at.replace(hour=0)) == pytest.approx(8, abs=0.1)


def test_an_hour_that_was_never_told_is_like_the_others():
    usual = UsualWeather(latitude=0.0)
    usual.tell(JANUARY, 4.0)
    assert usual.at(JANUARY + timedelta(hours=7)) == pytest.approx(4.0)


def test_nothing_told_is_nothing_known():
    assert UsualWeather(latitude=45.0).at(JANUARY) is None


def test_it_survives_as_a_document():
    usual = told(days=2)
    again = UsualWeather.from_json(45.0, json.loads(json.dumps(usual.to_json())))
    assert again == usual
    assert UsualWeather.from_json(1.0, UsualWeather(latitude=1.0).to_json()).told_at is None
