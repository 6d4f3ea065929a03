"""A container engine on a Unix socket: the part of its API that pausing takes.

Paths, status codes, bodies and messages are those of moby (29) and of Podman's compatible API
(5 and 6), as their sources have them: 304 for a container that has stopped, 409 where moby and
500 where Podman sees a conflict, 400 for a version that is not spoken, 404 for what is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import hashlib
import json
from pathlib import Path
import re
import threading
from typing import Any

from aiohttp import web

NEVER = "0001-01-01T00:00:00Z"


@dataclass(kw_only=True)
class FakeContainer:
    """One container; `ends_on_stop` False is one that takes no notice of SIGTERM."""

    id: str
    name: str
    labels: dict[str, str] | None
    state: str = "created"
    exit_code: int = 0
    started_at: str = NEVER
    finished_at: str = NEVER
    auto_remove: bool = False
    ends_on_stop: bool = True
    other_names: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    starts: int = 0

    @property
    def alive(self) -> bool:
        return self.state in {"running", "paused", "restarting"}


class FakeDocker:
    """The engine; runs in a thread of its own, for the length of a `with` block."""

    def __init__(self, socket: Path, *, podman: bool = False) -> None:
        self.socket = socket
        self.podman = podman
        self.oldest, self.newest = ("1.24", "1.44") if podman else ("1.40", "1.55")
        self.containers: dict[str, FakeContainer] = {}
        self.requests: list[str] = []
        self.refuse: dict[str, tuple[int, str, str]] = {}  # verb: status, content type, body
        self.hold: set[str] = set()
        self.cut: set[str] = set()
        self.now = datetime(2026, 11, 1, tzinfo=UTC)
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        self._connections: set[asyncio.Transport] = set()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake docker")

    def __enter__(self) -> "FakeDocker":
        self._thread.start()
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # What a test does to it

    def up(self) -> None:
        """Listen."""
        self._do(self._up())

    def down(self) -> None:
        """Be gone, as dockerd is while it is restarted; connections are cut, the file is left."""
        self._do(self._down())

    def release(self, *verbs: str) -> None:
        """Answer what has been held back; all of it, or none but these from now on."""

        def let_go() -> None:
            self._released.set()
            self._released = asyncio.Event()

        self.hold -= set(verbs) or set(self.hold)
        self._loop.call_soon_threadsafe(let_go)

    def add(self, name: str, *, labels: dict[str, str] | None = None, **more: Any) -> FakeContainer:
        """Have a container created, and running unless its `state` is given."""
        number = len(self.requests) + len(self.containers)
        container_id = hashlib.sha256(f"{name} {number}".encode()).hexdigest()
        box = FakeContainer(id=container_id, name=name, labels=labels, **more)
        self.containers[box.id] = box
        if "state" not in more:
            self.start(box)
        return box

    def start(self, box: FakeContainer) -> None:
        """Start one."""
        self.passes(1)
        box.state, box.started_at, box.starts = "running", self.moment(), box.starts + 1

    def end(self, box: FakeContainer, exit_code: int) -> None:
        """Have one end."""
        self.passes(1)
        box.state, box.exit_code, box.finished_at = "exited", exit_code, self.moment()

    def passes(self, seconds: float) -> None:
        """Let time pass on the engine's clock."""
        self.now += timedelta(seconds=seconds)

    def moment(self) -> str:
        """Return the time as Go writes it, with nanoseconds."""
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"

    def sent(self, word: str) -> list[str]:
        """Return the requests with a word in their path."""
        return [request for request in self.requests if word in request]

    # What it is

    def _do(self, work: Awaitable[None]) -> None:
        async def done() -> None:
            await work

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    async def _up(self) -> None:
        app = web.Application(middlewares=[self._middle])
        for prefix in ("", "/v{version}"):
            app.router.add_get(f"{prefix}/version", self._version)
            app.router.add_get(f"{prefix}/containers/json", self._list)
            app.router.add_get(prefix + "/containers/{id}/json", self._inspect)
            for verb, handler in self._verbs().items():
                app.router.add_post(prefix + "/containers/{id}/" + verb, handler)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1
        )
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()

    async def _down(self) -> None:
        if self._runner is not None:
            for transport in self._connections:
                transport.abort()
            await self._runner.cleanup()
            self._runner = None

    def _verbs(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        return {
            "pause": self._pause,
            "unpause": self._unpause,
            "stop": self._stop,
            "start": self._start,
            "kill": self._kill,
        }

    @web.middleware
    async def _middle(
        self, request: web.Request, handler: Callable[..., Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if (transport := request.transport) is None:
            raise ConnectionResetError
        self._connections.add(transport)
        try:
            return await self._answered(request, handler)
        finally:
            self._connections.discard(transport)

    async def _answered(
        self, request: web.Request, handler: Callable[..., Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        version = request.match_info.get("version", self.newest)
        if _parts(version) < _parts(self.oldest):
            return self._error(
                400,
                f"client version {version} is too old. Minimum supported API version is "
                f"{self.oldest}, please upgrade your client to a newer version",
            )
        if _parts(version) > _parts(self.newest):
            return self._error(
                400,
                f"client version {version} is too new. Maximum supported API version is "
                f"{self.newest}",
            )
        word = request.path.rsplit("/", 1)[-1]
        word = "list" if request.path.endswith("/containers/json") else word
        if word in self.refuse:
            status, kind, body = self.refuse[word]
            return web.Response(status=status, body=body.encode(), content_type=kind)
        if word in self.cut and request.transport is not None:
            request.transport.abort()
        while word in self.hold:
            await self._released.wait()
        return await handler(request)

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"ApiVersion": self.newest, "MinAPIVersion": self.oldest, "Version": "29.0.0"}
        )

    async def _list(self, request: web.Request) -> web.StreamResponse:
        filters = json.loads(request.query.get("filters", "{}"))
        rows = [
            {
                "Id": box.id,
                "Names": [*box.other_names, f"/{box.name}"],
                "Image": "train:latest",
                "Labels": box.labels,
                "State": box.state,
                "Status": "Up 4 days",
            }
            for box in self.containers.values()
            if _passes(box, filters)
            and (box.alive or request.query.get("all", "0") not in {"0", "false", ""})
        ]
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in re.findall(rb"(?s).{1,100}", json.dumps(rows).encode()):
            await response.write(piece)
        await response.write_eof()
        return response

    async def _inspect(self, request: web.Request) -> web.Response:
        if (box := self._find(request)) is None:
            return self._missing(request)
        status = {"initialized": "created", "stopping": "running", "stopped": "exited"}
        return web.json_response(
            {
                "Id": box.id,
                "Name": f"/{box.name}",
                "State": {
                    "Status": status.get(box.state, box.state),
                    "Running": box.alive,
                    "Paused": box.state == "paused",
                    "ExitCode": box.exit_code,
                    "StartedAt": box.started_at,
                    "FinishedAt": box.finished_at,
                },
                "HostConfig": {"AutoRemove": box.auto_remove, "RestartPolicy": {"Name": "no"}},
            }
        )

    async def _pause(self, request: web.Request) -> web.Response:
        if (box := self._find(request)) is None:
            return self._missing(request)
        if box.state == "paused":
            return self._error(500 if self.podman else 409, f"container {box.id} is already paused")
        if box.state != "running":
            if self.podman:
                text = f'"{box.state}" is not running, can\'t pause: container state improper'
                return self._error(500, text)
            return self._error(409, f"container {box.id} is not running")
        box.state = "paused"
        return web.Response(status=204)

    async def _unpause(self, request: web.Request) -> web.Response:
        if (box := self._find(request)) is None:
            return self._missing(request)
        if box.state != "paused":
            return self._error(500, f"Container {box.id} is not paused")
        box.state = "running"
        return web.Response(status=204)

    async def _stop(self, request: web.Request) -> web.Response:
        if (box := self._find(request)) is None:
            return self._missing(request)
        if not box.alive:
            return web.Response(status=304)
        if not box.ends_on_stop:
            await self._released.wait()
        self.end(box, 143 if box.ends_on_stop else 137)
        if box.auto_remove:
            del self.containers[box.id]
        return web.Response(status=204)

    async def _start(self, request: web.Request) -> web.Response:
        if (box := self._find(request)) is None:
            return self._missing(request)
        if box.state == "paused":
            return self._error(409, "cannot start a paused container, try unpause instead")
        if box.state in {"dead", "removing"}:
            return self._error(409, "container is marked for removal and cannot be started")
        if box.alive:
            return web.Response(status=304)
        self.start(box)
        return web.Response(status=204)

    async def _kill(self, request: web.Request) -> web.Response:
        if (box := self._find(request)) is None:
            return self._missing(request)
        if not box.alive:
            return self._error(409, f"container {box.id} is not running")
        box.signals.append(request.query.get("signal", "SIGKILL"))
        box.state = "running"  # a signal unpauses
        return web.Response(status=204)

    def _find(self, request: web.Request) -> FakeContainer | None:
        return self.containers.get(request.match_info["id"])

    def _missing(self, request: web.Request) -> web.Response:
        return self._error(404, f"No such container: {request.match_info['id']}")

    def _error(self, status: int, message: str) -> web.Response:
        body: dict[str, object] = {"message": message}
        if self.podman:
            body |= {"cause": message.rsplit(": ", 1)[-1], "response": status}
        return web.json_response(body, status=status)


def _passes(box: FakeContainer, filters: dict[str, list[str]]) -> bool:
    """Apply filters as both engines do: any name, searched for; all labels."""
    names, labels = filters.get("name", []), box.labels or {}
    named = any(re.search(it, name) for it in names for name in (box.name, f"/{box.name}"))
    pairs = {f"{key}={value}" for key, value in labels.items()} | labels.keys()
    return (named or not names) and all(it in pairs for it in filters.get("label", []))


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
