"""Pinned certificates, discovery, new credentials, and what is left when a source goes."""

import asyncio
from ipaddress import ip_address
import ssl
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_USER, SOURCE_ZEROCONF
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.gpu_heat.const import DOMAIN

from .conftest import zone_entry
from .scripted_agent import TOKEN


@pytest.fixture
async def secure(hass, agent, certificate, broken_handshakes):
    """The scripted agent, over TLS with a certificate that nothing vouches for."""
    await agent.stop()
    await agent.start(await hass.async_add_executor_job(certificate.server))
    return agent


async def form_of(hass):
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    form = await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": "agent"}
    )
    return form["flow_id"]


async def submit(hass, flow_id, *inputs):
    for user_input in inputs:
        result = await hass.config_entries.flow.async_configure(flow_id, user_input)
    return result


async def test_a_certificate_is_shown_before_the_token_is_sent(hass, secure, certificate):
    given = {**secure.address, "token": TOKEN, "tls": True}
    flow_id = await form_of(hass)
    result = await submit(hass, flow_id, given)
    assert result["step_id"] == "fingerprint"
    shown = result["description_placeholders"]["fingerprint"]
    assert shown.replace(" ", "") == certificate.fingerprint
    assert secure.tokens == []
    result = await submit(hass, flow_id, {})
    assert result["step_id"] == "electricity"
    assert secure.tokens == [f"Bearer {TOKEN}"]
    result = await submit(
        hass,
        flow_id,
        {"electricity_price": 0.1},
        {"name": "House", "fuel": "none", "heating_months": [], "cooling_months": []},
    )
    (subentry,) = result["result"].subentries.values()
    assert subentry.data["fingerprint"] == certificate.fingerprint
    await hass.async_block_till_done()
    assert hass.states.get("sensor.house_power").state == "450.0"


@pytest.mark.parametrize("spelled", ["plain", "colons", "upper", "spaces"])
async def test_a_fingerprint_that_is_given_saves_a_step(hass, secure, certificate, spelled):
    plain = certificate.fingerprint
    pairs = [plain[at : at + 2] for at in range(0, 64, 2)]
    text = {
        "plain": plain,
        "colons": "SHA256:" + ":".join(pairs),
        "upper": plain.upper(),
        "spaces": " ".join(pairs),
    }[spelled]
    given = {**secure.address, "token": TOKEN, "tls": True, "fingerprint": text}
    assert (await submit(hass, await form_of(hass), given))["step_id"] == "electricity"


@pytest.mark.parametrize("between", ["", " ", "\n"])
async def test_both_lines_of_the_token_may_be_pasted(hass, secure, certificate, between):
    secure.token = "t" * 43
    pasted = f"{secure.token}{between}{certificate.fingerprint}"
    given = {**secure.address, "token": pasted, "tls": True}
    assert (await submit(hass, await form_of(hass), given))["step_id"] == "electricity"


@pytest.mark.parametrize(
    ("fingerprint", "text"),
    [("00" * 32, "fingerprint_differs"), ("12:34", "fingerprint_malformed")],
)
async def test_a_wrong_fingerprint_is_said_and_no_token_sent(hass, secure, fingerprint, text):
    given = {**secure.address, "token": TOKEN, "tls": True, "fingerprint": fingerprint}
    result = await submit(hass, await form_of(hass), given)
    assert result["errors"] == {"fingerprint": text}
    assert secure.tokens == []


async def test_where_tls_is_spoken_it_is_asked_for(hass, secure):
    flow_id = await form_of(hass)
    given = {**secure.address, "token": TOKEN, "tls": False}
    assert (await submit(hass, flow_id, given))["errors"] == {"tls": "tls_needed"}
    assert (await submit(hass, flow_id, given | {"tls": True}))["step_id"] == "fingerprint"
    assert secure.tokens == []


