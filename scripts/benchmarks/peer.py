"""Home Assistant's own way: the integral of a power sensor, and the Energy dashboard's cost of it.

The sensors are Home Assistant's, with their own arithmetic; only what surrounds them, the table
of states and the writing of their own, is a stand-in, and cheaper than the real one.
"""

import asyncio
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import override

from homeassistant.components.energy.sensor import SOURCE_ADAPTERS, EnergyCostSensor
from homeassistant.components.integration.sensor import IntegrationSensor
from homeassistant.core import Context, State
from homeassistant.util.read_only_dict import ReadOnlyDict
from homeassistant.util.unit_system import METRIC_SYSTEM

from . import year

_CONTEXT = Context()
_POWER, _ENERGY, _PRICE = "sensor.power", "sensor.energy", "sensor.price"
_ATTRIBUTES = {
    _POWER: ReadOnlyDict({"unit_of_measurement": "W", "device_class": "power"}),
    _ENERGY: ReadOnlyDict({"unit_of_measurement": "kWh", "state_class": "total"}),
    _PRICE: ReadOnlyDict({"unit_of_measurement": "CAD/kWh"}),
}


class _Integral(IntegrationSensor):
    """The integral; its state goes straight into the table."""

    @override
    def async_write_ha_state(self) -> None:
        if self.native_value is not None:
            at = self.hass.now
            self.hass.states[_ENERGY] = _state(_ENERGY, str(self.native_value), at)


class _Cost(EnergyCostSensor):
    """The cost; nobody reads its state."""

    @override
    def async_write_ha_state(self) -> None:
        pass


def _state(entity_id: str, value: str, at) -> State:
    return State(entity_id, value, _ATTRIBUTES[entity_id], at, at, at, _CONTEXT, False)


def run(prices: list[Decimal], *, constant: bool) -> tuple[Decimal, float]:
    """Return the energy in kWh and the cost of the year, at the price of each hour."""
    return asyncio.run(_run(prices, constant=constant))


async def _run(prices: list[Decimal], *, constant: bool) -> tuple[Decimal, float]:
    states: dict[str, State] = {}
    hass = SimpleNamespace(
        states=states, now=year.FIRST, config=SimpleNamespace(units=METRIC_SYSTEM)
    )
    integral = _Integral(
        integration_method="trapezoidal",  # the default, as are three decimals
        name="energy",
        round_digits=3,
        source_entity=_POWER,
        unique_id=None,
        unit_prefix="k",
        unit_time="h",
        max_sub_interval=None,
    )
    cost = _Cost(
        SOURCE_ADAPTERS[0],
        {
            "stat_energy_from": _ENERGY,
            "entity_energy_price": None if constant else _PRICE,
            "number_energy_price": float(prices[0]) if constant else None,
        },
    )
    integral.hass = cost.hass = hass
    states[_ENERGY] = _state(_ENERGY, "0.000", year.FIRST)
    at, step = year.FIRST, timedelta(seconds=year.POLL_S)
    hours = zip(year.hours(), prices, strict=True)
    begins, price = next(hours)
    old = None
    for poll in range(year.POLLS + 1):
        while begins <= at:
            states[_PRICE] = _state(_PRICE, str(price), begins)
            begins, price = next(hours, (year.LAST + step, price))
        hass.now = at
        new = _state(_POWER, str(year.power_w(poll * year.POLL_S)), at)
        integral._integrate_on_state_change(None, None, old, new)
        cost._update_cost()
        old = new
        at += step
    return integral._state, cost.native_value
