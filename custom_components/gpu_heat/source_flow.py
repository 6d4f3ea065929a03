"""The steps that find a source, the same for a zone's first source, a further and a changed one."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry, ConfigSubentryData
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PORT, CONF_TOKEN, CONF_URL
from homeassistant.data_entry_flow import FlowHandler
from homeassistant.helpers.aiohttp_client import async_get_clientsession
import voluptuous as vol

from .const import (
    CONF_FINGERPRINT,
    CONF_FLEET,
    CONF_JOBS,
    CONF_KIND,
    CONF_METERS,
    CONF_METRIC,
    CONF_TLS,
    DEFAULT_PORT,
    KIND_AGENT,
    KIND_ENTITIES,
    KIND_NVML,
    KIND_PROMETHEUS,
    SUBENTRY_SOURCE,
)
from .forms import Findings
from .source_forms import (
    AGENT_FORM,
    CONF_ACCESS,
    ENTITIES_FORM,
    NVML_FORM,
    PROMETHEUS_FORM,
    from_form,
    jobs_findings,
    meters_findings,
    named_jobs,
    named_meters,
    placement_findings,
    prometheus_findings,
    to_form,
    with_fingerprint,
)
from .source_kinds import agent_source, async_page_source, counted_by, find_source
from .sources import (
    AddressError,
    FingerprintError,
    NotASourceError,
    SourceError,
    TlsError,
    TokenError,
    UnreachableError,
    VersionError,
)
from .sources.agent import grouped, unverified_fingerprint
from .sources.nvml import probe_nvml
from .sources.prometheus import page_url

_FORMS: Mapping[str, vol.Schema] = {
    KIND_AGENT: AGENT_FORM,
    KIND_PROMETHEUS: PROMETHEUS_FORM,
    KIND_ENTITIES: ENTITIES_FORM,
    KIND_NVML: NVML_FORM,
}
KINDS = list(_FORMS)

# Where each error of an agent is shown, and as which text.
_AGENT_ERRORS: dict[type[SourceError], tuple[str, str]] = {
    AddressError: (CONF_HOST, "invalid_host"),
    FingerprintError: (CONF_FINGERPRINT, "fingerprint_differs"),
    TlsError: (CONF_TLS, "tls_failed"),
    TokenError: (CONF_TOKEN, "token_rejected"),
    VersionError: (CONF_HOST, "wrong_version"),
    NotASourceError: (CONF_HOST, "not_an_agent"),
    UnreachableError: (CONF_HOST, "cannot_connect"),
}
# Likewise of a page.
_PAGE_ERRORS: dict[type[SourceError], tuple[str, str]] = {
    AddressError: (CONF_URL, "invalid_url"),
    TlsError: (CONF_ACCESS, "tls_failed"),
    TokenError: (CONF_ACCESS, "credentials_rejected"),
    NotASourceError: (CONF_URL, "no_metrics"),
    UnreachableError: (CONF_URL, "page_unreachable"),
}
# The path of a Prometheus server's page of many machines.
_FEDERATE = "/federate"
_EXAMPLES = {
    "example": "http://server:9835/metrics",
    "federate": "http://prometheus:9090/federate?match[]=DCGM_FI_DEV_POWER_USAGE",
}
_STEP_FINGERPRINT = "fingerprint"
_STEP_NVML_MISSING = "nvml_missing"
# There is one such library in Home Assistant's process.
_NVML_ID, _NVML_TITLE = "nvml", "GPUs of this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSource:
    """A source that answers; `unique_id` is None where nothing tells it from others."""

    title: str
    data: Mapping[str, Any]
    unique_id: str | None

    def subentry(self) -> ConfigSubentry:
        """Return it as a subentry that joins a zone."""
        return ConfigSubentry(
            data=MappingProxyType(dict(self.data)),
            subentry_type=SUBENTRY_SOURCE,
            title=self.title,
            unique_id=self.unique_id,
        )

    def subentry_data(self) -> ConfigSubentryData:
        """Return it as a subentry that comes with its zone."""
        return ConfigSubentryData(
            data=dict(self.data),
            subentry_type=SUBENTRY_SOURCE,
            title=self.title,
            unique_id=self.unique_id,
        )


class SourceSteps(FlowHandler[Any, Any, Any]):
    """Asks for a source of one kind and tries it."""

    # What the forms show at first, and the data of an agent whose certificate is yet to be seen.
    _shown: Mapping[str, Any] = {CONF_PORT: DEFAULT_PORT, CONF_TLS: True}
    _pinned: dict[str, Any]
    _missing: str
    # The source that is changed; None if it is a new one.
    _changed: ConfigSubentry | None = None

    @abstractmethod
    async def _source_told(self, source: FoundSource) -> Any:
        """Go on with a source that answers."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> Any:
        """Ask for the kind of the source."""
        return self.async_show_menu(step_id="user", menu_options=KINDS)

    async def async_step_agent(self, user_input: dict[str, Any] | None = None) -> Any:
        """Connect to an agent. Where nothing vouches for its certificate, show that first."""
        found = Findings()
        if user_input is not None:
            data = with_fingerprint(found, self._read(KIND_AGENT, found, user_input))
            if not found.errors and data[CONF_TLS] and CONF_FINGERPRINT not in data:
                try:
                    seen = await unverified_fingerprint(
                        async_get_clientsession(self.hass),
                        host=data[CONF_HOST],
                        port=data[CONF_PORT],
                    )
                except SourceError as err:
                    _refuse_agent(found, err)
                else:
                    if seen:
                        self._pinned = {**data, CONF_FINGERPRINT: seen}
                        return await self.async_step_fingerprint()
            if not found.errors and (source := await self._try_agent(data, found)):
                return await self._source_told(source)
        return self._form(KIND_AGENT, user_input, found)

    async def async_step_fingerprint(self, user_input: dict[str, Any] | None = None) -> Any:
        """Have a person compare the certificate, before the token is sent to it."""
        found = Findings()
        if user_input is not None:
            if source := await self._try_agent(self._pinned, found):
                return await self._source_told(source)
            return self._form(KIND_AGENT, to_form(self._pinned), found)
        return self.async_show_form(
            step_id=_STEP_FINGERPRINT,
            data_schema=vol.Schema({}),
            description_placeholders={"fingerprint": grouped(self._pinned[CONF_FINGERPRINT])},
        )

    async def async_step_nvml(self, user_input: dict[str, Any] | None = None) -> Any:
        """Look for GPUs in this machine, and offer something else where there can be none."""
        found = Findings()
        try:
            readings = await probe_nvml(self.hass.async_add_executor_job)
        except UnreachableError as err:
            self._missing = str(err)
            return await self.async_step_nvml_missing()
        if user_input is not None:
            data = self._read(KIND_NVML, found, user_input)
            found.add(jobs_findings(data))
            if data.get(CONF_JOBS) and not find_spec("psutil"):
                found.refuse(CONF_JOBS, "psutil_missing")
            self._refuse_counted(found, "base", (item.device.id for item in readings))
            if not found.errors:
                before = self._changed.data.get(CONF_JOBS, []) if self._changed else []
                data[CONF_JOBS] = named_jobs(data.get(CONF_JOBS, []), before)
                return await self._source_told(
                    FoundSource(title=_NVML_TITLE, data=data, unique_id=_NVML_ID)
                )
        devices = "\n".join(f"- {reading.device.name}" for reading in readings)
        return self._form(KIND_NVML, user_input, found, devices=devices)

    async def async_step_nvml_missing(self, user_input: dict[str, Any] | None = None) -> Any:
        """Offer what works where NVIDIA's library cannot be loaded, or finds nothing."""
        return self.async_show_menu(
            step_id=_STEP_NVML_MISSING,
            menu_options=[KIND_AGENT, KIND_PROMETHEUS],
            description_placeholders={"error": self._missing},
        )

    async def async_step_prometheus(self, user_input: dict[str, Any] | None = None) -> Any:
        """Read an exporter's page, or a Prometheus server's."""
        found = Findings()
        if user_input is not None:
            data = self._read(KIND_PROMETHEUS, found, user_input)
            found.add(prometheus_findings(data))
            if not found.errors and (source := await self._try_page(data, found)):
                return await self._source_told(source)
        return self._form(KIND_PROMETHEUS, user_input, found, **_EXAMPLES)

    async def async_step_entities(self, user_input: dict[str, Any] | None = None) -> Any:
        """Ask for entities that meter what makes heat."""
        found = Findings()
        if user_input is not None:
            data = self._read(KIND_ENTITIES, found, user_input)
            found.add(meters_findings(self.hass, data, subentry_id=self._changed_id))
            if not found.errors:
                before = self._changed.data[CONF_METERS] if self._changed else []
                data[CONF_METERS] = named_meters(self.hass, data[CONF_METERS], before)
                title = data.pop(CONF_NAME)
                return await self._source_told(FoundSource(title=title, data=data, unique_id=None))
        return self._form(KIND_ENTITIES, user_input, found)

    def _read(self, kind: str, found: Findings, user_input: dict[str, Any]) -> dict[str, Any]:
        """Return what a form says as a source's data, and find what is wrong in any kind."""
        data = {**from_form(_FORMS[kind], user_input), CONF_KIND: kind}
        if CONF_PORT in data:
            data[CONF_PORT] = int(data[CONF_PORT])
        found.add(placement_findings(self.hass, data, subentry_id=self._changed_id))
        return data

    @property
    def _changed_id(self) -> str | None:
        return self._changed.subentry_id if self._changed else None

    async def _try_agent(self, data: Mapping[str, Any], found: Findings) -> FoundSource | None:
        try:
            agent = agent_source(self.hass, data)
            if not data[CONF_TLS]:  # one that speaks TLS is not sent the token in the clear
                await agent.greet()
            snapshot = await agent.read()
        except SourceError as err:
            silent = isinstance(err, UnreachableError | NotASourceError)
            if silent and not data[CONF_TLS] and await self._speaks_tls(data):
                found.refuse(CONF_TLS, "tls_needed")
            else:
                _refuse_agent(found, err)
            return None
        if not find_source(self.hass, snapshot.agent.id):
            self._refuse_counted(found, CONF_HOST, (item.id for item in snapshot.devices))
        if found.errors:
            return None
        return FoundSource(title=snapshot.agent.name, data=data, unique_id=snapshot.agent.id)

    async def _speaks_tls(self, data: Mapping[str, Any]) -> bool:
        """Return whether an agent that does not answer in the clear answers over TLS."""
        session = async_get_clientsession(self.hass)
        try:
            await unverified_fingerprint(session, host=data[CONF_HOST], port=data[CONF_PORT])
        except SourceError:
            return False
        return True

    async def _try_page(self, data: Mapping[str, Any], found: Findings) -> FoundSource | None:
        """Read a page; one that several machines are on is that of a fleet."""
        try:
            reader = await async_page_source(self.hass, {**data, CONF_FLEET: True})
            page = await reader.page()
        except SourceError as err:
            field, text = _PAGE_ERRORS[type(err)]
            found.refuse(field, text, error=err)
            return None
        url = page_url(data[CONF_URL])
        fleet = len(page.hosts) > 1 or url.path.endswith(_FEDERATE)
        self._refuse_counted(found, CONF_URL, (item.device.id for item in page.devices))
        if found.errors:
            return None
        metric = data.get(CONF_METRIC)
        return FoundSource(
            title=f"{url.host} ({', '.join(page.dialects)})",
            data={**data, CONF_FLEET: fleet},
            unique_id=f"{url}#{metric}" if metric else str(url),
        )

    async def _try_again(self, data: Mapping[str, Any], found: Findings) -> bool:
        """Try a source with other credentials."""
        if data[CONF_KIND] == KIND_AGENT:
            return await self._try_agent(data, found) is not None
        return await self._try_page(data, found) is not None

    def _refuse_counted(self, found: Findings, field: str, devices: Iterable[str]) -> None:
        """Refuse what another source reads already: it would be counted twice."""
        if other := counted_by(self.hass, devices, but=self._changed_id):
            found.refuse(field, "devices_counted", other=other)

    def _form(
        self,
        kind: str,
        user_input: Mapping[str, Any] | None,
        found: Findings,
        **placeholders: str,
    ) -> Any:
        shown = to_form(self._shown) if user_input is None else user_input
        return self.async_show_form(
            step_id=kind,
            data_schema=self.add_suggested_values_to_schema(_FORMS[kind], shown),
            errors=found.errors,
            description_placeholders={**placeholders, **found.placeholders},
        )


def _refuse_agent(found: Findings, err: SourceError) -> None:
    field, text = _AGENT_ERRORS[type(err)]
    version = err.version if isinstance(err, VersionError) else ""
    seen = grouped(err.found) if isinstance(err, FingerprintError) else ""
    found.refuse(field, text, error=err, version=version, found=seen)
