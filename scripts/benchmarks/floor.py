"""The least that an integration of many servers does: one GET each, and sensors of what it says."""

import json
from typing import TYPE_CHECKING, Any, override

from aiohttp import ClientSession
from homeassistant.components.sensor import (
    DATA_COMPONENT,
    DOMAIN as SENSOR_DOMAIN,
    SensorDeviceClass,
    SensorEntity,
    SensorStateClass,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.update_coordinator import CoordinatorEntity, DataUpdateCoordinator
from homeassistant.setup import async_setup_component

from custom_components.gpu_heat.const import LOGGER, POLL_INTERVAL

from . import servers

if TYPE_CHECKING:
    from .fleet import Fleet

_POWER = (SensorDeviceClass.POWER, SensorStateClass.MEASUREMENT, "W")
_ENERGY = (SensorDeviceClass.ENERGY, SensorStateClass.TOTAL_INCREASING, "J")
_TEMPERATURE = (SensorDeviceClass.TEMPERATURE, SensorStateClass.MEASUREMENT, "°C")
_NUMBER = (None, SensorStateClass.MEASUREMENT, None)

# As many as a device and a source of ours show, the last of each without a change.
_OF_DEVICE = {
    "power_w": _POWER,
    "energy_j": _ENERGY,
    "temperature_c": _TEMPERATURE,
    "utilization": _NUMBER,
    "power_limit_w": _POWER,
}
_OF_SOURCE = {"power_w": _POWER, "energy_j": _ENERGY, "power_limit_w": _POWER}


class _Server(DataUpdateCoordinator[dict[str, Any]]):
    """Reads one server."""

    def __init__(self, hass: HomeAssistant, session: ClientSession, port: int) -> None:
        super().__init__(
            hass, LOGGER, config_entry=None, name=str(port), update_interval=POLL_INTERVAL
        )
        self._session = session
        self._url = f"http://127.0.0.1:{port}/api/v1/snapshot"

    @override
    async def _async_update_data(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {servers.TOKEN}"}
        async with self._session.get(self._url, headers=headers) as response:
            return json.loads(await response.read())


class _Sensor(CoordinatorEntity[_Server], SensorEntity):
    """A value of the document; `index` is the device's."""

    def __init__(self, server: _Server, key: str, kind: tuple, index: int) -> None:
        super().__init__(server)
        self._key, self._index = key, index
        self._attr_unique_id = self._attr_name = f"{server.name} {index} {key} of {type(self)}"
        device_class, state_class, unit = kind
        self._attr_device_class = device_class
        self._attr_state_class = state_class
        self._attr_native_unit_of_measurement = unit

    @property
    @override
    def native_value(self) -> float:
        return self.coordinator.data["devices"][self._index][self._key]


class _OfSource(_Sensor):
    """The same of the whole server; which of its devices is no matter here."""


async def add(hass: HomeAssistant, fleet: Fleet) -> None:
    """Add sensors for all that the servers say."""
    await async_setup_component(hass, SENSOR_DOMAIN, {})
    session = async_get_clientsession(hass)
    found = [_Server(hass, session, port) for port in fleet.ports]
    for server in found:
        await server.async_refresh()
    await hass.data[DATA_COMPONENT].async_add_entities(
        [
            *(
                _Sensor(server, key, kind, index)
                for server in found
                for index in range(fleet.devices)
                for key, kind in _OF_DEVICE.items()
            ),
            *(
                _OfSource(server, key, kind, 0)
                for server in found
                for key, kind in _OF_SOURCE.items()
            ),
        ]
    )
