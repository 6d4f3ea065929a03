"""Pauses among kills, cuts and delays: real agents, real processes, a real Slurm.

Each round somebody else holds a job, a client pauses some, and something goes wrong at a random
moment; then the leases run out. In the end all must run again, but for what others hold.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import time

import aiohttp

from .engines.slurm_cluster import Cluster, running_cluster
from .harness import RunningAgent

PATIENCE_S = 40.0
"""For all to run again: a controller that comes back, and nodes that it has to hear of first."""

_STEP_S = 0.05
_WATCH_S = 0.4
"""How long a job's counter is watched to tell whether it moves; it does so 50 times a second."""

_WORKER = """
import sys, time
number = 0
with open(sys.argv[1], "a", buffering=1) as file:
    while True:
        number += 1
        file.write(f"{number}\\n")
        time.sleep(0.02)
"""

PROCESSES = ("one", "two", "three")
FOUND = "found"
GROUP = "cluster"
MEMBERS = 4


@dataclass(kw_only=True)
class Outcome:
    """What came of some rounds; the last three must stay 0.

    `late_s` are the times from the end of the longest lease, or from when all was in order again
    if that was later, until everything ran.
    """

    rounds: int = 0
    paused: int = 0
    refused: int = 0
    wrongs: Counter[str] = field(default_factory=Counter)
    late_s: list[float] = field(default_factory=list)
    left_paused: int = 0
    taken_from_others: int = 0
    counters_wrong: int = 0


@dataclass(kw_only=True)
class Arena:
    """An agent with jobs of two kinds, whose counters are files in `folder`."""

    folder: Path
    agent: RunningAgent
    cluster: Cluster
    slurm_ids: tuple[str, ...]
    found: "subprocess.Popen[bytes]"
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def jobs(self) -> list[str]:
        """The keys of all jobs, without the group itself."""
        return [*PROCESSES, FOUND, *(f"{GROUP}:{one}" for one in self.slurm_ids)]

    def count(self, job: str) -> int:
        """Return how far a job has come."""
        return len((self.folder / f"{job.rpartition(':')[2]}.count").read_bytes().splitlines())

    async def moving(self, jobs: list[str]) -> set[str]:
        """Return those of the jobs whose counters move."""
        before = {job: self.count(job) for job in jobs}
        await asyncio.sleep(_WATCH_S)
        return {job for job in jobs if self.count(job) > before[job]}

    def pid(self, job: str) -> int:
        """Return the first process of a job that is a process."""
        if job == FOUND:
            return self.found.pid
        root: int = self.agent.state()["jobs"][job]["memory"]["root"]["pid"]
        return root

    def hold(self, job: str) -> None:
        """Stop a job as somebody else would."""
        if job.startswith(GROUP):
            self.cluster.run("scancel", "--signal=STOP", "--full", job.rpartition(":")[2])
            self.cluster.wait_state(job.rpartition(":")[2], "STOPPED")
        else:
            os.kill(self.pid(job), signal.SIGSTOP)

    def let_go(self, job: str) -> None:
        """Let a job go on that somebody else stopped."""
        if job.startswith(GROUP):
            self.cluster.run("scancel", "--signal=CONT", "--full", job.rpartition(":")[2])
        else:
            os.kill(self.pid(job), signal.SIGCONT)

    async def play(self, number: int, seed: int) -> None:
        """Play one round; what goes wrong follows from its number, all else from the seed too."""
        dice = random.Random(f"{seed}/{number}")
        name = list(WRONGS)[number % len(WRONGS)]
        held = self._somebody(dice, of_slurm="controller" not in name)
        if held is not None:
            await asyncio.to_thread(self.hold, held)
        free = [job for job in self.jobs if job != held]
        targets = dice.sample([*free, GROUP], dice.randint(1, 4))
        lease_s = dice.uniform(2.0, 4.0)
        client = asyncio.create_task(self._ask(dice, targets, lease_s))
        await asyncio.sleep(dice.uniform(0.0, 2.0))
        await WRONGS[name](self, dice, client)
        await asyncio.wait({client}, timeout=PATIENCE_S)
        client.cancel()
        await asyncio.sleep(lease_s)
        await self._judge(free, held)
        self.outcome.rounds += 1
        self.outcome.wrongs[name] += 1
        if self.agent.process is None or self.agent.process.returncode is not None:
            await self.agent.start()

    def _somebody(self, dice: random.Random, *, of_slurm: bool) -> str | None:
        """Choose what somebody else holds; a controller that is killed forgets what was stopped."""
        jobs = self.jobs if of_slurm else [*PROCESSES, FOUND]
        return dice.choice([None, dice.choice(jobs)])

    async def _ask(self, dice: random.Random, targets: list[str], lease_s: float) -> None:
        """Pause jobs, renew the lease of some and resume others, each as far as it can be."""
        for target in targets:
            await self._say("pause", target, {"lease_s": lease_s, "reason": "chaos"})
            await asyncio.sleep(dice.uniform(0.0, 0.4))
        for target in targets:
            match dice.choice(("leave", "renew", "resume")):
                case "renew":
                    await self._say("pause", target, {"lease_s": lease_s, "reason": "chaos"})
                case "resume":
                    await self._say("resume", target, None)

    async def _say(self, verb: str, target: str, body: object) -> None:
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            path = f"/api/v1/jobs/{target.replace(':', '%3A')}/{verb}"
            async with asyncio.timeout(10):
                status, _ = await self.agent.ask("POST", path, body)
            self.outcome.paused += status == 200 and verb == "pause"
            self.outcome.refused += status != 200

    async def _judge(self, free: list[str], held: str | None) -> None:
        """See that all runs but for what somebody else holds, and that this does not."""
        begun_s = time.monotonic()
        waiting = set(free)
        while waiting and time.monotonic() - begun_s < PATIENCE_S:
            waiting -= await self.moving(sorted(waiting))
        self.outcome.left_paused += len(waiting)
        self.outcome.late_s.append(time.monotonic() - begun_s)
        if held is not None:
            self.outcome.taken_from_others += held in await self.moving([held])
            await asyncio.to_thread(self.let_go, held)
            while not await self.moving([held]):
                pass

    def check_counters(self) -> None:
        """See that each job counted on without a gap and without beginning anew."""
        for job in self.jobs:
            lines = (self.folder / f"{job.rpartition(':')[2]}.count").read_text().splitlines()
            self.outcome.counters_wrong += [int(it) for it in lines] != [*range(1, len(lines) + 1)]


