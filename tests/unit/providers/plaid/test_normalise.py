"""Transactions: signs, days, currencies, words; and what becomes of records that are odd."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.plaid_script import transaction

from caudal.model.changes import Status, TransactionGone, TransactionSeen
from caudal.model.currencies import UNKNOWN
from caudal.providers.plaid.normalise import Reading, instant, read_removed, read_transactions

WHERE = "transactions/sync $.added"
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


def read(*records: Any, currencies: dict[str, str] | None = None) -> Reading:
    raws = [msgspec.Raw(each if isinstance(each, bytes) else _ENCODE(each)) for each in records]
    reading = Reading()
    read_transactions(raws, WHERE, currencies or {}, reading)
    return reading


def seen(**fields: Any) -> TransactionSeen:
    reading = read(transaction("t1", **fields))
    assert reading.unreadable == []
    [change] = reading.changes
    assert isinstance(change, TransactionSeen)
    return change


def test_what_leaves_the_account_is_negative_and_what_comes_in_positive() -> None:
    assert str(seen(amount="12.50").money) == "-12.50 USD"
    assert str(seen(amount="-12.50").money) == "12.50 USD"
    assert str(seen(amount="0").money) == "0 USD"


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=2, min_value=-(10**28) + 1, max_value=10**28 - 1
    )
)
def test_thirty_digits_keep_their_value_to_the_last_and_change_their_sign(amount: Decimal) -> None:
    money = read(transaction("t1", str(amount))).changes[0].money
    assert money.amount.as_tuple()[1:] == amount.as_tuple()[1:]
    assert money.amount + amount == 0
    assert not (money.amount.is_zero() and money.amount.is_signed())


def test_the_booking_day_is_the_date_and_the_day_of_paying_stands_beside_it() -> None:
    told = seen(date="2026-03-09", authorized_date="2026-03-07")
    assert (told.booked_on, told.authorized_on) == (date(2026, 3, 9), date(2026, 3, 7))


def test_pending_is_pending_and_what_posts_names_what_it_replaces() -> None:
    assert seen(pending=True).status is Status.PENDING
    posted = seen(pending_transaction_id="t0")
    assert (posted.status, posted.replaces) == (Status.BOOKED, "t0")
    assert seen().replaces == ""


@pytest.mark.parametrize(
    ("authorized", "posted", "expected"),
    [
        (None, None, None),
        ("2026-03-07T18:22:05Z", "2026-03-09T04:00:00Z", datetime(2026, 3, 7, 18, 22, 5, tzinfo=UTC)),
        (None, "2026-03-09T04:00:00Z", datetime(2026, 3, 9, 4, tzinfo=UTC)),
        ("2026-03-07T00:00:00Z", "2026-03-09T04:00:00Z", datetime(2026, 3, 9, 4, tzinfo=UTC)),
        ("2026-03-07T00:00:00Z", "2026-03-09T00:00:00Z", None),
        ("2026-03-07T00:00:00-05:00", None, None),
        ("2026-03-07T18:22:05", None, None),
    ],
)
def test_an_instant_is_told_only_where_there_is_one(
    authorized: str | None, posted: str | None, expected: datetime | None
) -> None:
    assert seen(authorized_datetime=authorized, datetime=posted).occurred_at == expected


def test_midnight_in_any_zone_is_a_date() -> None:
    assert instant(datetime(2026, 3, 7, tzinfo=timezone(timedelta(hours=5, minutes=30)))) is None


def test_the_banks_own_words_come_before_plaids() -> None:
    assert (
        seen(name="Corner Cafe", original_description="POS 0093 CORNER CAFE").description
        == "POS 0093 CORNER CAFE"
    )
    assert seen(name="Corner Cafe", original_description=None).description == "Corner Cafe"
    assert seen(name=None).description == ""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"merchant_name": "Corner Cafe", "counterparties": [{"name": "PayFriend"}]}, "Corner Cafe"),
        ({"counterparties": [{"name": None}, {"name": "PayFriend"}]}, "PayFriend"),
        ({"payment_meta": {"payee": "Landlord", "payer": "Ada"}}, "Landlord"),
        ({"amount": "-800", "payment_meta": {"payee": "Ada", "payer": "Mill Ltd"}}, "Mill Ltd"),
        ({"amount": "-800", "payment_meta": {"by_order_of": "Mill Ltd"}}, "Mill Ltd"),
        ({"payment_meta": {"by_order_of": "Mill Ltd"}}, ""),
        ({"payment_meta": None, "counterparties": None}, ""),
    ],
)
def test_the_counterparty_is_the_other_side(fields: dict[str, Any], expected: str) -> None:
    assert seen(**fields).counterparty == expected


def test_the_reference_is_the_banks_else_the_cheques() -> None:
    assert seen(payment_meta={"reference_number": "RF18"}, check_number="204").reference == "RF18"
    assert seen(check_number="204").reference == "204"
    assert seen().reference == ""


def test_the_currency_is_the_records_else_its_accounts() -> None:
    assert seen(iso_currency_code="CAD").money.currency == "CAD"
    assert seen(iso_currency_code=None, unofficial_currency_code="BTC").money.currency == "BTC"
    bare = transaction("t1", iso_currency_code=None)
    assert read(bare, currencies={"acc-till": "GBP"}).changes[0].money.currency == "GBP"


@pytest.mark.parametrize("currencies", [{}, {"acc-till": UNKNOWN}, {"acc-other": "USD"}])
def test_a_currency_nobody_tells_is_never_taken_for_dollars(currencies: dict[str, str]) -> None:
    reading = read(transaction("t1", iso_currency_code=None), currencies=currencies)
    assert reading.changes == []
    assert "names no currency" in reading.unreadable[0].why


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"amount": "12.505"}, "more decimal places than USD has"),
        ({"iso_currency_code": None, "unofficial_currency_code": "STARS"}, "unknown currency"),
        ({"amount": "1e400"}, "digits is not money"),
    ],
)
def test_what_is_not_exact_money_is_quarantined_with_its_reason(fields: dict[str, Any], why: str) -> None:
    reading = read(transaction("t1", **fields), transaction("t2"))
    assert [change.id for change in reading.changes] == ["t2"]
    [unreadable] = reading.unreadable
    assert why in unreadable.why
    assert unreadable.where == f"{WHERE}[0]"
    assert json.loads(unreadable.raw)["transaction_id"] == "t1"


@pytest.mark.parametrize("missing", ["transaction_id", "account_id", "amount", "date", "pending"])
def test_a_record_without_what_is_needed_costs_only_itself(missing: str) -> None:
    lame = transaction("t2")
    del lame[missing]
    reading = read(transaction("t1"), lame, transaction("t3"))
    assert [change.id for change in reading.changes] == ["t1", "t3"]
    [unreadable] = reading.unreadable
    assert (unreadable.where, missing in unreadable.why) == (f"{WHERE}[1]", True)


def test_an_empty_id_is_none() -> None:
    assert read(transaction("")).changes == []


@pytest.mark.parametrize(
    "odd",
    [
        {"merchant_name": 7},
        {"authorized_date": "soon"},
        {"datetime": "noon"},
        {"counterparties": "someone"},
        {"payment_meta": []},
    ],
)
def test_what_is_odd_beside_the_money_is_booked_without_it_and_said(odd: dict[str, Any]) -> None:
    reading = read(transaction("t1", pending=True, pending_transaction_id="t0", **odd))
    [told] = reading.changes
    assert isinstance(told, TransactionSeen)
    assert (str(told.money), told.status, told.replaces) == ("-12.50 USD", Status.PENDING, "t0")
    assert json.loads(told.raw)["transaction_id"] == "t1"
    [unreadable] = reading.unreadable
    assert (unreadable.ref, next(iter(odd)) in unreadable.why) == ("acc-till", True)


def test_unknown_fields_and_values_pass() -> None:
    told = seen(payment_channel="telepathy", transaction_code="new", mood={"deep": [1]})
    assert json.loads(told.raw)["mood"] == {"deep": [1]}


def test_the_raw_record_is_kept_to_the_letter() -> None:
    text = '{"transaction_id":"t1","account_id":"a","amount":1.50,"date":"2026-03-09","pending":false,'
    text += '"iso_currency_code":"EUR","name":"Caf\\u00e9 \u2615","x":1e2}'
    assert read(text.encode()).changes[0].raw == text


def test_what_is_removed_is_gone() -> None:
    reading = Reading()
    raws = [b'{"transaction_id":"t1","account_id":"acc-till"}', b'{"transaction_id":"t2"}', b"7"]
    read_removed([msgspec.Raw(raw) for raw in raws], "$.removed", reading)
    assert reading.changes == [TransactionGone("acc-till", "t1")]
    assert [each.where for each in reading.unreadable] == ["$.removed[1]", "$.removed[2]"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from([*transaction("t"), "original_description", "check_number"])


@given(st.dictionaries(_FIELDS, _JSON, max_size=6), st.sets(_FIELDS, max_size=4))
def test_any_object_is_either_booked_or_kept(odd: dict[str, Any], missing: set[str]) -> None:
    record = {name: value for name, value in {**transaction("t1"), **odd}.items() if name not in missing}
    reading = read(record)
    assert reading.changes or reading.unreadable
    for each in reading.unreadable:
        assert json.loads(each.raw)
        assert each.why


@given(st.sampled_from(["amount", "date", "iso_currency_code"]), st.text(max_size=12))
def test_any_text_in_the_place_of_money_or_day_is_either_booked_or_kept(field: str, text: str) -> None:
    reading = read(
        transaction("t1", **{field: text}) if field != "amount" else {**transaction("t1"), "amount": text}
    )
    assert len(reading.changes) + len(reading.unreadable) >= 1


@pytest.mark.parametrize(
    "amount", ["1e999999999", "-1e-999999999", "9" * 4000, '"NaN"', '"sNaN"', '"Infinity"', "null"]
)
def test_monstrous_amounts_are_kept_and_never_booked(amount: str) -> None:
    text = json.dumps({**transaction("t1"), "amount": "@"}, default=str).replace('"@"', amount)
    reading = read(text.encode())
    assert reading.changes == []
    assert len(reading.unreadable) == 1


def test_bytes_that_are_no_text_are_kept_as_far_as_they_can_be() -> None:
    reading = read(
        b'{"transaction_id":"t1","account_id":"a","amount":1,"date":"2026-03-09","pending":false,'
        b'"iso_currency_code":"USD","name":"\xff"}'
    )
    assert [change.id for change in reading.changes] == ["t1"]
    assert "\ufffd" in reading.unreadable[0].raw
