"""What an Esplora's refusals mean: each documented one, and what else may answer in its place."""

from datetime import timedelta

import msgspec
import pytest
from tests.support.shared import shared

from caudal.model.errors import ProviderError, RateLimited, Refused, Unavailable
from caudal.providers.bitcoin.errors import RULES, NotThere, PageLost, error_for
from caudal.providers.http import Answer, Failed, Later, Limited, by_status_alone


def answer(status: int, body: str, after: timedelta | None = None) -> Answer:
    return Answer(status, {"content-type": "text/plain"}, body.encode(), 1, after)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, "Invalid Bitcoin address", Refused),
        (400, "Invalid hex string", Refused),
        (400, "Too many unspent transaction outputs (>500). Contact support to raise limits.", Refused),
        (404, "Transaction not found", NotThere),
        (404, "Block not found", NotThere),
        (422, "after_txid not found", PageLost),
        (429, "Too Many Requests", RateLimited),
        (500, "oops", Unavailable),
        (502, "<html>", Unavailable),
        (503, "", Unavailable),
        (401, "who are you", Refused),
        (404, "<html>not here</html>", Refused),
    ],
)
def test_each_refusal_is_one_error(status: int, body: str, error: type[ProviderError]) -> None:
    assert type(error_for("tx", answer(status, body))) is error


def test_every_documented_refusal_has_its_rule() -> None:
    path = shared("contracts", "bitcoin", "examples", "esplora_errors.json")
    for case in msgspec.json.decode(path.read_bytes())["cases"]:
        if case["status"] not in {200, 429}:
            assert any((case["status"], begins) in RULES for begins in _beginnings(case["body"])), case


def _beginnings(body: str) -> list[str]:
    return [body[:length] for length in range(1, len(body) + 1)]


def test_what_passes_by_itself_is_asked_again() -> None:
    assert by_status_alone(answer(502, "")) == Later(provider_wide=True)
    assert by_status_alone(answer(429, "", timedelta(seconds=3))) == Limited(timedelta(seconds=3))
    assert by_status_alone(answer(404, "Transaction not found")) == Failed()


def test_a_server_that_is_none_is_told_where_to_set_it() -> None:
    assert "CAUDAL_BITCOIN_URL" in str(error_for("tip", answer(404, "nothing here")))
