"""Changes the settings of a zone."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
import voluptuous as vol

from .const import (
    CONF_CONTROL,
    CONF_COOLING,
    CONF_CURRENCY,
    CONF_ELECTRICITY,
    CONF_FUEL,
    CONF_FUEL_PRICE,
    CONF_HEATING,
    CONF_OUTDOOR,
    CONF_SEASONS,
    CONF_SECOND_HEATER,
)
from .control_forms import CONTROL_FORM, control_findings, usual_control
from .electricity_flow import ElectricitySteps
from .forms import Findings
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
)

# What forms suggest at first, by section.
_USUAL = {CONF_HEATING: usual_heating, CONF_CONTROL: usual_control}


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
        """Change how jobs are switched, and what is planned by."""
        found = Findings()
        if user_input is not None:
            found = control_findings(self.hass, user_input)
        return await self._section(CONF_CONTROL, CONTROL_FORM, user_input, found)

    async def _section(
        self, name: str, form: vol.Schema, user_input: dict[str, Any] | None, found: Findings
    ) -> ConfigFlowResult:
        if user_input is not None and not found.errors:
            return await self._go_on(name, user_input)
        shown = user_input
        if shown is None:
            usual = _USUAL.get(name, dict)()
            told = self._told.get(name, self.config_entry.options.get(name, {}))
            shown = {**usual, **told}
        return self.async_show_form(
            step_id=name,
            data_schema=self.add_suggested_values_to_schema(form, shown),
            errors=found.errors,
            description_placeholders=found.placeholders,
        )
