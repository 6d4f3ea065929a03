"""Pausing and letting go of one object of Kubernetes, so that nobody's change is lost."""

from dataclasses import dataclass

from ..errors import ConflictError, UnreachableError
from ..state import JsonObject
from .kubernetes_access import Access
from .kubernetes_client import Cluster, GoneError, StaleError
from .kubernetes_kinds import KINDS, Kind
from .kubernetes_objects import ANNOTATION, Gate, Thing

_ATTEMPTS = 4
_LET_GO = "let-go"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to change and how to undo it; `token` marks the object as paused by this plan."""

    kind: Kind
    access: Access
    namespace: str | None
    name: str
    uid: str
    found: Gate
    closed: Gate
    token: str

    def to_json(self) -> JsonObject:
        """Return it as an object for the state file."""
        return {
            "kind": self.kind.name,
            **self.access.to_json(),
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "found": self.found,
            "closed": self.closed,
            "token": self.token,
        }

    def is_of(self, thing: Thing) -> bool:
        """Return whether it is the object planned for, not a later one of the same name."""
        return thing.metadata.uid == self.uid

    def holds(self, thing: Thing) -> bool:
        """Return whether this plan's pause of the object has not been let go."""
        return self.is_of(thing) and thing.metadata.token == self.token


def plan_from_json(document: JsonObject) -> Plan | None:
    """Read a plan, None if there is nothing in it to undo."""
    kind = KINDS.get(str(document.get("kind")))
    found, closed = document.get("found"), document.get("closed")
    if kind is None or not isinstance(found, bool | str) or not isinstance(closed, bool | str):
        return None
    return Plan(
        kind=kind,
        access=Access(
            kubeconfig=_optional(document.get("kubeconfig")),
            context=_optional(document.get("context")),
        ),
        namespace=_optional(document.get("namespace")),
        name=str(document.get("name")),
        uid=str(document.get("uid")),
        found=found,
        closed=closed,
        token=str(document.get("token")),
    )


class Pauser:
    """Carries out plans. Raises UnreachableError, and ConflictError where it must not be done."""

    def __init__(self) -> None:
        self._unsure: set[str] = set()

    async def pause(self, cluster: Cluster, plan: Plan) -> None:
        """Close what is open; what someone else has closed meanwhile is refused."""
        for _ in range(_ATTEMPTS):
            try:
                thing = await cluster.get(plan.kind, plan.namespace, plan.name)
                if plan.holds(thing) and thing.gate == plan.closed:
                    return
                _check(plan, thing)
                self._unsure.add(plan.token)
                await self._patch(cluster, plan, thing, plan.token, plan.closed)
            except StaleError:
                continue
            except ConflictError:  # any other error leaves open whether it will be done
                self._unsure.discard(plan.token)
                raise
            self._unsure.discard(plan.token)
            return
        self._unsure.discard(plan.token)
        raise ConflictError(f"{_name(plan)} changes all the time; try again")

    async def resume(self, cluster: Cluster, plan: Plan) -> None:
        """Open what this plan closed, if it is still as the plan left it."""
        for _ in range(_ATTEMPTS):
            try:
                thing = await cluster.get(plan.kind, plan.namespace, plan.name)
                if not plan.is_of(thing):
                    return
                if plan.holds(thing):
                    ours = thing.gate == plan.closed
                    await self._patch(cluster, plan, thing, None, plan.found if ours else None)
                elif plan.token in self._unsure:
                    await self._fence(cluster, plan, thing)
            except StaleError:
                continue
            except GoneError:
                pass
            self._unsure.discard(plan.token)
            return
        raise UnreachableError(f"{_name(plan)} changes all the time")

    async def _fence(self, cluster: Cluster, plan: Plan, thing: Thing) -> None:
        """Change the object, so that our patch that got no answer cannot be done any more."""
        if thing.metadata.token is None:
            thing = await self._patch(cluster, plan, thing, _LET_GO, None)
        if thing.metadata.token == _LET_GO:  # the mark of another pause is a change already
            await self._patch(cluster, plan, thing, None, None)

    async def _patch(
        self, cluster: Cluster, plan: Plan, thing: Thing, token: str | None, gate: Gate | None
    ) -> Thing:
        """Set mark and field, unless the object has changed since it was read."""
        body: JsonObject = {
            "metadata": {
                "resourceVersion": thing.metadata.resource_version,
                "annotations": {ANNOTATION: token},
            }
        }
        if gate is not None:
            body["spec"] = {plan.kind.field: gate}
        return await cluster.patch(plan.kind, plan.namespace, plan.name, body)


def _check(plan: Plan, thing: Thing) -> None:
    """Refuse what must not be paused."""
    if not plan.is_of(thing):
        raise ConflictError(f"{_name(plan)} is another one now")
    if thing.obstacle is not None:
        raise ConflictError(f"{_name(plan)} {thing.obstacle}")
    if thing.gate != plan.kind.open and not plan.holds(thing):
        raise ConflictError(f"{_name(plan)} was stopped by someone else")


def _name(plan: Plan) -> str:
    return f'{plan.kind.title} "{plan.name}"'


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) else None
