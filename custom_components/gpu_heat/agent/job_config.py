"""What the config says of jobs: what all kinds have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
import re
import signal
from signal import Signals
from typing import ClassVar, TypeAlias

from .programs import check_program
from .toml_table import Table

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LONGEST_S = 30 * 86_400.0
_LONGEST_CHECKPOINT_S = 3600.0

SIGNALS: Mapping[str, Signals] = {
    name: number
    for name in ("HUP", "INT", "USR1", "USR2", "TERM")
    if (number := getattr(signal, f"SIG{name}", None)) is not None
}
"""The signals that a checkpoint may be asked for with."""


class JobSpec:
    """What the engine of a kind has to know of a job; each kind has one of its own.

    `group` tells that it stands for all jobs of the engine that fit it, however many there are.
    """

    can_signal: ClassVar[bool] = False
    """Whether the engine can send a signal to the job."""

    can_free: ClassVar[bool] = False
    """Whether there is a pause that lets go of the GPU too."""

    @property
    def group(self) -> bool:
        """Whether it stands for any number of jobs."""
        return False


class AfterMaxPause(StrEnum):
    """What becomes of a job that has been paused for as long as it may be."""

    RESUME = "resume"
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What is done before a pause, so that no work is lost; one of `signal` and `command`.

    A command has done its work when it ends, a signal when `done_file` has been written anew
    or, without one, after `timeout_s`.
    """

    signal: Signals | None = None
    command: tuple[str, ...] | None = None
    done_file: Path | None = None
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a job writes how much of its work is done, from 0 to 1; one of the two."""

    file: Path | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobConfig:
    """One job, or one group of jobs; `devices` are the indices of the GPUs that it uses."""

    id: str
    name: str
    spec: JobSpec
    kind: str = "process"
    devices: tuple[int, ...] = ()
    max_pause_s: float | None = None
    after_max_pause: AfterMaxPause = AfterMaxPause.RESUME
    checkpoint: Checkpoint | None = None
    progress: Progress | None = None

    @property
    def group(self) -> bool:
        """Whether it stands for any number of jobs."""
        return self.spec.group


ReadSpec: TypeAlias = Callable[[Table, str, Path], JobSpec]
"""Takes a kind's own keys out of a job's table, given the job's id and the config's folder."""


def read_jobs(
    tables: Sequence[Table], folder: Path, kinds: Mapping[str, ReadSpec]
) -> tuple[JobConfig, ...]:
    """Read all jobs. Raises UsageError, which names the key."""
    jobs: dict[str, JobConfig] = {}
    for table in tables:
        job = _job(table, folder, kinds)
        if job.id in jobs:
            raise table.fault("id", f'there is a job "{job.id}" already; make each unique')
        jobs[job.id] = job
    return tuple(jobs.values())


def _job(table: Table, folder: Path, kinds: Mapping[str, ReadSpec]) -> JobConfig:
    job_id = table.string("id")
    if job_id is None or not _SLUG.fullmatch(job_id):
        raise table.fault("id", "give an id of lower-case letters, digits, - and _")
    kind = table.string("kind") or "process"
    if kind not in kinds:
        raise table.fault("kind", "write one of " + ", ".join(f'"{k}"' for k in sorted(kinds)))
    spec = kinds[kind](table, job_id, folder)
    job = JobConfig(
        id=job_id,
        name=table.string("name") or job_id,
        kind=kind,
        spec=spec,
        devices=table.integers("devices"),
        max_pause_s=_max_pause_s(table),
        after_max_pause=_after_max_pause(table, spec),
        checkpoint=_checkpoint(table, spec, folder),
        progress=_progress(table, spec, folder),
    )
    table.finish()
    return job


def _max_pause_s(table: Table) -> float | None:
    if not table.has("max_pause_s"):
        return None
    return table.number("max_pause_s", 0.0, low=60.0, high=_LONGEST_S)


def _after_max_pause(table: Table, spec: JobSpec) -> AfterMaxPause:
    after = table.choice("after_max_pause", AfterMaxPause, AfterMaxPause.RESUME)
    if after is AfterMaxPause.FREE and not spec.can_free:
        raise table.fault("after_max_pause", 'this kind has no such pause; write "resume"')
    return after


def _checkpoint(table: Table, spec: JobSpec, folder: Path) -> Checkpoint | None:
    if not table.has("checkpoint"):
        return None
    inner = table.table("checkpoint")
    name, command = inner.string("signal"), inner.strings("command")
    if (name is None) == (command is None) or command == ():
        raise inner.fault("command", "give either a command or a signal")
    if name is not None and not spec.can_signal:
        raise inner.fault("signal", "jobs of this kind take no signals; give a command")
    number = None if name is None else SIGNALS.get(name.removeprefix("SIG"))
    if name is not None and number is None:
        raise inner.fault("signal", "write one of " + ", ".join(f'"{n}"' for n in SIGNALS))
    if command is not None:
        check_program(command, inner, cwd=None, path=None)
    checkpoint = Checkpoint(
        signal=number,
        command=command,
        done_file=inner.path("done_file", folder),
        timeout_s=inner.number("timeout_s", 60.0, low=1.0, high=_LONGEST_CHECKPOINT_S),
    )
    inner.finish()
    return checkpoint


def _progress(table: Table, spec: JobSpec, folder: Path) -> Progress | None:
    if not table.has("progress"):
        return None
    inner = table.table("progress")
    if spec.group:
        raise table.fault("progress", "a group has as many as it has jobs; remove it")
    progress = Progress(file=inner.path("file", folder), url=inner.http_url("url"))
    if (progress.file is None) == (progress.url is None):
        raise inner.fault("file", "give either a file or a url")
    inner.finish()
    return progress
