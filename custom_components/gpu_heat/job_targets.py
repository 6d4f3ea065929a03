"""Which jobs an action is about: those of entities, devices, areas, zones, or named by id."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.switch import DOMAIN as SWITCH_DOMAIN
from homeassistant.const import (
    ATTR_CONFIG_ENTRY_ID,
    ATTR_DEVICE_ID,
    ATTR_ENTITY_ID,
    ATTR_LABEL_ID,
    ENTITY_MATCH_ALL,
)
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import (
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
    service,
    target,
)

from .agent.models import Job
from .const import DOMAIN, LOGGER
from .coordinator import GpuHeatConfigEntry, SourceCoordinator
from .job_status import listed

ATTR_JOBS = "jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTarget:
    """One job or group of a source, as it was when it was found."""

    source: SourceCoordinator
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTargets:
    """What an action is about: jobs, ids that no job has, and names of sources that are off."""

    jobs: list[JobTarget]
    unknown: list[str]
    offline: list[str]


class _Named:
    """The jobs that an action names as a whole, and the sources where it has ids looked up."""

    def __init__(self) -> None:
        self.jobs: dict[tuple[str, str], JobTarget] = {}
        self.sources: dict[str, SourceCoordinator] = {}

    def add(self, source: SourceCoordinator, job_ids: Iterable[str] | None = None) -> None:
        """Add some jobs of a source, or all of them."""
        key = source.subentry.subentry_id
        self.sources[key] = source
        if job_ids is None:
            job_ids = [job.id for job in listed(source.snapshot.jobs)] if source.snapshot else ()
        for job_id in job_ids:
            if job := source.job(job_id):
                self.jobs[key, job_id] = JobTarget(source=source, job=job)


@callback
def async_switch_of(hass: HomeAssistant, source: SourceCoordinator, job_id: str) -> str | None:
    """Return the entity id of a job's switch; a job of a group has none."""
    return er.async_get(hass).async_get_entity_id(
        SWITCH_DOMAIN, DOMAIN, f"{source.subentry.subentry_id}_job_{job_id}_running"
    )


async def async_job_targets(hass: HomeAssistant, call: ServiceCall) -> JobTargets:
    """Return the jobs of an action. A list of ids chooses among those that are named besides.

    Raises ServiceValidationError where nothing is named or nothing that has a job,
    HomeAssistantError where no source of it answers, Unauthorized.
    """
    ids: list[str] | None = call.data.get(ATTR_JOBS)
    by_target = any(key in call.data for key in cv.ENTITY_SERVICE_FIELDS)
    zone_id: str | None = call.data.get(ATTR_CONFIG_ENTRY_ID)
    named = _Named()
    if zone_id is not None:
        _add_zone(named, service.async_get_config_entry(hass, DOMAIN, zone_id))
    if by_target:
        _add_target(hass, named, call.data)
    if not by_target and zone_id is None:
        if not ids:
            raise _invalid("jobs_not_named")
        for entry in _zones(hass):
            _add_zone(named, entry)
    sources = list(named.sources.values())
    found, unknown = list(named.jobs.values()), list[str]()
    if ids is not None:
        found, unknown = _by_ids(sources, dict.fromkeys(ids))
    offline = [source.subentry.title for source in sources if source.snapshot is None]
    if not found:
        if offline:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="sources_offline",
                translation_placeholders={"sources": ", ".join(offline)},
            )
        raise unknown_jobs(unknown) if unknown else _invalid("no_jobs")
    await _check_allowed(hass, call, found)
    return JobTargets(jobs=found, unknown=unknown, offline=offline)


def unknown_jobs(ids: Iterable[str]) -> ServiceValidationError:
    """Return the error that there are no jobs with these ids."""
    return _invalid("job_unknown", jobs=", ".join(ids))


def _by_ids(
    sources: Iterable[SourceCoordinator], ids: Iterable[str]
) -> tuple[list[JobTarget], list[str]]:
    """Return the jobs that have the ids, and the ids that none has."""
    found: list[JobTarget] = []
    unknown: list[str] = []
    for job_id in ids:
        having = [
            JobTarget(source=source, job=job) for source in sources if (job := source.job(job_id))
        ]
        if len(having) > 1:
            names = ", ".join(item.source.subentry.title for item in having)
            raise _invalid("job_of_several", job=job_id, sources=names)
        found += having
        if not having:
            unknown.append(job_id)
    return found, unknown


