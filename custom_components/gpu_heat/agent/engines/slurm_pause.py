"""Doing and undoing what the plans of pauses say, from nothing but these plans."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
import time
from typing import TypeAlias

from ..errors import AgentError, ConflictError, UnreachableError
from ..state import JsonObject
from .slurm_commands import Commands, GoneError
from .slurm_table import Row, compress, expand, list_ids
from .slurm_view import MIN_AGE_S, Verb

_SETTLE_S = 3.0
"""How long Slurm takes to stop all processes of a suspended job: 2 s, and some more.

A job that is resumed sooner may be left standing still while Slurm shows it as running.
"""

_DELIVERY_S = 3.0
_STEP_S = 0.02

_Failed: TypeAlias = dict[str, AgentError]
_Ids: TypeAlias = dict[str, str]
"""What Slurm's commands call a job, by its key."""


class JobControl:
    """Pauses and resumes jobs; a cluster that does not answer fails for its own jobs alone."""

    def __init__(self) -> None:
        self._settled_s = time.monotonic() + _SETTLE_S  # an earlier run may have suspended just now
        self._not_ours: set[str] = set()

    def pause(self, undo: Mapping[str, JsonObject]) -> _Failed:
        """Hold what waits, and stop what runs."""
        self._not_ours -= undo.keys()
        return _each_cluster(undo, self._pause)

    def resume(self, undo: Mapping[str, JsonObject]) -> _Failed:
        """Undo what was done, by the state that each job is in now."""
        done = {key: plan for key, plan in undo.items() if key not in self._not_ours}
        self._not_ours -= undo.keys()
        return _each_cluster(done, self._resume)

    def _pause(self, commands: Commands, plans: Mapping[str, JsonObject]) -> _Failed:
        failures: _Failed = {}
        rows = _Rows(commands, plans.values())
        wanted: dict[Verb, _Ids] = {verb: {} for verb in Verb}
        for key, plan in plans.items():
            try:
                verb, one = _verb(plan, rows)
                wanted[verb][key] = one
            except ConflictError as err:
                failures[key] = err
        self._not_ours |= failures.keys()  # how these are now, they became without us
        failures |= _act(wanted[Verb.HOLD], partial(commands.scontrol_jobs, "hold"))
        failures |= _act(wanted[Verb.REQUEUE], partial(commands.scontrol_jobs, "requeuehold"))
        time.sleep(rows.until_old_s([*wanted[Verb.STOP].values(), *wanted[Verb.SUSPEND].values()]))
        failures |= _act(wanted[Verb.STOP], partial(_stop, commands))
        failures |= _act(wanted[Verb.SUSPEND], partial(self._suspend, commands))
        return failures

    def _resume(self, commands: Commands, plans: Mapping[str, JsonObject]) -> _Failed:
        todo = _Todo()
        rows = _Rows(commands, plans.values())
        for key, plan in plans.items():
            todo.add(key, plan, rows.get(_id(plan)))
        failed = _act(todo.stopped, partial(_continue, commands))
        maybe = _act(todo.running, partial(_continue, commands))
        failed |= {k: err for k, err in maybe.items() if not isinstance(err, ConflictError)}
        # Slurm refuses to suspend it where it did before: then it was never done.
        refused = _act(todo.forgotten, partial(self._suspend, commands))
        again = {key: one for key, one in todo.forgotten.items() if key not in refused}
        failed |= _act({**todo.suspended, **again}, partial(self._unsuspend, commands))
        failed |= _act(todo.held, partial(commands.scontrol_jobs, "release"))
        return {k: err for k, err in failed.items() if not isinstance(err, GoneError)}

    def _suspend(self, commands: Commands, ids: Iterable[str]) -> _Failed:
        try:
            return commands.scontrol_jobs("suspend", ids)
        finally:
            self._settled_s = time.monotonic() + _SETTLE_S

    def _unsuspend(self, commands: Commands, ids: Iterable[str]) -> _Failed:
        time.sleep(max(0.0, self._settled_s - time.monotonic()))
        return commands.scontrol_jobs("resume", ids)


def close_gates(undo: Mapping[str, JsonObject]) -> _Failed:
    """Close the partitions that plans name, so that nothing takes the place of what stops."""
    return _each_gate(undo, lambda commands, gate: commands.set_partition(gate, "DOWN"))


def open_gates(undo: Mapping[str, JsonObject]) -> _Failed:
    """Open the partitions that we closed; one that others have set to something else stays."""

    def open_gate(commands: Commands, gate: str) -> None:
        with suppress(GoneError):
            if commands.partition_state(gate) == "DOWN":
                commands.set_partition(gate, "UP")

    return _each_gate(undo, open_gate)


class _Rows:
    """The jobs of plans as they are now, by what the plans call them."""

    def __init__(self, commands: Commands, plans: Iterable[JsonObject]) -> None:
        self._single: dict[str, Row] = {}
        self._waiting: dict[str, dict[int, Row]] = {}
        for row in list_ids(commands, (_id(plan).partition("_[")[0] for plan in plans)):
            self._single[row.address] = row
            if row.waits_in_array and row.task is not None:
                self._waiting.setdefault(row.job_id, {})[row.task] = row

    def get(self, one: str) -> Row | None:
        """Return one job, or what still waits of the tasks of an array that a plan lists."""
        array, bracket, expression = one.partition("_[")
        if not bracket:
            return self._single.get(one)
        waiting, spans = self._waiting.get(array, {}), list(expand(expression.removesuffix("]")))
        left = [task for task in waiting if any(task in span for span in spans)]
        return replace(waiting[left[0]], id=f"{array}_[{compress(left)}]") if left else None

    def until_old_s(self, ids: Iterable[str]) -> float:
        """Return how long it takes, in s, until all of these may be stopped."""
        ages_s = [self._single[one].elapsed_s for one in ids]
        return max(0.0, MIN_AGE_S - min(ages_s, default=MIN_AGE_S))


