"""What the schedule learns of a zone by the way, and keeps."""

from homeassistant.components.climate import HVACMode
from homeassistant.util import dt as dt_util
import pytest

from custom_components.gpu_heat.agent.models import JobState

from .conftest import zone_entry
from .test_scheduler import NIGHT, SEASONS

HOUR_S = 3600


@pytest.fixture
def room(hass):
    """Set the room's temperature and target, and what its heater does."""

    def set_room(temperature=21, target=21, action=None):
        state = {"current_temperature": temperature, "temperature": target}
        hass.states.async_set(
            "climate.room", HVACMode.HEAT, state | ({"hvac_action": action} if action else {})
        )

    return set_room


@pytest.fixture
def outdoors(hass):
    """Set the temperature outdoors."""
    return lambda celsius: hass.states.async_set(
        "sensor.outdoor", celsius, {"unit_of_measurement": "°C"}
    )


@pytest.fixture
async def entry(hass, agent):
    """A zone with a thermostat, a sensor outdoors and a heater of 6 kW."""
    await hass.config.async_set_time_zone("UTC")
    agent.forget("index")
    return zone_entry(agent, electricity=NIGHT, seasons=SEASONS, control={"heating_power": 6.0})


@pytest.fixture
def kept(hass, hass_storage, entry):
    """Unload the zone, so that all is written; return what was."""

    async def unload():
        await hass.config_entries.async_unload(entry.entry_id)
        return hass_storage[f"gpu_heat.{entry.entry_id}.control"]["data"]

    return unload


async def test_a_day_of_heating_is_booked_at_midnight(
    agent, entry, setup, room, outdoors, poll, freezer, kept
):
    room(action="heating")
    outdoors(-5)
    await setup(entry)
    freezer.move_to("2026-01-16 00:00:00+00:00")
    await poll()
    for count in range(24 * 12 + 1):
        room(action="heating" if count % 3 == 0 else "idle")
        outdoors(-5)
        await poll(minutes=5)
    days = (await kept())["days"]
    assert len(days) == 1
    assert (days[0]["indoor_c"], days[0]["outdoor_c"]) == (pytest.approx(21), pytest.approx(-5))
    # A third of 24 h at 6 kW, and 450 W of the GPU all day.
    assert days[0]["heat_kwh"] == pytest.approx(48 + 10.8, rel=0.01)


async def test_targets_and_weather_are_told_by_the_hour(entry, setup, room, outdoors, poll, kept):
    room()
    outdoors(-5)
    await setup(entry)
    await poll(seconds=60)
    room(target=18)
    outdoors(-8)
    await poll(minutes=60)
    document = await kept()
    thursday = 3 * 24
    assert {key: told[1] for key, told in document["targets"].items()} == {
        str(thursday + 12): 21,
        str(thursday + 13): 18,
    }
    assert document["usual"]["hours"] == {"12": -5, "13": -8}


async def test_a_file_that_cannot_be_read_is_begun_anew(
    hass, hass_storage, entry, setup, room, outdoors, caplog
):
    hass_storage[f"gpu_heat.{entry.entry_id}.control"] = {
        "version": 1,
        "data": {"automatic": True, "usual": "warm"},
    }
    room()
    outdoors(-5)
    await setup(entry)
    assert "What the schedule of House had learned is not read" in caplog.text
    assert not entry.runtime_data.scheduler.automatic


async def test_the_file_goes_with_the_zone(hass, hass_storage, entry, setup, room, outdoors):
    room()
    outdoors(-5)
    await setup(entry)
    await entry.runtime_data.scheduler.async_set_automatic(True)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert f"gpu_heat.{entry.entry_id}.control" not in hass_storage


async def test_what_waits_of_a_removed_source_that_is_off_goes_on_with_its_lease(
    agent, entry, setup, room, outdoors, poll
):
    room(22)
    outdoors(5)
    await setup(entry)
    scheduler = entry.runtime_data.scheduler
    await scheduler.async_set_automatic(True)
    assert agent.snapshot.jobs[0].state is JobState.PAUSED
    await agent.stop()
    await poll()
    await scheduler.async_set_automatic(False)
    (source,) = entry.runtime_data.sources.values()
    assert source.holds.to_json()["holds"] == {}
    await agent.start()
    await poll()
    assert agent.leases == [("train", 900, "room_warm")]  # never renewed


async def test_the_building_that_was_learned_is_told(
    hass, hass_storage, agent, entry, setup, room, outdoors
):
    # 200 W/K: 4.8 kWh a day for each K, of which 4 K come by themselves.
    days = [
        {"indoor_c": 21, "outdoor_c": 21 - k, "heat_kwh": 4.8 * (k - 4)} for k in range(8, 24, 2)
    ]
    room()
    outdoors(5)
    await setup(entry)
    await hass.config_entries.async_unload(entry.entry_id)
    hass_storage[f"gpu_heat.{entry.entry_id}.control"]["data"]["days"] = days
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    response = await hass.services.async_call(
        "gpu_heat", "schedule_jobs", {"dry_run": True}, blocking=True, return_response=True
    )
    assert response["heat_loss"] == {"w_per_k": 200.0, "confidence": 1.0, "learned": True}


async def test_the_power_of_a_job_is_remembered_while_none_runs(
    hass, agent, entry, setup, room, outdoors, poll
):
    room()
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    await poll()
    await hass.config_entries.async_unload(entry.entry_id)
    agent.job("train", state=JobState.QUEUED)
    agent.gpu(power_w=30.0)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    response = await hass.services.async_call(
        "gpu_heat", "schedule_jobs", {"dry_run": True}, blocking=True, return_response=True
    )
    assert response["plan"][0]["heat_kwh"] == 1.8  # 450 W, as when it ran
    assert dt_util.parse_datetime(response["plan"][0]["start"]).hour == 22
