"""Is what a connection shows an account that is known already?

One-to-one: a connection never shows one account twice, so two that it shows are two. What names an account for the
whole world (an IBAN) or to its provider decides alone; a bank's number with that bank; the last digits only together
with kind, currency, bank and, where two banks call themselves differently, with the name. More than one candidate is
none. A connection that has ended tells no more what its bank corrects: by less than an IBAN or a number nothing is booked
together with what it told but by the same bank through the same provider, whose word takes the place of its own.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec


class Shown(msgspec.Struct, frozen=True):
    """An account as one connection shows it; `account` is the one it is booked to, '' where it is new. `bank`: whatever
    its connection calls its institution; `ended`: its connection has."""

    key: str
    account: str
    connection: str
    provider: str
    kind: str
    currency: str
    name: str = ""
    iban: str | None = None
    number: str | None = None
    mask: str | None = None
    persistent_id: str | None = None
    bank: str = ""
    ended: bool = False


class SameAccount(msgspec.Struct, frozen=True):
    """`shown` is `account`, by `rule`; where `certain` is False a person is to be asked first."""

    shown: str
    account: str
    rule: str
    certain: bool = True


_NUMBER_DIGITS_MIN: Final = 6
_MASK_DIGITS_MIN: Final = 3
_UNKNOWN: Final = "XXX"


def same_accounts(new: Sequence[Shown], known: Sequence[Shown]) -> list[SameAccount]:
    """For those of `new` (all of one connection) that are known: which account each is. The rest is new."""
    found = [same for shown in new if (same := _same(shown, new, known)) is not None]
    claimed = Counter(same.account for same in found if same.certain)
    return [
        msgspec.structs.replace(same, certain=same.certain and claimed[same.account] == 1) for same in found
    ]


def _same(shown: Shown, beside: Sequence[Shown], known: Sequence[Shown]) -> SameAccount | None:
    of_others = [each for each in known if each.connection != shown.connection]
    taken = {each.account for each in known if each.connection == shown.connection}
    for rule, certain, test in _RULES:
        fits = {each.account for each in of_others if test(shown, each)} - taken
        alike = [
            other
            for other in beside
            if other is not shown and any(test(other, each) for each in of_others if each.account in fits)
        ]
        if len(fits) == 1:
            return SameAccount(shown.key, fits.pop(), rule, certain and not alike)
    return None


def _iban(one: Shown, other: Shown) -> bool:
    return _plain(one.iban) != "" and _plain(one.iban) == _plain(other.iban)


def _persistent(one: Shown, other: Shown) -> bool:
    return (
        bool(one.persistent_id)
        and one.provider == other.provider
        and one.persistent_id == other.persistent_id
    )


def _number(one: Shown, other: Shown) -> bool:
    number = _plain(one.number).lstrip("0")
    if len(number) < _NUMBER_DIGITS_MIN or number != _plain(other.number).lstrip("0"):
        return False
    return _currencies_agree(one, other) and (_same_bank(one, other) or not (one.bank and other.bank))


def _digits_and_bank(one: Shown, other: Shown) -> bool:
    return _digits(one, other) and _same_bank(one, other)


def _digits_and_name(one: Shown, other: Shown) -> bool:
    return _digits(one, other) and _plain(one.name) != "" and _plain(one.name) == _plain(other.name)


def _digits(one: Shown, other: Shown) -> bool:
    """The last digits agree, of the same kind of account in the same currency."""
    if one.kind != other.kind or not _currencies_agree(one, other) or not _told_on(one, other):
        return False
    here, there = (_plain(each.mask or each.number or (each.iban or "")) for each in (one, other))
    shorter = min(len(here), len(there))
    return (
        shorter >= _MASK_DIGITS_MIN
        and here[-shorter:] == there[-shorter:]
        and (bool(one.mask) or bool(other.mask))
    )


def _told_on(one: Shown, other: Shown) -> bool:
    """Whether what `other` told is kept up: by its own connection, or by `one`, which is another to the same bank."""
    return not other.ended or (one.provider == other.provider != "file" and _same_bank(one, other))


def _currencies_agree(one: Shown, other: Shown) -> bool:
    return one.currency == other.currency or _UNKNOWN in (one.currency, other.currency)


def _same_bank(one: Shown, other: Shown) -> bool:
    here, there = _plain(one.bank), _plain(other.bank)
    return here != "" and there != "" and (here in there or there in here)


def _plain(text: str | None) -> str:
    return re.sub(r"[^A-Z0-9]", "", (text or "").upper())


_RULES: Final = (
    ("iban", True, _iban),
    ("persistent_id", True, _persistent),
    ("number", True, _number),
    ("last_digits_and_bank", True, _digits_and_bank),
    ("last_digits_and_name", False, _digits_and_name),
    ("last_digits", False, _digits),
)
