"""The kinds of jobs that there are; what a kind needs is loaded only where it is configured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from ..errors import UsageError
from ..job_config import JobConfig, JobSpec, ReadSpec
from ..state import JsonObject
from ..toml_table import Table
from .driver import JobDriver

_HOME = "git+https://github.com/gpu-heat/gpu-heat"


class EngineModule(Protocol):
    """What the file of a kind has to have."""

    def read_spec(self, table: Table, job_id: str, folder: Path) -> JobSpec:
        """Take the kind's own keys. Raises UsageError."""

    def make_driver(
        self, jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
    ) -> JobDriver:
        """Return the driver of all jobs of the kind.

        `memories` are of the last run, by job id; `folder` is the agent's state folder.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of job: its file, and the extra of the agent's package with its libraries."""

    name: str
    module: str
    extra: str | None = None

    def load(self) -> EngineModule:
        """Import the file. Raises UsageError, with the command that installs what is missing."""
        try:
            return cast(EngineModule, import_module(f"{__package__}.{self.module}"))
        except ModuleNotFoundError as err:
            if self.extra is None:
                raise
            raise UsageError(
                f'jobs of kind "{self.name}" need the Python package {err.name}: '
                f'pipx install --force "gpu-heat-agent[{self.extra}] @ {_HOME}"'
            ) from err

    def read_spec(self, table: Table, job_id: str, folder: Path) -> JobSpec:
        """Take the kind's own keys. Raises UsageError."""
        return self.load().read_spec(table, job_id, folder)


_TABLE = (
    Kind(name="command", module="command"),
    Kind(name="docker", module="docker"),
    Kind(name="http", module="http"),
    Kind(name="kubernetes", module="kubernetes", extra="kubernetes"),
    Kind(name="process", module="process"),
    Kind(name="slurm", module="slurm"),
    Kind(name="systemd", module="systemd", extra="systemd"),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _TABLE})

READERS: Mapping[str, ReadSpec] = MappingProxyType(
    {name: kind.read_spec for name, kind in KINDS.items()}
)


def make_driver(
    kind: str,
    jobs: Sequence[JobConfig],
    memories: Mapping[str, JsonObject],
    folder: Path,
) -> JobDriver:
    """Return the driver of one kind. Raises UsageError where its library is missing."""
    return KINDS[kind].load().make_driver(jobs, memories, folder)
