"""Drives Home Assistant over HTTP and WebSocket, as its frontend does."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

from .errors import DemoError

USERNAME = "demo"
PASSWORD = "demo"  # noqa: S105 - printed for everybody, on 127.0.0.1
_PATIENCE = aiohttp.ClientTimeout(total=30)


@dataclass(slots=True, kw_only=True)
class Client:
    """A session of the owner."""

    url: str
    session: aiohttp.ClientSession
    access_token: str = ""
    _socket: aiohttp.ClientWebSocketResponse | None = None
    _last_id: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def log_in(cls, session: aiohttp.ClientSession, url: str) -> Self:
        """Make the owner where there is none yet, and open a session."""
        client = cls(url=url, session=session)
        async with session.get(f"{url}/api/onboarding", timeout=_PATIENCE) as response:
            # The page is gone once Home Assistant has started again with an owner.
            steps = await response.json() if response.ok else []
        new = {"step": "user", "done": False} in steps
        code = await (client._make_owner() if new else client._password_code())
        await client._authorize(code)
        return client

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send JSON and return the JSON of the answer."""
        return await self._request("POST", path, json=body)

    async def command(self, kind: str, **arguments: Any) -> Any:
        """Return the result of a WebSocket command."""
        async with self._lock:
            if self._socket is None:
                self._socket = await self._open_socket()
            self._last_id += 1
            await self._socket.send_json({"id": self._last_id, "type": kind, **arguments})
            message = await self._socket.receive(timeout=_PATIENCE.total)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise DemoError("Home Assistant has closed the connection")
        answer = message.json()
        if not answer["success"]:
            raise DemoError(f"Home Assistant refused {kind}: {answer['error']['message']}")
        return answer["result"]

    async def act(self, action: str, entity_id: str, **data: Any) -> None:
        """Perform an action on an entity."""
        domain, _, service = action.partition(".")
        target = {"entity_id": entity_id}
        await self.command(
            "call_service", domain=domain, service=service, service_data=data, target=target
        )

    async def wait_until_started(self, check: Callable[[], None]) -> None:
        """Return once every integration is set up; `check` raises where none will be."""
        while (await self.command("get_config"))["state"] != "RUNNING":
            check()
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        """End the WebSocket connection."""
        if self._socket is not None:
            await self._socket.close()

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        async with self.session.request(
            method, self.url + path, headers=headers, timeout=_PATIENCE, **options
        ) as response:
            if not response.ok:
                raise DemoError(f"{method} {path}: {response.status} {await response.text()}")
            return await response.json()

    async def _make_owner(self) -> str:
        owner = {"name": "Demo", "username": USERNAME, "password": PASSWORD, "language": "en"}
        answer = await self.post("/api/onboarding/users", {"client_id": f"{self.url}/", **owner})
        return str(answer["auth_code"])

    async def _password_code(self) -> str:
        where = {"client_id": f"{self.url}/", "redirect_uri": f"{self.url}/"}
        flow = await self.post("/auth/login_flow", {**where, "handler": ["homeassistant", None]})
        answer = await self.post(
            f"/auth/login_flow/{flow['flow_id']}",
            {"client_id": f"{self.url}/", "username": USERNAME, "password": PASSWORD},
        )
        if answer["type"] != "create_entry":
            raise DemoError(
                f"the home in this folder knows no {USERNAME}/{PASSWORD}; give another with --dir"
            )
        return str(answer["result"])

    async def _authorize(self, code: str) -> None:
        form = {"grant_type": "authorization_code", "code": code, "client_id": f"{self.url}/"}
        tokens = await self._request("POST", "/auth/token", data=form)
        self.access_token = tokens["access_token"]

    async def _open_socket(self) -> aiohttp.ClientWebSocketResponse:
        socket = await self.session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0)
        await socket.receive_json(timeout=_PATIENCE.total)
        await socket.send_json({"type": "auth", "access_token": self.access_token})
        answer = await socket.receive_json(timeout=_PATIENCE.total)
        if answer["type"] != "auth_ok":
            raise DemoError(f"Home Assistant's WebSocket does not let us in: {answer}")
        return socket


async def wait_for(
    session: aiohttp.ClientSession, url: str, *, seconds: float, check: Callable[[], None]
) -> None:
    """Return once `url` answers 200; `check` raises where waiting has become pointless."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        check()
        try:
            async with session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as response:
                if response.ok:
                    return
        except aiohttp.ClientError, TimeoutError:
            pass
        if asyncio.get_running_loop().time() > until:
            raise DemoError(f"nothing answers at {url} after {seconds:.0f} s")
        await asyncio.sleep(0.1)
