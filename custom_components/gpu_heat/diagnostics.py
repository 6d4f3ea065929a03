"""What a user may attach to a bug report: no token, no address, no name, no GPU's serial."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
import hashlib
import hmac
from typing import Any

from homeassistant.components.diagnostics import REDACTED
from homeassistant.const import CONF_ID, CONF_PORT, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
from yarl import URL

from .agent.models import Job, Snapshot, Vendor, to_json
from .const import (
    CONF_CAPTURE,
    CONF_CAPTURE_ENTITY,
    CONF_CIRCUIT_CURRENT,
    CONF_CIRCUIT_VOLTAGE,
    CONF_ENERGY,
    CONF_FLEET,
    CONF_JOBS,
    CONF_KIND,
    CONF_MAX_GAP,
    CONF_METERS,
    CONF_METRIC,
    CONF_METRIC_LABEL,
    CONF_METRIC_UNIT,
    CONF_PLUG_ENERGY,
    CONF_PLUG_POWER,
    CONF_POWER,
    CONF_TLS,
)
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .scheduler import ZoneScheduler

# What may be shown of a source's data and of its meters: all else is not.
_SHOWN = frozenset(
    {
        CONF_CAPTURE,
        CONF_CAPTURE_ENTITY,
        CONF_CIRCUIT_CURRENT,
        CONF_CIRCUIT_VOLTAGE,
        CONF_ENERGY,
        CONF_FLEET,
        CONF_KIND,
        CONF_MAX_GAP,
        CONF_METRIC,
        CONF_METRIC_LABEL,
        CONF_METRIC_UNIT,
        CONF_PLUG_ENERGY,
        CONF_PLUG_POWER,
        CONF_PORT,
        CONF_POWER,
        CONF_TLS,
        CONF_VERIFY_SSL,
    }
)

type Alias = Callable[[str], str]
"""Returns what stands for an id: the same for the same one, and nothing that tells of it."""


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: GpuHeatConfigEntry
) -> dict[str, Any]:
    """Return the settings, totals and last readings of a zone."""
    zone = entry.runtime_data.zone
    secret = (await instance_id.async_get(hass)).encode()

    def alias(text: str) -> str:
        return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()[:8]

    return {
        "options": dict(entry.options),
        "season": zone.data.season,
        "useful_share": str(zone.data.useful_share),
        "conditions": zone.book.conditions.to_json(),
        "totals": zone.book.ledger.to_json()["totals"],
        "closed_books": zone.book.ledger.to_json()["closed"],
        "sources": [_source(source, alias) for source in entry.runtime_data.sources.values()],
        "schedule": _schedule(entry.runtime_data.scheduler),
    }


def _schedule(scheduler: ZoneScheduler) -> dict[str, Any]:
    """Return what was decided last, and what that rests on."""
    decided = scheduler.data
    if decided is None:
        return {"automatic": scheduler.automatic}
    decisions = decided.verdict.decisions.values()
    return {
        "automatic": scheduler.automatic,
        "decided_at": decided.at.isoformat(),
        "heat_demand": decided.demand.level,
        "heat_loss": asdict(decided.heat_loss),
        "weather_until": decided.weather_until and decided.weather_until.isoformat(),
        "prices_until": decided.prices_until and decided.prices_until.isoformat(),
        "planned_until": decided.planned_until and decided.planned_until.isoformat(),
        "windows": len(decided.windows),
        "saving": decided.money.saving if decided.money else None,
        "reasons": Counter(decision.reason for decision in decisions),
        "failures": len(scheduler.failures),
    }


def _source(source: SourceCoordinator, alias: Alias) -> dict[str, Any]:
    last = source.data or source.profile
    return {
        "data": redacted_data(source.subentry.data, alias),
        "online": source.last_update_success,
        "failure": type(source.failure).__name__ if source.failure else None,
        "energy_origins": Counter(
            device.energy_origin
            for device in (last.devices if last else ())
            if device.energy_j is not None
        ),
        "jobs": len(last.jobs) if last else 0,
        "plausibility": {alias(key): item for key, item in source.health.figures().items()},
        "last": redacted_snapshot(last, alias) if last else None,
    }


def redacted_data(data: Mapping[str, Any], alias: Alias) -> dict[str, Any]:
    """Return a source's data without what lets anyone in, or tells whose or where it is."""
    shown = {key: value if key in _SHOWN else REDACTED for key, value in data.items()}
    if CONF_URL in data:
        shown[CONF_URL] = f"{URL(data[CONF_URL]).scheme}://{REDACTED}"
    if CONF_METERS in data:
        shown[CONF_METERS] = [
            {**redacted_data(row, alias), CONF_ID: alias(row[CONF_ID])} for row in data[CONF_METERS]
        ]
    if CONF_JOBS in data:
        shown[CONF_JOBS] = len(data[CONF_JOBS])
    return shown


def redacted_snapshot(snapshot: Snapshot, alias: Alias) -> dict[str, Any]:
    """Return a snapshot whose devices can be told apart, and no more. A GPU's name is its model."""
    devices = [
        {
            **to_json(device),
            "id": alias(device.id),
            "host": alias(device.host) if device.host else None,
            "name": REDACTED if device.vendor is Vendor.OTHER else device.name,
        }
        for device in snapshot.devices
    ]
    return {
        **to_json(snapshot),
        "agent": {
            "id": alias(snapshot.agent.id),
            "version": snapshot.agent.version,
            "started_at": snapshot.agent.started_at.isoformat(),
        },
        "devices": devices,
        "jobs": [_job(job, alias) for job in snapshot.jobs],
    }


def _job(job: Job, alias: Alias) -> dict[str, Any]:
    return {
        **to_json(job),
        "id": alias(job.id),
        "name": REDACTED,
        "group": alias(job.group) if job.group else None,
        "devices": [alias(device) for device in job.devices],
        "reason": REDACTED if job.reason else None,
        "error": REDACTED if job.error else None,
    }
