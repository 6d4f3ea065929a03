"""From the word to the standstill: pauses of processes, of Slurm, and by Home Assistant."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
import json
import os
from pathlib import Path
import signal
import statistics
import sys
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from homeassistant.core import HomeAssistant

from custom_components.gpu_heat.const import DOMAIN
from gpu_heat_agent.clock import read_clock
from gpu_heat_agent.engines.freezer import Freezer
from gpu_heat_agent.engines.kinds import make_driver
from gpu_heat_agent.engines.process_spec import PauseBy, ProcessSpec
from gpu_heat_agent.engines.processes import scan
from gpu_heat_agent.engines.slurm import SlurmDriver
from gpu_heat_agent.engines.slurm_commands import Commands
from gpu_heat_agent.engines.slurm_spec import SlurmSpec
from gpu_heat_agent.job_config import JobConfig
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.state_dir import StateDir
from tests.agent.engines.slurm_cluster import Cluster, running_cluster
from tests.agent.harness import RunningAgent

from . import house

type Row = dict[str, str | float | None]

PAUSES = 200
SLURM_PAUSES = 30
QUEUED = 500
TREE = 8

_PARENT = f"""
import subprocess, sys, time
children = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(9999)"])
            for _ in range({TREE})]
time.sleep(9999)
"""


def measure() -> list[Row]:
    """Time pauses from the call to the moment at which every process of the job stands still.

    A job that is processes is a parent with eight children; ours goes by the book, which looks
    for the whole tree and writes the plan down, synced to the disk, before anything is stopped.
    The peer is the least that stops it: one signal to its session, one write to its cgroup.
    Slurm is a real one of one node. "HA action" is `gpu_heat.pause_jobs` in a running Home
    Assistant, to a real agent in another process; its peer is the same request sent by hand.
    """
    rows = [*_processes(PauseBy.SIGNAL), *_processes(PauseBy.AUTO)]
    with running_cluster(cpus=8) as cluster:
        rows += _slurm_stop(cluster)
        rows += _slurm_queue(cluster)
    return rows + asyncio.run(_home_assistant())


def _processes(by: PauseBy) -> list[Row]:
    """Pause one tree of processes again and again, and let the peer stop it in between."""
    with TemporaryDirectory() as name:
        spec = ProcessSpec(command=(sys.executable, "-c", _PARENT), pause=by)
        config = JobConfig(id="job", name="Job", spec=spec)
        with _book(Path(name), config) as book:
            while len(pids := _tree()) <= TREE:
                sleep(0.01)
            events = _events(pids[0]) if by is PauseBy.AUTO else None
            still = _frozen(events) if events else _stopped(pids)
            ours, peer = [], []
            for _ in range(PAUSES):
                ours.append(_timed(lambda: book.pause("job", lease_s=600, reason="bench"), still))
                book.resume("job")
                peer.append(_timed(_peer(pids[0], events, stop=True), still))
                _peer(pids[0], events, stop=False)()
            _end(pids, events)
    way = "the freezer" if events else "signals"
    what = f"process with {TREE} children, by {way}: all stand still"
    return [_row(what, "ours", ours), _row(what, "the least", peer)]


@contextmanager
def _book(folder: Path, config: JobConfig) -> Iterator[JobBook]:
    store = StateDir(folder).open_store()
    driver = make_driver(config.kind, [config], {}, folder)
    book = JobBook(config.kind, [config], driver, store, read_clock)
    book.start()
    try:
        yield book
    finally:
        book.stop()


def _tree() -> list[int]:
    """Return the processes that this one has started, the first one first."""
    rows = scan()
    parents = [row.pid for row in rows.values() if row.parent == os.getpid() and not row.zombie]
    return parents + [row.pid for row in rows.values() if row.parent in parents]


def _events(pid: int) -> Path | None:
    """Return the file that says whether a process' cgroup is frozen, if it has one of its own."""
    folder = Freezer().folder_of(pid)
    mine = Freezer().folder_of()
    return None if folder is None or folder == mine else folder / "cgroup.events"


def _frozen(events: Path) -> Callable[[], bool]:
    return lambda: "frozen 1" in events.read_text()


def _stopped(pids: list[int]) -> Callable[[], bool]:
    def stopped() -> bool:
        states = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
        return all(state[0] == "T" for state in states)

    return stopped


def _peer(leader: int, events: Path | None, *, stop: bool) -> Callable[[], object]:
    if events is not None:
        freeze = events.with_name("cgroup.freeze")
        return lambda: freeze.write_text("1" if stop else "0")
    return lambda: os.killpg(leader, signal.SIGSTOP if stop else signal.SIGCONT)


def _end(pids: list[int], events: Path | None) -> None:
    os.killpg(pids[0], signal.SIGKILL)
    os.waitpid(pids[0], 0)


def _timed(act: Callable[[], object], done: Callable[[], bool]) -> float:
    begun_s = perf_counter()
    act()
    while not done():
        sleep(0.0005)
    return perf_counter() - begun_s


