"""The mass of a building follows the room and the weather, slowly."""

from datetime import UTC, datetime, timedelta
import json
import math

import pytest

from custom_components.gpu_heat.control.building import Building
from custom_components.gpu_heat.control.mass import MassTemperature

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
# 400 W/K to the room, 400/7 W/K to the outdoors, 4.4 kWh/K: 9.625 h to settle.
HOUSE = Building(loss_w_k=100, time_constant_h=50, gains_k=4.0)


def told(*times, room_c=20.0, outdoor_c=6.0):
    mass = MassTemperature()
    for hours in times:
        mass.tell(NOON + timedelta(hours=hours), HOUSE, room_c, outdoor_c)
    return mass


def test_at_first_it_has_settled():
    # 6 °C and 4 K of gains outdoors: (400 x 20 + 57.1 x 10) / 457.1
    assert told(0).mass_c == pytest.approx(18.75)


def test_it_goes_on_from_where_it_was():
    mass = told(0)
    mass.tell(NOON + timedelta(hours=9.625), HOUSE, 24.0, 6.0)
    settled_c = (400 * 24 + 400 / 7 * 10) / (400 + 400 / 7)
    assert mass.mass_c == pytest.approx(settled_c - (settled_c - 18.75) / math.e)


@pytest.mark.parametrize("hours", [48, 1000])
def test_after_days_without_a_word_it_has_settled(hours):
    mass = told(0, room_c=10.0)
    mass.tell(NOON + timedelta(hours=hours), HOUSE, 20.0, 6.0)
    assert mass.mass_c == pytest.approx(18.75)


def test_a_clock_that_is_set_back_changes_nothing():
    mass = told(0)
    mass.tell(NOON - timedelta(hours=5), HOUSE, 30.0, 30.0)
    assert mass.mass_c == pytest.approx(18.75)


def test_it_survives_as_a_document():
    for mass in (MassTemperature(), told(0)):
        assert MassTemperature.from_json(json.loads(json.dumps(mass.to_json()))) == mass
