"""What Home Assistant's recorder and Energy dashboard make of the entities."""

from datetime import timedelta
from itertools import product

from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

KWH = 3_600_000
GRID = {
    "type": "grid",
    "stat_energy_to": None,
    "stat_compensation": None,
    "number_energy_price": None,
    "entity_energy_price_export": None,
    "number_energy_price_export": None,
    "cost_adjustment_day": 0.0,
}


@pytest.fixture(autouse=True)
def _custom_integrations(recorder_mock, enable_custom_integrations):
    """The recorder comes first."""


@pytest.fixture
async def client(hass, hass_ws_client):
    """A client of the Energy dashboard, logged in before the clock is set to winter."""
    assert await async_setup_component(hass, "sensor", {})
    assert await async_setup_component(hass, "energy", {})
    return await hass_ws_client(hass)


@pytest.fixture
async def energy(hass, client, agent, entry, setup, poll):
    """A zone with three minutes of readings behind it, recorded; return when it began."""
    await setup(entry)
    registry = er.async_get(hass)
    for item in er.async_entries_for_config_entry(registry, entry.entry_id):
        if item.disabled_by:
            registry.async_update_entity(item.entity_id, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    began = dt_util.utcnow()
    for kwh in (1, 2, 3):
        agent.gpu(energy_j=float(kwh * KWH))
        await poll(seconds=60)
    await async_wait_recording_done(hass)
    do_adhoc_statistics(hass, start=began)
    await async_wait_recording_done(hass)
    return began


async def test_the_energy_dashboard_has_nothing_to_say(hass, client, entry, energy, entity_id):
    """Every entity that can be chosen there: as energy, as power, as cost, as price."""
    registry = er.async_get(hass)
    ours = [
        hass.states.get(item.entity_id)
        for item in er.async_entries_for_config_entry(registry, entry.entry_id)
    ]
    of_class = {
        kind: [state.entity_id for state in ours if state.attributes.get("device_class") == kind]
        for kind in ("energy", "power", "monetary")
    }
    # Energy of zone, source and GPU, and the useful heat; as many powers, with heat output and
    # effective power; what it costs, is worth, costs to cool, and net.
    assert [len(found) for found in of_class.values()] == [4, 5, 4]
    price = entity_id("sensor", "electricity_price")
    for meter, power in product(of_class["energy"], of_class["power"]):
        for cost in (*of_class["monetary"], None):
            grid = GRID | {
                "stat_energy_from": meter,
                "stat_rate": power,
                "stat_cost": cost,
                "entity_energy_price": None if cost else price,
            }
            await client.send_json_auto_id(
                {
                    "type": "energy/save_prefs",
                    "energy_sources": [grid],
                    "device_consumption": [{"stat_consumption": meter, "stat_rate": power}],
                }
            )
            saved = await client.receive_json()
            assert saved["success"], saved
            await client.send_json_auto_id({"type": "energy/validate"})
            answer = await client.receive_json()
            assert answer["result"] == {
                "energy_sources": [[]],
                "device_consumption": [[]],
                "device_consumption_water": [],
            }, grid


async def test_statistics_sum_what_was_used(hass, entry, energy, entity_id):
    """3 kWh from the first poll on: 3 x 0.0718 CAD; 3 / (0.85 x 10.6) L at 1.30 CAD."""
    ids = {
        key: entity_id("sensor", ending)
        for key, ending in {
            "energy": f"{entry.entry_id}_energy",
            "useful": "useful_heat",
            "cost": "electricity_cost",
            "value": "heat_value",
            "net": "net_cost",
            "fuel": "fuel_displaced",
        }.items()
    }
    found = await hass.async_add_executor_job(
        lambda: statistics_during_period(
            hass,
            energy - timedelta(minutes=5),
            None,
            set(ids.values()),
            "5minute",
            None,
            {"sum"},
        )
    )
    sums = {key: found[statistic][-1]["sum"] for key, statistic in ids.items()}
    assert sums == pytest.approx(
        {
            "energy": 3,
            "useful": 3,
            "cost": 0.2154,
            "value": 0.432852,
            "net": -0.217452,
            "fuel": 0.332963,
        },
        abs=1e-6,
    )
