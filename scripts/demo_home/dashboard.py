"""The demo's page, made of Home Assistant's own cards, and the energy dashboard's settings."""

from typing import Any

from .client import Client
from .home import FURNACE, ROOM_TEMPERATURE, THERMOSTAT
from .server import JOBS
from .zone import Zone

PATH = "gpu-heat"

type Card = dict[str, Any]


async def save(client: Client, zone: Zone) -> None:
    """Put the page where a login leads, and the zone among the energy dashboard's devices."""
    pages = await client.command("lovelace/dashboards/list")
    if all(page["url_path"] != PATH for page in pages):
        await client.command(
            "lovelace/dashboards/create",
            url_path=PATH,
            title="GPU heat",
            icon="mdi:heat-wave",
            mode="storage",
            require_admin=False,
            show_in_sidebar=True,
        )
        await client.command("frontend/set_system_data", key="core", value={"default_panel": PATH})
    await client.command("lovelace/config/save", url_path=PATH, config=page(zone))
    consumption = {"stat_consumption": zone.own("energy"), "stat_rate": zone.own("power")}
    await client.command("energy/save_prefs", device_consumption=[consumption])


def page(zone: Zone) -> dict[str, Any]:
    """Return the dashboard's configuration."""
    sections = [_heat(zone), _money(zone), _jobs(zone), _room(), _history(zone)]
    view = {
        "title": "GPU heat",
        "type": "sections",
        "max_columns": 3,
        "sections": sections,
    }
    return {"title": "GPU heat", "views": [view]}


def _section(title: str, icon: str, *cards: Card | None, span: int = 1) -> Card:
    heading = {"type": "heading", "heading": title, "icon": icon}
    return {
        "type": "grid",
        "column_span": span,
        "cards": [heading, *(card for card in cards if card is not None)],
    }


def _tile(entity: str | None, *, columns: int = 6, **options: Any) -> Card | None:
    """Return a tile of half a section's width; None where the zone has no such entity."""
    if entity is None:
        return None
    return {"type": "tile", "entity": entity, "grid_options": {"columns": columns}, **options}


def _heat(zone: Zone) -> Card:
    gauge = {
        "type": "gauge",
        "entity": zone.own("heat_output"),
        "name": "Heat for the house",
        "min": 0,
        "max": 3000,
        "needle": True,
        "segments": [
            {"from": 0, "color": "#9e9e9e"},
            {"from": 500, "color": "#ffb300"},
            {"from": 1700, "color": "#f4511e"},
        ],
        "grid_options": {"columns": 12, "rows": 4},
    }
    return _section(
        "Heat",
        "mdi:heat-wave",
        gauge,
        _tile(zone.own("power"), color="amber"),
        _tile(zone.own("energy"), color="amber"),
        _tile(zone.own("useful_share"), color="deep-orange"),
        _tile(zone.own("season"), color="deep-orange"),
    )


def _money(zone: Zone) -> Card:
    keys = {
        "electricity_cost": "blue",
        "heat_value": "green",
        "fuel_displaced": "brown",
        "cooling_cost": "light-blue",
        "cost_rate": "blue",
        "heat_value_rate": "green",
        "offset_ratio": "green",
        "electricity_price": "blue",
    }
    return _section(
        "Money",
        "mdi:cash-multiple",
        _tile(zone.own("net_cost"), columns=12, color="green"),
        *(_tile(zone.own(key), color=color) for key, color in keys.items()),
    )


def _jobs(zone: Zone) -> Card:
    cards = []
    for job_id, name in JOBS.items():
        cards += [
            _tile(
                zone.of_job(job_id, "running"),
                name=name,
                color="green",
                features=[{"type": "toggle"}],
            ),
            _tile(zone.of_job(job_id, "status"), name="Status"),
        ]
    temperatures = [_tile(entity, color="red") for entity in zone.of_devices("temperature")]
    return _section("Jobs", "mdi:chip", *cards, *_buttons(zone), *temperatures)


def _buttons(zone: Zone) -> list[Card]:
    target = {"config_entry_id": zone.entry_id}
    return [
        _button("Decide now", "mdi:scale-balance", "green", target),
        _button("As in summer", "mdi:weather-sunny", "amber", {**target, "season": "cooling"}),
    ]


def _button(name: str, icon: str, color: str, data: dict[str, Any]) -> Card:
    action = {"action": "perform-action", "perform_action": "gpu_heat.schedule_jobs", "data": data}
    return {
        "type": "button",
        "name": name,
        "icon": icon,
        "color": color,
        "tap_action": action,
        "grid_options": {"columns": 6, "rows": 2},
    }


def _room() -> Card:
    thermostat = {"type": "thermostat", "entity": THERMOSTAT, "grid_options": {"rows": 6}}
    slider = {"type": "entities", "entities": [ROOM_TEMPERATURE, FURNACE]}
    return _section("Room", "mdi:sofa", thermostat, slider)


def _history(zone: Zone) -> Card:
    graphs = [
        _graph("Power and heat", [zone.own("power"), *zone.of_devices("power")]),
        _graph(
            "Money", [zone.own("electricity_cost"), zone.own("heat_value"), zone.own("net_cost")]
        ),
    ]
    return _section("The last hour", "mdi:chart-line", *graphs, span=2)


def _graph(title: str, entities: list[str | None]) -> Card:
    return {
        "type": "history-graph",
        "title": title,
        "hours_to_show": 1,
        "entities": [entity for entity in entities if entity is not None],
        "grid_options": {"columns": "full"},
    }
