"""Jobs that are units of systemd, paused by its freezer or by stopping them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
import logging
from pathlib import Path
import signal
import time
from typing import TypeAlias, TypeVar

from ..errors import AgentError, ConflictError, UnreachableError
from ..job_config import JobConfig
from ..models import JobState
from ..state import JsonObject
from .driver import Failures, JobDriver, JobView, group_of, member_key
from .systemd_bus import SystemdBus
from .systemd_spec import Manager, SystemdSpec, Verb, never, own_units, read_spec
from .systemd_unit import Plan, Unit, obstacle, view

__all__ = ["SystemdDriver", "make_driver", "read_spec"]

_LOGGER = logging.getLogger(__name__)

_T = TypeVar("_T")

_START_S = 3.0
_OVERDUE_S = 60.0
_STEP_S = 0.05


class SystemdDriver(JobDriver):
    """Units of the machine's manager, of the user's, or of both."""

    interval_s = 2.0
    ends_with_boot = True

    def __init__(self, specs: Mapping[str, SystemdSpec]) -> None:
        self._specs = specs
        self._own = own_units()
        self._buses: dict[Manager, SystemdBus] = {}
        self._runner: asyncio.Runner | None = None
        self._names: dict[str, str] = {}
        self._not_ours: set[Plan] = set()
        self._overdue: dict[Plan, float] = {}
        self._said: dict[str, str | None] = {}

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        """Return every unit's state."""
        plans = {key: plan for key, undo in ours.items() if (plan := Plan.from_json(undo))}
        self._not_ours &= set(plans.values())
        return self._run(self._observe(plans))

    def plan_pause(self, key: str, previous: JsonObject, *, free: bool = False) -> JsonObject:
        """Return which run of which unit is to be paused, and how; of a group there is nothing."""
        spec = self._specs[group_of(key) or key]
        if key in self._specs and spec.group:
            return {}
        verb = Verb.STOP if free else spec.pause
        return self._run(self._plan(key, spec.manager, self._name(key), verb)).to_json()

    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Freeze or stop units; one that is no more as it was planned is left alone."""
        return self._run(self._each(undo, self._pause))

    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Thaw or start the units that we froze or stopped, if they are still in that run."""
        return self._run(self._each(undo, self._resume))

    def signal(self, key: str, signum: signal.Signals) -> None:
        """Send a signal to the main process."""
        spec = self._specs[group_of(key) or key]
        self._run(self._signal(spec.manager, self._name(key), signum))

    def close(self) -> None:
        """End the connections."""
        if self._runner is not None:
            for bus in self._buses.values():
                bus.close()
            self._runner.close()
            self._runner = None
            self._buses.clear()

    def _run(self, work: Coroutine[object, object, _T]) -> _T:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(work)

    def _bus(self, manager: Manager) -> SystemdBus:
        return self._buses.setdefault(manager, SystemdBus(manager))

    def _name(self, key: str) -> str:
        """Return the unit that a key stands for. Raises ConflictError."""
        spec = self._specs.get(key)
        name = self._names.get(key) if spec is None else spec.unit
        if name is None:
            raise ConflictError(f'job "{key}" is gone')
        return name

    async def _observe(self, plans: Mapping[str, Plan]) -> dict[str, JobView]:
        for bus in self._buses.values():
            bus.refresh()
        found = await _all(
            self._members(job_id, spec, plans) if spec.group else self._single(job_id, spec)
            for job_id, spec in self._specs.items()
        )
        units = {key: (unit, spec) for part in found for key, unit, spec in part}
        self._names = {key: unit.name for key, (unit, _) in units.items()}
        views = await _all(
            self._view(key, unit, spec, plans) for key, (unit, spec) in units.items()
        )
        unknown = JobView(state=JobState.UNKNOWN, can_pause=False)
        singles = (job_id for job_id, spec in self._specs.items() if not spec.group)
        return {**dict.fromkeys(singles, unknown), **dict(views)}

    async def _single(self, job_id: str, spec: SystemdSpec) -> "_Found":
        """Return the unit of a job, none where systemd will not tell of it."""
        try:
            unit = await self._bus(spec.manager).load(spec.unit or "")
        except ConflictError as err:
            self._say(job_id, str(err))
            return []
        missing = unit.load_state not in {"loaded", "masked", "merged"}
        text = f"systemd cannot load {spec.unit} ({unit.load_state})" if missing else None
        self._say(job_id, text or self._never(unit))
        return [(job_id, unit, spec)]

    async def _members(self, job_id: str, spec: SystemdSpec, plans: Mapping[str, Plan]) -> "_Found":
        """Return the units of a group: those that there are, and those that we stopped."""
        bus = self._bus(spec.manager)
        try:
            paths = await bus.matching(spec.units)
        except ConflictError as err:  # that tells nothing of whether there are any
            raise UnreachableError(str(err)) from err
        forgotten = [
            plan.unit
            for key, plan in plans.items()
            if key == member_key(job_id, plan.unit)
            and plan.manager is spec.manager
            and plan.unit not in paths
        ]
        units = await _all(
            _unless_gone(work)
            for work in (
                *(bus.unit(path, about=name) for name, path in paths.items()),
                *(bus.load(name) for name in forgotten),
            )
        )
        return [
            (member_key(job_id, unit.name), unit, spec)
            for unit in units
            if unit is not None and unit.name and self._never(unit) is None
        ]

    def _say(self, job_id: str, text: str | None) -> None:
        """Log what is wrong with a job's unit, once."""
        if text is not None and self._said.get(job_id) != text:
            _LOGGER.warning("Job %s: %s", job_id, text)
        self._said[job_id] = text

    async def _view(
        self, key: str, unit: Unit, spec: SystemdSpec, plans: Mapping[str, Plan]
    ) -> tuple[str, JobView]:
        plan = plans.get(key)
        if plan is not None and plan.manager is not spec.manager:
            plan = None
        bus = self._bus(spec.manager)
        if plan is not None and plan.stopped(unit):
            unit = await bus.with_main_exit(unit)
        elif spec.pause is Verb.FREEZE and not unit.down:
            unit = await bus.with_watchdog(unit)
        return key, view(
            unit,
            plan,
            spec.pause,
            touchable=self._never(unit) is None,
            grouped=spec.group,
        )

    async def _plan(self, key: str, manager: Manager, name: str, verb: Verb) -> Plan:
        bus = self._bus(manager)
        unit = await self._load(bus, name, verb)
        why = self._never(unit) or obstacle(unit, verb)
        if why is None and verb is Verb.STOP:
            along = await _all(bus.load(other) for other in unit.stops_along)
            up = sorted(other.name for other in along if not other.down)
            why = f"{', '.join(up[:3])} would be stopped with it" if up else None
        if why is not None:
            raise ConflictError(f'job "{key}": {unit.name or name}: {why}')
        return Plan(verb=verb, manager=manager, unit=unit.name, invocation=unit.invocation)

    async def _each(
        self, undo: Mapping[str, JsonObject], act: Callable[[SystemdBus, Plan], Awaitable[None]]
    ) -> Failures:
        plans = {key: plan for key, document in undo.items() if (plan := Plan.from_json(document))}

        async def tried(plan: Plan) -> AgentError | None:
            try:
                await act(self._bus(plan.manager), plan)
            except AgentError as err:
                return err
            return None

        outcomes = await asyncio.gather(*map(tried, plans.values()))
        return {key: err for key, err in zip(plans, outcomes, strict=True) if err is not None}

    async def _pause(self, bus: SystemdBus, plan: Plan) -> None:
        unit = await self._load(bus, plan.unit, plan.verb)
        why = self._never(unit) or obstacle(unit, plan.verb)
        if why is None and unit.invocation != plan.invocation:
            why = "someone else has restarted it"
        if why is not None:
            self._not_ours.add(plan)  # how it is now, it became without us
            raise ConflictError(f"{plan.unit}: {why}")
        self._overdue[plan] = time.monotonic() + _OVERDUE_S
        try:
            await (bus.stop if plan.verb is Verb.STOP else bus.freeze)(plan.unit)
        except UnreachableError:  # perhaps it only takes long
            if not (plan.froze(now := await bus.load(plan.unit)) or plan.stopped(now)):
                raise
        except ConflictError:
            del self._overdue[plan]
            raise
        del self._overdue[plan]
        # systemd says yes to a freeze also where it has no freezer.
        if plan.verb is Verb.FREEZE and not plan.froze(await bus.load(plan.unit)):
            raise ConflictError(
                f"{plan.unit}: systemd did not freeze it; that takes the unified cgroup"
                ' hierarchy, else write pause = "stop"'
            )

    async def _resume(self, bus: SystemdBus, plan: Plan) -> None:
        if plan in self._not_ours:
            return
        unit = await bus.load(plan.unit)
        if plan.froze(unit):
            await bus.thaw(plan.unit)
        elif plan.verb is Verb.STOP and await self._to_start(bus, unit, plan):
            await bus.start(plan.unit)
            await self._started(bus, unit)
        elif time.monotonic() < self._overdue.get(plan, 0):  # it could come to pass after this
            raise UnreachableError(f"systemd has yet to answer to the pause of {plan.unit}")
        self._overdue.pop(plan, None)

    async def _to_start(self, bus: SystemdBus, unit: Unit, plan: Plan) -> bool:
        if unit.load_state == "not-found":
            _LOGGER.warning("%s: its unit file is gone, so it cannot be started again", plan.unit)
            return False
        return plan.stopped(unit) and plan.stopped(await bus.with_main_exit(unit))

    async def _started(self, bus: SystemdBus, unit: Unit) -> None:
        """Wait a moment for a start, so that the unit is not taken for one that has ended."""
        for _ in range(int(_START_S / _STEP_S)):
            now = await bus.unit(unit.path, about=unit.name)
            if not now.down or now.job_path is None:
                return
            await asyncio.sleep(_STEP_S)

    async def _signal(self, manager: Manager, name: str, signum: int) -> None:
        bus = self._bus(manager)
        unit = await bus.load(name)
        why = self._never(unit)
        if why is not None:
            raise ConflictError(f"{unit.name}: {why}")
        await bus.kill(unit.name, signum)

    async def _load(self, bus: SystemdBus, name: str, verb: Verb) -> Unit:
        """Return a unit with all that tells whether it can be paused so."""
        unit = await bus.load(name)
        return await bus.with_watchdog(unit) if verb is Verb.FREEZE else unit

    def _never(self, unit: Unit) -> str | None:
        """Return why a unit is not touched, by any of its names."""
        return never((unit.name, *sorted(unit.names)), self._own)


_Found: TypeAlias = Sequence[tuple[str, Unit, SystemdSpec]]


async def _unless_gone(work: Awaitable[Unit]) -> Unit | None:
    try:
        return await work
    except ConflictError:
        return None


async def _all(works: Iterable[Awaitable[_T]]) -> list[_T]:
    """Return what all return. Raises what one raises, when none is under way any more."""
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    results: list[_T] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results


def make_driver(
    jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
) -> JobDriver:
    """Return the driver of these jobs."""
    return SystemdDriver({job.id: job.spec for job in jobs if isinstance(job.spec, SystemdSpec)})
