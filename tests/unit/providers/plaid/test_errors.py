"""What Plaid's refusals mean, where they aren't in the documented list or aren't Plaid's at all."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.plaid_script import refusal

from caudal.model.errors import Malformed, NeedsUser, NotReady, RateLimited, Refused, Revoked, Unavailable
from caudal.providers.http import Answer, Failed, Fine, Later, Limited
from caudal.providers.plaid.errors import Refusal, error_for, judge, read_refusal, request_id
from caudal.providers.plaid.payloads import PlaidError

LEAK = "access-sandbox-CANARY-0f3e"


def told(code: str, type_: str = "ITEM_ERROR", **more: Any) -> Exception:
    error = PlaidError(error_code=code, error_type=type_, request_id="rQ7abc", **more)
    return error_for(Refusal("item/get", 400, error))


def heard(body: bytes, status: int = 400, retry_after: timedelta | None = None) -> Answer:
    return Answer(status, {}, body, 12, retry_after)


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("ITEM_ERROR", NeedsUser),
        ("OAUTH_ERROR", NeedsUser),
        ("INSTITUTION_ERROR", Unavailable),
        ("TRANSACTIONS_ERROR", Unavailable),
        ("API_ERROR", Unavailable),
        ("RATE_LIMIT_EXCEEDED", RateLimited),
        ("INVALID_REQUEST", Refused),
        ("A_NEW_TYPE", Refused),
        ("", Refused),
    ],
)
def test_a_code_added_since_goes_by_its_type(type_: str, kind: type[Exception]) -> None:
    assert type(told("ADDED_SINCE", type_)) is kind


def test_an_error_names_what_was_asked_the_code_and_the_request() -> None:
    text = str(told("INVALID_FIELD", "INVALID_REQUEST", error_message="count is too large"))
    for part in ("item/get", "INVALID_FIELD", "rQ7abc", "count is too large"):
        assert part in text


def test_the_words_plaid_has_for_people_come_first() -> None:
    error = told("ITEM_LOCKED", display_message="The bank locked this account.")
    assert isinstance(error, NeedsUser)
    assert error.reason == "The bank locked this account."
    assert "at the bank itself" in error.action
    code = told("INSUFFICIENT_CREDENTIALS", display_message="INSUFFICIENT_CREDENTIALS")
    assert isinstance(code, NeedsUser)
    assert code.reason != "INSUFFICIENT_CREDENTIALS"


@pytest.mark.parametrize("field", ["error_message", "display_message", "error_code_reason"])
@pytest.mark.parametrize(
    "code", ["ITEM_LOGIN_REQUIRED", "INVALID_FIELD", "ITEM_NOT_FOUND", "INTERNAL_SERVER_ERROR"]
)
def test_no_token_gets_into_an_error(code: str, field: str) -> None:
    assert LEAK not in str(told(code, **{field: f"no such token {LEAK}"}))


@pytest.mark.parametrize(
    ("code", "seconds"),
    [("TRANSACTIONS_SYNC_LIMIT", 60), ("RATE_LIMIT", 60), ("INSTITUTION_RATE_LIMIT", 3600)],
)
def test_too_often_says_for_how_long(code: str, seconds: int) -> None:
    error = told(code, "RATE_LIMIT_EXCEEDED")
    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(seconds=seconds)


def test_what_is_being_prepared_comes_soon_and_what_is_over_is_over() -> None:
    ready = told("PRODUCT_NOT_READY")
    assert isinstance(ready, NotReady)
    assert ready.retry_after == timedelta(seconds=5)
    assert isinstance(told("INVALID_ACCESS_TOKEN", "INVALID_INPUT"), Revoked)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>Bad gateway</html>", Unavailable),
        (500, b"", Unavailable),
        (408, b"", Unavailable),
        (429, b"slow down", RateLimited),
        (404, b"<html>", Refused),
        (401, b'{"detail":"who?"}', Refused),
        (400, b'{"error_code":""}', Refused),
    ],
)
def test_what_somebody_else_answered_for_plaid_goes_by_its_status(
    status: int, body: bytes, kind: type[Exception]
) -> None:
    error = read_refusal("item/get", heard(body, status))
    assert type(error) is kind
    assert "item/get" in str(error)


@pytest.mark.parametrize("body", [b'{"error_code":"ITEM_LO', b"{'error_code': 1}", b"", b'{"error_code":7}'])
@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
def test_a_refusal_that_broke_on_its_way_is_asked_for_again(body: bytes, name: str) -> None:
    headers = {name: "application/json; charset=utf-8"}
    error = read_refusal("item/get", Answer(400, headers, body, 1))
    assert isinstance(error, Malformed)
    assert "item/get" in error.where
    assert isinstance(read_refusal("item/get", Answer(400, {name: "text/html"}, body, 1)), Refused)


def test_a_foreign_429_may_say_for_how_long() -> None:
    error = read_refusal("item/get", heard(b"", 429, timedelta(seconds=7)))
    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("code", "type_", "status", "verdict"),
    [
        ("TRANSACTIONS_SYNC_LIMIT", "RATE_LIMIT_EXCEEDED", 429, Limited()),
        ("INSTITUTIONS_GET_BY_ID_LIMIT", "RATE_LIMIT_EXCEEDED", 429, Limited(client_wide=True)),
        ("INSTITUTION_RATE_LIMIT", "RATE_LIMIT_EXCEEDED", 429, Failed()),
        ("CREDITS_EXHAUSTED", "RATE_LIMIT_EXCEEDED", 429, Failed()),
        ("INSTITUTION_DOWN", "INSTITUTION_ERROR", 400, Later()),
        ("INTERNAL_SERVER_ERROR", "API_ERROR", 500, Later(provider_wide=True)),
        ("PRODUCT_NOT_READY", "ITEM_ERROR", 400, Failed()),
        ("ITEM_LOGIN_REQUIRED", "ITEM_ERROR", 400, Failed()),
        ("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", "TRANSACTIONS_ERROR", 400, Failed()),
    ],
)
def test_asking_again_is_only_where_it_helps(code: str, type_: str, status: int, verdict: object) -> None:
    assert judge(heard(refusal(code, type_, status).body, status)) == verdict


def test_the_gateways_own_errors_are_nobodys_bank() -> None:
    assert judge(heard(b"<html>", 502)) == Later(provider_wide=True)
    assert judge(heard(b"", 200)) == Fine()
    assert judge(heard(b"", 404)) == Failed()


def test_the_request_id_is_found_without_reading_the_body() -> None:
    assert request_id(heard(b'{\n  "added": [],\n  "request_id": "rQ7abc",\n  "x": 1\n}')) == "rQ7abc"
    for none in (b"", b"{}", b'{"request_id"', b'{"request_id": 7}', b'{"request_id": "cut of'):
        assert request_id(heard(none)) in {None, "cut of"}


@given(st.binary(max_size=200), st.integers(200, 599))
def test_no_answer_whatever_upsets_the_judge(body: bytes, status: int) -> None:
    judge(heard(body, status))
    request_id(heard(body, status))
    read_refusal("item/get", heard(body, status))
