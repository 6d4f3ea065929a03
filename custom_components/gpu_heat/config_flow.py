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
    CONF_COOLING,
    CONF_CURRENCY,
    CONF_ELECTRICITY,
    CONF_FUEL,
    CONF_FUEL_PRICE,
    CONF_HEATING,
    CONF_KIND,
    CONF_OUTDOOR,
    CONF_SEASONS,
    CONF_SECOND_HEATER,
    CONF_TLS,
    DEFAULT_PORT,
    DOMAIN,
    KIND_AGENT,
    SUBENTRY_SOURCE,
)
from .coordinator import agent_source, find_source
from .electricity_flow import ElectricitySteps
from .electricity_forms import usual_electricity
from .forms import AGENT_FORM, CONTROL_FORM, Findings, capture_findings
from .heating_forms import (
    cooling_findings,
    cooling_form,
    heater_findings,
    heating_form,
    needs_outdoor,
    seasons_findings,
    seasons_form,
    second_heater_findings,
    second_heater_form,
    usual_heating,
    zone_findings,
    zone_form,
    zone_sections,
)
from .migration import MINOR_VERSION, VERSION
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


async def _probe(hass: HomeAssistant, data: Mapping[str, Any]) -> tuple[Snapshot | None, Findings]:
    """Try a source as the user described it: its snapshot, or what is wrong at which field."""
    found = capture_findings(hass, data)
    if found.errors:
        return None, found
    try:
        return await agent_source(hass, data).read(), found
    except SourceError as err:
        field, text = _ERRORS[type(err)]
        version = err.version if isinstance(err, VersionError) else ""
        found.refuse(field, text, error=err, version=version)
        return None, found


