"""The client of an exporter, over real HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
import gzip
import json
import ssl
import subprocess
import zlib

from aiohttp import ClientSession, web
import pytest

from custom_components.gpu_heat.agent.models import HostOrigin
from custom_components.gpu_heat.sources import (
    AddressError,
    NotASourceError,
    TlsError,
    TokenError,
    UnreachableError,
    prometheus,
)
from custom_components.gpu_heat.sources.dialects import CustomRow, CustomUnit
from custom_components.gpu_heat.sources.prometheus import MAX_BYTES, PrometheusSource

from .test_dialects import FIRST, SECOND, load

T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "s3cret-word"


class Clock:
    def __init__(self):
        self.at = T0

    def __call__(self):
        return self.at


def source(session, url, **changes):
    options = {
        "url": url,
        "credentials": None,
        "tls": True,
        "custom": None,
        "fleet": False,
        "name": "Rack",
        "key": "source-1",
        "now": Clock(),
    }
    return PrometheusSource(session, **options | changes)


@pytest.fixture
async def serve(socket_enabled, aiohttp_server):
    """Serve a handler or a body for every path; return a source that reads it."""
    async with ClientSession() as session:

        async def start(answer, path="/metrics", **options):
            async def handler(request):
                return web.Response(body=answer, content_type="text/plain")

            app = web.Application()
            app.router.add_route("*", "/{path:.*}", answer if callable(answer) else handler)
            server = await aiohttp_server(app)
            return source(session, f"http://127.0.0.1:{server.port}{path}", **options)

        yield start


@pytest.fixture
async def serve_raw(socket_enabled):
    """Answer each connection with some bytes, and close it."""
    servers = []
    async with ClientSession() as session:

        async def start(answer, query=""):
            async def handler(reader, writer):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
                writer.close()

            server = await asyncio.start_server(handler, "127.0.0.1", 0)
            servers.append(server)
            port = server.sockets[0].getsockname()[1]
            return source(session, f"http://127.0.0.1:{port}/metrics{query}")

        yield start
        for server in servers:
            server.close()


async def test_a_page_becomes_a_snapshot(serve):
    clock = Clock()
    client = await serve(load("nvidia_gpu_exporter"), now=clock)
    clock.at += timedelta(seconds=5)
    snapshot = await client.read()
    assert snapshot.power_w == 360.75
    assert [device.id for device in snapshot.devices] == [FIRST, SECOND]
    assert snapshot.host.origin is HostOrigin.NONE
    assert snapshot.taken_at == T0 + timedelta(seconds=5)
    assert (snapshot.agent.id, snapshot.agent.name) == ("source-1", "Rack")
    assert (snapshot.agent.version, snapshot.agent.started_at) == ("nvidia_gpu_exporter", T0)


async def test_meters_are_kept(serve):
    clock = Clock()
    client = await serve(load("mindprince"), now=clock)
    await client.read()
    clock.at += timedelta(seconds=10)
    await client.read()
    document = json.loads(json.dumps(client.to_json()))
    later = await serve(load("mindprince"), now=clock, document=document)
    (device,) = (await later.read()).devices
    assert device.energy_j == 1502.5
    await later.close()


async def test_a_fleet_and_a_users_metric_can_be_read(serve):
    fleet = await (await serve(load("fleet"), fleet=True)).read()
    assert {device.id.rpartition("/")[0] for device in fleet.devices} == {
        "node-a",
        "node-b",
        "10.0.0.3",
    }
    assert fleet.power_w == 390.0 + 50.0 + 25.0
    row = CustomRow(metric="my_watts", unit=CustomUnit.W)
    assert (await (await serve(b"my_watts 7\n", custom=row)).read()).power_w == 7.0


async def test_a_large_page_is_read_as_well(serve):
    filler = b"".join(b'foreign_total{series="%d"} 5\n' % n for n in range(20_000))
    assert len(filler) > prometheus.INLINE_BYTES
    assert (await (await serve(filler + load("dcgm_mig"))).read()).power_w == 151.1


async def test_compressed_pages_are_read(serve):
    async def compressed(request):
        headers = {"Content-Encoding": "gzip"}
        return web.Response(body=gzip.compress(load("dcgm_mig")), headers=headers)

    assert (await (await serve(compressed)).read()).power_w == 151.1


async def test_the_query_of_a_server_reaches_it_unchanged(serve):
    seen = []

    async def note(request):
        seen.append((request.path, request.query.getall("match[]"), request.headers["Accept"]))
        return web.Response(body=load("fleet"))

    match = '{__name__=~"DCGM_.*|node_.*"}'
    await (await serve(note, f"/federate?match[]={match}&match[]=up")).read()
    await (await serve(note, "/federate?match%5B%5D=up")).read()
    (path, first, accept), (_, second, _) = seen
    assert (path, first, second) == ("/federate", [match, "up"], ["up"])
    assert accept.startswith("text/plain;version=0.0.4")


@pytest.mark.parametrize("path", ["", "/"])
async def test_without_a_path_the_usual_one_is_read(serve, path):
    seen = []

    async def note(request):
        seen.append(request.path)
        return web.Response(body=load("nvitop"))

    await (await serve(note, path)).read()
    assert seen == ["/metrics"]


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        (None, None),
        (SECRET, f"Bearer {SECRET}"),
        (("jö", SECRET), "Basic asO2OnMzY3JldC13b3Jk"),
    ],
)
async def test_credentials_go_into_the_header_alone(serve, credentials, header):
    seen = []

    async def note(request):
        seen.append((str(request.url), request.headers.get("Authorization")))
        return web.Response(status=401)

    client = await serve(note, credentials=credentials)
    with pytest.raises(TokenError) as failure:
        await client.read()
    ((url, sent),) = seen
    assert sent == header
    assert SECRET not in url + str(failure.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, TokenError),
        (403, TokenError),
        (404, NotASourceError),
        (204, NotASourceError),
        (429, UnreachableError),
        (500, UnreachableError),
        (503, UnreachableError),
    ],
)
async def test_the_status_tells_what_is_wrong(serve, status, error):
    async def answer(request):
        return web.Response(status=status, body=None if status == 204 else load("nvitop"))

    client = await serve(answer)
    with pytest.raises(error, match=f"HTTP status {status}"):
        await client.read()


@pytest.mark.parametrize(
    ("location", "told"),
    [
        (f"https://u:{SECRET}@login.example/in?token={SECRET}#a", "https://login.example/in"),
        (f"/login?next={SECRET}", "/login"),
        ("http://[", "no address"),
    ],
)
async def test_a_redirect_is_told_but_not_followed(serve, location, told):
    asked = []

    async def elsewhere(request):
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": location})

    client = await serve(elsewhere, credentials=SECRET)
    with pytest.raises(NotASourceError) as failure:
        await client.read()
    assert asked == ["/metrics"]
    assert str(failure.value).endswith(told)
    assert SECRET not in str(failure.value)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "an empty page"),
        (b"<html><body>Please log in</body></html>", "an HTML page"),
        (b'{"error": "no"}', "JSON"),
        (b"\x00\x01\x02" * 1000, "binary data"),
        (b"up 1\n", "no sample of a known exporter"),
        ("nvidia_smi_power_draw_watts 5\n".encode("utf-16"), "binary data"),
    ],
)
async def test_what_is_no_page_is_told_for_what_it_is(serve, body, what):
    client = await serve(body)
    with pytest.raises(NotASourceError, match=what):
        await client.read()


async def test_ten_mib_are_read_and_not_one_byte_more(serve):
    page = load("dcgm_mig")
    page += b"#" * (MAX_BYTES - len(page) - 1) + b"\n"
    assert (await (await serve(page)).read()).power_w == 151.1
    with pytest.raises(NotASourceError, match="10 MiB"):
        await (await serve(page + b"\n")).read()


async def test_a_page_without_end_is_not_read_to_its_end(serve):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(4 * MAX_BYTES // 65_536):
            await response.write(b"x 1\n" * 16_384)
        return response

    client = await serve(endless)
    with pytest.raises(NotASourceError, match="10 MiB"):
        await client.read()


async def test_a_page_that_swells_is_not_read_to_its_end(serve):
    """Half a GiB in half a MiB."""
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b"x 1\n" * 262_144) for _ in range(512)) + packer.flush()

    async def swelling(request):
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    client = await serve(swelling)
    with pytest.raises(NotASourceError, match="10 MiB"):
        await client.read()


async def test_a_slow_page_is_not_waited_for(serve, monkeypatch):
    monkeypatch.setattr(prometheus, "TIMEOUT_S", 0.2)

    async def slow(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(load("dcgm_mig"))
        await asyncio.sleep(2)
        return response

    client = await serve(slow)
    with pytest.raises(UnreachableError, match="no whole answer"):
        await client.read()


PAGE = load("dcgm_mig")
CUT = gzip.compress(PAGE)[:-40]
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE[:-100],
        OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(PAGE) + PAGE[:-100],
        OK + b"\r\n" + PAGE[:-2],
        OK + b"Content-Encoding: gzip\r\n\r\n" + CUT,
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(CUT) + CUT,
        OK + b"Content-Encoding: gzip\r\n\r\n" + PAGE,
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
async def test_a_page_that_is_cut_is_no_reading(serve_raw, answer):
    client = await serve_raw(answer)
    with pytest.raises(UnreachableError):
        await client.read()


async def test_what_is_no_http_is_told_without_the_query(serve_raw):
    client = await serve_raw(OK + b"no header\r\n\r\n", f"?token={SECRET}")
    with pytest.raises(UnreachableError) as failure:
        await client.read()
    assert SECRET not in str(failure.value)


async def test_a_page_of_known_length_may_lack_its_last_line_end(serve_raw):
    page = PAGE.rstrip()
    answer = OK + b"Content-Length: %d\r\n\r\n" % len(page) + page
    assert (await (await serve_raw(answer)).read()).power_w == 151.1


async def test_who_does_not_answer_cannot_be_reached(socket_enabled, unused_tcp_port):
    async with ClientSession() as session:
        with pytest.raises(UnreachableError):
            await source(session, f"http://127.0.0.1:{unused_tcp_port}").read()


@pytest.fixture
def certificate(tmp_path):
    """The file of a certificate for 127.0.0.1, and of its key."""
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    subject = "-subj /CN=exporter -addext subjectAltName=IP:127.0.0.1"
    files = (str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    command = ["openssl", *options.split(), *subject.split(), "-out", files[0], "-keyout", files[1]]
    subprocess.run(command, check=True, capture_output=True)
    return files


async def test_a_certificate_that_is_not_trusted_is_told(
    socket_enabled, aiohttp_server, certificate
):
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's own
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(*certificate)
    client_tls = ssl.create_default_context(cafile=certificate[0])

    async def page(request):
        return web.Response(body=load("nvitop"))

    app = web.Application()
    app.router.add_get("/metrics", page)
    server = await aiohttp_server(app, ssl=server_tls)
    async with ClientSession() as session:
        url = f"https://127.0.0.1:{server.port}"
        with pytest.raises(TlsError):
            await source(session, url).read()
        with pytest.raises(TlsError):
            await source(session, url, tls=prometheus.Fingerprint(b"x" * 32)).read()
        assert (await source(session, url, tls=client_tls).read()).power_w == 111.25
        assert (await source(session, url, tls=False).read()).power_w == 111.25


async def test_a_server_without_tls_is_told(serve):
    client = await serve(load("nvitop"))
    async with ClientSession() as session:
        with pytest.raises(TlsError):
            await source(session, str(client._url.with_scheme("https"))).read()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gpu-server:9400",
        "gpu-server",
        "ftp://gpu-server/metrics",
        "http://",
        "http:///metrics",
        "http://[::1",
        "http://gpu-server:99999/",
        f"http://admin:{SECRET}@gpu-server/metrics",
        f"http://{SECRET}@gpu-server/metrics",
    ],
)
async def test_what_is_no_address_is_refused(url):
    async with ClientSession() as session:
        with pytest.raises(AddressError) as failure:
            source(session, url)
    assert SECRET not in str(failure.value)


async def test_an_address_that_aiohttp_refuses_is_told_without_its_query(socket_enabled):
    async with ClientSession() as session:
        client = source(session, f"http://{'a' * 70}.example/metrics?token={SECRET}")
        with pytest.raises((AddressError, UnreachableError)) as failure:
            await client.read()
    assert SECRET not in str(failure.value)


@pytest.mark.parametrize("credentials", [f"{SECRET}\r\nX: y", f"{SECRET}é", ("a:b", SECRET)])
async def test_credentials_that_cannot_be_sent_are_refused(credentials):
    async with ClientSession() as session:
        with pytest.raises(TokenError) as failure:
            source(session, "http://gpu-server/metrics", credentials=credentials)
    assert SECRET not in str(failure.value)
