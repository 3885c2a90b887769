"""Faults as a client meets them: on the wire, in the answer, and in what Plaid itself says."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from tests.support import openapi
from tests.support.plaid_client import PLATYPUS, PlaidClient, Refused, plaid_sandbox
from tests.support.receiver import Receiver

from caudal_sandbox.faults import CORRUPTIONS, Fault, Kind
from caudal_sandbox.server import Sandbox

SYNC = "/transactions/sync"


class Town:
    """A sandbox, and a client that doesn't judge: answers are wrong here on purpose."""

    def __init__(self, sandbox: Sandbox, client: PlaidClient) -> None:
        self.sandbox, self.client = sandbox, client

    def fault(self, kind: Kind, *, count: int | None = 1, **said: Any) -> None:
        params = said.pop("params", {})
        self.sandbox.run(lambda: self.sandbox.faults.add(Fault(kind, count=count, params=params, **said)))

    def synced(self) -> tuple[str, str]:
        """An Item whose whole history was read: its token, and the cursor at its end."""
        token = self.client.item()
        cursor = ""
        for _ in range(4):
            _, cursor = self.client.sync(token, cursor)
        return token, cursor


@pytest.fixture
def town() -> Iterator[Town]:
    with plaid_sandbox(judged=False, people=1) as (sandbox, client):
        yield Town(sandbox, client)


# --- on the wire ---------------------------------------------------------------------------------------------------


def test_a_reset_leaves_the_client_with_nothing_and_what_it_asked_for_done(town: Town) -> None:
    public = town.client.post(
        "/sandbox/public_token/create", institution_id=PLATYPUS, initial_products=["transactions"]
    )["public_token"]
    town.fault(Kind.RESET)
    with pytest.raises(httpx.ReadError):
        town.client.raw("/item/public_token/exchange", public_token=public)
    assert town.client.code("/item/public_token/exchange", public_token=public) == "INVALID_PUBLIC_TOKEN"


def test_a_reset_may_come_before_anything_is_done(town: Town) -> None:
    public = town.client.post(
        "/sandbox/public_token/create", institution_id=PLATYPUS, initial_products=["transactions"]
    )["public_token"]
    town.fault(Kind.RESET, params={"done": False})
    with pytest.raises(httpx.ReadError):
        town.client.raw("/item/public_token/exchange", public_token=public)
    assert town.client.post("/item/public_token/exchange", public_token=public)["access_token"]


def test_a_truncated_answer_has_its_full_length_announced_and_breaks_off(town: Town) -> None:
    town.fault(Kind.TRUNCATED, params={"per_mille": 300})
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending"):
        town.client.raw("/categories/get")
    town.client.post("/categories/get")


def test_an_answer_that_comes_late_comes(town: Town) -> None:
    town.fault(Kind.LATENCY, params={"milliseconds": 250})
    began = time.monotonic()
    town.client.post("/categories/get")
    assert time.monotonic() - began >= 0.25
    began = time.monotonic()
    town.client.post("/categories/get")
    assert time.monotonic() - began < 0.25


def test_a_hang_ends_when_the_client_has_had_enough_or_the_connection_is_broken_off(town: Town) -> None:
    town.fault(Kind.HANG)
    with pytest.raises(httpx.ReadTimeout):
        town.client.http.post(
            "/categories/get", json={"client_id": "a", "secret": "b"}, timeout=httpx.Timeout(5, read=0.2)
        )
    town.fault(Kind.HANG, params={"milliseconds": 100})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        town.client.raw("/categories/get")
    town.client.post("/categories/get")


def test_a_hang_does_not_keep_the_others_waiting_nor_the_sandbox_from_stopping() -> None:
    began = time.monotonic()
    with plaid_sandbox(judged=False) as (sandbox, client):
        sandbox.run(lambda: sandbox.faults.add(Fault(Kind.HANG, count=1)))
        with (
            httpx.Client(base_url=sandbox.url, trust_env=False) as hung,
            pytest.raises(httpx.ReadTimeout),
        ):
            hung.post("/categories/get", json={"client_id": "a", "secret": "b"}, timeout=0.2)
        client.post("/categories/get")
    assert time.monotonic() - began < 10


