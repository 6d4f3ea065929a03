"""Exporters' pages and Prometheus servers as sources, over real HTTP."""

from aiohttp import web
from homeassistant.config_entries import SOURCE_USER
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.gpu_heat.const import DOMAIN

UUID = "GPU-34319582-d595-d1c7-d1d2-179bcfa61660"


def card(host, uuid, power_w, energy_mj):
    labels = f'gpu="0",UUID="{uuid}",modelName="NVIDIA A100",Hostname="{host}"'
    return (
        f"DCGM_FI_DEV_POWER_USAGE{{{labels}}} {power_w}\n"
        f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{labels}}} {energy_mj}\n"
        f"DCGM_FI_DEV_GPU_TEMP{{{labels}}} 61\n"
    )


class Exporter:
    """Serves a page of text; wants credentials if it has some."""

    def __init__(self):
        self.page = card("rack", UUID, 400, 0)
        self.status = 200
        self.authorization = None
        self.asked = []

    async def answer(self, request):
        self.asked.append(request.headers.get("Authorization"))
        if self.authorization and self.asked[-1] != self.authorization:
            return web.Response(status=401)
        return web.Response(text=self.page, status=self.status)


@pytest.fixture
async def exporter(socket_enabled, aiohttp_server):
    exporter = Exporter()
    app = web.Application()
    app.router.add_get("/metrics", exporter.answer)
    app.router.add_get("/federate", exporter.answer)
    server = await aiohttp_server(app)
    exporter.url = f"http://127.0.0.1:{server.port}"
    return exporter


async def open_form(hass):
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    form = await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": "prometheus"}
    )
    assert form["step_id"] == "prometheus"
    return form["flow_id"]


async def submit(hass, flow_id, *inputs):
    for user_input in inputs:
        result = await hass.config_entries.flow.async_configure(flow_id, user_input)
    return result


ZONE = (
    {"electricity_price": 0.1, "currency": "EUR"},
    {"name": "House", "fuel": "none", "heating_months": [], "cooling_months": []},
)


async def zone(hass, freezer, **source):
    """Make a zone by its forms; return its entry."""
    freezer.move_to("2026-01-15 12:00:00+00:00")
    result = await submit(hass, await open_form(hass), source, *ZONE)
    assert result["type"] is FlowResultType.CREATE_ENTRY, result
    await hass.async_block_till_done()
    return result["result"]


async def test_an_exporter_becomes_a_source(hass, exporter, freezer, poll, figure):
    entry = await zone(hass, freezer, url=exporter.url)
    (subentry,) = entry.subentries.values()
    assert (subentry.title, subentry.data["fleet"]) == ("127.0.0.1 (dcgm-exporter)", False)
    assert figure(f"{entry.entry_id}_power") == 400
    assert figure(f"{UUID}_temperature") == 61
    exporter.page = card("rack", UUID, 400, 3_600_000_000)
    await poll(hours=1, seconds=1)
    await poll()
    assert figure(f"{UUID}_energy") == 1  # 3.6e9 mJ


async def test_a_reset_of_the_exporters_counter_is_bridged_also_over_a_restart(
    hass, exporter, freezer, poll, figure
):
    exporter.page = card("rack", UUID, 400, 9_000_000_000)
    entry = await zone(hass, freezer, url=exporter.url)
    exporter.page = card("rack", UUID, 400, 9_360_000_000)
    await poll(minutes=20)
    assert figure(f"{UUID}_energy") == pytest.approx(0.1)
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(3600)
    exporter.page = card("rack", UUID, 400, 720_000_000)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert figure(f"{UUID}_energy") == pytest.approx(0.3)


async def test_a_fleet_is_shown_by_its_machines(hass, exporter, freezer, poll, figure):
    other = UUID.replace("34319582", "44319582")
    exporter.page = card("node-1", UUID, 400, 0) + card("node-2", other, 300, 0)
    entry = await zone(hass, freezer, url=f"{exporter.url}/federate?match[]=DCGM")
    (subentry,) = entry.subentries.values()
    assert subentry.data["fleet"] is True
    assert figure(f"{entry.entry_id}_power") == 700
    devices = dr.async_get(hass)
    sensor = next(
        item
        for item in er.async_get(hass).entities.values()
        if item.unique_id.endswith(f"node-2/{other}_power")
    )
    gpu = devices.async_get(sensor.device_id)
    machine = devices.async_get(gpu.parent_device_id)
    assert machine.name == "node-2"
    assert devices.async_get(machine.via_device_id).name == "127.0.0.1 (dcgm-exporter)"
    exporter.page += card("node-3", UUID.replace("34319582", "54319582"), 50, 0)
    await poll()
    assert figure(f"{entry.entry_id}_power") == 750


async def test_two_exporters_of_one_card_are_not_added(hass, exporter, freezer, figure):
    plain = UUID.removeprefix("GPU-")
    exporter.page += f'nvidia_smi_power_draw_watts{{uuid="{plain}"}} 401\n'
    entry = await zone(hass, freezer, url=exporter.url)
    assert figure(f"{entry.entry_id}_power") == pytest.approx(400, abs=1)


