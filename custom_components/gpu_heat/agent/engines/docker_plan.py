"""What undoes the pause of a container, and when there is something to undo. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..state import JsonObject
from .docker_container import ENDED, PAUSED, STARTABLE, Details
from .docker_spec import Verb

_MARGIN_S = 60.0
"""How much longer than it was told an engine may take to end a container, in s."""

_CLOCKS_S = 2.0
"""How far the clock of the engine may be behind ours, in s."""


class Outcome(StrEnum):
    """What became of a request to pause, as far as this run of the agent knows."""

    UNKNOWN = "unknown"
    """Another run of the agent sent it, or was about to."""
    PENDING = "pending"
    """The engine has not answered yet."""
    DONE = "done"
    """The engine has agreed."""
    REFUSED = "refused"
    """The engine has said that it did nothing."""
    DOUBT = "doubt"
    """It failed, or no answer came: it may have done something nevertheless."""


class Step(StrEnum):
    """What undoes a pause."""

    NOTHING = "nothing"
    WAIT = "wait"
    """The container may be about to stop: starting it now would be lost on it."""
    UNPAUSE = "unpause"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run of one container, and the verb that paused it.

    `id` and `started_at` together are no other container's and no later run's. `asked_at_s` is
    when the engine is asked, in s since 1970; `again` tells that an earlier run of the agent
    may have asked it already, at `first_asked_at_s`. `token` is this plan's alone.
    """

    verb: Verb
    socket: Path
    id: str
    started_at: str
    name: str
    token: str
    first_asked_at_s: float
    asked_at_s: float
    stop_timeout_s: int
    again: bool = False

    def to_json(self) -> JsonObject:
        """Return what `read_plan` reads."""
        return {
            "verb": self.verb.value,
            "socket": str(self.socket),
            "id": self.id,
            "started_at": self.started_at,
            "name": self.name,
            "token": self.token,
            "first_asked_at_s": self.first_asked_at_s,
            "asked_at_s": self.asked_at_s,
            "stop_timeout_s": self.stop_timeout_s,
            "again": self.again,
        }

    def of(self, details: Details) -> bool:
        """Return whether it is of the very run that the container is in, or was in last."""
        return self.id == details.id and self.started_at == details.started_at

    def stopped(self, details: Details, outcome: Outcome) -> bool:
        """Return whether it was us who ended the container, not itself or someone else.

        Where no answer tells, it was us if it ended while it was to.
        """
        if self.verb is not Verb.STOP or details.state not in STARTABLE or not self.of(details):
            return False
        if outcome is Outcome.REFUSED or details.finished_at_s is None:
            return False
        earliest_s = self.first_asked_at_s - _CLOCKS_S
        latest_s = self.asked_at_s + self._patience_s
        return outcome is Outcome.DONE or earliest_s <= details.finished_at_s <= latest_s

    def step(self, details: Details, outcome: Outcome, now_s: float) -> Step:
        """Return what is to be done to undo it, at `now_s` since 1970."""
        if outcome is Outcome.REFUSED or not self.of(details):
            return Step.NOTHING
        if self.verb is Verb.PAUSE:
            return Step.UNPAUSE if details.state == PAUSED else Step.NOTHING
        if details.state in ENDED:
            return Step.START if self.stopped(details, outcome) else Step.NOTHING
        may_stop = 0 <= now_s - self.asked_at_s <= self._patience_s
        return Step.WAIT if may_stop and outcome is not Outcome.DONE else Step.NOTHING

    @property
    def _patience_s(self) -> float:
        return self.stop_timeout_s + _MARGIN_S


def read_plan(document: JsonObject) -> Plan | None:
    """Read what `to_json` wrote; None is a plan that stopped nothing, such as a group's."""
    try:
        return Plan(
            verb=Verb(str(document["verb"])),
            socket=Path(str(document["socket"])),
            id=str(document["id"]),
            started_at=str(document["started_at"]),
            name=str(document["name"]),
            token=str(document["token"]),
            first_asked_at_s=float(str(document["first_asked_at_s"])),
            asked_at_s=float(str(document["asked_at_s"])),
            stop_timeout_s=int(str(document["stop_timeout_s"])),
            again=document["again"] is True,
        )
    except (KeyError, ValueError):
        return None