def test_malformed_json_is_as_long_as_it_was_and_cannot_be_read(town: Town) -> None:
    whole = town.client.raw("/categories/get")
    town.fault(Kind.MALFORMED_JSON)
    answer = town.client.raw("/categories/get")
    assert answer.status_code == 200
    assert len(answer.content) == len(whole.content)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_gateways_page_comes_in_place_of_json(town: Town) -> None:
    town.fault(Kind.HTML)
    answer = town.client.raw("/categories/get")
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<html>")


# --- what Plaid says -----------------------------------------------------------------------------------------------


def test_a_rate_limit_speaks_with_the_endpoints_own_code_and_names_no_time_unless_told(town: Town) -> None:
    token = town.client.item()
    town.fault(Kind.RATE_LIMITED)
    answer = town.client.raw(SYNC, access_token=token)
    assert (answer.status_code, answer.json()["error_code"]) == (429, "TRANSACTIONS_SYNC_LIMIT")
    assert "retry-after" not in answer.headers
    town.fault(Kind.RATE_LIMITED, params={"retry_after": 7, "code": "RATE_LIMIT"})
    answer = town.client.raw(SYNC, access_token=token)
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error_code"] == "RATE_LIMIT"


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "INTERNAL_SERVER_ERROR"), (502, "INTERNAL_SERVER_ERROR"), (503, "PLANNED_MAINTENANCE")],
)
def test_a_server_error_has_the_status_it_was_told(town: Town, status: int, code: str) -> None:
    town.fault(Kind.SERVER_ERROR, params={"status": status})
    answer = town.client.raw("/categories/get")
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_a_bank_that_is_down_and_data_not_ready_are_of_one_call(town: Town) -> None:
    token, cursor = town.synced()
    town.fault(Kind.INSTITUTION_DOWN)
    assert town.client.code(SYNC, access_token=token, cursor=cursor) == "INSTITUTION_DOWN"
    town.fault(Kind.NOT_READY)
    assert town.client.code(SYNC, access_token=token, cursor=cursor) == "PRODUCT_NOT_READY"
    town.client.post(SYNC, access_token=token, cursor=cursor)


def test_a_dead_login_stays_dead_and_is_told_by_webhook(town: Town) -> None:
    with Receiver() as receiver:
        token = town.client.item(webhook=receiver.url)
        town.fault(Kind.LOGIN_REQUIRED, endpoint=SYNC)
        assert town.client.code(SYNC, access_token=token) == "ITEM_LOGIN_REQUIRED"
        assert town.client.code(SYNC, access_token=token) == "ITEM_LOGIN_REQUIRED"
        town.sandbox.settled()
        assert receiver.keys == ["ITEM/ERROR"]


def test_a_mutation_happens_between_two_pages_and_waits_for_them(town: Town) -> None:
    token, _ = town.synced()
    town.fault(Kind.MUTATION)
    first = town.client.post(SYNC, access_token=token, cursor="", count=5)
    assert first["has_more"]
    ahead = first["next_cursor"]
    refused = town.client.refusal(SYNC, access_token=token, cursor=ahead, count=5)
    assert refused["error_code"] == "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
    assert refused["error_type"] == "TRANSACTIONS_ERROR"
    found, _ = town.client.sync(token)
    assert len(found["added"]) >= 20
    assert town.sandbox.faults.struck[Kind.MUTATION] == 1


def test_reissued_ids_are_all_new_and_old_cursors_are_worth_nothing(town: Town) -> None:
    token, cursor = town.synced()
    before = {each["transaction_id"] for each in town.client.sync(token)[0]["added"]}
    town.fault(Kind.REISSUED_IDS)
    refused = town.client.refusal(SYNC, access_token=token, cursor=cursor)
    assert refused["error_code"] == "INVALID_FIELD"
    assert "cursor not associated with access_token" in refused["error_message"]
    after = {each["transaction_id"] for each in town.client.sync(token)[0]["added"]}
    assert len(after) == len(before)
    assert not before & after


# --- in a right answer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(CORRUPTIONS))
def test_a_corruption_breaks_one_place_of_one_answer(town: Town, kind: Kind) -> None:
    token, _ = town.synced()
    right = town.client.raw(SYNC, access_token=token, count=500).json()
    town.fault(kind)
    wrong = town.client.raw(SYNC, access_token=token, count=500).json()
    again = town.client.raw(SYNC, access_token=token, count=500).json()
    for answer in (right, wrong, again):
        del answer["request_id"]
    assert wrong != right
    assert again == right
    rows = [wrong["accounts"], wrong["added"]]
    differ = sum(
        one != other
        for kept, broken in zip([right["accounts"], right["added"]], rows, strict=True)
        for one, other in zip(kept, broken, strict=True)
    )
    assert differ == 1


