"""The agent's parts put together in the test's own process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from gpu_heat_agent.clock import Now, as_datetime
from gpu_heat_agent.config import Config
from gpu_heat_agent.models import AgentInfo
from gpu_heat_agent.rate_limit import RateLimit
from gpu_heat_agent.run import Launch, make_service
from gpu_heat_agent.server import Api, make_runner
from gpu_heat_agent.service import Service
from gpu_heat_agent.simulated import parse_spec
from gpu_heat_agent.state_dir import StateDir, Store

TOKEN = "a-token-for-the-tests"


class Clock:
    """Both clocks, moved by the test; the wall can jump on its own."""

    def __init__(self) -> None:
        self.now = Now(wall_s=1_800_000_000, steady_s=1000, boot_id="boot")

    def __call__(self) -> Now:
        return self.now

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.now = replace(
            self.now, wall_s=self.now.wall_s + seconds, steady_s=self.now.steady_s + seconds
        )

    def jumps(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self.now = replace(self.now, wall_s=self.now.wall_s + seconds)

    def reboots(self) -> None:
        """Begin another boot of the machine, in which the steady clock starts anew."""
        self.now = replace(self.now, steady_s=5.0, boot_id=self.now.boot_id + "+")


@dataclass(frozen=True, kw_only=True)
class Client:
    """Asks a served Api."""

    url: str
    session: aiohttp.ClientSession
    service: Service
    store: Store

    async def ask(
        self, method: str, path: str, *, token: str | None = TOKEN, **more: Any
    ) -> tuple[int, Any, Any]:
        """Return status, document and headers of an answer."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.session.request(
            method, self.url + path, headers=headers, **more
        ) as response:
            kind = response.content_type
            body = await (response.json() if kind == "application/json" else response.text())
            return response.status, body, response.headers


@asynccontextmanager
async def served(
    folder: Path,
    config: Config,
    *,
    spec: str | None = "2xrtx_3090",
    limit: RateLimit | None = None,
) -> AsyncGenerator[Client]:
    """Serve the whole agent on loopback for the length of a block."""
    store = StateDir(folder).open_store()
    info = AgentInfo(
        id=store.state.agent_id, name="rig", version="1.2.3", started_at=as_datetime(1.8e9)
    )
    simulation = None if spec is None else parse_spec(spec)
    launch = Launch(config=config, state_dir=folder, simulation=simulation)
    service = make_service(launch, info, store)
    api = Api(
        service,
        token=TOKEN,
        version="1.2.3",
        metrics_token=config.server.metrics_token,
        limit=limit,
    )
    runner = make_runner(api)
    try:
        await service.start()
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}"
            yield Client(url=url, session=session, service=service, store=store)
    finally:
        await runner.cleanup()
        await service.stop()
