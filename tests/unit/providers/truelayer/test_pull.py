"""What a pull tells and claims where a bank is odd: windows, ids, signs, features it hasn't, accounts that go."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from caudal.model.changes import (
    AccountGone,
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Cursor,
    Page,
    Status,
    TransactionSeen,
)
from caudal.model.errors import CursorInvalid, NeedsUser, RateLimited
from caudal.providers.base import Access
from caudal.providers.http import HttpBounds
from caudal.providers.truelayer import TrueLayerConfig, TrueLayerProvider

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ACCOUNT = {"account_id": "a1", "account_type": "SAVINGS", "display_name": "Pot", "currency": "GBP"}
CARD = {"account_id": "c1", "display_name": "Card", "currency": "GBP", "partial_card_number": "0044"}
Said = Any
Json = dict[str, Any]


class Clock:
    def monotonic(self) -> timedelta:
        return timedelta(0)

    def now(self) -> datetime:
        return NOW

    async def sleep(self, pause: timedelta) -> None:
        await asyncio.sleep(0)


def movement(**more: Any) -> Json:
    told = {
        "transaction_id": "changes",
        "timestamp": "2026-03-02T00:00:00Z",
        "description": "COFFEE",
        "amount": -3.5,
        "currency": "GBP",
        "transaction_type": "DEBIT",
        "transaction_category": "PURCHASE",
        "transaction_classification": [],
    }
    return {**told, **more}


def refusal(code: str, status: int) -> httpx.Response:
    return httpx.Response(status, json={"error": code, "error_description": "scripted"})


class Bank:
    """Path below /data/v1 → its results, a response, or what makes one of the query."""

    def __init__(self, lines: Mapping[str, Said]) -> None:
        me = {"credentials_id": "cred-1", "provider": {"provider_id": "ob-alder", "display_name": "Alder"}}
        self.lines: dict[str, Said] = {"me": [me], "accounts": [ACCOUNT], "cards": [], **lines}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path.removeprefix("/data/v1/"), dict(request.url.params)
        self.asked.append((path, query))
        said = self.lines.get(path, [])
        if isinstance(said, Callable):  # type: ignore[arg-type]
            said = said(query)
        if isinstance(said, httpx.Response):
            return said
        return httpx.Response(200, content=json.dumps({"results": said, "status": "Succeeded"}))


def pulled(bank: Bank, cursor: str = "", **config: Any) -> tuple[list[Page], Exception | None]:
    """The pages, and what was raised after them."""
    told = TrueLayerConfig("sandbox-hub", "secret", "sandbox", **config)
    secrets = {
        "access_token": b"token",
        "access_expires_at": (NOW + timedelta(hours=1)).isoformat().encode(),
        "refresh_token": b"refresh",
        "authenticated_at": b"once",
    }
    pages: list[Page] = []

    async def run() -> Exception | None:
        transport = httpx.MockTransport(bank)
        async with TrueLayerProvider(
            told, HttpBounds(retries_max=1), clock=Clock(), transport=transport
        ) as live:
            pulling = live.pull(Access("k", "cred-1", "ob-alder", secrets), Cursor(cursor))
            try:
                while (page := await anext(pulling, None)) is not None:
                    pages.append(page)
            except Exception as error:  # noqa: BLE001  what it is, is what a test asks
                return error
        return None

    return pages, asyncio.run(run())


def told(pages: list[Page], kind: type) -> list[Any]:
    return [change for page in pages for change in page.changes if isinstance(change, kind)]


def test_the_changing_id_is_never_an_id_and_twins_stay_two() -> None:
    records = [movement(transaction_id=str(each)) for each in range(2)]
    first, _ = pulled(Bank({"accounts/a1/transactions": records}))
    again, _ = pulled(Bank({"accounts/a1/transactions": [movement(transaction_id="9") for _ in range(2)]}))
    ids = [each.id for each in told(first, TransactionSeen)]
    assert len(set(ids)) == 2
    assert [each.id for each in told(again, TransactionSeen)] == ids
    assert all(each.rule == "derived_id" for each in told(first, TransactionSeen))


def test_the_stable_id_comes_before_the_bank_s_and_that_before_none() -> None:
    records = [
        movement(normalised_provider_transaction_id="txn-1", provider_transaction_id="p1"),
        movement(provider_transaction_id="p2", amount=-4),
    ]
    pages, _ = pulled(Bank({"accounts/a1/transactions": records}))
    assert [each.id for each in told(pages, TransactionSeen)] == ["txn-1", "p2"]
    assert all(each.fallback_id.startswith("~") for each in told(pages, TransactionSeen))


def test_one_that_settles_in_the_same_words_keeps_its_id() -> None:
    pends, _ = pulled(Bank({"accounts/a1/transactions/pending": [movement()]}))
    settled, _ = pulled(Bank({"accounts/a1/transactions": [movement()]}))
    (before,), (after,) = told(pends, TransactionSeen), told(settled, TransactionSeen)
    assert (before.status, after.status) == (Status.PENDING, Status.BOOKED)
    assert before.id == after.id


@pytest.mark.parametrize("zone", ["", "Z", "+00:00", ".0000000Z"])
def test_midnight_is_the_date_alone(zone: str) -> None:
    pages, _ = pulled(Bank({"accounts/a1/transactions": [movement(timestamp=f"2026-03-02T00:00:00{zone}")]}))
    (seen,) = told(pages, TransactionSeen)
    assert (seen.booked_on, seen.occurred_at) == (date(2026, 3, 2), None)


def test_an_instant_is_put_on_the_bank_s_own_day() -> None:
    record = movement(timestamp="2025-07-01T23:30:00.1234567Z")
    pages, _ = pulled(Bank({"accounts/a1/transactions": [record]}))
    (seen,) = told(pages, TransactionSeen)
    assert seen.booked_on == date(2025, 7, 2)
    assert seen.occurred_at is not None


def cards(*records: Json) -> Bank:
    return Bank(
        {
            "cards": [CARD],
            "accounts": refusal("endpoint_not_supported", 501),
            "cards/c1/transactions": list(records),
        }
    )


def test_of_a_card_a_purchase_is_told_positive_and_is_money_out() -> None:
    pages, error = pulled(cards(movement(amount=24.25), movement(amount=-10, transaction_type="CREDIT")))
    assert error is None
    assert [each.money.amount for each in told(pages, TransactionSeen)] == [Decimal("-24.25"), Decimal(10)]
    assert told(pages, AccountSeen)[0].kind is AccountKind.CARD


def test_a_card_whose_types_all_speak_for_the_opposite_is_told_as_an_account_and_stays_so() -> None:
    pages, _ = pulled(cards(*[movement(amount=-each) for each in range(1, 6)]))
    assert all(each.money.amount < 0 for each in told(pages, TransactionSeen))
    later, _ = pulled(cards(movement(amount=-7)), pages[-1].next)
    assert told(later, TransactionSeen)[0].money.amount == -7


def test_mixed_types_are_no_evidence_and_the_installation_s_word_goes_before_all() -> None:
    random = [
        movement(amount=each, transaction_type="DEBIT" if each % 2 else "CREDIT") for each in range(1, 9)
    ]
    pages, _ = pulled(cards(*random))
    assert all(each.money.amount < 0 for each in told(pages, TransactionSeen))
    turned, _ = pulled(cards(*random), card_signs={"ob-alder": "owned"})
    assert all(each.money.amount > 0 for each in told(turned, TransactionSeen))


def test_a_record_that_cannot_be_read_is_kept_and_its_window_claims_nothing() -> None:
    records = [movement(), movement(amount="much"), movement(currency="ZZZ"), movement(timestamp="soon")]
    pages, error = pulled(Bank({"accounts/a1/transactions": records}))
    assert error is None
    assert len(told(pages, TransactionSeen)) == 1
    assert len(pages[-1].unreadable) == 3
    assert [window.holds for window in pages[-1].windows] == [None]


def test_a_window_whose_pending_movements_are_not_known_now_claims_nothing() -> None:
    down = {"accounts/a1/transactions/pending": refusal("provider_error", 503)}
    pages, error = pulled(Bank({"accounts/a1/transactions": [movement()], **down}))
    assert error is not None
    assert pages[-1].windows[0].holds is None
    off = {"accounts/a1/transactions/pending": refusal("endpoint_not_supported", 501)}
    pages, error = pulled(Bank({"accounts/a1/transactions": [movement()], **off}))
    assert error is None
    assert pages[-1].windows[0].holds


def test_what_a_bank_hasn_t_is_not_asked_for_again_for_a_while() -> None:
    bank = Bank({"accounts/a1/transactions/pending": refusal("endpoint_not_supported", 501)})
    pages, _ = pulled(bank)
    later = Bank({})
    pulled(later, pages[-1].next)
    assert "accounts/a1/transactions/pending" not in [path for path, _ in later.asked]


def test_too_old_a_window_is_narrowed_and_never_more_than_three_times() -> None:
    bank = Bank({"accounts/a1/transactions": refusal("invalid_date_range", 400)})
    _, error = pulled(bank)
    starts = [query["from"] for path, query in bank.asked if path == "accounts/a1/transactions"]
    assert error is not None
    assert len(starts) == 3
    assert starts == sorted(starts)


def test_strong_authentication_wanted_narrows_to_ninety_days_and_then_asks_for_the_person() -> None:
    bank = Bank(
        {"accounts/a1/transactions": refusal("sca_exceeded", 403), "accounts/a1/balance": [{"current": 5}]}
    )
    pages, error = pulled(bank)
    assert isinstance(error, NeedsUser)
    assert told(pages, BalanceSeen)


def test_a_bank_that_gives_less_history_than_asked_for_takes_nothing_away() -> None:
    old = movement(timestamp="2025-11-20T00:00:00Z")
    pages, _ = pulled(Bank({"accounts/a1/transactions": [movement(), old]}))
    assert pages[-1].windows[0].start == date(2025, 11, 21)


def test_an_account_that_is_shown_no_more_is_gone_and_a_list_that_is_refused_takes_none() -> None:
    pages, _ = pulled(Bank({}))
    gone, error = pulled(Bank({"accounts": []}), pages[-1].next)
    assert error is None
    assert told(gone, AccountGone) == [AccountGone(told(pages, AccountSeen)[0].ref)]
    kept, error = pulled(Bank({"accounts": refusal("access_denied", 403), "cards": [CARD]}), pages[-1].next)
    assert isinstance(error, NeedsUser)
    assert not told(kept, AccountGone)


def test_an_account_the_bank_does_not_know_any_more_is_gone() -> None:
    pages, error = pulled(Bank({"accounts/a1/balance": refusal("account_not_found", 404)}))
    assert error is None
    assert told(pages, AccountGone)


def test_a_balance_without_movements_is_a_value_and_no_evidence() -> None:
    bank = Bank(
        {"accounts/a1/balance": [{"current": 5}], "accounts/a1/transactions": refusal("access_denied", 403)}
    )
    pages, error = pulled(bank)
    assert error is None
    assert [each.kind for each in told(pages, BalanceSeen)] == [BalanceKind.VALUE]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("accounts/a1/transactions", [{"transaction_id": 7}]),
        ("accounts/a1/transactions/pending", [{"transaction_id": 7}]),
        ("accounts/a1/transactions/pending", refusal("internal_server_error", 500)),
    ],
)
def test_days_that_were_not_read_wholly_are_read_again_from_their_first_on(path: str, said: Said) -> None:
    pages, _ = pulled(Bank({}))
    standing = json.loads(pages[-1].next)
    standing["accounts"]["a1"]["until"] = "2026-02-20"
    cursor = json.dumps(standing)
    froms: list[str] = []
    for lines in ({path: said}, {}, {}):
        bank = Bank(lines)
        pages, _ = pulled(bank, cursor)
        cursor = pages[-1].next
        froms += [query["from"] for asked, query in bank.asked if asked == "accounts/a1/transactions"]
    assert froms == ["2026-01-21", "2026-01-21", "2026-02-08"]


def test_available_is_told_without_the_overdraft() -> None:
    balance = {"current": 29, "available": 137.26, "overdraft": 100, "currency": "GBP"}
    pages, _ = pulled(Bank({"accounts/a1/balance": [balance]}))
    figures = {each.kind: each.money.amount for each in told(pages, BalanceSeen)}
    assert figures == {
        BalanceKind.BOOKED: Decimal(29),
        BalanceKind.AVAILABLE: Decimal("37.26"),
        BalanceKind.LIMIT: Decimal(100),
    }


def test_a_consent_that_is_over_asks_for_the_person_with_its_day() -> None:
    me = {"credentials_id": "cred-1", "consent_expires_at": "2026-03-01T00:00:00.0000000Z"}
    _, error = pulled(Bank({"me": [me]}))
    assert isinstance(error, NeedsUser)
    assert "2026-03-01" in error.reason


def test_what_was_not_granted_is_not_asked_for() -> None:
    me = {"credentials_id": "cred-1", "scopes": ["accounts", "transactions"]}
    bank = Bank({"me": [me]})
    pulled(bank)
    paths = [path for path, _ in bank.asked]
    assert "cards" not in paths
    assert "accounts/a1/balance" not in paths


def test_the_day_s_calls_that_are_spent_are_not_tried_again() -> None:
    bank = Bank({"accounts/a1/balance": refusal("provider_request_limit_exceeded", 429)})
    pages, error = pulled(bank)
    assert isinstance(error, RateLimited)
    assert [path for path, _ in bank.asked].count("accounts/a1/balance") == 1
    assert pages[-1].windows


def test_a_strange_cursor_begins_anew() -> None:
    _, error = pulled(Bank({}), "no cursor of ours")
    assert isinstance(error, CursorInvalid)
    assert error.restart == ""
