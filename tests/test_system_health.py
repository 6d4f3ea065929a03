"""What Home Assistant's system information says of the sources."""

from dataclasses import replace
import json
from pathlib import Path

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info

import custom_components.gpu_heat
from custom_components.gpu_heat.const import DOMAIN

from .conftest import OPTIONS, zone_entry


@pytest.fixture
def told(hass):
    """Return what is said."""

    async def ask():
        assert await async_setup_component(hass, "system_health", {})
        await hass.async_block_till_done()
        return await get_system_health_info(hass, DOMAIN)

    return ask


def local_entry():
    return MockConfigEntry(
        domain=DOMAIN,
        title="Office",
        minor_version=2,
        options=OPTIONS,
        subentries_data=[
            ConfigSubentryData(
                data={"kind": "nvml"}, subentry_type="source", title="GPUs", unique_id="nvml"
            )
        ],
    )


async def test_sources_that_answer_are_counted_by_kind(agent, other, setup, poll, told):
    agent.snapshot = replace(agent.snapshot, agent=replace(agent.snapshot.agent, version="0.10.0"))
    other.snapshot = replace(other.snapshot, agent=replace(other.snapshot.agent, version="0.9.0"))
    await setup(zone_entry(agent, other))
    await agent.stop()
    await poll()
    assert await told() == {
        "version": "0.1.0",
        "zones": 1,
        "agent_sources": "1 / 2",
        "oldest_agent": "0.9.0",
        "nvml": "n/a",
    }
    await agent.start()


async def test_a_zone_that_is_not_loaded_counts_with_sources_that_do_not_answer(
    hass, entry, setup, told
):
    await setup(entry)
    await hass.config_entries.async_unload(entry.entry_id)
    found = await told()
    assert (found["zones"], found["agent_sources"]) == (1, "0 / 1")
    assert found["oldest_agent"] == "n/a"


async def test_a_version_that_is_none_is_not_the_oldest(agent, entry, setup, told):
    agent.snapshot = replace(agent.snapshot, agent=replace(agent.snapshot.agent, version="nightly"))
    await setup(entry)
    assert (await told())["oldest_agent"] == "n/a"


@pytest.mark.parametrize(("library", "loadable"), [("libm.so.6", True), ("libnone.so.1", False)])
async def test_whether_nvidias_library_can_be_loaded(
    hass, setup, told, monkeypatch, library, loadable
):
    await setup(local_entry())
    monkeypatch.setattr("custom_components.gpu_heat.system_health.NVML_LIBRARY", library)
    found = await told()
    assert (found["nvml_sources"], found["nvml"]) == ("0 / 1", loadable)


async def test_a_library_that_answers_is_not_loaded_once_more(
    nvml, socket_enabled, setup, told, monkeypatch
):
    await setup(local_entry())
    monkeypatch.setattr("custom_components.gpu_heat.system_health.NVML_LIBRARY", "libnone.so.1")
    found = await told()
    assert (found["nvml_sources"], found["nvml"]) == ("1 / 1", True)


async def test_all_that_is_said_has_a_name(hass, agent, setup, told):
    folder = Path(custom_components.gpu_heat.__file__).parent
    path = folder / "translations" / "en.json"
    texts = json.loads(await hass.async_add_executor_job(path.read_text))
    await setup(zone_entry(agent))
    await hass.config_entries.async_add(local_entry())
    found = await told()
    assert found.keys() <= texts["system_health"]["info"].keys()
