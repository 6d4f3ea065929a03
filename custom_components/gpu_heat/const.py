"""Constants of the integration."""

from datetime import timedelta
import logging

DOMAIN = "gpu_heat"
LOGGER = logging.getLogger(__package__)

SUBENTRY_SOURCE = "source"
DEFAULT_PORT = 9839

# What a flow asks besides.
CONF_ZONE = "zone"
CONF_SUBENTRY = "subentry"

# A source subentry's data.
CONF_KIND = "kind"
CONF_TLS = "tls"
CONF_FINGERPRINT = "fingerprint"
CONF_CA = "ca_certificate"
CONF_FLEET = "fleet"
CONF_METRIC = "metric"
CONF_METRIC_UNIT = "metric_unit"
CONF_METRIC_LABEL = "metric_label"
CONF_METERS = "meters"
CONF_LABEL = "label"
CONF_POWER = "power"
CONF_ENERGY = "energy"
CONF_MAX_GAP = "max_gap"
CONF_JOBS = "jobs"
CONF_PIDFILE = "pidfile"
CONF_CAPTURE = "capture"
CONF_CAPTURE_ENTITY = "capture_entity"
CONF_PLUG_POWER = "plug_power"
CONF_PLUG_ENERGY = "plug_energy"
CONF_CIRCUIT_CURRENT = "circuit_current"
CONF_CIRCUIT_VOLTAGE = "circuit_voltage"
KIND_AGENT = "agent"
KIND_NVML = "nvml"
KIND_PROMETHEUS = "prometheus"
KIND_ENTITIES = "entities"

# A zone entry's options, by section.
CONF_ELECTRICITY = "electricity"
CONF_CURRENCY = "currency"
CONF_TARIFF = "tariff"
CONF_ELECTRICITY_PRICE = "electricity_price"
CONF_PRICE_ENTITY = "price_entity"
CONF_REGION = "region"
CONF_SURCHARGE = "surcharge"
CONF_TAX = "tax"
CONF_ELECTRICITY_CO2 = "electricity_co2"
CONF_TIERS = "tiers"
CONF_PRICE = "price"
CONF_UP_TO = "up_to"
CONF_PERIOD = "period"
CONF_FIRST_DAY = "first_day"
CONF_METER = "meter"
CONF_METER_HAS_OURS = "meter_has_ours"
CONF_WINDOWS = "windows"
CONF_START = "start"
CONF_END = "end"
CONF_WEEKDAYS = "weekdays"
CONF_MONTHS = "months"

CONF_HEATING = "heating"
CONF_SECOND_HEATER = "second_heater"
CONF_FUEL = "fuel"
CONF_FUEL_UNIT = "fuel_unit"
CONF_FUEL_PRICE = "fuel_price"
CONF_FUEL_PRICE_ENTITY = "fuel_price_entity"
CONF_EFFICIENCY = "efficiency"
CONF_HEAT_CONTENT = "heat_content"
CONF_FUEL_CO2 = "fuel_co2"
CONF_COP_CURVE = "cop_curve"
CONF_TEMPERATURE = "temperature"
CONF_COP = "cop"
CONF_BALANCE = "balance_temperature"
CONF_HEAT_PER_AREA = "heat_per_area"

CONF_SEASONS = "seasons"
CONF_SEASON_BY = "season_by"
CONF_HEATING_MONTHS = "heating_months"
CONF_COOLING_MONTHS = "cooling_months"
CONF_OUTDOOR = "outdoor_temperature"
CONF_HEATING_BELOW = "heating_below"
CONF_COOLING_ABOVE = "cooling_above"
CONF_THERMOSTATS = "thermostats"
CONF_WEIGHTS = "weights"
CONF_THERMOSTAT = "thermostat"
CONF_WEIGHT = "weight"

CONF_COOLING = "cooling"
CONF_COOLING_COP = "cooling_cop"

CONF_CONTROL = "control"
CONF_MINIMUM_ON = "minimum_on"
CONF_MINIMUM_OFF = "minimum_off"

POLL_INTERVAL = timedelta(seconds=10)
ZONE_INTERVAL = timedelta(minutes=1)
