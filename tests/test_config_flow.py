"""Setting up a zone, adding sources, changing options."""

from ipaddress import ip_address

from aiohttp import web
from homeassistant.config_entries import SOURCE_IGNORE, SOURCE_USER, SOURCE_ZEROCONF
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import pytest

from custom_components.gpu_heat.const import DOMAIN
from custom_components.gpu_heat.source_flow import KINDS

from .conftest import OPTIONS
from .scripted_agent import TOKEN

HEATING = {**OPTIONS["heating"], **OPTIONS["seasons"]}


@pytest.fixture
def source(agent):
    """What a user enters for the scripted agent."""
    return {**agent.address, "token": TOKEN, "tls": False}


async def start(hass):
    """Open the flow at the form for an agent."""
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert (menu["type"], menu["menu_options"]) == (FlowResultType.MENU, KINDS)
    form = await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": "agent"}
    )
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "agent")
    return form["flow_id"]


async def submit(hass, flow_id, *inputs):
    """Submit one form after the other; return the last result."""
    for user_input in inputs:
        result = await hass.config_entries.flow.async_configure(flow_id, user_input)
    return result


async def test_a_zone_takes_three_submits(hass, agent, source):
    flow_id = await start(hass)
    price = await submit(hass, flow_id, source)
    assert price["step_id"] == "electricity"
    heating = await submit(hass, flow_id, {"electricity_price": 0.0718, "currency": "CAD"})
    assert heating["step_id"] == "heating"
    result = await submit(hass, flow_id, {"name": "House", **HEATING})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert (entry.title, entry.options, entry.unique_id) == ("House", OPTIONS, None)
    (subentry,) = entry.subentries.values()
    assert (subentry.title, subentry.unique_id) == ("rack", "agent-1")
    assert subentry.data == {**source, "kind": "agent", "capture": 100}
    await hass.async_block_till_done()
    assert hass.states.get("sensor.house_power").state == "450.0"


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        ({"token": "guessed"}, {"token": "token_rejected"}),
        ({"port": 1}, {"host": "cannot_connect"}),
        ({"host": "http://127.0.0.1"}, {"host": "invalid_host"}),
        ({"host": "127.0.0.1:9839"}, {"host": "invalid_host"}),
        ({"tls": True}, {"tls": "tls_failed"}),
    ],
)
async def test_what_is_wrong_is_said_at_the_field_and_can_be_mended(hass, source, wrong, errors):
    flow_id = await start(hass)
    result = await submit(hass, flow_id, source | wrong)
    assert (result["step_id"], result["errors"]) == ("agent", errors)
    assert (await submit(hass, flow_id, source))["step_id"] == "electricity"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"port": 1}, "Connection refused"),
        ({"tls": True}, "what answers there speaks no TLS"),
        ({"tls": True, "fingerprint": "00" * 32}, "what answers there speaks no TLS"),
    ],
)
async def test_why_there_is_no_connection_is_said_in_words(hass, source, wrong, said):
    result = await submit(hass, await start(hass), source | wrong)
    assert result["description_placeholders"]["error"] == said


@pytest.mark.parametrize(
    ("answer", "errors"),
    [
        (web.Response(body=b"<html>", content_type="text/html"), {"host": "not_an_agent"}),
        (web.json_response({"hello": 1}), {"host": "not_an_agent"}),
        (web.json_response({"agent": {"version": "9.0.0"}}), {"host": "wrong_version"}),
        (web.json_response({"error": {}}, status=404), {"host": "wrong_version"}),
        (web.json_response({"error": {"message": "no"}}, status=503), {"host": "cannot_connect"}),
    ],
    ids=["a page", "other JSON", "a later snapshot", "a later API", "not ready"],
)
async def test_what_answers_is_said_at_the_field(hass, agent, source, answer, errors):
    flow_id = await start(hass)
    agent.answer = answer
    assert (await submit(hass, flow_id, source))["errors"] == errors
    agent.answer = None
    assert (await submit(hass, flow_id, source))["step_id"] == "electricity"


async def test_a_server_that_is_no_agent_at_all(hass, agent, source, aiohttp_server):
    server = await aiohttp_server(web.Application())
    flow_id = await start(hass)
    result = await submit(hass, flow_id, source | {"port": server.port})
    assert result["errors"] == {"host": "not_an_agent"}


async def test_an_agent_that_is_a_source_already_is_not_added(hass, entry, source):
    entry.add_to_hass(hass)
    result = await submit(hass, await start(hass), source)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        ({"fuel_price": None}, {"fuel_price": "fuel_price_missing"}),
        ({"efficiency": 0}, {"efficiency": "efficiency_range"}),
        ({"efficiency": 0.85}, {"efficiency": "efficiency_range"}),
        ({"efficiency": 130}, {"efficiency": "efficiency_range"}),
        ({"fuel": "heat_pump", "efficiency": 90, "heat_content": 1}, {"efficiency": "cop_range"}),
        ({"heat_content": 0}, {"heat_content": "heat_content_absurd"}),
        ({"cooling_months": ["4", "7"]}, {"cooling_months": "months_overlap"}),
    ],
)
async def test_heating_that_cannot_be_is_refused_at_the_field(hass, source, wrong, errors):
    flow_id = await start(hass)
    await submit(hass, flow_id, source, {"electricity_price": 0.1})
    form = {key: value for key, value in (HEATING | wrong).items() if value is not None}
    result = await submit(hass, flow_id, {"name": "House", **form})
    assert result["errors"] == errors
    result = await submit(hass, flow_id, {"name": "House", **HEATING})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_negative_price_is_refused_at_the_field(hass, source):
    flow_id = await start(hass)
    await submit(hass, flow_id, source)
    form = await submit(hass, flow_id, {"electricity_price": -0.1})
    assert form["errors"] == {"electricity_price": "price_negative"}


async def test_a_price_that_is_not_given_is_asked_for(hass, source):
    flow_id = await start(hass)
    form = await submit(hass, flow_id, source, {})
    assert (form["step_id"], form["errors"]) == (
        "electricity",
        {"electricity_price": "electricity_price_missing"},
    )
    assert (await submit(hass, flow_id, {"electricity_price": 0}))["step_id"] == "heating"


async def test_what_is_left_empty_is_the_fuels_own(hass, agent, source, poll, figure):
    """A heat pump of COP 3 at the price of electricity: a third of what the heat cost."""
    flow_id = await start(hass)
    months = {"heating_months": [str(n) for n in range(1, 13)], "cooling_months": []}
    result = await submit(
        hass,
        flow_id,
        source,
        {"electricity_price": 0.3},
        {"name": "House", "fuel": "heat_pump", **months},
    )
    await hass.async_block_till_done()
    agent.gpu(energy_j=9.0 * 3_600_000)
    await poll()
    assert figure("fuel_displaced") == pytest.approx(3)
    assert figure("heat_value") == pytest.approx(0.9)
    assert figure("net_cost") == pytest.approx(1.8)
    assert result["result"].options["heating"] == {"fuel": "heat_pump"}
    assert result["result"].options["seasons"] == months


@pytest.mark.parametrize(("latitude", "first"), [(46.8, "10"), (-33.9, "4")])
async def test_months_are_offered_by_hemisphere(hass, source, latitude, first):
    hass.config.latitude = latitude
    flow_id = await start(hass)
    form = await submit(hass, flow_id, source, {"electricity_price": 0.1})
    keys = {str(key): key for key in form["data_schema"].schema}
    assert keys["heating_months"].default()[0] == first


def announced(agent, **properties):
    return ZeroconfServiceInfo(
        ip_address=ip_address(agent.address["host"]),
        ip_addresses=[ip_address(agent.address["host"])],
        hostname="rack.local.",
        name="rack._gpu-heat._tcp.local.",
        port=agent.address["port"],
        properties=properties,
        type="_gpu-heat._tcp.local.",
    )


async def test_an_announced_agent_needs_its_token_alone(hass, agent, source):
    form = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=announced(agent, id="agent-1", tls="off"),
    )
    shown = {str(key): key.description for key in form["data_schema"].schema}
    assert form["step_id"] == "agent"
    assert shown["host"] == {"suggested_value": "127.0.0.1"}
    assert shown["port"] == {"suggested_value": agent.address["port"]}
    result = await submit(
        hass, form["flow_id"], source, {"electricity_price": 0.1}, {"name": "House", **HEATING}
    )
    assert result["result"].unique_id is None


@pytest.mark.parametrize("gone", [True, False])
async def test_a_known_agent_is_followed_only_if_it_is_gone(hass, agent, entry, setup, poll, gone):
    await setup(entry)
    port = agent.address["port"]
    if gone:
        await agent.stop()
        await poll()
    moved = announced(agent, id="agent-1", tls="off")
    moved.port = 12345
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_ZEROCONF}, data=moved
    )
    await hass.async_block_till_done()
    assert result["reason"] == "already_configured"
    (subentry,) = entry.subentries.values()
    assert subentry.data["port"] == (12345 if gone else port)
    if gone:
        await agent.start()


