"""The emulated Bitso is what others take for Bitso: ccxt's client, the published vectors, the recorded answers."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.contract.test_bitso_conforms import bitso
from tests.support.shared import shared

from caudal_sandbox.bitso.service import KEY, SECRET, Bitso, Options
from caudal_sandbox.bitso.signing import signature
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

ROOT = Path(__file__).resolve().parents[2]
JUDGES = Path(os.environ.get("JUDGES_VENV", ROOT / ".venv-judges")) / "bin" / "python"
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


def sandboxed(options: Options | None = None) -> Sandbox:
    world = World(1, people=0, firms=0, begins=date(2026, 1, 1), now=NOW)
    return Sandbox(world, emulators=(partial(Bitso, options=options),), clock=lambda: NOW)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with sandboxed() as there:
        yield there


def asked(
    sandbox: Sandbox, path: str, salt: int = 1, secret: str = SECRET, nonce: str = ""
) -> httpx.Response:
    nonce = nonce or f"{int(NOW.timestamp() * 1000)}{salt:06d}"
    signed = f"Bitso {KEY}:{nonce}:{signature(secret, nonce, 'GET', f'/v3{path}', b'')}"
    url = f"{sandbox.url_of('bitso')}/v3{path}"
    return httpx.get(url, headers={"Authorization": signed}, trust_env=False)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_ccxt_reads_from_it_what_happened_to_the_last_unit() -> None:
    if not JUDGES.exists():
        if os.environ.get("CAUDAL_REQUIRE_ALL"):
            pytest.fail("the judges' environment is missing: make test makes it")
        pytest.skip("the judges' environment isn't there: make .venv-judges/ready makes it")
    world = World(1, people=0, firms=0, begins=date(2026, 1, 1), now=NOW)
    with Sandbox(world, emulators=(partial(Bitso, options=Options(takes_v1=True)),)) as sandbox:
        told = "\n".join([f"{sandbox.url_of('bitso')}/api", KEY, SECRET])
        script = ROOT / "tests" / "judges" / "bitso_by_ccxt.py"
        done = subprocess.run(
            [JUDGES, script], check=False, input=told, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        read = json.loads(done.stdout)
        books = bitso(sandbox).books
        booked = books.booked(world.now)
    assert {each: Decimal(read["balance"][each.upper()]) for each in booked} == booked
    for book, trades in read["trades"].items():
        name = book.lower().replace("/", "_")
        there = [each for each in books.trades if each.book == name]
        assert [(each["id"], Decimal(each["amount"])) for each in trades] == [
            (str(each.tid), abs(each.major)) for each in there
        ]
        assert [Decimal((each["fee"] or {}).get("cost") or 0) for each in trades] == [
            each.fee for each in there
        ]
    fundings = books.of(world.now, inward=True)[-25:]
    assert [(each["id"], Decimal(each["amount"])) for each in read["deposits"]] == [
        (each.ident, each.amount) for each in fundings
    ]
    assert read["deposit"]["id"] == read["deposits"][0]["id"]
    assert len(read["ledger"]) == 100
    assert read["fees"]["BTC/MXN"]["taker"] == "0.0065"
    assert (read["open"], read["stranger"]) == ([], "AuthenticationError")
    assert read["too_many"]


@pytest.mark.parametrize("place", range(5))
def test_the_published_vectors_are_its_signatures(place: int) -> None:
    each = json.loads(shared("contracts", "bitso", "specs", "signing_vectors.json").read_bytes())["vectors"][
        place
    ]
    told = (each["secret"], each["nonce"], each["method"], each["request_path"], each["body"].encode())
    assert signature(*told) == each["signature"]


RECORDED = {
    "java2017_privateUserTrades": "user_trades",
    "ccxt2021_user_trades": "user_trades",
    "java2017_privateFundings": "fundings",
    "ccxt2022_fundings_btc": "fundings",
    "java2017_privateWithdrawals": "withdrawals",
    "java2017_privateLedger": "ledger",
    "ccxt2022_ledger_trade_fee_funding": "ledger",
    "java2017_privateAccountBalance": "balance",
    "java2017_privateAccountStatus": "account_status",
    "ccxt_fees_2022": "fees",
}
_NEWER_OR_OLDER = {
    "referral_code",
    "official_id",
    "proof_of_residency",
    "signed_contract",
    "origin_of_funds",
} | {
    *("volume_currency", "current_volume", "next_volume", "next_maker_fee_percent", "next_taker_fee_percent"),
    *("nextVolume", "nextFee", "nextTakerFee"),
}
"""Fields that a recording has, nobody reads, and aren't told."""


