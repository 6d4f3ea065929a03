"""What the config says of a job that is a process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
import sys
from typing import ClassVar

from ..job_config import JobSpec
from ..programs import check_folder, check_program
from ..toml_table import Table


class OnStop(StrEnum):
    """What becomes of a job that the agent started when the agent is stopped."""

    LEAVE = "leave"
    TERMINATE = "terminate"


class PauseBy(StrEnum):
    """How a job is made to stand still."""

    AUTO = "auto"
    """By the freezer where the job has a cgroup of its own that the agent may freeze."""
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec(JobSpec):
    """One process with all that comes from it; exactly one of `command` and `pidfile` is given."""

    can_signal: ClassVar[bool] = True

    command: tuple[str, ...] | None = None
    pidfile: Path | None = None
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    on_stop: OnStop = OnStop.LEAVE
    pause: PauseBy = PauseBy.AUTO


def read_spec(table: Table, job_id: str, folder: Path) -> ProcessSpec:
    """Take the keys of a process. Raises UsageError."""
    if sys.platform == "win32":
        raise table.fault("kind", f'a process (job "{job_id}") cannot be paused on Windows yet')
    command, pidfile = table.strings("command"), table.path("pidfile", folder)
    if (command is None) == (pidfile is None) or command == ():
        raise table.fault("command", f'give job "{job_id}" either a command or a pidfile')
    spec = ProcessSpec(
        command=command,
        pidfile=pidfile,
        cwd=table.path("cwd", folder),
        env=table.environment("env"),
        on_stop=table.choice("on_stop", OnStop, OnStop.LEAVE),
        pause=table.choice("pause", PauseBy, PauseBy.AUTO),
    )
    check_folder(spec.cwd, table)
    if command is not None:
        check_program(command, table, cwd=spec.cwd, path=spec.env.get("PATH"))
    return spec
