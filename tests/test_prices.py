"""What electricity and fuel cost, as Home Assistant's clock and entities tell it."""

from datetime import timedelta

from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest

from custom_components.gpu_heat.const import DOMAIN

from .conftest import zone_entry

KWH = 3_600_000
PRICE = "sensor.spot_price"
TIERS = {
    "tariff": "tiers",
    "tiers": [{"price": 0.07, "up_to": 40}, {"price": 0.11}],
    "period": "day",
    "first_day": 1,
    "meter_has_ours": True,
}


@pytest.fixture(autouse=True)
async def _utc(hass):
    """Local time is UTC, so that the hours below are the clock's."""
    await hass.config.async_set_time_zone("UTC")


def issues(hass):
    return {key for _, key in ir.async_get(hass).issues}


def say(hass, price, unit="CAD/kWh", entity_id=PRICE):
    hass.states.async_set(entity_id, price, {"unit_of_measurement": unit})


def followed(agent, **changes):
    return zone_entry(agent, electricity={"tariff": "entity", "price_entity": PRICE, **changes})


async def test_surcharge_and_tax_come_on_top(agent, setup, poll, figure):
    """(0.0718 + 0.02) x 1.15 = 0.10557"""
    await setup(zone_entry(agent, electricity={"surcharge": 0.02, "tax": 15}))
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert figure("electricity_price") == pytest.approx(0.10557)
    assert figure("electricity_cost") == pytest.approx(1.0557)


@pytest.mark.parametrize(
    ("said", "unit", "price"),
    [
        ("0.12", "CAD/kWh", 0.12),
        ("0.12", "$/kWh", 0.12),
        ("12", "ct/kWh", 0.12),
        ("120", "CAD/MWh", 0.12),
        ("0.00012", "CAD/Wh", 0.12),
        ("-0.03", "CAD/kWh", -0.03),  # on a spot market
    ],
)
async def test_an_entitys_price_is_read_by_its_unit(
    hass, agent, setup, poll, figure, said, unit, price
):
    say(hass, said, unit)
    await setup(followed(agent))
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert figure("electricity_price") == pytest.approx(price)
    assert figure("electricity_cost") == pytest.approx(10 * price)


async def test_energy_has_the_price_of_its_own_time(hass, agent, setup, poll, figure, freezer):
    """The source is off for 3 h: 1 h at 0.10 and 2 h at 0.40; 3 kWh cost 0.10 + 0.80."""
    say(hass, "0.10")
    await setup(followed(agent))
    agent.gpu(energy_j=0.0)
    await poll()
    await agent.stop()
    freezer.tick(timedelta(hours=1))
    say(hass, "0.40")
    await hass.async_block_till_done()
    freezer.tick(timedelta(hours=2))
    await agent.start()
    agent.gpu(energy_j=3.0 * KWH)
    await poll()
    await poll()
    assert figure("electricity_cost") == pytest.approx(0.9, abs=2e-3)


async def test_a_silent_price_holds_for_two_hours_then_money_stops(
    hass, agent, setup, poll, figure, entity_id
):
    entry = followed(agent)
    say(hass, "0.10")
    await setup(entry)
    say(hass, "unavailable")
    agent.gpu(energy_j=1.0 * KWH)
    await poll(minutes=119)
    assert figure("electricity_cost") == pytest.approx(0.1)
    assert not issues(hass)

    await poll(minutes=2)
    value = figure("heat_value")
    assert issues(hass) == {f"electricity_price_missing_{entry.entry_id}_{PRICE}"}
    agent.gpu(energy_j=3.0 * KWH)
    await poll()
    cost = hass.states.get(entity_id("sensor", "electricity_cost"))
    assert float(cost.state) == pytest.approx(0.1)
    assert cost.attributes["unpriced_energy"] == 2
    assert figure("heat_value") == value  # without its cost it would feign a gain
    assert figure(f"{entry.entry_id}_energy") == 3
    for ending in ("electricity_price", "cost_rate"):
        assert hass.states.get(entity_id("sensor", ending)).state == "unknown"

    say(hass, "0.20")
    await hass.async_block_till_done()
    agent.gpu(energy_j=4.0 * KWH)
    await poll(minutes=1)
    assert figure("electricity_cost") == pytest.approx(0.3, abs=1e-3)
    assert not issues(hass)


@pytest.mark.parametrize("unit", ["EUR/kWh", "CAD/L", "kWh", None])
async def test_a_price_whose_unit_has_become_wrong_is_none(
    hass, agent, setup, poll, entity_id, unit
):
    say(hass, "0.10", unit)
    await setup(followed(agent))
    await poll(hours=3)
    assert hass.states.get(entity_id("sensor", "electricity_price")).state == "unknown"
    assert len(issues(hass)) == 1


