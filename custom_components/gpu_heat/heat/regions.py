"""Electricity tariffs of some regions, to begin with: each with its date and source, to be edited.

Energy charges of households before tax unless said otherwise; fixed charges are left out, as
one more kWh does not change them.
"""

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from .tariffs import FixedPrice, Prices, Tier, TieredPrice, TimeOfUse, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A tariff in force from `since` on, as `source` says.

    `heating_months` is how many months a year a house is heated there, None where no source
    says. `electricity_co2` in kg per kWh, None where that of the country has to do.
    """

    id: str
    currency: str
    prices: Prices
    since: date
    source: str
    heating_months: int | None = None
    electricity_co2: Decimal | None = None


_ON_PEAK, _MID_PEAK = Decimal("0.203"), Decimal("0.157")
_WORKDAYS = frozenset(range(5))
_WINTER = frozenset({11, 12, 1, 2, 3, 4})
_SUMMER = frozenset({5, 6, 7, 8, 9, 10})


def _peak(start: int, end: int, price: Decimal, months: frozenset[int]) -> Window:
    return Window(start=time(start), end=time(end), price=price, weekdays=_WORKDAYS, months=months)


_NIR = "CO2: National Inventory Report 1990-2019, annex 13, by the plants"
_EUROSTAT = (
    "Eurostat nrg_pc_204, 2,500 to 5,000 kWh a year, all taxes; an average, with fixed charges"
)

REGIONS: dict[str, Region] = {
    region.id: region
    for region in (
        Region(
            id="quebec",
            currency="CAD",
            # By the bill, 40 kWh for each day of the billing period.
            prices=TieredPrice(
                tiers=(
                    Tier(price=Decimal("0.06905"), up_to_kwh=Decimal(40)),
                    Tier(price=Decimal("0.10652")),
                )
            ),
            since=date(2025, 4, 1),
            source=f"Hydro-Québec, Rate D. {_NIR}",
            heating_months=7,
            electricity_co2=Decimal("0.0015"),
        ),
        Region(
            id="ontario",
            currency="CAD",
            prices=TimeOfUse(
                base=Decimal("0.098"),
                windows=(
                    _peak(7, 11, _ON_PEAK, _WINTER),
                    _peak(11, 17, _MID_PEAK, _WINTER),
                    _peak(17, 19, _ON_PEAK, _WINTER),
                    _peak(7, 11, _MID_PEAK, _SUMMER),
                    _peak(11, 17, _ON_PEAK, _SUMMER),
                    _peak(17, 19, _MID_PEAK, _SUMMER),
                ),
            ),
            since=date(2025, 11, 1),
            source=(
                "Ontario Energy Board, Regulated Price Plan, time-of-use; delivery is not in it, "
                f"and holidays count as other days. {_NIR}"
            ),
            electricity_co2=Decimal("0.030"),
        ),
        Region(
            id="british_columbia",
            currency="CAD",
            # By the bill, 1,350 kWh in two months: 22.1918 kWh for each day.
            prices=TieredPrice(
                tiers=(
                    Tier(price=Decimal("0.1172"), up_to_kwh=Decimal("22.1918")),
                    Tier(price=Decimal("0.1408")),
                )
            ),
            since=date(2025, 4, 1),
            source=f"BC Hydro, residential tiered rate. {_NIR}",
            heating_months=5,
            electricity_co2=Decimal("0.0197"),
        ),
        Region(
            id="nova_scotia",
            currency="CAD",
            prices=FixedPrice(Decimal("0.18561")),
            since=date(2025, 2, 18),
            source="Nova Scotia Power, standard residential tariff",
        ),
        Region(
            id="united_states",
            currency="USD",
            prices=FixedPrice(Decimal("0.173")),
            since=date(2025, 1, 1),
            source="EIA, residential average of 2025, with fixed charges",
        ),
        Region(
            id="great_britain",
            currency="GBP",
            prices=FixedPrice(Decimal("0.2611")),
            since=date(2026, 7, 1),
            source="Ofgem price cap, July to September 2026, unit rate with 5 % VAT",
        ),
        Region(
            id="france",
            currency="EUR",
            prices=FixedPrice(Decimal("0.1940")),
            since=date(2026, 2, 1),
            source="CRE, tarif bleu, option base, up to 6 kVA, with taxes",
        ),
        Region(
            id="germany",
            currency="EUR",
            prices=FixedPrice(Decimal("0.3869")),
            since=date(2025, 7, 1),
            source=_EUROSTAT,
            heating_months=7,
        ),
        Region(
            id="netherlands",
            currency="EUR",
            prices=FixedPrice(Decimal("0.2558")),
            since=date(2025, 7, 1),
            source=_EUROSTAT,
        ),
        Region(
            id="italy",
            currency="EUR",
            prices=FixedPrice(Decimal("0.2966")),
            since=date(2025, 7, 1),
            source=_EUROSTAT,
        ),
        Region(
            id="spain",
            currency="EUR",
            prices=FixedPrice(Decimal("0.2669")),
            since=date(2025, 7, 1),
            source=_EUROSTAT,
        ),
        Region(
            id="switzerland",
            currency="CHF",
            prices=FixedPrice(Decimal("0.277")),
            since=date(2026, 1, 1),
            source="ElCom, median of households with 4,500 kWh a year, all charges",
        ),
        Region(
            id="norway",
            currency="NOK",
            prices=FixedPrice(Decimal("1.251")),
            since=date(2025, 1, 1),
            source="Statistics Norway, average of 2025 after support, with grid and taxes",
        ),
        Region(
            id="japan",
            currency="JPY",
            prices=FixedPrice(Decimal(31)),
            since=date(2022, 7, 22),
            source="Home Electric Appliances Fair Trade Conference, guideline price, with tax",
        ),
    )
}