async def test_a_certificate_that_is_trusted_needs_no_pin(hass, secure, certificate):
    context = await hass.async_add_executor_job(
        lambda: ssl.create_default_context(cadata=certificate.pem)
    )
    flow_id = await form_of(hass)
    with patch("homeassistant.util.ssl.client_context", return_value=context):
        given = {**secure.address, "token": TOKEN, "tls": True}
        result = await submit(hass, flow_id, given)
    assert result["step_id"] == "electricity"


async def test_a_wrong_token_after_the_fingerprint_leads_back_to_the_form(
    hass, secure, certificate
):
    given = {**secure.address, "token": "wrong", "tls": True}
    flow_id = await form_of(hass)
    result = await submit(hass, flow_id, given, {})
    assert (result["step_id"], result["errors"]) == ("agent", {"token": "token_rejected"})
    given |= {"token": TOKEN, "fingerprint": certificate.fingerprint}
    assert (await submit(hass, flow_id, given))["step_id"] == "electricity"


def announced(agent, **properties):
    return ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        port=agent.address["port"],
        hostname="rack.local.",
        type="_gpu-heat._tcp.local.",
        name="rack._gpu-heat._tcp.local.",
        properties=properties,
    )


async def discover(hass, agent, tls):
    return await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=announced(agent, id=agent.id, tls=tls),
    )


async def test_an_agent_that_is_discovered_shows_its_certificate_at_once(hass, secure, certificate):
    form = await discover(hass, secure, "self-signed")
    shown = {str(key): key.description for key in form["data_schema"].schema}
    assert shown["fingerprint"] == {"suggested_value": certificate.fingerprint}
    assert secure.tokens == []
    result = await submit(
        hass,
        form["flow_id"],
        {
            **secure.address,
            "token": TOKEN,
            "tls": True,
            "fingerprint": certificate.fingerprint,
        },
    )
    assert result["step_id"] == "electricity"


async def test_an_agent_that_is_discovered_may_join_a_zone(hass, entry, setup, other, figure):
    await setup(entry)
    form = await discover(hass, other, "off")
    given = {**other.address, "token": TOKEN, "tls": False}
    result = await submit(hass, form["flow_id"], given)
    assert result["step_id"] == "zone"
    result = await submit(hass, form["flow_id"], {"zone": entry.entry_id})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "source_added")
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_power") == 900


async def test_an_agent_that_is_discovered_may_begin_a_zone(hass, entry, setup, other):
    await setup(entry)
    form = await discover(hass, other, "off")
    given = {**other.address, "token": TOKEN, "tls": False}
    result = await submit(hass, form["flow_id"], given, {"zone": "new"})
    assert result["step_id"] == "electricity"


async def reauth(hass, entry):
    (subentry,) = entry.subentries.values()
    return await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_REAUTH, "entry_id": entry.entry_id},
        data={"subentry": subentry.subentry_id},
    )


async def test_a_new_token_is_tried_and_taken(hass, agent, entry, setup, poll, figure):
    await setup(entry)
    agent.token = "changed"
    await poll()
    form = await reauth(hass, entry)
    assert form["step_id"] == "reauth_confirm"
    result = await submit(hass, form["flow_id"], {"token": "guessed"})
    assert result["errors"] == {"token": "token_rejected"}
    result = await submit(hass, form["flow_id"], {"token": "changed"})
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_power") == 450


async def test_while_it_cannot_be_reached_a_token_is_not_taken(hass, agent, entry, setup):
    await setup(entry)
    form = await reauth(hass, entry)
    await agent.stop()
    result = await submit(hass, form["flow_id"], {"token": "changed"})
    assert result["errors"] == {"base": "cannot_connect"}


async def test_a_zone_can_be_renamed(hass, entry, setup):
    await setup(entry)
    form = await entry.start_reconfigure_flow(hass)
    result = await submit(hass, form["flow_id"], {"name": "Workshop"})
    assert result["reason"] == "reconfigure_successful"
    assert entry.title == "Workshop"


