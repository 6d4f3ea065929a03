"""The rules of a zone: from what is known at a moment to what energy costs and is worth then."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from .calendar import month_starts
from .conditions import Conditions, Timeline
from .consumption import Consumption
from .curve import Curve
from .fuels import NOTHING, Heaters
from .ledger import Rates, Stretch
from .seasons import Season, SeasonCalendar, cooling_part, useful_share
from .tariffs import Tariff, TieredPrice

ZERO = Decimal(0)
_HORIZON = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AirConditioner:
    """What removes the heat in summer. `curve` replaces `cop` where the outdoors is known."""

    cop: Decimal
    curve: Curve | None = None

    def at(self, outdoor_c: Decimal | None) -> Decimal:
        """Return the COP at a temperature outdoors in °C."""
        return self.cop if self.curve is None or outdoor_c is None else self.curve.at(outdoor_c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a zone prices energy and values heat.

    `electricity_co2` is in kg per kWh, None where it is not known.
    """

    tariff: Tariff
    heaters: Heaters
    calendar: SeasonCalendar
    zone: tzinfo
    air_conditioner: AirConditioner | None = None
    electricity_co2: Decimal | None = None

    @property
    def co2_known(self) -> bool:
        """Whether what electricity and all heaters emit is known."""
        heaters = [self.heaters.first, *([self.heaters.second] if self.heaters.second else [])]
        return self.electricity_co2 is not None and all(
            heater.fuel.electric or heater.co2 is not None for heater in heaters
        )

    def season(self, moment: datetime, conditions: Conditions) -> Season:
        """Return the season of a moment."""
        return conditions.season or self.calendar.season(moment.astimezone(self.zone))

    def share(self, season: Season, conditions: Conditions) -> Decimal:
        """Return the useful share of the heat, 0 to 1; 0 where there is no heating at all."""
        if self.heaters.at(conditions.outdoor_c).fuel is NOTHING:
            return ZERO
        return useful_share(season, conditions.rooms)

    def rates(
        self,
        moment: datetime,
        conditions: Conditions,
        price: Decimal | None,
        capture: Decimal,
    ) -> Rates:
        """Return what energy costs and is worth at a moment, at a price with all that is on top."""
        season = self.season(moment, conditions)
        share = self.share(season, conditions)
        cooling = ZERO
        if self.air_conditioner:
            cop = self.air_conditioner.at(conditions.outdoor_c)
            # What displaces heating in one room is not there to be removed in another.
            cooling = min(cooling_part(season, conditions.rooms), 1 - share) / cop
        heater = self.heaters.at(conditions.outdoor_c)
        first = heater is self.heaters.first
        return Rates(
            electricity_price=price,
            heating=heater.now(
                electricity_price=price,
                electricity_co2=self.electricity_co2,
                entity_price=conditions.fuel_price if first else conditions.second_fuel_price,
                outdoor_c=conditions.outdoor_c,
            ),
            useful_share=share,
            capture=capture,
            cooling=cooling,
            electricity_co2=self.electricity_co2,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """A time in which neither the calendar nor the conditions change what energy costs."""

    start: datetime
    end: datetime
    local: datetime
    conditions: Conditions
    version: int
    rates: dict[tuple[str, Decimal, Decimal | None], Rates] = field(default_factory=dict)


@dataclass(slots=True)
class Pricing:
    """Prices the energy of a zone's sources, each part at what was known at its own time."""

    rules: Rules
    timeline: Timeline
    used: Consumption
    _span: _Span | None = None

    def parts(
        self, stretch: Stretch, source: str, capture: Decimal
    ) -> Iterator[tuple[Decimal, Rates]]:
        """Yield the parts of a stretch in J, each with its rates.

        `capture` is the part of the source's heat that reaches the space by its place;
        an entity may lessen it.
        """
        while True:
            span = self._span_at(stretch.start)
            rest = None
            if stretch.end > span.end:
                stretch, rest = stretch.cut(span.end)
            for energy_j, price in self.rules.tariff.prices.split(
                stretch.energy_j, span.local, span.conditions.electricity_price, self.used
            ):
                yield energy_j, self._rates(span, source, capture, price)
            if rest is None:
                return
            stretch = rest

    def price(self, moment: datetime) -> Decimal | None:
        """Return what the next kWh costs, with all that is on top; None if it is not known."""
        return self.rules.tariff.gross(self._net_price(self._span_at(moment)))

    def now(self, moment: datetime, source: str, capture: Decimal) -> Rates:
        """Return what the next kWh of a source costs and is worth."""
        span = self._span_at(moment)
        return self._rates(span, source, capture, self._net_price(span))

    def _net_price(self, span: _Span) -> Decimal | None:
        followed = span.conditions.electricity_price
        return self.rules.tariff.prices.now(span.local, followed, self.used)

    def household(self, stretch: Stretch) -> None:
        """Count what the household's meter shows, for tiers."""
        prices = self.rules.tariff.prices
        if isinstance(prices, TieredPrice):
            for part in stretch.cut_at(prices.cuts(stretch.start, stretch.end, self.rules.zone)):
                local = part.start.astimezone(self.rules.zone)
                self.used.add_household(prices.period_of(local.date()), part.energy_j)

    def _span_at(self, moment: datetime) -> _Span:
        """Return the span that a moment is in, remembered from poll to poll."""
        span = self._span
        if span and span.start <= moment < span.end and span.version == self.timeline.version:
            return span
        horizon = moment + _HORIZON
        zone = self.rules.zone
        end = min(
            [
                horizon,
                *self.rules.tariff.prices.cuts(moment, horizon, zone),
                *month_starts(moment, horizon, zone),
                next(self.timeline.changes(moment, horizon), horizon),
            ]
        )
        self._span = _Span(
            start=moment,
            end=end,
            local=moment.astimezone(zone),
            conditions=self.timeline.at(moment),
            version=self.timeline.version,
        )
        return self._span

    def _rates(self, span: _Span, source: str, capture: Decimal, price: Decimal | None) -> Rates:
        key = (source, capture, price)
        if (rates := span.rates.get(key)) is None:
            reaches = capture * span.conditions.captures.get(source, Decimal(1))
            gross = self.rules.tariff.gross(price)
            rates = self.rules.rates(span.start, span.conditions, gross, reaches)
            span.rates[key] = rates
        return rates
