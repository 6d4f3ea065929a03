"""All jobs of the agent: a book for each kind, and a thread for each book."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
import logging
from pathlib import Path
from typing import TypeVar

from .clock import Now
from .engines.driver import group_of
from .engines.kinds import KINDS, make_driver
from .errors import AgentError, UnknownError, UnreachableError, UsageError
from .job_config import JobConfig
from .jobs import JobBook
from .models import Job
from .state import JobRecord, State
from .state_dir import Store

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")

_TICK_S = 1.0
_PATIENCE_S = 10.0


class JobDesk:
    """Gives each command to the book that it is for. An engine that hangs delays its own jobs."""

    def __init__(self, configs: Sequence[JobConfig], books: Mapping[str, JobBook]) -> None:
        self._order = [config.id for config in configs]
        self._kind_of = {config.id: config.kind for config in configs}
        self._books = books
        self._threads = {
            kind: ThreadPoolExecutor(1, thread_name_prefix=f"{kind} jobs") for kind in books
        }
        self._turns = {kind: asyncio.Lock() for kind in books}

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs as last seen, in the order of the config."""
        found: dict[str, list[Job]] = {job_id: [] for job_id in self._order}
        for book in self._books.values():
            for job in book.jobs:
                found[job.group or job.id].append(job)
        return tuple(job for jobs in found.values() for job in jobs)

    async def start(self) -> None:
        """Take up where the last run ended."""
        await asyncio.gather(*(self._in_thread(kind, b.start) for kind, b in self._books.items()))

    async def watch(self) -> None:
        """Look after the jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for kind, book in self._books.items():
                tasks.create_task(self._watch(kind, book))

    async def stop(self) -> None:
        """Let all jobs go on."""
        await asyncio.gather(*(self._in_thread(kind, b.stop) for kind, b in self._books.items()))
        for thread in self._threads.values():
            thread.shutdown()

    async def pause(self, job_id: str, *, lease_s: float, reason: str) -> Job:
        """Pause a job, or renew its lease. Raises AgentError."""
        kind = self._kind(job_id)
        book = self._books[kind]
        return await self._command(kind, lambda: book.pause(job_id, lease_s=lease_s, reason=reason))

    async def resume(self, job_id: str) -> Job:
        """Resume a job that we paused. Raises AgentError."""
        kind = self._kind(job_id)
        book = self._books[kind]
        return await self._command(kind, lambda: book.resume(job_id))

    def _kind(self, job_id: str) -> str:
        kind = self._kind_of.get(group_of(job_id) or job_id)
        if kind is None:
            raise UnknownError(f'there is no job "{job_id}"')
        return kind

    async def _watch(self, kind: str, book: JobBook) -> None:
        failing = False
        while True:
            try:
                async with self._turns[kind]:
                    await self._in_thread(kind, book.tick)
                failing = False
            except (AgentError, OSError) as err:  # such as a clock that cannot be opened
                if not failing:
                    _LOGGER.warning("Jobs of kind %s cannot be looked after now: %s", kind, err)
                failing = True
            await asyncio.sleep(_TICK_S)

    async def _command(self, kind: str, act: Callable[[], Job]) -> Job:
        """Do something when its turn comes, in the order of asking; the ticks take turns too.

        Raises UnreachableError where that takes too long: nobody waits for it any more then.
        """
        turn = self._turns[kind]
        try:
            await asyncio.wait_for(turn.acquire(), _PATIENCE_S)
        except TimeoutError as err:
            raise UnreachableError(f"jobs of kind {kind} are busy with earlier commands") from err
        try:
            return await self._in_thread(kind, act)
        finally:
            turn.release()

    async def _in_thread(self, kind: str, act: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads[kind], act)


def make_books(
    configs: Sequence[JobConfig],
    store: Store,
    folder: Path,
    clock: Callable[[], Now],
    work_left_s: Callable[[], Mapping[str, float]],
) -> Mapping[str, JobBook]:
    """Return a book for each kind that is configured, or that has left a pause behind.

    `work_left_s` returns what jobs tell of the work left, in s of running, by their ids.
    """
    state = store.state
    memories = {key: record.memory for key, record in state.jobs.items()}
    left = {record.pause.kind for record in state.jobs.values() if record.pause is not None}
    _forget_unknown(left - KINDS.keys(), store)
    configured = {config.kind for config in configs}
    books: dict[str, JobBook] = {}
    for kind in sorted(configured | (left & KINDS.keys())):
        jobs = [config for config in configs if config.kind == kind]
        try:
            driver = make_driver(kind, jobs, memories, folder)
        except UsageError as err:
            if jobs:
                raise
            _LOGGER.warning("Jobs of kind %s that were paused cannot be resumed: %s", kind, err)
            continue
        books[kind] = JobBook(kind, jobs, driver, store, clock, work_left_s)
    return books


def _forget_unknown(kinds: set[str], store: Store) -> None:
    """Forget the pauses of kinds that a later version knew."""

    def changed(state: State) -> State:
        jobs = {
            key: JobRecord(memory=record.memory)
            if record.pause is not None and record.pause.kind in kinds
            else record
            for key, record in state.jobs.items()
        }
        return replace(state, jobs=jobs)

    if kinds:
        _LOGGER.warning("Pauses of unknown kinds are forgotten: %s", ", ".join(sorted(kinds)))
        store.update(changed)
