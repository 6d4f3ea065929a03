"""The GPUs of the machine that Home Assistant runs on: nvidia-ml-py over a stand-in library."""

import sys

from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
import psutil
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.gpu_heat.const import DOMAIN
from custom_components.gpu_heat.local_jobs import jobs_folder

from .conftest import OPTIONS

MEGA = 1_000_000


def local_zone(**data):
    return MockConfigEntry(
        domain=DOMAIN,
        title="House",
        minor_version=2,
        options=OPTIONS,
        subentries_data=[
            {
                "data": {"kind": "nvml", "jobs": [], **data},
                "subentry_type": "source",
                "title": "This machine",
                "unique_id": "nvml",
            }
        ],
    )


class Work:
    """A process that works, and the zone that has it as a job."""

    def __init__(self, process, pidfile):
        self.process = psutil.Process(process.pid)
        self.zone = local_zone(jobs=[{"id": "train", "name": "Training", "pidfile": str(pidfile)}])

    @property
    def stopped(self):
        return self.process.status() == psutil.STATUS_STOPPED


@pytest.fixture
def work(nvml, spawn, tmp_path):
    process = spawn(sys.executable, "-c", "while True: pass")
    pidfile = tmp_path / "train.pid"
    pidfile.write_text(f"{process.pid}\n")
    return Work(process, pidfile)


async def switch(hass, entity_id, action):
    """Turn the job's switch on or off."""
    target = {"entity_id": entity_id("switch", "train_running")}
    await hass.services.async_call("switch", action, target, blocking=True)
    return hass.states.get(target["entity_id"]).state


async def choose(hass, kind="nvml"):
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    return await hass.config_entries.flow.async_configure(menu["flow_id"], {"next_step_id": kind})


async def test_all_cards_are_read(hass, nvml, setup, figure, entity_id):
    entry = local_zone()
    await setup(entry)
    assert figure("GPU-a_power") == 691.5
    assert figure("GPU-b_power") == 180
    assert figure(f"{entry.entry_id}_power") == 871.5
    assert figure("GPU-a_temperature") == 61
    assert hass.states.get(entity_id("binary_sensor", "GPU-a_throttled")).state == "on"
    assert hass.states.get(entity_id("binary_sensor", "GPU-b_throttled")).state == "off"


async def test_energy_is_the_cards_own_or_summed_from_its_power(
    hass,
    nvml,
    setup,
    poll,
    figure,
):
    await setup(local_zone())
    nvml.set(gpu0_energy=5 * MEGA + 36 * MEGA)  # mJ: 36 kJ more
    await poll(seconds=36)
    assert figure("GPU-a_energy") == pytest.approx(0.01)
    assert figure("GPU-b_energy") == pytest.approx(180 * 36 / 3.6e6)  # it has no counter


async def test_what_was_used_while_home_assistant_was_down_is_counted(
    hass,
    nvml,
    setup,
    poll,
    figure,
    freezer,
):
    entry = local_zone()
    await setup(entry)
    await poll()
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(3600)
    nvml.set(gpu0_energy=5 * MEGA + 1_800 * MEGA)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert figure("GPU-a_energy") == pytest.approx(0.5)


async def test_a_card_that_is_lost_is_unknown_and_comes_back(
    hass,
    nvml,
    setup,
    poll,
    figure,
    entity_id,
):
    entry = local_zone()
    await setup(entry)
    nvml.set(gpu1_uuid="E15")  # the GPU is lost
    await poll()
    assert hass.states.get(entity_id("sensor", "GPU-b_power")).state == "unknown"
    assert hass.states.get(entity_id("sensor", f"{entry.entry_id}_power")).state == "unknown"
    nvml.set(gpu1_uuid="GPU-b")
    await poll()
    await poll()
    assert figure(f"{entry.entry_id}_power") == 871.5


async def test_the_form_names_the_cards_and_makes_the_source(hass, nvml):
    form = await choose(hass)
    assert form["step_id"] == "nvml"
    assert "GTX 1080" in form["description_placeholders"]["devices"]
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert result["step_id"] == "electricity"


