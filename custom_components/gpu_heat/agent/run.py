"""Putting the agent together, in the order in which nothing is half-started."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
import logging
import os
from pathlib import Path
import signal
import socket
import ssl
import sys
from typing import NoReturn

from aiohttp import web

from . import __version__
from .announce import announced
from .clock import as_datetime, read_clock
from .config import Config, HostConfig, HostPower, ServerConfig, TlsMode
from .desk import JobDesk, make_books
from .errors import UnreachableError
from .hardware import make_reader
from .memory import apart, trim
from .metering import Metering
from .models import AgentInfo, Job, JobState
from .power_limits import PowerLimits
from .progress_reader import ProgressReader
from .sampler import Sampler
from .server import Api, make_runner
from .service import Service
from .simulated import Simulation, assign
from .sockets import bind, is_loopback
from .start_guard import GuardStarter
from .state_dir import StateDir, Store
from .tls import Credentials, credentials, given

_LOGGER = logging.getLogger(__name__)

HANDSHAKE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What `run` was told."""

    config: Config
    state_dir: Path
    simulation: Simulation | None = None
    config_path: Path | None = None


def run(launch: Launch) -> None:
    """Serve until SIGTERM or SIGINT. Raises UsageError; then nothing was started."""
    if launch.simulation is not None:
        assign(launch.config.jobs, launch.simulation.count)
    config = launch.config
    given(config.server)  # files that are of no use are told before anything is made
    sockets = bind(config.server.listen)
    try:
        folder = StateDir(launch.state_dir)
        folder.lock()
        if config.server.tls is TlsMode.SELF_SIGNED:  # to make a certificate takes 13 MB
            apart(lambda: credentials(config, folder))
        token, tls = folder.token(), credentials(config, folder)
        store = folder.open_store()
        store.watch(GuardStarter(launch.state_dir, launch.config_path))
        # Windows' usual loop accepts connections past `Listener`, and with it past its limits.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(_serve(launch, sockets, tls, token, store))
    finally:
        for sock in sockets:
            sock.close()


async def _serve(
    launch: Launch,
    sockets: list[socket.socket],
    tls: Credentials | None,
    token: str,
    store: Store,
) -> None:
    config = launch.config
    info = AgentInfo(
        id=store.state.agent_id,
        name=config.name,
        version=__version__,
        started_at=as_datetime(read_clock().wall_s),
    )
    context = None if tls is None else tls.context()
    stopping = asyncio.Event()
    _on_stop_signals(stopping.set)
    service = make_service(launch, info, store)
    api = Api(service, token=token, version=__version__, metrics_token=config.server.metrics_token)
    runner = make_runner(api)
    tasks, servers = [], []
    try:
        await service.start()
        tasks.append(asyncio.create_task(service.run()))
        await runner.setup()
        for sock in sockets:
            servers.append(await _listen(runner, sock, context))
            _say_where(sock, context)
        if tls is not None:
            _LOGGER.info("Certificate with the fingerprint (SHA-256) %s", tls.fingerprint())
        port = sockets[0].getsockname()[1]
        tasks.append(asyncio.create_task(_settle(service, info, config.server, port)))
        await _until(stopping, tasks)
    finally:
        for task in tasks:
            task.cancel()
        for server in servers:
            server.close()
        await runner.cleanup()
        released = await service.stop()
        if tasks:
            await asyncio.wait(tasks)
        _LOGGER.info("Stopped")
        if not released:
            _leave(sys.exception())


def make_service(launch: Launch, info: AgentInfo, store: Store) -> Service:
    """Return the service over the real or the simulated hardware."""
    config = launch.config
    progress = ProgressReader(config.jobs, read_clock)
    books = make_books(config.jobs, store, launch.state_dir, read_clock, progress.remaining_s)
    desk = JobDesk(config.jobs, books)
    uses = _uses(launch)
    busy = _busy(uses, lambda: desk.jobs)
    reader = make_reader(launch.simulation, seed=info.id[:8], busy=busy)
    metering = Metering(reader, store, _host(launch), read_clock)
    sampler = Sampler(metering, read_clock)
    limits = PowerLimits(reader, sampler, store, read_clock, enabled=config.power_limit_enabled)
    return Service(info, sampler, desk, progress, limits, uses)


def _uses(launch: Launch) -> Mapping[str, Collection[int]]:
    """Return the indices of the GPUs that each job uses, as far as the config tells."""
    if launch.simulation is not None:
        return assign(launch.config.jobs, launch.simulation.count)
    return {job.id: job.devices for job in launch.config.jobs}


def _busy(
    uses: Mapping[str, Collection[int]], jobs: Callable[[], Sequence[Job]]
) -> Callable[[], frozenset[int]]:
    """Return what tells which simulated GPUs the running jobs use."""

    def busy() -> frozenset[int]:
        running = [uses[job.group or job.id] for job in jobs() if job.state is JobState.RUNNING]
        return frozenset().union(*running)

    return busy


def _host(launch: Launch) -> HostConfig:
    """Return the config's host; that of simulated GPUs is estimated, as their machine is none."""
    host, simulation = launch.config.host, launch.simulation
    if simulation is None:
        return host
    base_w = simulation.base_load_w
    if host.base_load_w is not None and host.power is not HostPower.NONE:
        base_w = host.base_load_w
    power = HostPower.NONE if base_w is None else HostPower.ESTIMATE
    return replace(host, power=power, base_load_w=base_w)


def _on_stop_signals(stop: Callable[[], None]) -> None:
    """Call `stop` at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":  # whose loops take none; this one wakes each second
            signal.signal(signum, lambda *_: loop.call_soon_threadsafe(stop))
        else:
            loop.add_signal_handler(signum, stop)


async def _listen(
    runner: web.AppRunner, sock: socket.socket, context: ssl.SSLContext | None
) -> asyncio.Server:
    """Serve on a socket; who does not finish the TLS handshake in time is hung up on.

    aiohttp's own sites would wait a minute for it.
    """
    make_connection = runner.server
    if make_connection is None:
        raise RuntimeError("the runner is to be set up first")
    return await asyncio.get_running_loop().create_server(
        make_connection,
        sock=sock,
        ssl=context,
        ssl_handshake_timeout=None if context is None else HANDSHAKE_S,
    )


def _say_where(sock: socket.socket, context: ssl.SSLContext | None) -> None:
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    _LOGGER.info("Listening on %s://%s:%d", "http" if context is None else "https", shown, port)
    if context is None and not is_loopback(host):
        _LOGGER.warning("Without TLS the token crosses the network in the clear")


async def _settle(service: Service, info: AgentInfo, server: ServerConfig, port: int) -> None:
    """Keep the agent announced until cancelled, with no more memory than that takes."""
    async with announced(info, server, port):
        with suppress(UnreachableError):
            await service.snapshot()  # by now all that is needed has been imported
        trim()
        await asyncio.Event().wait()


async def _until(stopping: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Work until told to stop; a part that fails ends the agent, so that it is restarted."""
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    for task in tasks:
        if task.done():
            await task


def _leave(failure: BaseException | None) -> NoReturn:
    """End at once, as Python waits at its end for a thread that hangs in a library."""
    if failure is not None:
        _LOGGER.error("Stopped", exc_info=failure)
    logging.shutdown()
    os._exit(0 if failure is None else 1)
