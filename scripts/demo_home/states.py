"""Waits for the zone's values, and prints them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from . import zone as zones
from .client import Client
from .errors import DemoError

PATIENCE_S = 90
_NO_VALUE = {"unknown", "unavailable"}
# Values that come by themselves; a job's deadline, say, is unknown until its owner gives it.
_AWAITED = {"sensor", "binary_sensor", "switch", "select"}
# A ratio to what was spent; there is none before the first energy is booked.
_AFTER_ENERGY = {"offset_ratio"}
# Unknown without a deadline, and without work that is planned.
_BY_ORDER = {"deadline_at_risk", "forecast_saving"}

type State = Mapping[str, Any]


async def wait(client: Client, *, counted: bool) -> dict[str, State]:
    """Return the states of the zone's entities once each that shows something has a value.

    With `counted`, the first energy has to be counted too: sums start at 0.
    """
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        zone = await zones.find(client)
        enabled = {entity.id: entity for entity in zone.entities if not entity.disabled}
        states = {
            state["entity_id"]: {"state": state["state"], "attributes": state["attributes"]}
            for state in await client.command("get_states")
            if state["entity_id"] in enabled
        }
        empty = sorted(
            entity.id
            for entity in enabled.values()
            if entity.platform in _AWAITED
            and entity.key not in _BY_ORDER
            and (counted or entity.key not in _AFTER_ENERGY)
            and (entity.id not in states or states[entity.id]["state"] in _NO_VALUE)
        )
        if counted and states and not empty:
            energy = zone.own("energy")
            empty = [] if float(states[energy]["state"]) > 0 else [energy]
        if states and not empty:
            return states
        if asyncio.get_running_loop().time() > until:
            raise DemoError(
                f"after {PATIENCE_S} s these have no value: {', '.join(empty) or 'there are none'}"
            )
        await asyncio.sleep(0.5)


def table(states: Mapping[str, State]) -> str:
    """Return one line an entity: name, value with its unit, entity id."""
    rows = [
        (
            state["attributes"].get("friendly_name", entity_id),
            f"{state['state']} {state['attributes'].get('unit_of_measurement', '')}".rstrip(),
            entity_id,
        )
        for entity_id, state in sorted(states.items())
    ]
    name_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{n:{name_width}}  {v:>{value_width}}  {i}" for n, v, i in rows)