async def test_a_card_that_another_source_reads_is_refused(hass, exporter, freezer):
    await zone(hass, freezer, url=exporter.url)
    result = await submit(hass, await open_form(hass), {"url": f"{exporter.url}/federate"})
    assert result["errors"] == {"url": "devices_counted"}
    assert result["description_placeholders"]["other"] == "127.0.0.1 (dcgm-exporter)"


async def test_the_same_page_does_not_join_twice(hass, exporter, freezer):
    exporter.page = "node_rapl_package_joules_total 5\n"
    await zone(hass, freezer, url=exporter.url)
    result = await submit(hass, await open_form(hass), {"url": f"{exporter.url}/metrics"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


@pytest.mark.parametrize(
    ("access", "header"),
    [
        ({"token": "s3cret"}, "Bearer s3cret"),
        ({"username": "ann", "password": "pw"}, "Basic YW5uOnB3"),
    ],
)
async def test_credentials_are_sent_as_they_should(hass, exporter, freezer, access, header):
    exporter.authorization = header
    flow_id = await open_form(hass)
    result = await submit(hass, flow_id, {"url": exporter.url})
    assert result["errors"] == {"access": "credentials_rejected"}
    result = await submit(hass, flow_id, {"url": exporter.url, "access": access}, *ZONE)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"url": "server:9835"}, {"url": "invalid_url"}),
        ({"url": "ftp://server/metrics"}, {"url": "invalid_url"}),
        ({"url": "http://ann:pw@127.0.0.1/metrics"}, {"url": "invalid_url"}),
        ({"url": "http://127.0.0.1:1/metrics"}, {"url": "page_unreachable"}),
        (
            {"access": {"token": "a", "username": "b", "password": "c"}},
            {"access": "token_and_user"},
        ),
        ({"access": {"username": "ann"}}, {"access": "user_incomplete"}),
        ({"access": {"ca_certificate": "no PEM"}}, {"access": "tls_failed"}),
        ({"custom": {"metric": "watts"}}, {"custom": "metric_incomplete"}),
        ({"custom": {"metric_label": "slot"}}, {"custom": "metric_incomplete"}),
        ({"custom": {"metric": "watts", "metric_unit": "W"}}, {"url": "no_metrics"}),
        ({"placement": {"circuit_current": 15}}, {"placement": "circuit_incomplete"}),
    ],
)
async def test_what_is_wrong_is_said_at_its_field(hass, exporter, given, errors):
    flow_id = await open_form(hass)
    result = await submit(hass, flow_id, {"url": exporter.url, **given})
    assert result["errors"] == errors
    assert (await submit(hass, flow_id, {"url": exporter.url}))["step_id"] == "electricity"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<html><body>Login</body></html>", "HTML"),
        ('{"status": "ok"}', "JSON"),
        ("", "empty"),
        ("go_goroutines 12\n", "known exporter"),
    ],
)
async def test_a_page_that_is_none_is_named(hass, exporter, page, said):
    flow_id = await open_form(hass)
    exporter.page = page
    result = await submit(hass, flow_id, {"url": exporter.url})
    assert result["errors"] == {"url": "no_metrics"}
    assert said in result["description_placeholders"]["error"]


async def test_a_metric_of_ones_own_is_read(hass, exporter, freezer, figure):
    exporter.page = 'rig_power{slot="a"} 1.5\nrig_power{slot="b"} 0.5\n'
    custom = {"metric": "rig_power", "metric_unit": "kW", "metric_label": "slot"}
    entry = await zone(hass, freezer, url=exporter.url, custom=custom)
    assert figure(f"{entry.entry_id}_power") == 2000


async def test_an_authority_of_ones_own_is_trusted(
    hass, exporter, aiohttp_server, certificate, broken_handshakes
):
    app = web.Application()
    app.router.add_get("/metrics", exporter.answer)
    server = await aiohttp_server(app, ssl=await hass.async_add_executor_job(certificate.server))
    url = f"https://127.0.0.1:{server.port}"
    flow_id = await open_form(hass)
    assert (await submit(hass, flow_id, {"url": url}))["errors"] == {"access": "tls_failed"}
    access = {"ca_certificate": certificate.pem}
    result = await submit(hass, flow_id, {"url": url, "access": access})
    assert result["step_id"] == "electricity"
    result = await submit(
        hass, await open_form(hass), {"url": url, "access": {"verify_ssl": False}}
    )
    assert result["step_id"] == "electricity"


