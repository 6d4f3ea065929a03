"""The kinds of source: the reader that the data of a source subentry asks for."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import (
    CONF_HOST,
    CONF_ID,
    CONF_PORT,
    CONF_TOKEN,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util

from .const import (
    CONF_CAPTURE_ENTITY,
    CONF_ENERGY,
    CONF_FINGERPRINT,
    CONF_JOBS,
    CONF_KIND,
    CONF_LABEL,
    CONF_MAX_GAP,
    CONF_METERS,
    CONF_PLUG_ENERGY,
    CONF_PLUG_POWER,
    CONF_POWER,
    CONF_TLS,
    DOMAIN,
    KIND_AGENT,
    KIND_ENTITIES,
    KIND_NVML,
)
from .inputs import known, read_energy_j, read_power_w
from .local_jobs import jobs_folder, open_jobs
from .sources import Source
from .sources.agent import AgentSource
from .sources.entities import Entities, EntitiesSource, EntityMeter, PluggedSource
from .sources.nvml import NvmlSource

_NOISE_W = 1.0  # below zero: what a plug may say that carries nothing

MAX_GAP_S = 300.0
"""Power is summed across a silence of an entity of at most this, unless its owner says else."""


def agent_source(hass: HomeAssistant, data: Mapping[str, Any]) -> AgentSource:
    """Return the client for the data of a source that is an agent. Raises AddressError."""
    return AgentSource(
        async_get_clientsession(hass),
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        token=data[CONF_TOKEN],
        tls=data[CONF_TLS],
        fingerprint=data.get(CONF_FINGERPRINT),
    )


async def async_make_source(
    hass: HomeAssistant, subentry: ConfigSubentry, document: Mapping[str, Any]
) -> Source:
    """Return the reader of a source; `document` is what its `to_json` returned last."""
    data = subentry.data
    source = await _MAKERS[data[CONF_KIND]](hass, subentry, document)
    power, energy = data.get(CONF_PLUG_POWER), data.get(CONF_PLUG_ENERGY)
    if not power and not energy:
        return source
    return PluggedSource(
        source,
        entities(hass),
        power=power,
        energy=energy,
        max_gap_s=MAX_GAP_S,
        document=document,
    )


async def _make_agent(
    hass: HomeAssistant, subentry: ConfigSubentry, document: Mapping[str, Any]
) -> Source:
    return agent_source(hass, subentry.data)


async def _make_nvml(
    hass: HomeAssistant, subentry: ConfigSubentry, document: Mapping[str, Any]
) -> Source:
    jobs = subentry.data.get(CONF_JOBS)
    folder = jobs_folder(hass, subentry.subentry_id)
    return NvmlSource(
        hass.async_add_executor_job,
        key=subentry.subentry_id,
        name=subentry.title,
        now=dt_util.utcnow,
        document=document,
        open_jobs=partial(open_jobs, folder, jobs) if jobs else None,
    )


async def _make_entities(
    hass: HomeAssistant, subentry: ConfigSubentry, document: Mapping[str, Any]
) -> Source:
    data = subentry.data
    return EntitiesSource(
        entities(hass),
        [
            EntityMeter(
                id=row[CONF_ID],
                name=row[CONF_LABEL],
                power=row.get(CONF_POWER),
                energy=row.get(CONF_ENERGY),
            )
            for row in data[CONF_METERS]
        ],
        key=subentry.subentry_id,
        name=subentry.title,
        max_gap_s=data[CONF_MAX_GAP],
        document=document,
    )


type _Maker = Callable[[HomeAssistant, ConfigSubentry, Mapping[str, Any]], Awaitable[Source]]

_MAKERS: Mapping[str, _Maker] = {
    KIND_AGENT: _make_agent,
    KIND_NVML: _make_nvml,
    KIND_ENTITIES: _make_entities,
}


def entities(hass: HomeAssistant) -> Entities:
    """Return what reads powers and energies from entities."""

    def power_w(entity_id: str) -> float | None:
        state = known(hass.states.get(entity_id))
        watts = read_power_w(state) if state else None
        if watts is None or watts < -_NOISE_W:
            return None
        return max(watts, 0.0)

    def energy_j(entity_id: str) -> float | None:
        state = known(hass.states.get(entity_id))
        joules = read_energy_j(state) if state else None
        return None if joules is None or joules < 0 else float(joules)

    return Entities(power_w=power_w, energy_j=energy_j, now=dt_util.utcnow)


def find_source(
    hass: HomeAssistant, unique_id: str | None
) -> tuple[ConfigEntry, ConfigSubentry] | None:
    """Return the zone and the source that have an agent, a library or a page already."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        for subentry in entry.subentries.values():
            if unique_id and subentry.unique_id == unique_id:
                return entry, subentry
    return None


def meter_entities(data: Mapping[str, Any]) -> set[str]:
    """Return the entities that a source is metered by."""
    rows: Iterable[Mapping[str, Any]] = data.get(CONF_METERS, ())
    named = {row.get(key) for row in rows for key in (CONF_POWER, CONF_ENERGY)}
    named |= {data.get(CONF_PLUG_POWER), data.get(CONF_PLUG_ENERGY)}
    return {entity_id for entity_id in named if entity_id}


def source_entities(data: Mapping[str, Any]) -> set[str]:
    """Return all entities that a source depends on."""
    capture = data.get(CONF_CAPTURE_ENTITY)
    return meter_entities(data) | ({capture} if capture else set())
