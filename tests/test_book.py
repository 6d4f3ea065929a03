"""The book of a zone: over crashes, corrupt files, resets, currencies and versions."""

from copy import deepcopy
from datetime import timedelta

from homeassistant.config_entries import ConfigEntryState
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.gpu_heat.const import DOMAIN

from .conftest import OPTIONS, zone_entry
from .scripted_agent import GPU

KWH = 3_600_000
# 1 kWh of useful heat: 1 / (0.85 x 10.6) = 0.110988 L of oil, at 1.30 CAD/L
VALUE_OF_A_KWH = 0.144284


def key_of(entry):
    return f"{DOMAIN}.{entry.entry_id}.ledger"


async def restart(hass, entry, meanwhile=lambda: None):
    """Unload the zone, let something happen, set it up again."""
    await hass.config_entries.async_unload(entry.entry_id)
    meanwhile()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def test_a_crash_loses_no_energy(hass, hass_storage, agent, entry, setup, poll):
    """The file that a killed Home Assistant leaves has the sums and the counters they belong to."""
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    await poll(seconds=6)
    stored = hass_storage[f"{DOMAIN}.{entry.entry_id}.ledger"]["data"]
    assert stored["totals"]["energy_j"] == "3600000.0"
    (account,) = stored["accounts"].values()
    assert account["readings"][GPU]["counter_j"] == "3600000.0"


async def test_a_start_after_a_crash_goes_on_from_the_file(
    hass, hass_storage, agent, entry, setup, poll, figure
):
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    await poll(seconds=6)
    key = f"{DOMAIN}.{entry.entry_id}.ledger"
    left = deepcopy(hass_storage[key])
    await hass.config_entries.async_unload(entry.entry_id)
    hass_storage[key] = left
    agent.gpu(energy_j=1.5 * KWH)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_energy") == 1.5


async def test_a_change_of_prices_does_not_rewrite_the_past(
    hass, agent, entry, setup, poll, figure
):
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    dearer = {**OPTIONS["electricity"], "electricity_price": 1.0}
    hass.config_entries.async_update_entry(entry, options={**OPTIONS, "electricity": dearer})
    await hass.async_block_till_done()
    assert figure("electricity_cost") == pytest.approx(0.0718)
    agent.gpu(energy_j=2.0 * KWH)
    await poll()
    assert figure("electricity_cost") == pytest.approx(1.0718)


async def test_late_energy_has_the_price_of_before_a_change(
    hass, agent, entry, setup, poll, figure, freezer
):
    """The source is off for 4 h, the price changes after 1: 0.25 x 0.0718 + 0.75 x 1 a kWh."""
    await setup(entry)
    await poll()
    await agent.stop()
    freezer.tick(timedelta(hours=1))
    dearer = {**OPTIONS["electricity"], "electricity_price": 1.0}
    hass.config_entries.async_update_entry(entry, options={**OPTIONS, "electricity": dearer})
    await hass.async_block_till_done()
    freezer.tick(timedelta(hours=3))
    await agent.start()
    agent.gpu(energy_j=4.0 * KWH)
    await poll()
    await poll()
    assert figure("electricity_cost") == pytest.approx(0.0718 + 3, abs=1e-2)


async def test_another_fuel_is_summed_apart(hass, agent, entry, setup, poll, figure, entity_id):
    """1 kWh displaces 1 / 9.01 L of oil; then 1 kWh 1 / (0.95 x 29.307) therm of gas."""
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    gas = {"fuel": "natural_gas", "fuel_unit": "therm", "fuel_price": 2, "efficiency": 95}
    hass.config_entries.async_update_entry(entry, options={**OPTIONS, "heating": gas})
    await hass.async_block_till_done()
    agent.gpu(energy_j=2.0 * KWH)
    await poll()
    fuel = hass.states.get(entity_id("sensor", "fuel_displaced"))
    assert float(fuel.state) == pytest.approx(0.035917, abs=1e-6)
    assert fuel.attributes["unit_of_measurement"] == "therm"
    assert figure("heat_value") == pytest.approx(VALUE_OF_A_KWH + 2 * 0.035917, abs=1e-5)


async def test_in_another_currency_money_begins_at_0_and_the_rest_goes_on(
    hass, agent, entry, setup, poll, figure, entity_id, hass_storage, freezer
):
    await setup(entry)
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    cost = entity_id("sensor", "electricity_cost")
    began = hass.states.get(cost).attributes["last_reset"]
    freezer.move_to("2026-01-20 12:00:00+00:00")
    euros = {**OPTIONS["electricity"], "currency": "EUR", "electricity_price": 0.3}
    hass.config_entries.async_update_entry(entry, options={**OPTIONS, "electricity": euros})
    await hass.async_block_till_done()
    agent.gpu(energy_j=11.0 * KWH)
    await poll()
    state = hass.states.get(cost)
    assert (float(state.state), state.attributes["unit_of_measurement"]) == (0.3, "EUR")
    assert began == "2026-01-15T12:00:00+00:00"
    assert state.attributes["last_reset"] == "2026-01-20T12:00:00+00:00"
    assert figure(f"{entry.entry_id}_energy") == 11
    await poll(seconds=6)
    (closed,) = hass_storage[key_of(entry)]["data"]["closed"]
    assert (closed["currency"], closed["electricity_cost"]) == ("CAD", "0.71800")


