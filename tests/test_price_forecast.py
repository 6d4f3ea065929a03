"""The prices ahead of a price entity: by its attributes, its device and its integration."""

from datetime import UTC, datetime, timedelta
import logging

from homeassistant.core import SupportsResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.gpu_heat.price_forecast import PriceForecast

PRICE = "sensor.price"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)  # when tests begin; 13 h in Berlin


def at(hours):
    return NOON + timedelta(hours=hours)


def rows(*values, first=0):
    """Rows as the custom integration of Nord Pool writes them, hour by hour."""
    return [
        {"start": at(first + hour), "end": at(first + hour + 1), "value": value}
        for hour, value in enumerate(values)
    ]


def says(hass, price, unit="EUR/kWh", entity_id=PRICE, **attributes):
    if unit:
        attributes["unit_of_measurement"] = unit
    hass.states.async_set(entity_id, str(price), attributes)


def told(forecast, *hours):
    return [forecast.at(at(hour)) for hour in hours]


@pytest.fixture
def follow(hass, entry, setup):
    """Follow the prices ahead, as a zone does."""

    async def follow(currency="EUR"):
        await hass.config.async_set_time_zone("Europe/Berlin")
        await setup(entry)
        forecast = PriceForecast(hass, PRICE, currency)
        forecast.async_follow(entry)
        await hass.async_block_till_done(wait_background_tasks=True)
        return forecast

    return follow


@pytest.mark.parametrize(
    ("unit", "factor"), [("EUR/kWh", 1), ("ct/kWh", 100), ("EUR/MWh", 1000), ("€/kWh", 1)]
)
async def test_attributes_are_in_the_unit_of_their_entity(hass, follow, unit, factor):
    says(hass, 0.3 * factor, unit, raw_today=rows(0.3 * factor, 0.5 * factor))
    forecast = await follow()
    assert told(forecast, 0, 1.5, 2) == pytest.approx([0.3, 0.5, None])


async def test_prices_change_as_the_entity_says_others(hass, follow, poll):
    says(hass, 0.3, raw_today=rows(0.3, 0.5))
    forecast = await follow()
    await poll(hours=1)
    says(hass, 0.5, raw_today=rows(0.3, 0.5), raw_tomorrow=rows(0.7, first=2))
    await hass.async_block_till_done()
    assert told(forecast, 1, 2, 3) == [0.5, 0.7, None]


async def test_an_entity_that_comes_up_later_is_heard_then(hass, follow):
    forecast = await follow()
    assert told(forecast, 0) == [None]
    says(hass, 0.3, raw_today=rows(0.3))
    await hass.async_block_till_done()
    assert told(forecast, 0) == [0.3]


async def test_while_it_is_silent_what_was_told_holds_and_runs_out(hass, follow):
    says(hass, 0.3, raw_today=rows(0.3, 0.5))
    forecast = await follow()
    hass.states.async_set(PRICE, "unavailable")
    await hass.async_block_till_done()
    assert told(forecast, 0, 1, 2) == [0.3, 0.5, None]


@pytest.mark.parametrize(
    "attributes",
    [
        {"raw_today": rows(30, 50)},  # in cents
        {"raw_today": rows(0.25, 0.42)},  # without a tax of 19 %
        {"raw_today": rows(0.3, 0.5, first=-24)},  # of yesterday
        {"raw_today": []},
        {"unit": "EUR/kWh"},
    ],
)
async def test_what_disagrees_with_the_price_now_is_not_taken(hass, follow, attributes):
    says(hass, 0.3, **attributes)
    forecast = await follow()
    assert told(forecast, -24, 0, 1) == [None] * 3


async def test_why_prices_are_not_taken_is_in_the_log(hass, follow, caplog):
    caplog.set_level(logging.DEBUG, "custom_components.gpu_heat")
    says(hass, 0.3, raw_today=rows(30, 50))
    await follow()
    assert f"The prices told with {PRICE} are not taken: none is 0.3 now" in caplog.text


@pytest.mark.parametrize(
    ("price", "unit"),
    [("cheap", "EUR/kWh"), (0.3, "SEK/kWh"), (0.3, "EUR"), (0.3, None), (4, "EUR/kWh")],
)
async def test_without_a_price_that_is_understood_none_ahead_is(hass, follow, price, unit):
    says(hass, price, unit, raw_today=rows(0.3, 0.5))
    forecast = await follow()
    assert told(forecast, 0, 1) == [None, None]


