"""What a zone expects of the time ahead: rooms, weather, prices, and what heat costs then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
import math

from homeassistant.util import dt as dt_util

from .control.building import Building
from .control.heat_day import HeatSample
from .control.heat_loss import HeatLoss, building_of
from .control.outlook import HORIZON, ByMoment, Expectation
from .control.target_profile import TargetProfile
from .control.usual import UsualWeather
from .heat.conditions import Conditions
from .heat.fuels import NOTHING, Heater
from .heat.price_ahead import expected_price
from .heat.rules import Rules
from .heat.seasons import Activity, Room, Season
from .heat.series import Line, Series
from .zone import ZoneCoordinator

USUAL_TARGET_C = 20.0
USUAL_COOL_C = 25.5
"""What rooms are kept at where no thermostat says it."""

_HOUR_S = 3600
_WEEK_H = 7 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is foretold: °C outdoors, and prices before surcharge and tax; None without a source."""

    outdoor: Line | None = None
    prices: Series | None = None


def outdoor_now(zone: ZoneCoordinator, forecast: Forecast, now: datetime) -> float | None:
    """Return the temperature outdoors, by the sensor or else as foretold, in °C."""
    if (measured := zone.book.conditions.outdoor_c) is not None:
        return float(measured)
    return forecast.outdoor.at(now) if forecast.outdoor else None


def room_now(rooms: Iterable[Room]) -> float | None:
    """Return the mean temperature of the rooms that tell it by their weights, in °C.

    Where any is heated, of those that are: what the others have is nobody's wish.
    """
    rooms = list(rooms)
    return _mean(
        (float(room.target_c + room.excess_k), room.weight)
        for room in [room for room in rooms if room.heats] or rooms
        if room.target_c is not None and room.excess_k is not None
    )


def target_now(rooms: Iterable[Room], season: Season) -> float | None:
    """Return what is heated to, in °C; None where nothing is heated, or nobody tells."""
    if season is Season.COOLING:
        return None
    return _mean(
        (float(room.target_c), room.weight)
        for room in rooms
        if room.heats and room.target_c is not None
    )


def comfort_now(
    rooms: Iterable[Room], targets: TargetProfile, season: Season, now: datetime
) -> float | None:
    """Return the highest target of a day, in °C: a room that was warmer is not too warm yet."""
    target_c, highest_c = target_now(rooms, season), targets.highest_c(dt_util.as_local(now))
    if target_c is None or highest_c is None:
        return target_c
    return max(target_c, highest_c)


def building_now(zone: ZoneCoordinator, learned: HeatLoss) -> Building:
    """Return what is known of the building: by its owner, else as it was learned."""
    control = zone.settings.control
    return building_of(learned, loss_w_k=control.heat_loss_w_k, heater_w=control.heater_w)


def heat_sample(zone: ZoneCoordinator, outdoor_c: float | None) -> HeatSample | None:
    """Return how much heat the building is given now; None unless all that is known.

    Of the heater that is its rated power while it is on.
    """
    rooms, heater_w = zone.rooms, zone.settings.control.heater_w
    compute_w, indoor_c = zone.data.flows.in_space_w, room_now(rooms)
    told = all(room.activity is not None for room in rooms)
    if heater_w is None or outdoor_c is None or compute_w is None or indoor_c is None or not told:
        return None
    on = _mean((float(room.activity is Activity.HEATING), room.weight) for room in rooms)
    return HeatSample(
        indoor_c=indoor_c,
        outdoor_c=outdoor_c,
        heat_w=(on or 0.0) * heater_w + float(compute_w),
    )


def heat_price(
    rules: Rules, conditions: Conditions, price: float, outdoor_c: float | None
) -> float | None:
    """Return what a kWh of the heater's heat costs at a price of electricity.

    0 where nothing heats; None where the price of the fuel is not known.
    """
    outdoor = None if outdoor_c is None else Decimal(str(round(outdoor_c, 3)))
    heater = rules.heaters.at(outdoor)
    return _heat_price(heater, rules, conditions, price, outdoor)


