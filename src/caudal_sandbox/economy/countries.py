"""The countries of the world: currency, banking time zone, language, and how dear life is."""

import enum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec


class CountryCode(enum.StrEnum):
    """ISO 3166-1 alpha-2."""

    US = "US"
    GB = "GB"
    BR = "BR"
    MX = "MX"


class Language(enum.StrEnum):
    """ISO 639-1: the language in which banks word their statements."""

    EN = "en"
    PT = "pt"
    ES = "es"


class Country(msgspec.Struct, frozen=True):
    """One banking zone per country: every bank of it books by the calendar of `zone`.

    `coffee_minor`: what a coffee costs, in the currency's minor unit. Every other price is a multiple of it, so
    that salaries and rents of a country stand in the same relation everywhere.
    """

    code: CountryCode
    currency: str
    zone: ZoneInfo
    language: Language
    coffee_minor: int
    cities: tuple[tuple[str, str, str], ...]
    """City, region, postal code."""


COUNTRIES: Final[dict[CountryCode, Country]] = {
    country.code: country
    for country in (
        Country(
            CountryCode.US,
            "USD",
            ZoneInfo("America/New_York"),
            Language.EN,
            450,
            (("Portland", "ME", "04101"), ("Albany", "NY", "12207"), ("Richmond", "VA", "23219")),
        ),
        Country(
            CountryCode.GB,
            "GBP",
            ZoneInfo("Europe/London"),
            Language.EN,
            350,
            (
                ("Leeds", "England", "LS1 4DY"),
                ("Cardiff", "Wales", "CF10 1EP"),
                ("Dundee", "Scotland", "DD1 3BY"),
            ),
        ),
        Country(
            CountryCode.BR,
            "BRL",
            ZoneInfo("America/Sao_Paulo"),
            Language.PT,
            900,
            (
                ("Campinas", "SP", "13010-001"),
                ("Curitiba", "PR", "80010-000"),
                ("Niterói", "RJ", "24020-005"),
            ),
        ),
        Country(
            CountryCode.MX,
            "MXN",
            ZoneInfo("America/Mexico_City"),
            Language.ES,
            3500,
            (("Puebla", "PUE", "72000"), ("Querétaro", "QRO", "76000"), ("Mérida", "YUC", "97000")),
        ),
    )
}
