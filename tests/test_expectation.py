"""What a zone expects of the time ahead, from its entities and options."""

from datetime import UTC, datetime, timedelta

from homeassistant.components.climate import HVACMode
import pytest

from custom_components.gpu_heat.control.target_profile import TargetProfile
from custom_components.gpu_heat.control.usual import UsualWeather
from custom_components.gpu_heat.expectation import Forecast, expect
from custom_components.gpu_heat.heat.seasons import Season
from custom_components.gpu_heat.heat.series import Line, Row, Series

from .conftest import zone_entry

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEASONS = {"thermostats": ["climate.room"], "outdoor_temperature": "sensor.outdoor"}
OUTDOORS = {"outdoor_temperature": "sensor.outdoor"}


@pytest.fixture
async def expected(hass, agent, setup):
    """Set up a zone; return what it expects."""
    await hass.config.async_set_time_zone("UTC")
    hass.states.async_set("sensor.outdoor", 5, {"unit_of_measurement": "°C"})

    async def of(*, forecast=None, season=Season.HEATING, targets=None, usual=None, **sections):
        entry = zone_entry(agent, **({"seasons": SEASONS} | sections))
        await setup(entry)
        return expect(
            entry.runtime_data.zone,
            usual or UsualWeather(latitude=45.0),
            targets or TargetProfile(),
            forecast or Forecast(),
            season,
            NOW,
        )

    return of


@pytest.fixture
def room(hass):
    """Set what the thermostat says."""

    def set_room(mode=HVACMode.HEAT, **attributes):
        hass.states.async_set("climate.room", mode, {"current_temperature": 20.5, **attributes})

    return set_room


def setback():
    """Return a week of 21 °C from 6 to 22 h, else 18."""
    targets = TargetProfile()
    for hour in range(24 * 7):
        at = NOW - (hour + 1) * HOUR
        targets.tell(at, 18 if at.hour >= 22 or at.hour < 6 else 21)
    return targets


async def test_the_rooms_tell_temperature_and_target(room, expected):
    room(temperature=21)
    found = await expected()
    assert (found.room_c, found.comfort_c) == (20.5, 21)
    assert found.target_c(NOW + 30 * HOUR) == 21
    assert (found.price_now, found.outdoor_c(NOW)) == (0.0718, None)
    assert found.usual_c(NOW + 30 * HOUR) == 5  # as measured, while nothing else is known


async def test_a_setback_is_expected_as_it_was(room, expected):
    room(temperature=21)
    found = await expected(targets=setback())
    hours = [found.target_c(NOW + hour * HOUR + HOUR / 2) for hour in (0, 9, 10, 17, 18, 90)]
    assert hours == [21, 21, 18, 18, 21, 21]
    assert found.comfort_c == 21


async def test_a_setback_is_expected_in_all_weeks_to_come(room, expected):
    room(temperature=21)
    found = await expected(targets=setback())
    days = [
        [found.target_c(NOW + (24 * day + hour) * HOUR) for day in (3, 6, 7, 10, 27)]
        for hour in (0, 15)
    ]
    assert days == [[21] * 5, [18] * 5]  # noon, and 3 h


async def test_only_rooms_that_are_heated_tell_how_warm_it_is(hass, room, expected):
    room(temperature=21)
    off = {"current_temperature": 25, "temperature": 7}
    hass.states.async_set("climate.attic", HVACMode.OFF, off)
    both = {"thermostats": ["climate.room", "climate.attic"]}
    found = await expected(seasons=SEASONS | both)
    assert (found.room_c, found.comfort_c) == (20.5, 21)
    room(HVACMode.OFF, temperature=21)
    assert (await expected(seasons=SEASONS | both)).room_c == pytest.approx((20.5 + 25) / 2)


async def test_the_forecast_goes_before_what_is_usual(room, expected):
    room(temperature=21)
    line = Line.of(Row(start=NOW + hour * HOUR, value=hour) for hour in range(3))
    usual = UsualWeather(latitude=0.0)
    usual.tell(NOW, -7)
    found = await expected(forecast=Forecast(outdoor=line), usual=usual)
    assert found.outdoor_c(NOW + 1.5 * HOUR) == 1.5
    assert (found.outdoor_c(NOW + 3 * HOUR), found.usual_c(NOW + 3 * HOUR)) == (None, -7)


