"""Jobs of a Kubernetes cluster: Jobs that are suspended, Kueue's Workloads and its queues."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
import logging
from pathlib import Path
from typing import Any, TypeVar
import uuid

from ..errors import AgentError, ConflictError, UnreachableError
from ..job_config import JobConfig
from ..models import JobState
from ..state import JsonObject
from .driver import Failures, JobDriver, JobView, group_of, member_key
from .kubernetes_access import Access
from .kubernetes_client import Cluster, GoneError, SilentError
from .kubernetes_job import Job
from .kubernetes_objects import Gate, Look, Thing
from .kubernetes_pause import Pauser, Plan, plan_from_json
from .kubernetes_spec import KubernetesSpec, read_spec

__all__ = ["KubernetesDriver", "make_driver", "read_spec"]

_LOGGER = logging.getLogger(__name__)

_T = TypeVar("_T")

_AT_ONCE = 8
_NOT_KNOWN = JobView(state=JobState.UNKNOWN, can_pause=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a pause is planned from."""

    name: str
    uid: str
    gate: Gate
    token: str | None
    obstacle: str | None

    @classmethod
    def of(cls, thing: Thing) -> "_Seen":
        return cls(
            name=thing.metadata.name,
            uid=thing.metadata.uid,
            gate=thing.gate,
            token=thing.metadata.token,
            obstacle=thing.obstacle,
        )


