"""Constants of the integration."""

from datetime import timedelta
import logging

DOMAIN = "gpu_heat"
LOGGER = logging.getLogger(__package__)

SUBENTRY_SOURCE = "source"
DEFAULT_PORT = 9839

# A source subentry's data.
CONF_KIND = "kind"
CONF_TLS = "tls"
KIND_AGENT = "agent"

# A zone entry's options, by section.
CONF_ELECTRICITY = "electricity"
CONF_ELECTRICITY_PRICE = "electricity_price"
CONF_HEATING = "heating"
CONF_FUEL = "fuel"
CONF_FUEL_PRICE = "fuel_price"
CONF_EFFICIENCY = "efficiency"
CONF_HEAT_CONTENT = "heat_content"
CONF_HEATING_MONTHS = "heating_months"
CONF_COOLING_MONTHS = "cooling_months"
CONF_THERMOSTAT = "thermostat"
CONF_CONTROL = "control"
CONF_MINIMUM_ON = "minimum_on"
CONF_MINIMUM_OFF = "minimum_off"

POLL_INTERVAL = timedelta(seconds=10)
ZONE_INTERVAL = timedelta(minutes=1)
# Energy that comes later than this (Home Assistant or the source was down) is priced by
# the calendar alone: nobody knows what the thermostat said meanwhile.
LATE_AFTER = timedelta(minutes=1)
