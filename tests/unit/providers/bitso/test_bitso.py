"""Bitso's adapter by itself: signatures, nonces, recorded records, webhooks, keys."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Raw
from tests.support.plaid_script import HandClock
from tests.support.shared import shared

from caudal.model.changes import BalanceKind, BalanceSeen, Cursor, Status, TransactionSeen
from caudal.model.errors import CursorInvalid, Malformed, NotGenuine, RateLimited, Refused, Unavailable
from caudal.provider_settings import BitsoSettings
from caudal.providers.base import Access, Ask, Delivery, FetchSignal, Fields, LinkRequest, Mended
from caudal.providers.bitso.client import Nonces, signed
from caudal.providers.bitso.errors import error_for
from caudal.providers.bitso.normalise import COMPENSATED, Reading
from caudal.providers.bitso.payloads import Transfer
from caudal.providers.bitso.provider import BitsoProvider
from caudal.providers.bitso.standing import Standing
from caudal.providers.bitso.webhooks import Keys, checked, signals
from caudal.providers.http import Answer, LocalBudgets, ProviderHttp

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
NONE = Decimal(0)


def recorded(name: str) -> Any:
    return json.loads(shared("contracts", "bitso", "recorded", f"{name}.json").read_bytes())["response"][
        "payload"
    ]


def specified(name: str) -> Any:
    return json.loads(shared("contracts", "bitso", "specs", f"{name}.json").read_bytes())


def raw(told: object) -> Raw:
    return Raw(json.dumps(told).encode())


class Told:
    """A Bitso that answers each path with what it is given; with a list, one after the other."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = {
            path: list(said) if isinstance(said, tuple) else [said] for path, said in answers.items()
        }
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        said = self.answers[request.url.path.rpartition("/")[2]]
        told = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(told, str):
            status = {"08": 420, "02": 401}.get(told[:2], 400)
            return httpx.Response(status, json={"success": False, "error": {"code": told}})
        return httpx.Response(200, json={"success": True, "payload": told})


def http_of(told: Told, clock: HandClock) -> ProviderHttp:
    transport = httpx.MockTransport(told)
    budgets = LocalBudgets({}, clock=clock)
    return ProviderHttp(
        "bitso", "https://bitso.example/v3", clock=clock, transport=transport, budgets=budgets
    )


def provider(told: Told) -> BitsoProvider:
    clock = HandClock(NOW)
    return BitsoProvider(BitsoSettings(webhook_account="482917"), http_of(told, clock), clock)


ACCESS = Access("connection-1", "482917", "bitso", {"key": b"k", "secret": b"s"})
QUIET: dict[str, Any] = {"user_trades": [], "fundings": [], "withdrawals": [], "fees": []}


@pytest.mark.parametrize("place", range(5))
def test_signatures_are_those_of_every_vector(place: int) -> None:
    each = specified("signing_vectors")["vectors"][place]
    header = signed(
        each["key"],
        each["secret"],
        each["nonce"],
        method=each["method"],
        target=each["request_path"],
        body=each["body"].encode(),
    )
    assert header == each["header"]


def test_nonces_grow_though_the_clock_stands_still_or_slips_back() -> None:
    clock = HandClock(NOW)
    nonces = Nonces(clock)
    given = []
    for slip in (0, 0, -1_500, 0, 1, 0, -900, 3_000) * 400:
        clock.time = NOW + timedelta(milliseconds=slip)
        given.append(nonces.next())
    assert all(re.fullmatch(r"[0-9]{19}", each) for each in given)
    assert all(int(before) < int(each) for before, each in pairwise(given))


def test_a_clock_that_was_far_ahead_and_is_put_right_is_followed() -> None:
    clock = HandClock(NOW + timedelta(hours=1))
    nonces = Nonces(clock)
    nonces.next()
    clock.time = NOW
    assert nonces.next().startswith(str(int(NOW.timestamp() * 1000)))


@pytest.mark.parametrize("code", ["0207", 104])
def test_a_nonce_that_is_not_taken_is_replaced_once(code: str) -> None:
    told = Told({**QUIET, "balance": (str(code), {"balances": []})})

    async def work() -> None:
        assert [page async for page in provider(told).pull(ACCESS, Cursor(""))]

    asyncio.run(work())
    first, second = (request.headers["authorization"] for request in told.asked[:2])
    assert first != second


