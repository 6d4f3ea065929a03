"""Sensors of the schedule: what its plan saves, and why a job runs or waits."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)

from .control.reasons import Reason
from .job_status import ENDED, is_group
from .quantities import Value
from .schedule_entities import DecisionEntity, ZoneScheduleEntity
from .scheduler import ZoneScheduler

FORECAST_SAVING = SensorEntityDescription(
    key="forecast_saving",
    translation_key="forecast_saving",
    state_class=SensorStateClass.MEASUREMENT,  # no sum: money as Home Assistant has it is one
    suggested_display_precision=2,
)
REASON = SensorEntityDescription(
    key="reason",
    translation_key="reason",
    device_class=SensorDeviceClass.ENUM,
    options=list(Reason),
)


class ForecastSavingSensor(ZoneScheduleEntity, SensorEntity):
    """What the plan saves against running all at once; unknown without a plan or its power."""

    _unrecorded_attributes = frozenset({"cost", "cost_at_once", "held_power_assumed", "until"})

    def __init__(self, coordinator: ZoneScheduler, description: SensorEntityDescription) -> None:
        super().__init__(coordinator, description)
        self._attr_native_unit_of_measurement = coordinator.currency

    @property
    @override
    def native_value(self) -> Value:
        decided = self.coordinator.data
        return round(decided.money.saving, 4) if decided and decided.money else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        decided = self.coordinator.data
        if decided is None or decided.money is None:
            return None
        return {
            "cost": round(decided.money.cost, 4),
            "cost_at_once": round(decided.money.cost_at_once, 4),
            "held_power_assumed": decided.money.held_assumed,
            "until": decided.planned_until,
        }


class JobReasonSensor(DecisionEntity, SensorEntity):
    """Why a job runs or waits, and the figures that this rests on."""

    _unrecorded_attributes = frozenset({"figures", "decided_at", "next_start"})

    @property
    @override
    def native_value(self) -> Value:
        decision = self.decided.decision(self.key) if self.decided else None
        job = self.job
        ended = job is not None and job.state in ENDED and not is_group(job)
        return None if decision is None or ended else decision.reason

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        decided = self.decided
        if decided is None or (decision := decided.decision(self.key)) is None:
            return None
        return {
            "figures": dict(decision.figures),
            "decided_at": decided.at,
            "next_start": decided.next_start(self.key),
        }