async def test_home_assistants_own_currency_changes_nothing(
    hass, agent, entry, setup, poll, entity_id
):
    await setup(entry)
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    hass.config.currency = "JPY"
    await restart(hass, entry)
    cost = hass.states.get(entity_id("sensor", "electricity_cost"))
    assert (float(cost.state), cost.attributes["unit_of_measurement"]) == (0.718, "CAD")


async def test_totals_are_reset_by_the_action_alone(
    hass, agent, entry, setup, poll, figure, entity_id, freezer
):
    await setup(entry)
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    freezer.move_to("2026-01-16 00:00:00+00:00")
    answer = await hass.services.async_call(
        DOMAIN, "reset_totals", {}, blocking=True, return_response=True
    )
    assert answer == {
        "zone": "House",
        "currency": "CAD",
        "energy_kwh": 10,
        "useful_heat_kwh": 10,
        "electricity_cost": 0.718,
        "heat_value": pytest.approx(10 * VALUE_OF_A_KWH, abs=1e-5),
        "cooling_cost": 0,
        "net_cost": pytest.approx(0.718 - 10 * VALUE_OF_A_KWH, abs=1e-5),
        "fuel_displaced": {"heating_oil": pytest.approx(1.109878, abs=1e-6)},
    }
    (subentry,) = entry.subentries
    endings = ["electricity_cost", "heat_value", "net_cost", "fuel_displaced", f"{GPU}_energy"]
    assert [figure(ending) for ending in [*endings, f"{subentry}_energy"]] == [0] * 6
    reset = hass.states.get(entity_id("sensor", "net_cost")).attributes["last_reset"]
    assert reset == "2026-01-16T00:00:00+00:00"
    agent.gpu(energy_j=12.0 * KWH)
    await poll()
    await restart(hass, entry)
    assert figure(f"{entry.entry_id}_energy") == 2  # the counter goes on from where it stood
    again = hass.states.get(entity_id("sensor", "net_cost")).attributes["last_reset"]
    assert again == reset


OLD_OPTIONS = {
    "electricity": {"electricity_price": 0.0718},
    "heating": {
        "fuel": "heating_oil",
        "fuel_price": 1.30,
        "efficiency": 85,
        "heating_months": ["1"],
        "cooling_months": [],
        "thermostat": "climate.room",
    },
    "control": {"minimum_on": {"minutes": 5}, "minimum_off": {"minutes": 1}},
}


async def test_a_zone_of_the_first_version_goes_on(hass, agent, hass_storage, setup, figure):
    """Its options get their new form, its sums stay."""
    entry = zone_entry(agent)
    old = MockConfigEntry(
        domain=DOMAIN,
        title="House",
        options=OLD_OPTIONS,
        subentries_data=[subentry.as_dict() for subentry in entry.subentries.values()],
    )
    hass_storage[key_of(old)] = {
        "version": 1,
        "key": key_of(old),
        "data": {
            "totals": {
                "energy_j": "36000000",
                "electricity_cost": "0.718",
                "useful_heat_j": "36000000",
                "heat_value": "1.44",
                "cooling_cost": "0",
                "fuel": {"heating_oil": "1.1"},
            },
            "accounts": {},
        },
    }
    await setup(old)
    assert old.state is ConfigEntryState.LOADED
    assert old.options == {
        "electricity": {"electricity_price": 0.0718, "tariff": "fixed", "currency": "CAD"},
        "heating": {"fuel": "heating_oil", "fuel_price": 1.30, "efficiency": 85},
        "seasons": {
            "heating_months": ["1"],
            "cooling_months": [],
            "thermostats": ["climate.room"],
        },
        "control": OLD_OPTIONS["control"],
    }
    assert figure(f"{old.entry_id}_energy") == 10
    assert [figure(key) for key in ("electricity_cost", "heat_value", "fuel_displaced")] == [
        0.718,
        1.44,
        1.1,
    ]


async def test_a_zone_of_a_later_version_is_left_alone(hass, agent, entry):
    later = MockConfigEntry(domain=DOMAIN, title="House", version=2, options={"all": "new"})
    later.add_to_hass(hass)
    await hass.config_entries.async_setup(later.entry_id)
    assert later.state is ConfigEntryState.MIGRATION_ERROR
    assert later.options == {"all": "new"}