async def test_a_price_that_is_no_longer_understood_ends_the_forecast(hass, follow):
    says(hass, 0.3, raw_today=rows(0.3, 0.5))
    forecast = await follow()
    says(hass, 0.3, "SEK/kWh", raw_today=rows(0.3, 0.5))
    await hass.async_block_till_done()
    assert told(forecast, 1) == [None]


async def test_a_price_of_nothing_tells_no_unit_unless_it_was_told_before(hass, follow):
    says(hass, 0.0, raw_today=rows(0.0, 30))  # 0 EUR or 0 ct?
    forecast = await follow()
    assert told(forecast, 0) == [None]
    says(hass, 0.3, raw_today=rows(0.3, 0.0))
    await hass.async_block_till_done()
    says(hass, 0.0, raw_today=rows(0.0, 0.5))
    await hass.async_block_till_done()
    assert told(forecast, 0, 1) == [0, 0.5]


@pytest.fixture
def device(hass):
    """A device of an integration, and the price entity as one of its entities."""

    def make(platform="entsoe", unique_id="price", options=None):
        entry = MockConfigEntry(domain=platform, options=options or {})
        entry.add_to_hass(hass)
        device = dr.async_get(hass).async_get_or_create(
            config_entry_id=entry.entry_id, identifiers={(platform, "market")}
        )

        def add(name, unique_id):
            er.async_get(hass).async_get_or_create(
                "sensor",
                platform,
                unique_id,
                suggested_object_id=name,
                config_entry=entry,
                device_id=device.id,
            )

        add("price", unique_id)
        return add

    return make


async def test_prices_may_be_with_another_entity_of_the_device(hass, device, follow):
    """ENTSO-e shows them with the average of the day."""
    device()("average", "average")
    says(hass, 0.3)
    shown = [{"time": str(at(hour)), "price": price} for hour, price in enumerate((0.3, 0.5))]
    says(hass, 0.4, entity_id="sensor.average", prices=shown)
    forecast = await follow()
    assert told(forecast, 0, 1) == [0.3, 0.5]


async def test_another_entity_without_a_unit_is_in_that_of_the_price(hass, device, follow):
    """Octopus Energy shows them with an event."""
    device()("rates", "rates")
    says(hass, 20, "p/kWh")
    shown = [{"start": at(0), "end": at(0.5), "value_inc_vat": 20}]
    says(hass, "2026-01-15T00:00:00", None, "sensor.rates", rates=shown)
    forecast = await follow("GBP")
    assert told(forecast, 0.4, 0.5) == [0.2, None]


async def test_another_entity_in_another_unit_is_converted(hass, device, follow):
    device()("market", "market")
    says(hass, 0.3)
    says(hass, 300, "EUR/MWh", "sensor.market", raw_today=rows(300, 500))
    forecast = await follow()
    assert told(forecast, 0, 1) == pytest.approx([0.3, 0.5])


async def test_what_another_entity_lists_that_is_no_price_is_not_taken(hass, device, follow):
    """EPEX Spot lists volumes as well."""
    add = device()
    add("volume", "volume")
    add("silent", "silent")
    says(hass, 0.3)
    says(hass, 5, "MWh", "sensor.volume", raw_today=rows(0.3, 0.5))
    forecast = await follow()
    assert told(forecast, 0, 1) == [None, None]


async def test_what_its_own_attributes_say_goes_first(hass, device, follow):
    device()("other", "other")
    says(hass, 0.3, raw_today=rows(0.3, 0.5))
    says(hass, 0.3, entity_id="sensor.other", raw_today=rows(0.3, 0.9))
    forecast = await follow()
    assert told(forecast, 1) == [0.5]


@pytest.fixture
def answer(hass):
    """Let an integration answer by an action, and note what it is asked."""

    def register(domain, action, respond):
        asked = []

        async def handle(call):
            asked.append(dict(call.data))
            return respond(call.data)

        hass.services.async_register(
            domain, action, handle, supports_response=SupportsResponse.ONLY
        )
        return asked

    return register