class _Todo:
    """What there is to be undone, by the state of each job: ids by their keys."""

    def __init__(self) -> None:
        self.stopped: _Ids = {}
        self.running: _Ids = {}
        self.suspended: _Ids = {}
        self.forgotten: _Ids = {}
        self.held: _Ids = {}

    def add(self, key: str, plan: JsonObject, row: Row | None) -> None:
        """Take note of one job, None if it is gone."""
        if row is None:
            return
        verb, was_pending = plan.get("running"), plan.get("pending") is not None
        runs = row.state in {"RUNNING", "SIGNALING"}
        if verb == Verb.STOP and row.state == "STOPPED":
            self.stopped[key] = row.address
        if verb == Verb.STOP and runs:
            self.running[key] = row.address  # what is left of a pause; else it does nothing
        if verb == Verb.SUSPEND and row.state == "SUSPENDED":
            self.suspended[key] = row.address
        if verb == Verb.SUSPEND and runs and not was_pending:
            # A controller that was killed may have forgotten what its nodes have not.
            self.forgotten[key] = row.address
        if (was_pending or verb == Verb.REQUEUE) and row.priority == 0:
            self.held[key] = row.address


def _verb(plan: JsonObject, rows: _Rows) -> tuple[Verb, str]:
    """Return what to do with a job, by the state that it is in now. Raises ConflictError."""
    row = rows.get(_id(plan))
    if row is None:
        raise GoneError(f"job {_id(plan)} is gone")
    if row.held:
        raise ConflictError(f"job {row.id} was held by someone else")
    wanted = plan.get("pending" if row.pending else "running")
    if wanted is None or (not row.pending and row.state != "RUNNING"):
        raise ConflictError(f"job {row.id} is {row.state} by now")
    return Verb(str(wanted)), row.address


def _stop(commands: Commands, ids: Iterable[str]) -> _Failed:
    """Stop the scripts with what they started, then the steps, which no script can add to."""
    wanted = list(ids)
    failed = _signal(commands, wanted, "--signal=STOP", "--full")
    reached = [one for one in wanted if one not in failed]
    failed |= _signal(commands, reached, "--signal=STOP")
    _delivered(commands, reached)  # from now on Slurm shows it as stopped
    return failed


def _continue(commands: Commands, ids: Iterable[str]) -> _Failed:
    wanted = list(ids)
    failed = _signal(commands, wanted, "--signal=CONT")
    return failed | _signal(commands, wanted, "--signal=CONT", "--full")


def _signal(commands: Commands, ids: list[str], *options: str) -> _Failed:
    """Signal jobs once their last signal has arrived; until then scancel waits for many seconds."""
    rows = _delivered(commands, ids)
    busy = {row.address for row in rows if row.state == "SIGNALING"}
    arrays: dict[str, set[str]] = {}
    for row in rows:
        if row.task is not None and row.address not in busy:
            arrays.setdefault(row.id.partition("_")[0], set()).add(row.address)
    tasks = {one for of_array in arrays.values() for one in of_array}
    late = UnreachableError("a node of the job takes no signals now")
    failed: _Failed = dict.fromkeys(busy, late)
    failed |= commands.scancel((one for one in ids if one not in tasks | busy), *options)
    for of_array in arrays.values():
        failed |= commands.scancel_tasks(sorted(of_array.intersection(ids)), *options)
    return failed


def _delivered(commands: Commands, ids: list[str]) -> list[Row]:
    """Return jobs once no signal is on its way to them, or has been for too long."""
    give_up_s = time.monotonic() + _DELIVERY_S
    while True:
        rows = list_ids(commands, ids)
        if time.monotonic() > give_up_s or all(row.state != "SIGNALING" for row in rows):
            return rows
        time.sleep(_STEP_S)


def _act(ids: _Ids, act: Callable[[Iterable[str]], _Failed]) -> _Failed:
    """Do something to jobs; return why it failed, by their keys."""
    if not ids:
        return {}
    failed = act(sorted(set(ids.values())))
    return {key: failed[one] for key, one in ids.items() if one in failed}


def _each_gate(undo: Mapping[str, JsonObject], act: Callable[[Commands, str], None]) -> _Failed:
    failures: _Failed = {}
    for key, plan in undo.items():
        if isinstance(gate := plan.get("gate"), str):
            try:
                act(Commands.from_json(plan.get("cluster")), gate)
            except AgentError as err:
                failures[key] = err
    return failures


def _each_cluster(
    undo: Mapping[str, JsonObject],
    act: Callable[[Commands, Mapping[str, JsonObject]], _Failed],
) -> _Failed:
    failures: _Failed = {}
    for commands, plans in _by_cluster(undo).items():
        try:
            failures |= act(commands, plans)
        except UnreachableError as err:
            failures |= dict.fromkeys(plans, err)
    return failures


def _by_cluster(undo: Mapping[str, JsonObject]) -> dict[Commands, dict[str, JsonObject]]:
    """Return the plans of single jobs by the commands that reach their cluster."""
    found: dict[Commands, dict[str, JsonObject]] = {}
    for key, plan in undo.items():
        if "job" in plan:
            found.setdefault(Commands.from_json(plan.get("cluster")), {})[key] = plan
    return found


def _id(plan: JsonObject) -> str:
    return str(plan.get("job"))
