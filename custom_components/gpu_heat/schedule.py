"""The action schedule_jobs: what was decided on which job of a zone, and why."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from homeassistant.core import HomeAssistant

from .agent.models import Job
from .control.reasons import Decision
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .decided import Decided
from .flexible import key_of
from .heat.seasons import Season
from .job_status import MOST_MEMBERS, is_group, listed
from .job_targets import async_switch_of


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
    document that says what was done to which job, and why, and what is planned.
    """
    data = entry.runtime_data
    said = None if demand is None else demand / 100
    decided, failures = await data.scheduler.async_decide(
        season=season, demand=said, dry_run=dry_run
    )
    level, loss, money = decided.demand.level, decided.heat_loss, decided.money
    control = data.zone.settings.control
    return {
        "zone": entry.title,
        "season": decided.season,
        "heat_demand": None if level is None else round(level * 100, 1),
        "heat_wanted": decided.demand.wanted,
        "reason": decided.demand.reason,
        "dry_run": dry_run,
        "offline_sources": list(data.zone.data.offline),
        "jobs": [
            row
            for source in data.sources.values()
            for row in _rows(hass, source, decided, failures)
        ],
        "plan": [
            {
                "job_id": window.job_id,
                "name": window.name,
                "start": window.start.isoformat(),
                "end": window.end.isoformat(),
                "reason": window.reason,
                "heat_kwh": _rounded(window.heat_kwh),
                "cost": _rounded(window.cost),
            }
            for window in decided.windows
        ],
        "saving": _rounded(money.saving) if money else None,
        "held_power_assumed": money.held_assumed if money else None,
        "currency": data.zone.settings.currency,
        "weather_known_until": _moment(decided.weather_until),
        "prices_known_until": _moment(decided.prices_until),
        "heat_loss": {
            "w_per_k": round(control.heat_loss_w_k or loss.loss_w_k, 1),
            "confidence": round(loss.confidence, 2),
            "learned": control.heat_loss_w_k is None and loss.confidence > 0,
        },
    }


def _rows(
    hass: HomeAssistant, source: SourceCoordinator, decided: Decided, failures: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for job in listed(source.snapshot.jobs) if source.snapshot else ():
        if (decision := decided.decision(key_of(source, job.id))) is None:
            continue  # it has come since
        row = {
            "entity_id": async_switch_of(hass, source, job.id),
            **_told(job, decision, failures.get(key_of(source, job.id))),
        }
        if is_group(job) and key_of(source, job.id) in decided.of_group:
            row["jobs"] = [
                _told(member, each, failures.get(key_of(source, member.id)))
                for member in source.members(job.id)[:MOST_MEMBERS]
                if (each := decided.decision(key_of(source, member.id)))
            ]
        yield row


def _told(job: Job, decision: Decision, failure: str | None) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "name": job.name,
        "action": decision.action,
        "reason": decision.reason,
        "figures": dict(decision.figures),
        "state": job.state,
        "paused_by_us": job.paused_by_us,
        "error": failure or job.error,
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
