"""The document of a zone: older ones load, what is none is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.gpu_heat.heat.account import Reading
from custom_components.gpu_heat.heat.book import Book
from custom_components.gpu_heat.heat.conditions import Conditions
from custom_components.gpu_heat.heat.ledger import LedgerError
from custom_components.gpu_heat.heat.recent import Recent
from custom_components.gpu_heat.heat.seasons import Activity, Mode, Room, Season
from custom_components.gpu_heat.heat.tariffs import Tier, TieredPrice

from .sample_zone import HOUR, Zone

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)

# As the version before wrote it.
OLD = {
    "totals": {
        "energy_j": "1036800000",
        "electricity_cost": "20.6784",
        "useful_heat_j": "1036800000",
        "heat_value": "41.55382907880133",
        "cooling_cost": "0",
        "fuel": {"heating_oil": "31.96448390677"},
    },
    "accounts": {
        "s": {
            "epoch": "a",
            "energy_j": "1036800000",
            "devices_j": {"x": "1036800000"},
            "host_reading": None,
            "readings": {"x": {"at": "2026-01-15T12:00:00+00:00", "counter_j": "5000000"}},
        },
        "t": {
            "epoch": "b",
            "energy_j": "0",
            "devices_j": {},
            "host_reading": {"at": "2026-01-15T12:00:00+00:00", "counter_j": "7"},
            "readings": {},
        },
    },
}


def full_book():
    """Return a book that has something of everything."""
    prices = TieredPrice(
        tiers=(Tier(price=Decimal(1), up_to_kwh=Decimal(4)), Tier(price=Decimal(2)))
    )
    zone = Zone(prices=prices, meter_has_ours=True)
    room = Room(
        mode=Mode.BOTH,
        excess_k=Decimal("0.5"),
        target_c=Decimal(20),
        activity=Activity.IDLE,
        can_cool=True,
    )
    zone.know(
        NOON,
        electricity_price=Decimal("0.1"),
        outdoor_c=Decimal("-3.5"),
        rooms=(room, Room(mode=Mode.OFF)),
        season=Season.HEATING,
        captures={"s": Decimal("0.5")},
    )
    zone.use(NOON, NOON + HOUR, 3)
    zone.use(NOON, NOON + HOUR, 2, source="t")
    book = zone.book
    book.ledger.since = NOON
    book.change_currency("EUR", NOON + HOUR)
    book.recent.mark(NOON + HOUR, book.ledger.totals)
    book.meter = Reading(at=NOON, counter_j=Decimal(12))
    book.season, book.season_by_hand = Season.HEATING, Season.SHOULDER
    return book


def test_a_book_comes_back_as_it_was_written():
    written = full_book().to_json()
    assert Book.from_json(json.loads(json.dumps(written))).to_json() == written


def test_a_book_of_the_version_before_loads():
    book = Book.from_json(OLD)
    totals = book.ledger.totals
    assert (totals.energy_j, totals.electricity_cost) == (1_036_800_000, Decimal("20.6784"))
    assert totals.fuel == {"heating_oil": Decimal("31.96448390677")}
    assert (totals.cooling_j, totals.unpriced_j, totals.unvalued_j, totals.co2_net) == (0, 0, 0, 0)
    assert book.ledger.account("t").host_reading == Reading(at=NOON, counter_j=Decimal(7))
    assert (book.ledger.currency, book.ledger.since, book.ledger.closed) == ("", None, [])
    assert (book.conditions, book.known_at, book.meter) == (Conditions(), None, None)
    assert (book.season, book.season_by_hand, book.recent) == (None, None, Recent())
    assert book.unread == []


def test_the_sums_of_the_version_before_go_on():
    """288 kWh so far; then 1 kWh of an hour, at 0.0718, and 1 / 9.01 L of oil."""
    zone = Zone()
    zone.book = Book.from_json(json.loads(json.dumps(OLD)))
    zone.book.change_currency("CAD", NOON)
    zone.counters_j["s", "x"] = Decimal(5_000_000)
    zone.poll(NOON + HOUR, 1)
    assert zone.totals.energy_j == 1_040_400_000
    assert zone.totals.electricity_cost == Decimal("20.7502")
    assert round(zone.totals.fuel["heating_oil"], 6) == Decimal("32.075472")
    assert zone.book.ledger.account("s").devices_j == {"x": 1_040_400_000}


def test_a_reset_forgets_the_ratio_and_keeps_what_the_next_entry_needs():
    book = full_book()
    used, meter = book.used.to_json(), book.meter
    book.reset(NOON)
    assert (book.ledger.totals.energy_j, book.recent.to_json()) == (0, [])
    assert (book.used.to_json(), book.meter) == (used, meter)
    assert book.season_by_hand is Season.SHOULDER


def test_another_currency_has_another_ratio():
    book = full_book()
    book.change_currency("USD", NOON + 2 * HOUR)
    assert book.recent.to_json() == []
    assert [closed.currency for closed in book.ledger.closed] == ["CAD", "EUR"]


def paths(document, at=()):
    """Yield where all parts of a document are."""
    yield at
    items = ()
    if isinstance(document, dict):
        items = document.items()
    elif isinstance(document, list):
        items = enumerate(document)
    for key, item in items:
        yield from paths(item, (*at, key))


def mutated(document, path, change):
    """Return a copy with one part replaced, or left out."""
    copy = json.loads(json.dumps(document))
    if not path:
        return change[0] if change else None
    part = copy
    for key in path[:-1]:
        part = part[key]
    if change:
        part[path[-1]] = change[0]
    else:
        del part[path[-1]]
    return copy


FULL = full_book().to_json()
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["NaN", "sNaN", "Infinity", "-1e9", "1e999999999", "2026-01-15", "2026-01-15T12:00", "off"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=4,
)


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from([FULL, OLD]).flatmap(
        lambda document: st.tuples(st.just(document), st.sampled_from(list(paths(document))))
    ),
    st.lists(JUNK, max_size=1),
)
def test_a_document_that_is_damaged_loads_or_is_refused(place, change):
    """And one that loads can be written, read again, and gone on with."""
    try:
        book = Book.from_json(mutated(*place, change))
    except LedgerError:
        return
    assert Book.from_json(book.to_json()).to_json() == book.to_json()
    zone = Zone()
    zone.book = book
    zone.pricing.timeline = book.timeline
    zone.timeline.set(NOON + timedelta(days=1), Conditions())
    zone.poll(NOON + timedelta(days=1), 1)
    zone.poll(NOON + timedelta(days=2), 1)
    book.recent.mark(NOON + timedelta(days=2), book.ledger.totals)
    book.recent.offset_ratio(NOON + timedelta(days=2), book.ledger.totals)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("accounts", "s", "readings", "x", "at"), "2026-01-15T12:00:00"),
        (("closed", 0, "until"), "2026-01-15T12:00:00"),
        (("totals", "energy_j"), "1e999999"),
        (("totals", "energy_j"), [False, None, 2**63]),
        (("former_fuel",), {"oil": "NaN"}),
    ],
)
def test_sums_that_could_not_be_gone_on_with_are_refused(path, value):
    with pytest.raises(LedgerError):
        Book.from_json(mutated(FULL, path, [value]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("known_at",), "2026-01-15T12:00:00"),
        (("meter", 0), "2026-01-15T12:00:00"),
        (("meter",), ["2026-01-15T12:00:00+00:00"]),
        (("recent", 0, 0), "2026-01-15T12:00:00"),
        (("recent", 0, 1), "NaN"),
        (("timeline", 0, 0), "2026-01-15T12:00:00"),
        (("timeline", 0, 1, "rooms", 0, "weight"), "NaN"),
        (("timeline", 0, 1, "rooms", 0, "mode"), "boil"),
        (("timeline", 0, 1, "captures", "s"), "Infinity"),
        (("timeline", 0, 1, "electricity_price"), "cheap"),
        (("used",), {"2026-01-15": ["1", "2"]}),
        (("used",), {"2026-01-15": {"ours_j": "NaN"}}),
        (("used",), {"2026-01-15": {"theirs_j": "1"}}),
        (("used",), {"someday": {"ours_j": "1"}}),
        (("season",), "monsoon"),
        (("season_by_hand",), 7),
        (("words",), 7),
        (("former",), [["yesterday", {}]]),
    ],
)
def test_what_else_cannot_be_read_begins_anew_and_the_sums_go_on(path, value):
    book = Book.from_json(mutated(FULL, path, [value]))
    assert book.unread == [path[0]]
    assert book.ledger.to_json() == Book.from_json(FULL).ledger.to_json()


@pytest.mark.parametrize("document", [None, [], "book", 7, {}, {"totals": None}])
def test_what_is_no_book_is_refused(document):
    with pytest.raises(LedgerError):
        Book.from_json(document)
