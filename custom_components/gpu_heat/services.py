"""Actions for people's own automations."""

from functools import partial
from typing import Any

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv, service
import voluptuous as vol

from .calculator import ESTIMATE_SCHEMA, answer
from .const import DOMAIN
from .coordinator import GpuHeatConfigEntry
from .heat.seasons import Season
from .heat.units import kwh
from .job_actions import JOB_SCHEMA, async_act
from .schedule import async_schedule

ATTR_DEMAND = "demand"
ATTR_DRY_RUN = "dry_run"
ATTR_SEASON = "season"

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
        hass.services.async_register(
            DOMAIN,
            name,
            partial(async_act, hass, paused=paused),
            schema=JOB_SCHEMA,
            supports_response=SupportsResponse.OPTIONAL,
        )

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