async def test_nord_pool_answers_per_mwh_by_area(hass, device, answer, follow):
    def respond(data):
        first = {"2026-01-15": 0, "2026-01-16": 11}[data["date"]]
        return {
            "SE3": [
                {"start": at(first).isoformat(), "end": at(first + 1).isoformat(), "price": 450.5}
            ]
        }

    device("nordpool", "SE3-current_price")
    asked = answer("nordpool", "get_prices_for_date", respond)
    says(hass, 0.4505, "SEK/kWh")
    forecast = await follow("SEK")
    assert told(forecast, 0, 1, 11, 12) == [0.4505, None, 0.4505, None]
    assert [(data["date"], data["areas"]) for data in asked] == [
        ("2026-01-15", ["SE3"]),
        ("2026-01-16", ["SE3"]),
    ]


async def test_of_the_homes_of_tibber_the_one_with_this_price_is_meant(
    hass, device, answer, follow
):
    def respond(data):
        begin = dt_util.parse_datetime(data["start"])
        hours = [str(begin + timedelta(hours=hour)) for hour in range(24)]
        return {
            "prices": {
                "home": [{"start_time": hour, "price": 0.3} for hour in hours],
                "cabin": [{"start_time": hour, "price": 0.6} for hour in hours],
            }
        }

    device("tibber")
    asked = answer("tibber", "get_prices", respond)
    says(hass, 0.6, "NOK/kWh")
    forecast = await follow("NOK")
    assert told(forecast, 0, 34.9, 35) == [0.6, 0.6, None]
    assert asked[0] == {"start": "2026-01-15T00:00:00+01:00", "end": "2026-01-16T00:00:00+01:00"}


async def test_easyenergy_answers_with_moments_and_prices(hass, device, answer, follow):
    def respond(data):
        if data["start"] != "2026-01-15":
            raise ServiceValidationError("not yet published")
        return {
            "prices": [{"timestamp": str(at(hour)), "price": 0.2 + hour / 10} for hour in (0, 1, 2)]
        }

    device("easyenergy")
    answer("easyenergy", "get_energy_usage_prices", respond)
    says(hass, 0.2)
    forecast = await follow()
    assert told(forecast, 0, 1, 2, 3) == pytest.approx([0.2, 0.3, 0.4, None])


@pytest.mark.parametrize(
    ("options", "interval"),
    [({}, "hour"), ({"electricity_price_interval": "quarter_hourly"}, "quarter")],
)
async def test_energyzero_is_asked_with_and_without_all_taxes(
    hass, device, answer, follow, options, interval
):
    def respond(data):
        assert (data["interval"], data["incl_vat"]) == (interval, True)
        price = {"market": 0.1, "all_in": 0.25}[data["price_type"]]
        day = timedelta(days=data["start"] == "2026-01-16")
        start, end = str(at(0) + day), str(at(1) + day)
        return {"prices": [{"timestamp": start, "start": start, "end": end, "price": price}]}

    device("energyzero", options=options)
    answer("energyzero", "get_energy_prices", respond)
    says(hass, 0.25)
    forecast = await follow()
    assert told(forecast, 0, 1, 24) == [0.25, None, 0.25]


async def test_actions_are_asked_every_hour_and_a_failure_leaves_what_was_told(
    hass, device, answer, follow, poll
):
    answers = [{"SE3": [{"start": str(at(0)), "end": str(at(8)), "price": 300}]}]
    device("nordpool", "SE3-current_price")
    asked = answer("nordpool", "get_prices_for_date", lambda data: answers[-1])
    says(hass, 0.3)
    forecast = await follow()
    assert len(asked) == 2
    await poll(minutes=59)
    assert len(asked) == 2
    answers.append({"SE3": None})
    await poll(minutes=2)
    assert len(asked) == 4
    assert told(forecast, 7) == [0.3]
    answers.append({"SE3": [{"start": str(at(2)), "end": str(at(3)), "price": 400}]})
    await poll(minutes=61)
    says(hass, 0.4)
    await hass.async_block_till_done()
    assert told(forecast, 2.5) == [0.4]


async def test_an_integration_without_its_action_tells_nothing(hass, device, follow):
    device("nordpool", "SE3-current_price")
    says(hass, 0.3)
    forecast = await follow()
    assert told(forecast, 0) == [None]
