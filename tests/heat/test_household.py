"""Tiers on top of a household: our consumption costs what it adds to the bill."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
import json
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.account import Stretch
from custom_components.gpu_heat.heat.book import Book
from custom_components.gpu_heat.heat.conditions import Timeline
from custom_components.gpu_heat.heat.consumption import Consumption
from custom_components.gpu_heat.heat.fuels import FUELS, Heater, Heaters
from custom_components.gpu_heat.heat.ledger import Ledger
from custom_components.gpu_heat.heat.rules import Pricing, Rules
from custom_components.gpu_heat.heat.seasons import SeasonCalendar
from custom_components.gpu_heat.heat.tariffs import FixedPrice, Period, Tariff, Tier, TieredPrice

KWH = Decimal(3_600_000)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
TIERS = (
    Tier(price=Decimal("0.07"), up_to_kwh=Decimal(40)),
    Tier(price=Decimal("0.11"), up_to_kwh=Decimal(60)),
    Tier(price=Decimal("0.20")),
)


def bill(kwh):
    """Return what a day costs: 0.07 up to 40 kWh, 0.11 up to 60, then 0.20."""
    kwh = Decimal(kwh)
    return (
        min(kwh, 40) * Decimal("0.07")
        + max(min(kwh, 60) - 40, 0) * Decimal("0.11")
        + max(kwh - 60, 0) * Decimal("0.20")
    )


def zone(*, meter_has_ours, efficiency="1"):
    """Return the pricing of a house that electricity heats, and its ledger."""
    heater = Heater(
        fuel=FUELS["electricity"],
        unit="kWh",
        heat_content=Decimal(1),
        efficiency=Decimal(efficiency),
    )
    rules = Rules(
        tariff=Tariff(
            prices=TieredPrice(tiers=TIERS, period=Period.DAY),
            surcharge=Decimal("0.01"),
            tax=Decimal("0.15"),
        ),
        heaters=Heaters(first=heater),
        calendar=SeasonCalendar(heating_months=frozenset({1}), cooling_months=frozenset()),
        zone=ZoneInfo("UTC"),
    )
    return Pricing(rules, Timeline(), Consumption(meter_has_ours=meter_has_ours)), Ledger()


def use(pricing, ledger, ours, household):
    """Let our sources use so much in a minute, then let the meter show what the house used."""
    stretch = Stretch(start=NOON, end=NOON + timedelta(minutes=1), energy_j=ours * KWH)
    for energy_j, rates in pricing.parts(stretch, "s", Decimal(1)):
        ledger.totals.add(energy_j, rates)
    shown = household + (ours if pricing.used.meter_has_ours else 0)
    seen = Stretch(start=NOON, end=NOON + timedelta(minutes=1), energy_j=shown * KWH)
    pricing.household(seen, ledger.totals)


def gross(net, kwh):
    return (net + kwh * Decimal("0.01")) * Decimal("1.15")


amounts = st.decimals(0, 50, places=3)
days = st.lists(st.tuples(amounts, amounts), min_size=1, max_size=12)


@given(days, st.booleans())
def test_what_we_add_to_the_bill_is_what_we_cost(steps, meter_has_ours):
    """In whatever order the house and we used it, and whether its meter has us or not."""
    pricing, ledger = zone(meter_has_ours=meter_has_ours)
    for ours, household in steps:
        use(pricing, ledger, ours, household)
    ours, household = (sum(column) for column in zip(*steps, strict=True))
    cost = gross(bill(household + ours) - bill(household), ours)
    assert ledger.totals.electricity_cost == pytest.approx(cost, abs=Decimal("1e-15"))


@given(days)
def test_heat_that_spares_the_same_electricity_is_worth_what_it_costs(steps):
    pricing, ledger = zone(meter_has_ours=True)
    for ours, household in steps:
        use(pricing, ledger, ours, household)
    assert ledger.totals.net_cost == pytest.approx(Decimal(0), abs=Decimal("1e-15"))


def test_a_heat_pump_spares_its_part_of_what_we_cost():
    """8 kWh at COP 4 spare 2; the house's 35 move ours up from 0.56 to 0.68: a quarter of it."""
    pricing, ledger = zone(meter_has_ours=False, efficiency="4")
    use(pricing, ledger, Decimal(8), Decimal(35))
    assert ledger.totals.electricity_cost == gross(Decimal("0.68"), 8)
    assert ledger.totals.heat_value == gross(Decimal("0.68"), 8) / 4


