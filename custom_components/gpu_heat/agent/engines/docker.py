"""Jobs that are containers of Docker or Podman: frozen, or stopped and started again."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
import logging
from pathlib import Path
from signal import Signals
import time
from typing import TypeVar
import uuid

from ..errors import AgentError, ConflictError, UnreachableError
from ..job_config import JobConfig
from ..state import JsonObject
from .docker_api import NOT_MODIFIED, RefusedError
from .docker_container import RUNNING, Container, Details
from .docker_engine import PATIENCE_S, Engine, Ours
from .docker_own import own_ids
from .docker_plan import Outcome, Plan, Step, read_plan
from .docker_requests import ALREADY_PAUSED, Requests
from .docker_spec import DockerSpec, Verb, read_spec
from .driver import Failures, JobDriver, JobView, group_of

__all__ = ["DockerDriver", "make_driver", "read_spec"]

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")

_STOP_PATIENCE_S = 2.0
"""How long a call waits for containers to stop, in s: it is told at once of those that did not."""

_LONGEST_S = 60.0
"""When a request that the engine does not answer is given up, in s; stopping takes longer."""

_AT_THE_END_S = 10.0
"""How long the agent's end waits for what it has asked engines for, in s."""


class DockerDriver(JobDriver):
    """Containers and groups of containers, of one engine or several."""

    interval_s = 2.0
    ends_with_boot = True

    def __init__(
        self,
        specs: Mapping[str, DockerSpec],
        own: Collection[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take the jobs, what the agent's own container is known by, and a clock as time.time."""
        self._specs = specs
        self._own = own
        self._now = now
        self._runner: asyncio.Runner | None = None
        self._engines: dict[Path, Engine] = {}
        self._pausing = Requests()
        self._undoing = Requests()

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        """Return all views; with several engines, a silent one's jobs are unknown."""
        return self._run(self._observe(ours)) if self._specs else {}

    def plan_pause(self, key: str, previous: JsonObject, *, free: bool = False) -> JsonObject:
        """Return which run of which container is paused, and how; nothing for a group."""
        spec = self._specs[group_of(key) or key]
        if spec.group and group_of(key) is None:
            return {}
        verb = Verb.STOP if free else spec.verb
        plan = self._run(self._plan(key, spec, verb, read_plan(previous)))
        return plan.to_json()

    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Pause containers; one that takes its time to stop is not waited for."""
        return self._run(self._pause(_plans(undo)))

    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Unpause or start those runs of containers that we paused."""
        return self._run(self._resume(_plans(undo)))

    def signal(self, key: str, signum: Signals) -> None:
        """Send a signal to a container's first process, if the container runs."""
        self._run(self._signal(key, signum))

    def close(self) -> None:
        """Wait a while for what engines have yet to answer, and close all connections."""
        if self._runner is not None:
            self._run(self._close())
            self._runner.close()
            self._runner = None

    async def _observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        held = {key: self._ours(plan) for key, plan in _plans(ours).items()}
        self._pausing.keep({it.plan.token for it in held.values()})
        engines = [self._engine(path) for path in {spec.socket for spec in self._specs.values()}]
        answers = await asyncio.gather(
            *(engine.views(held) for engine in engines), return_exceptions=True
        )
        views: dict[str, JobView] = {}
        silent: list[UnreachableError] = []
        for engine, answer in zip(engines, answers, strict=True):
            if isinstance(answer, UnreachableError):
                silent.append(answer)
                views |= engine.unknown(held)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                views |= answer
        if len(silent) == len(engines):
            raise silent[0]
        return views

    def _ours(self, plan: Plan) -> Ours:
        end = self._pausing.ended(plan.token)
        return Ours(
            plan=plan,
            outcome=self._pausing.outcome(plan.token),
            error=None if end is None else end.error,
        )

    async def _plan(self, key: str, spec: DockerSpec, verb: Verb, previous: Plan | None) -> Plan:
        container, details = await self._running(key, spec)
        if verb is Verb.STOP and details.auto_remove:
            raise ConflictError(
                f'container "{container.name}" would be removed when it stops; run it without --rm'
            )
        now_s = self._now()
        again = previous is not None and previous.verb is verb and previous.of(details)
        return Plan(
            verb=verb,
            socket=spec.socket,
            id=details.id,
            started_at=details.started_at,
            name=container.name,
            token=uuid.uuid4().hex,
            first_asked_at_s=previous.first_asked_at_s if previous and again else now_s,
            asked_at_s=now_s,
            stop_timeout_s=spec.stop_timeout_s,
            again=again,
        )

    async def _running(self, key: str, spec: DockerSpec) -> tuple[Container, Details]:
        """Return a job's container, which runs and is not the agent's. Raises ConflictError."""
        engine = self._engine(spec.socket)
        container = engine.found(key)
        details = None if container is None else await _within(engine, container.id)
        if container is None or details is None:
            raise ConflictError(f'the container of job "{key}" is gone')
        if engine.is_own(container):
            raise ConflictError(f'container "{container.name}" is the one that the agent runs in')
        if details.state != RUNNING:
            raise ConflictError(f'container "{container.name}" is {details.state}')
        return container, details

    async def _pause(self, plans: Mapping[str, Plan]) -> Failures:
        for plan in plans.values():
            self._pausing.send(plan.token, self._ask_to_pause(plan))
        await self._wait_for(plans, Verb.PAUSE, PATIENCE_S)
        await self._wait_for(plans, Verb.STOP, _STOP_PATIENCE_S)
        failures: dict[str, AgentError] = {}
        for key, plan in plans.items():
            end = self._pausing.ended(plan.token)
            if end is None:
                if plan.verb is Verb.PAUSE:
                    failures[key] = self._engine(plan.socket).silent()
            elif end.error is not None and plan.again and _was_so(end.error):
                self._pausing.forget(plan.token)  # it was the earlier run of the agent
            elif end.error is not None:
                failures[key] = end.error
        return failures

    async def _wait_for(self, plans: Mapping[str, Plan], verb: Verb, timeout_s: float) -> None:
        tokens = [plan.token for plan in plans.values() if plan.verb is verb]
        await self._pausing.wait(tokens, timeout_s)

    async def _ask_to_pause(self, plan: Plan) -> None:
        api = self._engine(plan.socket).api
        stopping = plan.verb is Verb.STOP
        query = {"t": str(plan.stop_timeout_s)} if stopping else {}
        limit_s = _LONGEST_S + (plan.stop_timeout_s if stopping else 0.0)
        try:
            async with asyncio.timeout(limit_s):
                done = await api.post(plan.id, plan.verb.value, query)
        except TimeoutError as err:
            raise UnreachableError(f"the engine did not {plan.verb} it in {limit_s:g} s") from err
        except RefusedError as err:
            text = f'container "{plan.name}" cannot be paused: {err}'
            raise RefusedError(err.status, text) from err
        if not done:
            text = f'container "{plan.name}" had ended before it could be stopped'
            raise RefusedError(NOT_MODIFIED, text)

    async def _resume(self, plans: Mapping[str, Plan]) -> Failures:
        for plan in plans.values():
            self._undoing.send(plan.token, self._undo(plan))
        ends = await self._undoing.wait([plan.token for plan in plans.values()], PATIENCE_S)
        failures: dict[str, AgentError] = {}
        for key, plan in plans.items():
            end = ends.get(plan.token)
            if end is None:
                failures[key] = self._not_yet(plan)
                continue
            self._undoing.forget(plan.token)
            if end.error is not None:
                failures[key] = end.error
        return failures

    def _not_yet(self, plan: Plan) -> UnreachableError:
        if plan.verb is Verb.STOP and self._pausing.outcome(plan.token) is Outcome.PENDING:
            return UnreachableError(
                f'container "{plan.name}" is still stopping; it is started as soon as it has'
            )
        return self._engine(plan.socket).silent()

    async def _undo(self, plan: Plan) -> None:
        """Undo one pause, once the engine has said what became of it."""
        await self._pausing.wait([plan.token], _LONGEST_S + plan.stop_timeout_s)
        outcome, engine = self._pausing.outcome(plan.token), self._engine(plan.socket)
        if outcome is Outcome.REFUSED:
            return
        try:
            async with asyncio.timeout(_LONGEST_S):
                await self._step(engine, plan, outcome)
        except TimeoutError as err:
            raise engine.silent() from err

    async def _step(self, engine: Engine, plan: Plan, outcome: Outcome) -> None:
        step = await self._next_step(engine, plan, outcome)
        if step is Step.WAIT:
            raise UnreachableError(f'container "{plan.name}" may still be stopping')
        if step is Step.NOTHING:
            return
        try:
            await engine.api.post(plan.id, step.value, {})
        except RefusedError as err:
            if await self._next_step(engine, plan, outcome) is not Step.NOTHING:
                raise ConflictError(
                    f'container "{plan.name}" cannot be resumed: {err}; {step} it by hand'
                ) from err
        else:
            _LOGGER.info("Container %s: %s", plan.name, step)

    async def _next_step(self, engine: Engine, plan: Plan, outcome: Outcome) -> Step:
        details = await engine.api.inspect(plan.id)
        return Step.NOTHING if details is None else plan.step(details, outcome, self._now())

    async def _signal(self, key: str, signum: Signals) -> None:
        spec = self._specs[group_of(key) or key]
        container, details = await self._running(key, spec)  # a signal would unpause it
        engine = self._engine(spec.socket)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await engine.api.post(details.id, "kill", {"signal": signum.name})
        except TimeoutError as err:
            raise engine.silent() from err
        except RefusedError as err:
            raise ConflictError(f'container "{container.name}" takes no signal: {err}') from err

    async def _close(self) -> None:
        await self._undoing.close(_AT_THE_END_S)
        await self._pausing.close(0.0)
        await asyncio.gather(*(engine.api.close() for engine in self._engines.values()))

    def _engine(self, socket: Path) -> Engine:
        """Return the engine of a socket; of a job that is no longer configured it is new."""
        if socket not in self._engines:
            specs = {it: spec for it, spec in self._specs.items() if spec.socket == socket}
            self._engines[socket] = Engine(socket, specs, self._own)
        return self._engines[socket]

    def _run(self, work: Coroutine[object, object, _T]) -> _T:
        """Run the driver's own loop until the work is done; requests under way go on with it."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(work)


def make_driver(
    jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
) -> JobDriver:
    """Return the driver of these jobs."""
    specs = {job.id: job.spec for job in jobs if isinstance(job.spec, DockerSpec)}
    return DockerDriver(specs, own_ids())


def _plans(undo: Mapping[str, JsonObject]) -> dict[str, Plan]:
    """Read the plans that stop something; a group's own does not."""
    plans = ((key, read_plan(document)) for key, document in undo.items())
    return {key: plan for key, plan in plans if plan is not None}


def _was_so(error: AgentError) -> bool:
    """Return whether a container was paused already, or had ended."""
    return ALREADY_PAUSED in str(error) or (
        isinstance(error, RefusedError) and error.status == NOT_MODIFIED
    )


async def _within(engine: Engine, container_id: str) -> Details | None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await engine.api.inspect(container_id)
    except TimeoutError as err:
        raise engine.silent() from err
