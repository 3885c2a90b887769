"""Is what a connection shows an account that is known already?

One-to-one: a connection never shows one account twice, so two that it shows are two. What names an account for the
whole world (an IBAN, a CLABE) or to its provider decides alone; a bank's number with that bank, for two banks give
out the same numbers; the last digits only together with kind, currency and bank. What is likely and not certain, and
what fits several, is asked. A connection that has ended tells no more what its bank corrects: by less than an IBAN or
a number nothing is booked together with what it told but by the same bank through the same provider, whose word takes
the place of its own.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from caudal.model.currencies import UNKNOWN


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
    """`shown` is `account`, by `rule`; where `certain` is False a person is to be asked first. `like`: the known one
    (its key) that it is like."""

    shown: str
    account: str
    rule: str
    certain: bool = True
    like: str = ""


_NUMBER_DIGITS_MIN: Final = 6
_MASK_DIGITS_MIN: Final = 3
_ASKED_MAX: Final = 5
"""About so many accounts a person is asked of one; where more are alike their likeness says nothing."""
_CLABE_DIGITS: Final = 18
_CLABE_WEIGHTS: Final = (3, 7, 1)


def same_accounts(new: Sequence[Shown], known: Sequence[Shown]) -> list[SameAccount]:
    """For those of `new` (all of one connection) that are, or may be, known: which account each is; several where it
    fits several. The rest is new."""
    found = [same for shown in new for same in _same(shown, new, known)]
    claimed = Counter(same.account for same in found if same.certain)
    return [
        msgspec.structs.replace(same, certain=same.certain and claimed[same.account] == 1) for same in found
    ]


def other_kind(one: Shown, other: Shown) -> bool:
    """Whether the two are told to be of different kinds."""
    return one.kind != other.kind and "other" not in (one.kind, other.kind)


def other_digits(one: Shown, other: Shown) -> bool:
    """Whether what both are numbered by ends differently."""
    here, there = _tail(one), _tail(other)
    shorter = min(len(here), len(there))
    return shorter >= _MASK_DIGITS_MIN and here[-shorter:] != there[-shorter:]


def _same(shown: Shown, beside: Sequence[Shown], known: Sequence[Shown]) -> list[SameAccount]:
    """By the strongest rule that any fits."""
    of_others = [each for each in known if each.connection != shown.connection]
    taken = {each.account for each in known if each.connection == shown.connection}
    for rule, certain, test in _RULES:
        fits = {
            each.account: each.key
            for each in reversed(of_others)
            if each.account not in taken and test(shown, each)
        }
        alike = [
            other
            for other in beside
            if other is not shown and any(test(other, each) for each in of_others if each.account in fits)
        ]
        if fits:
            sure = certain and len(fits) == 1 and not alike
            asked = sorted(fits.items())[:_ASKED_MAX]
            return [SameAccount(shown.key, account, rule, sure, key) for account, key in asked]
    return []


def _iban(one: Shown, other: Shown) -> bool:
    return _plain(one.iban) != "" and _plain(one.iban) == _plain(other.iban)


def _persistent(one: Shown, other: Shown) -> bool:
    return (
        bool(one.persistent_id)
        and one.provider == other.provider
        and one.persistent_id == other.persistent_id
    )


def _number(one: Shown, other: Shown) -> bool:
    return _numbers_agree(one, other) and (_same_bank(one, other) or _is_clabe(_plain(one.number)))


def _number_alone(one: Shown, other: Shown) -> bool:
    return _numbers_agree(one, other) and not (one.bank and other.bank)


def _numbers_agree(one: Shown, other: Shown) -> bool:
    number = _plain(one.number).lstrip("0")
    return (
        len(number) >= _NUMBER_DIGITS_MIN
        and number == _plain(other.number).lstrip("0")
        and _currencies_agree(one, other)
    )


def _is_clabe(number: str) -> bool:
    """Mexico's number for an account of any bank, by its check digit (weights 3, 7, 1; Banco de México, SPEI rules)."""
    if len(number) != _CLABE_DIGITS or not number.isdecimal():
        return False
    weighed = (int(digit) * _CLABE_WEIGHTS[place % 3] % 10 for place, digit in enumerate(number[:-1]))
    return (10 - sum(weighed) % 10) % 10 == int(number[-1])


def _number_in_iban(one: Shown, other: Shown) -> bool:
    """One tells an IBAN, the other a number and its bank's code, which that IBAN is made of: bank code, zeros, number
    (as in Germany, Austria, Switzerland), or the first four letters of the BIC, the branch, the number (United
    Kingdom, Ireland)."""
    if not _currencies_agree(one, other):
        return False
    return _is_made_of(one, other) or _is_made_of(other, one)


def _number_ends_iban(one: Shown, other: Shown) -> bool:
    """One tells an IBAN, the other its last digits as a number and no bank, or one of that country by its BIC."""
    return _currencies_agree(one, other) and (_ends(one, other) or _ends(other, one))


def _ends(named: Shown, numbered: Shown) -> bool:
    iban, number, bank = (_plain(text) for text in (named.iban, numbered.number, numbered.bank))
    number = number.lstrip("0")
    there = not bank or (_is_bic(bank) and bank[4:6] == iban[:2])
    return len(number) >= _NUMBER_DIGITS_MIN and iban.endswith(number) and there


def _is_bic(bank: str) -> bool:
    return len(bank) in (8, 11) and bank[:6].isalpha()


def _is_made_of(named: Shown, numbered: Shown) -> bool:
    domestic, number, bank = (
        _plain(text) for text in ((named.iban or "")[4:], numbered.number, numbered.bank)
    )
    number = number.lstrip("0")
    if len(number) < _NUMBER_DIGITS_MIN or not domestic or not bank:
        return False
    if bank.isdecimal():
        return domestic.startswith(bank) and domestic[len(bank) :].lstrip("0") == number
    return _is_bic(bank) and domestic.startswith(bank[:4]) and domestic.endswith(number)


def _digits_and_bank(one: Shown, other: Shown) -> bool:
    return _digits(one, other) and _same_bank(one, other)


def _digits_and_name(one: Shown, other: Shown) -> bool:
    return _digits(one, other) and _plain(one.name) != "" and _plain(one.name) == _plain(other.name)


def _digits(one: Shown, other: Shown) -> bool:
    """The last digits agree, of the same kind of account in the same currency."""
    if one.kind != other.kind or not _currencies_agree(one, other) or not _told_on(one, other):
        return False
    here, there = _tail(one), _tail(other)
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
    return one.currency == other.currency or UNKNOWN in (one.currency, other.currency)


def _tail(shown: Shown) -> str:
    """What its last digits are read from."""
    return _plain(shown.mask or shown.number or shown.iban)


def _same_bank(one: Shown, other: Shown) -> bool:
    """Whether both banks go by one name or code; of names one may be part of the other, of codes not."""
    here, there = _plain(one.bank), _plain(other.bank)
    if here.isdecimal() or there.isdecimal():
        return here == there
    return here != "" and there != "" and (here in there or there in here)


def _plain(text: str | None) -> str:
    return re.sub(r"[^A-Z0-9]", "", (text or "").upper())


_RULES: Final = (
    ("iban", True, _iban),
    ("persistent_id", True, _persistent),
    ("number", True, _number),
    ("number_in_iban", True, _number_in_iban),
    ("last_digits_and_bank", True, _digits_and_bank),
    ("number_alone", False, _number_alone),
    ("number_ends_iban", False, _number_ends_iban),
    ("last_digits_and_name", False, _digits_and_name),
    ("last_digits", False, _digits),
)
