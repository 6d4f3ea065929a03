"""Containers as the engine's answers describe them, Docker's and Podman's. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
import re

from ..models import JobState
from .docker_spec import NAME, DockerSpec, Label

_STATES = {
    "created": JobState.QUEUED,
    "initialized": JobState.QUEUED,
    "running": JobState.RUNNING,
    "restarting": JobState.RUNNING,
    "stopping": JobState.RUNNING,
    "paused": JobState.PAUSED,
}
"""What both engines call a container that has not ended; "initialized", "stopping" are Podman's."""

ENDED = frozenset({"exited", "stopped", "dead", "removing"})
"""What they call one that has; "stopped" is Podman's."""

STARTABLE = frozenset({"exited", "stopped"})
"""Those of them that can be started again; the others are being removed."""

RUNNING, PAUSED = "running", "paused"


_ID = re.compile("[0-9a-f]{64}")


class AnswerError(ValueError):
    """What came is not what the engine's API says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A row of the list of containers; `id` is whole, `name` without its slash."""

    id: str
    name: str
    state: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def fits(self, spec: DockerSpec) -> bool:
        """Return whether it is the container of a job, or one of a group."""
        if spec.label is not None:
            return _has(self.labels, spec.label)
        return self.name == spec.container


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What looking into one container tells; both moments are on the engine's own clock.

    `started_at` is the text of the engine: together with the id it tells one run of the
    container from the next. `finished_at_s` is in s since 1970, None if it has not ended yet.
    """

    id: str
    state: str
    started_at: str
    finished_at_s: float | None
    exit_code: int
    auto_remove: bool


def job_state(state: str, exit_code: int | None = None) -> JobState:
    """Return a job's state; of a container that has ended its exit code tells."""
    if state not in ENDED:
        return _STATES.get(state, JobState.UNKNOWN)
    if exit_code is None:
        return JobState.UNKNOWN
    return JobState.FAILED if exit_code or state == "dead" else JobState.FINISHED


def read_list(document: object) -> tuple[Container, ...]:
    """Read the answer to GET /containers/json. Raises AnswerError."""
    if not isinstance(document, list):
        raise AnswerError("the list of containers is no list")
    rows = (_container(_object(item)) for item in document)
    return tuple(row for row in rows if row is not None)


def read_details(document: object) -> Details:
    """Read the answer to GET /containers/{id}/json. Raises AnswerError."""
    top = _object(document)
    state, host = _object(top.get("State")), _object(top.get("HostConfig") or {})
    exit_code = state.get("ExitCode")
    if isinstance(exit_code, bool) or not isinstance(exit_code, int):
        raise AnswerError("a container's ExitCode is no number")
    return Details(
        id=_text(top, "Id"),
        state=_text(state, "Status"),
        started_at=_text(state, "StartedAt"),
        finished_at_s=_seconds(_text(state, "FinishedAt")),
        exit_code=exit_code,
        auto_remove=host.get("AutoRemove") is True,
    )


def read_versions(document: object) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the oldest and the newest version of the API that GET /version tells.

    Raises AnswerError.
    """
    top = _object(document)
    newest = _version(_text(top, "ApiVersion"))
    oldest = top.get("MinAPIVersion")
    return (_version(oldest) if isinstance(oldest, str) and oldest else newest), newest


def _container(row: Mapping[str, object]) -> Container | None:
    """Read one row; a container without a name of the known form is none that could be listed."""
    names = row.get("Names") or []
    if not isinstance(names, list):
        raise AnswerError("a container's Names are no list")
    own = [str(name).removeprefix("/") for name in names]  # links have another slash: /web/db
    name = next((name for name in own if NAME.fullmatch(name)), None)
    labels = _object(row.get("Labels") or {})
    if name is None:
        return None
    if not _ID.fullmatch(container_id := _text(row, "Id")):
        raise AnswerError("a container's Id is none")
    return Container(
        id=container_id,
        name=name,
        state=_text(row, "State").lower(),
        labels={key: str(value) for key, value in labels.items()},
    )


def _has(labels: Mapping[str, str], label: Label) -> bool:
    found = labels.get(label.key)
    return found is not None and label.value in {None, found}


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise AnswerError("an object is missing in the answer")
    return value


def _text(source: Mapping[str, object], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str):
        raise AnswerError(f"{name} is missing in the answer")
    return value


def _version(text: str) -> tuple[int, int]:
    major, dot, minor = text.partition(".")
    try:
        return int(major), int(minor if dot else "0")
    except ValueError as err:
        raise AnswerError(f"{text[:20]!r} is no version of the API") from err


def _seconds(text: str) -> float | None:
    """Read a moment; the engine writes year 1 for one that has not come yet."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo is not None and moment.year > 1 else None
    except (OverflowError, ValueError) as err:
        raise AnswerError(f"{text[:40]!r} is no moment") from err
