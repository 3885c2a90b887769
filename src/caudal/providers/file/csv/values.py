"""Amounts and dates as banks write them, and what one of them tells of how the file writes them all."""

import re
import unicodedata
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from caudal.model.currencies import is_known

DateOrder = Literal["dmy", "mdy", "ymd"]

_TEXT_MAX: Final = 64
"""Longer than any amount or date, with its dress; so no expression below ever meets a long text."""

_NAME_MAX: Final = 200
_DIGITS_MAX: Final = 30
_KNOWN_DATES_MAX: Final = 20_000

_SIGNS: Final = "+−–‐‒-"
"""Hyphen last: these stand in character classes."""
_SPACES: Final = " \u00a0\u2009\u202f"
_GROUPS: Final = {".": f",'’`{_SPACES}", ",": f".'’`{_SPACES}"}

_SYMBOLS: Final = {
    "€": "EUR", "£": "GBP", "R$": "BRL", "US$": "USD", "U$S": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD",
    "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "MX$": "MXN", "₹": "INR", "₽": "RUB", "₺": "TRY",
    "₩": "KRW", "₪": "ILS", "฿": "THB", "₫": "VND", "₴": "UAH", "₱": "PHP", "₦": "NGN", "ZŁ": "PLN",
    "ZL": "PLN", "KČ": "CZK", "FT": "HUF", "LEI": "RON", "SFR": "CHF", "FR": "CHF",
}  # fmt: skip
"""Symbols and words that name one currency. `$`, `¥` and `kr` belong to several and name none."""

_SHARED_SYMBOLS: Final = frozenset({"$", "¥", "KR", "KR."})
_OUT_MARKS: Final = frozenset({"D", "DR", "DB"})
_IN_MARKS: Final = frozenset({"C", "CR"})

_DRESSED: Final = re.compile(
    rf"""(?P<open>\()? [{_SPACES}]*
    (?P<sign>[{_SIGNS}])? [{_SPACES}]*
    (?P<before>[^\W\d_]{{0,3}}[$€£¥₹₽₺₩₪฿₫₴₱₦]|[^\W\d_]{{2,4}}\.?|U\$S)? [{_SPACES}]*
    (?P<inner>[{_SIGNS}])? [{_SPACES}]*
    (?P<body>[.,]?[0-9](?:[0-9.,'’`{_SPACES}]*[0-9.,])?) [{_SPACES}]*
    (?P<after_sign>[{_SIGNS}])? [{_SPACES}]*
    (?P<after>[$€£¥₹₽₺₩₪฿₫₴₱₦]|[^\W\d_]{{1,4}}\.?)? [{_SPACES}]*
    (?P<last>[{_SIGNS}])?
    (?P<close>\))?""",
    re.VERBOSE,
)
_GROUPED: Final = re.compile(rf"[0-9]{{1,3}}(?P<mark>[.,'’`{_SPACES}])(?:[0-9]{{2,3}}(?P=mark))*[0-9]{{3}}")

_TIME: Final = (
    r"(?:[T\s,]+[0-9]{1,2}[:.h][0-9]{2}(?:[:.][0-9]{2}(?:[.,][0-9]{1,9})?)?\s?(?:[AaPp]\.?[Mm]\.?)?"
    r"\s?(?:Z|[A-Z]{2,5}|(?:GMT|UTC)?[-+][0-9]{2}:?[0-9]{2})?)?"
)
_CLOCK: Final = re.compile(r"(?=[T ])" + _TIME)
_NUMERIC: Final = re.compile(
    rf"([0-9]{{1,4}})([-/.]|\. | )([0-9]{{1,2}})\2([0-9]{{4}}|[0-9]{{1,2}})\.?{_TIME}"
)
_COMPACT: Final = re.compile(rf"([0-9]{{8}}){_TIME}")
_NAMED: Final = re.compile(
    r"(?:[^\W\d_]{2,10}\.?,? )?(?P<day>[0-9]{1,2})(?:st|nd|rd|th|º|\.)?[ /.-]*(?:de )?"
    r"(?P<month>[^\W\d_]{3,10})\.?[ /.,-]*(?:del? )?'?(?P<year>[0-9]{4}|[0-9]{2})" + _TIME
)
_MONTH_FIRST: Final = re.compile(
    r"(?:[^\W\d_]{2,10}\.?,? )?(?P<month>[^\W\d_]{3,10})\.? (?P<day>[0-9]{1,2})(?:st|nd|rd|th)?,? "
    r"(?P<year>[0-9]{4})" + _TIME
)
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan ene gen", "feb fev", "mar mrt maa", "apr abr avr", "may mai mag mei maj", "jun giu juin",
            "jul lug juil", "aug ago aou", "sep set", "oct out okt ott", "nov", "dec dez dic",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
