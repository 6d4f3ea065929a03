"""What people and the schedule asked of one source's jobs, kept up with short leases.

The agent lets a paused job run on when its lease ends. So a pause lasts as long as
Home Assistant is there to renew it, and a job is never left behind.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from .agent.models import Job, JobState, Snapshot
from .const import LOGGER
from .control.follow import FlexibleJob, Reason
from .sources import RefusedError, Source, SourceError

LEASE = timedelta(minutes=15)
_SHORTEST_LEASE = timedelta(minutes=1)
_MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A wish for one job: that it waits, or that it runs.

    It stands until `until`, or until another wish if that is None. `manual` tells a
    person's wish from the schedule's.
    """

    paused: bool
    manual: bool
    reason: str
    until: datetime | None

    def over(self, now: datetime) -> bool:
        """Return whether the wish has run its time."""
        return self.until is not None and now >= self.until

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read a hold that was stored as a JSON document."""
        until = document["until"]
        return cls(**{**document, "until": datetime.fromisoformat(until) if until else None})


class Holds:
    """The wishes for the jobs of one source, and when each job was last switched.

    `save` is called after each change; `to_json` then gives what is to be kept.
    """

    def __init__(
        self, source: Source, save: Callable[[], None], document: Mapping[str, Any] | None = None
    ) -> None:
        self._source = source
        self._save = save
        self._lock = asyncio.Lock()  # a poll must not act on a wish that a command replaces
        stored = document or {"holds": {}, "switched_at": {}}
        self._holds = {job: Hold.from_json(hold) for job, hold in stored["holds"].items()}
        self._switched_at = {
            job: datetime.fromisoformat(at) for job, at in stored["switched_at"].items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document of all wishes; moments are strings."""
        return {
            "holds": {
                job: {
                    "paused": hold.paused,
                    "manual": hold.manual,
                    "reason": hold.reason,
                    "until": hold.until.isoformat() if hold.until else None,
                }
                for job, hold in self._holds.items()
            },
            "switched_at": {job: at.isoformat() for job, at in self._switched_at.items()},
        }

    def flexible(self, job: Job, now: datetime) -> FlexibleJob:
        """Return a job as the schedule decides on it."""
        hold = self._holds.get(job.id)
        held = None
        if hold and hold.manual and not hold.over(now):
            held = Reason.MANUAL_HOLD if hold.paused else Reason.MANUAL_RUN
        return FlexibleJob(
            id=job.id,
            running=job.state is JobState.RUNNING,
            controllable=(job.state is JobState.RUNNING and job.can_pause) or job.paused_by_us,
            held=held,
            switched_at=self._switched_at.get(job.id),
        )

    async def pause(self, job_id: str, now: datetime, hold: Hold) -> Job:
        """Pause a job and keep it paused. Raises SourceError."""
        async with self._lock:
            job = await self._send(job_id, now, hold)
            self._wish(job_id, hold)
            self._switched(job_id, now)
            return job

    def prolong(self, job_id: str, until: datetime) -> None:
        """Let the schedule's wish that a job waits stand for longer."""
        hold = self._holds.get(job_id)
        if hold and hold.paused and not hold.manual:
            self._wish(job_id, replace(hold, until=until))

    async def resume(self, job_id: str, now: datetime, hold: Hold | None = None) -> Job:
        """Let a job run on. Raises SourceError; the lease then runs out by itself."""
        async with self._lock:
            return await self._resume(job_id, now, hold)

    async def release(self, now: datetime) -> None:
        """Let all jobs run on that wait because of us: nobody will look after them any more."""
        for job_id in [job_id for job_id, hold in self._holds.items() if hold.paused]:
            try:
                await self.resume(job_id, now)
            except SourceError as err:
                LOGGER.warning("Job %s waits until its lease ends: %s", job_id, err)

    async def settle(self) -> None:
        """Wait for commands under way, and write nothing down from then on."""
        async with self._lock:
            self._save = _nothing

    async def keep(self, previous: Snapshot | None, current: Snapshot, now: datetime) -> Snapshot:
        """Renew leases, end holds whose time is over; return the snapshot with the new states.

        `previous` is the snapshot of the poll just before, None if that one failed.
        """
        before = {job.id: job for job in previous.jobs} if previous else {}
        jobs = {job.id: job for job in current.jobs}
        async with self._lock:
            for job_id, hold in list(self._holds.items()):
                job = await self._keep(
                    job_id, hold, before.get(job_id), jobs.get(job_id), current.taken_at, now
                )
                if job is not None:
                    jobs[job_id] = job
        return replace(current, jobs=tuple(jobs.values()))

    async def _keep(
        self,
        job_id: str,
        hold: Hold,
        before: Job | None,
        job: Job | None,
        at: datetime,
        now: datetime,
    ) -> Job | None:
        """Do for one job what its wish needs; return the job where that changed it."""
        try:
            if job is None or job.state in (JobState.FINISHED, JobState.FAILED):
                self._wish(job_id, None)
            elif hold.over(now):
                if job.paused_by_us:
                    return await self._resume(job_id, now, None)
                self._wish(job_id, None)
            elif hold.paused and _left_to_itself(before, job, at):
                LOGGER.info("Job %s was resumed on its machine; it is left alone", job_id)
                self._wish(job_id, None)
            elif hold.paused and _lease_left(job, at) < _lease(hold, now) / 2:
                return await self._send(job_id, now, hold)
        except RefusedError as err:
            LOGGER.warning("Job %s cannot be kept paused: %s", job_id, err)
            self._wish(job_id, None)
        except SourceError as err:
            LOGGER.debug("Job %s is tried again at the next poll: %s", job_id, err)
        return None

    async def _resume(self, job_id: str, now: datetime, hold: Hold | None) -> Job:
        waited = job_id in self._holds and self._holds[job_id].paused
        self._wish(job_id, hold)
        job = await self._source.resume(job_id)
        if waited:
            self._switched(job_id, now)
        return job

    async def _send(self, job_id: str, now: datetime, hold: Hold) -> Job:
        lease_s = round(_lease(hold, now).total_seconds())
        return await self._source.pause(job_id, lease_s, hold.reason)

    def _wish(self, job_id: str, hold: Hold | None) -> None:
        if hold is None:
            self._holds.pop(job_id, None)
        else:
            self._holds[job_id] = hold
        self._save()

    def _switched(self, job_id: str, now: datetime) -> None:
        self._switched_at[job_id] = now
        self._save()


def _nothing() -> None:
    """Stand in for the writing of what another has taken over."""


def _lease(hold: Hold, now: datetime) -> timedelta:
    """Return the lease to ask for: no longer than the hold, no shorter than agents take."""
    left = LEASE if hold.until is None else min(hold.until - now, LEASE)
    return max(left, _SHORTEST_LEASE)


def _lease_left(job: Job, taken_at: datetime) -> timedelta:
    """Return what is left of a pause by the agent's own clock; none for a job that runs."""
    if not job.paused_by_us or job.lease_expires_at is None:
        return timedelta(0)
    return job.lease_expires_at - taken_at


def _left_to_itself(before: Job | None, job: Job, taken_at: datetime) -> bool:
    """Return whether somebody else ended our pause: it was ours a poll ago, its lease runs on."""
    return (
        before is not None
        and before.paused_by_us
        and before.lease_expires_at is not None
        and before.lease_expires_at > taken_at
        and not job.paused_by_us
    )
