"""What the config says of a job that is a container, or all containers with a label."""

from dataclasses import dataclass
from enum import StrEnum
import math
import os
from pathlib import Path
import re
import sys
from typing import ClassVar

from ..job_config import JobSpec
from ..toml_table import Table

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
"""A container's name as Docker and Podman take it, without the slash that their API puts first."""

DEFAULT_SOCKET = Path("/var/run/docker.sock")
DEFAULT_STOP_TIMEOUT_S = 30
_LONGEST_STOP_S = 3600
_LONGEST_SOCKET = 107  # bytes of an AF_UNIX address on Linux, less the zero at its end


class Verb(StrEnum):
    """How a container is paused."""

    PAUSE = "pause"
    """Frozen: undone by unpausing it."""
    STOP = "stop"
    """Ended: undone by starting it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label that a container has to have; without a value any will do."""

    key: str
    value: str | None = None

    def __str__(self) -> str:
        """Return it as the engine's filter takes it."""
        return self.key if self.value is None else f"{self.key}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSpec(JobSpec):
    """One container by its name, or all that have a label: exactly one of the two is given."""

    can_signal: ClassVar[bool] = True
    can_free: ClassVar[bool] = True

    container: str | None = None
    label: Label | None = None
    verb: Verb = Verb.PAUSE
    socket: Path = DEFAULT_SOCKET
    stop_timeout_s: int = DEFAULT_STOP_TIMEOUT_S

    @property
    def group(self) -> bool:
        """Whether it stands for all containers with a label."""
        return self.label is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingSpec(DockerSpec):
    """Containers that are stopped anyway: there is no other pause that lets go of the GPU."""

    can_free: ClassVar[bool] = False


def read_spec(table: Table, job_id: str, folder: Path) -> DockerSpec:
    """Take the keys of a container. Raises UsageError."""
    if sys.platform == "win32":
        raise table.fault("kind", f'containers (job "{job_id}") cannot be paused on Windows')
    container, label = _container(table), _label(table)
    if (container is None) == (label is None):
        raise table.fault("container", f'give job "{job_id}" either a container or a label')
    verb = table.choice("pause", Verb, Verb.PAUSE)
    return (DockerSpec if verb is Verb.PAUSE else StoppingSpec)(
        container=container,
        label=label,
        verb=verb,
        socket=_socket(table, folder),
        stop_timeout_s=math.ceil(
            table.number("stop_timeout_s", DEFAULT_STOP_TIMEOUT_S, low=1, high=_LONGEST_STOP_S)
        ),
    )


def _container(table: Table) -> str | None:
    name = table.string("container")
    if name is not None and not NAME.fullmatch(name):
        raise table.fault("container", 'write the name that "docker ps" shows, such as "train"')
    return name


def _label(table: Table) -> Label | None:
    text = table.string("label")
    if text is None:
        return None
    key, has_value, value = text.partition("=")
    if not key or key != key.strip():
        raise table.fault("label", 'write "key" or "key=value", such as "gpu-heat=yes"')
    return Label(key=key, value=value if has_value else None)


def _socket(table: Table, folder: Path) -> Path:
    text = table.string("socket") if table.has("socket") else str(DEFAULT_SOCKET)
    if text is None or "://" in text:
        raise table.fault("socket", "write the path of a Unix socket, without unix:// or tcp://")
    path = Table({"socket": text}).path("socket", folder) or DEFAULT_SOCKET
    if len(os.fsencode(path)) > _LONGEST_SOCKET:
        raise table.fault("socket", f"a socket's path has at most {_LONGEST_SOCKET} bytes")
    return path
