"""One container engine, and what its containers that the config lists are doing."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
import re
import time

from ..errors import AgentError, UnreachableError
from ..models import JobState
from .docker_api import Api
from .docker_container import ENDED, RUNNING, Container, Details, job_state
from .docker_own import is_own
from .docker_plan import Outcome, Plan
from .docker_spec import DockerSpec, Verb
from .driver import STANDS_STILL, STARTS_ANEW, JobView, group_of, member_key

_FRESH_S = 60.0
"""How long it is believed how a container has ended, in s; it is asked anew once it has run."""

_MAX_INSPECTED = 32
"""How many containers are looked into at one look; the others wait for the next."""

PATIENCE_S = 5.0
"""How long an engine may take to answer, in s."""

_LOOK_INTO_S = 2.0
"""How long a look waits for how containers have ended, in s."""

EFFECTS = {Verb.PAUSE: STANDS_STILL, Verb.STOP: STARTS_ANEW}

_NOT_KNOWN = JobView(state=JobState.UNKNOWN, can_pause=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """A pause of ours that holds: its plan, what is known of its request, and what it failed of."""

    plan: Plan
    outcome: Outcome
    error: AgentError | None = None


class Engine:
    """The jobs of one socket. All calls but `found` raise UnreachableError."""

    def __init__(self, socket: Path, specs: Mapping[str, DockerSpec], own: Collection[str]) -> None:
        """Take the jobs by their ids, and what the id of the agent's own container begins with."""
        self.socket = socket
        self.api = Api(socket)
        self._specs = specs
        self._own = own
        self._found: dict[str, Container] = {}
        self._ends: dict[str, tuple[Details, float]] = {}

    def found(self, key: str) -> Container | None:
        """Return a job's container as last seen."""
        return self._found.get(key)

    def is_own(self, container: Container) -> bool:
        """Return whether the agent itself runs in it."""
        return is_own(container.id, self._own)

    async def views(self, ours: Mapping[str, Ours]) -> dict[str, JobView]:
        """Return the views of all jobs: from one list, and a look at what has ended."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                rows = await self.api.containers(list_filters(self._specs))
        except TimeoutError as err:
            raise self.silent() from err
        self._found = self._matched(rows)
        await self._look_into_ended(ours)
        views = {key: self._view(key, row, ours.get(key)) for key, row in self._found.items()}
        return {**self._missing(ours), **{k: view for k, view in views.items() if view is not None}}

    def unknown(self, ours: Mapping[str, Ours]) -> dict[str, JobView]:
        """Return what is left to say while the engine is silent: the jobs that there were."""
        singles = {job_id for job_id, spec in self._specs.items() if not spec.group}
        members = {key for key in ours if group_of(key) in self._specs}
        return dict.fromkeys(singles | members | self._found.keys(), _NOT_KNOWN)

    def silent(self) -> UnreachableError:
        """Return the error of an engine that takes too long."""
        return UnreachableError(
            f"the container engine at {self.socket} does not answer within {PATIENCE_S:g} s"
        )

    def _matched(self, rows: Collection[Container]) -> dict[str, Container]:
        """Return the listed containers by their jobs' keys; a group leaves the agent's own out."""
        found: dict[str, Container] = {}
        for job_id, spec in self._specs.items():
            for row in rows:
                if row.fits(spec) and not (spec.group and self.is_own(row)):
                    found[member_key(job_id, row.name) if spec.group else job_id] = row
        return found

    async def _look_into_ended(self, ours: Mapping[str, Ours]) -> None:
        """Ask how the containers have ended of which that is not known, ours first."""
        now_s = time.monotonic()
        ended = {row.id: key in ours for key, row in self._found.items() if row.state in ENDED}
        self._ends = {
            container_id: (details, at_s)
            for container_id, (details, at_s) in self._ends.items()
            if container_id in ended
        }
        stale = [
            container_id
            for container_id in sorted(ended, key=lambda it: not ended[it])
            if container_id not in self._ends or now_s - self._ends[container_id][1] > _FRESH_S
        ]
        try:
            async with asyncio.timeout(_LOOK_INTO_S):
                await asyncio.gather(*(self._look_into(it) for it in stale[:_MAX_INSPECTED]))
        except TimeoutError:
            return  # what is not known yet is asked at the next look

    async def _look_into(self, container_id: str) -> None:
        try:
            details = await self.api.inspect(container_id)
        except AgentError:
            return
        if details is not None:
            self._ends[container_id] = (details, time.monotonic())

    def _view(self, key: str, row: Container, ours: Ours | None) -> JobView | None:
        spec = self._specs[group_of(key) or key]
        verb = spec.verb if ours is None else ours.plan.verb
        return JobView(
            state=self._state(row, ours),
            can_pause=row.state == RUNNING and not self.is_own(row),
            obstacle="the agent runs in it" if self.is_own(row) else None,
            effect=EFFECTS[verb],
            must_resume=None if ours is None else _why_over(row, ours),
        )

    def _state(self, row: Container, ours: Ours | None) -> JobState:
        if row.state not in ENDED:
            return job_state(row.state)
        details, _ = self._ends.get(row.id, (None, 0.0))
        if details is None:
            return JobState.UNKNOWN
        if ours is not None and ours.plan.stopped(details, ours.outcome):
            return JobState.PAUSED
        return job_state(details.state, details.exit_code)

    def _missing(self, ours: Mapping[str, Ours]) -> dict[str, JobView]:
        """Return the views of single jobs without a container."""
        return {
            job_id: JobView(
                state=JobState.UNKNOWN,
                can_pause=False,
                must_resume="its container is gone" if job_id in ours else None,
            )
            for job_id, spec in self._specs.items()
            if not spec.group and job_id not in self._found
        }


def list_filters(specs: Mapping[str, DockerSpec]) -> dict[str, list[str]]:
    """Return what narrows the list down to the jobs, where one filter can; `fits` decides.

    Names are regular expressions to the engine, and any of them will do; labels have to be
    there all at once.
    """
    names = {spec.container for spec in specs.values() if spec.container is not None}
    labels = {str(spec.label) for spec in specs.values() if spec.label is not None}
    if names and not labels:
        return {"name": [f"^{re.escape(name)}$" for name in sorted(names)]}
    return {"label": [*labels]} if len(labels) == 1 and not names else {}


def _why_over(row: Container, ours: Ours) -> str | None:
    """Return why a pause of ours cannot hold any longer, although its container is there."""
    if row.id != ours.plan.id:
        return "another container has its name now"
    if row.state != RUNNING:
        return None
    if ours.outcome is Outcome.DONE:
        return "someone else let its container go on"
    if ours.outcome in {Outcome.REFUSED, Outcome.DOUBT}:
        return f"it could not be paused: {ours.error}"
    return None
