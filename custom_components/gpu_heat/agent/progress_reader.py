"""Looking at the progress that jobs write, to tell how long they still have to run."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
import logging
import os
from pathlib import Path
import stat

import aiohttp

from .clock import Now
from .errors import UnreachableError
from .fetch import Request, fetch, open_session
from .job_config import JobConfig, Progress
from .models import Job, JobState
from .progress import ProgressMeter, parse_progress

_LOGGER = logging.getLogger(__name__)

INTERVAL_S = 10.0
TIME_LIMIT_S = 2.0
STALE_S = 60.0

_MAX_FILE_BYTES = 64
_MAX_URL_BYTES = 1024
_PATIENCE_S = 3.0
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_OVER = frozenset({JobState.FINISHED, JobState.FAILED})


class ProgressReader:
    """Reads in a thread of its own, as a file may lie on a disk that hangs."""

    def __init__(self, configs: Sequence[JobConfig], clock: Callable[[], Now]) -> None:
        self._sources = {c.id: c.progress for c in configs if c.progress is not None}
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="progress")
        self._meters = {job_id: ProgressMeter() for job_id in self._sources}
        self._left_over: dict[str, float] = {}
        self._runner: asyncio.Runner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._silent: set[str] = set()
        self._found: tuple[float, Mapping[str, float]] = (float("-inf"), {})

    def remaining_s(self) -> Mapping[str, float]:
        """Return the running time left in s of the jobs of which it is known; for any thread."""
        at_s, found = self._found
        return found if self._clock().steady_s - at_s <= STALE_S else {}

    async def run(self, jobs: Callable[[], Sequence[Job]]) -> None:
        """Look every ten seconds until cancelled; `jobs` tells which of them run."""
        if not self._sources:
            await asyncio.Event().wait()
        failing = False
        while True:
            states = {job.id: job.state for job in jobs()}
            try:
                await self._in_thread(partial(self.look, states))
                failing = False
            except OSError as err:  # such as no file descriptor left
                if not failing:
                    _LOGGER.warning("The progress of jobs cannot be read now: %s", err)
                failing = True
            await asyncio.sleep(INTERVAL_S)

    async def close(self) -> None:
        """Look no more; a look that hangs is left to itself."""
        done = asyncio.ensure_future(self._in_thread(self._close))
        _, hanging = await asyncio.wait({done}, timeout=_PATIENCE_S)
        self._thread.shutdown(wait=not hanging, cancel_futures=True)

    def look(self, states: Mapping[str, JobState]) -> None:
        """Look at all sources once; blocks, and is called by one thread only."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        found = self._runner.run(self._read_all())
        now_s = self._clock().steady_s
        for job_id, done in found.items():
            self._take(job_id, states.get(job_id, JobState.UNKNOWN), done, now_s)
        self._found = (
            now_s,
            {
                job_id: left_s
                for job_id, meter in self._meters.items()
                if (left_s := meter.remaining_s) is not None
            },
        )

    def _take(self, job_id: str, state: JobState, done: float | None, now_s: float) -> None:
        """Have one job's meter take what was read.

        What a job that has ended left behind says nothing of its next run.
        """
        if state in _OVER:
            self._meters[job_id] = ProgressMeter()
            if done is not None:
                self._left_over[job_id] = done
            return
        if done is not None and done == self._left_over.get(job_id):
            done = None
        elif done is not None:
            self._left_over.pop(job_id, None)
        self._meters[job_id].feed(now_s, running=state is JobState.RUNNING, done=done)

    async def _read_all(self) -> dict[str, float | None]:
        values = await asyncio.gather(*(self._read(*item) for item in self._sources.items()))
        return dict(zip(self._sources, values, strict=True))

    async def _read(self, job_id: str, source: Progress) -> float | None:
        try:
            if source.file is not None:
                text = read_file(source.file)
            else:
                text = await self._read_url(source.url or "")
            why = ""
        except (OSError, UnreachableError) as err:
            text, why = b"", getattr(err, "strerror", None) or str(err)
        done = parse_progress(text)
        if done is None and job_id not in self._silent:
            _LOGGER.info("Job %s: its progress is not known: %s", job_id, why or "no number 0 to 1")
            self._silent.add(job_id)
        elif done is not None:
            self._silent.discard(job_id)
        return done

    async def _read_url(self, url: str) -> bytes:
        if self._session is None:
            self._session = open_session(TIME_LIMIT_S)
        answer = await fetch(self._session, Request(url=url), max_bytes=_MAX_URL_BYTES)
        if answer.status != 200 or not answer.whole:
            raise UnreachableError(f"an answer with status {answer.status}, or too long")
        return answer.body

    def _close(self) -> None:
        if self._runner is not None:
            if self._session is not None:
                self._runner.run(self._session.close())
            self._runner.close()

    async def _in_thread(self, act: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, act)


def read_file(path: Path) -> bytes:
    """Return a small file. Raises OSError, also for one that is too long or no file at all."""
    descriptor = os.open(path, _FLAGS)  # which does not wait for a pipe's other end
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a file")
        text = os.read(descriptor, _MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(text) > _MAX_FILE_BYTES:
        raise OSError(f"{path} is longer than {_MAX_FILE_BYTES} bytes")
    return text
