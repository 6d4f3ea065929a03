"""Decides now which jobs of a zone run, and has it done."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .agent.models import Job
from .control.follow import Action, Decision, Demand, decide, demand_now
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .heat.seasons import Season
from .holds import Hold
from .job_status import listed
from .job_targets import async_switch_of

# How long a pause stands when nobody decides anew: an automation that no longer runs
# must not leave work waiting.
DECISION_STANDS = timedelta(hours=2)


async def async_schedule(
    hass: HomeAssistant,
    entry: GpuHeatConfigEntry,
    *,
    season: Season | None,
    demand: float | None,
    dry_run: bool,
) -> dict[str, Any]:
    """Decide for each job of the zone, and apply it unless it is a dry run.

    `season` and `demand` (in percent) stand in for the zone's own. Returns a JSON
    document that says what was done to which job, and why.
    """
    zone = entry.runtime_data.zone
    now = dt_util.utcnow()
    season = season or zone.season
    wish = demand_now(season, zone.rooms, demand)
    outcomes = []
    for source in entry.runtime_data.sources.values():
        jobs = {job.id: job for job in listed(source.snapshot.jobs)} if source.snapshot else {}
        flexible = [source.holds.flexible(job, now) for job in jobs.values()]
        decisions = list(decide(flexible, wish, now, zone.settings.control.minimum))
        outcomes += await asyncio.gather(
            *(
                _apply(hass, source, jobs[decision.job_id], decision, wish, now, dry_run)
                for decision in decisions
            )
        )
        if not dry_run and any(decision.action is not Action.KEEP for decision in decisions):
            await source.async_refresh()
    return {
        "zone": entry.title,
        "season": season,
        "heat_wanted": wish.wanted,
        "reason": wish.reason,
        "dry_run": dry_run,
        "offline_sources": list(zone.data.offline),
        "jobs": outcomes,
    }


async def _apply(
    hass: HomeAssistant,
    source: SourceCoordinator,
    job: Job,
    decision: Decision,
    demand: Demand,
    now: datetime,
    dry_run: bool,
) -> dict[str, Any]:
    error = None
    if not dry_run:
        try:
            if decision.action is Action.PAUSE:
                until = now + DECISION_STANDS
                job = await source.async_pause(
                    job.id, Hold(paused=True, manual=False, reason=decision.reason, until=until)
                )
            elif decision.action is Action.RUN:
                job = await source.async_let_go(job.id, decision.reason)
            elif decision.reason is demand.reason and demand.wanted is False:
                source.holds.prolong(job.id, now + DECISION_STANDS)
        except HomeAssistantError as err:
            error = str(err)
    return {
        "entity_id": async_switch_of(hass, source, job.id),
        "job_id": job.id,
        "name": job.name,
        "action": decision.action,
        "reason": decision.reason,
        "state": job.state,
        "paused_by_us": job.paused_by_us,
        "error": error or job.error,
    }
