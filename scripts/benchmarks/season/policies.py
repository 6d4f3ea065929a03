"""Simple rivals: no planning, a clock, the thermostat."""

from collections.abc import Collection
from typing import override

from .guard import guarded, in_turn
from .workload import GPUS
from .world import Policy, View

NIGHT_HOURS = range(7)


class AlwaysOn(Policy):
    """Runs each job as soon as there is a GPU, the earliest deadline first, without a pause."""

    @override
    def decide(self, view: View) -> Collection[str]:
        return [state.id for state in in_turn(view)[:GPUS]]


class NightClock(Policy):
    """Runs jobs from midnight to 7 h, and when they must."""

    @override
    def decide(self, view: View) -> Collection[str]:
        return guarded(view, _all(view) if view.now.hour in NIGHT_HOURS else ())


class ThermostatFollower(Policy):
    """Runs jobs while the heater is on, and when they must."""

    @override
    def decide(self, view: View) -> Collection[str]:
        return guarded(view, _all(view) if view.heating else ())


def _all(view: View) -> set[str]:
    return {state.id for state in view.jobs}
