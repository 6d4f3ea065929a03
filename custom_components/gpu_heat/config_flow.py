"""Sets up a heat zone, its sources and its options."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_ZEROCONF,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryData,
    ConfigSubentryFlow,
    OptionsFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PORT, CONF_TOKEN
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import voluptuous as vol

from .agent.models import Snapshot
from .const import (
    CONF_CONTROL,
    CONF_ELECTRICITY,
    CONF_HEATING,
    CONF_KIND,
    CONF_TLS,
    DEFAULT_PORT,
    DOMAIN,
    KIND_AGENT,
    SUBENTRY_SOURCE,
)
from .coordinator import agent_source, find_source
from .forms import (
    AGENT_FORM,
    CONTROL_FORM,
    electricity_errors,
    electricity_form,
    heating_errors,
    heating_form,
    zone_form,
)
from .sources import (
    AddressError,
    NotASourceError,
    SourceError,
    TlsError,
    TokenError,
    UnreachableError,
    VersionError,
)

# Where each error is shown, and as which text.
_ERRORS: dict[type[SourceError], tuple[str, str]] = {
    AddressError: (CONF_HOST, "invalid_host"),
    TlsError: (CONF_TLS, "tls_failed"),
    TokenError: (CONF_TOKEN, "token_rejected"),
    VersionError: (CONF_HOST, "wrong_version"),
    NotASourceError: (CONF_HOST, "not_an_agent"),
    UnreachableError: (CONF_HOST, "cannot_connect"),
}


class Probe:
    """Tries a source as the user described it, and keeps what came of it."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self.placeholders = {"error": "", "version": ""}

    async def read(self, hass: HomeAssistant, data: Mapping[str, Any]) -> Snapshot | None:
        """Return the source's snapshot, or None with `errors` set at the field."""
        try:
            return await agent_source(hass, data).read()
        except SourceError as err:
            field, text = _ERRORS[type(err)]
            self.errors[field] = text
            self.placeholders["error"] = str(err)
            if isinstance(err, VersionError):
                self.placeholders["version"] = err.version
            return None


def _source_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    return {**user_input, CONF_PORT: int(user_input[CONF_PORT]), CONF_KIND: KIND_AGENT}


def _end_discovery(hass: HomeAssistant, agent_id: str) -> None:
    """Take back the offer to set up an agent that has just become a source."""
    for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
        context = flow["context"]
        if context["source"] == SOURCE_ZEROCONF and context.get("unique_id") == agent_id:
            hass.config_entries.flow.async_abort(flow["flow_id"])


