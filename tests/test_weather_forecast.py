"""What a weather entity foretells, asked through Home Assistant's own weather component."""

from datetime import UTC, datetime, timedelta
import math

from homeassistant.components.weather import WeatherEntity, WeatherEntityFeature
from homeassistant.const import UnitOfTemperature
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM
import pytest
from pytest_homeassistant_custom_component.common import setup_test_component_platform

from custom_components.gpu_heat.weather_forecast import WeatherForecast

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)  # when tests begin


def at(hours):
    return NOON + timedelta(hours=hours)


def hourly(*celsius, first=0):
    return [
        {"datetime": at(first + hour).isoformat(), "native_temperature": value}
        for hour, value in enumerate(celsius)
    ]


class Weather(WeatherEntity):
    """A weather service that says what the test wants."""

    entity_id = "weather.home"
    _attr_should_poll = False
    _attr_condition = "cloudy"
    _attr_native_temperature = 1.0
    _attr_native_temperature_unit = UnitOfTemperature.CELSIUS
    _attr_supported_features = WeatherEntityFeature.FORECAST_HOURLY

    def __init__(self, rows):
        self.rows = rows
        self.asked = []

    async def _tell(self, kind):
        self.asked.append(kind)
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows

    async def async_forecast_hourly(self):
        return await self._tell("hourly")

    async def async_forecast_daily(self):
        return await self._tell("daily")

    async def async_forecast_twice_daily(self):
        return await self._tell("twice_daily")


@pytest.fixture
def follow(hass, entry, setup):
    """Follow the forecast of a weather entity, as a zone does."""

    async def follow(weather=None):
        await hass.config.async_set_time_zone("Europe/Berlin")
        if weather:
            await up(hass, weather)
        await setup(entry)
        forecast = WeatherForecast(hass, "weather.home")
        forecast.async_follow(entry)
        await hass.async_block_till_done(wait_background_tasks=True)
        return forecast

    return follow


async def up(hass, weather):
    setup_test_component_platform(hass, "weather", [weather])
    assert await async_setup_component(hass, "weather", {"weather": {"platform": "test"}})
    await hass.async_block_till_done()


async def test_temperatures_go_from_hour_to_hour(follow):
    forecast = await follow(Weather(hourly(-2.0, 0.0, 4.0)))
    assert [forecast.at(at(hour)) for hour in (0, 0.5, 1, 1.25, 2)] == [-2, -1, 0, 1, 4]
    assert forecast.at(at(-0.1)) is forecast.at(at(2.1)) is None


async def test_where_fahrenheit_is_shown_degrees_are_celsius_all_the_same(hass, follow):
    hass.config.units = US_CUSTOMARY_SYSTEM
    forecast = await follow(Weather(hourly(-10.0, 20.0)))
    assert hass.states.get("weather.home").attributes["temperature_unit"] == "°F"
    assert forecast.at(at(0)) == pytest.approx(-10)  # shown as 14 °F
    assert forecast.at(at(1)) == pytest.approx(20)  # 68 °F


async def test_it_is_asked_every_half_hour_and_not_more_often(hass, follow, poll):
    weather = Weather(hourly(1.0, 1.0))
    await follow(weather)
    for minute in range(59):
        weather._attr_native_temperature = minute
        weather.async_write_ha_state()
        await poll(minutes=1)
    assert weather.asked == ["hourly"] * 2
    await poll(minutes=2)
    assert weather.asked == ["hourly"] * 3


async def test_a_new_forecast_takes_the_place_of_the_last(follow, poll):
    weather = Weather(hourly(1.0, 1.0, 1.0, 1.0))
    forecast = await follow(weather)
    weather.rows = hourly(5.0, 5.0, first=1)
    await poll(minutes=31)
    assert [forecast.at(at(hour)) for hour in (0.5, 1, 1.5, 2, 2.5)] == [3, 5, 5, 5, None]


async def test_a_question_without_an_answer_is_asked_again_soon(follow, poll):
    """As while the weather integration still starts: after one, two and four minutes."""
    weather = Weather([])
    forecast = await follow(weather)
    for minute in range(7):
        await poll(minutes=1)
        assert len(weather.asked) == (2, 2, 3, 3, 3, 3, 4)[minute]
    weather.rows = hourly(1.0, 1.0)
    await poll(minutes=8)
    assert forecast.at(at(0.5)) == 1
    await poll(minutes=29)
    assert len(weather.asked) == 5


async def test_who_never_answers_is_asked_every_half_hour_for_good(follow, poll, caplog):
    weather = Weather([])
    await follow(weather)
    await poll(minutes=1)
    for _ in range(60):  # as many doublings of a minute are more than a timedelta holds
        await poll(minutes=31)
    assert len(weather.asked) == 62
    assert "Overflow" not in caplog.text


async def test_what_is_long_past_is_forgotten(follow, poll):
    weather = Weather(hourly(1.0, 1.0))
    forecast = await follow(weather)
    weather.rows = hourly(5.0, 5.0, first=8)
    await poll(hours=8)
    assert [point.start for point in forecast.outdoor.points] == [at(8), at(9)]