"""Month names by what begins them in en, es, pt, fr, de, nl and it, accents aside."""


class Amounts:
    """Reads amounts of one notation: `decimal` is "." or ","; `groups` the thousands marks it allows."""

    __slots__ = ("_decimal", "_groups", "_plain")

    def __init__(self, decimal: str, groups: str | None = None) -> None:
        self._decimal = decimal
        self._groups = _GROUPS[decimal] if groups is None else groups
        self._plain = re.compile(rf"[-+]?[0-9]{{1,20}}(?:{re.escape(decimal)}[0-9]{{1,10}})?").fullmatch

    def __call__(self, text: str) -> Decimal | None:
        """The amount, signed as written (minus on a side, parentheses, CR/DR); None where it isn't one."""
        if self._plain(text):
            return Decimal(text if self._decimal == "." else text.replace(",", "."))
        return self._dressed(text)

    def _dressed(self, text: str) -> Decimal | None:
        found = _undress(text)
        if found is None:
            return None
        body, negative = found
        whole, mark, fraction = body.partition(self._decimal)
        if mark and fraction and not fraction.isdigit():
            return None
        if whole and not whole.isdigit():
            grouped = _GROUPED.fullmatch(whole)
            if grouped is None or grouped["mark"] not in self._groups:
                return None
            whole = whole.replace(grouped["mark"], "")
        if not whole + fraction or len(whole) + len(fraction) > _DIGITS_MAX:
            return None
        sign = "-" if negative else ""
        return Decimal(f"{sign}{whole or '0'}.{fraction}" if fraction else f"{sign}{whole}")


def _undress(text: str) -> tuple[str, bool] | None:
    """(digits with their marks, whether negative), undressed of currency and sign; None for no amount."""
    text = unquoted(text)
    found = _DRESSED.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    if (found["before"] and not _is_currency(found["before"])) or (found["before"] and found["after"]):
        return None
    signs = [sign for sign in found.group("sign", "inner", "after_sign", "last") if sign]
    if found["open"]:
        signs.append("-")
    if len(signs) > 1:
        return None
    negative = bool(signs) and signs[0] != "+"
    after = (found["after"] or "").upper()
    if after in _OUT_MARKS:
        return found["body"], True
    if after in _IN_MARKS:
        return None if negative else (found["body"], False)
    if after and not _is_currency(after):
        return None
    return found["body"], negative


def _is_currency(text: str) -> bool:
    return text in _SHARED_SYMBOLS or text.upper() in _SHARED_SYMBOLS or currency_of(text) is not None


def unquoted(text: str) -> str:
    """A cell without the dress spreadsheets put on it to keep it text: ``="0123"``, ``'0123``."""
    text = text.strip()
    if text[:1] not in {"=", "'"}:
        return text
    if text.startswith('="') and text.endswith('"'):
        return text[2:-1].strip()
    return text.removeprefix("'")


def currency_of(text: str) -> str | None:
    """The ISO code that a cell or a symbol names, or None: ``eur`` → EUR, ``R$`` → BRL, ``$`` → None."""
    return _currency_of(text) if len(text) <= _TEXT_MAX else None


@lru_cache(maxsize=1024)
def _currency_of(text: str) -> str | None:
    name = text.strip().upper().rstrip(".")
    return _SYMBOLS.get(name) or (name if is_known(name) else None)


def symbol_in(text: str) -> str:
    """The currency symbol or code written with an amount, '' if none."""
    found = _DRESSED.fullmatch(text.strip()) if len(text) <= _TEXT_MAX else None
    return (found["before"] or found["after"] or "") if found else ""


def decimal_mark_of(text: str) -> tuple[str, bool]:
    """What one amount says about the file's decimal mark: (mark, certain). ("", False) where it says nothing.

    One mark with exactly three digits behind it (``1,234``) is probably a thousands mark, but not certainly.
    """
    found = _undress(text)
    if found is None:
        return "", False
    body = found[0]
    last = max(body.rfind("."), body.rfind(","))
    if last < 0:
        return "", False
    mark, other = body[last], "," if body[last] == "." else "."
    if body.count(mark) > 1:
        return (other, True) if _GROUPED.fullmatch(body) else ("", False)
    if other in body or len(body) - last != 4:
        return mark, True
    whole = body[:last]
    if not whole.isdigit() or len(whole) > 3 or int(whole) == 0:
        return mark, True
    return other, False