class GpuHeatConfigFlow(ConfigFlow, domain=DOMAIN):
    """Makes a zone with its first source."""

    VERSION = 1

    def __init__(self) -> None:
        self._found: dict[str, Any] = {CONF_PORT: DEFAULT_PORT, CONF_TLS: False}
        self._source: ConfigSubentryData
        self._options: dict[str, Any] = {}

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
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the kind of the first source."""
        return self.async_show_menu(step_id="user", menu_options=[KIND_AGENT])

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Take up an agent that has announced itself.

        One that is a source already is followed to a new address only if it is gone from
        the old one: anybody on the network may announce anything.
        """
        agent_id = discovery_info.properties.get("id")
        if not agent_id:
            return self.async_abort(reason="not_an_agent")
        address = {CONF_HOST: discovery_info.host, CONF_PORT: discovery_info.port}
        if known := find_source(self.hass, agent_id):
            entry, subentry = known
            loaded = entry.state is ConfigEntryState.LOADED
            if loaded and entry.runtime_data.sources[subentry.subentry_id].snapshot is None:
                self.hass.config_entries.async_update_subentry(
                    entry, subentry, data={**subentry.data, **address}
                )
            return self.async_abort(reason="already_configured")
        await self.async_set_unique_id(agent_id)
        self._abort_if_unique_id_configured()  # or told to be ignored
        self._found = {**address, CONF_TLS: discovery_info.properties.get("tls") != "off"}
        self.context["title_placeholders"] = {"name": discovery_info.name.split(".")[0]}
        return await self.async_step_agent()

    async def async_step_agent(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Connect to an agent."""
        probe = Probe()
        if user_input is not None:
            data = _source_data(user_input)
            if snapshot := await probe.read(self.hass, data):
                if find_source(self.hass, snapshot.agent.id):
                    return self.async_abort(reason="already_configured")
                self._source = ConfigSubentryData(
                    data=data,
                    subentry_type=SUBENTRY_SOURCE,
                    title=snapshot.agent.name,
                    unique_id=snapshot.agent.id,
                )
                return await self.async_step_electricity()
        return self.async_show_form(
            step_id=KIND_AGENT,
            data_schema=self.add_suggested_values_to_schema(AGENT_FORM, user_input or self._found),
            errors=probe.errors,
            description_placeholders=probe.placeholders,
        )

    async def async_step_electricity(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what electricity costs."""
        errors: dict[str, str] = {}
        if user_input is not None and not (errors := electricity_errors(user_input)):
            self._options[CONF_ELECTRICITY] = user_input
            return await self.async_step_heating()
        return self.async_show_form(
            step_id=CONF_ELECTRICITY, data_schema=electricity_form(self.hass), errors=errors
        )

    async def async_step_heating(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what the heat displaces, then make the zone."""
        errors: dict[str, str] = {}
        if user_input is not None and not (errors := heating_errors(user_input)):
            agent_id = str(self._source["unique_id"])
            if find_source(self.hass, agent_id):  # by another flow, meanwhile
                return self.async_abort(reason="already_configured")
            # A zone is none of its sources: the agent's id stays with the subentry.
            await self.async_set_unique_id()
            _end_discovery(self.hass, agent_id)
            title = user_input.pop(CONF_NAME)
            return self.async_create_entry(
                title=title,
                data={},
                options={**self._options, CONF_HEATING: user_input},
                subentries=[self._source],
            )
        return self.async_show_form(
            step_id=CONF_HEATING,
            data_schema=self.add_suggested_values_to_schema(zone_form(self.hass), user_input),
            errors=errors,
        )


class SourceSubentryFlow(ConfigSubentryFlow):
    """Adds a source to a zone, or changes how it is reached."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the kind of the source."""
        return self.async_show_menu(step_id="user", menu_options=[KIND_AGENT])

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change how a source is reached."""
        return await self.async_step_agent(user_input)

    async def async_step_agent(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Connect to an agent."""
        changing = self.source == SOURCE_RECONFIGURE
        shown: Mapping[str, Any] = {CONF_PORT: DEFAULT_PORT, CONF_TLS: False}
        if changing:
            shown = self._get_reconfigure_subentry().data
        probe = Probe()
        if user_input is not None:
            data = _source_data(user_input)
            if snapshot := await probe.read(self.hass, data):
                if changing:
                    return self._change(data, snapshot)
                if find_source(self.hass, snapshot.agent.id):
                    return self.async_abort(reason="already_configured")
                _end_discovery(self.hass, snapshot.agent.id)
                return self.async_create_entry(
                    title=snapshot.agent.name, data=data, unique_id=snapshot.agent.id
                )
        return self.async_show_form(
            step_id="reconfigure" if changing else KIND_AGENT,
            data_schema=self.add_suggested_values_to_schema(AGENT_FORM, user_input or shown),
            errors=probe.errors,
            description_placeholders=probe.placeholders,
        )

    def _change(self, data: dict[str, Any], snapshot: Snapshot) -> SubentryFlowResult:
        """Take over new data. An agent whose state was lost has a new id, and may stay."""
        entry, subentry = self._get_entry(), self._get_reconfigure_subentry()
        found = find_source(self.hass, snapshot.agent.id)
        if found and found[1].subentry_id != subentry.subentry_id:
            return self.async_abort(reason="already_configured")
        return self.async_update_and_abort(entry, subentry, data=data, unique_id=snapshot.agent.id)


class ZoneOptionsFlow(OptionsFlow):
    """Changes the prices, the heating and the control of a zone."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to change."""
        return self.async_show_menu(
            step_id="init", menu_options=[CONF_ELECTRICITY, CONF_HEATING, CONF_CONTROL]
        )

    async def async_step_electricity(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change what electricity costs."""
        errors = electricity_errors(user_input) if user_input is not None else {}
        return self._section(CONF_ELECTRICITY, electricity_form(self.hass), user_input, errors)

    async def async_step_heating(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change what the heat displaces."""
        errors = heating_errors(user_input) if user_input is not None else {}
        return self._section(CONF_HEATING, heating_form(self.hass), user_input, errors)

    async def async_step_control(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change how jobs are switched."""
        return self._section(CONF_CONTROL, CONTROL_FORM, user_input, {})

    def _section(
        self,
        name: str,
        form: vol.Schema,
        user_input: dict[str, Any] | None,
        errors: dict[str, str],
    ) -> ConfigFlowResult:
        options = self.config_entry.options
        if user_input is not None and not errors:
            return self.async_create_entry(data={**options, name: user_input})
        shown = options.get(name, {}) if user_input is None else user_input
        return self.async_show_form(
            step_id=name,
            data_schema=self.add_suggested_values_to_schema(form, shown),
            errors=errors,
        )
