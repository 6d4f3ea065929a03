"""What the owner of a job has ordered, and for how long the job has run and waited."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self


class Policy(StrEnum):
    """Who decides on a job: the schedule, or its owner once and for all."""

    FOLLOW_HEAT = "follow_heat"
    ALWAYS_RUN = "always_run"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person has ordered of one job, and what the job did since `first_seen`.

    `deadline` and `work_s`, the seconds of work left at full power, are None where nobody has
    said so; `work_s` is above 0. `told_s` is what the job told last of the work left, less what it
    ran since, `most_told_s` the most that it told; both None until it does. `ran_s` is for how long
    the job ran, `waited_s` for how long it was paused by us, in seconds. `ended` tells that it had
    finished or failed when it was last seen, `gone_since` since when it is not listed, None while
    it is.
    """

    policy: Policy = Policy.FOLLOW_HEAT
    deadline: datetime | None = None
    work_s: float | None = None
    told_s: float | None = None
    most_told_s: float | None = None
    first_seen: datetime
    ran_s: float = 0.0
    waited_s: float = 0.0
    ended: bool = False
    gone_since: datetime | None = None

    @property
    def by_person(self) -> bool:
        """Whether a person has ordered anything that still stands."""
        ordered = (self.policy, self.deadline, self.work_s)
        return ordered != (Policy.FOLLOW_HEAT, None, None)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document; moments are strings."""
        return {
            "policy": self.policy,
            "deadline": _text(self.deadline),
            "work_s": self.work_s,
            "told_s": self.told_s,
            "most_told_s": self.most_told_s,
            "first_seen": self.first_seen.isoformat(),
            "ran_s": self.ran_s,
            "waited_s": self.waited_s,
            "ended": self.ended,
            "gone_since": _text(self.gone_since),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read an order that was stored as a JSON document."""
        return cls(
            policy=Policy(document["policy"]),
            deadline=_moment(document["deadline"]),
            work_s=document["work_s"],
            told_s=document.get("told_s"),
            most_told_s=document.get("most_told_s"),
            first_seen=datetime.fromisoformat(document["first_seen"]),
            ran_s=document["ran_s"],
            waited_s=document["waited_s"],
            ended=document["ended"],
            gone_since=_moment(document["gone_since"]),
        )


def advance(order: Order, *, step_s: float, running: bool, waiting: bool) -> Order:
    """Return an order after `step_s` seconds, in which its job ran, was paused by us, or neither.

    What was said of the work left counts down while the job runs. Once nothing is left of it, it
    is no longer said.
    """
    if running:
        return replace(
            order,
            ran_s=order.ran_s + step_s,
            work_s=_less(order.work_s, step_s),
            told_s=_less(order.told_s, step_s),
        )
    return replace(order, waited_s=order.waited_s + step_s) if waiting else order


def hear(order: Order, told_s: float | None) -> Order:
    """Return an order after its job has told of the work left, in seconds, or has not (None)."""
    if told_s is None:
        return order
    return replace(order, told_s=told_s, most_told_s=max(order.most_told_s or 0.0, told_s))


def end(order: Order) -> Order:
    """Return the order of a job that has just ended: no work is left of it."""
    return replace(order, ended=True, work_s=None, told_s=None, most_told_s=None)


def begin_anew(order: Order, now: datetime) -> Order:
    """Return the order of a job that had ended and goes on under the same id.

    What a person ordered stands, also what was ordered for this run before it began; but for a
    deadline that has passed: it was that of an earlier run.
    """
    late = order.deadline is not None and order.deadline <= now
    return replace(
        order,
        deadline=None if late else order.deadline,
        first_seen=now,
        ran_s=0.0,
        waited_s=0.0,
        ended=False,
    )


def remaining_s(order: Order | None, told: float | None, *, anew: bool = False) -> float | None:
    """Return the work left in seconds: as a person said, else as the job tells; None if nobody.

    Many jobs tell it only while they run. What they told last holds until then; of one that begins
    `anew` after a pause, the most that it ever told.
    """
    if order is None or (order.work_s is None and told is not None):
        return told
    if order.work_s is not None:
        return order.work_s
    return order.most_told_s if anew else order.told_s


def deadline(order: Order | None, told: datetime | None) -> datetime | None:
    """Return when a job is to be done: as a person said, else as the job tells; None if nobody."""
    return told if order is None or order.deadline is None else order.deadline


def _less(left_s: float | None, step_s: float) -> float | None:
    return None if left_s is None or left_s <= step_s else left_s - step_s


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