async def _nothing(arena: Arena, dice: random.Random, client: "asyncio.Task[None]") -> None:
    """Let the client do its work, and then be gone."""


async def _agent_killed(arena: Arena, dice: random.Random, client: "asyncio.Task[None]") -> None:
    await arena.agent.kill()
    await asyncio.sleep(dice.uniform(0.0, 2.0))
    await arena.agent.start()


async def _agent_gone(arena: Arena, dice: random.Random, client: "asyncio.Task[None]") -> None:
    """Kill the agent, which comes back only after the round: the guard is to see to its jobs."""
    await arena.agent.kill()


async def _agent_stopped(arena: Arena, dice: random.Random, client: "asyncio.Task[None]") -> None:
    await arena.agent.stop()
    await asyncio.sleep(dice.uniform(0.0, 2.0))
    await arena.agent.start()


async def _agent_delayed(arena: Arena, dice: random.Random, client: "asyncio.Task[None]") -> None:
    assert arena.agent.process is not None
    arena.agent.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(dice.uniform(0.5, 3.0))
    arena.agent.process.send_signal(signal.SIGCONT)


async def _client_cut(arena: Arena, dice: random.Random, client: "asyncio.Task[None]") -> None:
    client.cancel()


async def _controller_killed(
    arena: Arena, dice: random.Random, client: "asyncio.Task[None]"
) -> None:
    await asyncio.to_thread(arena.cluster.kill_controller)
    await asyncio.sleep(dice.uniform(0.0, 3.0))
    await asyncio.to_thread(arena.cluster.start_controller)


async def _node_restarted(arena: Arena, dice: random.Random, client: "asyncio.Task[None]") -> None:
    await asyncio.to_thread(arena.cluster.restart_slurmd)


async def _all_at_once(arena: Arena, dice: random.Random, client: "asyncio.Task[None]") -> None:
    """Kill the agent while the controller is away."""
    await asyncio.to_thread(arena.cluster.kill_controller)
    await arena.agent.kill()
    await asyncio.sleep(dice.uniform(0.0, 2.0))
    await arena.agent.start()
    await asyncio.to_thread(arena.cluster.start_controller)


WRONGS: Mapping[str, Callable[[Arena, random.Random, "asyncio.Task[None]"], Awaitable[None]]] = {
    "nothing": _nothing,
    "agent killed": _agent_killed,
    "agent killed for good": _agent_gone,
    "agent stopped": _agent_stopped,
    "agent delayed": _agent_delayed,
    "client cut off": _client_cut,
    "controller killed": _controller_killed,
    "node restarted": _node_restarted,
    "controller and agent killed": _all_at_once,
}


@asynccontextmanager
async def arena(folder: Path) -> AsyncGenerator[Arena]:
    """Set up everything, with all jobs running, and end what was started."""
    worker = folder / "worker.py"
    worker.write_text(_WORKER)

    def command(name: str) -> list[str]:
        return [sys.executable, str(worker), str(folder / f"{name}.count")]

    agent = RunningAgent(folder)
    agent.short_leases = True
    found = await asyncio.to_thread(
        partial(subprocess.Popen, command(FOUND), start_new_session=True)
    )
    try:
        (folder / "found.pid").write_text(f"{found.pid}\n")
        with running_cluster(cpus=8) as cluster:
            ids = await asyncio.to_thread(_submit, cluster, folder, worker)
            agent.config.write_text(_config(folder, cluster, command))
            await agent.start()
            await asyncio.to_thread(cluster.wait_running, *ids, age_s=8)
            yield Arena(folder=folder, agent=agent, cluster=cluster, slurm_ids=ids, found=found)
            await agent.stop()
    finally:
        pids = agent.job_pids()
        await agent.end()
        for pid in [*pids, found.pid]:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        found.wait()


def _submit(cluster: Cluster, folder: Path, worker: Path) -> tuple[str, ...]:
    script = f'exec {sys.executable} {worker} "{folder}/$SLURM_JOB_ID.count"'
    return tuple(cluster.submit(script) for _ in range(MEMBERS))


def _config(folder: Path, cluster: Cluster, command: Callable[[str], list[str]]) -> str:
    lines = []
    for name in PROCESSES:
        # One of them is paused by signals, the others by the freezer where there is one.
        pause = "signal" if name == PROCESSES[0] else "auto"
        lines += ["[[jobs]]", f'id = "{name}"', f"command = {command(name)}"]
        lines += [f'pause = "{pause}"', 'on_stop = "leave"']
    lines += ["[[jobs]]", f'id = "{FOUND}"', f'pidfile = "{folder / "found.pid"}"']
    lines += ["[[jobs]]", f'id = "{GROUP}"', 'kind = "slurm"', 'partition = "heat"']
    lines += [f'slurm_conf = "{cluster.conf}"', 'pause = "stop"']
    return "\n".join(lines) + "\n"
