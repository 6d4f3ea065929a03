"""CO2 of electricity by country, to begin with: what a grid emits differs by hour and region."""

from decimal import Decimal

# Ember, "Yearly Electricity Data" (https://ember-energy.org/data/yearly-electricity-data), data of
# 2024 as published up to August 2025, CC BY 4.0: kg CO2 equivalent per kWh generated in the
# country, over the life cycle, imports not counted. Fuels (heat/fuels.py) count at the stack
# alone; with their wells and transport they would be 15 to 25 % higher.
ELECTRICITY_CO2: dict[str, Decimal] = {
    "AR": Decimal("0.345"),
    "AT": Decimal("0.103"),
    "AU": Decimal("0.554"),
    "BE": Decimal("0.118"),
    "BG": Decimal("0.264"),
    "BR": Decimal("0.106"),
    "CA": Decimal("0.185"),
    "CH": Decimal("0.037"),
    "CL": Decimal("0.266"),
    "CN": Decimal("0.557"),
    "CZ": Decimal("0.414"),
    "DE": Decimal("0.342"),
    "DK": Decimal("0.143"),
    "EE": Decimal("0.341"),
    "ES": Decimal("0.146"),
    "FI": Decimal("0.072"),
    "FR": Decimal("0.044"),
    "GB": Decimal("0.216"),
    "GR": Decimal("0.320"),
    "HK": Decimal("0.682"),  # 2023
    "HR": Decimal("0.174"),
    "HU": Decimal("0.183"),
    "IE": Decimal("0.280"),
    "IL": Decimal("0.567"),  # 2023
    "IN": Decimal("0.709"),
    "IS": Decimal("0.028"),  # 2023
    "IT": Decimal("0.288"),
    "JP": Decimal("0.484"),
    "KR": Decimal("0.416"),
    "LT": Decimal("0.139"),
    "LU": Decimal("0.135"),
    "LV": Decimal("0.136"),
    "MX": Decimal("0.483"),
    "NL": Decimal("0.253"),
    "NO": Decimal("0.031"),
    "NZ": Decimal("0.120"),
    "PL": Decimal("0.615"),
    "PT": Decimal("0.112"),
    "RO": Decimal("0.246"),
    "SE": Decimal("0.036"),
    "SG": Decimal("0.499"),
    "SI": Decimal("0.227"),
    "SK": Decimal("0.096"),
    "TR": Decimal("0.470"),
    "TW": Decimal("0.635"),
    "UA": Decimal("0.250"),  # 2022
    "US": Decimal("0.384"),
    "ZA": Decimal("0.714"),
}
