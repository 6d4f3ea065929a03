"""How a job that is a process is paused: by the freezer or by signals, and undone by the same."""

from collections.abc import Mapping
from dataclasses import dataclass
import signal
import time

from ..errors import AgentError, ConflictError, UnreachableError
from ..state import JsonObject
from .cgroups import Cgroup, cgroup_from_json
from .freezer import Freezer
from .process_tree import Tree
from .processes import Row, look_at, scan, send_all

_PATIENCE_S = 5.0
_STEP_S = 0.002
_LONGEST_STEP_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class PausePlan:
    """The processes, whether signals stop them, and the cgroups that are frozen for it.

    There are more than one only where a job has changed its cgroup while we held it.
    """

    tree: Tree
    signals: bool = True
    cgroups: tuple[Cgroup, ...] = ()

    def to_json(self) -> JsonObject:
        """Return what `from_json` reads."""
        return {
            **self.tree.to_json(),
            "by": "signals" if self.signals else "freezer",
            "cgroups": [cgroup.to_json() for cgroup in self.cgroups],
        }

    @classmethod
    def from_json(cls, document: JsonObject) -> "PausePlan | None":
        """Read a plan, also of a version that had signals alone; anything else is None."""
        tree = Tree.from_json(document)
        if tree is None:
            return None
        items = document.get("cgroups")
        found = [cgroup_from_json(item) for item in (items if isinstance(items, list) else [])]
        return cls(
            tree=tree,
            signals=document.get("by", "signals") != "freezer",
            cgroups=tuple(cgroup for cgroup in found if cgroup is not None),
        )


def plan(
    tree: Tree, rows: Mapping[int, Row], before: PausePlan | None, freezer: Freezer | None
) -> PausePlan:
    """Return how to pause a job; without a freezer by signals.

    `before` is the plan of a pause that was cut short: what it has done is undone with this one.
    Raises ConflictError where someone else has frozen the job.
    """
    signalled = before.tree if before is not None and before.signals else None
    stopped = tree.with_stopped(rows, signalled)
    held = tuple(it for it in (() if before is None else before.cgroups) if it.asked())
    cgroup = None
    if freezer is not None and (signalled is None or not signalled.stopped_by_us(rows)):
        cgroup = freezer.apart(stopped.rows(rows))
    if cgroup is None:
        return PausePlan(tree=stopped, cgroups=held)
    if cgroup not in held and cgroup.asked():
        raise ConflictError(f"someone else has frozen {cgroup.path}")
    return PausePlan(tree=stopped, signals=False, cgroups=tuple(dict.fromkeys((*held, cgroup))))


def pause(planned: PausePlan, freezer: Freezer) -> None:
    """Have all of a job stand still. Raises ConflictError, UnreachableError."""
    for cgroup in planned.cgroups:
        cgroup.freeze()
    if not planned.signals:
        return
    deadline_s, step_s = time.monotonic() + _PATIENCE_S, _STEP_S
    # Those who were there a moment ago first: to look for others takes longer than to stop them.
    rows = look_at(planned.tree.members)
    send_all(freezer.moving(planned.tree.running(rows)), signal.SIGSTOP)
    while moving := list(freezer.moving(planned.tree.running(scan()))):
        if time.monotonic() > deadline_s:
            raise UnreachableError(f"process {moving[0].pid} does not stop")
        send_all(moving, signal.SIGSTOP)
        time.sleep(step_s)
        step_s = min(2 * step_s, _LONGEST_STEP_S)


def resume(planned: PausePlan) -> None:
    """Let go on what we made stand still, parents last; the rest also where a part fails.

    Raises ConflictError, UnreachableError.
    """
    failed: AgentError | None = None
    for cgroup in planned.cgroups:
        try:
            cgroup.thaw()
        except AgentError as err:
            failed = err
    if planned.signals:
        send_all(planned.tree.stopped_by_us(scan())[::-1], signal.SIGCONT)
    if failed is not None:
        raise failed
