"""The policies that are compared; one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .emhass import DeferrableLoad
from .ours import Ours
from .policies import AlwaysOn, NightClock, ThermostatFollower
from .score import ALWAYS_ON
from .thresholds import BestHours, PauseAndResume
from .world import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A policy, made anew for each run; `minds_money` where what it does depends on prices."""

    name: str
    make: Callable[[], Policy]
    minds_money: bool


RIVALS: Mapping[str, Rival] = {
    rival.name: rival
    for rival in (
        Rival(name=ALWAYS_ON, make=AlwaysOn, minds_money=False),
        Rival(name="night clock", make=NightClock, minds_money=False),
        Rival(name="thermostat", make=ThermostatFollower, minds_money=False),
        Rival(name="best hours", make=BestHours, minds_money=True),
        Rival(name="pause and resume", make=PauseAndResume, minds_money=True),
        Rival(name="EMHASS", make=DeferrableLoad, minds_money=True),
        Rival(name="ours", make=Ours, minds_money=True),
    )
}