def _source_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form says as the data of a source subentry."""
    return {**user_input, CONF_PORT: int(user_input[CONF_PORT]), CONF_KIND: KIND_AGENT}


def _end_discovery(hass: HomeAssistant, agent_id: str) -> None:
    """Take back the offer to set up an agent that has just become a source."""
    for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
        context = flow["context"]
        if context["source"] == SOURCE_ZEROCONF and context.get("unique_id") == agent_id:
            hass.config_entries.flow.async_abort(flow["flow_id"])


class GpuHeatConfigFlow(ElectricitySteps, ConfigFlow, domain=DOMAIN):
    """Makes a zone with its first source."""

    VERSION = VERSION
    MINOR_VERSION = MINOR_VERSION

    def __init__(self) -> None:
        self._found: dict[str, Any] = {CONF_PORT: DEFAULT_PORT, CONF_TLS: False}
        self._subentry: ConfigSubentryData
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
        found = Findings()
        if user_input is not None:
            data = _source_data(user_input)
            snapshot, found = await _probe(self.hass, data)
            if snapshot:
                if find_source(self.hass, snapshot.agent.id):
                    return self.async_abort(reason="already_configured")
                self._subentry = ConfigSubentryData(
                    data=data,
                    subentry_type=SUBENTRY_SOURCE,
                    title=snapshot.agent.name,
                    unique_id=snapshot.agent.id,
                )
                self._electricity = usual_electricity(self.hass)
                return await self.async_step_electricity()
        return self.async_show_form(
            step_id=KIND_AGENT,
            data_schema=self.add_suggested_values_to_schema(AGENT_FORM, user_input or self._found),
            errors=found.errors,
            description_placeholders=found.placeholders,
        )

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
        agent_id = str(self._subentry["unique_id"])
        if find_source(self.hass, agent_id):  # by another flow, meanwhile
            return self.async_abort(reason="already_configured")
        # A zone is none of its sources: the agent's id stays with the subentry.
        await self.async_set_unique_id()
        _end_discovery(self.hass, agent_id)
        title = user_input.pop(CONF_NAME)
        return self.async_create_entry(
            title=title,
            data={},
            options={CONF_ELECTRICITY: self._electricity, **zone_sections(user_input)},
            subentries=[self._subentry],
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
        found = Findings()
        if user_input is not None:
            data = _source_data(user_input)
            snapshot, found = await _probe(self.hass, data)
            if snapshot:
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
            errors=found.errors,
            description_placeholders=found.placeholders,
        )

    def _change(self, data: dict[str, Any], snapshot: Snapshot) -> SubentryFlowResult:
        """Take over new data. An agent whose state was lost has a new id, and may stay."""
        entry, subentry = self._get_entry(), self._get_reconfigure_subentry()
        found = find_source(self.hass, snapshot.agent.id)
        if found and found[1].subentry_id != subentry.subentry_id:
            return self.async_abort(reason="already_configured")
        return self.async_update_and_abort(entry, subentry, data=data, unique_id=snapshot.agent.id)


class ZoneOptionsFlow(ElectricitySteps, OptionsFlow):
    """Changes the prices, the heating, the seasons and the control of a zone."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Any]] = {}
        self._untold: list[str] = []

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to change."""
        self._electricity = dict(self.config_entry.options[CONF_ELECTRICITY])
        return self.async_show_menu(
            step_id="init",
            menu_options=[
                CONF_ELECTRICITY,
                CONF_HEATING,
                CONF_SECOND_HEATER,
                CONF_SEASONS,
                CONF_COOLING,
                CONF_CONTROL,
            ],
        )

    @property
    def _outdoor(self) -> str | None:
        outdoor: str | None = self.config_entry.options[CONF_SEASONS].get(CONF_OUTDOOR)
        return outdoor

    @override
    async def _electricity_told(self) -> ConfigFlowResult:
        """Save it; in another currency, the prices of fuel have to be told anew."""
        options = self.config_entry.options
        if self._electricity[CONF_CURRENCY] != options[CONF_ELECTRICITY][CONF_CURRENCY]:
            for name in (CONF_HEATING, CONF_SECOND_HEATER):
                section = options.get(name, {})
                if CONF_FUEL_PRICE in section:
                    kept = {key: value for key, value in section.items() if key != CONF_FUEL_PRICE}
                    self._told[name] = kept
                    self._untold.append(name)
        return await self._go_on(CONF_ELECTRICITY, self._electricity)

    async def _go_on(self, name: str, section: Mapping[str, Any]) -> ConfigFlowResult:
        """Ask what else a change makes necessary, then save all of it."""
        self._told[name] = dict(section)
        self._untold = [other for other in self._untold if other != name]
        if CONF_HEATING in self._untold:
            return await self.async_step_heating()
        if CONF_SECOND_HEATER in self._untold:
            return await self.async_step_second_heater()
        return self.async_create_entry(data={**self.config_entry.options, **self._told})

    async def async_step_heating(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change what the heat displaces."""
        found = Findings()
        if user_input is not None:
            found = heater_findings(
                self.hass,
                user_input,
                currency=self._currency,
                outdoor=self._outdoor,
                before=self.config_entry.options[CONF_HEATING],
            )
        return await self._section(CONF_HEATING, heating_form(self._currency), user_input, found)

    async def async_step_second_heater(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change the heater that takes over in the cold."""
        found = Findings()
        heating = self._told.get(CONF_HEATING, self.config_entry.options[CONF_HEATING])
        if user_input is not None:
            found = second_heater_findings(
                self.hass,
                user_input,
                first=heating[CONF_FUEL],
                outdoor=self._outdoor,
                currency=self._currency,
            )
            if CONF_FUEL not in user_input:
                user_input = {}
        form = second_heater_form(self._currency)
        return await self._section(CONF_SECOND_HEATER, form, user_input, found)

    async def async_step_seasons(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change the seasons, and what tells how much heat is useful."""
        found = Findings()
        if user_input is not None:
            needed = needs_outdoor(self.config_entry.options)
            found = seasons_findings(self.hass, user_input, outdoor_needed=needed)
        return await self._section(CONF_SEASONS, seasons_form(self.hass), user_input, found)

    async def async_step_cooling(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change the air conditioner."""
        found = Findings()
        if user_input is not None:
            found = cooling_findings(user_input, outdoor=self._outdoor)
        return await self._section(CONF_COOLING, cooling_form(), user_input, found)

    async def async_step_control(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change how jobs are switched."""
        return await self._section(CONF_CONTROL, CONTROL_FORM, user_input, Findings())

    async def _section(
        self, name: str, form: vol.Schema, user_input: dict[str, Any] | None, found: Findings
    ) -> ConfigFlowResult:
        if user_input is not None and not found.errors:
            return await self._go_on(name, user_input)
        shown = user_input
        if shown is None:
            usual = usual_heating() if name == CONF_HEATING else {}
            told = self._told.get(name, self.config_entry.options.get(name, {}))
            shown = {**usual, **told}
        return self.async_show_form(
            step_id=name,
            data_schema=self.add_suggested_values_to_schema(form, shown),
            errors=found.errors,
            description_placeholders=found.placeholders,
        )
