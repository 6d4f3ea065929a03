"""An app with pause, resume and state addresses on loopback, in a thread of its own."""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
import ssl
import threading

from aiohttp import web


@dataclass
class Answer:
    """What an address answers; one that hangs does so until the server ends."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False


@dataclass(frozen=True)
class Asked:
    """One request as the app saw it."""

    what: str
    headers: dict[str, str]
    body: bytes


class App:
    """Answers as the test says; "POST /pause" and "POST /resume" change its state."""

    def __init__(self) -> None:
        self.url = ""
        self.paused = False
        self.asked: list[Asked] = []
        self.answers: dict[str, Callable[[], Answer]] = {
            "POST /pause": lambda: self.turn(paused=True),
            "POST /resume": lambda: self.turn(paused=False),
            "GET /state": lambda: Answer(body=b"paused" if self.paused else b"running"),
        }

    def turn(self, *, paused: bool) -> Answer:
        """Change the state."""
        self.paused = paused
        return Answer()

    def calls(self, method: str = "POST") -> list[str]:
        """Return what was asked with a method, in order."""
        return [asked.what for asked in self.asked if asked.what.startswith(method)]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        what = f"{request.method} {request.path_qs}"
        self.asked.append(Asked(what, dict(request.headers), await request.read()))
        answer = self.answers.get(what, lambda: Answer(status=404))()
        if answer.hangs:
            await asyncio.Event().wait()
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


@contextmanager
def served(app: App, context: ssl.SSLContext | None = None) -> Generator[App]:
    """Serve an app for as long as the block lasts."""
    ready: Future[tuple[str, Callable[[], object]]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(app, context, ready)))
    thread.start()
    app.url, stop = ready.result(10)
    try:
        yield app
    finally:
        stop()
        thread.join(10)


async def _serve(
    app: App, context: ssl.SSLContext | None, ready: "Future[tuple[str, Callable[[], object]]]"
) -> None:
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    server = web.Application()
    server.router.add_route("*", "/{path:.*}", app.handle)
    runner = web.AppRunner(server, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    scheme = "http" if context is None else "https"
    url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    ready.set_result((url, lambda: loop.call_soon_threadsafe(stopping.set)))
    await stopping.wait()
    await runner.cleanup()
