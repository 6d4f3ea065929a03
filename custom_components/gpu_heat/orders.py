"""What people ordered of one source's jobs, and for how long those have run and waited.

Single jobs of a group have no orders of their own: those of their group hold for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from homeassistant.core import CALLBACK_TYPE, callback

from .agent.engines.driver import group_of
from .agent.models import Job, JobState, Snapshot
from .control.orders import (
    Order,
    Policy,
    advance,
    begin_anew,
    deadline,
    end,
    hear,
    remaining_s,
)
from .job_status import ENDED, is_group, not_told

# What people order is on the disk at once; a crash may cost this much of what was counted.
_AT_ONCE_S = 0.5
_COUNTED_S = 300.0

# A longer time between two looks is an outage, of which nobody knows what the jobs did in it.
_LONGEST_STEP_S = 60.0
_KEPT = timedelta(days=7)
_MOST = 5000


class Orders:
    """The orders for the jobs of one source, by job id.

    `save` has `to_json` written within a time in s. Listeners are called with the id of a job
    of which a person has ordered something else.
    """

    def __init__(
        self,
        save: Callable[[float], None],
        document: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Take up what `to_json` returned in an earlier run."""
        self._save = save
        self._listeners: set[Callable[[str], None]] = set()
        self._orders = {key: Order.from_json(item) for key, item in (document or {}).items()}

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document of all orders."""
        return {key: order.to_json() for key, order in self._orders.items()}

    def order(self, job_id: str) -> Order | None:
        """Return what is known of one job; None if it has never been seen."""
        return self._orders.get(job_id)

    def policy(self, job_id: str) -> Policy:
        """Return the policy for a job; for one of a group that is the group's."""
        order = self._orders.get(group_of(job_id) or job_id)
        return order.policy if order else Policy.FOLLOW_HEAT

    def deadline(self, job_id: str, told: datetime | None) -> datetime | None:
        """Return when a job is to be done: as a person said, else as the job tells.

        Of one of a group: as the job tells, else as a person said of the group.
        """
        if group := group_of(job_id):
            return told or deadline(self._orders.get(group), None)
        return deadline(self._orders.get(job_id), told)

    def has_deadline(self, job_id: str) -> bool:
        """Return whether a person has set a deadline for a job, or group."""
        order = self._orders.get(job_id)
        return order is not None and order.deadline is not None

    def has_work(self, job_id: str) -> bool:
        """Return whether a person has said what work is left of a job."""
        order = self._orders.get(job_id)
        return order is not None and order.work_s is not None

    def remaining_s(self, job_id: str, job: Job | None) -> float | None:
        """Return the work left of a job in seconds: as a person said, else as the job tells.

        While its source is off (`job` is None), what a person said.
        """
        order = self._orders.get(job_id)
        if job is None:
            return order.work_s if order else None
        anew = job.keeps_work is False and job.state is not JobState.RUNNING
        return remaining_s(order, job.remaining_s, anew=anew)

    @callback
    def async_set_policy(self, job_id: str, policy: Policy, now: datetime) -> None:
        """Have a person's policy for a job."""
        self._change(job_id, replace(self._known(job_id, now), policy=policy))

    @callback
    def async_set_deadline(self, job_id: str, at: datetime | None, now: datetime) -> None:
        """Have a person's deadline for a job; with None what the job tells counts again."""
        self._change(job_id, replace(self._known(job_id, now), deadline=at))

    @callback
    def async_set_work(self, job_id: str, work_s: float, now: datetime) -> None:
        """Have a person's figure of the work left, in s; with 0 what the job tells counts again."""
        self._change(job_id, replace(self._known(job_id, now), work_s=work_s or None))

    @callback
    def async_add_listener(self, listener: Callable[[str], None]) -> CALLBACK_TYPE:
        """Call a function for each job of which something is ordered; return what ends that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def advance(self, previous: Snapshot | None, current: Snapshot, now: datetime) -> None:
        """Take in a look at the source; `previous` is the one before, if there is one.

        What a job did between the two is what it did at the first of them.
        """
        before = {job.id: job for job in previous.jobs} if previous else {}
        step_s = (current.taken_at - previous.taken_at).total_seconds() if previous else 0.0
        step_s = min(max(step_s, 0.0), _LONGEST_STEP_S)
        jobs = {job.id: job for job in current.jobs}
        orders: dict[str, Order] = {}
        for job in jobs.values():
            order = _listed(self._orders.get(job.id), before.get(job.id), job, step_s, now)
            if order is not None:
                orders[job.id] = order
        for key, order in self._orders.items():
            if key not in jobs:
                gone_since = None if not_told(key, jobs) else order.gone_since or now
                if gone_since is None or now - gone_since < _KEPT:
                    orders[key] = replace(order, gone_since=gone_since)
        orders = _bounded(orders)
        if orders != self._orders:
            self._orders = orders
            self._save(_COUNTED_S)

    def _known(self, job_id: str, now: datetime) -> Order:
        return self._orders.get(job_id) or Order(first_seen=now)

    def _change(self, job_id: str, order: Order) -> None:
        self._orders[job_id] = order
        self._save(_AT_ONCE_S)
        for listener in tuple(self._listeners):
            listener(job_id)


def _listed(
    order: Order | None, before: Job | None, job: Job, step_s: float, now: datetime
) -> Order | None:
    """Return the order of a job that is listed; None for a single job of a group that has ended."""
    ended = job.state in ENDED and not is_group(job)
    if ended and job.group is not None:
        return None
    order = replace(order, gone_since=None) if order else Order(first_seen=now, ended=ended)
    if before is not None:
        order = advance(
            order,
            step_s=step_s,
            running=before.state is JobState.RUNNING,
            waiting=before.state is JobState.PAUSED and before.paused_by_us,
        )
    if is_group(job) and not job.members:
        order = replace(order, waited_s=0.0)  # none of it waits
    if ended and not order.ended:
        return end(order)
    if order.ended and not ended and job.state is not JobState.UNKNOWN:
        order = begin_anew(order, now)
    return order if ended else hear(order, job.remaining_s)


def _bounded(orders: dict[str, Order]) -> dict[str, Order]:
    """Return the orders; if they are too many, people's, then the oldest jobs', then of the gone.

    Of those that are gone the last to go come first.
    """
    if len(orders) <= _MOST:
        return orders
    return dict(sorted(orders.items(), key=lambda item: _rank(item[1]))[:_MOST])


def _rank(order: Order) -> tuple[bool, bool, float]:
    gone = order.gone_since
    age = -gone.timestamp() if gone else order.first_seen.timestamp()
    return not order.by_person, gone is not None, age
