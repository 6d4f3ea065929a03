"""Triggers for automations: heat is wanted, a job was paused or goes on, one may be late."""

from typing import override

from homeassistant.components.binary_sensor import DOMAIN as BINARY_SENSOR_DOMAIN
from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import (
    EntityTransitionTriggerBase,
    EntityTriggerBase,
    NotTriggeredReasonReporter,
    Trigger,
)

from .automation_targets import ours, wants_heat
from .job_status import JobStatus

_SENSORS = {SENSOR_DOMAIN: DomainSpec()}
_BINARY_SENSORS = {BINARY_SENSOR_DOMAIN: DomainSpec()}

_AT_WORK: set[str | bool] = {JobStatus.RUNNING, JobStatus.QUEUED}
_PAUSED: set[str | bool] = {JobStatus.PAUSED}
_RISK: set[str | bool] = {STATE_ON}
_NO_RISK: set[str | bool] = {STATE_OFF, STATE_UNKNOWN}


class HeatWantedTrigger(EntityTriggerBase):
    """The heat demand of a zone rises above 0."""

    _domain_specs = _SENSORS

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return ours(self._hass, super().entity_filter(entities), "heat_demand")

    @override
    def is_valid_state(
        self, state: State, report_not_triggered: NotTriggeredReasonReporter
    ) -> bool:
        return wants_heat(state)

    @override
    def is_valid_transition(self, from_state: State, to_state: State) -> bool:
        return not wants_heat(from_state)


class _StatusTrigger(EntityTransitionTriggerBase):
    """The status of a job changes."""

    _domain_specs = _SENSORS

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return ours(self._hass, super().entity_filter(entities), "status")


class JobPausedTrigger(_StatusTrigger):
    """A job has begun to wait."""

    _from_states = _AT_WORK | {JobStatus.PAUSING}
    _to_states = _PAUSED


class JobResumedTrigger(_StatusTrigger):
    """A job that waited, or was about to, goes on."""

    _from_states = _PAUSED | {JobStatus.PAUSING}
    _to_states = _AT_WORK


class DeadlineAtRiskTrigger(EntityTransitionTriggerBase):
    """A job may miss its deadline; also one that is new, or has just been given one."""

    _domain_specs = _BINARY_SENSORS
    _excluded_from_states = frozenset({STATE_UNAVAILABLE})
    _from_states = _NO_RISK
    _to_states = _RISK

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return ours(self._hass, super().entity_filter(entities), "deadline_at_risk")


TRIGGERS: dict[str, type[Trigger]] = {
    "heat_wanted": HeatWantedTrigger,
    "job_paused": JobPausedTrigger,
    "job_resumed": JobResumedTrigger,
    "deadline_at_risk": DeadlineAtRiskTrigger,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return TRIGGERS
