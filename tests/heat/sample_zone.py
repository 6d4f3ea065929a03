"""A zone to book energy in: rules, what is known, and counters that go on by themselves."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from zoneinfo import ZoneInfo

from custom_components.gpu_heat.heat.account import Counters, Stretch
from custom_components.gpu_heat.heat.book import Book
from custom_components.gpu_heat.heat.conditions import Conditions
from custom_components.gpu_heat.heat.fuels import FUELS, Heater, Heaters
from custom_components.gpu_heat.heat.ledger import Ledger
from custom_components.gpu_heat.heat.rules import Pricing, Rules
from custom_components.gpu_heat.heat.seasons import SeasonCalendar
from custom_components.gpu_heat.heat.tariffs import MONTHS, FixedPrice, Tariff

KWH = Decimal(3_600_000)
MONTREAL = ZoneInfo("America/Montreal")
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def local(text, zone=MONTREAL):
    """Return a moment that a wall clock shows, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def heater(fuel, price=None, efficiency=None, unit=None, **more):
    """Return a heater; what is not said is what is usual for its fuel."""
    kind = FUELS[fuel]
    unit = unit or kind.unit
    content = more.pop("heat_content", None) or kind.heat_contents.get(unit, 1)
    return Heater(
        fuel=kind,
        unit=unit,
        heat_content=Decimal(content),
        efficiency=Decimal(efficiency) if efficiency else kind.efficiency,
        price=None if price is None else Decimal(price),
        **more,
    )


OIL = heater("heating_oil", "1.30")


def rules(
    prices=None,
    surcharge="0",
    tax="0",
    zone=MONTREAL,
    first=OIL,
    second=None,
    balance="0",
    heating=MONTHS,
    cooling=(),
    **more,
):
    """Return rules of a zone that heats all year with oil, unless it is said."""
    return Rules(
        tariff=Tariff(
            prices=prices or FixedPrice(Decimal("0.0718")),
            surcharge=Decimal(surcharge),
            tax=Decimal(tax),
        ),
        heaters=Heaters(first=first, second=second, balance_c=Decimal(balance)),
        calendar=SeasonCalendar(
            heating_months=frozenset(heating), cooling_months=frozenset(cooling)
        ),
        zone=zone,
        **more,
    )


class Zone:
    """A zone whose sources are polled when it is said."""

    def __init__(self, *, meter_has_ours=False, **of_rules):
        self.rules = rules(**of_rules)
        self.book = Book(ledger=Ledger(currency="CAD"))
        self.book.used.meter_has_ours = meter_has_ours
        self.pricing = Pricing(self.rules, self.timeline, self.book.used)
        self.counters_j = {}

    @property
    def timeline(self):
        return self.book.timeline

    @property
    def totals(self):
        return self.book.ledger.totals

    def know(self, at, **conditions):
        """Let conditions hold from a moment on."""
        self.book.known_at = at
        self.timeline.set(at, Conditions(**conditions))

    def poll(self, at, kwh=0, source="s", capture="1", device="x"):
        """Read counters that have grown by so many kWh since the last poll."""
        key = source, device
        self.counters_j[key] = self.counters_j.get(key, Decimal(0)) + Decimal(kwh) * KWH
        devices_j = {name: j for (owner, name), j in self.counters_j.items() if owner == source}
        self.book.ledger.book(
            source,
            Counters(at=at, epoch="a", devices_j=devices_j),
            lambda stretch: self.pricing.parts(stretch, source, Decimal(capture)),
        )

    def use(self, start, end, kwh, source="s", capture="1"):
        """Use so much between two moments, read at both."""
        self.poll(start, source=source)
        self.poll(end, kwh, source, capture)

    def meter(self, start, end, kwh):
        """Let the household's meter grow between two moments."""
        shown = Stretch(start=start, end=end, energy_j=Decimal(kwh) * KWH)
        self.pricing.household(shown, self.totals)

    def restart(self):
        """Go on from what is on the disk."""
        has_ours = self.book.used.meter_has_ours
        self.book = Book.from_json(json.loads(json.dumps(self.book.to_json())))
        self.book.used.meter_has_ours = has_ours
        self.pricing = Pricing(self.rules, self.timeline, self.book.used)