def test_a_clock_that_stays_wrong_is_said_to_be() -> None:
    async def work() -> None:
        with pytest.raises(Unavailable, match="clock"):
            await anext(aiter(provider(Told({"balance": "0207"})).pull(ACCESS, Cursor(""))))

    asyncio.run(work())


@pytest.mark.parametrize("name", ["java2017_privateUserTrades", "ccxt2021_user_trades"])
def test_recorded_trades_are_two_sides_and_a_fee_that_agree_with_the_ledger(name: str) -> None:
    entries = {
        (entry["operation"], entry["details"]["tid"]): {
            update["currency"].upper(): Decimal(update["amount"]) for update in entry["balance_updates"]
        }
        for entry in [*recorded("java2017_privateLedgerTrades"), *recorded("java2017_privateLedgerFees")]
        if "tid" in entry["details"]
    }
    for each in recorded(name):
        reading = Reading("1")
        assert reading.trade(raw(each)) == each["tid"]
        told = [change for change in reading.changes if isinstance(change, TransactionSeen)]
        assert {change.reference for change in told} == {f"bitso:trade:{each['tid']}"}
        sums = {change.money.currency: NONE for change in told}
        for change in told:
            sums[change.money.currency] += change.money.amount
        expected = {each["major_currency"].upper(): Decimal(each["major"])}
        expected[each["minor_currency"].upper()] = Decimal(each["minor"])
        expected[each["fees_currency"].upper()] -= Decimal(each["fees_amount"])
        assert sums == expected
        if (trade := entries.get(("trade", each["tid"]))) is not None:
            main = {change.money.currency: change.money.amount for change in told if ":fee" not in change.id}
            assert main == trade


def test_the_recorded_withdrawal_is_what_left_and_its_fee() -> None:
    each = recorded("java2017_privateWithdrawals")[0]
    reading = Reading("1")
    told = msgspec.convert(each, Transfer)
    assert reading.transfer(raw(each), told, "complete", Decimal("0.00100000"))
    left, fee = (change for change in reading.changes if isinstance(change, TransactionSeen))
    assert (left.money.amount, fee.money.amount) == (Decimal("-3.20590715"), Decimal("-0.00100000"))
    assert left.reference == each["details"]["tx_hash"]
    assert (left.booked_on, left.status) == (date(2017, 7, 30), Status.BOOKED)


def test_every_recorded_payment_and_balance_reads() -> None:
    reading = Reading("1")
    for name in ("java2017_privateFundings", "java2017_privateWithdrawals", "ccxt2022_fundings_btc"):
        for each in recorded(name):
            told = reading.read(raw(each), Transfer, name)
            assert told is not None, reading.unreadable
            assert reading.transfer(raw(each), told, told.status, NONE), reading.unreadable
    balances = recorded("java2017_privateAccountBalance")["balances"]
    for each in balances:
        if each["currency"] != "etc":
            reading.balance(raw(each), NOW.date(), {each["currency"]: each["total"]}, set())
    assert not reading.unreadable
    stands = [each for each in reading.changes if isinstance(each, BalanceSeen)]
    assert Decimal("15000.00100210") in [
        each.money.amount for each in stands if each.kind is BalanceKind.BOOKED
    ]


def test_a_spei_transfer_is_called_as_at_the_bank() -> None:
    told = json.loads(shared("contracts", "bitso", "examples", "webhook_funding_mxn.json").read_bytes())
    each = told["deliveries"][0]["payload"]
    reading = Reading("1")
    reading.transfer(raw(each), msgspec.convert(each, Transfer), each["status"], NONE)
    [seen] = reading.changes
    assert isinstance(seen, TransactionSeen)
    assert (seen.status, seen.reference) == (Status.PENDING, each["details"]["clave_rastreo"])


def balance(**other: str) -> dict[str, str]:
    return {
        "currency": "mxn",
        "available": "5.00",
        "total": "5.00",
        "pending_deposit": "0",
        "pending_withdrawal": "0",
        **other,
    }