async def test_a_price_is_known_over_a_restart(hass, agent, setup, poll, figure, freezer):
    """Down for 4 h: for 2 h the last price holds, then there is none: 2 of 4 kWh are priced."""
    entry = followed(agent)
    say(hass, "0.10")
    await setup(entry)
    await poll()
    await hass.config_entries.async_unload(entry.entry_id)
    hass.states.async_remove(PRICE)
    freezer.tick(timedelta(hours=4))
    agent.gpu(energy_j=4.0 * KWH)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert figure("electricity_cost") == pytest.approx(0.2, abs=1e-3)


async def test_a_renamed_price_entity_is_followed(hass, agent, setup, poll, figure):
    registry = er.async_get(hass)
    registered = registry.async_get_or_create("sensor", "test", "1", suggested_object_id="tibber")
    say(hass, "0.10", entity_id=registered.entity_id)
    entry = followed(agent, price_entity=registered.entity_id)
    await setup(entry)
    registry.async_update_entity(registered.entity_id, new_entity_id="sensor.market")
    say(hass, "0.20", entity_id="sensor.market")
    await hass.async_block_till_done()
    assert entry.options["electricity"]["price_entity"] == "sensor.market"
    assert figure("electricity_price") == pytest.approx(0.2)


async def test_windows_price_the_time_of_use(hass, agent, setup, poll, figure, freezer):
    """A night window until 06:00; 10 min of 1 kWh around its end: half at 0.05, half at 0.20."""
    night = {"start": "22:00:00", "end": "06:00:00", "price": 0.05}
    entry = zone_entry(
        agent,
        electricity={"tariff": "time_of_use", "electricity_price": 0.20, "windows": [night]},
    )
    await setup(entry)
    freezer.move_to("2026-01-16 05:55:00+00:00")
    await poll(seconds=0)
    assert figure("electricity_price") == 0.05
    agent.gpu(energy_j=1.0 * KWH)
    await poll(minutes=10)
    assert figure("electricity_price") == 0.2
    assert figure("electricity_cost") == pytest.approx(0.125, abs=1e-4)


async def test_tiers_are_reached_by_our_own_consumption_where_there_is_no_meter(
    hass, agent, setup, poll, figure
):
    """50 kWh within a day: 40 x 0.07 + 10 x 0.11 = 3.90; the next kWh costs 0.11."""
    await setup(zone_entry(agent, electricity=TIERS))
    assert figure("electricity_price") == 0.07
    agent.gpu(energy_j=50.0 * KWH)
    await poll()
    assert figure("electricity_cost") == pytest.approx(3.90)
    assert figure("electricity_price") == 0.11


async def test_tiers_begin_anew_at_midnight(hass, agent, setup, poll, figure, freezer):
    """Ten minutes around midnight: 10 kWh at yesterday's 0.11, 10 kWh at today's 0.07."""
    await setup(zone_entry(agent, electricity=TIERS))
    freezer.move_to("2026-01-15 23:55:00+00:00")
    agent.gpu(energy_j=100.0 * KWH)
    await poll(seconds=0)
    before = figure("electricity_cost")
    assert before == pytest.approx(40 * 0.07 + 60 * 0.11)
    agent.gpu(energy_j=120.0 * KWH)
    await poll(minutes=10)
    assert figure("electricity_cost") - before == pytest.approx(10 * 0.11 + 10 * 0.07)
    assert figure("electricity_price") == 0.07


@pytest.mark.parametrize(
    ("meter_has_ours", "first", "second"),
    [
        # 35 kWh of the house, 8 of them ours: all in the first tier. 8 kWh more of ours reach
        # 43: 5 at 0.07 and 3 at 0.11.
        (True, 8 * 0.07, 5 * 0.07 + 3 * 0.11),
        # 35 kWh besides our 8: these reach from 35 to 43, what was booked at 0.07 moves up.
        (False, 5 * 0.07 + 3 * 0.11, 8 * 0.11),
    ],
)
async def test_tiers_are_reached_by_the_household(
    hass, agent, setup, poll, figure, meter_has_ours, first, second
):
    def meter(kwh):
        hass.states.async_set("sensor.meter", str(kwh), {"unit_of_measurement": "kWh"})

    meter(1000)
    tiers = {**TIERS, "meter": "sensor.meter", "meter_has_ours": meter_has_ours}
    await setup(zone_entry(agent, electricity=tiers))
    agent.gpu(energy_j=8.0 * KWH)
    await poll()
    assert figure("electricity_cost") == pytest.approx(8 * 0.07)
    meter(1035)
    await poll()
    assert figure("electricity_cost") == pytest.approx(first)
    agent.gpu(energy_j=16.0 * KWH)
    await poll()
    assert figure("electricity_cost") == pytest.approx(first + second)
    assert figure("electricity_price") == 0.11


