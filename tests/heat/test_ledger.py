"""The ledger's arithmetic, by figures worked by hand and by its laws."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
import json

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.heat.account import Account, Counters, Stretch
from custom_components.gpu_heat.heat.fuels import FUELS, Heating
from custom_components.gpu_heat.heat.ledger import Ledger, LedgerError, Totals
from custom_components.gpu_heat.heat.rates import Rates

KWH = Decimal(3_600_000)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
OIL = Heating(
    fuel=FUELS["heating_oil"],
    price=Decimal("1.30"),
    efficiency=Decimal("0.85"),
    heat_content=Decimal("10.6"),
)


def rates(price="0.0718", share="1", heating=OIL):
    return Rates(electricity_price=Decimal(price), useful_share=Decimal(share), heating=heating)


def booked(*parts):
    """Return the sums of parts, each an energy in kWh with its rates."""
    totals = Totals()
    for energy_kwh, part_rates in parts:
        totals.add(energy_kwh * KWH, part_rates)
    return totals


def counters(seconds, epoch="a", host=None, whole=False, host_epoch=None, **devices):
    return Counters(
        at=NOON + timedelta(seconds=seconds),
        epoch=epoch,
        devices_j={name: Decimal(value) for name, value in devices.items()},
        whole=whole,
        host_j=None if host is None else Decimal(host),
        host_epoch=host_epoch,
    )


def used(account, *readings):
    """Return the energy of each reading in turn."""
    return [sum(stretch.energy_j for stretch in account.advance(reading)) for reading in readings]


def test_the_worked_example_with_oil_as_it_really_is():
    """400 W for 30 days are 288 kWh, not 109 L of oil at 10,600 BTU per litre but 31.96."""
    totals = booked((288, rates()))
    assert totals.electricity_cost == Decimal("20.6784")
    assert round(totals.fuel["heating_oil"], 4) == Decimal("31.9645")
    assert round(totals.heat_value, 4) == Decimal("41.5538")
    assert round(totals.net_cost, 4) == Decimal("-20.8754")


@pytest.mark.parametrize(
    ("fuel", "price", "efficiency", "content", "amount", "value"),
    [
        ("propane", "0.9", "0.92", "7.08", "15.3525", "13.8172"),  # 100 / 6.5136
        ("natural_gas", "0.5", "0.95", "10.72", "9.8193", "4.9097"),  # 100 / 10.184
        ("electricity", "0.1", "1", "1", "100", "10"),
        ("heat_pump", "0.1", "3", "1", "33.3333", "3.3333"),
        ("wood_pellets", "0.4", "0.85", "4.8", "24.5098", "9.8039"),  # 100 / 4.08
    ],
)
def test_what_100_kwh_of_heat_displace(fuel, price, efficiency, content, amount, value):
    heating = Heating(
        fuel=FUELS[fuel],
        price=Decimal(price),
        efficiency=Decimal(efficiency),
        heat_content=Decimal(content),
    )
    totals = booked((100, rates(heating=heating)))
    assert round(totals.fuel[fuel], 4) == Decimal(amount)
    assert round(totals.heat_value, 4) == Decimal(value)


def test_heat_that_is_not_wanted_is_worth_nothing_and_costs_the_same():
    totals = booked((10, rates(share="0")))
    assert (totals.heat_value, totals.fuel) == (0, {})
    assert totals.net_cost == Decimal("0.718")


def test_fuels_are_summed_apart():
    gas = Heating(
        fuel=FUELS["natural_gas"],
        price=Decimal(1),
        efficiency=Decimal(1),
        heat_content=Decimal(10),
    )
    totals = booked((10, rates()), (10, rates(heating=gas)))
    assert totals.fuel["natural_gas"] == 1
    assert round(totals.fuel["heating_oil"], 6) == Decimal("1.109878")  # 10 / 9.01


def test_a_source_is_the_sum_of_its_devices_where_the_host_is_not_metered():
    account = Account()
    assert used(account, counters(0, x=5, y=7), counters(10, x=6, y=10)) == [0, 4]
    assert (account.energy_j, account.devices_j) == (4, {"x": 1, "y": 3})


def test_a_device_that_is_silent_for_a_while_is_made_up_for():
    account = Account()
    assert used(account, counters(0, x=5), counters(10), counters(20, x=9)) == [0, 0, 4]


def test_a_metered_host_counts_instead_of_its_devices():
    account = Account()
    readings = [
        counters(0, x=0, whole=True, host=100),
        counters(10, x=3, whole=True, host=105),
        counters(20, x=5, whole=True),  # the meter is silent
        counters(30, x=8, whole=True, host=117),
    ]
    assert used(account, *readings) == [0, 5, 0, 12]
    assert account.devices_j == {"x": 8}


def test_a_metered_host_that_starts_anew_invents_nothing():
    account = Account()
    readings = [
        counters(0, x=0, whole=True, host=100),
        counters(10, epoch="b", x=0, whole=True, host=900),
        counters(20, epoch="b", x=1, whole=True, host=903),
    ]
    assert used(account, *readings) == [0, 0, 3]


def test_nothing_is_counted_twice_when_a_meter_comes_or_goes():
    account = Account()
    readings = [
        counters(0, x=0),
        counters(10, x=3, whole=True, host=100),  # its first reading: by the devices yet
        counters(20, x=5, whole=True, host=104),
        counters(30, x=9),
    ]
    assert used(account, *readings) == [0, 3, 4, 4]


@pytest.mark.parametrize("stored", [False, True])
def test_a_meter_that_is_taken_away_while_it_is_silent_leaves_what_the_devices_used(stored):
    ledger = Ledger()
    ledger.book("s", counters(0, x=0, whole=True, host=100), every_part)
    for seconds, used_j in ((10, 3), (20, 5)):
        ledger.book("s", counters(seconds, x=used_j, whole=True), every_part)
    assert ledger.totals.energy_j == 0
    if stored:
        ledger = Ledger.from_json(json.loads(json.dumps(ledger.to_json())))
    parts = []
    ledger.book("s", counters(30, x=9), lambda stretch: parts.append(stretch) or [])
    assert [(part.end - part.start).seconds for part in parts] == [20, 10]
    assert sum(part.energy_j for part in parts) == 9


def test_a_meter_of_its_own_goes_on_where_the_devices_counters_start_anew():
    account = Account()
    readings = [
        counters(0, x=50, whole=True, host=100, host_epoch="plug"),
        counters(10, epoch="b", x=0, whole=True, host=130, host_epoch="plug"),
        counters(20, epoch="b", x=1, whole=True, host=90_000),  # the agent's own
        counters(30, epoch="b", x=2, whole=True, host=90_004),
        counters(40, epoch="b", x=3, whole=True, host=7, host_epoch="plug"),
    ]
    assert used(account, *readings) == [0, 30, 1, 4, 1]


def test_counters_that_start_anew_invent_nothing():
    account = Account()
    readings = [counters(0, x=50), counters(10, x=40), counters(20, x=45)]
    assert used(account, *readings) == [0, 0, 5]
    assert used(account, counters(30, epoch="b", x=900), counters(40, epoch="b", x=901)) == [0, 1]


def test_a_clock_set_back_makes_no_negative_stretch():
    account = Account()
    account.advance(counters(100, x=0))
    (stretch,) = account.advance(counters(0, x=5))
    assert (stretch.start, stretch.end, stretch.energy_j) == (
        NOON + timedelta(seconds=100),
        NOON + timedelta(seconds=100),
        5,
    )


def every_part(stretch):
    """Price a stretch as a whole."""
    return [(stretch.energy_j, rates())]


joules = st.integers(min_value=0, max_value=10**12)


@given(st.lists(joules, min_size=2, max_size=20), st.data())
def test_totals_do_not_depend_on_how_often_one_looks(increments, data):
    """Any polls may be missed: what is booked is the same, to the last digit."""
    sums = [sum(increments[: n + 1]) for n in range(len(increments))]
    kept = data.draw(st.sets(st.integers(1, len(sums) - 1)))
    seldom = [sums[n] for n in range(len(sums)) if n in kept or n in (0, len(sums) - 1)]

    def book(readings):
        ledger = Ledger()
        for n, value in enumerate(readings):
            ledger.book("s", counters(n * 10, x=value), every_part)
        return ledger

    often, seldom = book(sums), book(seldom)
    assert often.totals.energy_j == seldom.totals.energy_j == sums[-1] - sums[0]
    assert often.accounts["s"].energy_j == often.totals.energy_j
    assert float(often.totals.heat_value) == pytest.approx(float(seldom.totals.heat_value))


@given(
    st.lists(st.tuples(st.sampled_from("ab"), joules), max_size=20),
    st.integers(min_value=0, max_value=20),
)
def test_a_restart_at_any_point_changes_nothing(readings, at):
    def book(ledger, items):
        for epoch, value in items:
            ledger.book("s", counters(0, epoch=epoch, x=value), every_part)
        return ledger

    whole = book(Ledger(currency="CAD", since=NOON), readings)
    first = book(Ledger(currency="CAD", since=NOON), readings[:at])
    stored = json.loads(json.dumps(first.to_json()))
    restarted = book(Ledger.from_json(stored), readings[at:])
    assert restarted.to_json() == whole.to_json()


@given(st.lists(st.tuples(joules, st.booleans(), st.none() | joules), max_size=30))
def test_energy_is_never_negative(readings):
    account = Account()
    for value, whole, host in readings:
        before = account.energy_j
        account.advance(counters(0, x=value, whole=whole, host=host))
        assert account.energy_j >= before


@given(joules, st.lists(st.integers(1, 99), unique=True, max_size=5))
def test_a_stretch_that_is_cut_keeps_its_energy(energy, minutes):
    end = NOON + timedelta(minutes=100)
    stretch = Stretch(start=NOON, end=end, energy_j=Decimal(energy))
    parts = list(stretch.cut_at(NOON + timedelta(minutes=at) for at in sorted(minutes)))
    assert sum(part.energy_j for part in parts) == energy
    assert (parts[0].start, parts[-1].end) == (NOON, end)
    assert all(earlier.end == later.start for earlier, later in pairwise(parts))
    assert all(part.energy_j >= 0 for part in parts)


@given(st.decimals(0, "0.00001", places=12), st.floats(0.01, 0.99))
def test_a_stretch_of_next_to_no_energy_has_no_negative_part(energy, part):
    stretch = Stretch(start=NOON, end=NOON + timedelta(hours=1), energy_j=energy)
    head, rest = stretch.cut(NOON + timedelta(hours=part))
    assert head.energy_j >= 0
    assert rest.energy_j >= 0
    assert head.energy_j + rest.energy_j == energy


def test_a_reset_lets_the_sums_begin_anew_and_the_counters_go_on():
    ledger = Ledger(currency="CAD", since=NOON)
    for second, value in enumerate((0, 5)):
        ledger.book("s", counters(second, x=value), every_part)
    later = NOON + timedelta(days=1)
    ledger.change_currency("EUR", NOON)
    ledger.reset(later)
    assert (ledger.totals, ledger.closed) == (Totals(), [])
    assert (ledger.since, ledger.money_since) == (later, later)
    assert (ledger.account("s").energy_j, ledger.account("s").devices_j) == (0, {"x": 0})
    ledger.book("s", counters(2, x=7), every_part)
    assert ledger.totals.energy_j == ledger.account("s").energy_j == 2


def test_money_of_another_currency_is_set_aside():
    ledger = Ledger(currency="CAD", since=NOON)
    ledger.totals.add(288 * KWH, rates())
    later = NOON + timedelta(days=1)
    ledger.change_currency("EUR", later)
    (closed,) = Ledger.from_json(ledger.to_json()).closed
    assert (closed.currency, closed.until) == ("CAD", later)
    assert (closed.electricity_cost, closed.cooling_cost) == (Decimal("20.6784"), 0)
    assert round(closed.heat_value, 4) == Decimal("41.5538")
    assert (ledger.totals.net_cost, ledger.totals.energy_j) == (0, 288 * KWH)
    assert round(ledger.totals.fuel["heating_oil"], 4) == Decimal("31.9645")
    assert (ledger.currency, ledger.since, ledger.money_since) == ("EUR", NOON, later)


def test_a_ledger_without_a_currency_takes_one_on_with_its_money():
    ledger = Ledger()
    ledger.totals.add(KWH, rates())
    ledger.change_currency("EUR", NOON)
    assert (ledger.closed, ledger.currency, ledger.money_since) == ([], "EUR", None)
    assert ledger.totals.electricity_cost == Decimal("0.0718")


def test_a_copy_of_sums_stays_as_it_is():
    totals = booked((1, rates()))
    copy = totals.copy()
    totals.add(KWH, rates())
    assert copy == booked((1, rates()))
    assert totals != copy


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"totals": {}, "accounts": {}},
        {"totals": {"energy_j": "NaN", "fuel": {}}, "accounts": {}},
        {"totals": {"energy_j": "1", "fuel": {}, "luck": "7"}, "accounts": {}},
        {"totals": {"fuel": {}}, "accounts": {"s": {"epoch": "a"}}},
        {"totals": [], "accounts": []},
        {"totals": {"fuel": {}}, "accounts": {}, "since": "2026-01-15T12:00:00"},
    ],
)
def test_what_is_no_ledger_is_refused(document):
    with pytest.raises(LedgerError):
        Ledger.from_json(document)
