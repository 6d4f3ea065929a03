"""What is taken from a thermostat's state, in both units of temperature."""

from decimal import Decimal

from homeassistant.components.climate import HVACAction, HVACMode
from homeassistant.const import UnitOfTemperature
from homeassistant.core import State
from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.thermostat import read_room

C, F = UnitOfTemperature.CELSIUS, UnitOfTemperature.FAHRENHEIT


def read(unit=C, mode=HVACMode.HEAT, **attributes):
    return read_room(State("climate.room", mode, attributes), unit, Decimal(1))


@pytest.mark.parametrize(
    ("unit", "temperature", "target", "excess_k", "target_c"),
    [
        (C, 20.5, 21, "-0.5", "21"),
        (F, 71.6, 69.8, "1", "21"),  # 22 °C and 21 °C
        (C, 2, 5, "-3", "5"),  # protected from frost
        (C, 45, 35, "10", "35"),
        (F, 35.6, 41, "-3", "5"),
    ],
)
def test_a_room_is_so_far_above_its_target(unit, temperature, target, excess_k, target_c):
    room = read(unit, current_temperature=temperature, temperature=target)
    assert (room.excess_k, room.target_c) == (Decimal(excess_k), Decimal(target_c))


def test_a_thermostat_with_two_targets_heats_up_to_the_lower_one():
    room = read(
        mode=HVACMode.HEAT_COOL, current_temperature=22, target_temp_low=20, target_temp_high=25
    )
    assert (room.excess_k, room.target_c) == (2, 20)


@pytest.mark.parametrize(
    ("unit", "temperature"),
    [(C, 0), (C, 1.9), (C, 45.1), (C, 999), (F, 0), (F, 35), (F, 114), (F, 1830), (C, "21 °C")],
)
def test_a_temperature_that_no_room_has_is_not_known(unit, temperature):
    target = 20 if unit is C else 68
    assert read(unit, current_temperature=temperature, temperature=target) is None
    room = read(
        unit, current_temperature=temperature, temperature=target, hvac_action=HVACAction.IDLE
    )
    assert (room.excess_k, room.target_c) == (None, 20)


@pytest.mark.parametrize(
    ("unit", "target"), [(C, 0), (C, 4.5), (C, 36), (C, 254), (F, 0), (F, 40), (F, 96), (C, None)]
)
def test_a_target_that_nobody_heats_to_is_not_known(unit, target):
    warm = 20 if unit is C else 68
    assert read(unit, current_temperature=warm, temperature=target) is None
    room = read(unit, current_temperature=warm, temperature=target, hvac_action=HVACAction.HEATING)
    assert (room.excess_k, room.target_c) == (None, None)


anything = st.none() | st.floats() | st.integers() | st.text(max_size=4) | st.booleans()


@given(st.sampled_from([C, F]), anything, anything)
def test_whatever_a_thermostat_says_it_is_a_room_that_can_be_or_none(unit, temperature, target):
    room = read(
        unit, current_temperature=temperature, temperature=target, hvac_action=HVACAction.IDLE
    )
    assert room.target_c is None or 5 <= room.target_c <= 35
    assert room.excess_k is None or -33 <= room.excess_k <= 40
