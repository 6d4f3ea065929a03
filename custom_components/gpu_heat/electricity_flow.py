"""The steps that ask what electricity costs, the same for a new zone and for its options."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntryBaseFlow, ConfigFlowResult
import voluptuous as vol

from .const import (
    CONF_CURRENCY,
    CONF_ELECTRICITY,
    CONF_ELECTRICITY_PRICE,
    CONF_FIRST_DAY,
    CONF_METER,
    CONF_METER_HAS_OURS,
    CONF_PERIOD,
    CONF_PRICE_ENTITY,
    CONF_REGION,
    CONF_TARIFF,
    CONF_TIERS,
    CONF_WINDOWS,
)
from .electricity_forms import (
    electricity_findings,
    electricity_form,
    from_region,
    price_entity_findings,
    price_entity_form,
    tiers_findings,
    tiers_form,
    windows_findings,
    windows_form,
)
from .forms import Findings
from .heat.regions import REGIONS
from .settings import TariffKind

# What only one kind of price has, each asked in a step of its own.
_DETAILS: dict[TariffKind, tuple[str, ...]] = {
    TariffKind.FIXED: (),
    TariffKind.ENTITY: (CONF_PRICE_ENTITY,),
    TariffKind.TIERS: (CONF_TIERS, CONF_PERIOD, CONF_FIRST_DAY, CONF_METER, CONF_METER_HAS_OURS),
    TariffKind.TIME_OF_USE: (CONF_WINDOWS,),
}
_ALL_DETAILS = {name for names in _DETAILS.values() for name in names}


class ElectricitySteps(ConfigEntryBaseFlow):
    """Asks for the kind of price, then for what belongs to that kind."""

    # What is known so far: shown in the forms, and in the end the options' section.
    _electricity: dict[str, Any]
    _source = ""

    @abstractmethod
    async def _electricity_told(self) -> ConfigFlowResult:
        """Go on with what `_electricity` says."""

    async def async_step_electricity(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the kind of price, or fill in that of a region and ask again."""
        found = Findings()
        shown: Mapping[str, Any] = self._electricity
        if user_input is not None:
            region = REGIONS.get(user_input.pop(CONF_REGION, ""))
            details = {
                name: value for name, value in self._electricity.items() if name in _ALL_DETAILS
            }
            if region:
                user_input.pop(CONF_ELECTRICITY_PRICE, None)
                shown = self._electricity = {**details, **user_input, **from_region(region)}
                self._source = f"{region.since}: {region.source}"
            elif (found := electricity_findings(user_input)).errors:
                shown = user_input
            else:
                self._electricity = {**details, **user_input}
                return await self._ask_details()
        return self.async_show_form(
            step_id=CONF_ELECTRICITY,
            data_schema=self.add_suggested_values_to_schema(
                electricity_form(self.hass, self._currency), shown
            ),
            errors=found.errors,
            description_placeholders={"source": self._source, **found.placeholders},
        )

    @property
    def _currency(self) -> str:
        return str(self._electricity.get(CONF_CURRENCY, self.hass.config.currency))

    async def _ask_details(self) -> ConfigFlowResult:
        match TariffKind(self._electricity[CONF_TARIFF]):
            case TariffKind.ENTITY:
                return await self.async_step_price_entity()
            case TariffKind.TIERS:
                return await self.async_step_tiers()
            case TariffKind.TIME_OF_USE:
                return await self.async_step_windows()
            case TariffKind.FIXED:
                return await self._finish()

    async def async_step_price_entity(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the entity that says the price."""
        found = Findings()
        if user_input is not None:
            found = price_entity_findings(self.hass, user_input, currency=self._currency)
        return await self._details(CONF_PRICE_ENTITY, price_entity_form(), user_input, found)

    async def async_step_tiers(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for prices by consumption."""
        found = Findings()
        if user_input is not None:
            found = tiers_findings(self.hass, user_input, currency=self._currency)
        return await self._details(CONF_TIERS, tiers_form(self._currency), user_input, found)

    async def async_step_windows(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for prices by the time of use."""
        found = Findings()
        if user_input is not None:
            found = windows_findings(user_input, currency=self._currency)
        return await self._details(CONF_WINDOWS, windows_form(self._currency), user_input, found)

    async def _details(
        self, step_id: str, form: vol.Schema, user_input: dict[str, Any] | None, found: Findings
    ) -> ConfigFlowResult:
        if user_input is not None and not found.errors:
            shared = {
                name: value for name, value in self._electricity.items() if name not in _ALL_DETAILS
            }
            self._electricity = {**shared, **user_input}
            return await self._finish()
        shown = self._electricity if user_input is None else user_input
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(form, shown),
            errors=found.errors,
            description_placeholders=found.placeholders,
        )

    async def _finish(self) -> ConfigFlowResult:
        """Drop what belongs to other kinds of price."""
        kept = _DETAILS[TariffKind(self._electricity[CONF_TARIFF])]
        self._electricity = {
            name: value
            for name, value in self._electricity.items()
            if name in kept or name not in _ALL_DETAILS
        }
        return await self._electricity_told()
