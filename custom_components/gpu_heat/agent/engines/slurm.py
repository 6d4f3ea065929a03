"""Jobs of a Slurm cluster: held, stopped, suspended or queued again by Slurm's own commands."""

from collections.abc import Mapping, Sequence
import logging
from pathlib import Path
import signal

from ..errors import ConflictError
from ..job_config import JobConfig
from ..state import JsonObject
from .driver import Failures, JobDriver, JobView, group_of, member_key
from .slurm_commands import Commands
from .slurm_pause import JobControl, close_gates, open_gates
from .slurm_spec import PauseBy, SlurmSpec, read_spec
from .slurm_table import Row, by_member, deadlines, list_jobs
from .slurm_view import Verb, state_of, time_for_stop, view

__all__ = ["SlurmDriver", "make_driver", "read_spec"]

_LOGGER = logging.getLogger(__name__)

_VERBS = {PauseBy.STOP: Verb.STOP, PauseBy.SUSPEND: Verb.SUSPEND, PauseBy.REQUEUE: Verb.REQUEUE}


class SlurmDriver(JobDriver):
    """Groups of jobs, on one cluster or several."""

    interval_s = 5.0

    def __init__(self, specs: Mapping[str, SlurmSpec]) -> None:
        self._specs = specs
        self._control = JobControl()
        self._rows: Mapping[str, Row] = {}
        self._operator: dict[Commands, bool] = {}
        self._deadlines: dict[str, dict[str, float | None]] = {}

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        """Return the jobs of every group, each from one call of squeue."""
        rows: dict[str, Row] = {}
        views: dict[str, JobView] = {}
        for job_id, spec in self._specs.items():
            fitting = [row for row in list_jobs(spec.commands, spec.filters) if spec.fits(row)]
            known = self._deadlines_of(job_id, spec, {row.job_id for row in fitting})
            verb = self._verb(spec)
            for member, row in by_member(fitting).items():
                key, state = member_key(job_id, member), state_of(row)
                if state is not None:
                    rows[key] = row
                    views[key] = view(row, state, verb, ours.get(key), known.get(row.job_id))
        self._rows = rows
        return views

    def plan_pause(self, key: str, previous: JsonObject, *, free: bool = False) -> JsonObject:
        """Return the job's id, and the verb for each state that it may be found in."""
        spec = self._specs.get(group_of(key) or key)
        if spec is None:
            raise ConflictError(f'job "{key}" is not configured any more')
        if group_of(key) is None:
            return self._plan_gate(spec, previous)
        row = self._rows.get(key)
        if row is None:
            raise ConflictError(f'job "{key}" is gone')
        plan: JsonObject = {"job": row.address, **_reach(spec)}
        if row.pending:
            plan["pending"] = Verb.HOLD.value
        if not row.waits_in_array:
            plan["running"] = self._running_verb(spec, row, free=free).value
        return plan

    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Close the gates, then hold what waits and stop what runs."""
        return {**close_gates(undo), **self._control.pause(undo)}

    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        """Let go on what runs, release what waits, then open the gates."""
        return {**self._control.resume(undo), **open_gates(undo)}

    def signal(self, key: str, signum: signal.Signals) -> None:
        """Send a signal to the job's script alone, which was written to expect it."""
        spec, row = self._specs.get(group_of(key) or key), self._rows.get(key)
        if spec is None or row is None or row.state != "RUNNING":
            raise ConflictError(f'job "{key}" does not run')
        name = signum.name.removeprefix("SIG")
        send = spec.commands.scancel if row.task is None else spec.commands.scancel_tasks
        for failure in send([row.address], f"--signal={name}", "--batch").values():
            raise failure

    def _plan_gate(self, spec: SlurmSpec, previous: JsonObject) -> JsonObject:
        """Return the gate to open again: none where there is none, or others have closed it."""
        if not spec.gate or spec.partition is None:
            return {}
        if not self._is_operator(spec):
            raise ConflictError(
                f'partition "{spec.partition}" is not closed: that takes an operator of Slurm'
            )
        state = spec.commands.partition_state(spec.partition)
        if state != "UP" and previous.get("gate") != spec.partition:
            _LOGGER.info("Partition %s is %s already, and stays so", spec.partition, state)
            return {}
        return {"gate": spec.partition, **_reach(spec)}

    def _running_verb(self, spec: SlurmSpec, row: Row, *, free: bool) -> Verb:
        """Return the verb for a job that runs. Raises ConflictError."""
        verb = Verb.REQUEUE if free else self._verb(spec)
        if verb is Verb.SUSPEND and not self._is_operator(spec):
            raise ConflictError('only an operator of Slurm can suspend jobs; use pause = "stop"')
        if verb is Verb.STOP and not row.pending and not time_for_stop(row):
            raise ConflictError(
                f"half of the time limit of job {row.id} is used up, and it would run on"
            )
        return verb

    def _verb(self, spec: SlurmSpec) -> Verb:
        if spec.pause is not PauseBy.AUTO:
            return _VERBS[spec.pause]
        return Verb.SUSPEND if spec.gate and self._is_operator(spec) else Verb.STOP

    def _is_operator(self, spec: SlurmSpec) -> bool:
        if spec.operator is not None:
            return spec.operator
        if spec.commands not in self._operator:
            self._operator[spec.commands] = spec.commands.is_operator()
        return self._operator[spec.commands]

    def _deadlines_of(
        self, job_id: str, spec: SlurmSpec, ids: set[str]
    ) -> Mapping[str, float | None]:
        """Return the jobs' deadlines, which are asked for once."""
        known = self._deadlines.get(job_id, {})
        if ids - known.keys():
            found = deadlines(spec.commands, spec.filters)
            known = {one: found.get(one) for one in ids}
        self._deadlines[job_id] = {one: known[one] for one in ids}
        return known


def make_driver(
    jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
) -> JobDriver:
    """Return the driver of these groups."""
    return SlurmDriver({job.id: job.spec for job in jobs if isinstance(job.spec, SlurmSpec)})


def _reach(spec: SlurmSpec) -> JsonObject:
    """Return what a plan needs to find the cluster."""
    cluster = spec.commands.to_json()
    return {"cluster": cluster} if cluster else {}