def expect(
    zone: ZoneCoordinator,
    usual: UsualWeather,
    targets: TargetProfile,
    forecast: Forecast,
    season: Season,
    now: datetime,
    mass_c: float | None = None,
) -> Expectation | None:
    """Return what is expected; None where a plan would rest on what nobody knows.

    That is without a price of electricity or of fuel, without any temperature outdoors, and
    while thermostats that there are say nothing.
    """
    settings, conditions = zone.settings, zone.book.conditions
    rules, rooms = settings.rules, zone.rooms
    price_now, now_c = zone.price(now), outdoor_now(zone, forecast, now)
    local = dt_util.as_local(now)
    usual = replace(usual, hours=dict(usual.hours))
    steady_c = usual.at(local) if now_c is None else now_c
    if price_now is None or steady_c is None or (settings.thermostats and not rooms):
        return None
    heaters = [heater for heater in (rules.heaters.first, rules.heaters.second) if heater]
    known = [_heat_price(heater, rules, conditions, float(price_now), None) for heater in heaters]
    if None in known:
        return None
    target_c = _target_c(rooms, season)
    comfort_c = comfort_now(rooms, targets, season, now)
    used, prices = zone.book.used, forecast.prices

    def price(moment: datetime) -> float | None:
        ahead = expected_price(
            rules.tariff, moment, now=now, zone=rules.zone, used=used, forecast=prices
        )
        return None if ahead is None else float(ahead)

    def usual_c(moment: datetime) -> float:
        at = usual.at(dt_util.as_local(moment))
        return steady_c if at is None else at

    def cool_price(cost: float, outdoor_c: float) -> float:
        cooler = rules.air_conditioner
        return cost / float(cooler.at(Decimal(str(round(outdoor_c, 3))))) if cooler else 0.0

    return Expectation(
        room_c=_room_c(zone, target_c),
        mass_c=mass_c,
        outdoor_c=forecast.outdoor.at if forecast.outdoor else _never,
        usual_c=usual_c,
        price=price,
        price_now=float(price_now),
        target_c=_targets(targets, target_c, local) if target_c is not None else _never,
        comfort_c=target_c if comfort_c is None else comfort_c,
        cool_c=_cool_c(zone),
        heat_price=lambda cost, outdoor_c: heat_price(rules, conditions, cost, outdoor_c) or 0.0,
        cool_price=cool_price,
    )


def _heat_price(
    heater: Heater, rules: Rules, conditions: Conditions, price: float, outdoor_c: Decimal | None
) -> float | None:
    if heater.fuel is NOTHING:
        return 0.0
    first = heater is rules.heaters.first
    heating = heater.now(
        electricity_price=Decimal(str(price)),
        electricity_co2=None,
        entity_price=conditions.fuel_price if first else conditions.second_fuel_price,
        outdoor_c=outdoor_c,
    )
    return None if heating.price is None else float(heating.price * heating.fuel_for(Decimal(1)))


def _target_c(rooms: Sequence[Room], season: Season) -> float | None:
    """Return what is heated to: without a thermostat what is usual in the heating season."""
    if season is Season.COOLING:
        return None
    if not rooms:
        return USUAL_TARGET_C if season is Season.HEATING else None
    if not any(room.heats for room in rooms):
        return None
    told_c = target_now(rooms, season)
    return USUAL_TARGET_C if told_c is None else told_c


def _room_c(zone: ZoneCoordinator, target_c: float | None) -> float:
    if (room_c := room_now(zone.rooms)) is not None:
        return room_c
    return USUAL_TARGET_C if target_c is None else target_c


def _cool_c(zone: ZoneCoordinator) -> float | None:
    if zone.settings.rules.air_conditioner is None:
        return None
    return zone.cooling_target_c or USUAL_COOL_C


def _targets(targets: TargetProfile, target_c: float, now: datetime) -> ByMoment:
    """Return the target by the moment: as in the last days, hour by hour of the week."""
    ahead = targets.ahead(now, target_c, HORIZON // timedelta(hours=1) + _WEEK_H)
    first = int(now.timestamp()) // _HOUR_S

    def at(moment: datetime) -> float:
        hour = max(int(moment.timestamp()) // _HOUR_S - first, 0)
        beyond = max(hour - len(ahead) + 1, 0)
        return ahead[hour - math.ceil(beyond / _WEEK_H) * _WEEK_H]

    return at


def _never(moment: datetime) -> None:
    """Stand in for what is never known, or never so."""


def _mean(values: Iterable[tuple[float, Decimal]]) -> float | None:
    rows = [(value, float(weight)) for value, weight in values]
    weights = sum(weight for _, weight in rows)
    return sum(value * weight for value, weight in rows) / weights if weights else None
