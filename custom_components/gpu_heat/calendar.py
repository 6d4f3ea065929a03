"""The planned run windows of a zone's jobs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.calendar import (
    CalendarEntity,
    CalendarEntityDescription,
    CalendarEvent,
)
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.translation import async_get_cached_translations, async_get_translations
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import GpuHeatConfigEntry
from .plan_windows import Window
from .schedule_entities import ZoneScheduleEntity

PARALLEL_UPDATES = 0

PLAN = CalendarEntityDescription(key="plan", translation_key="plan")

_REASON = f"component.{DOMAIN}.entity.{Platform.SENSOR}.reason.state."
_TEXT = f"component.{DOMAIN}.common.plan_"


async def async_setup_entry(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the plan of a zone."""
    async_add_entities([PlanCalendar(entry.runtime_data.scheduler, PLAN)])


@dataclass
class PlanEvent(CalendarEvent):
    """A run window, which may end before it begins by the clock that is set back in it.

    Home Assistant takes that for a mistake, as it checks events by the local clock.
    """

    @override
    def __post_init__(self) -> None:
        """Accept it."""


class PlanCalendar(ZoneScheduleEntity, CalendarEntity):
    """One event for each time in which a job is planned to run, until it is planned anew."""

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        language = self.hass.config.language
        for category in ("entity", "common"):
            await async_get_translations(self.hass, language, category, {DOMAIN})

    @property
    @override
    def event(self) -> CalendarEvent | None:
        now = dt_util.utcnow()
        return next((self._event(item) for item in self._windows() if item.end > now), None)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        return [
            self._event(item)
            for item in self._windows()
            if item.start < end_date and item.end > start_date
        ]

    def _windows(self) -> Iterator[Window]:
        decided = self.coordinator.data
        yield from decided.windows if decided else ()

    def _event(self, window: Window) -> CalendarEvent:
        return PlanEvent(
            start=dt_util.as_local(window.start),
            end=dt_util.as_local(window.end),
            summary=window.name,
            description="\n".join(self._lines(window)),
            uid=f"{window.key} {window.start.isoformat()}",
        )

    def _lines(self, window: Window) -> Iterator[str]:
        language = self.hass.config.language
        reasons = async_get_cached_translations(self.hass, language, "entity", DOMAIN)
        texts = async_get_cached_translations(self.hass, language, "common", DOMAIN)
        yield reasons.get(f"{_REASON}{window.reason}", window.reason)
        if window.heat_kwh is not None:
            heat = texts.get(f"{_TEXT}heat", "{heat} kWh")
            yield heat.format(heat=f"{window.heat_kwh:.1f}")
        if window.cost is not None:
            cost = texts.get(f"{_TEXT}cost", "{cost} {currency}")
            currency = self.coordinator.currency
            yield cost.format(cost=f"{window.cost:.2f}", currency=currency)
