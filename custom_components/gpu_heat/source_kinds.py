"""The kinds of source: the reader that the data of a source subentry asks for."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
import re
import ssl
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import (
    CONF_HOST,
    CONF_ID,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_TOKEN,
    CONF_URL,
    CONF_USERNAME,
    CONF_VERIFY_SSL,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util

from .const import (
    CONF_CA,
    CONF_CAPTURE_ENTITY,
    CONF_ENERGY,
    CONF_FINGERPRINT,
    CONF_FLEET,
    CONF_JOBS,
    CONF_KIND,
    CONF_LABEL,
    CONF_MAX_GAP,
    CONF_METERS,
    CONF_METRIC,
    CONF_METRIC_LABEL,
    CONF_METRIC_UNIT,
    CONF_PLUG_ENERGY,
    CONF_PLUG_POWER,
    CONF_POWER,
    CONF_TLS,
    DOMAIN,
    KIND_AGENT,
    KIND_ENTITIES,
    KIND_NVML,
    KIND_PROMETHEUS,
)
from .inputs import known, read_energy_j, read_power_w
from .local_jobs import jobs_folder, open_jobs
from .sources import Source, TlsError
from .sources.agent import AgentSource
from .sources.dialects import CustomRow, CustomUnit
from .sources.entities import Entities, EntitiesSource, EntityMeter, PluggedSource
from .sources.nvml import NvmlSource
from .sources.prometheus import Credentials, PrometheusSource

_NOISE_W = 1.0  # below zero: what a plug may say that carries nothing

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

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
    if not plugged(data):
        return source
    return PluggedSource(
        source,
        entities(hass),
        power=data.get(CONF_PLUG_POWER),
        energy=data.get(CONF_PLUG_ENERGY),
        max_gap_s=MAX_GAP_S,
        document=document,
    )


async def _make_agent(
    hass: HomeAssistant, subentry: ConfigSubentry, document: Mapping[str, Any]
) -> Source:
    return agent_source(hass, subentry.data)


async def async_page_source(
    hass: HomeAssistant,
    data: Mapping[str, Any],
    *,
    key: str = "",
    name: str = "",
    document: Mapping[str, Any] | None = None,
) -> PrometheusSource:
    """Return the reader of the page that a source's data name.

    Raises AddressError, TokenError, and TlsError for a certificate that is none.
    """
    custom = None
    if metric := data.get(CONF_METRIC):
        unit = CustomUnit(data[CONF_METRIC_UNIT])
        custom = CustomRow(metric=metric, unit=unit, label=data.get(CONF_METRIC_LABEL))
    credentials: Credentials | None = data.get(CONF_TOKEN)
    if username := data.get(CONF_USERNAME):
        credentials = (username, data[CONF_PASSWORD])
    return PrometheusSource(
        async_get_clientsession(hass),
        url=data[CONF_URL],
        credentials=credentials,
        tls=await _trust(hass, data),
        custom=custom,
        fleet=data[CONF_FLEET],
        name=name,
        key=key,
        now=dt_util.utcnow,
        document=document,
    )


async def _trust(hass: HomeAssistant, data: Mapping[str, Any]) -> bool | ssl.SSLContext:
    """Return whose certificates are trusted, as aiohttp takes it."""
    if data[CONF_VERIFY_SSL] and (authority := data.get(CONF_CA)):
        make = partial(ssl.create_default_context, cadata=authority)
        try:
            return await hass.async_add_executor_job(make)
        except (ssl.SSLError, ValueError) as err:
            raise TlsError("the certificate of the authority is none in PEM form") from err
    return bool(data[CONF_VERIFY_SSL])


async def _make_prometheus(
    hass: HomeAssistant, subentry: ConfigSubentry, document: Mapping[str, Any]
) -> Source:
    return await async_page_source(
        hass, subentry.data, key=subentry.subentry_id, name=subentry.title, document=document
    )


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
    KIND_PROMETHEUS: _make_prometheus,
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


def counted_by(
    hass: HomeAssistant, devices: Iterable[str], *, but: str | None = None
) -> str | None:
    """Return the title of another source that reads one of some devices, by their UUIDs."""
    wanted = {uuid for device in devices if (uuid := _uuid(device))}
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        for key, source in entry.runtime_data.sources.items():
            read = source.profile.devices if source.profile and key != but else ()
            if not wanted.isdisjoint(_uuid(device.id) for device in read):
                return str(source.subentry.title)
    return None


def _uuid(device: str) -> str | None:
    """Return what tells a device from all others in the world; None if its id does not."""
    found = _UUID.search(device)
    return found[0].lower() if found and found[0].strip("0-") else None


def plugged(data: Mapping[str, Any]) -> bool:
    """Return whether a plug measures the whole machine of a source."""
    return bool(data.get(CONF_PLUG_POWER) or data.get(CONF_PLUG_ENERGY))


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
