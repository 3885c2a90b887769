"""How amounts are written for people: exact, in the manner of their language.

Written here and not by a library of all the world's languages: those round to what they know of a currency, know no
crypto assets, and weigh 33 MB. One of them judges this in the tests.
"""

import re
from decimal import Decimal
from functools import cache
from typing import Final, NamedTuple

from caudal.model.currencies import EXPONENTS, UNKNOWN
from caudal.model.errors import MoneyError
from caudal.web.languages import Language

NBSP: Final = "\N{NO-BREAK SPACE}"
MINUS: Final = "\N{MINUS SIGN}"
_FIAT_PLACES_MAX: Final = 4
"""No state's currency has more decimal places; what has is a crypto asset."""
_SHOWN_PLACES: Final = 2
"""At least so many of a crypto asset: nobody counts in satoshi what is a round number of bitcoin."""


class Manner(NamedTuple):
    """How a language writes numbers. `before`: the currency's sign stands before the number; `space`: with a space."""

    thousands: str
    point: str
    before: bool
    space: str


MANNERS: Final[dict[Language, Manner]] = {
    "en": Manner(",", ".", before=True, space=""),
    "es": Manner(".", ",", before=False, space=NBSP),
    "es-MX": Manner(",", ".", before=True, space=""),
    "pt": Manner(".", ",", before=True, space=NBSP),
}

_SIGNS: Final = {"EUR": "€", "GBP": "£", "BRL": "R$", "JPY": "¥", "USD": "US$", "MXN": "MX$"}
_OWN_SIGNS: Final[dict[tuple[Language, str], str]] = {("en", "USD"): "$", ("es-MX", "MXN"): "$"}
"""Where a plain ``$`` is plain."""


def money(amount: Decimal, currency: str | None, language: Language, *, signed: bool = False) -> str:
    """``€1,234.50``, ``−1.234,50 €``, ``R$ 12,00``, ``0.015 BTC``: all digits that were told, at least as many as the
    currency has. The spaces don't break. `signed`: a plus where money comes in.

    Raises TypeError for what is no Decimal: no float is ever shown as money.
    """
    if not isinstance(amount, Decimal):
        raise TypeError(f"money is a Decimal, not {type(amount).__name__}")
    known = currency is not None and currency in EXPONENTS and currency != UNKNOWN
    places = EXPONENTS[currency] if currency is not None and known else _SHOWN_PLACES
    is_asset = places > _FIAT_PLACES_MAX
    text = number(abs(amount), language, _SHOWN_PLACES if is_asset else places)
    sign = MINUS if amount < 0 else "+" if signed and amount > 0 else ""
    if not currency or currency == UNKNOWN:
        return f"{sign}{text}"
    manner = MANNERS[language]
    symbol = _OWN_SIGNS.get((language, currency)) or _SIGNS.get(currency, currency)
    if is_asset or not manner.before:
        return f"{sign}{text}{NBSP}{symbol}"
    space = NBSP if symbol[-1].isalpha() else manner.space
    return f"{sign}{symbol}{space}{text}"


def number(value: Decimal, language: Language, places_min: int = 0) -> str:
    """``1,234.5``: all its digits, trailing zeros only up to `places_min` decimal places."""
    manner = MANNERS[language]
    whole, _, fraction = f"{value:,f}".partition(".")
    fraction = fraction.rstrip("0").ljust(places_min, "0")
    whole = whole.replace("-", MINUS).replace(",", manner.thousands)
    return f"{whole}{manner.point}{fraction}" if fraction else whole


def read(text: str, language: Language) -> Decimal:
    """The amount a person wrote, in the manner of their language; with a plain point too where that can mean nothing
    else.

    Raises MoneyError for what is none.
    """
    written = "".join(text.split()).replace(MINUS, "-")
    manner = MANNERS[language]
    if _written(manner.thousands, manner.point).fullmatch(written):
        return Decimal(written.replace(manner.thousands, "").replace(manner.point, "."))
    if _PLAIN.fullmatch(written):
        return Decimal(written)
    raise MoneyError("that is no amount")


_PLAIN: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")


@cache
def _written(thousands: str, point: str) -> re.Pattern[str]:
    """Digits, in groups of three or in none, and a fraction."""
    grouped = rf"[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}}){{1,5}}|[0-9]{{1,18}}"
    return re.compile(rf"[+-]?(?:{grouped})(?:{re.escape(point)}[0-9]{{1,18}})?")