async def test_a_page_that_goes_wrong_makes_no_figure_and_no_noise(
    hass, exporter, freezer, poll, entity_id, caplog
):
    entry = await zone(hass, freezer, url=exporter.url)
    caplog.clear()
    good = exporter.page
    for page in ("", "<html>", "\x00\xff", good.replace("400", "NaN"), "{", good[:40]):
        exporter.page = page
        await poll()
        state = hass.states.get(entity_id("sensor", f"{entry.entry_id}_power")).state
        assert state in ("unavailable", "unknown"), page
    exporter.page = good
    await poll()
    assert float(hass.states.get(entity_id("sensor", f"{entry.entry_id}_power")).state) == 400
    ours = [item for item in caplog.records if item.name.startswith("custom_components")]
    assert not [item for item in ours if item.levelno > 20]


async def test_new_credentials_are_tried(hass, exporter, freezer, poll, figure):
    exporter.authorization = "Bearer old"
    entry = await zone(hass, freezer, url=exporter.url, access={"token": "old"})
    exporter.authorization = "Bearer new"
    (subentry,) = entry.subentries.values()
    form = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": "reauth", "entry_id": entry.entry_id},
        data={"subentry": subentry.subentry_id},
    )
    result = await submit(hass, form["flow_id"], {"token": "bad"})
    assert result["errors"] == {"base": "credentials_rejected"}
    result = await submit(hass, form["flow_id"], {"token": "new"})
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_power") == 400


async def test_a_page_is_reconfigured(hass, exporter, freezer, figure):
    entry = await zone(hass, freezer, url=exporter.url)
    (key,) = entry.subentries
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "source"), context={"source": "reconfigure", "subentry_id": key}
    )
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"],
        {"url": f"{exporter.url}/federate", "placement": {"capture": 50}},
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.subentries[key].data["capture"] == 50


async def test_a_meter_of_ones_own_may_be_that_of_a_whole_row(
    hass, exporter, freezer, poll, figure
):
    exporter.page = "pdu_energy 1000\n"
    custom = {"metric": "pdu_energy", "metric_unit": "kWh"}
    entry = await zone(hass, freezer, url=exporter.url, custom=custom)
    for kwh in (1000.5, 1001):
        exporter.page = f"pdu_energy {kwh}\n"
        await poll(seconds=60)
    assert figure(f"{entry.entry_id}_energy") == 1
    assert figure(f"{entry.entry_id}_power") == pytest.approx(30_000)
    exporter.page = "pdu_energy 1031\n"
    await poll(hours=1)
    assert figure(f"{entry.entry_id}_energy") == 31


async def reauthenticate(hass, entry, *inputs):
    (subentry,) = entry.subentries.values()
    form = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": "reauth", "entry_id": entry.entry_id},
        data={"subentry": subentry.subentry_id},
    )
    return await submit(hass, form["flow_id"], *inputs)


async def test_new_credentials_take_the_place_of_all_others(hass, exporter, freezer):
    exporter.authorization = "Basic YTpi"  # a:b
    entry = await zone(hass, freezer, url=exporter.url, access={"username": "a", "password": "b"})
    exporter.authorization = "Bearer new"
    result = await reauthenticate(hass, entry, {"token": "new"})
    assert result.get("reason") == "reauth_successful"
    await hass.async_block_till_done()
    (subentry,) = entry.subentries.values()
    assert subentry.data["token"] == "new"
    assert not {"username", "password"} & set(subentry.data)
    exporter.authorization = "Basic YTpi"
    result = await reauthenticate(hass, entry, {"username": "a", "password": "b"})
    assert result.get("reason") == "reauth_successful"
    (subentry,) = entry.subentries.values()
    assert "token" not in subentry.data


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"username": "a"}, "user_incomplete"),
        ({"token": "t", "username": "a", "password": "b"}, "token_and_user"),
    ],
)
async def test_new_credentials_that_are_incomplete_are_refused(
    hass, exporter, freezer, given, text
):
    exporter.authorization = "Bearer old"
    entry = await zone(hass, freezer, url=exporter.url, access={"token": "old"})
    result = await reauthenticate(hass, entry, given)
    assert result["errors"] == {"base": text}


def package(joules):
    return f'node_rapl_package_joules_total{{index="0"}} {joules}\n'


async def test_another_machine_does_not_go_on_with_the_formers_counters(
    hass, exporter, freezer, poll, figure, aiohttp_server
):
    exporter.page = package(1000) + card("rack", UUID, 400, 0)
    entry = await zone(hass, freezer, url=exporter.url)
    await poll()
    exporter.status = 503  # it is off, and another takes its place
    await poll(hours=5)
    after = Exporter()
    after.page = package(90_000_000) + card("rack", UUID, 400, 360_000_000)
    app = web.Application()
    app.router.add_get("/metrics", after.answer)
    server = await aiohttp_server(app)
    (key,) = entry.subentries
    hass.config_entries.async_update_subentry(
        entry,
        entry.subentries[key],
        data={**entry.subentries[key].data, "url": f"http://127.0.0.1:{server.port}"},
    )
    await hass.async_block_till_done()
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.1)  # that of the card it took over
    after.page = package(90_036_000) + card("rack", UUID, 400, 360_000_000)
    await poll()
    assert figure(f"{entry.entry_id}_energy") == pytest.approx(0.11)
