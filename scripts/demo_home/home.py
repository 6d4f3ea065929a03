"""The Home Assistant of the demo: its configuration folder and its process."""

from dataclasses import dataclass
from datetime import UTC, datetime
import json
from pathlib import Path
import shutil
import subprocess
import sys

from . import processes
from .weather import outdoor_c

INTEGRATION = Path(__file__).parents[2] / "custom_components" / "gpu_heat"
THERMOSTAT = "climate.living_room"
ROOM_TEMPERATURE = "input_number.room_temperature"
OUTDOOR_TEMPERATURE = "input_number.outdoor_temperature"
TIME_OF_DAY = "input_datetime.time_of_day"
TIME_LAPSE = "input_boolean.time_lapse"
FURNACE = "input_boolean.furnace"
WEATHER = "weather.outdoors"
RESTART_EXIT_CODE = 100  # what Home Assistant ends with when a user asks it to restart

# A house in Montreal. Not default_config: the demo looks for nothing on the network around it.
_CONFIGURATION = """\
homeassistant:
  name: Demo home
  country: CA
  currency: CAD
  unit_system: metric
  time_zone: America/Toronto
  latitude: 45.51
  longitude: -73.57
  elevation: 40

automation: !include automations.yaml
config:
energy:
frontend:
history:
logbook:
sun:

logger:
  default: warning
  logs:
    # Programs for cameras and speech, of which this home has none.
    haffmpeg: critical
    homeassistant.components.camera: critical

input_boolean:
  furnace:
    name: Furnace
    icon: mdi:fire
  time_lapse:
    name: An hour of weather in a minute
    icon: mdi:weather-partly-snowy
    initial: off

input_datetime:
  time_of_day:
    name: Time of day
    icon: mdi:clock-fast
    has_date: false
    has_time: true
    initial: "09:00"

input_number:
  room_temperature:
    name: Room temperature
    icon: mdi:home-thermometer
    initial: 20
    min: 15
    max: 26
    step: 0.1
    unit_of_measurement: "°C"
  outdoor_temperature:
    name: Outdoors
    icon: mdi:thermometer
    initial: 4.8
    min: -20
    max: 20
    step: 0.1
    unit_of_measurement: "°C"

template:
  - weather:
      - name: Outdoors
        condition: sunny
        temperature: "{{ states('input_number.outdoor_temperature') }}"
        humidity: 60
        forecast_hourly: >
          {% set day = DAY %}
          {% set start = now().replace(minute=0, second=0, microsecond=0) %}
          {% set ahead = namespace(hours=[]) %}
          {% for hour in range(73) %}
            {% set at = start + timedelta(hours=hour) %}
            {% set row = {'datetime': at.isoformat(), 'temperature': day[at.hour]} %}
            {% set ahead.hours = ahead.hours + [row] %}
          {% endfor %}
          {{ ahead.hours }}

climate:
  - platform: generic_thermostat
    name: Living room
    unique_id: living_room
    heater: input_boolean.furnace
    target_sensor: input_number.room_temperature
    initial_hvac_mode: heat
    target_temp: 20
    min_temp: 15
    max_temp: 26
    target_temp_step: 0.5
    cold_tolerance: 0.3
    hot_tolerance: 0.3
"""
_DAY = str([round(outdoor_c(hour), 1) for hour in range(24)])

# Only the owner is left to make. The other steps would add integrations that use the Internet.
_ONBOARDING = {
    "version": 4,
    "minor_version": 1,
    "key": "onboarding",
    "data": {"done": ["core_config", "analytics", "integration"]},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A Home Assistant whose configuration lies in `folder`."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where the frontend and the interfaces are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What Home Assistant says."""
        return self.folder / "output.log"

    def start(self) -> subprocess.Popen[bytes]:
        """Write the configuration, copy the integration in, start."""
        storage = self.folder / ".storage"
        storage.mkdir(parents=True, exist_ok=True)
        (self.folder / "configuration.yaml").write_text(_CONFIGURATION.replace("DAY", _DAY))
        (self.folder / "automations.yaml").touch()  # the frontend writes what a user makes
        (storage / "http").write_text(json.dumps(_http(self.port)))
        if not (storage / "onboarding").exists():
            (storage / "onboarding").write_text(json.dumps(_ONBOARDING))
        copy = self.folder / "custom_components" / "gpu_heat"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(INTEGRATION, copy, ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, "-m", "homeassistant", "-c", str(self.folder), "--skip-pip"]
        return processes.start(command, cwd=self.folder, log=self.log)


def _http(port: int) -> dict[str, object]:
    """Return Home Assistant's store of where it listens.

    In YAML the same would be taken on trial: five minutes later Home Assistant would start
    again, on all addresses.
    """
    return {
        "version": 3,
        "minor_version": 1,
        "key": "http",
        "data": {
            "stable": {
                "server_host": ["127.0.0.1"],
                "server_port": port,
                "cors_allowed_origins": [],
                "login_attempts_threshold": -1,
                "ip_ban_enabled": True,
                "ssl_profile": "intermediate_v6",
                "use_x_frame_options": True,
                "created_at": datetime.now(UTC).isoformat(),
                "error": None,
                "error_message": None,
            },
            "pending": None,
            "yaml_migration_done": True,
        },
    }
