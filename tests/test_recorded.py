"""What the recorder keeps of a zone's sums, and what a zone takes back from it."""

from datetime import datetime, timedelta

from homeassistant.components.logbook.const import DOMAIN as LOGBOOK_DOMAIN
from homeassistant.components.logbook.models import LogbookConfig
from homeassistant.components.logbook.processor import EventProcessor
from homeassistant.components.recorder.history import get_significant_states
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.gpu_heat.agent.models import JobState
from custom_components.gpu_heat.const import DOMAIN

from .conftest import OPTIONS, zone_entry
from .scripted_agent import GPU

KWH = 3_600_000
SUMS = {
    "energy": "energy",
    "useful": "useful_heat",
    "cost": "electricity_cost",
    "value": "heat_value",
    "net": "net_cost",
    "fuel": "fuel_displaced",
    "co2": "co2_net",
}
_ALWAYS = SUMS.keys() - {"co2"}


@pytest.fixture(autouse=True)
def _custom_integrations(recorder_mock, enable_custom_integrations):
    """The recorder comes first."""


@pytest.fixture
def recorded(hass, setup, agent, poll):
    """Set up a zone whose entities are all shown and recorded."""

    async def begin(entry):
        assert await async_setup_component(hass, "sensor", {})
        await setup(entry)
        registry = er.async_get(hass)
        for item in er.async_entries_for_config_entry(registry, entry.entry_id):
            if item.disabled_by:
                registry.async_update_entity(item.entity_id, disabled_by=None)
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()

    return begin


@pytest.fixture
def use(hass, agent, poll):
    """Use energy, one kWh a minute, in Home Assistant's clock."""

    async def kilowatt_hours(*counter):
        for value in counter:
            agent.gpu(energy_j=float(value * KWH))
            await poll(seconds=60)
        await async_wait_recording_done(hass)

    return kilowatt_hours


@pytest.fixture
def statistics(hass, entity_id):
    """Compile the statistics of five minutes at a time; return their last sums."""

    async def compiled(entry, *starts, keys=_ALWAYS):
        for start in starts:
            do_adhoc_statistics(hass, start=start)
            await async_wait_recording_done(hass)
        ids = {
            key: entity_id("sensor", f"{entry.entry_id}_{ending}")
            for key, ending in SUMS.items()
            if key in keys
        }
        found = await hass.async_add_executor_job(
            lambda: statistics_during_period(
                hass, starts[0], None, set(ids.values()), "5minute", None, {"sum"}
            )
        )
        return {key: [row["sum"] for row in found[item]] for key, item in ids.items()}

    return compiled


NOON = datetime.fromisoformat("2026-01-15T12:00:00+00:00")
FIVE_MINUTES = timedelta(minutes=5)


async def test_sums_go_on_over_a_restart(hass, agent, entry, recorded, use, statistics, freezer):
    """3 kWh, a restart, 2 kWh more: 5 x 0.0718 CAD, 5 x 0.144284 CAD, nothing twice."""
    await recorded(entry)
    await use(1, 2, 3)
    await hass.config_entries.async_unload(entry.entry_id)
    await async_wait_recording_done(hass)
    freezer.move_to(NOON + FIVE_MINUTES)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await use(4, 5)
    sums = await statistics(entry, NOON, NOON + FIVE_MINUTES)
    assert sums["energy"] == pytest.approx([3, 5])
    assert sums["useful"] == pytest.approx([3, 5])
    assert sums["cost"] == pytest.approx([0.2154, 0.359], abs=1e-6)
    assert sums["value"] == pytest.approx([0.432852, 0.72142], abs=1e-5)
    assert sums["net"] == pytest.approx([-0.217452, -0.36242], abs=1e-5)  # a gain, negative
    assert sums["fuel"] == pytest.approx([0.332963, 0.554939], abs=1e-5)


async def test_sums_go_on_over_a_reset(hass, agent, entry, recorded, use, statistics, freezer):
    """3 kWh, a reset to 0, 2 kWh more: the statistics have 5, though the sensors show 2."""
    await recorded(entry)
    await use(1, 2, 3)
    freezer.move_to(NOON + FIVE_MINUTES)
    await hass.services.async_call(DOMAIN, "reset_totals", {}, blocking=True)
    await hass.async_block_till_done()
    await use(4, 5)
    sums = await statistics(entry, NOON, NOON + FIVE_MINUTES)
    assert sums["energy"] == pytest.approx([3, 5])
    assert sums["cost"] == pytest.approx([0.2154, 0.359], abs=1e-6)
    assert sums["net"] == pytest.approx([-0.217452, -0.36242], abs=1e-5)
    assert sums["fuel"] == pytest.approx([0.332963, 0.554939], abs=1e-5)


