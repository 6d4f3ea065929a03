"""Actions for people's own automations."""

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.components.switch import DOMAIN as SWITCH_DOMAIN
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    EntityServiceResponse,
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, service
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .agent.models import Job
from .calculator import ESTIMATE_SCHEMA, answer
from .const import DOMAIN
from .coordinator import GpuHeatConfigEntry
from .heat.seasons import Season
from .heat.units import kwh
from .holds import Hold
from .schedule import async_schedule
from .switch import JobSwitch

ATTR_DEMAND = "demand"
ATTR_DRY_RUN = "dry_run"
ATTR_DURATION = "duration"
ATTR_REASON = "reason"
ATTR_SEASON = "season"

_BY_HAND = "manual"

# An agent takes leases of a minute and more.
_DURATION = vol.All(cv.positive_time_period, vol.Range(min=timedelta(minutes=1)))

JOB_SCHEMA = {
    vol.Optional(ATTR_DURATION): _DURATION,
    vol.Optional(ATTR_REASON): vol.All(cv.string, vol.Length(max=200)),
}
SCHEDULE_SCHEMA = vol.Schema(
    {
        vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        vol.Optional(ATTR_DEMAND): vol.All(vol.Coerce(float), vol.Range(min=0, max=100)),
        vol.Optional(ATTR_SEASON): vol.Coerce(Season),
        vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
    }
)
RESET_SCHEMA = vol.Schema({vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string})


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, paused in (("pause_jobs", True), ("resume_jobs", False)):
        _async_register_job_action(hass, name, paused=paused)

    async def schedule_jobs(call: ServiceCall) -> ServiceResponse:
        entry: GpuHeatConfigEntry = service.async_get_config_entry(
            hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID)
        )
        return await async_schedule(
            hass,
            entry,
            season=call.data.get(ATTR_SEASON),
            demand=call.data.get(ATTR_DEMAND),
            dry_run=call.data[ATTR_DRY_RUN],
        )

    hass.services.async_register(
        DOMAIN,
        "schedule_jobs",
        schedule_jobs,
        schema=SCHEDULE_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )

    async def estimate(call: ServiceCall) -> ServiceResponse:
        return answer(hass, call.data)

    hass.services.async_register(
        DOMAIN,
        "estimate",
        estimate,
        schema=ESTIMATE_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )

    async def reset_totals(call: ServiceCall) -> ServiceResponse:
        entry: GpuHeatConfigEntry = service.async_get_config_entry(
            hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID)
        )
        return await _reset(entry)

    hass.services.async_register(
        DOMAIN,
        "reset_totals",
        reset_totals,
        schema=RESET_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )


async def _reset(entry: GpuHeatConfigEntry) -> dict[str, Any]:
    """Reset the sums of a zone; return what they were, as they were shown."""
    zone = entry.runtime_data.zone
    totals = await zone.async_reset()
    return {
        "zone": entry.title,
        "currency": zone.settings.currency,
        "energy_kwh": float(kwh(totals.energy_j)),
        "useful_heat_kwh": float(kwh(totals.useful_heat_j)),
        "electricity_cost": float(totals.electricity_cost),
        "heat_value": float(totals.heat_value),
        "cooling_cost": float(totals.cooling_cost),
        "net_cost": float(totals.net_cost),
        "fuel_displaced": {fuel: float(amount) for fuel, amount in totals.fuel.items()},
    }


@callback
def _async_register_job_action(hass: HomeAssistant, name: str, *, paused: bool) -> None:
    """Register an action on job switches; it fails only if it fails for each of them."""

    async def act(switches: list[JobSwitch], call: ServiceCall) -> EntityServiceResponse:
        hold = _hold(call, paused=paused)
        results = await asyncio.gather(
            *(_act(switch, hold, paused=paused) for switch in switches), return_exceptions=True
        )
        for source in {switch.coordinator for switch in switches}:
            await source.async_refresh()
        failures = [result for result in results if isinstance(result, BaseException)]
        unexpected = [err for err in failures if not isinstance(err, HomeAssistantError)]
        if unexpected or (failures and len(failures) == len(results)):
            raise (unexpected or failures)[0]
        return {
            switch.entity_id: {"error": str(result)}
            if isinstance(result, BaseException)
            else _outcome(result, hold, call.data.get(ATTR_REASON, _BY_HAND))
            for switch, result in zip(switches, results, strict=True)
        }

    service.async_register_batched_platform_entity_service(
        hass,
        DOMAIN,
        name,
        entity_domain=SWITCH_DOMAIN,
        func=act,
        schema=JOB_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )


async def _act(switch: JobSwitch, hold: Hold | None, *, paused: bool) -> Job:
    if paused and hold:
        return await switch.coordinator.async_pause(switch.job_id, hold)
    return await switch.coordinator.async_resume(switch.job_id, hold)


def _hold(call: ServiceCall, *, paused: bool) -> Hold | None:
    """Return the wish of a call. To resume without a duration leaves the job to the schedule."""
    duration: timedelta | None = call.data.get(ATTR_DURATION)
    if not paused and duration is None:
        return None
    return Hold(
        paused=paused,
        manual=True,
        reason=call.data.get(ATTR_REASON, _BY_HAND),
        until=dt_util.utcnow() + duration if duration else None,
    )


def _outcome(job: Job, hold: Hold | None, reason: str) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "name": job.name,
        "state": job.state,
        "reason": reason,
        "until": hold.until.isoformat() if hold and hold.until else None,
    }
