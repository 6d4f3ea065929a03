"""Starts the demo, says where it is, and leaves nothing behind."""

import argparse
import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import json
from pathlib import Path
import shutil
import socket
import sys
import tempfile
import time

import aiohttp

from . import dashboard, processes, states, time_lapse, zone as zones
from .client import PASSWORD, USERNAME, Client, wait_for
from .errors import DemoError
from .home import RESTART_EXIT_CODE, Home
from .interruption import Interruption
from .server import Server

START_PATIENCE_S = 120
STOP_PATIENCE_S = 20
_begin = time.monotonic()


def main() -> int:
    """Run the demo and return the exit code."""
    options = _options()
    interruption = Interruption()
    processes.adopt_orphans()
    try:
        for name, port in (("--port", options.port), ("--agent-port", options.agent_port)):
            _check_free(name, port)
        with _folder(options.dir) as folder:
            try:
                asyncio.run(interruption.run(_demo(folder, options)))
            finally:
                _say("stopping")
                processes.end_all(STOP_PATIENCE_S)
    except DemoError as err:
        print(f"demo: {err}", file=sys.stderr)
        return 1
    _say("stopped")
    return 128 + interruption.signum if options.once and interruption.signum else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Starts a simulated GPU server and a Home Assistant whose zone it heats.",
    )
    parser.add_argument(
        "--once", action="store_true", help="print every value of the zone, stop all, exit"
    )
    parser.add_argument("--json", action="store_true", help="with --once: print one JSON object")
    parser.add_argument("--port", type=int, default=8123, help="of Home Assistant (%(default)s)")
    parser.add_argument("--agent-port", type=int, default=9839, help="of the agent (%(default)s)")
    parser.add_argument(
        "--dir",
        type=Path,
        help="where all is kept for the next time (default: a folder for this run)",
    )
    options = parser.parse_args()
    if options.json and not options.once:
        parser.error("--json goes with --once")
    return options


def _check_free(option: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as err:
            raise DemoError(f"port {port}: {err.strerror}; choose another with {option}") from err


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Yield the folder of this run; the one that was not asked for goes away afterwards."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="gpu-heat-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _demo(folder: Path, options: argparse.Namespace) -> None:
    server = Server(folder=folder / "server", port=options.agent_port)
    home = Home(folder=folder / "home", port=options.port)
    _say(f"starting the GPU server's agent and Home Assistant in {folder}")
    agent = server.start()
    hass = home.start()

    def check() -> None:
        processes.check_alive("the agent", agent, server.log)
        processes.check_alive("Home Assistant", hass, home.log)

    async with aiohttp.ClientSession() as session:
        await wait_for(session, f"{server.url}/healthz", seconds=START_PATIENCE_S, check=check)
        await wait_for(session, f"{home.url}/manifest.json", seconds=START_PATIENCE_S, check=check)
        client = await Client.log_in(session, home.url)
        await client.wait_until_started(check)
        _say("setting the zone up")
        await zones.set_up(client, agent_port=server.port, token=server.token())
        _say("waiting for the values of the zone")
        await states.wait(client, counted=False)
        zone = await zones.find(client)
        await zones.give_deadline(client, zone)
        values = await states.wait(client, counted=options.once)
        await dashboard.save(client, zone)
        await client.close()
        if options.once:
            report = _report(values, home, server) if options.json else states.table(values)
            print(report, flush=True)
            return
        _announce(home, server)
        weather = asyncio.ensure_future(time_lapse.run(session, home.url))
        while not weather.done():
            processes.check_alive("the agent", agent, server.log)
            if hass.poll() == RESTART_EXIT_CODE:
                hass = home.start()
            processes.check_alive("Home Assistant", hass, home.log)
            await asyncio.sleep(0.5)
        await weather  # it ends by a fault alone


def _report(values: Mapping[str, states.State], home: Home, server: Server) -> str:
    return json.dumps(
        {
            "url": home.url,
            "username": USERNAME,
            "password": PASSWORD,
            "agent_url": server.url,
            "agent_token": server.token(),
            "states": values,
        }
    )


def _announce(home: Home, server: Server) -> None:
    print(
        f"""
  Home Assistant   {home.url}      login {USERNAME} / {PASSWORD}
  GPU server       {server.url}      token {server.token()}

  Ctrl-C stops both.
""",
        flush=True,
    )


def _say(text: str) -> None:
    print(f"demo: {text} ({time.monotonic() - _begin:.0f} s)", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