async def test_sums_go_on_over_a_change_of_the_clocks(
    hass, agent, recorded, use, statistics, freezer
):
    """Berlin, the night the clocks go back: 02:55 summer time, then 02:00 winter time again."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    entry = zone_entry(agent)
    night = datetime.fromisoformat("2026-10-25T00:55:00+00:00")
    await recorded(entry)
    freezer.move_to(night)
    await use(1, 2, 3)
    freezer.move_to(night + FIVE_MINUTES)
    await use(4, 5)
    sums = await statistics(entry, night, night + FIVE_MINUTES)
    assert sums["energy"][-1] - sums["energy"][0] == pytest.approx(2)
    assert sums["cost"][-1] == pytest.approx(5 * 0.0718, abs=1e-6)


async def test_a_net_cost_that_rises_and_falls_is_summed_as_it_is(
    hass, agent, recorded, use, statistics, freezer
):
    """In January 3 kWh gain 0.217452 CAD; in May, of no use, 2 kWh cost 0.1436 CAD."""
    entry = zone_entry(agent)
    await recorded(entry)
    await use(1, 2, 3)
    may = datetime.fromisoformat("2026-05-15T12:00:00+00:00")
    freezer.move_to(may)
    agent.gpu(energy_j=3.0 * KWH)
    await use(3)  # nothing, over four months
    await use(4, 5)
    sums = await statistics(entry, NOON, may)
    assert sums["net"] == pytest.approx([-0.217452, -0.073852], abs=1e-5)
    assert sums["value"] == pytest.approx([0.432852, 0.432852], abs=1e-5)


async def test_a_fuel_that_comes_back_is_not_counted_twice(
    hass, agent, entry, recorded, use, statistics
):
    """100 kWh spare 11.098779 L of oil, 10 kWh 1.535249 L of propane; then oil again."""
    await recorded(entry)
    await use(0, 0, 0, 100, 100)
    propane = {"fuel": "propane", "fuel_price": 1, "efficiency": 92, "heat_content": 7.08}
    for heating in (propane, OPTIONS["heating"]):
        hass.config_entries.async_update_entry(entry, options={**OPTIONS, "heating": heating})
        await hass.async_block_till_done()
        await use(110, 110, 110, 110, 110)
    starts = [NOON + FIVE_MINUTES * count for count in range(3)]
    sums = await statistics(entry, *starts, keys={"fuel"})
    assert sums["fuel"][-1] == pytest.approx(12.634028, abs=1e-5)


async def test_net_co2_is_not_counted_twice_when_the_file_is_lost(
    hass, hass_storage, agent, recorded, use, statistics, entity_id, freezer
):
    entry = zone_entry(agent, electricity={"electricity_co2": 400})
    await recorded(entry)
    await use(0, 5, 10, 10)
    await hass.config_entries.async_unload(entry.entry_id)
    hass_storage[f"{DOMAIN}.{entry.entry_id}.ledger"]["data"]["totals"] = "garbage"
    freezer.move_to(NOON + FIVE_MINUTES)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await use(10, 10)
    sums = await statistics(entry, NOON, NOON + FIVE_MINUTES, keys={"co2", "cost"})
    assert sums["co2"][-1] == pytest.approx(sums["co2"][0])
    assert sums["cost"][-1] == pytest.approx(sums["cost"][0])


@pytest.fixture
def shown(hass, entry, entity_id):
    """Read what the sums show."""

    def read():
        (subentry,) = entry.subentries
        endings = [
            *(f"{entry.entry_id}_{SUMS[key]}" for key in SUMS if key in _ALWAYS),
            f"{subentry}_energy",
            f"{GPU}_energy",
        ]
        return [float(hass.states.get(entity_id("sensor", end)).state) for end in endings]

    return read


@pytest.mark.parametrize(
    "document",
    [
        {"totals": {"energy_j": "many"}},
        {"totals": {"fuel": {}}},
        "no document at all",
        None,
    ],
    ids=["no number", "no accounts", "text", "no file"],
)
async def test_sums_that_cannot_be_read_go_on_from_the_recorder(
    hass, hass_storage, agent, entry, recorded, use, shown, poll, entity_id, document
):
    await recorded(entry)
    registry = er.async_get(hass)
    energy = entity_id("sensor", f"{entry.entry_id}_energy")  # as a user may have it shown
    registry.async_update_entity_options(energy, "sensor", {"unit_of_measurement": "MWh"})
    await use(1, 2, 3)
    before = shown()
    reset = hass.states.get(entity_id("sensor", "net_cost")).attributes["last_reset"]
    await hass.config_entries.async_unload(entry.entry_id)
    await async_wait_recording_done(hass)
    key = f"{DOMAIN}.{entry.entry_id}.ledger"
    if document is None:
        del hass_storage[key]
    else:
        hass_storage[key] = {"version": 1, "key": key, "data": document}
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert shown() == pytest.approx(before)
    assert hass.states.get(entity_id("sensor", "net_cost")).attributes["last_reset"] == reset
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"book_set_aside_{entry.entry_id}")
    assert issue.translation_placeholders["restored"] == "8"
    await use(4, 5)  # counted from what the counter stood at when it was first read again
    assert shown()[0] == pytest.approx(0.005)  # MWh


async def test_the_mean_outdoors_is_known_from_the_recorder(
    hass, agent, setup, entity_id, freezer, poll
):
    """24 h at 8 °C, and 20 °C this noon: heating, not a season between."""
    freezer.move_to("2026-01-14 10:00:00+00:00")
    assert await async_setup_component(hass, "sensor", {})
    hass.states.async_set("sensor.outdoor", "8", {"unit_of_measurement": "°C"})
    await async_wait_recording_done(hass)
    freezer.move_to("2026-01-15 11:00:00+00:00")
    hass.states.async_set("sensor.outdoor", "20", {"unit_of_measurement": "°C"})
    await async_wait_recording_done(hass)
    seasons = {
        "season_by": "outdoor",
        "outdoor_temperature": "sensor.outdoor",
        "heating_months": [],
    }
    await setup(zone_entry(agent, seasons=seasons))
    assert hass.states.get(entity_id("sensor", "season")).state == "heating"


async def test_what_the_household_has_used_today_is_known_from_the_recorder(
    hass, agent, setup, poll, figure, freezer
):
    """39 kWh since midnight: 1 kWh of ours at 0.07, 1 at 0.11."""
    await hass.config.async_set_time_zone("UTC")
    assert await async_setup_component(hass, "sensor", {})
    meter = {
        "unit_of_measurement": "kWh",
        "device_class": "energy",
        "state_class": "total_increasing",
    }
    for at, kwh in (("00:01", 1000), ("00:06", 1010), ("09:02", 1039)):
        freezer.move_to(f"2026-01-15 {at}:00+00:00")
        hass.states.async_set("sensor.meter", str(kwh), meter)
        await async_wait_recording_done(hass)
        start = datetime.fromisoformat(f"2026-01-15T{at[:4]}0:00+00:00")
        do_adhoc_statistics(hass, start=start + FIVE_MINUTES * (at[4] >= "5"))
        await async_wait_recording_done(hass)
    tiers = {
        "tariff": "tiers",
        "tiers": [{"price": 0.07, "up_to": 40}, {"price": 0.11}],
        "period": "day",
        "first_day": 1,
        "meter": "sensor.meter",
        "meter_has_ours": True,
    }
    await setup(zone_entry(agent, electricity=tiers))
    agent.gpu(energy_j=2.0 * KWH)
    await poll()
    assert figure("electricity_cost") == pytest.approx(0.18)


async def test_the_list_of_a_groups_jobs_is_not_recorded(
    hass, agent, entry, recorded, entity_id, caplog
):
    """500 jobs would be far more than the 16 kB that the recorder takes."""
    agent.group("farm", {str(number): JobState.RUNNING for number in range(500)})
    agent.job("farm", remaining_s=3600.0)
    await recorded(entry)
    await async_wait_recording_done(hass)
    jobs, status = (entity_id("sensor", f"_job_farm_{key}") for key in ("jobs", "status"))
    assert len(hass.states.get(jobs).attributes["jobs"]) == 500
    assert hass.states.get(status).attributes["remaining_s"] == 3600
    found = await hass.async_add_executor_job(
        lambda: get_significant_states(
            hass, NOON - FIVE_MINUTES, entity_ids=[jobs, status], significant_changes_only=False
        )
    )
    assert found[jobs][-1].state == "500"
    assert found[jobs][-1].attributes["left_out"] == 0
    assert "jobs" not in found[jobs][-1].attributes
    assert found[status][-1].attributes["paused_by_us"] is False
    assert "remaining_s" not in found[status][-1].attributes
    assert "exceed maximum size" not in caplog.text


async def test_what_a_job_did_is_in_the_logbook(hass, agent, entry, recorded, poll, entity_id):
    await recorded(entry)
    agent.job("train", state=JobState.FINISHED)
    await poll()
    await async_wait_recording_done(hass)
    event = entity_id("event", "_job_train_activity")
    hass.data[LOGBOOK_DOMAIN] = LogbookConfig({})
    logbook = EventProcessor(hass, ["call_service"], [event])
    rows = await hass.async_add_executor_job(logbook.get_events, NOON, NOON + FIVE_MINUTES)
    assert [row["attributes"]["event_type"] for row in rows] == ["finished"]
    assert (rows[0]["entity_id"], rows[0]["name"]) == (event, "Fine-tune Activity")