def fields(told: object) -> dict[str, type]:
    """Name → type, of a record or of all records of a list together."""
    if isinstance(told, list):
        return {name: kind for each in told for name, kind in fields(each).items()}
    if isinstance(told, dict) and len(told) == 1:
        return fields(next(iter(told.values())))
    return {name: type(value) for name, value in told.items()} if isinstance(told, dict) else {}


@pytest.mark.parametrize("name", RECORDED)
def test_its_records_have_the_fields_and_types_of_recorded_ones(sandbox: Sandbox, name: str) -> None:
    recorded = json.loads(shared("contracts", "bitso", "recorded", f"{name}.json").read_bytes())["response"][
        "payload"
    ]
    told = asked(sandbox, f"/{RECORDED[name]}").json()["payload"]
    there, here = fields(recorded), fields(told)
    assert {field: there[field] for field in there.keys() - _NEWER_OR_OLDER} == {
        field: here.get(field) for field in there.keys() - _NEWER_OR_OLDER
    }


def test_a_nonce_holds_once_and_near_now(sandbox: Sandbox) -> None:
    assert asked(sandbox, "/balance").status_code == 200
    assert code(asked(sandbox, "/balance")) == (401, "0207")
    assert asked(sandbox, "/balance", salt=0).status_code == 200, "out of order is tolerated"
    assert code(asked(sandbox, "/balance", nonce="1731349200123123456")) == (401, "0207")
    assert code(asked(sandbox, "/balance", nonce="1731349200")) == (401, "0206")


def test_a_request_is_what_was_signed_and_by_whom(sandbox: Sandbox) -> None:
    assert code(asked(sandbox, "/balance", secret="another")) == (401, "0215")
    nonce = f"{int(NOW.timestamp() * 1000)}000009"
    signed = f"Bitso {KEY}:{nonce}:{signature(SECRET, nonce, 'GET', '/v3/user_trades', b'')}"
    url = f"{sandbox.url_of('bitso')}/v3/user_trades"
    answer = httpx.get(url, params={"limit": "5"}, headers={"Authorization": signed}, trust_env=False)
    assert code(answer) == (401, "0215")


@pytest.mark.parametrize("path", ["/user_trades?limit=101", "/fundings?limit=0", "/user_trades?sort=up"])
def test_a_page_has_bounds(sandbox: Sandbox, path: str) -> None:
    assert code(asked(sandbox, path)) == (400, "0320")


def test_markers_lead_through_everything_once_in_either_direction(sandbox: Sandbox) -> None:
    salt = 100
    for sort in ("asc", "desc"):
        found, marker = [], ""
        while True:
            page = asked(sandbox, f"/user_trades?limit=7&sort={sort}{marker}", salt := salt + 1).json()[
                "payload"
            ]
            found += [each["tid"] for each in page]
            if len(page) < 7:
                break
            marker = f"&marker={page[-1]['tid']}"
        there = [str(each.tid) for each in bitso(sandbox).books.trades]
        assert found == (there if sort == "asc" else there[::-1])


def test_over_the_limit_it_answers_420_for_a_minute() -> None:
    with sandboxed(Options(calls_per_minute=3)) as sandbox:
        answers = [asked(sandbox, "/balance", salt) for salt in range(5)]
    assert [each.status_code for each in answers] == [200, 200, 200, 420, 420]
    assert code(answers[-1]) == (420, "0801")
    assert "retry-after" not in answers[-1].headers


def test_all_three_spellings_of_a_time_occur(sandbox: Sandbox) -> None:
    told = asked(sandbox, "/user_trades?limit=100").json()["payload"]
    assert {each["created_at"][19:] for each in told} == {"+0000", "+00:00", ".000+00:00"}


def test_where_the_ledger_is_gone_it_is_not_found() -> None:
    with sandboxed(Options(ledger=False)) as sandbox:
        assert asked(sandbox, "/ledger/fees").status_code == 404


def test_the_balance_is_the_sum_of_the_ledger(sandbox: Sandbox) -> None:
    sums: dict[str, Decimal] = {}
    marker, salt = "", 200
    while page := asked(sandbox, f"/ledger?limit=100&sort=asc{marker}", salt := salt + 1).json()["payload"]:
        for update in (update for each in page for update in each["balance_updates"]):
            sums[update["currency"]] = sums.get(update["currency"], Decimal(0)) + Decimal(update["amount"])
        marker = f"&marker={page[-1]['eid']}"
    told = asked(sandbox, "/balance").json()["payload"]["balances"]
    going = {each["currency"]: Decimal(each["total"]) + Decimal(each["pending_withdrawal"]) for each in told}
    assert {code: going[code] for code in sums} == sums
