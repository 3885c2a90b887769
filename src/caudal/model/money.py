"""Money: an exact amount of one currency or asset."""

import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Underflow
from typing import Final, Self

import msgspec

from caudal.model.currencies import EXPONENTS
from caudal.model.errors import MoneyError

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")

DIGITS_MAX = 30
"""Most significant digits an amount may have: beyond any real one, within what the store keeps (numeric(38,18))."""

EXACT: Final = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow, Underflow])
"""The context all sums are made in: Python's default rounds to 28 digits in silence, this one never rounds."""

RATIO: Final = Context(prec=50, traps=[InvalidOperation, Overflow, Underflow])
"""The context of rates and what is valued by them: quotients that never end are rounded to 50 significant digits."""


UNITS: Final = {code: Decimal(1).scaleb(-places) for code, places in EXPONENTS.items()}
"""The smallest amount of each currency, written with its places."""

FINE_PLACES: Final = 12
"""Decimal places of what exchanges keep: Bitso's own examples go down to 1e-12 of a peso."""

_WHOLE_DIGITS_SURE: Final = DIGITS_MAX - max(EXPONENTS.values())
"""So many digits before the point are never too many, whatever the currency."""


class Money(msgspec.Struct, frozen=True, order=False, gc=False):
    """`amount` of `currency`. Positive = into the account, negative = out of it, for every account kind.

    `amount` is a finite Decimal with no more decimal places than the currency has (trailing zeros aside);
    `currency` an ISO 4217 code or a crypto asset of `caudal.model.currencies`.
    Raises MoneyError for a float, an unknown currency, excess precision, or a mix of currencies.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        # Almost every amount is written with just the places its currency has: then there is little to look at.
        unit = UNITS.get(self.currency)
        amount = self.amount
        plain = (
            unit is not None
            and type(amount) is Decimal
            and amount.same_quantum(unit)
            and amount.adjusted() < _WHOLE_DIGITS_SURE
        )
        if not plain:
            self._check()

    def _check(self) -> None:
        amount = self.amount
        if type(amount) is not Decimal:
            raise MoneyError(f"money takes a Decimal, not {type(amount).__name__}")
        places = self._places()
        if places is None:
            raise MoneyError(f"unknown currency {self.currency!r}")
        _, digits, exponent = amount.as_tuple()
        if not isinstance(exponent, int):
            raise MoneyError(f"{amount} is not an amount")
        if -exponent > places and any(digits[max(0, len(digits) + exponent + places) :]):
            raise MoneyError(f"{amount} has more decimal places than {self.currency} has ({places})")
        if len(digits) + max(exponent, 0) > DIGITS_MAX:
            raise MoneyError(f"an amount of {len(digits)} digits is not money")

    def __add__(self, other: "Money") -> "Money":
        return type(self)(EXACT.add(self.amount, self._same(other).amount), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return type(self)(EXACT.subtract(self.amount, self._same(other).amount), self.currency)

    def __neg__(self) -> "Money":
        return type(self)(EXACT.minus(self.amount), self.currency)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    @classmethod
    def of(cls, text: str, currency: str) -> Self:
        """From decimal text such as ``"-12.50"``. Raises MoneyError where it is not a number."""
        if not _NUMBER.fullmatch(text):
            raise MoneyError(f"{text!r} is not an amount")
        return cls(Decimal(text), currency)

    def _places(self) -> int | None:
        """How many decimal places it may have; None for a currency nobody knows."""
        return EXPONENTS.get(self.currency)

    def _same(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            raise MoneyError(f"money adds to money, not to {type(other).__name__}")
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} do not mix")
        return other


class FineMoney(Money, frozen=True, order=False, gc=False):
    """Money as an exchange keeps it: exact in fractions of its currency's smallest unit, down to `FINE_PLACES` or the
    asset's own, for fees and fills go below a cent there. Raises MoneyError as `Money` does for the rest.
    """

    def _places(self) -> int | None:
        places = EXPONENTS.get(self.currency)
        return None if places is None else max(places, FINE_PLACES)


def in_units(amount: Decimal, currency: str) -> int:
    """An amount of money, in the smallest unit of its currency; what is finer is cut off."""
    return int(EXACT.scaleb(amount, EXPONENTS[currency]))


def of_units(units: int, currency: str) -> Decimal:
    """The amount that so many of a currency's smallest units are."""
    return EXACT.scaleb(Decimal(units), -EXPONENTS[currency])
