"""The ledger over a year, for each kind of price, beside Home Assistant's own sensors."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import time, timedelta
from decimal import Decimal
from fractions import Fraction
import multiprocessing
from time import perf_counter, process_time

import psutil

from custom_components.gpu_heat.heat.account import Counters
from custom_components.gpu_heat.heat.conditions import Conditions, Timeline
from custom_components.gpu_heat.heat.consumption import Consumption
from custom_components.gpu_heat.heat.fuels import FUELS, Heater, Heaters
from custom_components.gpu_heat.heat.ledger import Ledger, Totals
from custom_components.gpu_heat.heat.rules import AirConditioner, Pricing, Rules
from custom_components.gpu_heat.heat.seasons import SeasonCalendar
from custom_components.gpu_heat.heat.tariffs import (
    FixedPrice,
    FollowedPrice,
    Prices,
    Tariff,
    Tier,
    TieredPrice,
    TimeOfUse,
    Window,
)

from . import exact, peer, year

WORKDAYS = frozenset(range(5))
PRICES: dict[str, Prices] = {
    "fixed": FixedPrice(exact.FIXED),
    "time of use": TimeOfUse(
        base=exact.BASE,
        windows=tuple(
            Window(start=time(start), end=time(end), price=price, weekdays=WORKDAYS)
            for start, end, price in exact.WINDOWS
        ),
    ),
    "tiers": TieredPrice(
        tiers=(
            Tier(price=exact.FIRST_TIER, up_to_kwh=Decimal(exact.FIRST_TIER_KWH)),
            Tier(price=exact.SECOND_TIER),
        )
    ),
    "entity": FollowedPrice(),
}


def measure() -> list[dict[str, str | float | None]]:
    """Replay a year of polls, one each 10 s, through Ledger.book and Pricing.parts.

    The peer is Home Assistant's integral of the power sensor, and the Energy dashboard's cost
    of that, driven without a running Home Assistant: energy and cost only, and no tiers.
    Errors are relative, against fractions worked out hour by hour; growth is that of the
    process between 10 % and 100 % of the year.
    """
    rows = []
    for kind in PRICES:
        rows.append(_alone(_ledger, kind))
        if kind != "tiers":
            rows.append(_alone(_peer, kind))
    return rows


def _alone(run: Callable[[str], dict[str, str | float | None]], kind: str):
    """Run in a process of its own, so that its memory is its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(run, kind).result()


def _ledger(kind: str) -> dict[str, str | float | None]:
    timeline = Timeline()
    pricing = Pricing(_rules(PRICES[kind]), timeline, Consumption())
    ledger = Ledger(currency="CAD", since=year.FIRST)
    hours = iter(enumerate(year.hours()))
    hour, begins = next(hours)
    at, step = year.FIRST, timedelta(seconds=year.POLL_S)
    process, memory = psutil.Process(), []
    started = _clocks()
    for poll in range(year.POLLS + 1):
        while begins <= at:
            timeline.set(begins, Conditions(electricity_price=year.spot_price(hour)))
            hour, begins = next(hours, (hour, year.LAST + step))
        counter_j = Decimal(year.counter_tenths(poll * year.POLL_S)) / 10
        counters = Counters(at=at, epoch="bench", devices_j={"server": counter_j})
        ledger.book("server", counters, lambda part: pricing.parts(part, "server", exact.CAPTURE))
        at += step
        if poll in (year.POLLS // 10, year.POLLS):
            memory.append(process.memory_info().rss)
    seconds = _since(started)
    return _row(kind, "ours", seconds, _errors(ledger.totals, exact.sums(kind))) | {
        "growth, kB": (memory[1] - memory[0]) // 1000
    }


def _peer(kind: str) -> dict[str, str | float | None]:
    started = _clocks()
    energy_kwh, cost = peer.run(exact.hourly_prices(kind), constant=kind == "fixed")
    seconds = _since(started)
    right = exact.sums(kind)
    errors = {
        "energy": _error(energy_kwh, right["energy"]),
        "electricity": _error(cost, right["electricity"]),
    }
    return _row(kind, "peer", seconds, errors) | {"growth, kB": None}


def _rules(prices: Prices) -> Rules:
    oil = FUELS["heating_oil"]
    heater = Heater(
        fuel=oil,
        unit="L",
        heat_content=exact.HEAT_CONTENT,
        efficiency=exact.EFFICIENCY,
        price=exact.OIL,
        co2=exact.OIL_CO2,
    )
    return Rules(
        tariff=Tariff(prices=prices, surcharge=exact.SURCHARGE, tax=exact.TAX),
        heaters=Heaters(first=heater),
        calendar=SeasonCalendar(
            heating_months=exact.HEATING_MONTHS, cooling_months=exact.COOLING_MONTHS
        ),
        zone=year.ZONE,
        air_conditioner=AirConditioner(cop=exact.COP),
        electricity_co2=exact.GRID_CO2,
    )


def _errors(totals: Totals, right: dict[str, Fraction]) -> dict[str, float]:
    ours = {
        "energy": totals.energy_j / 3_600_000,
        "electricity": totals.electricity_cost,
        "heat": totals.heat_value,
        "cooling": totals.cooling_cost,
        "fuel": totals.fuel["heating_oil"],
        "CO2": totals.co2_net,
    }
    return {name: _error(sum_, right[name]) for name, sum_ in ours.items()}


def _error(found: Decimal | float, right: Fraction) -> float:
    return float(abs(Fraction(found) - right) / (abs(right) or 1))


def _clocks() -> tuple[float, float]:
    return perf_counter(), process_time()


def _since(started: tuple[float, float]) -> tuple[float, float]:
    """Return the seconds by the clock and on the processor, the same on an idle machine."""
    now = _clocks()
    return now[0] - started[0], now[1] - started[1]


def _row(
    kind: str, of: str, seconds: tuple[float, float], errors: dict[str, float]
) -> dict[str, str | float | None]:
    names = ("energy", "electricity", "heat", "cooling", "fuel", "CO2")
    return {
        "price": kind,
        "of": of,
        "polls": year.POLLS,
        "s": seconds[0],
        "CPU s": seconds[1],
        "CPU µs/poll": seconds[1] / year.POLLS * 1e6,
        **{f"error of {name}": errors.get(name) for name in names},
    }
