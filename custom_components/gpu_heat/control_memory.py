"""What the schedule of a zone keeps over restarts: what it learned, and what it is to do."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

from .const import DOMAIN, LOGGER
from .control.heat_day import HeatDayTally, HeatSample
from .control.heat_loss import MOST_DAYS, HeatDay, HeatLoss, learn
from .control.mass import MassTemperature
from .control.target_profile import TargetProfile
from .control.usual import UsualWeather


@dataclass(frozen=True, slots=True, kw_only=True)
class Trim:
    """A power limit in W that was set by the schedule, and the one before."""

    set_w: float
    before_w: float


@dataclass(slots=True, kw_only=True)
class ControlMemory:
    """What is kept. By source: `part_w` of each job; by group: how many were `most_seen` running.

    `trims` are by device, those of all sources.
    """

    usual: UsualWeather
    automatic: bool = False
    targets: TargetProfile = field(default_factory=TargetProfile)
    tally: HeatDayTally = field(default_factory=HeatDayTally)
    days: list[HeatDay] = field(default_factory=list)
    mass: MassTemperature = field(default_factory=MassTemperature)
    part_w: dict[str, float] = field(default_factory=dict)
    most_seen: dict[str, int] = field(default_factory=dict)
    trims: dict[str, Trim] = field(default_factory=dict)
    heat_loss: HeatLoss = field(init=False)

    def __post_init__(self) -> None:
        self.heat_loss = learn(self.days)

    def tell(
        self,
        local: datetime,
        *,
        outdoor_c: float | None,
        target_c: float | None,
        sample: HeatSample | None,
    ) -> None:
        """Take in what is known now, of which each may be None."""
        told_at = self.usual.told_at
        if outdoor_c is not None and (told_at is None or _hour(told_at) != _hour(local)):
            self.usual.tell(local, outdoor_c)
        if target_c is not None:
            self.targets.tell(local, target_c)
        if (day := self.tally.tell(local, sample)) and day.tells:
            self.days = [*self.days, day][-MOST_DAYS:]
            self.heat_loss = learn(self.days)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        return {
            "automatic": self.automatic,
            "usual": self.usual.to_json(),
            "targets": self.targets.to_json(),
            "tally": self.tally.to_json(),
            "days": [asdict(day) for day in self.days],
            "mass": self.mass.to_json(),
            "part_w": self.part_w,
            "most_seen": self.most_seen,
            "trims": {key: asdict(trim) for key, trim in self.trims.items()},
        }

    @classmethod
    def from_json(cls, latitude: float, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises KeyError, TypeError, ValueError."""
        return cls(
            automatic=bool(document["automatic"]),
            usual=UsualWeather.from_json(latitude, document["usual"]),
            targets=TargetProfile.from_json(document["targets"]),
            tally=HeatDayTally.from_json(document["tally"]),
            days=[HeatDay(**day) for day in document["days"]],
            mass=MassTemperature.from_json(document["mass"]),
            part_w={key: float(part_w) for key, part_w in document["part_w"].items()},
            most_seen={key: int(seen) for key, seen in document["most_seen"].items()},
            trims={key: Trim(**trim) for key, trim in document["trims"].items()},
        )


def control_store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    """Return the file of what the schedule of a zone keeps."""
    return Store(hass, 1, f"{DOMAIN}.{entry_id}.control", atomic_writes=True)


async def async_load_memory(
    hass: HomeAssistant, store: Store[dict[str, Any]], name: str
) -> ControlMemory:
    """Return what was kept for a zone; what cannot be read is learned anew."""
    latitude = hass.config.latitude
    if document := await store.async_load():
        try:
            return ControlMemory.from_json(latitude, document)
        except (AttributeError, KeyError, TypeError, ValueError) as err:
            LOGGER.warning("What the schedule of %s had learned is not read: %r", name, err)
    return ControlMemory(usual=UsualWeather(latitude=latitude))


def _hour(moment: datetime) -> tuple[str, int]:
    return moment.date().isoformat(), moment.hour
