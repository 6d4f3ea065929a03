"""Units in which entities say prices: an amount of money, a slash, a unit of what is bought."""

from decimal import Decimal

from .units import BTU_PER_KWH, JOULES_PER_KWH

_CENT = Decimal("0.01")
# Symbols and hundredths, with the currencies that they may mean; the ISO code means itself.
_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "CLP", "COP", "ARS"})
_CROWNS = frozenset({"SEK", "NOK", "DKK", "ISK", "CZK"})
_SYMBOLS: dict[str, tuple[frozenset[str], Decimal]] = {
    "€": (frozenset({"EUR"}), Decimal(1)),
    "$": (_DOLLARS, Decimal(1)),
    "c$": (frozenset({"CAD"}), Decimal(1)),
    "a$": (frozenset({"AUD"}), Decimal(1)),
    "nz$": (frozenset({"NZD"}), Decimal(1)),
    "£": (frozenset({"GBP"}), Decimal(1)),
    "kr": (_CROWNS, Decimal(1)),
    "kč": (frozenset({"CZK"}), Decimal(1)),
    "ft": (frozenset({"HUF"}), Decimal(1)),
    "zł": (frozenset({"PLN"}), Decimal(1)),
    "¥": (frozenset({"JPY", "CNY"}), Decimal(1)),
    "₹": (frozenset({"INR"}), Decimal(1)),
    "ct": (frozenset({"EUR"}) | _DOLLARS, _CENT),
    "cent": (frozenset({"EUR"}) | _DOLLARS, _CENT),
    "cents": (frozenset({"EUR"}) | _DOLLARS, _CENT),
    "c": (frozenset({"EUR", "ZAR"}) | _DOLLARS, _CENT),
    "¢": (frozenset({"EUR"}) | _DOLLARS, _CENT),
    "p": (frozenset({"GBP"}), _CENT),
    "öre": (frozenset({"SEK"}), _CENT),
    "øre": (frozenset({"NOK", "DKK"}), _CENT),
    "rp": (frozenset({"CHF"}), _CENT),
    "gr": (frozenset({"PLN"}), _CENT),
}

# By unit: what is measured, and how many of its base unit (kWh, L, kg) it is.
_QUANTITIES: dict[str, tuple[str, Decimal]] = {
    "wh": ("energy", Decimal("0.001")),
    "kwh": ("energy", Decimal(1)),
    "mwh": ("energy", Decimal(1000)),
    "mj": ("energy", Decimal(10**6) / JOULES_PER_KWH),
    "gj": ("energy", Decimal(10**9) / JOULES_PER_KWH),
    "therm": ("energy", 100_000 / BTU_PER_KWH),
    "thm": ("energy", 100_000 / BTU_PER_KWH),
    "mmbtu": ("energy", 1_000_000 / BTU_PER_KWH),
    "l": ("volume", Decimal(1)),
    "gal": ("volume", Decimal("3.785411784")),
    "m³": ("volume", Decimal(1000)),
    "m3": ("volume", Decimal(1000)),
    "ft³": ("volume", Decimal("28.316846592")),
    "ft3": ("volume", Decimal("28.316846592")),
    "ccf": ("volume", Decimal("2831.6846592")),
    "stere": ("stacked volume", Decimal(1)),
    "cord": ("stacked volume", Decimal("3.624556363776")),  # 128 cubic feet
    "kg": ("mass", Decimal(1)),
    "t": ("mass", Decimal(1000)),
    "lb": ("mass", Decimal("0.45359237")),
}


class PriceUnitError(ValueError):
    """A unit is not one of a price that can be used."""


class WrongCurrencyError(PriceUnitError):
    """A unit is one of a price, in another currency."""


def price_factor(unit: str | None, *, currency: str, per: str) -> Decimal:
    """Return what a price in a unit is to be multiplied with, to be in `currency` per `per`.

    >>> price_factor("ct/kWh", currency="EUR", per="kWh")
    Decimal('0.01')

    Raises PriceUnitError if the unit is not one of money per something that can be converted
    to `per`, and WrongCurrencyError if the money is not of that currency.
    """
    money, slash, quantity = (unit or "").partition("/")
    if not slash:
        raise PriceUnitError(f"{unit or 'no unit'} is not a price per {per}")
    kind, amount = _quantity(quantity, per)
    wanted_kind, wanted = _quantity(per, per)
    if kind != wanted_kind:
        raise PriceUnitError(f"{unit} is not a price per {per}")
    return _money(money.strip(), currency) * wanted / amount


def _quantity(unit: str, per: str) -> tuple[str, Decimal]:
    unit = unit.strip()
    if unit == per:  # also a unit that only its owner knows
        return _QUANTITIES.get(unit.lower(), (unit, Decimal(1)))
    try:
        return _QUANTITIES[unit.lower()]
    except KeyError:
        raise PriceUnitError(f"{unit or 'nothing'} is not a unit that can be converted") from None


def _money(money: str, currency: str) -> Decimal:
    if money.upper() == currency:
        return Decimal(1)
    currencies, factor = _SYMBOLS.get(money.lower(), (frozenset[str](), Decimal(1)))
    if currency not in currencies:
        raise WrongCurrencyError(f"{money or 'no currency'} is not {currency}")
    return factor


# What a kWh cannot cost in the currencies whose money is of about the same worth: a higher
# price was meant in cents, or for a MWh. Elsewhere only the absurd is refused.
_MAJOR = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "EUR", "GBP", "CHF"})
_MOST_MAJOR = Decimal(3)
_MOST = Decimal(100_000)


def most_per_kwh(currency: str) -> Decimal:
    """Return the highest price of a kWh of electricity or heat that is believed."""
    return _MOST_MAJOR if currency in _MAJOR else _MOST
