"""Kueue's Workloads and queues, as far as it matters here, alike in v1beta1 and v1beta2."""

from datetime import datetime

from lightkube.core.resource import GlobalResource, NamespacedResourceG
import msgspec

from ..models import JobState
from .driver import STARTS_ANEW, Effect, JobView
from .kubernetes_objects import Condition, Gate, Look, Metadata, by_type, holds, info, later

RUNS_ON = Effect(frees_gpu=False, keeps_work=True)
"""What runs goes on to its end; nothing new is started."""

_FAILURES = frozenset({"Failed", "FailedToStart", "OutOfSync"})
"""Reasons of the condition Finished that tell of no success."""


class WorkloadSpec(msgspec.Struct, rename="camel"):
    """Whether Kueue may run a Workload."""

    active: bool | None = None
    maximum_execution_time_seconds: int | None = None


class WorkloadStatus(msgspec.Struct, rename="camel"):
    """How far Kueue has come with a Workload."""

    conditions: list[Condition] | None = None
    accumulated_past_execution_time_seconds: int | None = None


class Workload(NamespacedResourceG, msgspec.Struct, rename="camel"):
    """What Kueue makes of a Job of any kind, paused with `spec.active`."""

    _api_info = info("kueue.x-k8s.io", "v1beta2", "Workload", "workloads")

    metadata: Metadata
    spec: WorkloadSpec
    status: WorkloadStatus = msgspec.field(default_factory=WorkloadStatus)

    @property
    def gate(self) -> Gate:
        """Whether it may run."""
        return self.spec.active is not False

    @property
    def obstacle(self) -> str | None:
        """Nothing else sets it for good."""
        return None

    def view(self, look: Look) -> JobView:
        """Return what the Workload tells; it holds its quota until its pods have stopped."""
        state = self._state()
        return JobView(
            state=state,
            can_pause=state in {JobState.RUNNING, JobState.QUEUED}
            and self.gate is True
            and self.metadata.deletion_timestamp is None,
            effect=STARTS_ANEW,
            deadline=self._deadline(),
        )

    def _state(self) -> JobState:
        found = by_type(self.status.conditions)
        if holds(found, "Finished"):
            failed = found["Finished"].reason in _FAILURES
            return JobState.FAILED if failed else JobState.FINISHED
        admitted = holds(found, "Admitted")
        if self.gate:
            return JobState.RUNNING if admitted else JobState.QUEUED
        stops = admitted or holds(found, "QuotaReserved")
        return JobState.RUNNING if stops else JobState.PAUSED

    def _deadline(self) -> datetime | None:
        """Return when Kueue would stop it; it counts the time that it ran, in all its runs."""
        found, limit_s = (
            by_type(self.status.conditions),
            self.spec.maximum_execution_time_seconds,
        )
        if limit_s is None or not self.gate or not holds(found, "Admitted"):
            return None
        since = found["Admitted"].last_transition_time
        before_s = self.status.accumulated_past_execution_time_seconds or 0
        return None if since is None else later(since, limit_s - before_s)


class WorkloadV1Beta1(Workload):
    """The same of Kueue up to 0.14."""

    _api_info = info("kueue.x-k8s.io", "v1beta1", "Workload", "workloads")


class QueueSpec(msgspec.Struct, rename="camel"):
    """Whether a queue lets work go on."""

    stop_policy: str | None = None


class QueueStatus(msgspec.Struct, rename="camel"):
    """How many Workloads a queue has; none of it is there before Kueue has looked at it."""

    reserving_workloads: int | None = None
    admitted_workloads: int | None = None


class _Queue(msgspec.Struct, rename="camel"):
    metadata: Metadata
    spec: QueueSpec
    status: QueueStatus = msgspec.field(default_factory=QueueStatus)

    @property
    def gate(self) -> Gate:
        """Its stop policy."""
        return self.spec.stop_policy or "None"

    @property
    def obstacle(self) -> str | None:
        """Nothing else sets it."""
        return None

    def view(self, look: Look) -> JobView:
        """Return what the queue tells: it runs as long as anything of it does.

        One that is open and empty waits for work.
        """
        still = self.gate == "None" or look.ours
        return JobView(
            state=self._state(),
            can_pause=still and self.metadata.deletion_timestamp is None,
            effect=STARTS_ANEW if self.gate == "HoldAndDrain" else RUNS_ON,
        )

    def _state(self) -> JobState:
        admitted, reserving = self.status.admitted_workloads, self.status.reserving_workloads
        if admitted is None:
            return JobState.UNKNOWN
        if admitted > 0 or (self.gate == "HoldAndDrain" and (reserving or 0) > 0):
            return JobState.RUNNING
        return JobState.QUEUED if self.gate == "None" else JobState.PAUSED


class LocalQueue(NamespacedResourceG, _Queue):
    """A namespace's queue, paused with `spec.stopPolicy`."""

    _api_info = info("kueue.x-k8s.io", "v1beta2", "LocalQueue", "localqueues")


class LocalQueueV1Beta1(LocalQueue):
    """The same of Kueue up to 0.14."""

    _api_info = info("kueue.x-k8s.io", "v1beta1", "LocalQueue", "localqueues")


class ClusterQueue(GlobalResource, _Queue):
    """A queue of the whole cluster, paused with `spec.stopPolicy`."""

    _api_info = info("kueue.x-k8s.io", "v1beta2", "ClusterQueue", "clusterqueues")


class ClusterQueueV1Beta1(ClusterQueue):
    """The same of Kueue up to 0.14."""

    _api_info = info("kueue.x-k8s.io", "v1beta1", "ClusterQueue", "clusterqueues")
