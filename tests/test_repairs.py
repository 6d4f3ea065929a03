"""A source that shows another certificate: it is told nothing before somebody confirms it."""

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest

from custom_components.gpu_heat.const import DOMAIN

from .certificates import Certificate
from .conftest import zone_entry
from .scripted_agent import TOKEN
from .test_issues import issue, issues


@pytest.fixture
async def certificate(hass, tmp_path):
    """Make a certificate of loopback by its name."""

    async def make(name):
        return await hass.async_add_executor_job(Certificate, tmp_path, name)

    # The server is in the same loop, which tells of clients that break a handshake off.
    report = hass.loop.get_exception_handler()
    hass.loop.set_exception_handler(
        lambda loop, context: (
            None if "incoming connection" in context["message"] else report(loop, context)
        )
    )
    return make


@pytest.fixture
async def show(hass, agent, poll):
    """Let the agent show a certificate from the next poll on."""

    async def serve(shown, *, polls=1):
        await agent.stop()
        await agent.start(await hass.async_add_executor_job(shown.server))
        agent.tokens.clear()
        for _ in range(polls):
            await poll()

    return serve


@pytest.fixture
async def first(certificate):
    return await certificate("first")


@pytest.fixture
async def pinned(hass, agent, first, show, setup):
    """A zone with the agent over TLS, the first certificate pinned."""
    assert await async_setup_component(hass, "repairs", {})
    await show(first, polls=0)
    entry = zone_entry(agent, source={"tls": True, "fingerprint": first.fingerprint})
    await setup(entry)
    return entry


def fours(fingerprint):
    return " ".join(fingerprint[at : at + 4] for at in range(0, 64, 4))


def fingerprint_of(entry):
    (subentry,) = entry.subentries.values()
    return subentry.data["fingerprint"]


async def fix(hass):
    return await hass.data["repairs"]["flow_manager"].async_init(
        DOMAIN, data={"issue_id": issue(hass).issue_id}
    )


async def confirm(hass, form):
    result = await hass.data["repairs"]["flow_manager"].async_configure(form["flow_id"], {})
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


async def test_another_certificate_is_shown_and_gets_no_token_before_it_is_confirmed(
    hass, agent, pinned, first, certificate, show, poll, figure
):
    assert figure(f"{pinned.entry_id}_power") == 450
    second = await certificate("second")
    await show(second, polls=3)
    assert not agent.tokens
    form = await fix(hass)
    assert form["description_placeholders"] == {
        "zone": "House",
        "source": "rack of agent-1",
        "pinned": fours(first.fingerprint),
        "found": fours(second.fingerprint),
    }
    result = await confirm(hass, form)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert fingerprint_of(pinned) == second.fingerprint
    assert set(agent.tokens) == {f"Bearer {TOKEN}"}
    assert figure(f"{pinned.entry_id}_power") == 450
    assert not issues(hass)


async def test_what_is_confirmed_is_what_was_shown_not_what_came_later(
    hass, agent, pinned, certificate, show
):
    second, third = await certificate("second"), await certificate("third")
    await show(second)
    form = await fix(hass)
    await show(third)
    await confirm(hass, form)
    assert fingerprint_of(pinned) == second.fingerprint
    assert not agent.tokens
    shown = issue(hass).translation_placeholders
    assert shown["pinned"] == fours(second.fingerprint)
    assert shown["found"] == fours(third.fingerprint)


async def test_once_the_old_certificate_is_back_there_is_nothing_to_confirm(
    hass, pinned, first, certificate, show, figure
):
    await show(await certificate("second"))
    form = await fix(hass)
    await show(first)
    assert not issues(hass)
    assert figure(f"{pinned.entry_id}_power") == 450
    result = await confirm(hass, form)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "settled")
    assert fingerprint_of(pinned) == first.fingerprint


async def test_the_old_certificate_is_known_also_where_the_token_is_rejected(
    hass, agent, pinned, first, certificate, show
):
    await show(await certificate("second"))
    agent.token = "changed"
    await show(first)
    assert issues(hass) == ["config_entry_reauth"]


async def test_the_certificate_of_a_source_that_was_removed_is_not_confirmed(
    hass, pinned, certificate, show
):
    await show(await certificate("second"))
    form = await fix(hass)
    (key,) = pinned.subentries
    hass.config_entries.async_remove_subentry(pinned, key)
    await hass.async_block_till_done()
    assert not issues(hass)
    assert (await confirm(hass, form))["reason"] == "settled"


async def test_a_zone_that_is_disabled_has_no_issues(hass, pinned, certificate, show):
    await show(await certificate("second"))
    assert issues(hass)
    await hass.config_entries.async_set_disabled_by(pinned.entry_id, ConfigEntryDisabler.USER)
    assert not issues(hass)


async def test_an_issue_that_was_ignored_stays_so_over_a_reload(hass, pinned, certificate, show):
    await show(await certificate("second"))
    ir.async_ignore_issue(hass, DOMAIN, issue(hass).issue_id, True)
    await hass.config_entries.async_reload(pinned.entry_id)
    assert issue(hass).dismissed_version


async def test_a_source_that_is_renamed_is_named_anew(hass, pinned, certificate, show):
    await show(await certificate("second"))
    (subentry,) = pinned.subentries.values()
    hass.config_entries.async_update_subentry(pinned, subentry, title="Basement")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert issue(hass).translation_placeholders["source"] == "Basement"