@pytest.mark.parametrize(
    "silence",
    [HomeAssistantError("no internet"), KeyError("hourly"), TimeoutError(), [], None],
)
async def test_where_it_tells_nothing_the_last_forecast_runs_out(follow, poll, silence):
    weather = Weather(hourly(1.0, 1.0, 1.0))
    forecast = await follow(weather)
    weather.rows = silence
    await poll(minutes=31)
    assert weather.asked == ["hourly"] * 2
    assert forecast.at(at(1.5)) == 1
    assert forecast.at(at(2.5)) is None
    weather.rows = hourly(3.0, 3.0, first=2)
    await poll(minutes=31)
    assert forecast.at(at(2.5)) == 3


async def test_an_entity_that_comes_up_later_is_asked_then(hass, follow, poll):
    forecast = await follow()
    await poll(minutes=31)
    assert forecast.at(at(1)) is None
    weather = Weather(hourly(1.0, 1.0))
    await up(hass, weather)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert weather.asked == ["hourly"]
    assert forecast.at(at(1)) == 1


async def test_an_entity_without_forecasts_is_not_asked(follow, poll):
    weather = Weather(hourly(1.0, 1.0))
    weather._attr_supported_features = 0
    forecast = await follow(weather)
    assert weather.asked == []
    assert forecast.at(at(0)) is None


async def test_a_zone_that_is_unloaded_asks_no_more(hass, entry, follow, poll):
    weather = Weather(hourly(1.0, 1.0))
    await follow(weather)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await poll(minutes=31)
    assert weather.asked == ["hourly"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"native_temperature": -61},
        {"native_temperature": 61},
        {"native_temperature": None},
        {"native_temperature": "mild"},
        {"native_temperature": math.nan},
        {"datetime": "2026-01-15T13:00:00"},  # of which time zone?
        {"datetime": "soon"},
        {"datetime": None},
    ],
)
async def test_of_what_cannot_be_nothing_is_taken(follow, wrong):
    rows = hourly(1.0, 9.0, 3.0)
    rows[1] |= wrong
    forecast = await follow(Weather(rows))
    assert forecast.at(at(1)) == 2  # by its neighbours


async def test_a_moment_may_be_one_already(follow):
    rows = [row | {"datetime": dt_util.parse_datetime(row["datetime"])} for row in hourly(1.0, 2.0)]
    forecast = await follow(Weather(rows))
    assert forecast.at(at(1)) == 2


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-16T00:00:00+00:00",  # midnight of the service's zone
        "2026-01-16T00:00:00+01:00",
        "2026-01-15T23:00:00+00:00",  # midnight in Berlin
        "2026-01-16T11:00:00+00:00",  # noon in Berlin
    ],
)
async def test_of_days_the_hours_follow_from_low_and_high(follow, written):
    """5 h and 14 h in Berlin are 4 h and 13 h in UTC: 16 and 25 h from noon."""
    weather = Weather([{"datetime": written, "native_temperature": 6.0, "native_templow": -2.0}])
    weather._attr_supported_features = WeatherEntityFeature.FORECAST_DAILY
    forecast = await follow(weather)
    assert weather.asked == ["daily"]
    assert [forecast.at(at(hour)) for hour in (16, 25)] == [-2, 6]
    assert forecast.at(at(19)) == pytest.approx(0)  # a third of the way: a quarter of the rise


async def test_a_day_without_a_low_tells_its_high_alone(follow):
    weather = Weather([{"datetime": "2026-01-16", "native_temperature": 6.0}])
    weather.rows.append({"datetime": "2026-01-16T12:00:00+00:00", "native_temperature": 6.0})
    weather._attr_supported_features = WeatherEntityFeature.FORECAST_DAILY
    forecast = await follow(weather)
    assert [point.start for point in forecast.outdoor.points] == [at(25)]


async def test_of_days_and_nights_the_hours_follow_as_well(follow):
    def half(moment, celsius, daytime):
        return {"datetime": moment, "native_temperature": celsius, "is_daytime": daytime}

    weather = Weather(
        [
            half("2026-01-15T16:00:00+01:00", 4.0, True),  # this afternoon
            half("2026-01-15T18:00:00+01:00", -4.0, False),
            half("2026-01-16T06:00:00+01:00", 8.0, True),
            half("2026-01-17T01:00:00+01:00", 2.0, False),  # overnight
            half("2026-01-17T06:00:00+01:00", None, True),
        ]
    )
    weather._attr_supported_features = WeatherEntityFeature.FORECAST_TWICE_DAILY
    forecast = await follow(weather)
    assert weather.asked == ["twice_daily"]
    assert [forecast.at(at(hour)) for hour in (1, 16, 25, 40)] == [4, -4, 8, 2]


async def test_the_hourly_forecast_is_asked_for_where_there_are_several(follow):
    weather = Weather(hourly(1.0, 2.0))
    weather._attr_supported_features = (
        WeatherEntityFeature.FORECAST_DAILY | WeatherEntityFeature.FORECAST_HOURLY
    )
    await follow(weather)
    assert weather.asked == ["hourly"]
