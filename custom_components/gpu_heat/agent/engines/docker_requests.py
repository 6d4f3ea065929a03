"""Requests to engines that outlast a call of the driver: none is cut off half-way."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass

from ..errors import AgentError
from .docker_api import RefusedError
from .docker_plan import Outcome

_NOTHING_DONE = frozenset({304, 400, 401, 403, 404, 405, 409})
"""Answers that say that an engine did nothing; after 500 it may have."""

ALREADY_PAUSED = "already paused"
_SAY_NOTHING_DONE = (ALREADY_PAUSED, "is not running", "no such container")
"""What Podman says with a 500 instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a request ended; without an error it did what it was to."""

    error: AgentError | None = None

    @property
    def outcome(self) -> Outcome:
        """What that says of the container."""
        if self.error is None:
            return Outcome.DONE
        refused = isinstance(self.error, RefusedError) and (
            self.error.status in _NOTHING_DONE
            or any(text in str(self.error).lower() for text in _SAY_NOTHING_DONE)
        )
        return Outcome.REFUSED if refused else Outcome.DOUBT


class Requests:
    """Requests by the token of their plan. They go on whenever the driver's loop runs."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Ended]] = {}

    def send(self, token: str, request: Coroutine[object, object, None]) -> None:
        """Begin a request; one that is under way already is waited for instead."""
        task = self._tasks.get(token)
        if task is not None and not task.done():
            request.close()
        else:
            self._tasks[token] = asyncio.create_task(_to_end(request))

    async def wait(self, tokens: Collection[str], timeout_s: float) -> Mapping[str, Ended]:
        """Wait for requests, at most for `timeout_s`; return those that have ended."""
        if tasks := [self._tasks[token] for token in tokens if token in self._tasks]:
            await asyncio.wait(tasks, timeout=timeout_s)
        return {token: end for token in tokens if (end := self.ended(token)) is not None}

    def ended(self, token: str) -> Ended | None:
        """Return how a request ended, None if it has not or is not known."""
        task = self._tasks.get(token)
        return task.result() if task is not None and task.done() else None

    def outcome(self, token: str) -> Outcome:
        """Return what is known of a request."""
        if token not in self._tasks:
            return Outcome.UNKNOWN
        end = self.ended(token)
        return Outcome.PENDING if end is None else end.outcome

    def forget(self, token: str) -> None:
        """Forget a request that has ended."""
        self._tasks.pop(token, None)

    def keep(self, tokens: Collection[str]) -> None:
        """Forget the requests that have ended, but for these."""
        for token in [it for it, task in self._tasks.items() if task.done()]:
            if token not in tokens:
                self.forget(token)

    async def close(self, timeout_s: float) -> None:
        """Wait for what is under way, at most for `timeout_s`, and cut off the rest."""
        await self.wait(tuple(self._tasks), timeout_s)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def _to_end(request: Coroutine[object, object, None]) -> Ended:
    try:
        await request
    except AgentError as err:
        return Ended(error=err)
    return Ended()
