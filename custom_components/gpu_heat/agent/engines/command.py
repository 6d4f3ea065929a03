"""Jobs that are paused, resumed and asked for their state by commands of their owner's."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
import sys

from ..errors import ConflictError, UnreachableError
from ..job_config import JobConfig, JobSpec
from ..programs import check_folder, check_program
from ..short_command import MAX_BYTES, Ended, run_command
from ..state import JsonObject
from ..toml_table import Table
from .driver import Effect, JobDriver
from .reported import Report, read_report
from .self_paused import SelfPausedDriver

__all__ = ["CommandDriver", "CommandSpec", "make_driver", "read_spec"]

_TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
_MAX_SAID = 200
_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec(JobSpec):
    """Three commands, each an argv, and what a pause does."""

    pause: tuple[str, ...]
    resume: tuple[str, ...]
    state: tuple[str, ...]
    effect: Effect
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0


class CommandDriver(SelfPausedDriver):
    """Runs nothing but the commands that the config lists."""

    def __init__(self, specs: Mapping[str, CommandSpec]) -> None:
        super().__init__({job_id: spec.effect for job_id, spec in specs.items()})
        self._specs = specs

    async def tell_pause(self, job_id: str) -> None:
        """Run the command for pausing."""
        await self._done(job_id, self._specs[job_id].pause)

    async def tell_resume(self, job_id: str) -> None:
        """Run the command for resuming."""
        await self._done(job_id, self._specs[job_id].resume)

    async def ask_state(self, job_id: str) -> Report:
        """Run the command for the state."""
        ended = await self._done(job_id, self._specs[job_id].state)
        if not ended.whole:
            raise UnreachableError(f"its state is longer than {MAX_BYTES} bytes")
        return read_report(ended.stdout)

    async def _done(self, job_id: str, command: Sequence[str]) -> Ended:
        """Run a command that has to end well. Raises AgentError."""
        spec = self._specs[job_id]
        ended = await asyncio.to_thread(
            run_command, command, cwd=spec.cwd, env=spec.env, time_limit_s=spec.timeout_s
        )
        if ended.code != 0:
            said = first_line(ended.stderr) or f"it ended with status {ended.code}"
            kind = UnreachableError if ended.code == _TRY_AGAIN else ConflictError
            raise kind(f"{command[0]}: {said}")
        return ended


def read_spec(table: Table, job_id: str, folder: Path) -> CommandSpec:
    """Take the keys of a job. Raises UsageError."""
    if sys.platform == "win32":
        raise table.fault("kind", f'commands (job "{job_id}") cannot be run on Windows yet')
    cwd, env = table.path("cwd", folder), table.environment("env")
    check_folder(cwd, table)
    return CommandSpec(
        pause=_command(table, "pause", cwd, env),
        resume=_command(table, "resume", cwd, env),
        state=_command(table, "state", cwd, env),
        effect=Effect(
            frees_gpu=table.boolean("frees_gpu", False),
            keeps_work=table.boolean("keeps_work", True),
        ),
        cwd=cwd,
        env=env,
        timeout_s=table.number("timeout_s", 10.0, low=1.0, high=_LONGEST_S),
    )


def make_driver(
    jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
) -> JobDriver:
    """Return the driver of these jobs."""
    return CommandDriver({job.id: job.spec for job in jobs if isinstance(job.spec, CommandSpec)})


def first_line(text: bytes) -> str:
    """Return the first line that says something, without what would steer a terminal."""
    for line in text.decode("utf-8", "replace").splitlines():
        said = "".join(c for c in line if c.isprintable()).strip()
        if said:
            return said[:_MAX_SAID]
    return ""


def _command(table: Table, key: str, cwd: Path | None, env: Mapping[str, str]) -> tuple[str, ...]:
    command = table.strings(key)
    if not command or not command[0]:
        raise table.fault(key, 'give a command, such as ["/usr/local/bin/my-job", "pause"]')
    check_program(command, table, cwd=cwd, path=env.get("PATH"), key=key)
    return command
