"""Brings the options of an older version into the form of this one."""

from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import (
    CONF_COOLING_MONTHS,
    CONF_CURRENCY,
    CONF_ELECTRICITY,
    CONF_HEATING,
    CONF_HEATING_MONTHS,
    CONF_SEASONS,
    CONF_TARIFF,
    CONF_THERMOSTAT,
    CONF_THERMOSTATS,
)
from .settings import TariffKind

VERSION = 1
MINOR_VERSION = 2


def migrate(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Migrate an entry of this major version; Home Assistant refuses later ones itself."""
    if entry.minor_version < 2:
        hass.config_entries.async_update_entry(
            entry, options=_with_seasons(hass, dict(entry.options)), minor_version=2
        )
    return True


def _with_seasons(hass: HomeAssistant, options: dict[str, Any]) -> dict[str, Any]:
    """Give prices their currency and kind, and the seasons a section of their own."""
    heating = dict(options[CONF_HEATING])
    seasons = {name: heating.pop(name) for name in (CONF_HEATING_MONTHS, CONF_COOLING_MONTHS)}
    if thermostat := heating.pop(CONF_THERMOSTAT, None):
        seasons[CONF_THERMOSTATS] = [thermostat]
    electricity = {
        CONF_TARIFF: TariffKind.FIXED,
        CONF_CURRENCY: hass.config.currency,
        **options[CONF_ELECTRICITY],
    }
    return {
        **options,
        CONF_ELECTRICITY: electricity,
        CONF_HEATING: heating,
        CONF_SEASONS: seasons,
    }
