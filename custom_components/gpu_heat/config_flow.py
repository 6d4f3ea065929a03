"""Sets up a heat zone and its sources."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, override

from homeassistant.config_entries import (
    SOURCE_ZEROCONF,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentry,
    ConfigSubentryFlow,
    OptionsFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PORT
from homeassistant.core import DOMAIN as HA_DOMAIN, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from .const import (
    CONF_ELECTRICITY,
    CONF_FINGERPRINT,
    CONF_HEATING,
    CONF_KIND,
    CONF_SUBENTRY,
    CONF_TLS,
    CONF_ZONE,
    DEFAULT_PORT,
    DOMAIN,
    KIND_ENTITIES,
    SUBENTRY_SOURCE,
)
from .electricity_flow import ElectricitySteps
from .electricity_forms import usual_electricity
from .forms import NAME_FORM, Findings, which_zone_form
from .heating_forms import zone_findings, zone_form, zone_sections
from .migration import MINOR_VERSION, VERSION
from .options_flow import ZoneOptionsFlow
from .source_flow import FoundSource, SourceSteps
from .source_forms import credentials_form, prometheus_findings, with_credentials
from .source_kinds import agent_source, find_source
from .sources import SourceError
from .sources.agent import unverified_fingerprint


def _end_discovery(hass: HomeAssistant, agent_id: str | None) -> None:
    """Take back the offer to set up an agent that has just become a source."""
    if agent_id is None:
        return
    for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
        context = flow["context"]
        if (
            context["source"] == SOURCE_ZEROCONF
            and context.get("unique_id") == agent_id is not None
        ):
            hass.config_entries.flow.async_abort(flow["flow_id"])


class GpuHeatConfigFlow(SourceSteps, ElectricitySteps, ConfigFlow, domain=DOMAIN):
    """Makes a zone with its first source."""

    VERSION = VERSION
    MINOR_VERSION = MINOR_VERSION

    def __init__(self) -> None:
        self._found: FoundSource
        self._rejected: str
        self._electricity: dict[str, Any] = {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        return ZoneOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        return {SUBENTRY_SOURCE: SourceSubentryFlow}

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Take up an agent that has announced itself.

        One that is a source already is followed to a new address only if it is gone from
        the old one, and shows the certificate there that it should, if any: anybody on the
        network may announce anything.
        """
        agent_id = discovery_info.properties.get("id")
        if not agent_id:
            return self.async_abort(reason="not_an_agent")
        address = {CONF_HOST: discovery_info.host, CONF_PORT: discovery_info.port}
        if known := find_source(self.hass, agent_id):
            await self._follow(*known, address)
            return self.async_abort(reason="already_configured")
        await self.async_set_unique_id(agent_id)
        self._abort_if_unique_id_configured()  # or told to be ignored
        self._shown = {**address, CONF_TLS: discovery_info.properties.get("tls") != "off"}
        if self._shown[CONF_TLS]:
            with suppress(SourceError):  # it is tried again with what the user submits
                seen = await unverified_fingerprint(
                    async_get_clientsession(self.hass),
                    host=discovery_info.host,
                    port=discovery_info.port or DEFAULT_PORT,
                )
                self._shown |= {CONF_FINGERPRINT: seen} if seen else {}
        self.context["title_placeholders"] = {"name": discovery_info.name.split(".")[0]}
        result: ConfigFlowResult = await self.async_step_agent()
        return result

    async def _follow(
        self, entry: ConfigEntry, subentry: ConfigSubentry, address: Mapping[str, Any]
    ) -> None:
        """Look for an agent that is gone at another address."""
        if entry.state is not ConfigEntryState.LOADED:
            return
        source = entry.runtime_data.sources.get(subentry.subentry_id)
        if source is None or source.snapshot is not None:
            return
        data = {**subentry.data, **address}
        if data[CONF_TLS]:
            try:
                await agent_source(self.hass, data).greet()
            except SourceError:
                return
        if entry.subentries.get(subentry.subentry_id) is subentry:  # still, and unchanged
            self.hass.config_entries.async_update_subentry(entry, subentry, data=data)

    @override
    async def _source_told(self, source: FoundSource) -> ConfigFlowResult:
        if find_source(self.hass, source.unique_id):
            return self.async_abort(reason="already_configured")
        self._found = source
        if self.source == SOURCE_ZEROCONF and self.hass.config_entries.async_entries(DOMAIN):
            return await self.async_step_zone()
        return await self._ask_electricity()

    async def async_step_zone(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let an agent that was discovered join a zone, or begin another."""
        zones = {entry.entry_id: entry for entry in self.hass.config_entries.async_entries(DOMAIN)}
        if user_input is None:
            return self.async_show_form(step_id="zone", data_schema=which_zone_form(zones))
        if (zone := zones.get(user_input[CONF_ZONE])) is None:
            return await self._ask_electricity()
        if find_source(self.hass, self._found.unique_id):  # by another flow, meanwhile
            return self.async_abort(reason="already_configured")
        self.hass.config_entries.async_add_subentry(zone, self._found.subentry())
        return self.async_abort(
            reason="source_added",
            description_placeholders={"source": self._found.title, "zone": zone.title},
        )

    async def _ask_electricity(self) -> ConfigFlowResult:
        self._electricity = usual_electricity(self.hass)
        return await self.async_step_electricity()

    @override
    async def _electricity_told(self) -> ConfigFlowResult:
        return await self.async_step_heating()

    async def async_step_heating(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what the heat displaces, then make the zone."""
        found = Findings()
        currency = self._currency
        if user_input is not None:
            found = zone_findings(self.hass, user_input, currency=currency)
            if not found.errors:
                return await self._make_zone(user_input)
        return self.async_show_form(
            step_id=CONF_HEATING,
            data_schema=self.add_suggested_values_to_schema(
                zone_form(self.hass, currency), user_input
            ),
            errors=found.errors,
            description_placeholders=found.placeholders,
        )

    async def _make_zone(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        source = self._found
        if find_source(self.hass, source.unique_id):  # by another flow, meanwhile
            return self.async_abort(reason="already_configured")
        # A zone is none of its sources: the agent's id stays with the subentry.
        await self.async_set_unique_id()
        _end_discovery(self.hass, source.unique_id)
        title = user_input.pop(CONF_NAME)
        return self.async_create_entry(
            title=title,
            data={},
            options={CONF_ELECTRICITY: self._electricity, **zone_sections(user_input)},
            subentries=[source.subentry_data()],
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change a zone's name. Its prices and heating are its options."""
        entry = self._get_reconfigure_entry()
        if user_input is not None:
            return self.async_update_and_abort(entry, title=user_input[CONF_NAME])
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(NAME_FORM, {CONF_NAME: entry.title}),
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Ask anew for what a source has rejected; its subentry is named in the data."""
        self._rejected = entry_data[CONF_SUBENTRY]
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a token that the source accepts."""
        entry = self._get_reauth_entry()
        if (changed := entry.subentries.get(self._rejected)) is None:
            return self.async_abort(reason="source_removed")
        self._changed = changed
        found = Findings()
        if user_input is not None:
            data = with_credentials(changed.data, user_input)
            found.add(prometheus_findings(data))
            if (
                not found.errors
                and await self._try_again(data, found)
                and self._rejected in entry.subentries
            ):
                self.hass.config_entries.async_update_subentry(entry, changed, data=data)
                return self.async_abort(reason="reauth_successful", translation_domain=HA_DOMAIN)
        form = credentials_form(changed.data)
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=form,
            errors=found.within(form),
            description_placeholders={"source": changed.title, **found.placeholders},
        )


class SourceSubentryFlow(SourceSteps, ConfigSubentryFlow):
    """Adds a source to a zone, or changes one."""

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change a source, by the form of its kind."""
        self._changed = self._get_reconfigure_subentry()
        self._shown = {CONF_NAME: self._changed.title, **self._changed.data}
        step = getattr(self, f"async_step_{self._changed.data[CONF_KIND]}")
        result: SubentryFlowResult = await step()
        return result

    @override
    async def _source_told(self, source: FoundSource) -> SubentryFlowResult:
        already: SubentryFlowResult = self.async_abort(reason="already_configured")
        found = find_source(self.hass, source.unique_id)
        if self._changed is None:
            if found:
                return already
            _end_discovery(self.hass, source.unique_id)
            return self.async_create_entry(
                title=source.title, data=source.data, unique_id=source.unique_id
            )
        # An agent whose state was lost has a new id, and may stay.
        if found and found[1].subentry_id != self._changed.subentry_id:
            return already
        by_hand = source.data[CONF_KIND] == KIND_ENTITIES
        return self.async_update_and_abort(
            self._get_entry(),
            self._changed,
            data=source.data,
            unique_id=source.unique_id,
            title=source.title if by_hand else self._changed.title,
        )
