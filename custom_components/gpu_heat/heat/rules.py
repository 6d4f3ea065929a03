"""The rules of a zone: from what is known at a moment to what energy costs and is worth then."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

from .account import Stretch
from .calendar import month_starts
from .conditions import Conditions, Timeline
from .consumption import Consumption
from .curve import Curve
from .fuels import NOTHING, Heaters
from .ledger import Totals
from .rates import Rates
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
        by_hand_or_told = conditions.season_by_hand or conditions.season
        return by_hand_or_told or self.calendar.season(moment.astimezone(self.zone))

    def share(self, season: Season, conditions: Conditions) -> Decimal:
        """Return the useful share of the heat, 0 to 1; 0 where there is no heating at all."""
        if self.heaters.at(conditions.outdoor_c).fuel is NOTHING:
            return ZERO
        return useful_share(season, conditions.rooms)

    def spares(self, day: date, conditions: Conditions) -> date | None:
        """Return the period of tiers in which our heat spares electricity; None without."""
        prices, heater = self.tariff.prices, self.heaters.at(conditions.outdoor_c)
        if not isinstance(prices, TieredPrice) or not heater.follows_electricity:
            return None
        return prices.period_of(day)

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
    """A time in which neither calendar nor conditions nor rules change what energy costs.

    `net_price` is that of its beginning, which only tiers change within. `spares` is the
    period of a tiered tariff, where our heat spares electricity at its price.
    """

    rules: Rules
    start: datetime
    end: datetime
    local: datetime
    conditions: Conditions
    version: int
    net_price: Decimal | None
    spares: date | None
    rates: dict[tuple[Decimal, Decimal | None], Rates] = field(default_factory=dict)


@dataclass(slots=True)
class Pricing:
    """Prices the energy of a zone's sources, each part at what was known at its own time.

    `former` are rules that held up to a moment, in the order of these moments.
    """

    rules: Rules
    timeline: Timeline
    used: Consumption
    former: Sequence[tuple[datetime, Rules]] = ()
    _span: _Span | None = None

    def parts(
        self, stretch: Stretch, source: str, capture: Decimal
    ) -> Iterator[tuple[Decimal, Rates]]:
        """Yield the parts of a stretch in J, each with its rates.

        `capture` is the part of the source's heat that reaches the space, where the
        conditions of the time do not tell it.
        """
        while True:
            span = self._span_at(stretch.start)
            rest = None
            if stretch.end > span.end:
                stretch, rest = stretch.cut(span.end)
            for energy_j, price in self._split(span, stretch.energy_j):
                rates = self._rates(span, source, capture, price)
                if span.spares:
                    useful_j = energy_j * rates.capture * rates.useful_share
                    self.used.use(span.spares).displaced_j += rates.heating.fuel_for(useful_j)
                yield energy_j, rates
            if rest is None:
                return
            stretch = rest

    def _split(self, span: _Span, energy_j: Decimal) -> Iterable[tuple[Decimal, Decimal | None]]:
        prices = span.rules.tariff.prices
        if isinstance(prices, TieredPrice):
            return prices.split(energy_j, span.local.date(), self.used)
        return ((energy_j, span.net_price),)

    def price(self, moment: datetime) -> Decimal | None:
        """Return what the next kWh costs, with all that is on top; None if it is not known."""
        span = self._span_at(moment)
        return span.rules.tariff.gross(self._net_price(span))

    def now(self, moment: datetime, source: str, capture: Decimal) -> Rates:
        """Return what the next kWh of a source costs and is worth."""
        span = self._span_at(moment)
        return self._rates(span, source, capture, self._net_price(span))

    def _net_price(self, span: _Span) -> Decimal | None:
        prices = span.rules.tariff.prices
        if isinstance(prices, TieredPrice):
            return prices.now(span.local, None, self.used)
        return span.net_price

    def household(self, stretch: Stretch, totals: Totals) -> None:
        """Count what the household's meter shows, and what that adds to the cost of ours."""
        prices, zone = self.rules.tariff.prices, self.rules.zone
        if not isinstance(prices, TieredPrice):
            return
        for part in stretch.cut_at(prices.cuts(stretch.start, stretch.end, zone)):
            period = prices.period_of(part.start.astimezone(zone).date())
            added = prices.add_household(period, part.energy_j, self.used)
            if added:
                use = self.used.use(period)
                cost = added * (1 + self.rules.tariff.tax)
                totals.reprice(cost, cost * use.displaced_j / use.ours_j)

    def _span_at(self, moment: datetime) -> _Span:
        """Return the span that a moment is in, remembered from poll to poll."""
        span = self._span
        if span and span.start <= moment < span.end and span.version == self.timeline.version:
            return span
        held = next(((until, rules) for until, rules in self.former if moment < until), None)
        horizon, rules = moment + _HORIZON, self.rules
        if held:
            horizon, rules = min(horizon, held[0]), held[1]
        zone = rules.zone
        conditions = self.timeline.at(moment)
        end = min(
            [
                horizon,
                *rules.tariff.prices.cuts(moment, horizon, zone),
                *month_starts(moment, horizon, zone),
                next(self.timeline.changes(moment, horizon), horizon),
            ]
        )
        local = moment.astimezone(zone)
        self._span = _Span(
            rules=rules,
            start=moment,
            end=end,
            local=local,
            net_price=rules.tariff.prices.now(local, conditions.electricity_price, self.used),
            conditions=conditions,
            version=self.timeline.version,
            spares=rules.spares(local.date(), conditions),
        )
        return self._span

    def _rates(self, span: _Span, source: str, capture: Decimal, price: Decimal | None) -> Rates:
        reaches = span.conditions.captures.get(source, capture)
        if (rates := span.rates.get((reaches, price))) is None:
            gross = span.rules.tariff.gross(price)
            rates = span.rules.rates(span.start, span.conditions, gross, reaches)
            span.rates[reaches, price] = rates
        return rates