async def test_without_a_sensor_the_forecast_says_how_it_is_now(room, expected):
    room(temperature=21)
    seasons = {"thermostats": ["climate.room"]}
    assert await expected(seasons=seasons) is None
    line = Line.of([Row(start=NOW, value=3), Row(start=NOW + HOUR, value=4)])
    found = await expected(seasons=seasons, forecast=Forecast(outdoor=line))
    assert found.usual_c(NOW + 50 * HOUR) == 3


async def test_prices_ahead_have_surcharge_and_tax_and_end_where_they_are_not_told(
    hass, room, expected
):
    room(temperature=21)
    hass.states.async_set("sensor.price", 0.10, {"unit_of_measurement": "CAD/kWh"})
    electricity = {
        "tariff": "entity",
        "price_entity": "sensor.price",
        "surcharge": 0.05,
        "tax": 20,
    }
    prices = Series.of([Row(start=NOW, value=0.10), Row(start=NOW + HOUR, value=0.25)])
    found = await expected(electricity=electricity, forecast=Forecast(prices=prices))
    assert found.price_now == pytest.approx(0.18)
    assert found.price(NOW + HOUR) == pytest.approx(0.36)
    assert found.price(NOW + 2 * HOUR) is None


@pytest.mark.parametrize(
    ("heating", "per_kwh"),
    [
        ({}, 1.30 / (0.85 * 10.6)),
        ({"fuel": "none"}, 0),
        ({"fuel": "heat_pump", "fuel_price": 0.30, "efficiency": 300, "heat_content": 1}, 0.10),
    ],
)
async def test_what_heat_costs(room, expected, heating, per_kwh):
    room(temperature=21)
    found = await expected(heating=heating)
    assert found.heat_price(0.30, 5.0) == pytest.approx(per_kwh)


async def test_a_price_of_fuel_that_nobody_tells_leaves_no_plan(room, expected):
    room(temperature=21)
    assert await expected(heating={"fuel_price_entity": "sensor.oil"}) is None


async def test_thermostats_that_are_silent_leave_no_plan(hass, expected):
    assert await expected() is None


@pytest.mark.parametrize(
    ("season", "target_c"),
    [(Season.HEATING, 20), (Season.SHOULDER, None), (Season.COOLING, None)],
)
async def test_without_a_thermostat_rooms_are_as_usual(expected, season, target_c):
    found = await expected(season=season, seasons=OUTDOORS)
    assert (found.target_c(NOW), found.comfort_c, found.room_c) == (target_c, target_c, 20)


async def test_a_thermostat_that_is_off_heats_to_nothing(room, expected):
    room(HVACMode.OFF, temperature=21)
    assert (await expected()).target_c(NOW) is None


async def test_a_heater_that_tells_no_target_keeps_what_is_usual(hass, expected):
    hass.states.async_set("climate.room", HVACMode.HEAT, {"hvac_action": "heating"})
    found = await expected()
    assert (found.target_c(NOW), found.room_c) == (20, 20)


@pytest.mark.parametrize(
    ("mode", "attributes", "cooling", "cool_c"),
    [
        (HVACMode.COOL, {"temperature": 24}, {"cooling_cop": 3}, 24),
        (
            HVACMode.HEAT_COOL,
            {"target_temp_low": 20, "target_temp_high": 26},
            {"cooling_cop": 3},
            26,
        ),
        (HVACMode.HEAT, {"temperature": 21}, {"cooling_cop": 3}, 25.5),
        (HVACMode.COOL, {"temperature": 24}, {}, None),
        (HVACMode.COOL, {"temperature": 999}, {"cooling_cop": 3}, 25.5),
    ],
)
async def test_what_the_air_conditioner_keeps(room, expected, mode, attributes, cooling, cool_c):
    modes = {"hvac_modes": ["heat", "cool", "heat_cool"]}
    room(mode, **attributes, **modes)
    found = await expected(season=Season.COOLING, cooling=cooling)
    assert found.cool_c == cool_c
    assert found.cool_price(0.30, 30.0) == pytest.approx(0.10 if cooling else 0)
