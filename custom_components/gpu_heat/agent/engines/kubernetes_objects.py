"""What the objects of Kubernetes that pause work have in common, as far as it matters here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from lightkube.core.resource import ApiInfo, ResourceDef
import msgspec

from .driver import JobView

ANNOTATION = "gpu-heat-agent/pause"
"""Says whose pause it is: the token of the plan that undoes it."""

Gate: TypeAlias = bool | str
"""The value of the field that pauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a view takes besides the object: the time, and what was known before.

    `ours` is whether a pause that holds is ours. `done_before` are the completions that a Job
    had when it was last seen suspended.
    """

    now: datetime
    ours: bool = False
    done_before: int | None = None


class Owner(msgspec.Struct, rename="camel"):
    """What an object belongs to."""

    api_version: str
    controller: bool = False


class Metadata(msgspec.Struct, rename="camel"):
    """Which object it is, and in which state of its life; `uid` is never used twice."""

    name: str
    uid: str
    resource_version: str
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[Owner] | None = None
    deletion_timestamp: datetime | None = None

    @property
    def token(self) -> str | None:
        """Whose pause it is."""
        return (self.annotations or {}).get(ANNOTATION)


class Condition(msgspec.Struct, rename="camel"):
    """One thing that a controller says of an object."""

    type: str
    status: str
    reason: str = ""
    last_transition_time: datetime | None = None


class Thing(Protocol):
    """What all of them have."""

    metadata: Metadata

    @property
    def gate(self) -> Gate:
        """The value of the field that pauses."""

    @property
    def obstacle(self) -> str | None:
        """Why it must not be paused from here, if so."""

    def view(self, look: Look) -> JobView:
        """Return what it tells."""


def info(group: str, version: str, kind: str, plural: str) -> ApiInfo:
    """Return where the API has a kind of object, and what may be done to it here."""
    return ApiInfo(
        resource=ResourceDef(group, version, kind), plural=plural, verbs=["get", "list", "patch"]
    )


def by_type(conditions: Sequence[Condition] | None) -> dict[str, Condition]:
    """Return conditions by what they are of."""
    return {condition.type: condition for condition in conditions or ()}


def holds(conditions: Mapping[str, Condition], name: str) -> bool:
    """Return whether a condition is there and true."""
    return name in conditions and conditions[name].status == "True"


def later(moment: datetime, seconds: float) -> datetime | None:
    """Return a moment that much later, None where no calendar has it."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return None
