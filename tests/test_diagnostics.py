"""Diagnostics tell no secrets."""

from dataclasses import replace
import json

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.helpers.json import json_bytes
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)

from custom_components.gpu_heat.agent.models import Device, EnergyOrigin, JobState, Vendor
from custom_components.gpu_heat.const import DOMAIN
from custom_components.gpu_heat.diagnostics import (
    async_get_config_entry_diagnostics,
    redacted_data,
)

from .conftest import OPTIONS
from .scripted_agent import GPU, TOKEN

PLUG, METER = "sensor.plug_power", "sensor.plug_energy"
FINGERPRINT = "ab" * 32
HOST = "node7.basement.example"
IN_FLEET = f"{HOST}/GPU-0000-0007"


def source(kind, **data):
    return ConfigSubentryData(
        data={"kind": kind, **data}, subentry_type="source", title=f"my {kind}", unique_id=kind
    )


@pytest.fixture
def document(hass):
    """Return the diagnostics of a zone, and the text of it all."""

    async def tell(entry):
        text = json_bytes(await async_get_config_entry_diagnostics(hass, entry)).decode()
        return json.loads(text), text

    return tell


async def test_diagnostics_hold_settings_and_readings_but_no_secret(
    hass, hass_client, agent, entry
):
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    found = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    text = json.dumps(found)
    (said,) = found["sources"]
    assert found["options"]["electricity"] == {
        "tariff": "fixed",
        "electricity_price": 0.0718,
        "currency": "CAD",
    }
    assert (said["online"], said["failure"]) == (True, None)
    assert said["last"]["devices"][0]["power_w"] == 450
    assert said["last"]["devices"][0]["name"] == "NVIDIA GeForce RTX 4090"
    assert said["last"]["agent"]["version"] == "0.1.0"
    assert said["energy_origins"] == {"integrated": 1}
    assert (said["jobs"], [job["state"] for job in said["last"]["jobs"]]) == (2, ["running"] * 2)
    for secret in (TOKEN, GPU, agent.address["host"], agent.id, "rack", "Fine-tune", "train"):
        assert secret not in text


async def test_a_source_of_each_kind_is_told_of_without_its_secrets(
    hass, agent, setup, document, poll
):
    hass.states.async_set(PLUG, "800", {"unit_of_measurement": "W"})
    hass.states.async_set(METER, "12", {"unit_of_measurement": "kWh"})
    meter = {"id": "01METER", "label": "Anna's miner", "power": PLUG, "energy": METER}
    job = {"id": "mine", "name": "Mine coins", "pidfile": "/home/anna/mine.pid"}
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="House",
        minor_version=2,
        options=OPTIONS,
        subentries_data=[
            source("agent", **agent.address, token=TOKEN, tls=True, fingerprint=FINGERPRINT),
            source("entities", meters=[meter], max_gap=300, capture=80),
            source("nvml", jobs=[job]),
        ],
    )
    await setup(entry)
    await poll()
    found, text = await document(entry)
    by_agent, by_entities, by_nvml = found["sources"]
    assert (by_agent["failure"], by_nvml["failure"]) == ("TlsError", "UnreachableError")
    assert by_agent["last"] is None
    assert (by_agent["data"]["port"], by_agent["data"]["tls"]) == (agent.address["port"], True)
    assert by_entities["data"]["meters"][0]["power"] == PLUG
    (device,) = by_entities["last"]["devices"]
    assert device["id"] == by_entities["data"]["meters"][0]["id"]
    assert by_entities["energy_origins"] == {"counter": 1}
    (figures,) = by_entities["plausibility"].values()
    assert figures["since"] == {"counter_j": 0, "power_j": 8800, "span_s": 11}  # 800 W x 11 s
    assert by_nvml["data"] == {"kind": "nvml", "jobs": 1}
    for secret in (
        TOKEN,
        FINGERPRINT,
        agent.address["host"],
        "01METER",
        "Anna",
        "anna",
        "Mine",
        "mine.pid",
    ):
        assert secret not in text


async def test_devices_can_be_told_apart_from_one_file_to_the_next(
    agent, entry, setup, document, poll
):
    ids = (GPU, IN_FLEET, "GPU-0000-0009")
    agent.snapshot = replace(
        agent.snapshot,
        devices=tuple(
            Device(
                id=key,
                vendor=Vendor.OTHER,
                name=f"power of {HOST}",
                index=index,
                power_w=5.0,
                energy_j=1.0,
                energy_origin=EnergyOrigin.COUNTER,
            )
            for index, key in enumerate(ids)
        ),
    )
    await setup(entry)
    first, text = await document(entry)
    await poll()
    second, _ = await document(entry)
    shown = [device["id"] for device in first["sources"][0]["last"]["devices"]]
    assert len(set(shown)) == 3
    assert shown == [device["id"] for device in second["sources"][0]["last"]["devices"]]
    assert set(shown) == set(first["sources"][0]["plausibility"])
    for secret in (*ids, HOST, "node7"):
        assert secret not in text


async def test_a_source_that_was_read_before_shows_what_it_said_last(
    agent, entry, setup, poll, document
):
    await setup(entry)
    await agent.stop()
    await poll()
    (said,) = (await document(entry))[0]["sources"]
    assert (said["online"], said["failure"]) == (False, "UnreachableError")
    assert said["last"]["devices"][0]["power_w"] == 450
    await agent.start()


def test_of_a_page_only_its_protocol_and_its_metric_are_shown():
    """What is not known to be harmless is not shown."""
    shown = redacted_data(
        {
            "kind": "prometheus",
            "url": "https://anna:hunter2@node7.example:9400/secret-path/metrics?key=k3y",
            "username": "anna",
            "password": "hunter2",
            "token": TOKEN,
            "ca_certificate": "-----BEGIN CERTIFICATE-----",
            "verify_ssl": True,
            "fleet": True,
            "metric": "power_watts",
            "of a later version": "who knows",
        },
        lambda text: "alias",
    )
    assert shown == {
        "kind": "prometheus",
        "url": "https://**REDACTED**",
        "username": "**REDACTED**",
        "password": "**REDACTED**",
        "token": "**REDACTED**",
        "ca_certificate": "**REDACTED**",
        "verify_ssl": True,
        "fleet": True,
        "metric": "power_watts",
        "of a later version": "**REDACTED**",
    }


async def test_a_group_of_jobs_is_told_of_without_its_secrets(agent, entry, setup, document):
    agent.group("hush", {"77": JobState.RUNNING})
    agent.job("hush:77", error="no hush answers", devices=("GPU-hush",), reason="hush")
    await setup(entry)
    told, text = await document(entry)
    assert "hush" not in text.lower()
    group, member = told["sources"][0]["last"]["jobs"][2:]
    assert (member["group"], group["members"]) == (group["id"], 1)


async def test_what_was_decided_is_told_without_saying_on_which_job(
    hass, agent, entry, setup, document
):
    await setup(entry)
    assert (await document(entry))[0]["schedule"] == {"automatic": False}
    await entry.runtime_data.scheduler.async_refresh()
    told, text = await document(entry)
    schedule = told["schedule"]
    assert schedule["reasons"] == {"demand_unknown": 2}  # there is no thermostat
    assert (schedule["heat_demand"], schedule["saving"], schedule["windows"]) == (None, None, 0)
    assert schedule["heat_loss"]["confidence"] == 0
    assert "train" not in text