def test_a_meter_may_begin_within_a_period():
    """39 kWh since midnight, as the recorder has it: 1 kWh of ours at 0.07, 1 at 0.11."""
    pricing, ledger = zone(meter_has_ours=True)
    pricing.used.begin_meter(date(2026, 1, 15), 39 * KWH)
    use(pricing, ledger, Decimal(2), Decimal(0))
    assert ledger.totals.electricity_cost == gross(Decimal("0.18"), 2)


@given(days, st.integers(0, 12))
def test_a_restart_within_a_period_changes_nothing(steps, at):
    def run(restart):
        pricing, ledger = zone(meter_has_ours=True)
        for number, (ours, household) in enumerate(steps):
            if restart and number == at:
                document = json.loads(json.dumps(pricing.used.to_json()))
                pricing.used = Consumption.from_json(document, Decimal)
                pricing.used.meter_has_ours = True
            use(pricing, ledger, ours, household)
        return ledger.totals

    assert run(restart=True) == run(restart=False)


def test_late_energy_of_yesterday_was_the_meters_own():
    """A meter that has ours showed 45 kWh yesterday, 6 of them ours, read today: 5 at 0.11."""
    pricing, ledger = zone(meter_has_ours=True)
    yesterday, today = (NOON - timedelta(days=1)).date(), NOON.date()
    pricing.used.begin_meter(yesterday, 45 * KWH)
    pricing.used.begin_meter(today, 0 * KWH)
    late = Stretch(start=NOON - timedelta(days=1), end=NOON - timedelta(hours=23), energy_j=6 * KWH)
    for energy_j, rates in pricing.parts(late, "s", Decimal(1)):
        ledger.totals.add(energy_j, rates)
    assert ledger.totals.electricity_cost == gross(bill(45) - bill(39), 6)
    assert pricing.used.of(yesterday) == 45 * KWH


def test_what_was_reset_is_not_priced_again():
    """After a reset the household's use moves nothing up that was booked before it."""
    pricing, ledger = zone(meter_has_ours=True)
    book = Book(ledger=ledger, used=pricing.used)
    use(pricing, ledger, Decimal(8), Decimal(30))
    book.reset(NOON)
    use(pricing, ledger, Decimal(0), Decimal(20))
    assert ledger.totals.electricity_cost == 0
    assert pricing.used.of(NOON.date()) == 58 * KWH


def test_energy_of_before_a_change_is_priced_by_the_rules_of_before():
    """Half an hour at 0.07, half an hour at 0.20: 2 kWh cost 0.27."""
    pricing, ledger = zone(meter_has_ours=False)
    cheap = replace(pricing.rules, tariff=Tariff(prices=FixedPrice(Decimal("0.07"))))
    dear = replace(pricing.rules, tariff=Tariff(prices=FixedPrice(Decimal("0.20"))))
    pricing = Pricing(dear, Timeline(), Consumption(), [(NOON, cheap)])
    half = timedelta(minutes=30)
    stretch = Stretch(start=NOON - half, end=NOON + half, energy_j=2 * KWH)
    for energy_j, rates in pricing.parts(stretch, "s", Decimal(1)):
        ledger.totals.add(energy_j, rates)
    assert ledger.totals.electricity_cost == Decimal("0.27")


def test_settings_are_remembered_for_two_weeks_after_they_were_changed():
    book = Book(ledger=Ledger())
    book.go_on_with({"price": 1}, NOON)
    book.go_on_with({"price": 1}, NOON)
    book.go_on_with({"price": 2}, NOON + timedelta(days=1))
    assert book.former == [(NOON + timedelta(days=1), {"price": 1})]
    book = Book.from_json(json.loads(json.dumps(book.to_json())))
    assert (book.options, book.former) == (
        {"price": 2},
        [(NOON + timedelta(days=1), {"price": 1})],
    )
    book.go_on_with({"price": 2}, NOON + timedelta(days=16))
    assert book.former == []
