"""What adapters and the engine say to each other, and every way a thing can go wrong, as values."""

import inspect
import typing
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest

from caudal.model import changes, errors
from caudal.model.changes import (
    AccountGone,
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Cursor,
    Holding,
    HoldingsSeen,
    Page,
    SourceRef,
    Status,
    TransactionGone,
    TransactionSeen,
    Unreadable,
    Window,
)
from caudal.model.errors import CaudalError, Malformed, NeedsUser, ProviderError
from caudal.model.money import Money

REF = SourceRef("acc-1")
DAY = date(2026, 3, 2)
TEN = Money(Decimal("10.00"), "EUR")

ONE_OF_EACH: list[Change] = [
    AccountSeen(REF, AccountKind.CARD, "EUR", iban="DE89370400440532013000"),
    BalanceSeen(REF, BalanceKind.AVAILABLE, TEN, DAY, firm=False),
    TransactionSeen(
        REF, "a", Status.PENDING, TEN, DAY, "café", entered_on=DAY, raw='{"id":"a"}', fallback_id="~a"
    ),
    TransactionGone(REF, "a"),
    HoldingsSeen(REF, DAY, (Holding("BTC", Decimal("0.00000001"), "EUR"),)),
    AccountGone(REF),
]


def test_the_family_of_changes_is_closed_and_all_of_it_is_tried_here() -> None:
    assert {type(change) for change in ONE_OF_EACH} == set(typing.get_args(Change))


@pytest.mark.parametrize("change", ONE_OF_EACH, ids=lambda change: type(change).__name__)
def test_a_change_can_be_told_apart_and_read_back_whole(change: Change) -> None:
    assert msgspec.json.decode(msgspec.json.encode(change), type=Change) == change


@pytest.mark.parametrize("change", ONE_OF_EACH, ids=lambda change: type(change).__name__)
def test_what_a_source_said_does_not_change(change: Change) -> None:
    with pytest.raises(AttributeError):
        change.ref = SourceRef("another")  # type: ignore[misc]


def test_a_page_can_be_read_back_with_all_it_holds() -> None:
    page = Page(
        ONE_OF_EACH, Cursor("7x3"), True, [Window(REF, DAY, DAY)], [Unreadable("line 3", "why", "raw", REF)]
    )
    assert msgspec.json.decode(msgspec.json.encode(page), type=Page) == page


def test_a_page_does_not_change() -> None:
    with pytest.raises(AttributeError):
        Page([], Cursor(""), more=False).next = Cursor("x")  # type: ignore[misc]


def test_what_is_read_back_is_checked_again() -> None:
    text = msgspec.json.encode(ONE_OF_EACH[1]).replace(b'"EUR"', b'"EURO"')
    with pytest.raises(msgspec.ValidationError, match="unknown currency"):
        msgspec.json.decode(text, type=Change)


def test_a_transaction_is_booked_by_the_providers_own_id_unless_said_otherwise() -> None:
    seen = TransactionSeen(REF, "a", Status.BOOKED, TEN, DAY)
    assert (seen.rule, seen.fallback_id, seen.entered_on) == ("provider_id", "", None)


def test_everything_a_page_can_say_is_documented() -> None:
    spoken = [
        thing
        for _, thing in inspect.getmembers(changes, inspect.isclass)
        if thing.__module__ == changes.__name__
    ]
    assert len(spoken) > len(ONE_OF_EACH)
    assert [thing.__name__ for thing in spoken if not thing.__doc__] == []


FAMILY = [
    thing
    for _, thing in inspect.getmembers(errors, inspect.isclass)
    if issubclass(thing, CaudalError) and thing.__module__ == errors.__name__
]


def an_error(kind: type[CaudalError], text: str) -> CaudalError:
    """One of `kind`, with `text` in every place its message can come from."""
    waits = {"retry_after": timedelta(seconds=30)}
    more: dict[str, object] = {
        "RateLimited": waits,
        "NotReady": waits,
        "CursorInvalid": {"restart": "c1"},
    }.get(kind.__name__, {})
    if kind in (Malformed, NeedsUser):
        return (
            Malformed("line 3", text)
            if kind is Malformed
            else NeedsUser(text, action="sign in at the bank again")
        )
    return kind(text, **more)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_an_error_is_one_line_that_says_what_it_was_told(kind: type[CaudalError]) -> None:
    shown = str(an_error(kind, "the bank is closed"))
    assert "the bank is closed" in shown
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_every_error_says_in_its_docstring_what_it_means(kind: type[CaudalError]) -> None:
    assert kind.__doc__
    assert kind.__doc__ != CaudalError.__doc__ or kind is CaudalError


def test_the_errors_a_provider_can_raise_are_the_design_s_and_no_more() -> None:
    assert {kind.__name__ for kind in FAMILY if issubclass(kind, ProviderError)} == {
        "ProviderError",
        "RateLimited",
        "Unavailable",
        "NotReady",
        "NeedsUser",
        "Revoked",
        "CursorInvalid",
        "Malformed",
        "Refused",
    }


def test_an_error_keeps_what_its_rule_needs() -> None:
    limited = an_error(errors.RateLimited, "slow down")
    assert isinstance(limited, errors.RateLimited)
    assert limited.retry_after == timedelta(seconds=30)
    lost = an_error(errors.CursorInvalid, "unknown cursor")
    assert isinstance(lost, errors.CursorInvalid)
    assert lost.restart == "c1"
    needs = NeedsUser("the consent has run out", action="renew it")
    assert (needs.reason, needs.action) == ("the consent has run out", "renew it")
    malformed = Malformed("byte 7", "is no date")
    assert (malformed.where, malformed.why, str(malformed)) == ("byte 7", "is no date", "byte 7: is no date")


def test_an_error_of_money_is_a_value_error_too() -> None:
    with pytest.raises(ValueError, match="unknown currency"):
        Money(Decimal(1), "???")