async def test_there_is_one_such_source_at_most(hass, nvml, setup):
    await setup(local_zone())
    form = await choose(hass)
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_where_no_driver_answers_other_ways_are_offered(hass, nvml):
    nvml.set(init="E9")  # the driver is not loaded
    menu = await choose(hass)
    assert (menu["type"], menu["step_id"]) == (FlowResultType.MENU, "nvml_missing")
    assert "Driver Not Loaded" in menu["description_placeholders"]["error"]
    form = await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": "agent"}
    )
    assert form["step_id"] == "agent"


async def test_a_job_of_this_machine_is_paused_and_resumed(hass, work, setup, entity_id):
    await setup(work.zone)
    assert await switch(hass, entity_id, "turn_off") == "off"
    assert work.stopped
    assert await switch(hass, entity_id, "turn_on") == "on"
    assert not work.stopped


async def test_a_zone_that_is_removed_leaves_no_job_paused(hass, work, setup, entity_id):
    await setup(work.zone)
    await switch(hass, entity_id, "turn_off")
    await hass.config_entries.async_remove(work.zone.entry_id)
    assert not work.stopped


async def test_while_home_assistant_is_stopped_no_job_waits(
    hass, nvml, setup, poll, entity_id, spawn, tmp_path
):
    process = spawn(sys.executable, "-c", "while True: pass")
    pidfile = tmp_path / "train.pid"
    pidfile.write_text(f"{process.pid}\n")
    entry = local_zone(jobs=[{"id": "train", "name": "Training", "pidfile": str(pidfile)}])
    await setup(entry)
    switch = entity_id("switch", "train_running")
    await hass.services.async_call("switch", "turn_off", {"entity_id": switch}, blocking=True)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert psutil.Process(process.pid).status() != psutil.STATUS_STOPPED
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


async def test_a_source_that_is_removed_leaves_no_folder_of_its_jobs(
    hass, nvml, setup, entity_id, spawn, tmp_path, freezer
):
    process = spawn(sys.executable, "-c", "while True: pass")
    pidfile = tmp_path / "train.pid"
    pidfile.write_text(f"{process.pid}\n")
    entry = local_zone(jobs=[{"id": "train", "name": "Training", "pidfile": str(pidfile)}])
    await setup(entry)
    (key,) = entry.subentries
    folder = jobs_folder(hass, key)
    await hass.services.async_call(
        "switch", "turn_off", {"entity_id": entity_id("switch", "train_running")}, blocking=True
    )
    assert await hass.async_add_executor_job(folder.exists)
    freezer.tick(2)
    hass.config_entries.async_remove_subentry(entry, key)
    await hass.async_block_till_done()
    assert psutil.Process(process.pid).status() != psutil.STATUS_STOPPED
    assert not await hass.async_add_executor_job(folder.exists)


async def test_jobs_that_cannot_be_are_refused(hass, nvml, monkeypatch):
    form = await choose(hass)
    for jobs, text in (
        ([{"name": "Training", "pidfile": "train.pid"}], "pidfile_relative"),
        ([{"name": "Training"}], "row_incomplete"),
        (
            [{"name": "Training", "pidfile": "/a"}, {"name": "training", "pidfile": "/b"}],
            "job_twice",
        ),
    ):
        result = await hass.config_entries.flow.async_configure(form["flow_id"], {"jobs": jobs})
        assert result["errors"] == {"jobs": text}
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"], {"jobs": [{"name": "Training", "pidfile": "/run/train.pid"}]}
    )
    assert result["step_id"] == "electricity"


async def test_somebody_elses_stop_is_left_alone(hass, work, setup, poll, entity_id):
    await setup(work.zone)
    work.process.suspend()
    while not work.stopped:  # a busy process hears of it at its next turn
        pass
    await poll()
    with pytest.raises(HomeAssistantError, match="stopped by someone else"):
        await switch(hass, entity_id, "turn_on")
    assert work.stopped
