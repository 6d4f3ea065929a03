"""Sets the heat zone up as a user would, through its config flow, and finds its entities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .client import Client
from .errors import DemoError
from .home import THERMOSTAT

DOMAIN = "gpu_heat"

# Quebec's first tier, and oil for a furnace of the usual efficiency.
ELECTRICITY_PRICE = 0.0718
HEATING = {
    "name": "House",
    "fuel": "heating_oil",
    "fuel_price": 1.30,
    "efficiency": 85,
    "heat_content": 10.6,
    "heating_months": ["1", "2", "3", "4", "5", "9", "10", "11", "12"],
    "cooling_months": ["7"],
    "thermostat": THERMOSTAT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """An entity of the zone, as Home Assistant's registry has it."""

    id: str
    unique_id: str
    key: str
    platform: str
    device_id: str
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A config entry and its entities, found by what they are, not by their names."""

    entry_id: str
    entities: tuple[Entity, ...]

    def own(self, key: str) -> str | None:
        """Return the id of an entity of the zone itself, None where there is none."""
        return self._id(f"{self.entry_id}_{key}")

    def of_job(self, job_id: str, key: str) -> str | None:
        """Return the id of an entity of a job, None where there is none."""
        return self._id(f"_job_{job_id}_{key}", whole=False)

    def of_devices(self, key: str) -> list[str]:
        """Return the ids of this entity of every GPU."""
        return [
            entity.id
            for entity in self.entities
            if entity.key == key and "GPU-" in entity.unique_id and not entity.disabled
        ]

    def device_id(self) -> str | None:
        """Return the id of the zone's own device."""
        found = (e.device_id for e in self.entities if e.unique_id == f"{self.entry_id}_power")
        return next(found, None)

    def _id(self, unique_id: str, *, whole: bool = True) -> str | None:
        for entity in self.entities:
            same = entity.unique_id == unique_id if whole else entity.unique_id.endswith(unique_id)
            if same and not entity.disabled:
                return entity.id
        return None


async def set_up(client: Client, *, agent_port: int, token: str) -> bool:
    """Make the zone; return False where the home has one already."""
    entries = await client.command("config_entries/get", domain=DOMAIN)
    if entries:
        return False
    answers: dict[str, dict[str, Any]] = {
        "user": {"next_step_id": "agent"},
        "agent": {"host": "127.0.0.1", "port": agent_port, "token": token, "tls": False},
        "electricity": {"electricity_price": ELECTRICITY_PRICE},
        "heating": HEATING,
    }
    flow = await client.post("/api/config/config_entries/flow", {"handler": DOMAIN})
    while flow["type"] in {"form", "menu"}:
        step = flow["step_id"]
        if flow.get("errors") or step not in answers:
            raise DemoError(f"the set-up stops at {step}: {flow.get('errors') or 'unknown step'}")
        flow = await client.post(
            f"/api/config/config_entries/flow/{flow['flow_id']}", answers.pop(step)
        )
    if flow["type"] != "create_entry":
        raise DemoError(f"the set-up ended with {flow['type']}: {flow.get('reason')}")
    return True


async def find(client: Client) -> Zone:
    """Return the zone as it is now."""
    entry = (await client.command("config_entries/get", domain=DOMAIN))[0]
    if entry["state"] not in {"loaded", "setup_in_progress", "setup_retry", "not_loaded"}:
        raise DemoError(f"the zone is in state {entry['state']}: {entry['reason']}")
    entities = await client.command("config/entity_registry/list")
    return Zone(
        entry_id=entry["entry_id"],
        entities=tuple(
            _entity(item) for item in entities if item["config_entry_id"] == entry["entry_id"]
        ),
    )


def _entity(item: Mapping[str, Any]) -> Entity:
    return Entity(
        id=item["entity_id"],
        unique_id=item["unique_id"],
        key=item["translation_key"],
        platform=item["entity_id"].partition(".")[0],
        device_id=item["device_id"],
        disabled=item["disabled_by"] is not None,
    )
