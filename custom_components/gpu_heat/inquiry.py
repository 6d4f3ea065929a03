"""Puts together what is to be decided on the jobs of a zone, and what came of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from .control.decide import Situation
from .control.outlook import HORIZON
from .control.runs import Run, waits
from .control.task import Task
from .control.verdict import Ahead, Question, Verdict
from .control_memory import ControlMemory
from .coordinator import SourceCoordinator
from .decided import Decided, Money
from .expectation import (
    Forecast,
    building_now,
    comfort_now,
    expect,
    heat_price,
    outdoor_now,
    room_now,
)
from .flexible import Flexible, Unit, key_of
from .heat.seasons import Season
from .heat.tariffs import FollowedPrice
from .plan_windows import windows
from .zone import ZoneCoordinator


class Inquiry:
    """The jobs of a zone at a moment; `question` is what is to be decided on them, as values.

    A demand that is `said`, 0 to 1, goes before the thermostats' and before any plan.
    """

    def __init__(
        self,
        zone: ZoneCoordinator,
        sources: Iterable[SourceCoordinator],
        memory: ControlMemory,
        forecast: Forecast,
        now: datetime,
        *,
        season: Season,
        said: float | None,
    ) -> None:
        """Look at all that counts; `memory` takes in what is seen of the jobs by the way."""
        self._zone = zone
        self._memory = memory
        self._forecast = forecast
        self._now = now
        self._season = season
        self._demand = zone.demand(season, said)
        self._units: dict[str, Unit] = {}
        self._places: dict[str, int] = {}
        self._rest_w = 0.0
        self._captured: list[tuple[float, float]] = []
        for source in sources:
            if source.snapshot:
                self._look(source)
        tasks = {key: unit.task for key, unit in self._units.items() if unit.task}
        ahead = self._ahead() if tasks and said is None else None
        self.question = Question(
            situation=self._situation(),
            jobs=[unit.flexible for unit in self._units.values()],
            tasks=tasks,
            due_h={key: unit.due_h for key, unit in self._units.items() if unit.due_h is not None},
            places=self._places,
            ahead=ahead,
        )

    def decided(self, verdict: Verdict) -> Decided:
        """Return what was decided, with what it rests on."""
        plan, now, forecast = verdict.plan, self._now, self._forecast
        of_group: dict[str, list[str]] = {}
        for key, unit in self._units.items():
            if unit.job.group:
                of_group.setdefault(key_of(unit.source, unit.job.group), []).append(key)
        money = None
        if plan and all(self._units[key].power_w is not None for key in plan.runs):
            money = Money(
                cost=plan.cost,
                cost_at_once=plan.cost_at_once,
                held_assumed=any(self._waits_unknown(key, runs) for key, runs in plan.runs.items()),
            )
        followed = isinstance(self._zone.settings.rules.tariff.prices, FollowedPrice)
        told_until = forecast.prices.end if forecast.prices else None
        return Decided(
            at=now,
            season=self._season,
            demand=self._demand,
            heat_loss=self._memory.heat_loss,
            units=self._units,
            of_group=of_group,
            verdict=verdict,
            windows=tuple(windows(plan, now, self._units)) if plan else (),
            weather_until=forecast.outdoor.end if forecast.outdoor else None,
            prices_until=told_until if followed else now + HORIZON,
            planned_until=now + timedelta(hours=plan.edges[-1]) if plan else None,
            money=money,
        )

    def _waits_unknown(self, key: str, runs: Sequence[Run]) -> bool:
        unit = self._units[key]
        return not unit.held_known and unit.task is not None and bool(waits(unit.task, runs))

    def _look(self, source: SourceCoordinator) -> None:
        key = source.subentry.subentry_id
        flexible = Flexible(
            source,
            self._now,
            max_delay=self._zone.settings.control.max_delay,
            part_w=self._memory.part_w.get(key),
            most_seen=self._memory.most_seen,
        )
        if (part_w := flexible.load.part_w) is not None:
            self._memory.part_w[key] = part_w
        self._memory.most_seen |= flexible.most_seen
        self._places |= flexible.places
        self._units |= {unit.key: unit for unit in flexible.units}
        tasks = [unit.task for unit in flexible.units if unit.task]
        drawn_w = sum(_drawn_w(task) for task in tasks)
        planned_w = sum(task.power_w for task in tasks)
        power_w = source.snapshot.power_w if source.snapshot else None
        self._rest_w += max((power_w or 0.0) - drawn_w, 0.0)
        captured = float(self._zone.book.conditions.captures.get(key, 1))
        self._captured.append((planned_w, captured))

    def _ahead(self) -> Ahead | None:
        """Return what is known of the time ahead; None where that is too little for a plan."""
        expected = expect(
            self._zone,
            self._memory.usual,
            self._memory.targets,
            self._forecast,
            self._season,
            self._now,
            self._memory.mass.mass_c,
        )
        if expected is None:
            return None
        planned_w = sum(power_w for power_w, _ in self._captured)
        captured_w = sum(power_w * captured for power_w, captured in self._captured)
        return Ahead(
            expected=expected,
            building=building_now(self._zone, self._memory.heat_loss),
            zone=self._zone.settings.rules.zone,
            capture=captured_w / planned_w if planned_w else 1.0,
            other_w=self._rest_w,
        )

    def _situation(self) -> Situation:
        zone, now = self._zone, self._now
        rules, conditions, price = zone.settings.rules, zone.book.conditions, zone.price(now)
        room_c = room_now(zone.rooms)
        comfort_c = comfort_now(zone.rooms, self._memory.targets, self._season, now)
        heat = None
        if price is not None:
            outdoor_c = outdoor_now(zone, self._forecast, now)
            heat = heat_price(rules, conditions, float(price), outdoor_c)
        return Situation(
            now=now,
            season=self._season,
            demand=self._demand,
            minimum=zone.settings.control.minimum,
            above_comfort_k=None if room_c is None or comfort_c is None else room_c - comfort_c,
            price=None if price is None else float(price),
            heat_price=heat,
        )


def _drawn_w(task: Task) -> float:
    """Return what a job draws now, as the plan counts it: while it waits, what it holds."""
    if task.running:
        return task.power_w
    return task.held_w if task.started else 0.0
