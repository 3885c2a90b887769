"""Which day it is at a bank, as far as its country tells (IANA time zone database)."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

_WESTERNMOST: Final = {
    "AT": "Europe/Vienna",
    "BE": "Europe/Brussels",
    "BR": "America/Rio_Branco",
    "CA": "America/Vancouver",
    "CO": "America/Bogota",
    "DE": "Europe/Berlin",
    "DK": "Europe/Copenhagen",
    "EE": "Europe/Tallinn",
    "ES": "Atlantic/Canary",
    "FI": "Europe/Helsinki",
    "FR": "Europe/Paris",
    "GB": "Europe/London",
    "IE": "Europe/Dublin",
    "IT": "Europe/Rome",
    "LT": "Europe/Vilnius",
    "LV": "Europe/Riga",
    "MX": "America/Tijuana",
    "NL": "Europe/Amsterdam",
    "NO": "Europe/Oslo",
    "PL": "Europe/Warsaw",
    "PT": "Atlantic/Azores",
    "SE": "Europe/Stockholm",
    "US": "Pacific/Honolulu",
}
"""The zone where a day begins last, of those a country's banks keep their books in."""

_WEST_OF_ALL: Final = timezone(timedelta(hours=-12))


def earliest_day(at: datetime, countries: Iterable[str]) -> date:
    """The earliest calendar day that the aware instant `at` may be at a bank of one of `countries`."""
    return min((at.astimezone(zone).date() for zone in _zones(countries)), default=at.astimezone(UTC).date())


def day_at(at: datetime, country: str) -> date:
    """The calendar day of the aware instant `at` in the westernmost zone of that country; UTC's where it isn't known."""
    return at.astimezone(ZoneInfo(_WESTERNMOST[country]) if country in _WESTERNMOST else UTC).date()


def _zones(countries: Iterable[str]) -> list[tzinfo]:
    zones: list[tzinfo] = [
        ZoneInfo(_WESTERNMOST[country]) if country in _WESTERNMOST else _WEST_OF_ALL for country in countries
    ]
    return zones or [_WEST_OF_ALL]