async def pause(hass, entity_id):
    await hass.services.async_call(
        "switch",
        "turn_off",
        {"entity_id": entity_id("switch", "train_running")},
        blocking=True,
    )


async def test_a_source_that_is_removed_lets_its_jobs_run_on(
    hass, agent, entry, setup, entity_id, freezer
):
    await setup(entry)
    await pause(hass, entity_id)
    assert agent.snapshot.jobs[0].state == "paused"
    freezer.tick(2)
    (key,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, key)
    await hass.async_block_till_done()
    assert agent.snapshot.jobs[0].state == "running"


async def test_a_zone_that_is_removed_lets_its_jobs_run_on(hass, agent, entry, setup, entity_id):
    await setup(entry)
    await pause(hass, entity_id)
    await hass.config_entries.async_remove(entry.entry_id)
    assert agent.snapshot.jobs[0].state == "running"


async def test_a_job_of_a_removed_source_that_is_off_is_left_to_its_lease(
    hass, agent, entry, setup, entity_id, caplog
):
    await setup(entry)
    await pause(hass, entity_id)
    await agent.stop()
    await hass.config_entries.async_remove(entry.entry_id)
    assert "until its lease ends" in caplog.text


async def test_a_source_that_is_off_keeps_its_entities_over_a_restart(
    hass, agent, setup, poll, entity_id, freezer
):
    entry = zone_entry(agent)
    await setup(entry)
    await poll()
    await agent.stop()
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(60)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get(entity_id("sensor", "0001_power")).state == "unavailable"
    assert float(hass.states.get(entity_id("sensor", "0001_energy")).state) == 0
    online = hass.states.get(entity_id("binary_sensor", "online"))
    assert online.state == "off"
    assert online.attributes["reason"]
    await agent.start()
    await poll()
    assert hass.states.get(entity_id("sensor", "0001_power")).state == "450.0"


async def test_a_source_that_is_removed_needs_no_credentials(hass, entry):
    entry.add_to_hass(hass)  # else the zone is loaded anew, which ends the flow
    form = await reauth(hass, entry)
    (key,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, key)
    result = await submit(hass, form["flow_id"], {"token": "changed"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "source_removed")


async def test_an_announced_address_that_the_certificate_is_not_for_is_not_taken(
    hass, secure, certificate, setup, poll
):
    entry = zone_entry(secure, source={"tls": True, "fingerprint": certificate.fingerprint})
    await setup(entry)
    address = dict(secure.address)
    await secure.stop()
    await poll()
    moved = announced(secure, id="agent-1", tls="self-signed")
    moved.port = 12345  # nobody there
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_ZEROCONF}, data=moved
    )
    await hass.async_block_till_done()
    assert result["reason"] == "already_configured"
    (subentry,) = entry.subentries.values()
    assert subentry.data["port"] == address["port"]
    secure.address = {}
    await secure.start(await hass.async_add_executor_job(certificate.server))
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=announced(secure, id="agent-1", tls="self-signed"),
    )
    await hass.async_block_till_done()
    (subentry,) = entry.subentries.values()
    assert subentry.data["port"] == secure.address["port"]


async def test_a_zone_that_is_removed_during_a_poll_leaves_no_file(
    hass, agent, setup, freezer, hass_storage
):
    hass.states.async_set("sensor.plug", "600", {"unit_of_measurement": "W"})
    entry = zone_entry(agent, source={"plug_power": "sensor.plug"})
    await setup(entry)
    agent.slow_reading = asyncio.Event()
    freezer.tick(11)
    async_fire_time_changed(hass, dt_util.utcnow())
    await agent.asked.wait()
    await hass.config_entries.async_remove(entry.entry_id)
    agent.slow_reading.set()
    await hass.async_block_till_done(wait_background_tasks=True)
    freezer.tick(11)
    async_fire_time_changed(hass, dt_util.utcnow())
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not [key for key in hass_storage if entry.entry_id in key]
