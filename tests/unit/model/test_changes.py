"""What adapters tell is a value: it can't be changed underway, and errors fit on one line."""

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest

from caudal.model import errors
from caudal.model.changes import (
    AccountGone,
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Cursor,
    HoldingSeen,
    Page,
    SourceRef,
    Status,
    TransactionGone,
    TransactionSeen,
)
from caudal.model.errors import CaudalError, Malformed, MoneyError, NeedsUser, ProviderError, RateLimited
from caudal.model.money import Money

REF = SourceRef("a")
DAY = date(2026, 3, 2)
EVERYTHING: list[Change] = [
    AccountSeen(REF, AccountKind.CARD, "EUR", "Card"),
    BalanceSeen(REF, BalanceKind.BOOKED, Money.of("1.50", "EUR"), DAY, firm=False),
    TransactionSeen(REF, "t", Status.PENDING, Money.of("-4.50", "EUR"), DAY, "coffee"),
    TransactionGone(REF, "t"),
    HoldingSeen(REF, "BTC", Decimal("0.5"), DAY),
    AccountGone(REF),
]


@pytest.mark.parametrize("change", EVERYTHING, ids=lambda change: type(change).__name__)
def test_a_change_survives_being_written_down(change: Change) -> None:
    assert msgspec.json.decode(msgspec.json.encode(change), type=Change) == change


@pytest.mark.parametrize("change", EVERYTHING, ids=lambda change: type(change).__name__)
def test_a_change_cannot_be_changed(change: Change) -> None:
    with pytest.raises(AttributeError):
        change.ref = SourceRef("b")  # type: ignore[misc]


def test_a_page_cannot_be_changed() -> None:
    page = Page([], Cursor(""), more=False)
    with pytest.raises(AttributeError):
        page.next = Cursor("x")  # type: ignore[misc]


def test_what_is_read_back_is_checked_again() -> None:
    text = msgspec.json.encode(EVERYTHING[2]).replace(b'"EUR"', b'"EURO"')
    with pytest.raises(msgspec.ValidationError, match="unknown currency"):
        msgspec.json.decode(text, type=Change)


FAMILY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CaudalError)]
MADE = {
    "RateLimited": RateLimited("later", retry_after=timedelta(seconds=5)),
    "NotReady": errors.NotReady("still preparing", retry_after=timedelta(seconds=5)),
    "NeedsUser": NeedsUser("password changed", action="link again"),
    "CursorInvalid": errors.CursorInvalid("unknown cursor", restart=""),
    "Malformed": Malformed("line 3", "no amount"),
}


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_every_error_is_one_line_that_a_person_can_read(kind: type[CaudalError]) -> None:
    error = MADE.get(kind.__name__) or kind("what happened, and what to do")
    assert str(error)
    assert "\n" not in str(error)


def test_an_error_says_what_its_rule_needs() -> None:
    assert str(MADE["Malformed"]) == "line 3: no amount"
    assert str(MADE["NeedsUser"]) == "password changed: link again"
    assert issubclass(MoneyError, ValueError)
    assert all(issubclass(type(error), ProviderError) for error in MADE.values())
