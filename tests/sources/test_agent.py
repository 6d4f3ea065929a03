"""The client of an agent, over real HTTP."""

from aiohttp import ClientSession, web
import pytest

from custom_components.gpu_heat.sources import NotASourceError, UnreachableError
from custom_components.gpu_heat.sources.agent import MAX_BYTES, AgentSource

from ..scripted_agent import TOKEN


@pytest.fixture
async def serve(socket_enabled, aiohttp_server):
    """Serve one handler for every path; return a client of it."""
    async with ClientSession() as session:

        async def start(handler):
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            server = await aiohttp_server(app)
            return AgentSource(session, host="127.0.0.1", port=server.port, token=TOKEN, tls=False)

        yield start


async def test_a_page_without_end_is_not_read_to_its_end(serve):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(2 * MAX_BYTES // 65536):
            await response.write(b"[" * 65536)
        return response

    client = await serve(endless)
    with pytest.raises(NotASourceError):
        await client.read()


async def test_a_redirect_is_not_followed(serve):
    """It would carry the token elsewhere."""
    asked = []

    async def elsewhere(request):
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    client = await serve(elsewhere)
    with pytest.raises(NotASourceError):
        await client.read()
    assert asked == ["/api/v1/snapshot"]


async def test_the_token_goes_into_the_header_alone(serve):
    seen = []

    async def note(request):
        seen.append((str(request.url), request.headers["Authorization"]))
        return web.json_response({"error": {"message": "busy"}}, status=503)

    client = await serve(note)
    with pytest.raises(UnreachableError, match="busy"):
        await client.read()
    ((url, header),) = seen
    assert TOKEN not in url
    assert header == f"Bearer {TOKEN}"


@pytest.mark.parametrize("job_id", ["a/../../../etc", "a b", "a?x=1", "ä%2f"])
async def test_a_jobs_id_stays_one_part_of_the_path(serve, job_id):
    seen = []

    async def note(request):
        seen.append(request.raw_path)
        return web.json_response({"error": {"message": "no such job"}}, status=404)

    client = await serve(note)
    with pytest.raises(Exception, match="no such job"):
        await client.resume(job_id)
    (path,) = seen
    assert path.count("/") == 5
    assert path.startswith("/api/v1/jobs/")
    assert path.endswith("/resume")