@pytest.mark.parametrize(
    ("told", "before", "kinds"),
    [
        (balance(), "5.00", {BalanceKind.AVAILABLE, BalanceKind.BOOKED}),
        (balance(), "4.00", {BalanceKind.AVAILABLE}),
        (balance(pending_withdrawal="1.00"), "5.00", {BalanceKind.AVAILABLE}),
        (balance(pending_deposit="1.00"), "5.00", {BalanceKind.AVAILABLE}),
        (balance(currency="mana"), "5.00", set()),
    ],
)
def test_a_balance_is_evidence_where_nothing_moves_around_it(
    told: dict[str, str], before: str, kinds: set[BalanceKind]
) -> None:
    reading = Reading("1")
    reading.balance(raw(told), NOW.date(), {"mxn": before}, set())
    assert {change.kind for change in reading.changes if isinstance(change, BalanceSeen)} == kinds
    assert bool(reading.unreadable) == (told["currency"] == "mana")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("major", each) for each in (7.89, 7, None, "7,89", "1e3", "-", "")],
        *[("fees_amount", each) for each in ("-0.1", 0)],
        *[("created_at", each) for each in ("2017-07-30", "yesterday", None, "2017-07-30T22:59:23")],
        ("minor", "21.78"),
        ("major_currency", None),
        ("tid", "../1"),
    ],
)
def test_a_trade_that_is_not_as_documented_is_put_aside(field: str, value: object) -> None:
    each = {**recorded("java2017_privateUserTrades")[0], field: value}
    reading = Reading("1")
    assert not reading.trade(raw(each))
    assert not reading.changes
    assert [aside.raw for aside in reading.unreadable] == [json.dumps(each)]


def test_a_failed_withdrawal_whose_money_came_back_left_and_came_back() -> None:
    each = {
        "wid": "w",
        "status": "failed",
        "created_at": "2026-03-01T00:00:00+0000",
        "currency": "btc",
        "amount": "1",
    }
    reading = Reading("1")
    reading.transfer(raw(each), msgspec.convert(each, Transfer), COMPENSATED, NONE)
    [left] = reading.changes
    assert isinstance(left, TransactionSeen)
    assert left.money.amount == -1


def test_a_cursor_of_somebody_else_is_begun_anew() -> None:
    with pytest.raises(CursorInvalid) as invalid:
        Standing.read(Cursor("no cursor"))
    assert invalid.value.restart == ""


def test_a_payment_that_is_listed_no_more_is_gone() -> None:
    pending = {
        "fid": "f1",
        "status": "pending",
        "created_at": "2026-03-31T00:00:00+0000",
        "currency": "btc",
        "amount": "1",
    }
    told = Told({**QUIET, "balance": {"balances": []}, "fundings": ([pending], [])})

    async def work() -> list[Any]:
        live = provider(told)
        first = [page async for page in live.pull(ACCESS, Cursor(""))]
        return [page async for page in live.pull(ACCESS, first[-1].next)]

    changes = [change for page in asyncio.run(work()) for change in page.changes]
    assert [change.id for change in changes if type(change).__name__ == "TransactionGone"] == ["funding:f1"]


def test_a_fee_that_could_not_be_read_is_asked_for_again() -> None:
    left = {
        "wid": "w1",
        "status": "complete",
        "created_at": "2026-03-31T00:00:00+0000",
        "currency": "btc",
        "amount": "1",
    }
    fee = {"eid": "e1", "created_at": "2026-03-31T00:05:00+0000", "details": {"wid": "w1"}}
    broken, whole = (
        {**fee, "balance_updates": [{"currency": "btc", "amount": each}]} for each in (7, "-0.1")
    )
    told = Told({**QUIET, "balance": {"balances": []}, "withdrawals": [left], "fees": ([broken], [whole])})

    async def work() -> list[list[Any]]:
        live, cursor, said = provider(told), Cursor(""), []
        for _ in range(3):
            pages = [page async for page in live.pull(ACCESS, cursor)]
            cursor = pages[-1].next
            changes = [each for page in pages for each in page.changes if isinstance(each, TransactionSeen)]
            said.append([(each.id, each.money.amount) for each in changes])
        return said

    whole_name, fee_name = "withdrawal:w1", "withdrawal:w1:fee"
    assert asyncio.run(work()) == [
        [(whole_name, Decimal(-1))],
        [(whole_name, Decimal("-0.9")), (fee_name, Decimal("-0.1"))],
        [],
    ]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (420, b"slow down", RateLimited),
        (200, b'{"success": false, "error": {"code": "0801"}}', RateLimited),
        (502, b"<html>", Unavailable),
        (403, b"<html>", Malformed),
        (200, b'{"success": false}', Refused),
        (400, b'{"success": false, "error": {"code": 104, "message": "k:s"}}', Unavailable),
    ],
)
def test_what_is_no_answer_is_of_the_family(status: int, body: bytes, kind: type[Exception]) -> None:
    error = error_for(Answer(status, {}, body, 1), "bitso balance")
    assert type(error) is kind
    assert "k:s" not in str(error)


