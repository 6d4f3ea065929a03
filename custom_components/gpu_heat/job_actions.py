"""The actions pause_jobs and resume_jobs: what is done to which job, and what came of it."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType
import voluptuous as vol

from .agent.models import Job
from .holds import Hold
from .job_status import MOST_MEMBERS, is_group
from .job_targets import ATTR_JOBS, JobTarget, async_job_targets, async_switch_of, unknown_jobs

ATTR_DURATION = "duration"
ATTR_REASON = "reason"

_BY_HAND = "manual"
_MOST_IDS = 250

# An agent takes leases of a minute and more.
_DURATION = vol.All(cv.positive_time_period, vol.Range(min=timedelta(minutes=1)))

JOB_SCHEMA = vol.Schema(
    {
        **cv.ENTITY_SERVICE_FIELDS,
        vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        vol.Optional(ATTR_JOBS): vol.All(
            cv.ensure_list, [cv.string], vol.Length(min=1, max=_MOST_IDS)
        ),
        vol.Optional(ATTR_DURATION): _DURATION,
        vol.Optional(ATTR_REASON): vol.All(cv.string, vol.Length(max=200)),
    }
)


async def async_act(hass: HomeAssistant, call: ServiceCall, *, paused: bool) -> ServiceResponse:
    """Pause or resume the jobs of a call; answer what became of each.

    What fails for some is told with them. Raises the first error if it fails for all.
    """
    targets = await async_job_targets(hass, call)
    hold = _hold(call, paused=paused)
    results = await asyncio.gather(
        *(_act(item, hold, paused=paused) for item in targets.jobs), return_exceptions=True
    )
    sources = {item.source for item in targets.jobs}
    await asyncio.gather(*(source.async_refresh() for source in sources))
    failures = [result for result in results if isinstance(result, BaseException)]
    unexpected = [err for err in failures if not isinstance(err, HomeAssistantError)]
    if unexpected or len(failures) == len(results):
        raise (unexpected or failures)[0]
    reason = call.data.get(ATTR_REASON, _BY_HAND)
    rows: list[JsonValueType] = [
        _row(hass, item, result, hold, reason)
        for item, result in zip(targets.jobs, results, strict=True)
    ]
    rows += [{"job_id": key, "error": str(unknown_jobs([key]))} for key in targets.unknown]
    return {"jobs": rows, "offline_sources": [*targets.offline]}


async def _act(item: JobTarget, hold: Hold | None, *, paused: bool) -> Job:
    if paused and hold:
        return await item.source.async_pause(item.job.id, hold)
    return await item.source.async_resume(item.job.id, hold)


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


def _row(
    hass: HomeAssistant,
    item: JobTarget,
    result: Job | BaseException,
    hold: Hold | None,
    reason: str,
) -> dict[str, Any]:
    """Return what became of a job, by its engine's last word."""
    failure = str(result) if isinstance(result, BaseException) else None
    answered = item.job if isinstance(result, BaseException) else result
    job = item.source.job(item.job.id) or answered
    row: dict[str, Any] = {
        "entity_id": async_switch_of(hass, item.source, job.id),
        **_told(job),
        "reason": reason,
        "until": hold.until.isoformat() if hold and hold.until and not failure else None,
        "error": failure or job.error,
    }
    if is_group(job):
        members = item.source.members(job.id)
        row["jobs"] = [
            {**_told(member), "error": member.error} for member in members[:MOST_MEMBERS]
        ]
    return row


def _told(job: Job) -> Mapping[str, Any]:
    return {
        "job_id": job.id,
        "name": job.name,
        "state": job.state,
        "paused_by_us": job.paused_by_us,
    }
