"""What the config says of jobs of a Kubernetes cluster."""

from dataclasses import dataclass, field
from pathlib import Path
import re
from typing import ClassVar

from ..job_config import JobSpec
from ..toml_table import Table
from .kubernetes_access import Access, AccessError
from .kubernetes_kinds import KINDS, Kind
from .kubernetes_objects import Gate

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")

_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_KEY = rf"(?:{_LABEL}(?:\.{_LABEL})*/)?{_WORD}"
_VALUE = rf"(?:{_WORD})?"
_REQUIREMENT = (
    rf"(?:!?\s*{_KEY}"
    rf"|{_KEY}\s*(?:==?|!=)\s*{_VALUE}"
    rf"|{_KEY}\s+(?:not)?in\s*\(\s*{_VALUE}(?:\s*,\s*{_VALUE})*\s*\))"
)
_SELECTOR = re.compile(rf"\s*{_REQUIREMENT}(?:\s*,\s*{_REQUIREMENT})*\s*")
_LONGEST_SELECTOR = 1000

_SINGLE = {"job": "job", "queue": "queue", "cluster_queue": "cluster_queue"}
_GROUPS = {"label": "job", "workloads": "workload"}
_KEYS = (*_SINGLE, *_GROUPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSpec(JobSpec):
    """One object by its `name`, or all that a label selector fits.

    `closed` is what pausing sets, `freeing` what a pause that lets go of the GPU sets.
    """

    kind: Kind
    access: Access = field(default_factory=Access)
    namespace: str | None = None
    name: str | None = None
    selector: str | None = None
    closed: Gate = True
    freeing: Gate = True

    @property
    def group(self) -> bool:
        """Whether it stands for any number of objects."""
        return self.selector is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldQueueSpec(KubernetesSpec):
    """A queue that lets what it has admitted run on, unless the GPU is to be free."""

    can_free: ClassVar[bool] = True


def read_spec(table: Table, job_id: str, folder: Path) -> KubernetesSpec:
    """Take the keys of an object of Kubernetes or a group of them. Raises UsageError."""
    given = [key for key in _KEYS if table.has(key)]
    if len(given) != 1:
        raise table.fault(
            "job", f'give job "{job_id}" exactly one of ' + ", ".join(f"`{key}`" for key in _KEYS)
        )
    key = given[0]
    text = table.string(key) or ""
    namespace = _namespace(table, needed=key != "cluster_queue")
    access = _access(table, folder)
    if key in _GROUPS:
        return KubernetesSpec(
            kind=KINDS[_GROUPS[key]],
            access=access,
            namespace=namespace,
            selector=_selector(table, key, text),
            closed=key == "label",
            freeing=key == "label",
        )
    if not _NAME.fullmatch(text):
        raise table.fault(key, "write the object's name: lower-case letters, digits, - and .")
    kind = KINDS[_SINGLE[key]]
    if key == "job":
        return KubernetesSpec(kind=kind, access=access, namespace=namespace, name=text)
    drain = table.boolean("drain", default=False)
    return (KubernetesSpec if drain else HeldQueueSpec)(
        kind=kind,
        access=access,
        namespace=namespace,
        name=text,
        closed="HoldAndDrain" if drain else "Hold",
        freeing="HoldAndDrain",
    )


def is_selector(text: str) -> bool:
    """Return whether it is a label selector as kubectl takes it; none selects everything."""
    return len(text) <= _LONGEST_SELECTOR and _SELECTOR.fullmatch(text) is not None


def _namespace(table: Table, *, needed: bool) -> str | None:
    if not needed:
        if table.has("namespace"):
            raise table.fault("namespace", "a ClusterQueue has none; remove it")
        return None
    namespace = table.string("namespace")
    if namespace is None or not _NAMESPACE.fullmatch(namespace):
        raise table.fault("namespace", 'write the namespace of the jobs, such as "training"')
    return namespace


def _selector(table: Table, key: str, text: str) -> str:
    if not is_selector(text):
        raise table.fault(key, 'write a label selector, such as "gpu-heat=flex"')
    return text.strip()


def _access(table: Table, folder: Path) -> Access:
    kubeconfig = table.path("kubeconfig", folder)
    context = table.string("context")
    access = Access(kubeconfig=None if kubeconfig is None else str(kubeconfig), context=context)
    try:
        access.read()
    except AccessError as err:
        raise table.fault("kubeconfig", str(err)) from err
    return access