def _slurm_stop(cluster: Cluster) -> list[Row]:
    """Stop a job that runs, ours and by one command of Slurm's own."""
    job_id = cluster.submit("sleep 9999 & sleep 9999")
    cluster.wait_running(job_id)
    still, goes_on = (lambda: cluster.stopped(job_id)), (lambda: cluster.going(job_id))
    ours, peer = [], []
    with TemporaryDirectory() as name, _book(Path(name), _group(cluster)) as book:
        for _ in range(SLURM_PAUSES):
            key = f"cluster:{job_id}"
            with ThreadPoolExecutor(1) as thread:
                paused = thread.submit(book.pause, key, lease_s=600, reason="bench")
                ours.append(_timed(lambda: None, still))
                paused.result()
            book.resume(key)
            _timed(lambda: None, goes_on)
            stop = ("scancel", "--signal=STOP", "--full", job_id)
            peer.append(_timed(lambda: cluster.run(*stop), still))  # noqa: B023
            cluster.run("scancel", "--signal=CONT", "--full", job_id)
            _timed(lambda: None, goes_on)
    cluster.cancel_all()
    what = "Slurm job that runs: all its processes stand still"
    return [_row(what, "ours", ours), _row(what, "the least", peer)]


def _slurm_queue(cluster: Cluster) -> list[Row]:
    """List and hold 500 jobs that wait, ours and by one command of Slurm's own each."""
    ids = [cluster.submit("true", "--begin=now+1day") for _ in range(QUEUED)]
    listing, listing_peer, holding, holding_peer = [], [], [], []
    with TemporaryDirectory() as name, _book(Path(name), _group(cluster)) as book:
        driver = SlurmDriver({"cluster": SlurmSpec(commands=_commands(cluster), partition="heat")})
        for _ in range(10):
            listing.append(_timed(lambda: driver.observe({}), _at_its_end))
            listing_peer.append(_timed(lambda: cluster.run("squeue", "-h"), _at_its_end))
            pause = partial(book.pause, "cluster", lease_s=600, reason="bench")
            holding.append(_timed(pause, _at_its_end))
            book.resume("cluster")
            command = ("scontrol", "hold", ",".join(ids))
            holding_peer.append(_timed(lambda: cluster.run(*command), _at_its_end))  # noqa: B023
            cluster.run("scontrol", "release", ",".join(ids))
    cluster.cancel_all()
    return [
        _row(f"{QUEUED} Slurm jobs listed", "ours", listing),
        _row(f"{QUEUED} Slurm jobs listed", "squeue", listing_peer),
        _row(f"{QUEUED} Slurm jobs held, written down and looked at again", "ours", holding),
        _row(f"{QUEUED} Slurm jobs held", "scontrol hold", holding_peer),
    ]


def _at_its_end() -> bool:
    """Have a call be over when it returns."""
    return True


def _group(cluster: Cluster) -> JobConfig:
    spec = SlurmSpec(commands=_commands(cluster), partition="heat")
    return JobConfig(id="cluster", name="Cluster", kind="slurm", spec=spec)


def _commands(cluster: Cluster) -> Commands:
    return Commands(slurm_conf=str(cluster.conf))


async def _home_assistant() -> list[Row]:
    """Pause a job of a real agent's by the action, and by a request of one's own."""
    ours, peer = [], []
    with TemporaryDirectory() as name:
        agent = RunningAgent(Path(name))
        command = [sys.executable, "-c", _PARENT]
        agent.config.write_text(f'[[jobs]]\nid = "job"\ncommand = {json.dumps(command)}\n')
        await agent.start()
        try:
            async with house.home() as hass:
                port, token = int(agent.url.rpartition(":")[2]), agent.token()
                await house.add_zone(hass, [house.Agent(name="rig", port=port, token=token)])
                await hass.async_block_till_done()
                leader = agent.job_pids()[0]
                events = await asyncio.to_thread(_events, leader)
                still = _frozen(events) if events else _stopped([leader])
                for _ in range(SLURM_PAUSES):
                    ours.append(await _awaited(_action(hass, "pause_jobs"), still))
                    await _action(hass, "resume_jobs")
                    peer.append(await _awaited(agent.pause("job"), still))
                    await agent.resume("job")
                    await asyncio.sleep(0.5)  # the agent takes 20 requests a second
        finally:
            leaders = agent.job_pids()
            await agent.end()
            for leader in leaders:
                os.killpg(leader, signal.SIGKILL)
    what = "HA action: all processes stand still"
    return [_row(what, "ours", ours), _row(what, "a request by hand", peer)]


def _action(hass: HomeAssistant, name: str) -> Awaitable[object]:
    entry = hass.config_entries.async_entries(DOMAIN)[0].entry_id
    data = {"config_entry_id": entry}
    return hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)


async def _awaited(act: Awaitable[object], done: Callable[[], bool]) -> float:
    begun_s = perf_counter()
    acting = asyncio.ensure_future(act)
    while not done():
        if acting.done() and not done():
            raise RuntimeError(f"nothing stands still: {await acting}")
        await asyncio.sleep(0.001)
    spent_s = perf_counter() - begun_s
    await acting
    return spent_s


def _row(what: str, of: str, spent_s: list[float]) -> Row:
    ordered = sorted(spent_s)
    return {
        "what": what,
        "of": of,
        "times": len(ordered),
        "median ms": statistics.median(ordered) * 1e3,
        "p99 ms": ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))] * 1e3,
        "longest ms": ordered[-1] * 1e3,
    }
