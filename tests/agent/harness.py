"""The real agent as a process of its own, and a client for it."""

import asyncio
from collections.abc import Callable
import json
import os
from pathlib import Path
import re
import signal
import sys
from typing import Any

import aiohttp

from gpu_heat_agent.file_lock import is_claimed

PATIENCE_S = 20.0


async def until(condition: Callable[[], Any]) -> Any:
    """Wait until the condition holds, and return what it returned."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := condition()):  # noqa: ASYNC110 - files and processes tell nobody
            await asyncio.sleep(0.02)
    return found


# The real agent, but that it grants leases of any length.
_SHORT_LEASES = """
import sys
from gpu_heat_agent import cli, service
service.MIN_LEASE_S = 0.0
sys.exit(cli.main(sys.argv[1:]))
"""


def run_cli(*arguments: str, short_leases: bool = False) -> list[str]:
    """Return the command line of the agent."""
    program = ["-c", _SHORT_LEASES] if short_leases else ["-m", "gpu_heat_agent"]
    return [sys.executable, *program, *arguments]


class RunningAgent:
    """Starts, asks and ends one agent; a second start uses the same state folder."""

    def __init__(self, folder: Path) -> None:
        self.state_dir = folder / "state"
        self.config = folder / "agent.toml"
        self.log = folder / "agent.log"
        self.config.write_text("")
        self.url = ""
        self.short_leases = False
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *options: str) -> None:
        """Start the agent and wait until it listens."""
        files = ("--config", str(self.config), "--state-dir", str(self.state_dir))
        with self.log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *run_cli("run", *files, short_leases=self.short_leases),
                *("--listen", "127.0.0.1:0", "--tls", "off"),
                *(options or ("--simulate", "2xrtx_3090")),
                stderr=log,
            )
        found = await until(lambda: re.search(r"Listening on (\S+)", self.log.read_text()))
        self.url = found[1]

    async def kill(self) -> None:
        """End the agent as a power cut would."""
        await self._send(signal.SIGKILL)

    async def stop(self) -> int | None:
        """End the agent as a service manager would; return its exit status."""
        return await self._send(signal.SIGTERM)

    async def end(self) -> None:
        """Make sure that the agent is gone, and its guard with it."""
        if self.process is not None and self.process.returncode is None:
            await self.kill()
        await self.end_guard()

    async def end_guard(self) -> None:
        """Make sure that the guard is gone; one that has just been started shows itself soon."""
        for _ in range(50 if '"undo": {"' in self._state_text() else 1):
            if (pid := self.guard()) is not None:
                os.kill(pid, signal.SIGKILL)
                return
            await asyncio.sleep(0.02)

    def guard(self) -> int | None:
        """Return the PID of the guard, None where there is none."""
        path = self.state_dir / "guard.lock"
        if not is_claimed(path):
            return None
        return int(path.read_text() or 0) or None

    def token(self) -> str:
        """Return the token."""
        return (self.state_dir / "token").read_text().strip()

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and the JSON document of an answer."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, self.url + path, json=body) as response,
        ):
            return response.status, await response.json()

    async def snapshot(self) -> Any:
        """Return the snapshot."""
        status, document = await self.ask("GET", "/api/v1/snapshot")
        assert status == 200
        return document

    async def pause(self, job_id: str, lease_s: float = 600) -> tuple[int, Any]:
        """Ask for a pause."""
        body = {"lease_s": lease_s, "reason": "test"}
        return await self.ask("POST", f"/api/v1/jobs/{job_id}/pause", body)

    async def resume(self, job_id: str) -> tuple[int, Any]:
        """Ask for the end of a pause."""
        return await self.ask("POST", f"/api/v1/jobs/{job_id}/resume")

    def state(self) -> Any:
        """Return the state file."""
        return json.loads((self.state_dir / "state.json").read_text())

    def _state_text(self) -> str:
        path = self.state_dir / "state.json"
        return path.read_text() if path.exists() else ""

    def cgroups(self) -> list[Path]:
        """Return the cgroups that jobs have been given."""
        try:
            memories = [job["memory"].get("cgroup") for job in self.state()["jobs"].values()]
        except FileNotFoundError:
            return []
        return [Path(memory["path"]) for memory in memories if memory is not None]

    def job_pids(self) -> list[int]:
        """Return the session leaders of all jobs ever started, from the log of this test."""
        try:
            jobs = self.state()["jobs"].values()
        except FileNotFoundError:
            return []
        roots = [job["memory"].get("root") for job in jobs]
        return [root["pid"] for root in roots if root is not None]

    async def _send(self, signum: signal.Signals) -> int | None:
        assert self.process is not None
        self.process.send_signal(signum)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()
