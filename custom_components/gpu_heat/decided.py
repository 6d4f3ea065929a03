"""What was decided on the jobs of a zone, and what that rests on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from .control.demand import Demand
from .control.heat_loss import HeatLoss
from .control.reasons import Action, Decision, Reason
from .control.verdict import Verdict
from .flexible import Unit
from .heat.seasons import Season
from .plan_windows import Window

BY_HAND = frozenset({Reason.MANUAL_HOLD, Reason.MANUAL_RUN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What the planned work costs in all, in the zone's currency, and what it would at once.

    `held_assumed` tells that a job waits in it of which nobody knows yet what it draws then.
    """

    cost: float
    cost_at_once: float
    held_assumed: bool

    @property
    def saving(self) -> float:
        """What the plan saves against running all at once."""
        return self.cost_at_once - self.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided at a moment.

    `units` are what was decided on, `of_group` the keys of those that are of a group, by its own
    key. `weather_until` and `prices_until` say how far ahead these are known, `planned_until` how
    far was planned; None where not at all. `money` is None without a plan, or where nobody knows
    what a job draws.
    """

    at: datetime
    season: Season
    demand: Demand
    heat_loss: HeatLoss
    units: Mapping[str, Unit]
    of_group: Mapping[str, Sequence[str]]
    verdict: Verdict
    windows: Sequence[Window] = ()
    weather_until: datetime | None = None
    prices_until: datetime | None = None
    planned_until: datetime | None = None
    money: Money | None = None

    def decision(self, key: str) -> Decision | None:
        """Return what was decided on a job, or on a group: as on its job that says most.

        That is one that runs rather than one that waits. None where nothing was.
        """
        if decision := self.verdict.decisions.get(key):
            return decision
        decisions = [self.verdict.decisions[each] for each in self.of_group.get(key, ())]
        if not decisions:
            return None
        shown = next((each for each in decisions if shall_run(self.units, each)), decisions[0])
        return Decision(
            job_id=key, action=_common(decisions), reason=shown.reason, figures=shown.figures
        )

    def next_start(self, key: str) -> datetime | None:
        """Return when a job, or the first of a group, is planned to start; None if it is not."""
        keys = self._keys(key)
        return next((item.start for item in self.windows if item.key in keys), None)

    def at_risk(self, key: str) -> bool | None:
        """Return whether the deadline of a job, or one of a group, may be missed.

        None where there is none, or nobody knows the work that is left.
        """
        risks = [risk for each in self._keys(key) if (risk := self._risk(each)) is not None]
        return any(risks) if risks else None

    def _keys(self, key: str) -> Sequence[str]:
        return (key,) if key in self.units else self.of_group.get(key, ())

    def _risk(self, key: str) -> bool | None:
        unit, watch = self.units[key], self.verdict.watches.get(key)
        if unit.deadline is None or watch is None:
            return None
        return watch.at_risk if unit.task or watch.at_risk else None


def shall_run(units: Mapping[str, Unit], decision: Decision) -> bool:
    """Return whether a job runs by a decision: one that is kept as it is, if it does."""
    if decision.action is Action.KEEP:
        return units[decision.job_id].flexible.running
    return decision.action is Action.RUN


def _common(decisions: Iterable[Decision]) -> Action:
    actions = {decision.action for decision in decisions} - {Action.KEEP}
    return actions.pop() if len(actions) == 1 else Action.RUN if actions else Action.KEEP