@pytest.mark.parametrize(
    ("readings", "price"),
    [
        ([1000, 1045], 0.11),
        ([1000, 1030, 15], 0.11),  # it began anew, from 0: 30 + 15 kWh
        ([1000, 1030, 1029, 1031], 0.07),  # it dipped: 31 kWh
        ([1000, "unavailable", 1030], 0.07),
    ],
)
async def test_a_meter_is_read_as_home_assistants_statistics_do(
    hass, agent, setup, poll, figure, readings, price
):
    async def meter(reading):
        hass.states.async_set("sensor.meter", str(reading), {"unit_of_measurement": "kWh"})
        await poll()

    await meter(readings[0])
    await setup(zone_entry(agent, electricity={**TIERS, "meter": "sensor.meter"}))
    for reading in readings[1:]:
        await meter(reading)
    assert figure("electricity_price") == price


async def test_another_meter_is_not_read_as_if_it_were_the_same(hass, agent, setup, poll, figure):
    for meter, kwh in (("sensor.old", 100), ("sensor.new", 90_000)):
        hass.states.async_set(meter, str(kwh), {"unit_of_measurement": "kWh"})
    entry = zone_entry(agent, electricity={**TIERS, "meter": "sensor.old"})
    await setup(entry)
    new = {**entry.options["electricity"], "meter": "sensor.new"}
    hass.config_entries.async_update_entry(entry, options={**entry.options, "electricity": new})
    await hass.async_block_till_done()
    await poll()
    assert figure("electricity_price") == 0.07


async def test_where_electricity_heats_the_house_tiers_change_nothing(
    hass, agent, setup, poll, figure
):
    """Each kWh of compute spares a kWh of the baseboards, whichever tier they are in."""

    def meter(kwh):
        hass.states.async_set("sensor.meter", str(kwh), {"unit_of_measurement": "kWh"})

    meter(1000)
    tiers = {**TIERS, "meter": "sensor.meter", "meter_has_ours": False}
    baseboards = {"fuel": "electricity", "fuel_price": None, "efficiency": 100, "heat_content": 1}
    await setup(zone_entry(agent, electricity=tiers, heating=baseboards))
    agent.gpu(energy_j=8.0 * KWH)
    await poll()
    meter(1035)
    await poll()
    assert figure("electricity_cost") == pytest.approx(0.68)
    assert figure("heat_value") == pytest.approx(0.68)
    assert figure("net_cost") == pytest.approx(0)


async def test_tiers_survive_a_restart(hass, agent, setup, poll, figure):
    entry = zone_entry(agent, electricity=TIERS)
    await setup(entry)
    agent.gpu(energy_j=39.0 * KWH)
    await poll()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    agent.gpu(energy_j=41.0 * KWH)
    await poll()
    assert figure("electricity_cost") == pytest.approx(40 * 0.07 + 1 * 0.11)


async def test_a_fuel_price_from_an_entity(hass, agent, setup, poll, figure):
    """520 CAD for 1,000 L is 0.52; 10 kWh displace 1.109878 L."""
    say(hass, "0.52", "CAD/L", "sensor.oil")
    entry = zone_entry(agent, heating={"fuel_price_entity": "sensor.oil"})
    await setup(entry)
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert figure("heat_value") == pytest.approx(0.577137, abs=1e-6)
    say(hass, "unknown", "CAD/L", "sensor.oil")
    await poll(days=6)
    agent.gpu(energy_j=20.0 * KWH)
    await poll()
    assert figure("heat_value") == pytest.approx(1.154273, abs=1e-6)
    await poll(days=2)
    assert issues(hass) == {f"fuel_price_missing_{entry.entry_id}_sensor.oil"}
    cost = figure("electricity_cost")
    agent.gpu(energy_j=30.0 * KWH)
    await poll()
    assert figure("heat_value") == pytest.approx(1.154273, abs=1e-6)
    assert figure("electricity_cost") - cost == pytest.approx(0.718)  # a cost is a cost
    assert figure("fuel_displaced") == pytest.approx(3.329634, abs=1e-6)


async def test_a_zone_that_is_removed_leaves_no_issue(hass, agent, setup, poll):
    entry = followed(agent)
    await setup(entry)
    await poll(hours=3)
    assert issues(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    assert not [key for domain, key in ir.async_get(hass).issues if domain == DOMAIN]