def _add_zone(named: _Named, entry: GpuHeatConfigEntry) -> None:
    for source in entry.runtime_data.sources.values():
        named.add(source)


def _zones(hass: HomeAssistant) -> list[GpuHeatConfigEntry]:
    return hass.config_entries.async_loaded_entries(DOMAIN)


def _add_target(hass: HomeAssistant, named: _Named, data: dict[str, Any]) -> None:
    """Add what a target has, as Home Assistant expands it, and all jobs of zones and sources.

    A zone is no parent of its sources' devices. Where it is named itself, or by its label, all
    is meant; where it is found in an area, only what has no area of its own.
    """
    if data.get(ATTR_ENTITY_ID) == ENTITY_MATCH_ALL:
        for entry in _zones(hass):
            _add_zone(named, entry)
        return
    selected = target.async_extract_referenced_entity_ids(hass, target.TargetSelection(data))
    devices = dr.async_get(hass)
    own: set[str] = {*_as_list(data.get(ATTR_DEVICE_ID))}
    for label in _as_list(data.get(ATTR_LABEL_ID)):
        own |= {device.id for device in dr.async_entries_for_label(devices, label)}
    for entry in _zones(hass):
        sources = entry.runtime_data.sources
        zone = _device_id(hass, entry, entry.entry_id)
        for key, source in sources.items():
            if zone in own or _device_id(hass, entry, key) in own:
                named.add(source)
            elif zone in selected.referenced_devices:
                named.add(source, _without_area(hass, entry, source))
    _add_entities(hass, named, selected)


def _add_entities(hass: HomeAssistant, named: _Named, selected: target.SelectedEntities) -> None:
    """Add the jobs of switches; what is named itself and is no job's is logged, as always."""
    missing = set(selected.referenced)
    sources = {
        key: source for entry in _zones(hass) for key, source in entry.runtime_data.sources.items()
    }
    for entity_id in selected.referenced | selected.indirectly_referenced:
        entity = er.async_get(hass).async_get(entity_id)
        if entity is None or entity.platform != DOMAIN or entity.domain != SWITCH_DOMAIN:
            continue
        key = entity.config_subentry_id or ""
        job_id = entity.unique_id.removeprefix(f"{key}_job_").removesuffix("_running")
        if key in sources and entity.unique_id == f"{key}_job_{job_id}_running":
            named.add(sources[key], [job_id])
            missing.discard(entity_id)
    selected.log_missing(missing, LOGGER)


def _without_area(
    hass: HomeAssistant, entry: GpuHeatConfigEntry, source: SourceCoordinator
) -> Iterator[str]:
    """Yield the jobs of a source whose device stands in no area."""
    registry, key = dr.async_get(hass), source.subentry.subentry_id
    for job in listed(source.snapshot.jobs) if source.snapshot else ():
        device = registry.async_get_child_device_by_identifier(
            (DOMAIN, f"{key}_job_{job.id}"), entry.entry_id
        )
        if device is None or dr.async_get_effective_area_id(hass, device) is None:
            yield job.id


def _device_id(hass: HomeAssistant, entry: GpuHeatConfigEntry, identifier: str) -> str | None:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, identifier), entry.entry_id)
    return device.id if device else None


def _as_list(ids: str | list[str] | None) -> list[str]:
    return ids if isinstance(ids, list) else []


async def _check_allowed(hass: HomeAssistant, call: ServiceCall, found: list[JobTarget]) -> None:
    """Raise Unauthorized unless the user of an action may switch each of its jobs."""
    if call.context.user_id is None:
        return
    user = await hass.auth.async_get_user(call.context.user_id)
    if user is None:
        raise UnknownUser(context=call.context)
    if user.is_admin or user.permissions.access_all_entities(POLICY_CONTROL):
        return
    for item in found:
        entity_id = async_switch_of(hass, item.source, item.job.group or item.job.id)
        if entity_id is None or not user.permissions.check_entity(entity_id, POLICY_CONTROL):
            raise Unauthorized(context=call.context, entity_id=entity_id, permission=POLICY_CONTROL)


def _invalid(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )
