"""The demo's page, made of Home Assistant's own cards, and the energy dashboard's settings."""

from typing import Any

from .client import Client
from .home import (
    FURNACE,
    OUTDOOR_TEMPERATURE,
    ROOM_TEMPERATURE,
    THERMOSTAT,
    TIME_LAPSE,
    TIME_OF_DAY,
)
from .server import JOBS
from .zone import Zone

PATH = "gpu-heat"

# In the first minutes it is about a hundredth of a cent.
_PRECISION = {
    "energy": 3,
    "electricity_cost": 4,
    "fuel_displaced": 4,
    "heat_value": 4,
    "cooling_cost": 4,
    "net_cost": 4,
    "co2_net": 4,
}
_OWN_NAME = {"type": "entity"}  # without the name of its device in front

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
    for key, digits in _PRECISION.items():
        await client.command(
            "config/entity_registry/update",
            entity_id=zone.own(key),
            options_domain="sensor",
            options={"display_precision": digits},
        )
    await client.command("lovelace/config/save", url_path=PATH, config=page(zone))
    consumption = {"stat_consumption": zone.own("energy"), "stat_rate": zone.own("power")}
    await client.command("energy/save_prefs", device_consumption=[consumption])


def page(zone: Zone) -> dict[str, Any]:
    """Return the dashboard's configuration."""
    view = {
        "title": "GPU heat",
        "type": "sections",
        "max_columns": 3,
        "sections": [
            _money(zone),
            _room(zone),
            _heat(zone),
            _jobs(zone),
            _schedule(zone),
            _day(zone),
            _history(zone),
        ],
    }
    return {"title": "GPU heat", "views": [view]}


def _section(title: str, icon: str, *cards: Card, span: int = 1) -> Card:
    heading = {"type": "heading", "heading": title, "icon": icon}
    return {
        "type": "grid",
        "column_span": span,
        "cards": [heading, *cards],
    }


def _caption(text: str) -> Card:
    return {"type": "heading", "heading": text, "heading_style": "subtitle"}


def _tile(entity: str, *, columns: int = 6, **options: Any) -> Card:
    """Return a tile, `columns` of a section's 12 wide."""
    size = {"columns": columns}
    return {"type": "tile", "entity": entity, "name": _OWN_NAME, "grid_options": size, **options}


def _money(zone: Zone) -> Card:
    """Return what it costs and is worth: above per hour now, below since the beginning."""
    return _section(
        "Money",
        "mdi:cash-multiple",
        _tile(zone.own("cost_rate"), name="Costs now", color="blue"),
        _tile(zone.own("heat_value_rate"), name="Worth now", color="green"),
        _tile(zone.own("electricity_price"), name="Price", color="blue"),
        _tile(zone.own("break_even_price"), name="Break-even", color="green"),
        _tile(zone.own("useful_share"), color="deep-orange"),
        _tile(zone.own("offset_ratio"), color="green"),
        _caption("So far"),
        _tile(zone.own("electricity_cost"), name="Electricity", color="blue"),
        _tile(zone.own("heat_value"), color="green"),
        _tile(zone.own("cooling_cost"), name="Cooling", color="cyan"),
        _tile(zone.own("net_cost"), color="purple"),
    )


def _room(zone: Zone) -> Card:
    """Return what changes the worth of the heat, and what it has changed."""
    slider = _inline("numeric-input", style="slider")
    target = _inline("target-temperature")
    return _section(
        "Room",
        "mdi:sofa",
        _tile(ROOM_TEMPERATURE, columns=12, color="red", **slider),
        _tile(THERMOSTAT, columns=12, **target),
        _tile(zone.own("season_mode"), columns=12, **_inline("select-options")),
        _tile(zone.own("season"), color="deep-orange"),
        _tile(FURNACE, color="deep-orange"),
        _graph(
            {"Costs": zone.own("cost_rate"), "Worth": zone.own("heat_value_rate")},
            hours=0.25,
            rows=3,
            min_y_axis=0,
        ),
    )


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
        _tile(zone.own("effective_power"), color="amber"),
        _tile(zone.own("heated_area"), color="deep-orange"),
        _tile(zone.own("energy"), color="amber"),
        _tile(zone.own("fuel_displaced"), color="brown"),
        _tile(zone.own("co2_net"), color="grey"),
        *(
            _tile(entity, name=f"GPU {index}", color="red")
            for index, entity in enumerate(zone.of_devices("temperature"))
        ),
    )


def _jobs(zone: Zone) -> Card:
    """Return the switch of each job, why it runs or waits, and what its owner has ordered."""
    cards: list[Card] = []
    for (job_id, name), gpu_power in zip(JOBS.items(), zone.of_devices("power"), strict=True):
        running = zone.of_job(job_id, "running")
        cards.append(_tile(running, columns=12, name=name, color="green", **_inline("toggle")))
        cards.append(_tile(zone.of_job(job_id, "status")))
        cards.append(_tile(gpu_power, name="Its GPU", color="amber"))
        cards.append(_tile(zone.of_job(job_id, "reason"), columns=12))
        cards.append(_tile(zone.of_job(job_id, "remaining_work"), name="Work left"))
        cards.append(_tile(zone.of_job(job_id, "deadline")))
        policy = zone.of_job(job_id, "policy")
        cards.append(_tile(policy, columns=12, **_inline("select-options")))
    return _section("Jobs", "mdi:chip", *cards)


def _schedule(zone: Zone) -> Card:
    """Return what decides on the jobs, and when they will run."""
    target = {"config_entry_id": zone.entry_id}
    automatic = zone.own("automatic_control")
    plan = {
        "type": "calendar",
        "entities": [zone.own("plan")],
        "initial_view": "listWeek",
        "grid_options": {"columns": 12, "rows": 5},
    }
    return _section(
        "Schedule",
        "mdi:calendar-clock",
        _tile(automatic, columns=12, color="green", **_inline("toggle")),
        _tile(zone.own("heat_demand"), color="deep-orange"),
        _tile(zone.own("forecast_saving"), name="Saving", color="green"),
        plan,
        _button("Decide now", "mdi:scale-balance", target),
        _button("Decide as in July", "mdi:weather-sunny", {**target, "season": "cooling"}),
    )


def _day(zone: Zone) -> Card:
    """Return the weather that is let pass, and what it does to the room and to the demand."""
    rooms = {"Room": ROOM_TEMPERATURE, "Outdoors": OUTDOOR_TEMPERATURE}
    return _section(
        "A day",
        "mdi:weather-partly-snowy",
        _tile(TIME_LAPSE, columns=12, color="light-blue", features=[{"type": "toggle"}]),
        _tile(TIME_OF_DAY),
        _tile(OUTDOOR_TEMPERATURE, color="light-blue"),
        _graph({"Heat demand": zone.own("heat_demand"), **rooms}, hours=0.5, rows=7),
    )


def _inline(feature: str, **options: str) -> Card:
    return {"features": [{"type": feature, **options}], "features_position": "inline"}


def _button(name: str, icon: str, data: dict[str, Any]) -> Card:
    action = {"action": "perform-action", "perform_action": "gpu_heat.schedule_jobs", "data": data}
    return {
        "type": "button",
        "name": name,
        "icon": icon,
        "icon_height": "28px",
        "tap_action": action,
        "grid_options": {"columns": 6, "rows": 2},
    }


def _history(zone: Zone) -> Card:
    gpus = {f"GPU {index}": entity for index, entity in enumerate(zone.of_devices("power"))}
    graph = _graph({"House": zone.own("power"), **gpus}, hours=1, rows=4, min_y_axis=0)
    return _section("The last hour", "mdi:chart-line", graph, span=3)


def _graph(entities: dict[str, str], *, hours: float, rows: int, **options: Any) -> Card:
    return {
        "type": "history-graph",
        "hours_to_show": hours,
        "entities": [{"entity": entity, "name": name} for name, entity in entities.items()],
        "grid_options": {"columns": "full", "rows": rows},
        **options,
    }
