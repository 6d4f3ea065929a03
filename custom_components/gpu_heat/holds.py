"""What people and the schedule asked of one source's jobs, kept up with short leases.

The agent lets a paused job run on when its lease ends. So a pause lasts as long as
Home Assistant is there to renew it, and a job is never left behind.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Self
from weakref import WeakValueDictionary

from .agent.engines.driver import group_of
from .agent.models import Job, Snapshot
from .const import LOGGER
from .control.decide import MOST_SWITCHES, FlexibleJob
from .control.reasons import Reason
from .job_status import ENDED, goes_on, is_group, not_told
from .sources import RefusedError, Source, SourceError

LEASE = timedelta(minutes=15)
_SHORTEST_LEASE = timedelta(minutes=1)
_DAY = timedelta(days=1)

# The schedule decides every quarter of an hour: within this time once for sure.
_TO_DECIDE = timedelta(minutes=30)

# Commands that one source is given side by side; those for a group and its jobs come in turn.
_SIDE_BY_SIDE = 8
# What one poll renews and ends at most; the rest waits for the next, long before its lease ends.
_EACH_POLL = 60
_EACH_POLL_S = 8.0
_MOST = 1000


class _Duty(Enum):
    """What a wish needs at a poll."""

    FORGET = auto()
    LEAVE_ALONE = auto()
    END = auto()
    HAND_BACK = auto()
    RENEW = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A wish for one job: that it waits, or that it runs.

    It stands until `until`, or until another wish if that is None. `manual` tells a
    person's wish from the schedule's. A pause that `hands_back` is the schedule's
    from then on: it stands for a while more, for that to decide whether it goes on.
    """

    paused: bool
    manual: bool
    reason: str
    until: datetime | None
    hands_back: bool = False

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

    `save` is called after each change; `to_json` then gives what is to be kept. `resumed` has the
    ids of what was resumed, or tried to be, until whoever reads it clears it. `hand_hold` is for
    how long a schedule that acts by itself leaves what is resumed on its machine; None without one.
    """

    def __init__(
        self, source: Source, save: Callable[[], None], document: Mapping[str, Any] | None = None
    ) -> None:
        self._source = source
        self._save = save
        # A poll must not act on a wish that a command replaces, be it one for its group.
        self._locks = WeakValueDictionary[str, asyncio.Lock]()
        self._slots = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._settling = asyncio.Lock()
        self.resumed: set[str] = set()
        self.hand_hold: timedelta | None = None
        stored = document or {"holds": {}, "switched_at": {}}
        self._holds = {job: Hold.from_json(hold) for job, hold in stored["holds"].items()}
        self._switched_at = {
            job: [datetime.fromisoformat(at) for at in ([when] if isinstance(when, str) else when)]
            for job, when in stored["switched_at"].items()
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
                    "hands_back": hold.hands_back,
                }
                for job, hold in self._holds.items()
            },
            "switched_at": {
                job: [at.isoformat() for at in when] for job, when in self._switched_at.items()
            },
        }

    def flexible(self, job: Job, now: datetime) -> FlexibleJob:
        """Return a job as the schedule decides on it; its group's wish and switch are its own."""
        held = None
        group = group_of(job.id) or job.id
        if hold := self._by_hand(job.id, now) or self._by_hand(group, now):
            held = Reason.MANUAL_HOLD if hold.paused else Reason.MANUAL_RUN
        switched_at = [at for key in {job.id, group} for at in self._switched_at.get(key, ())]
        on = goes_on(job)
        return FlexibleJob(
            id=job.id,
            running=bool(on) and not job.paused_by_us,  # else it is about to wait
            controllable=(bool(on) and job.can_pause) or job.paused_by_us,
            held=held,
            switched_at=max(switched_at, default=None),
            switches=sum(now - at < _DAY for at in switched_at),
        )

    def by_hand(self, now: datetime) -> frozenset[str]:
        """Return the jobs and groups on which what a person wishes stands."""
        return frozenset(job_id for job_id in self._holds if self._by_hand(job_id, now))

    async def pause(self, job_id: str, now: datetime, hold: Hold) -> Job:
        """Pause a job, a group or one of its jobs, and keep it paused. Raises SourceError.

        The schedule is refused what a person has decided on since it looked.
        """
        async with self._turn(job_id):
            if not hold.manual:
                self._refuse_by_hand(job_id, now)
            if job_id not in self._holds and len(self._holds) >= _MOST:
                raise RefusedError(f"{_MOST} jobs wait one by one; pause their group instead")
            job = await self._send(job_id, now, hold)
            self._wish(job_id, hold)
            self._switched(job_id, now, by_hand=hold.manual)
            return job

    def prolong(self, job_id: str, until: datetime) -> None:
        """Let the schedule's wish that a job waits stand for longer."""
        hold = self._holds.get(job_id)
        if hold and hold.paused and not hold.manual:
            self._wish(job_id, replace(hold, until=until))

    async def resume(self, job_id: str, now: datetime, hold: Hold | None = None) -> Job:
        """Let a job run on, or a group with all its jobs. Raises SourceError.

        The lease then runs out by itself.
        """
        async with self._turn(job_id):
            return await self._resume(job_id, now, hold)

    async def let_go(self, job_id: str, now: datetime, reason: str) -> Job:
        """Have the schedule let a job run on, or a group but for what people paused alone in it.

        Raises SourceError, also where a person has decided on it since the schedule looked.
        """
        async with self._turn(job_id):
            self._refuse_by_hand(job_id, now)
            alone = [key for key, hold in self._holds.items() if _of(key, job_id) and hold.paused]
            if not any(self._by_hand(key, now) for key in alone):
                return await self._resume(job_id, now, None)
            # A resume would end people's pauses too; that of the group alone ends with its lease.
            self._wish(job_id, None)
            for key in alone:
                if not self._by_hand(key, now):
                    await self._resume(key, now, None)
            job = await self._source.pause(job_id, round(_SHORTEST_LEASE.total_seconds()), reason)
            self._switched(job_id, now)
            return job

    async def end_schedule(self, now: datetime, reason: str) -> None:
        """Let go all that waits by the schedule; where that fails, its lease ends it."""
        waiting = [key for key, hold in self._holds.items() if hold.paused and not hold.manual]
        for job_id in sorted(waiting, key=lambda key: group_of(key) is not None):
            try:
                if job_id in self._holds:  # else it went on with its group
                    await self.let_go(job_id, now, reason)
            except SourceError as err:
                LOGGER.debug("Job %s waits until its lease ends: %s", job_id, err)

    def hand_back_at(self, moment: datetime) -> None:
        """Let what people switched for good stand until then: a schedule acts from now on."""
        for job_id, hold in tuple(self._holds.items()):
            if hold.hands_back and hold.until is None:
                self._wish(job_id, replace(hold, until=moment))

    async def release(self, now: datetime) -> None:
        """Let all jobs run on that wait because of us: nobody will look after them any more."""

        async def let_go(job_id: str) -> None:
            try:
                await self.resume(job_id, now)
            except SourceError as err:
                LOGGER.warning("Job %s waits until its lease ends: %s", job_id, err)

        waiting = [job_id for job_id, hold in self._holds.items() if hold.paused]
        await asyncio.gather(*(let_go(job_id) for job_id in waiting))

    async def settle(self) -> None:
        """Wait for commands under way, and write nothing down from then on."""
        async with self._settling:  # two that each had some of the slots would wait for ever
            for _ in range(_SIDE_BY_SIDE):
                await self._slots.acquire()
            self._save = _nothing
            for _ in range(_SIDE_BY_SIDE):
                self._slots.release()

    async def keep(self, previous: Snapshot | None, current: Snapshot, now: datetime) -> Snapshot:
        """Renew leases, end holds whose time is over; return the snapshot with the new states.

        `previous` is the last snapshot before, if there is one. Those whose lease is the shortest
        come first, and what there is no time for is left to the next poll.
        """
        before = {job.id: job for job in previous.jobs} if previous else {}
        jobs = {job.id: job for job in current.jobs}
        at = current.taken_at
        same_run = previous is not None and previous.agent.started_at == current.agent.started_at
        by_hand = self._resumed_by_hand(now) if same_run else None  # else the agent ended it
        small: list[tuple[str, Hold, _Duty]] = []
        commands: list[tuple[str, Hold, _Duty]] = []
        for job_id, hold in self._holds.items():
            if not_told(job_id, jobs):
                continue
            duty = _duty(hold, before.get(job_id), jobs.get(job_id), at, now)
            if duty is _Duty.END and (
                self._waits_with_its_group(job_id, now) or self._has_paused_alone(job_id)
            ):
                duty = _Duty.FORGET  # its lease ends with the wish
            if duty is not None:
                rows = small if duty in {_Duty.FORGET, _Duty.LEAVE_ALONE} else commands
                rows.append((job_id, hold, duty))
        commands.sort(key=lambda row: _lease_left(jobs[row[0]], at))
        until = asyncio.get_running_loop().time() + _EACH_POLL_S
        changed = await asyncio.gather(
            *(self._keep(*row, now, until, by_hand) for row in (*small, *commands[:_EACH_POLL]))
        )
        self._forget_switched(jobs)
        jobs |= {job.id: job for job in changed if job is not None}
        return replace(current, jobs=tuple(jobs.values()))

    async def _keep(
        self,
        job_id: str,
        hold: Hold,
        duty: _Duty,
        now: datetime,
        until: float,
        by_hand: Hold | None,
    ) -> Job | None:
        """Do for one job what its wish needs; return the job where that changed it.

        `by_hand` takes the place of a wish that was ended on the machine.
        """
        async with self._turn(job_id):
            late = asyncio.get_running_loop().time() > until
            if late or self._holds.get(job_id) is not hold:
                return None
            try:
                match duty:
                    case _Duty.RENEW:
                        return await self._send(job_id, now, hold)
                    case _Duty.HAND_BACK:
                        until_decided = now + _TO_DECIDE
                        hold = replace(hold, manual=False, until=until_decided, hands_back=False)
                        job = await self._send(job_id, now, hold)
                        self._wish(job_id, hold)
                        return job
                    case _Duty.END:
                        return await self._resume(job_id, now, None)
                    case _Duty.LEAVE_ALONE:
                        LOGGER.info("Job %s was resumed on its machine; it is left alone", job_id)
                        self._wish(job_id, by_hand)
                        return None
                self._wish(job_id, None)
            except RefusedError as err:
                LOGGER.warning("Job %s cannot be kept paused: %s", job_id, err)
                self._wish(job_id, None)
            except SourceError as err:
                LOGGER.debug("Job %s is tried again at the next poll: %s", job_id, err)
            return None

    def _resumed_by_hand(self, now: datetime) -> Hold | None:
        if self.hand_hold is None:
            return None
        return Hold(paused=False, manual=True, reason="manual", until=now + self.hand_hold)

    def _waits_with_its_group(self, job_id: str, now: datetime) -> bool:
        hold = self._holds.get(group_of(job_id) or "")
        return hold is not None and hold.paused and not hold.over(now)

    def _has_paused_alone(self, group_id: str) -> bool:
        return any(hold.paused and _of(key, group_id) for key, hold in self._holds.items())

    def _by_hand(self, job_id: str, now: datetime) -> Hold | None:
        """Return what a person wishes for a job, if that stands."""
        hold = self._holds.get(job_id)
        return hold if hold and hold.manual and not hold.over(now) else None

    def _refuse_by_hand(self, job_id: str, now: datetime) -> None:
        if self._by_hand(job_id, now):
            raise RefusedError("a person has decided on it meanwhile")

    @asynccontextmanager
    async def _turn(self, job_id: str) -> AsyncGenerator[None]:
        """Wait until nothing else is done to a job, its group or the group's other jobs."""
        key = group_of(job_id) or job_id
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock, self._slots:
            yield

    async def _resume(self, job_id: str, now: datetime, hold: Hold | None) -> Job:
        own = self._holds.get(job_id)
        waited = own.paused if own else self._waits_with_its_group(job_id, now)
        for key in [key for key in self._holds if _of(key, job_id)]:
            self._wish(key, None)  # they go on with their group
        self._wish(job_id, hold)
        self.resumed.add(job_id)
        job = await self._source.resume(job_id)
        if waited:
            self._switched(job_id, now, by_hand=hold is not None and hold.manual)
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

    def _switched(self, job_id: str, now: datetime, *, by_hand: bool = False) -> None:
        """Note when a job was switched. From what a person does it is counted anew."""
        before = () if by_hand else self._switched_at.get(job_id, ())
        self._switched_at[job_id] = [*before, now][-MOST_SWITCHES:]
        self._save()

    def _forget_switched(self, jobs: Mapping[str, Job]) -> None:
        """Forget when jobs were switched that there are no longer."""
        gone = [key for key in self._switched_at if key not in jobs and not not_told(key, jobs)]
        for key in gone:
            del self._switched_at[key]
        if gone:
            self._save()


def _of(job_id: str, group_id: str) -> bool:
    """Return whether a job is one of a group's."""
    return group_of(job_id) == group_id


def _nothing() -> None:
    """Stand in for the writing of what another has taken over."""


def _duty(
    hold: Hold, before: Job | None, job: Job | None, at: datetime, now: datetime
) -> _Duty | None:
    """Return what a wish needs; `at` is now by the clock of the job's source."""
    if job is None or (job.state in ENDED and not is_group(job)):
        return _Duty.FORGET
    if hold.over(now):
        if not (hold.paused and job.paused_by_us):
            return _Duty.FORGET
        return _Duty.HAND_BACK if hold.hands_back else _Duty.END
    if not hold.paused:
        return None
    if _left_to_itself(before, job, at):
        return _Duty.LEAVE_ALONE
    return _Duty.RENEW if _lease_left(job, at) < _lease(hold, now) / 2 else None


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
    """Return whether somebody else ended our pause: it was ours, and its lease runs on."""
    return (
        before is not None
        and before.paused_by_us
        and before.lease_expires_at is not None
        and before.lease_expires_at > taken_at
        and not job.paused_by_us
    )
