"""How days and times are written for people. Names of months and days as CLDR has them (a test compares)."""

from datetime import date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from caudal.web.amounts import NBSP
from caudal.web.languages import Language, catalogue


class _Names(NamedTuple):
    months: tuple[str, ...]
    months_short: tuple[str, ...]
    weekdays: tuple[str, ...]
    of: str
    """What stands between a day, its month and its year."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ENGLISH: Final = _Names(
    _words("January February March April May June July August September October November December"),
    _words("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
    _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    " ",
)
_SPANISH: Final = _Names(
    _words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    _words("ene feb mar abr may jun jul ago sept oct nov dic"),
    _words("lunes martes miércoles jueves viernes sábado domingo"),
    " de ",
)
_PORTUGUESE: Final = _Names(
    _words("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
    _words("jan fev mar abr mai jun jul ago set out nov dez"),
    _words("segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo"),
    " de ",
)
NAMES: Final[dict[Language, _Names]] = {
    "en": _ENGLISH,
    "es": _SPANISH,
    "es-MX": _SPANISH,
    "pt": _PORTUGUESE,
}


def day(value: date, language: Language) -> str:
    """``9 Mar 2026``: nowhere taken for another day."""
    return f"{day_of_year(value, language)}{NBSP}{value.year}"


def day_of_year(value: date, language: Language) -> str:
    """``9 Mar``, where the year is plain."""
    return f"{value.day}{NBSP}{NAMES[language].months_short[value.month - 1]}"


def long_day(value: date, language: Language, today: date) -> str:
    """``Monday, 9 March``, as a heading; with the year where it isn't that of `today`. Today and yesterday by name."""
    names = NAMES[language]
    if (ago := (today - value).days) in (0, 1):
        return catalogue(language).say("day.today" if ago == 0 else "day.yesterday")
    text = f"{names.weekdays[value.weekday()]}, {value.day}{names.of}{names.months[value.month - 1]}"
    text = text[0].upper() + text[1:]
    return text if value.year == today.year else f"{text}{names.of}{value.year}"


def month(value: date, language: Language) -> str:
    """``March 2026``."""
    names = NAMES[language]
    return f"{names.months[value.month - 1]}{names.of}{value.year}"


def moment(value: datetime, language: Language, zone: tzinfo) -> str:
    """``9 Mar 2026, 14:05`` in a person's own zone. Raises ValueError for a time that tells no zone."""
    if value.tzinfo is None:
        raise ValueError("an instant tells its zone")
    local = value.astimezone(zone)
    return f"{day(local.date(), language)}, {local:%H:%M}"


def ago(value: datetime, language: Language, now: datetime) -> str:
    """``5 minutes ago``; of what is a month past, the day. What lies ahead, as clocks differ, is just now."""
    said = catalogue(language)
    past = now - value
    if past < timedelta(minutes=1):
        return said.say("ago.now")
    if past < timedelta(hours=1):
        return said.count("ago.minutes", past // timedelta(minutes=1))
    if past < timedelta(days=1):
        return said.count("ago.hours", past // timedelta(hours=1))
    if past < timedelta(days=30):
        return said.count("ago.days", past.days)
    return day(value.date(), language)