def test_by_default_a_wrong_type_leaves_the_money_alone(town: Town) -> None:
    token, _ = town.synced()
    decoder = msgspec.json.Decoder(float_hook=Decimal)
    right = decoder.decode(town.client.raw(SYNC, access_token=token, count=500).content)
    town.fault(Kind.WRONG_TYPES, count=20)
    for _ in range(20):
        wrong = decoder.decode(town.client.raw(SYNC, access_token=token, count=500).content)
        for one, other in zip(right["added"], wrong["added"], strict=True):
            assert one["amount"] == other["amount"]
            assert one["date"] == other["date"]


def test_a_broken_answer_no_longer_is_what_the_description_says(town: Town) -> None:
    token, _ = town.synced()
    town.fault(Kind.WRONG_TYPES, params={"where": "added/*/amount"})
    answer = town.client.raw(SYNC, access_token=token, count=500)
    with pytest.raises(openapi.BadBody, match="amount"):
        openapi.plaid().check(SYNC, 200, answer.content)


def test_a_corruption_waits_for_an_answer_that_has_the_place(town: Town) -> None:
    town.fault(Kind.WRONG_TYPES, params={"where": "added/*/amount"})
    town.client.post("/categories/get")
    assert town.sandbox.faults.struck[Kind.WRONG_TYPES] == 0


# --- a client that does as the documentation says ------------------------------------------------------------------


def test_a_patient_client_has_every_transaction_once_whatever_befalls_it() -> None:
    """The documented loop, with a restart on mutation and another try for everything else, under all faults at once."""
    storm = [
        Kind.RESET,
        Kind.TRUNCATED,
        Kind.MALFORMED_JSON,
        Kind.HTML,
        Kind.SERVER_ERROR,
        Kind.RATE_LIMITED,
        Kind.INSTITUTION_DOWN,
        Kind.NOT_READY,
        Kind.MUTATION,
    ]
    with plaid_sandbox(seed=11, judged=False, people=2) as (sandbox, client):
        holder = sandbox.world.holder("person-1")
        assert holder is not None
        bank = next(
            key
            for key, each in sandbox.plaid.catalogue.items()
            if each.bank.id == holder.accounts[0].institution.id
        )
        token = client.item(institution=bank, username="person-1")
        for number, kind in enumerate(storm):
            sandbox.run(
                lambda kind=kind, number=number: sandbox.faults.add(
                    Fault(kind, endpoint=SYNC, per_mille=60, seed=number)
                )
            )
        held: dict[str, Any] = {}
        cursor = ""
        for _ in range(12):
            cursor = _patient_loop(client, token, cursor, held)
            sandbox.advance(days=3)
        sandbox.run(sandbox.faults.clear)
        _patient_loop(client, token, cursor, held)
        fresh, _ = client.sync(token)
        struck = sandbox.faults.struck
    assert held == {each["transaction_id"]: each for each in fresh["added"]}
    assert len(held) > 100
    assert len([kind for kind in storm if struck.get(kind)]) >= 6


def _patient_loop(client: PlaidClient, token: str, start: str, held: dict[str, Any]) -> str:
    while True:
        pages, cursor = [], start
        while True:
            page = _persistent(client, token, cursor)
            if page is None:
                break
            pages.append(page)
            cursor = page["next_cursor"]
            if not page["has_more"]:
                for each in pages:
                    held |= {row["transaction_id"]: row for row in (*each["added"], *each["modified"])}
                for each in pages:
                    for row in each["removed"]:
                        held.pop(row["transaction_id"], None)
                return str(cursor)


def _persistent(client: PlaidClient, token: str, cursor: str) -> Any:
    """A page, however often one has to ask; None where the loop has to begin anew."""
    for _ in range(50):
        try:
            return client.post(SYNC, access_token=token, cursor=cursor, count=10)
        except Refused as refused:
            if "MUTATION_DURING_PAGINATION" in str(refused):
                return None
        except (httpx.HTTPError, msgspec.DecodeError):
            continue
    raise AssertionError("fifty answers in a row went wrong")
