"""What a kWh of electricity is expected to cost in the time ahead."""

from datetime import datetime, tzinfo
from decimal import Decimal

from .consumption import Consumption
from .series import Series
from .tariffs import Tariff, TieredPrice


def expected_price(
    tariff: Tariff,
    moment: datetime,
    *,
    now: datetime,
    zone: tzinfo,
    used: Consumption,
    forecast: Series | None = None,
) -> Decimal | None:
    """Return the price of a kWh at a moment ahead, with surcharge and tax.

    Of tiers it is that of the one reached `now`: what will have been used by then is not known.
    Of a price that is followed it is what the `forecast` says, per kWh and without surcharge and
    tax; None where that has a gap or has run out.
    """
    at = now if isinstance(tariff.prices, TieredPrice) else moment
    said = forecast.at(moment) if forecast else None
    followed = None if said is None else Decimal(str(said))
    return tariff.gross(tariff.prices.now(at.astimezone(zone), followed, used))
