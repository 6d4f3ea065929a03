"""Jobs, as batch/v1 publishes them, as far as it matters here."""

from datetime import datetime

from lightkube.core.resource import NamespacedResourceG
import msgspec

from ..models import JobState
from .driver import STARTS_ANEW, JobView
from .kubernetes_objects import Condition, Gate, Look, Metadata, by_type, holds, info, later

_QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_JOB_SET = "jobset.x-k8s.io/"


class JobSpec(msgspec.Struct, rename="camel"):
    """What a Job is to do."""

    suspend: bool | None = None
    completions: int | None = None
    active_deadline_seconds: int | None = None
    success_policy: dict[str, object] | None = None


class JobStatus(msgspec.Struct, rename="camel"):
    """What a Job does; `active` counts pods that wait for a node too."""

    active: int = 0
    terminating: int | None = None
    succeeded: int = 0
    start_time: datetime | None = None
    conditions: list[Condition] | None = None


class Job(NamespacedResourceG, msgspec.Struct, rename="camel"):
    """A Job, paused with `spec.suspend`."""

    _api_info = info("batch", "v1", "Job", "jobs")

    metadata: Metadata
    spec: JobSpec
    status: JobStatus = msgspec.field(default_factory=JobStatus)

    @property
    def gate(self) -> Gate:
        """Whether it is suspended."""
        return self.spec.suspend is True

    @property
    def obstacle(self) -> str | None:
        """Why it must not be suspended or resumed from here, if so."""
        if _QUEUE_LABEL in (self.metadata.labels or {}):
            return "belongs to Kueue, which would undo it: configure `workloads` or `queue` instead"
        for owner in self.metadata.owner_references or ():
            if owner.controller and owner.api_version.startswith(_JOB_SET):
                return "belongs to a JobSet, which would undo it"
        return None

    def view(self, look: Look) -> JobView:
        """Return what the Job tells; one whose pods are still stopping runs."""
        state = self._state()
        found = by_type(self.status.conditions)
        ends = any(holds(found, name) for name in ("FailureTarget", "SuccessCriteriaMet"))
        return JobView(
            state=state,
            can_pause=state in {JobState.RUNNING, JobState.QUEUED}
            and not self.gate
            and not ends
            and self.obstacle is None
            and self.metadata.deletion_timestamp is None,
            effect=STARTS_ANEW,
            obstacle=self.obstacle,
            remaining_s=self._remaining_s(look) if state is JobState.RUNNING else None,
            deadline=self._deadline() if state is JobState.RUNNING else None,
        )

    def _state(self) -> JobState:
        found = by_type(self.status.conditions)
        if holds(found, "Complete"):
            return JobState.FINISHED
        if holds(found, "Failed"):
            return JobState.FAILED
        if self.status.active > 0 or (self.gate and (self.status.terminating or 0) > 0):
            return JobState.RUNNING
        return JobState.PAUSED if self.gate else JobState.QUEUED

    def _deadline(self) -> datetime | None:
        """Return when Kubernetes would end it; suspending starts that time anew."""
        started, limit_s = self.status.start_time, self.spec.active_deadline_seconds
        if started is None or limit_s is None or self.gate:
            return None
        return later(started, limit_s)

    def _remaining_s(self, look: Look) -> float | None:
        """Return (time since the start / completions since then) * completions to come.

        Each resumption sets the start anew while completions go on counting, so those from
        before have to be known.
        """
        started, wanted = self.status.start_time, self.spec.completions
        if started is None or wanted is None or wanted < 2 or self.gate or self.spec.success_policy:
            return None
        suspended_once = "Suspended" in by_type(self.status.conditions)
        before = look.done_before if suspended_once else 0
        if before is None:
            return None
        done, elapsed_s = self.status.succeeded - before, (look.now - started).total_seconds()
        if done <= 0 or elapsed_s <= 0 or self.status.succeeded > wanted:
            return None
        return elapsed_s / done * (wanted - self.status.succeeded)
