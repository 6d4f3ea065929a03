"""Lets an hour of weather pass in a minute, while the switch on the page is on."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import Never

import aiohttp

from . import zone as zones
from .client import Client
from .errors import DemoError
from .home import FURNACE, OUTDOOR_TEMPERATURE, ROOM_TEMPERATURE, TIME_LAPSE, TIME_OF_DAY
from .house import FURNACE_KW, House
from .weather import outdoor_c, sun_kw

SPEED = 60
STEP_S = 2.0
_HOUR_S = 3600
_NO_VALUE = {"unknown", "unavailable"}


async def run(session: aiohttp.ClientSession, url: str) -> Never:
    """Let time pass, and go on where Home Assistant was started again."""
    while True:
        with suppress(aiohttp.ClientError, TimeoutError, DemoError):
            await _follow(await Client.log_in(session, url))
        await asyncio.sleep(STEP_S)


async def _follow(client: Client) -> Never:
    power = (await zones.find(client)).own("power")
    walls_c: float | None = None
    while True:
        await asyncio.sleep(STEP_S)
        states = {item["entity_id"]: item["state"] for item in await client.command("get_states")}
        if states[TIME_LAPSE] == "off":
            walls_c = None
        elif states.get(power, "unknown") not in _NO_VALUE:
            walls_c = await _step(client, states, float(states[power]), walls_c)


async def _step(
    client: Client, states: Mapping[str, str], compute_w: float, walls_c: float | None
) -> float:
    """Move the time of day and both temperatures; return that of the walls.

    The room begins where the page has it, so whoever moves it by hand is heeded.
    """
    began = datetime.combine(datetime.min, time.fromisoformat(states[TIME_OF_DAY]))
    at = began + timedelta(seconds=STEP_S * SPEED)
    hour = (at - datetime.min) / timedelta(hours=1) % 24
    room_c = float(states[ROOM_TEMPERATURE])
    furnace_kw = FURNACE_KW if states[FURNACE] == "on" else 0.0
    house = House(air_c=room_c, walls_c=room_c if walls_c is None else walls_c).after(
        STEP_S * SPEED / _HOUR_S,
        outdoor_c=outdoor_c(hour),
        heat_kw=furnace_kw + compute_w / 1000 + sun_kw(hour),
    )
    await client.act("input_datetime.set_datetime", TIME_OF_DAY, time=at.time().isoformat())
    await client.act("input_number.set_value", OUTDOOR_TEMPERATURE, value=round(outdoor_c(hour), 2))
    await client.act("input_number.set_value", ROOM_TEMPERATURE, value=round(house.air_c, 2))
    return house.walls_c
