"""Accounts, balances by our signs, and which day it is at a bank."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.plaid_script import account

from caudal.model.changes import AccountKind, AccountSeen, BalanceKind, BalanceSeen, Unreadable
from caudal.providers.days import earliest_day
from caudal.providers.plaid.accounts import (
    Moment,
    account_seen,
    balances_seen,
    kind_of,
    read_account,
)
from caudal.providers.plaid.payloads import Account

MOMENT = Moment(date(2026, 3, 9), datetime(2026, 3, 10, 6, tzinfo=UTC))


def read(record: Any) -> Account:
    told = read_account(msgspec.Raw(msgspec.json.Encoder(decimal_format="number").encode(record)), "$")
    assert isinstance(told, Account)
    return told


def figures(type_: str, subtype: str, *, settled: bool = True, **balances: Any) -> dict[BalanceKind, str]:
    told = list(balances_seen(read(account("a", type_, subtype, balances=balances)), MOMENT, settled=settled))
    assert all(isinstance(each, BalanceSeen) for each in told)
    return {each.kind: str(each.money) for each in told if isinstance(each, BalanceSeen)}


@pytest.mark.parametrize(
    ("type_", "subtype", "kind"),
    [
        ("depository", "checking", AccountKind.CHECKING),
        ("depository", "money market", AccountKind.SAVINGS),
        ("depository", "paypal", AccountKind.WALLET),
        ("depository", "a new sort", AccountKind.OTHER),
        ("depository", None, AccountKind.OTHER),
        ("credit", "credit card", AccountKind.CARD),
        ("credit", None, AccountKind.CARD),
        ("loan", "mortgage", AccountKind.LOAN),
        ("investment", "401k", AccountKind.INVESTMENT),
        ("brokerage", "brokerage", AccountKind.INVESTMENT),
        ("investment", "crypto exchange", AccountKind.EXCHANGE),
        ("investment", "non-custodial wallet", AccountKind.WALLET),
        ("other", "other", AccountKind.OTHER),
        ("time share", "beach", AccountKind.OTHER),
        (None, None, AccountKind.OTHER),
    ],
)
def test_type_and_subtype_make_the_kind(type_: str | None, subtype: str | None, kind: AccountKind) -> None:
    assert kind_of(type_, subtype) is kind


def test_an_account_is_told_as_the_bank_shows_it() -> None:
    told = account_seen(read(account("a", persistent_account_id="p-9")), "Alder Bank")
    assert told == AccountSeen(
        "a",
        AccountKind.CHECKING,
        "USD",
        name="a of Ada",
        institution="Alder Bank",
        mask="4711",
        persistent_id="p-9",
        withdraws=True,
    )
    assert account_seen(read(account("a", name="")), None).name == "Everyday Plus"


def test_an_account_of_id_alone_is_enough() -> None:
    told = account_seen(read({"account_id": "a"}), None)
    assert (told.kind, told.currency, told.name, told.mask) == (AccountKind.OTHER, "XXX", "", None)


def test_an_account_that_cannot_be_read_says_so() -> None:
    told = read_account(msgspec.Raw(b'{"name":"no id"}'), "accounts/get $.accounts[0]")
    assert isinstance(told, Unreadable)
    assert "account_id" in told.why


def test_what_one_has_is_positive() -> None:
    assert figures("depository", "checking", limit=Decimal(500)) == {
        BalanceKind.BOOKED: "100.10 USD",
        BalanceKind.AVAILABLE: "90.10 USD",
        BalanceKind.LIMIT: "500 USD",
    }


@pytest.mark.parametrize(("type_", "subtype"), [("credit", "credit card"), ("loan", "student")])
def test_what_one_owes_is_negative_and_what_may_be_spent_is_not(type_: str, subtype: str) -> None:
    assert figures(type_, subtype, limit=Decimal(2000)) == {
        BalanceKind.BOOKED: "-100.10 USD",
        BalanceKind.AVAILABLE: "90.10 USD",
        BalanceKind.LIMIT: "2000 USD",
    }
    assert figures(type_, subtype, current=Decimal(-3))[BalanceKind.BOOKED] == "3 USD"
    assert figures(type_, subtype, current=Decimal(0))[BalanceKind.BOOKED] == "0 USD"


@pytest.mark.parametrize(
    ("type_", "subtype", "value"),
    [
        ("loan", "mortgage", "-100.10 USD"),
        ("loan", None, "-100.10 USD"),
        ("investment", "ira", "100.10 USD"),
        ("brokerage", "brokerage", "100.10 USD"),
        ("other", "other", "100.10 USD"),
    ],
)
def test_what_no_movements_are_told_of_is_a_value_and_no_evidence(
    type_: str, subtype: str, value: str
) -> None:
    told = figures(type_, subtype)
    assert told[BalanceKind.VALUE] == value
    assert BalanceKind.BOOKED not in told


def test_without_a_current_balance_the_available_one_is_shown_and_proves_nothing() -> None:
    assert figures("depository", "checking", current=None) == {
        BalanceKind.VALUE: "90.10 USD",
        BalanceKind.AVAILABLE: "90.10 USD",
    }
    assert figures("credit", "credit card", current=None) == {BalanceKind.AVAILABLE: "90.10 USD"}
    assert figures("depository", "checking", current=None, available=None) == {}


def test_unsettled_nothing_is_told_that_the_ledger_is_held_to() -> None:
    assert figures("depository", "checking", settled=False) == {BalanceKind.AVAILABLE: "90.10 USD"}
    assert BalanceKind.VALUE in figures("loan", "mortgage", settled=False)


def test_a_balance_is_a_snapshot_of_the_earliest_day_it_may_be() -> None:
    [booked, _] = list(balances_seen(read(account("a")), MOMENT, settled=True))
    assert isinstance(booked, BalanceSeen)
    assert (booked.on, booked.at, booked.firm) == (MOMENT.on, MOMENT.at, False)


def test_a_valuation_is_rounded_to_the_cent_and_a_booked_balance_never() -> None:
    assert figures("investment", "401k", current=Decimal("10.125"))[BalanceKind.VALUE] == "10.12 USD"
    told = list(
        balances_seen(read(account("a", balances={"current": Decimal("10.125")})), MOMENT, settled=True)
    )
    assert isinstance(told[0], Unreadable)
    assert "decimal places" in told[0].why
    assert "10.125" in told[0].raw


@pytest.mark.parametrize(
    ("iso", "unofficial", "expected"),
    [(None, "BTC", "100.10 BTC"), (None, None, "100.10 XXX"), ("GBP", None, "100.10 GBP")],
)
def test_a_balance_without_a_currency_has_none(
    iso: str | None, unofficial: str | None, expected: str
) -> None:
    told = figures("depository", "checking", iso_currency_code=iso, unofficial_currency_code=unofficial)
    assert told[BalanceKind.BOOKED] == expected


def test_points_are_no_money_and_are_kept_as_they_came() -> None:
    record = account("a", balances={"iso_currency_code": None, "unofficial_currency_code": "STARS"})
    told = list(balances_seen(read(record), MOMENT, settled=True))
    assert {type(each) for each in told} == {Unreadable}


@given(
    st.decimals(allow_nan=True, allow_infinity=True), st.sampled_from(["depository", "loan", "investment"])
)
def test_any_number_for_a_balance_is_told_or_kept(amount: Decimal, type_: str) -> None:
    told = msgspec.structs.replace(read(account("a", type_)).balances, current=amount)
    balances = list(balances_seen(Account("a", told, type=type_), MOMENT, settled=True))
    assert balances


@pytest.mark.parametrize(
    ("at", "countries", "day"),
    [
        ("2026-03-10T09:59:00+00:00", ["US"], date(2026, 3, 9)),
        ("2026-03-10T10:00:00+00:00", ["US"], date(2026, 3, 10)),
        ("2026-03-10T00:30:00+00:00", ["GB"], date(2026, 3, 10)),
        ("2026-07-09T23:30:00+00:00", ["GB"], date(2026, 7, 10)),
        ("2026-07-09T23:30:00+00:00", ["GB", "US"], date(2026, 7, 9)),
        ("2026-03-10T11:59:00+00:00", [], date(2026, 3, 9)),
        ("2026-03-10T11:59:00+00:00", ["ZZ"], date(2026, 3, 9)),
    ],
)
def test_the_earliest_day_is_that_of_the_westernmost_zone(at: str, countries: list[str], day: date) -> None:
    assert earliest_day(datetime.fromisoformat(at), countries) == day
