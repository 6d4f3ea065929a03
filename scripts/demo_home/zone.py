"""Sets the heat zone up as a user would, through its config flow, and finds its entities."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .client import Client
from .errors import DemoError
from .home import OUTDOOR_TEMPERATURE, THERMOSTAT, WEATHER
from .house import FURNACE_KW, LOSS_KW_PER_K
from .server import PLANNED_JOB

DOMAIN = "gpu_heat"

# A price and a grid as in Quebec, and oil for a furnace of the usual efficiency.
ELECTRICITY = {
    "tariff": "fixed",
    "electricity_price": 0.0718,
    "currency": "CAD",
    "electricity_co2": 1.5,
}
HEATING = {
    "name": "House",
    "fuel": "heating_oil",
    "fuel_price": 1.30,
    "efficiency": 85,
    "heat_content": 10.6,
    # By the months it is winter all year, or there would be little to see from April on; the
    # season mode on the page makes it summer.
    "heating_months": [str(month) for month in range(1, 13)],
    "cooling_months": [],
    "thermostats": [THERMOSTAT],
    "outdoor_temperature": OUTDOOR_TEMPERATURE,
    "cooling_cop": 3,
}
# Whoever tries the demo need not wait half an hour between two decisions.
CONTROL = {
    "minimum_on": {"minutes": 0},
    "minimum_off": {"minutes": 0},
    "weather": WEATHER,
    "heat_loss": LOSS_KW_PER_K * 1000,
    "heating_power": FURNACE_KW,
}
DEADLINE = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """An entity of the zone, as Home Assistant's registry has it."""

    id: str
    unique_id: str
    key: str
    platform: str
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A config entry and its entities, found by what they are, not by their names."""

    entry_id: str
    entities: tuple[Entity, ...]

    def own(self, key: str) -> str:
        """Return the id of an entity of the zone itself."""
        return self._id(f"{self.entry_id}_{key}")

    def of_job(self, job_id: str, key: str) -> str:
        """Return the id of an entity of a job."""
        return self._id(f"_job_{job_id}_{key}", whole=False)

    def of_devices(self, key: str) -> list[str]:
        """Return the ids of this entity of every GPU."""
        return [
            entity.id
            for entity in self.entities
            if entity.key == key and "GPU-" in entity.unique_id and not entity.disabled
        ]

    def _id(self, unique_id: str, *, whole: bool = True) -> str:
        for entity in self.entities:
            same = entity.unique_id == unique_id if whole else entity.unique_id.endswith(unique_id)
            if same and not entity.disabled:
                return entity.id
        raise DemoError(f"the zone has no entity {unique_id}")


async def set_up(client: Client, *, agent_port: int, token: str) -> None:
    """Make the zone where the home has none yet."""
    if await client.command("config_entries/get", domain=DOMAIN):
        return
    agent = {"host": "127.0.0.1", "port": agent_port, "token": token, "tls": False}
    made = await _walk(
        client,
        "/api/config/config_entries/flow",
        DOMAIN,
        {
            "user": {"next_step_id": "agent"},
            "agent": agent,
            "electricity": ELECTRICITY,
            "heating": HEATING,
        },
    )
    await _walk(
        client,
        "/api/config/config_entries/options/flow",
        made["result"]["entry_id"],
        {"init": {"next_step_id": "control"}, "control": CONTROL},
    )


async def give_deadline(client: Client, zone: Zone) -> None:
    """Say when the planned job is to be done, counted from now."""
    deadline = (datetime.now(UTC) + DEADLINE).replace(microsecond=0)
    await client.act(
        "datetime.set_value", zone.of_job(PLANNED_JOB, "deadline"), datetime=deadline.isoformat()
    )


async def _walk(
    client: Client, path: str, handler: str, answers: Mapping[str, Mapping[str, Any]]
) -> Any:
    """Give a flow its answers step by step, each once, and return what it has made."""
    left = dict(answers)
    flow = await client.post(path, {"handler": handler})
    while flow["type"] in {"form", "menu"}:
        step = flow["step_id"]
        if flow.get("errors") or step not in left:
            raise DemoError(f"the set-up stops at {step}: {flow.get('errors') or 'unexpected'}")
        flow = await client.post(f"{path}/{flow['flow_id']}", left.pop(step))
    if flow["type"] != "create_entry":
        raise DemoError(f"the set-up ended with {flow['type']}: {flow.get('reason')}")
    return flow


async def find(client: Client) -> Zone:
    """Return the zone as it is now."""
    entry = (await client.command("config_entries/get", domain=DOMAIN))[0]
    if entry["state"] in {"setup_error", "migration_error", "failed_unload"}:
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
        disabled=item["disabled_by"] is not None,
    )
