"""What flows at this moment, and the ratio of the last day, by figures worked by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from custom_components.gpu_heat.heat.flows import Flow, flows
from custom_components.gpu_heat.heat.ledger import Totals
from custom_components.gpu_heat.heat.rates import Rates
from custom_components.gpu_heat.heat.recent import Recent

from .sample_zone import KWH, OIL, heater

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
OIL_NOW = OIL.now(electricity_price=None, electricity_co2=None, entity_price=None, outdoor_c=None)
UNPRICED_OIL = heater("heating_oil", follows_entity=True).now(
    electricity_price=None, electricity_co2=None, entity_price=None, outdoor_c=None
)


def rates(price="0.0718", share="1", capture="1", cooling="0", heating=OIL_NOW):
    return Rates(
        electricity_price=None if price is None else Decimal(price),
        heating=heating,
        useful_share=Decimal(share),
        capture=Decimal(capture),
        cooling=Decimal(cooling),
    )


def flowing(*sources, electric=False):
    """Return the flows of sources, each its power and rates, rounded to six digits."""
    found = flows(
        [
            Flow(power_w=None if power_w is None else Decimal(power_w), rates=of)
            for power_w, of in sources
        ],
        value_follows_electricity=electric,
    )
    values = (getattr(found, name) for name in found.__slots__)
    return [None if value is None else round(value, 6) for value in values]


def figures(*texts):
    return [None if text is None else Decimal(text) for text in texts]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        # 0.4 x 0.0718; 0.4 x 1.30 / 9.01; 1.30 / 9.01
        ([(400, rates())], ("400", "400", "400", "0.02872", "0.057714", "0.144284")),
        # in summer 400 x (1 + 1 / 3); x 0.0718
        (
            [(400, rates(share="0", cooling="0.3333333333"))],
            ("400", "533.333333", "400", "0.038293", "0", "0"),
        ),
        # 300 + 100 x 0.5; 0.35 x 0.144284; that by 0.4
        (
            [(300, rates()), (100, rates(capture="0.5"))],
            ("400", "400", "350", "0.02872", "0.050499", "0.126249"),
        ),
        # one source does not know its power; the other still tells when it pays
        ([(None, rates()), (400, rates())], (None, None, None, None, None, "0.144284")),
        ([(None, rates())], (None, None, None, None, None, "0.144284")),
        ([(0, rates())], ("0", "0", "0", "0", "0", "0.144284")),
        # without a price
        ([(400, rates(None))], ("400", "400", "400", None, "0.057714", "0.144284")),
        # without the fuel's: unknown while the heat is wanted, and nothing while not
        ([(400, rates(heating=UNPRICED_OIL))], ("400", "400", "400", "0.02872", None, None)),
        (
            [(400, rates(share="0", heating=UNPRICED_OIL))],
            ("400", "400", "400", "0.02872", "0", "0"),
        ),
        # one is paid for using it: 0.4 x -0.05
        ([(400, rates("-0.05"))], ("400", "400", "400", "-0.02", "0.057714", "0.144284")),
        ([], (None,) * 6),
    ],
)
def test_what_flows(sources, expected):
    assert flowing(*sources) == figures(*expected)


def test_heat_that_displaces_electricity_has_no_price_at_which_it_breaks_even():
    assert flowing((400, rates()), electric=True)[-1] is None
    assert flowing((400, rates(share="0")), electric=True)[-1] == 0


def test_a_rate_knows_what_a_kwh_emits():
    """(1 + 0.5 / 3) x 0.3 - 0.5 x 2.7 / 9.01 = 0.35 - 0.149834"""
    oil = heater("heating_oil", "1.30", co2=Decimal("2.7")).now(
        electricity_price=None, electricity_co2=None, entity_price=None, outdoor_c=None
    )
    of = Rates(
        electricity_price=None,
        heating=oil,
        useful_share=Decimal(1),
        capture=Decimal("0.5"),
        cooling=Decimal(1) / 3,
        electricity_co2=Decimal("0.3"),
    )
    assert round(of.co2_net, 6) == Decimal("0.200166")


def days_of(*shares, hours=24):
    """Book a kWh each quarter of an hour of days with a share each; return both sums."""
    recent, totals, at = Recent(), Totals(), NOON
    recent.mark(at, totals)
    for share in shares:
        for _ in range(hours * 4):
            at += timedelta(minutes=15)
            totals.add(KWH, rates(share=share))
            recent.mark(at, totals)
    return recent, totals, at


def test_the_ratio_of_what_was_booked():
    """0.144284 / 0.0718"""
    recent, totals, at = days_of("1", hours=1)
    assert round(recent.offset_ratio(at, totals), 4) == Decimal("2.0095")


def test_the_ratio_forgets_what_is_older_than_a_day():
    recent, totals, at = days_of("1", "0")
    assert recent.offset_ratio(at, totals) == 0
    recent, totals, at = days_of("0", "0", "1")
    assert round(recent.offset_ratio(at, totals), 4) == Decimal("2.0095")
    assert len(recent.to_json()) == 97  # a quarter of an hour each


def test_the_ratio_goes_on_forgetting_while_nothing_is_booked():
    recent, totals, at = days_of("1")
    assert recent.offset_ratio(at + timedelta(hours=25), totals) is None


def test_without_a_cost_there_is_no_ratio():
    recent, totals = Recent(), Totals()
    assert recent.offset_ratio(NOON, totals) is None
    recent.mark(NOON, totals)
    assert recent.offset_ratio(NOON, totals) is None
    totals.add(KWH, rates("-0.05"))
    assert recent.offset_ratio(NOON, totals) is None


def test_marks_begin_anew_where_the_clock_is_set_back_or_the_sums_are():
    recent, totals, _ = days_of("1")
    recent.mark(NOON, totals)
    assert len(recent.to_json()) == 1
    recent.clear()
    assert (recent.to_json(), recent.offset_ratio(NOON, totals)) == ([], None)


def test_polls_between_the_quarters_leave_no_mark():
    recent, totals = Recent(), Totals()
    for minute in range(31):
        recent.mark(NOON + timedelta(minutes=minute), totals)
    assert len(recent.to_json()) == 3
