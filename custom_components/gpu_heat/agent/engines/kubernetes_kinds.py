"""The kinds of objects that can be paused, and the field that does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lightkube.core.resource import Resource

from .kubernetes_job import Job
from .kubernetes_kueue import (
    ClusterQueue,
    ClusterQueueV1Beta1,
    LocalQueue,
    LocalQueueV1Beta1,
    Workload,
    WorkloadV1Beta1,
)
from .kubernetes_objects import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object: its versions, the newest first, and the field of `spec` that pauses."""

    name: str
    title: str
    plural: str
    versions: tuple[type[Resource], ...]
    field: str
    open: Gate


_TABLE = (
    Kind(
        name="job", title="Job", plural="jobs.batch", versions=(Job,), field="suspend", open=False
    ),
    Kind(
        name="workload",
        title="Workload",
        plural="workloads.kueue.x-k8s.io",
        versions=(Workload, WorkloadV1Beta1),
        field="active",
        open=True,
    ),
    Kind(
        name="queue",
        title="LocalQueue",
        plural="localqueues.kueue.x-k8s.io",
        versions=(LocalQueue, LocalQueueV1Beta1),
        field="stopPolicy",
        open="None",
    ),
    Kind(
        name="cluster_queue",
        title="ClusterQueue",
        plural="clusterqueues.kueue.x-k8s.io",
        versions=(ClusterQueue, ClusterQueueV1Beta1),
        field="stopPolicy",
        open="None",
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _TABLE})
