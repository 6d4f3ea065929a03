"""A zone: what its sensors say, over polls, outages and restarts."""

from dataclasses import replace
import logging

from aiohttp import web
from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import device_registry as dr
import pytest

from custom_components.gpu_heat import async_remove_config_entry_device
from custom_components.gpu_heat.agent.models import Device, Vendor, to_json
from custom_components.gpu_heat.const import DOMAIN

from .conftest import zone_entry
from .scripted_agent import GPU

KWH = 3_600_000
# 1 kWh of useful heat: 1 / (0.85 x 10.6) = 0.110988 L of oil, at 1.30 CAD/L
VALUE_OF_A_KWH = 0.144284
OFF = web.Response(body=b"<html>a login page</html>", content_type="text/html")


async def test_450_w_are_1535_btu_per_hour(hass, entry, setup, entity_id):
    await setup(entry)
    power = hass.states.get(entity_id("sensor", f"{entry.entry_id}_power"))
    heat = hass.states.get(entity_id("sensor", "heat_output"))
    assert float(power.state) == 450
    assert power.attributes["unit_of_measurement"] == "W"
    assert round(float(heat.state)) == 1535
    assert heat.attributes["unit_of_measurement"] == "BTU/h"


async def test_a_month_at_400_w_in_quebec(agent, entry, setup, poll, figure):
    """288 kWh at 0.0718 CAD; oil at 1.30 CAD/L, 85 %, 10.6 kWh/L."""
    await setup(entry)
    agent.gpu(energy_j=288.0 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 288
    assert figure("electricity_cost") == pytest.approx(20.6784, abs=1e-4)  # 288 x 0.0718
    assert figure("fuel_displaced") == pytest.approx(31.9645, abs=1e-4)  # 288 / (0.85 x 10.6)
    assert figure("heat_value") == pytest.approx(41.5538, abs=1e-4)  # 31.9645 x 1.30
    assert figure("net_cost") == pytest.approx(-20.8754, abs=1e-4)


async def test_what_a_source_used_before_it_was_added_is_not_counted(
    agent, entry, setup, poll, figure
):
    agent.gpu(energy_j=500.0 * KWH)
    await setup(entry)
    agent.gpu(energy_j=501.0 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 1


async def test_source_and_gpu_show_their_own_figures(hass, agent, entry, setup, poll, entity_id):
    await setup(entry)
    agent.gpu(energy_j=2.0 * KWH, power_w=350.0)
    await poll()
    (subentry,) = entry.subentries
    states = {
        ending: hass.states.get(entity_id("sensor", ending)).state
        for ending in (
            f"{subentry}_power",
            f"{subentry}_energy",
            f"{GPU}_power",
            f"{GPU}_energy",
            f"{GPU}_temperature",
            f"{GPU}_utilization",
        )
    }
    assert [float(state) for state in states.values()] == [350, 2, 350, 2, 61, 98]


async def test_while_the_source_is_off_powers_are_unavailable_and_totals_stay(
    hass, agent, entry, setup, poll, entity_id, figure, caplog
):
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    caplog.clear()
    caplog.set_level(logging.INFO, "custom_components.gpu_heat")
    await agent.stop()
    for _ in range(4):
        await poll()

    zone_power = entity_id("sensor", f"{entry.entry_id}_power")
    assert hass.states.get(zone_power).state == "unavailable"
    assert hass.states.get(entity_id("sensor", f"{GPU}_power")).state == "unavailable"
    assert hass.states.get(entity_id("switch", "train_running")).state == "unavailable"
    assert hass.states.get(entity_id("binary_sensor", "online")).state == "off"
    assert figure(f"{entry.entry_id}_energy") == 1
    assert figure(f"{GPU}_energy") == 1

    await agent.start()
    agent.gpu(energy_j=3.0 * KWH)
    await poll()
    assert hass.states.get(zone_power).state == "450.0"
    assert hass.states.get(entity_id("binary_sensor", "online")).state == "on"
    assert figure(f"{entry.entry_id}_energy") == 3
    lines = [item.levelname for item in caplog.records if item.name.startswith("custom_comp")]
    assert lines == ["INFO", "INFO"]  # one down, one up


@pytest.mark.parametrize(
    "answer",
    [
        OFF,
        web.Response(body=b'{"agent": {"id": "agent-1", "na', content_type="application/json"),
        web.Response(body=b'{"agent": 1}', content_type="application/json"),
        web.Response(body=b"[" * 100_000, content_type="application/json"),
        web.Response(body=b"\xff\x00\xfe", content_type="application/json"),
        web.Response(body=b"{}", status=503, content_type="application/json"),
    ],
    ids=["login page", "half a page", "no snapshot", "deep", "binary", "503"],
)
async def test_garbage_makes_the_source_unavailable_and_nothing_else(
    hass, agent, entry, setup, poll, entity_id, figure, caplog, answer
):
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    caplog.clear()
    agent.answer = answer
    await poll()
    await poll()
    assert hass.states.get(entity_id("binary_sensor", "online")).state == "off"
    assert figure(f"{entry.entry_id}_energy") == 1
    ours = [item for item in caplog.records if item.name.startswith("custom_components")]
    assert not [item for item in ours if item.levelno > logging.INFO]
    agent.answer = None
    await poll()
    assert hass.states.get(entity_id("binary_sensor", "online")).state == "on"


async def test_energy_used_while_home_assistant_was_down_is_counted_when_it_returns(
    hass, agent, entry, setup, poll, figure, freezer
):
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    await poll()
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(86400)
    agent.gpu(energy_j=11.0 * KWH)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_energy") == 11
    assert figure("electricity_cost") == pytest.approx(11 * 0.0718)
    assert figure("heat_value") == pytest.approx(11 * VALUE_OF_A_KWH, abs=1e-5)


async def test_an_agent_that_starts_counting_anew_invents_no_energy(
    agent, entry, setup, poll, figure
):
    await setup(entry)
    agent.gpu(energy_j=5.0 * KWH)
    await poll()
    agent.snapshot = replace(agent.snapshot, agent=replace(agent.snapshot.agent, id="reinstalled"))
    agent.gpu(energy_j=9.0 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 5
    agent.gpu(energy_j=10.0 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 6


async def test_where_the_host_is_metered_its_gpus_are_parts_of_it(
    hass, agent, entry, setup, poll, figure
):
    agent.host(power_w=600.0, energy_j=100.0 * KWH)
    await setup(entry)
    agent.host(power_w=620.0, energy_j=102.0 * KWH)
    agent.gpu(energy_j=1.5 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_power") == 620
    assert figure(f"{entry.entry_id}_energy") == 2
    assert figure(f"{GPU}_energy") == 1.5


async def test_a_host_without_a_counter_is_counted_by_its_gpus(agent, entry, setup, poll, figure):
    agent.host(power_w=600.0, energy_j=None)
    await setup(entry)
    agent.gpu(energy_j=5.0 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 5
    agent.host(power_w=600.0, energy_j=900.0 * KWH)
    agent.gpu(energy_j=6.0 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 6


async def test_two_sources_add_up_and_one_that_is_off_is_named(
    hass, agent, other, setup, poll, figure, entity_id
):
    entry = zone_entry(agent, other)
    await setup(entry)
    agent.gpu(energy_j=1.0 * KWH)
    other.gpu(energy_j=2.0 * KWH, power_w=50.0)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 3
    assert figure(f"{entry.entry_id}_power") == 500
    other.gpu(power_w=None)
    await poll()
    power = entity_id("sensor", f"{entry.entry_id}_power")
    assert hass.states.get(power).state == "unknown"
    await other.stop()
    await poll()
    assert hass.states.get(power).state == "450.0"
    assert hass.states.get(power).attributes["offline_sources"] == ["rack of agent-2"]
    await other.start()


async def test_an_agent_that_lost_its_state_stays_one_source(
    hass, agent, entry, setup, poll, figure
):
    await setup(entry)
    agent.snapshot = replace(agent.snapshot, agent=replace(agent.snapshot.agent, id="anew"))
    await poll()
    (subentry,) = entry.subentries.values()
    assert subentry.unique_id == "anew"
    assert figure(f"{entry.entry_id}_power") == 450


async def test_one_agent_is_not_counted_as_two_sources(hass, agent, other, setup, poll, figure):
    entry = zone_entry(agent, other)
    await setup(entry)
    other.snapshot = replace(other.snapshot, agent=agent.snapshot.agent)
    agent.gpu(energy_j=1.0 * KWH)
    other.gpu(energy_j=1.0 * KWH)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == 1
    assert figure(f"{entry.entry_id}_power") == 450


async def test_a_sum_with_a_part_unknown_is_unknown(hass, agent, entry, setup, poll, entity_id):
    await setup(entry)
    agent.gpu(power_w=None)
    await poll()
    assert hass.states.get(entity_id("sensor", f"{entry.entry_id}_power")).state == "unknown"
    assert hass.states.get(entity_id("sensor", "heat_output")).state == "unknown"


async def test_a_card_that_never_had_a_reading_is_not_missed(hass, agent, entry, setup, entity_id):
    old_card = Device(id="GPU-old", vendor=Vendor.NVIDIA, name="GT 710", index=1)
    agent.snapshot = replace(agent.snapshot, devices=(*agent.snapshot.devices, old_card))
    await setup(entry)
    assert hass.states.get(entity_id("sensor", f"{entry.entry_id}_power")).state == "450.0"
    assert hass.states.get(entity_id("sensor", "GPU-old_power")).state == "unknown"
    assert hass.states.get(entity_id("sensor", "GPU-old_energy")).state == "unknown"


async def test_a_source_without_any_counter_has_no_energy_to_show(
    hass, agent, entry, setup, entity_id
):
    agent.gpu(energy_j=None)
    await setup(entry)
    (subentry,) = entry.subentries
    assert hass.states.get(entity_id("sensor", f"{subentry}_energy")).state == "unknown"


async def test_a_gpu_and_a_job_that_turn_up_are_added_without_a_reload(
    hass, agent, entry, setup, poll, entity_id
):
    await setup(entry)
    second = replace(agent.snapshot.devices[0], id="GPU-2", index=1, power_w=50.0)
    job = replace(agent.snapshot.jobs[0], id="late", name="Late")
    agent.snapshot = replace(
        agent.snapshot,
        devices=(*agent.snapshot.devices, second),
        jobs=(*agent.snapshot.jobs, job),
    )
    await poll()
    assert hass.states.get(entity_id("sensor", "GPU-2_power")).state == "50.0"
    assert hass.states.get(entity_id("switch", "job_late_running")).state == "on"
    assert hass.states.get(entity_id("sensor", f"{entry.entry_id}_power")).state == "500.0"


async def test_a_zone_starts_while_its_source_is_off(
    hass, agent, entry, setup, poll, entity_id, figure
):
    await setup(entry)
    agent.gpu(energy_j=4.0 * KWH)
    await poll()
    await hass.config_entries.async_unload(entry.entry_id)
    await agent.stop()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert figure(f"{GPU}_energy") == 4
    assert hass.states.get(entity_id("sensor", f"{GPU}_power")).state == "unavailable"
    await agent.start()
    await poll()
    assert hass.states.get(entity_id("sensor", f"{GPU}_power")).state == "450.0"


async def test_devices_stand_below_each_other(hass, entry, setup):
    await setup(entry)
    devices = dr.async_get(hass)
    (subentry,) = entry.subentries
    zone = devices.async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
    source = devices.async_get_device_by_identifier((DOMAIN, subentry), entry.entry_id)
    parts = {
        device.name: device.parent_device_id
        for device in dr.async_child_entries_for_config_entry(devices, entry.entry_id)
    }
    assert source.via_device_id == zone.id
    assert parts == {
        "GPU 0 NVIDIA GeForce RTX 4090": source.id,
        "Fine-tune": source.id,
        "Index": source.id,
    }


async def test_only_what_the_source_no_longer_has_can_be_removed(hass, agent, entry, setup, poll):
    await setup(entry)
    devices = dr.async_get(hass)
    agent.snapshot = replace(agent.snapshot, jobs=agent.snapshot.jobs[1:])
    await poll()
    removable = [
        device.name
        for device in (
            *dr.async_entries_for_config_entry(devices, entry.entry_id),
            *dr.async_child_entries_for_config_entry(devices, entry.entry_id),
        )
        if await async_remove_config_entry_device(hass, entry, device)
    ]
    assert removable == ["Fine-tune"]


async def test_a_removed_zone_leaves_no_file(hass, hass_storage, entry, setup, poll):
    await setup(entry)
    await hass.config_entries.async_remove(entry.entry_id)
    await poll()
    assert not [key for key in hass_storage if key.startswith(DOMAIN)]


async def test_a_job_state_of_a_later_version_is_unknown(
    hass, agent, entry, setup, entity_id, poll
):
    await setup(entry)
    document = to_json(agent.snapshot)
    document["jobs"][0]["state"] = "checkpointing"
    agent.answer = web.json_response(document)
    await poll()
    assert hass.states.get(entity_id("switch", "train_running")).state == "unknown"
    assert hass.states.get(entity_id("sensor", "train_status")).state == "unknown"


async def test_a_gpu_has_sensors_of_what_it_has_ever_told(
    hass, agent, entry, setup, poll, entity_id
):
    agent.gpu(temperature_c=None, utilization=0.5)
    await setup(entry)
    assert hass.states.get(entity_id("sensor", "_utilization")).state == "50.0"
    assert not [item for item in hass.states.async_entity_ids() if item.endswith("temperature")]
    agent.gpu(temperature_c=70.0, utilization=None)
    await poll()
    assert hass.states.get(entity_id("sensor", f"{GPU}_temperature")).state == "70.0"
    agent.gpu(temperature_c=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    for ending in ("_utilization", f"{GPU}_temperature"):
        assert hass.states.get(entity_id("sensor", ending)).state == "unknown"