class KubernetesDriver(JobDriver):
    """Objects that the config names, and those that its label selectors fit."""

    interval_s = 5.0

    def __init__(self, specs: Mapping[str, KubernetesSpec]) -> None:
        self._specs = specs
        self._runner: asyncio.Runner | None = None
        self._clusters: dict[Access, Cluster] = {}
        self._pauser = Pauser()
        self._seen: dict[str, _Seen] = {}
        self._done: dict[str, int] = {}
        self._said: dict[str, str] = {}

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        """Return every object's state.

        What cannot be read while the rest can is UNKNOWN; a group of which nothing is known
        makes all of it fail, as no answer for it would say that it has no jobs.
        """
        return self._run(self._observe(ours)) if self._specs else {}

    def plan_pause(self, key: str, previous: JsonObject, *, free: bool = False) -> JsonObject:
        """Return which object it is and what its field was; nothing for a whole group."""
        group_id = group_of(key)
        spec = self._specs[group_id or key]
        if spec.group and group_id is None:
            return {}
        seen = self._seen.get(key)
        if seen is None:
            raise ConflictError(f'the {spec.kind.title} of job "{key}" is gone')
        before = plan_from_json(previous)
        token = before.token if before is not None and before.uid == seen.uid else None
        if seen.obstacle is not None:
            raise ConflictError(f'{spec.kind.title} "{seen.name}" {seen.obstacle}')
        if seen.gate != spec.kind.open:
            if token is None or seen.token != token:
                raise ConflictError(f'{spec.kind.title} "{seen.name}" was stopped by someone else')
            return previous
        plan = Plan(
            kind=spec.kind,
            access=spec.access,
            namespace=spec.namespace,
            name=seen.name,
            uid=seen.uid,
            found=spec.kind.open,
            closed=spec.freeing if free else spec.closed,
            token=token or uuid.uuid4().hex,
        )
        return plan.to_json()

    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Suspend Jobs, deactivate Workloads, stop queues."""
        return self._run(self._each(undo, self._pauser.pause))

    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Undo that where it is still as we left it."""
        return self._run(self._each(undo, self._pauser.resume))

    def close(self) -> None:
        """Let go of all connections."""
        if self._runner is not None:
            try:
                self._runner.run(self._close())
            finally:
                self._runner.close()
                self._runner = None

    async def _close(self) -> None:
        for cluster in self._clusters.values():
            await cluster.close()
        self._clusters.clear()

    async def _observe(self, ours: Mapping[str, JsonObject]) -> dict[str, JobView]:
        await self._renew()
        answers = await asyncio.gather(*(self._read(spec) for spec in self._specs.values()))
        errors = [answer for answer in answers if isinstance(answer, AgentError)]
        if len(errors) == len(answers):
            raise UnreachableError(str(errors[0])) from errors[0]
        now = datetime.now(UTC)
        views: dict[str, JobView] = {}
        seen: dict[str, _Seen] = {}
        done: dict[str, int] = {}
        for (job_id, spec), answer in zip(self._specs.items(), answers, strict=True):
            if isinstance(answer, AgentError):
                self._say(job_id, str(answer))
                for key in self._known(job_id, spec, ours, answer):
                    views[key] = _NOT_KNOWN
                    if (before := self._seen.get(key)) is not None:
                        seen[key] = before
                        done |= self._done_before(before.uid)
                continue
            self._say(job_id, _obstacles(spec, answer))
            if not spec.group:
                views[job_id] = _NOT_KNOWN
            for thing in answer:
                key = member_key(job_id, thing.metadata.name) if spec.group else job_id
                view = thing.view(self._look(thing, ours.get(key), now))
                views[key] = replace(view, name=thing.metadata.name) if spec.group else view
                seen[key] = _Seen.of(thing)
                done |= self._completions(thing, view)
        self._seen, self._done = seen, done
        return views

    async def _read(self, spec: KubernetesSpec) -> list[Thing] | AgentError:
        """Return the objects of one config, or why they cannot be read."""
        cluster = self._cluster(spec.access)
        try:
            if spec.selector is not None:
                return await cluster.list(spec.kind, spec.namespace, spec.selector)
            return [await cluster.get(spec.kind, spec.namespace, spec.name or "")]
        except GoneError:
            return []
        except AgentError as err:
            return err

    def _known(
        self, job_id: str, spec: KubernetesSpec, ours: Mapping[str, JsonObject], err: AgentError
    ) -> list[str]:
        """Return the keys of a config that cannot be read. Raises UnreachableError if none."""
        if not spec.group:
            return [job_id]
        known = [key for key in {**self._seen, **ours} if group_of(key) == job_id]
        if not known:
            raise UnreachableError(str(err)) from err
        return known

    def _look(self, thing: Thing, undo: JsonObject | None, now: datetime) -> Look:
        plan = None if undo is None else plan_from_json(undo)
        return Look(
            now=now,
            ours=plan is not None and plan.holds(thing),
            done_before=self._done.get(thing.metadata.uid),
        )

    def _completions(self, thing: Thing, view: JobView) -> dict[str, int]:
        """Return what a Job had done when it was last seen suspended, by its uid."""
        if not isinstance(thing, Job):
            return {}
        uid = thing.metadata.uid
        if view.state is JobState.PAUSED:
            return {uid: thing.status.succeeded}
        return self._done_before(uid)

    def _done_before(self, uid: str) -> dict[str, int]:
        return {uid: self._done[uid]} if uid in self._done else {}

    async def _each(
        self, undo: Mapping[str, JsonObject], act: Callable[[Cluster, Plan], Awaitable[None]]
    ) -> Failures:
        """Carry out plans, some at once; a cluster that has fallen silent is not asked again."""
        await self._renew()
        failures: dict[str, AgentError] = {}
        silent: dict[Access, SilentError] = {}
        slots = asyncio.Semaphore(_AT_ONCE)

        async def carry_out(key: str, plan: Plan) -> None:
            async with slots:
                try:
                    if plan.access in silent:
                        raise silent[plan.access]
                    await act(self._cluster(plan.access), plan)
                except SilentError as err:
                    silent[plan.access] = err
                    failures[key] = err
                except AgentError as err:
                    failures[key] = err

        plans = {key: plan_from_json(document) for key, document in undo.items()}
        await asyncio.gather(
            *(carry_out(key, plan) for key, plan in plans.items() if plan is not None)
        )
        return failures

    async def _renew(self) -> None:
        for cluster in self._clusters.values():
            await cluster.renew()

    def _cluster(self, access: Access) -> Cluster:
        if access not in self._clusters:
            self._clusters[access] = Cluster(access)
        return self._clusters[access]

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(work)

    def _say(self, job_id: str, trouble: str | None) -> None:
        """Log what is wrong with a job once, until it is another thing."""
        if trouble is not None and self._said.get(job_id) != trouble:
            _LOGGER.warning("Job %s: %s", job_id, trouble)
        if trouble is None:
            self._said.pop(job_id, None)
        else:
            self._said[job_id] = trouble


def make_driver(
    jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
) -> JobDriver:
    """Return the driver of these jobs."""
    return KubernetesDriver(
        {job.id: job.spec for job in jobs if isinstance(job.spec, KubernetesSpec)}
    )


def _obstacles(spec: KubernetesSpec, things: Sequence[Thing]) -> str | None:
    """Return what keeps objects from being paused from here."""
    blocked = [thing for thing in things if thing.obstacle is not None]
    if not blocked:
        return None
    more = f" (and {len(blocked) - 1} more)" if len(blocked) > 1 else ""
    return f'{spec.kind.title} "{blocked[0].metadata.name}"{more} {blocked[0].obstacle}'