def vector(whole_body: bool, signature: str | None = None) -> str:
    told = specified("webhook_signature_vector")
    headers = dict(told["headers"])
    headers["x-bitso-webhook-event-signature"] = signature or headers["x-bitso-webhook-event-signature"]
    clock = HandClock(NOW)

    async def work() -> str:
        keys = Keys(
            http_of(Told({"public-key": told["public_keys_response"]}), clock), "webhooks/public-key", clock
        )
        delivery = Delivery(headers, told["raw_body"].encode(), NOW)
        return await checked(delivery, keys, whole_body=whole_body)

    return asyncio.run(work())


def test_the_webhook_vector_is_believed_in_both_spellings_and_its_forgery_is_not() -> None:
    told = specified("webhook_signature_vector")
    assert vector(whole_body=False) == vector(whole_body=False, signature=told["signature_if_ascii_escaped"])
    with pytest.raises(NotGenuine):
        vector(whole_body=False, signature=told["must_fail"]["over_whole_body"])


def test_a_webhook_signed_as_a_whole_is_believed_where_the_setting_says_so() -> None:
    told = specified("webhook_signature_vector")
    with pytest.raises(NotGenuine):
        vector(whole_body=True)
    assert told["must_fail"]["over_whole_body"]


def test_keys_are_fetched_once_a_minute_whatever_strangers_name() -> None:
    clock = HandClock(NOW)
    told = Told({"public-key": specified("webhook_signature_vector")["public_keys_response"]})
    keys = Keys(http_of(told, clock), "webhooks/public-key", clock)

    async def work() -> None:
        for number in range(5):
            assert await keys.find(f"stranger-{number}") is None
        assert len(told.asked) == 1
        clock.time += timedelta(minutes=1)
        assert await keys.find("stranger") is None
        assert len(told.asked) == 2
        assert await keys.find("hub-test-key-1") is not None

    asyncio.run(work())


@pytest.mark.parametrize(("event", "heard"), [("funding", True), ("withdrawal", True), ("payout", False)])
def test_a_webhook_is_a_hint_about_the_login_it_is_set_up_for(event: str, heard: bool) -> None:
    body = json.dumps({"event": event, "payload": {}}).encode()
    assert signals(body, "482917") == ([FetchSignal("482917", f"a {event}")] if heard else [])
    assert signals(body, "") == []


def test_a_key_of_another_login_does_not_mend_this_one() -> None:
    told = Told({"account_status": ({"client_id": "9"}, {"client_id": "482917"})})
    live = provider(told)

    async def work() -> None:
        step = await live.begin_link(LinkRequest("space-1", relink=ACCESS))
        assert isinstance(step, Ask)
        assert step.secret == {"key", "secret"}
        again = await live.continue_link(Fields(step.state, {"key": "k", "secret": "s"}))
        assert isinstance(again, Ask)
        assert "another login" in again.why
        assert isinstance(await live.continue_link(Fields(again.state, {"key": "k", "secret": "s"})), Mended)

    asyncio.run(work())


@pytest.mark.parametrize(
    "values", [{}, {"key": "k"}, {"key": "k\n", "secret": "s"}, {"key": "é", "secret": "s"}]
)
def test_what_is_no_key_is_asked_for_again_without_asking_bitso(values: dict[str, str]) -> None:
    told = Told({})
    live = provider(told)

    async def work() -> None:
        step = await live.begin_link(LinkRequest("space-1"))
        assert isinstance(step, Ask)
        again = await live.continue_link(Fields(step.state, values))
        assert isinstance(again, Ask)
        assert again.why

    asyncio.run(work())
    assert not told.asked