async def test_an_announcement_that_is_ignored_stays_ignored(hass, agent):
    announcement = announced(agent, id="agent-1", tls="off")
    context = {"source": SOURCE_ZEROCONF}
    await hass.config_entries.flow.async_init(DOMAIN, context=context, data=announcement)
    await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_IGNORE}, data={"unique_id": "agent-1", "title": "rack"}
    )
    again = await hass.config_entries.flow.async_init(DOMAIN, context=context, data=announcement)
    assert (again["type"], again["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_an_agent_set_up_by_hand_is_no_longer_offered(hass, agent, source):
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=announced(agent, id="agent-1", tls="off"),
    )
    await submit(
        hass,
        await start(hass),
        source,
        {"electricity_price": 0.1},
        {"name": "House", **HEATING},
    )
    assert hass.config_entries.flow.async_progress() == []


async def test_two_flows_for_one_agent_make_one_source(hass, source):
    first, second = await start(hass), await start(hass)
    forms = source, {"electricity_price": 0.1}
    await submit(hass, first, *forms)
    await submit(hass, second, *forms)
    heating = {"name": "House", **HEATING}
    assert (await submit(hass, first, heating))["type"] is FlowResultType.CREATE_ENTRY
    assert (await submit(hass, second, heating))["reason"] == "already_configured"


async def test_an_announcement_without_an_id_is_no_agent(hass, agent):
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_ZEROCONF}, data=announced(agent)
    )
    assert result["reason"] == "not_an_agent"


async def add_source(hass, entry, user_input):
    menu = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "source"), context={"source": SOURCE_USER}
    )
    form = await hass.config_entries.subentries.async_configure(
        menu["flow_id"], {"next_step_id": "agent"}
    )
    return await hass.config_entries.subentries.async_configure(form["flow_id"], user_input)


async def test_a_second_source_joins_the_zone(hass, entry, setup, other, figure):
    await setup(entry)
    result = await add_source(hass, entry, {**other.address, "token": TOKEN, "tls": False})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_power") == 900


async def test_the_same_source_does_not_join_twice(hass, entry, setup, source):
    await setup(entry)
    result = await add_source(hass, entry, source)
    assert result["reason"] == "already_configured"


async def test_a_source_that_is_wrong_is_said_at_the_field(hass, entry, setup, other):
    await setup(entry)
    result = await add_source(hass, entry, {**other.address, "token": "no", "tls": False})
    assert result["errors"] == {"token": "token_rejected"}


async def reconfigure(hass, entry, user_input):
    (subentry,) = entry.subentries
    form = await entry.start_subentry_reconfigure_flow(hass, subentry)
    assert form["step_id"] == "agent"
    return await hass.config_entries.subentries.async_configure(form["flow_id"], user_input)


async def test_a_source_can_be_told_a_new_address(hass, agent, entry, setup, source, figure):
    await setup(entry)
    await agent.stop()
    agent.address = {}
    await agent.start()
    result = await reconfigure(hass, entry, source | agent.address)
    await hass.async_block_till_done()
    assert result["reason"] == "reconfigure_successful"
    assert figure(f"{entry.entry_id}_power") == 450


async def test_a_source_cannot_become_another_zones(hass, entry, setup, other, source):
    await setup(entry)
    await add_source(hass, entry, {**other.address, "token": TOKEN, "tls": False})
    await hass.async_block_till_done()
    first = next(key for key, sub in entry.subentries.items() if sub.unique_id == "agent-1")
    form = await entry.start_subentry_reconfigure_flow(hass, first)
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"], source | other.address
    )
    assert result["reason"] == "already_configured"


THRESHOLDS = {"heating_below": 12, "cooling_above": 20}


@pytest.mark.parametrize(
    ("section", "user_input"),
    [
        ("electricity", {**OPTIONS["electricity"], "electricity_price": 0.2, "tax": 19}),
        ("heating", OPTIONS["heating"] | {"fuel_price": 1.5, "heat_per_area": 8}),
        ("seasons", {**OPTIONS["seasons"], **THRESHOLDS, "season_by": "months"}),
        ("cooling", {"cooling_cop": 3.2}),
        ("control", {"minimum_on": {"minutes": 5}, "minimum_off": {"minutes": 1}}),
    ],
)
async def test_each_section_of_the_options_can_be_changed(hass, entry, setup, section, user_input):
    await setup(entry)
    result = await change(hass, entry, section, user_input)
    await hass.async_block_till_done()
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {**OPTIONS, section: user_input}


async def change(hass, entry, section, *inputs):
    """Open a section of the options, submit one form after the other, return the last result."""
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    result = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": section}
    )
    for user_input in inputs:
        result = await hass.config_entries.options.async_configure(menu["flow_id"], user_input)
    return result


@pytest.mark.parametrize(
    ("section", "user_input", "errors"),
    [
        ("heating", OPTIONS["heating"] | {"efficiency": 0.85}, {"efficiency": "efficiency_range"}),
        ("electricity", {}, {"electricity_price": "electricity_price_missing"}),
    ],
)
async def test_options_are_refused_as_in_the_first_form(
    hass, entry, setup, section, user_input, errors
):
    await setup(entry)
    assert (await change(hass, entry, section, user_input))["errors"] == errors
