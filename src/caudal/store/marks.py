"""By what a search passes days by: the terms of a text, and the amounts of a range, as `search_day` tells both.

Pure. An amount's mark (`caudal.amount_mark` in the database) is its sign, a letter for the number of digits before its
point, and its digits, so that amounts of a range that is narrow begin alike.
"""

import re
from decimal import Decimal
from typing import Final

import msgspec

_TEXT_MAX: Final = 200
_TERMS_MAX: Final = 12
"""More than anybody types; what is beyond them isn't looked for."""
_LENGTHS_MAX: Final = 3
_NUMBER = re.compile(
    r"[+-]?(\d{1,15}|\d{1,3}(?P<mark>[.,'])\d{3}((?P=mark)\d{3}){0,3})([.,]\d{1,8})?", re.ASCII
)


class Terms(msgspec.Struct, frozen=True):
    """A text as it is searched: each of `words` is to be found, and each of `numbers`, as text or as an amount."""

    words: list[str]
    numbers: list[str]
    values: list[Decimal]
    """What the numbers come to, in their order."""


def terms(text: str) -> Terms:
    """The terms of a text, in any order, each once."""
    told = list(dict.fromkeys(text.replace("\0", " ")[:_TEXT_MAX].split()))[:_TERMS_MAX]
    read = {term: number(term) for term in told}
    numbers = {term: value for term, value in read.items() if value is not None}
    return Terms([term for term in told if term not in numbers], list(numbers), list(numbers.values()))


def number(term: str) -> Decimal | None:
    """The amount a person writes so, without its sign, None where it is none: ``1234.5``, ``1,234.50``, ``1.234,5``."""
    if not (read := _NUMBER.fullmatch(term)):
        return None
    whole = "".join(re.findall(r"\d", read[1]))
    return Decimal(whole + (read[4] or "").replace(",", "."))


def amounts(low: Decimal | None, high: Decimal | None) -> list[str]:
    """How the marks begin, after their sign, of amounts from `low` to `high`, both without sign; nothing where they begin
    in too many ways to be worth it."""
    if low is None or high is None or low > high:
        return []
    first, last = _digits(low), _digits(high)
    if last - first >= _LENGTHS_MAX:
        return []
    found: list[str] = []
    for length in range(first, last + 1):
        begin = _plain(low) if length == first else "1" + "0" * (length - 1)
        end = _plain(high) if length == last else "9" * length
        found += [chr(64 + min(length, 26)) + each for each in _beginnings(begin, end, length)]
    return found


def _beginnings(begin: str, end: str, length: int) -> list[str]:
    """What all of as many digits before the point begin with, by their first digit."""
    leads = range(int(begin[0]), int(end[0]) + 1)
    if len(leads) > _LENGTHS_MAX:
        return [""]
    found = []
    for lead in leads:
        low = begin if lead == leads[0] else str(lead) + "0" * (length - 1)
        high = end if lead == leads[-1] else str(lead) + "9" * (length - 1)
        alike = next(
            (place for place, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), None
        )
        found.append(low[: min(len(low), len(high)) if alike is None else alike])
    return found


def _digits(amount: Decimal) -> int:
    return len(_plain(amount).partition(".")[0])


def _plain(amount: Decimal) -> str:
    text = f"{abs(amount):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