class Dates:
    """Reads dates of one order. Remembers what it read: statements repeat their days."""

    __slots__ = ("_known", "_order")

    def __init__(self, order: DateOrder) -> None:
        self._order = order
        self._known: dict[str, date | None] = {}

    def __call__(self, text: str) -> date | None:
        """The calendar day as printed (time of day and zone are passed over); None where there is none."""
        known = self._known
        if text in known:
            return known[text]
        if len(text) > 15 and _CLOCK.fullmatch(text, 10):  # each row has its own time, but days repeat
            day = known.get(text[:10])
            return self(text[:10]) if day is None else day
        if len(text) > _TEXT_MAX:
            return None
        if len(known) >= _KNOWN_DATES_MAX:
            known.clear()
        found = read_date(text, self._order)
        known[text] = found
        return found


def read_date(text: str, order: DateOrder) -> date | None:
    """One date: numeric in `order` (four digits in front are the year), compact, or with a named month."""
    text = unquoted(text)
    if len(text) > _TEXT_MAX:
        return None
    if found := _NUMERIC.fullmatch(text):
        return _numeric(found[1], found[3], found[4], order)
    if found := _COMPACT.fullmatch(text):
        digits = found[1]
        leads = order == "ymd" or digits.startswith(("19", "20"))
        parts = (digits[:4], digits[4:6], digits[6:]) if leads else (digits[:2], digits[2:4], digits[4:])
        return _numeric(*parts, order)
    if found := _NAMED.fullmatch(text) or _MONTH_FIRST.fullmatch(text):
        month = _month(found["month"])
        return _day(_year(found["year"]), month, int(found["day"])) if month else None
    return None


def looks_like_date(text: str) -> bool:
    """Whether the cell is a date in some order."""
    return len(text) >= 6 and any(read_date(text, order) is not None for order in ("dmy", "mdy", "ymd"))


def looks_like_amount(text: str) -> bool:
    """Whether the cell is an amount in some notation. An integer is; a date is not."""
    found = _undress(text)
    if found is None:
        return False
    body = found[0]
    return body.isdigit() or any(Amounts(mark)(body) is not None for mark in ".,")


def date_order_of(text: str) -> DateOrder | None:
    """The order that one date proves, None where it could be read in more than one."""
    found = _NUMERIC.fullmatch(unquoted(text)) if len(text) <= _TEXT_MAX else None
    if found is None:
        return None
    first, second, third = int(found[1]), int(found[3]), int(found[4])
    if len(found[1]) > 2:
        return "ymd"
    if first > 12 and 1 <= second <= 12:
        # 31.12.99 is day first; 99/12/31 is the only two-digit year that can lead
        return "ymd" if first > 31 and 1 <= third <= 31 else "dmy"
    return "mdy" if second > 12 and 1 <= first <= 12 else None


def is_numeric_date(text: str) -> bool:
    """Whether the cell is a date whose order matters (all figures, no leading four-digit year)."""
    found = _NUMERIC.fullmatch(unquoted(text)) if len(text) <= _TEXT_MAX else None
    return found is not None and len(found[1]) <= 2


def folded(text: str) -> str:
    """A name for comparison: lower case, no accents, every run of other characters one space."""
    return _folded(text[:_NAME_MAX])  # so that the cache stays small, whatever the cells


@lru_cache(maxsize=2048)
def _folded(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", plain.replace("ß", "ss").replace("ł", "l").casefold()).split())


def _numeric(first: str, second: str, third: str, order: DateOrder) -> date | None:
    if len(first) > 2 or order == "ymd":
        return _day(_year(first), int(second), int(third))
    if order == "dmy":
        return _day(_year(third), int(second), int(first))
    return _day(_year(third), int(first), int(second))


def _year(text: str) -> int:
    """Two digits are read as POSIX does: 69-99 in the last century, 00-68 in this one."""
    year = int(text)
    if len(text) == 4:
        return year
    return (1900 + year if year >= 69 else 2000 + year) if len(text) == 2 else 0


def _day(year: int, month: int, day: int) -> date | None:
    if not 1900 <= year <= 2199:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month(name: str) -> int | None:
    name = folded(name)
    return _MONTHS.get(name[:4]) or _MONTHS.get(name[:3])
