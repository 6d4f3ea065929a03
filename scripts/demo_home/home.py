"""The Home Assistant of the demo: its configuration folder and its process."""

from dataclasses import dataclass
from datetime import UTC, datetime
import json
from pathlib import Path
import shutil
import subprocess
import sys

from . import processes

INTEGRATION = Path(__file__).parents[2] / "custom_components" / "gpu_heat"
THERMOSTAT = "climate.living_room"
ROOM_TEMPERATURE = "input_number.room_temperature"
FURNACE = "input_boolean.furnace"
RESTART_EXIT_CODE = 100  # what Home Assistant ends with when a user asks it to restart

# A house in Montreal. Not default_config: the demo looks for nothing on the network around it.
CONFIGURATION = """\
homeassistant:
  name: Demo home
  country: CA
  currency: CAD
  unit_system: metric
  time_zone: America/Toronto
  latitude: 45.51
  longitude: -73.57
  elevation: 40

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

input_number:
  room_temperature:
    name: Room temperature
    icon: mdi:home-thermometer
    initial: 20
    min: 15
    max: 26
    step: 0.1
    unit_of_measurement: "°C"

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
        (self.folder / "configuration.yaml").write_text(CONFIGURATION)
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
