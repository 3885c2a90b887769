"""The Plaid adapter against what Plaid documents and what was recorded of it. Expected values were read off the files
by hand; nothing here was made by the code it judges."""

import asyncio
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc.jwk import ECKey
from tests.support.plaid_script import Raw, Script, account, institution, item, pulled, synced
from tests.support.shared import shared

from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    HoldingsSeen,
    Page,
    Status,
    TransactionGone,
    TransactionSeen,
    Window,
)
from caudal.model.errors import (
    CursorInvalid,
    NeedsUser,
    NotGenuine,
    NotReady,
    RateLimited,
    Refused,
    Revoked,
    Unavailable,
)
from caudal.providers.base import (
    Delivery,
    EndedSignal,
    FetchSignal,
    LinkSignal,
    MendedSignal,
    OutageSignal,
    Signal,
    UserNeededSignal,
)
from caudal.providers.plaid import genuine, payloads
from caudal.providers.plaid.errors import RULES, Refusal
from caudal.providers.plaid.normalise import Reading, read_transactions
from caudal.providers.plaid.payloads import PlaidError
from caudal.providers.plaid.webhooks import signals

CONTRACT = ("contracts", "plaid")

OURS: dict[str, Any] = {
    "accounts.balance.get": payloads.AccountsAnswer,
    "accounts.get": payloads.AccountsAnswer,
    "institutions.get_by_id": payloads.InstitutionAnswer,
    "investments.holdings.get": payloads.HoldingsAnswer,
    "investments.transactions.get": payloads.InvestmentsAnswer,
    "item.get": payloads.ItemAnswer,
    "item.public_token.exchange": payloads.Exchanged,
    "liabilities.get": payloads.AccountsAnswer,
    "link.token.create": payloads.LinkTokenCreated,
    "link.token.get": payloads.LinkTokenAnswer,
    "transactions.get": payloads.AccountsAnswer,
    "transactions.sync": payloads.SyncAnswer,
    "webhook_verification_key.get": payloads.VerificationKeyAnswer,
}
NOT_OURS = {
    "categories.get",
    "institutions.get",
    "institutions.search",
    "investments.refresh",
    "item.access_token.invalidate",
    "item.remove",
    "item.webhook.update",
    "sandbox.item.fire_webhook",
    "sandbox.item.reset_login",
    "sandbox.public_token.create",
    "sandbox.transactions.create",
    "transactions.recurring.get",
    "transactions.refresh",
}
"""Endpoints the adapter doesn't read an answer of."""


def body_of(*parts: str) -> Any:
    """The body a file holds, as the bytes' own JSON (numbers exact)."""
    file = json.loads(shared(*CONTRACT, *parts).read_bytes(), parse_float=Decimal, parse_int=Decimal)
    response = file.get("response", file)
    return response.get("body", response.get("body_added_only"))


def wire(body: Any) -> Raw:
    encoded = msgspec.json.Encoder(decimal_format="number", order="sorted").encode(body)
    return Raw(200, msgspec.json.format(encoded, indent=2))


def changes(pages: list[Page], kind: type) -> list[Any]:
    return [change for page in pages for change in page.changes if isinstance(change, kind)]


def files(folder: str) -> list[Path]:
    return sorted(shared(*CONTRACT, folder).glob("*.json"))


def test_every_recorded_and_documented_answer_decodes() -> None:
    read = 0
    for file in files("recorded") + files("examples"):
        name = next(
            (name for name in {**OURS, **dict.fromkeys(NOT_OURS)} if file.name.startswith(name)), None
        )
        assert name is not None, f"{file.name}: of which endpoint?"
        if name in OURS and "added-24" not in file.name:
            body = body_of(file.parent.name, file.name)
            msgspec.json.decode(wire(body).body, type=OURS[name])
            read += 1
    assert read == 23


def first_platypus() -> list[Page]:
    told = body_of("recorded", "transactions.sync.first-platypus-24.json")
    nothing = {**told, "added": [], "accounts": []}
    script = Script(
        {
            "item/get": item("2024-06-24T06:00:00Z"),
            "institutions/get_by_id": institution(),
            "accounts/get": wire({"accounts": told["accounts"]}),
            "transactions/sync": [wire(told), wire(nothing)],
        }
    )
    pages, error = pulled(script)
    assert error is None
    assert not any(page.unreadable for page in pages)
    return pages


def test_the_recorded_platypus_sync_gives_its_24_movements() -> None:
    told = changes(first_platypus(), TransactionSeen)
    assert len(told) == 24
    assert {each.status for each in told} == {Status.BOOKED}
    # Each of three months: 5.40 + 12 + 4.33 + 89.40 + 6.33 out of the first account, 500 into it; 25 out of the
    # second, 4.22 into it.
    out = [each.money.amount for each in told if each.money.amount < 0]
    in_ = [each.money.amount for each in told if each.money.amount > 0]
    assert (len(out), sum(out)) == (18, Decimal("-427.38"))
    assert (len(in_), sum(in_)) == (6, Decimal("1512.66"))
    assert {each.money.currency for each in told} == {"USD"}
    assert sum(each.money.amount for each in told if each.ref == "bbb") == Decimal("-62.34")
    assert min(each.booked_on for each in told) == date(2024, 4, 7)
    assert max(each.booked_on for each in told) == date(2024, 6, 23)


def test_a_recorded_coffee_and_its_interest_read_as_they_stand() -> None:
    told = changes(first_platypus(), TransactionSeen)
    ride = told[0]
    assert (ride.booked_on, ride.authorized_on) == (date(2024, 6, 23), date(2024, 6, 22))
    assert (str(ride.money), ride.counterparty) == ("-5.4 USD", "Uber")
    assert ride.description == "Uber 063015 SF**POOL**"
    assert (ride.occurred_at, ride.replaces, ride.reference) == (None, "", "")
    interest = told[7]
    assert (str(interest.money), interest.description) == ("4.22 USD", "INTRST PYMNT")
    assert interest.counterparty == ""
    assert json.loads(str(ride.raw))["transaction_id"] == ride.id
    assert "\n" not in str(ride.raw)


def test_the_recorded_platypus_accounts_and_balances() -> None:
    pages = first_platypus()
    seen = changes(pages, AccountSeen)
    assert [(each.ref, each.kind, each.currency) for each in seen] == [
        ("aaa", AccountKind.CHECKING, "USD"),
        ("bbb", AccountKind.SAVINGS, "USD"),
    ]
    told = [
        (each.ref, each.kind, str(each.money), each.on, each.firm) for each in changes(pages, BalanceSeen)
    ]
    day = date(2024, 6, 23)  # 06:00 UTC is 20:00 of the day before in Honolulu
    assert told == [
        ("aaa", BalanceKind.BOOKED, "110 USD", day, False),
        ("aaa", BalanceKind.AVAILABLE, "100 USD", day, False),
        ("bbb", BalanceKind.BOOKED, "210 USD", day, False),
        ("bbb", BalanceKind.AVAILABLE, "200 USD", day, False),
    ]


def test_the_recorded_array_with_real_ids_reads_whole() -> None:
    records = body_of("recorded", "transactions.sync.added-24-real-ids.json")
    records = records if isinstance(records, list) else records["added"]
    refs = sorted({record["account_id"] for record in records})
    accounts = [account(ref) for ref in refs]
    script = Script(
        {
            "item/get": item(),
            "institutions/get_by_id": institution(),
            "accounts/get": {"accounts": accounts},
            "transactions/sync": [wire(synced("c1", records, accounts=accounts)), synced("c1")],
        }
    )
    told = changes(pulled(script)[0], TransactionSeen)
    assert len({(each.ref, each.id, each.booked_on) for each in told}) == 24
    assert sum(each.money.amount for each in told) == Decimal("1085.28")
    assert {len(each.id) for each in told} == {37}
    assert len(refs) == 2


def recorded_broker() -> tuple[list[Page], Script]:
    script = Script(
        {
            "item/get": wire(body_of("recorded", "item.get.json")),
            "institutions/get_by_id": institution(),
            "accounts/get": wire(body_of("recorded", "accounts.get.json")),
            "transactions/sync": synced("c1"),
            "investments/transactions/get": wire(body_of("recorded", "investments.transactions.get.json")),
            "investments/holdings/get": wire(body_of("recorded", "investments.holdings.get.json")),
        }
    )
    pages, error = pulled(script)
    assert error is None
    assert not any(page.unreadable for page in pages)
    return pages, script


def test_records_of_the_older_endpoint_read_alike() -> None:
    told = body_of("recorded", "transactions.get.chase-8.json")
    records = [msgspec.Raw(wire(record).body) for record in told["transactions"]]
    reading = Reading()
    read_transactions(records, "$.transactions", {}, reading)
    # 5.40 + 12 + 4.33 + 89.40 + 6.33 + 25 out; 500 + 4.22 in
    amounts = [change.money.amount for change in reading.changes if isinstance(change, TransactionSeen)]
    assert (len(amounts), sum(amounts)) == (8, Decimal("361.76"))
    assert reading.unreadable == []


BROKERAGE, CARD, CHECKING, STUDENT = (
    "vor45kgbDjfqa1BMD8QRU4om8adWNWtqbzQJe",
    "RperV9wJMNiDWKljGMkPCkwDGJb7q7FaNlVMp",
    "9mvxVZRW7LUD67QbEBm1CPZ6XlqkmkF4oGNBo",
    "6Gwzm7nJ6ZU4VbqEyKzZszyPQ8keRet8Q97k7",
)


def test_the_recorded_accounts_have_their_kinds_and_balances_by_our_signs() -> None:
    pages, _ = recorded_broker()
    kinds = {each.ref: (each.kind, each.mask) for each in changes(pages, AccountSeen)}
    assert kinds == {
        BROKERAGE: (AccountKind.INVESTMENT, "1122"),
        CARD: (AccountKind.CARD, "1219"),
        CHECKING: (AccountKind.CHECKING, "4243"),
        STUDENT: (AccountKind.LOAN, "9572"),
    }
    told = {(each.ref, each.kind): str(each.money) for each in changes(pages, BalanceSeen)}
    assert told == {
        (BROKERAGE, BalanceKind.VALUE): "10000 USD",
        (BROKERAGE, BalanceKind.AVAILABLE): "8000 USD",
        (BROKERAGE, BalanceKind.BOOKED): "3000 USD",
        (CARD, BalanceKind.BOOKED): "-1000 USD",
        (CARD, BalanceKind.AVAILABLE): "9372.38 USD",
        (CARD, BalanceKind.LIMIT): "10500 USD",
        (CHECKING, BalanceKind.BOOKED): "10000 USD",
        (CHECKING, BalanceKind.AVAILABLE): "10000 USD",
        (STUDENT, BalanceKind.BOOKED): "-15000 USD",
        (STUDENT, BalanceKind.AVAILABLE): "15000 USD",
    }
    cash = next(each for each in changes(pages, BalanceSeen) if str(each.money) == "3000 USD")
    assert cash.at == datetime(2025, 5, 19, 17, 24, 1, 861000, tzinfo=UTC)
    assert cash.on == date(2025, 5, 19)


def test_the_recorded_movements_add_up_to_the_recorded_cash() -> None:
    pages, script = recorded_broker()
    told = [(each.booked_on, str(each.money), each.description) for each in changes(pages, TransactionSeen)]
    assert told == [
        (date(2025, 5, 3), "5000 USD", "retirement contribution"),
        (date(2025, 5, 3), "-5000 USD", "buy money market shares with contribution cash"),
        (date(2025, 5, 2), "-2000 USD", "buy AAPL stock"),
        (date(2025, 5, 1), "5000 USD", "Deposit cash into brokerage account"),
    ]
    # The very span that was asked for when this was recorded.
    asked = script.bodies("investments/transactions/get")[0]
    assert (asked["start_date"], asked["end_date"]) == ("2023-05-20", "2025-05-19")
    windows = [window for page in pages for window in page.windows]
    held = frozenset(each.id for each in changes(pages, TransactionSeen))
    assert windows == [Window(BROKERAGE, date(2023, 5, 20), date(2025, 5, 19), held)]


def test_the_recorded_positions() -> None:
    [seen] = changes(recorded_broker()[0], HoldingsSeen)
    assert (seen.ref, seen.on) == (BROKERAGE, date(2025, 5, 19))
    told = [
        (each.asset, each.quantity, each.price, each.value, each.cost, each.currency, each.kind)
        for each in seen.holdings
    ]
    assert told == [
        ("AAPL", 20, 100, 2000, 2000, "USD", "equity"),
        ("CUR:USD", 3000, 1, 3000, 3000, "USD", "cash"),
        ("VMFXX", 5000, 1, 5000, 5000, "USD", "mutual fund"),
    ]


def test_the_documented_positions_keep_every_decimal() -> None:
    told = body_of("examples", "investments.holdings.get.json")
    none = {"accounts": told["accounts"], "investment_transactions": [], "total_investment_transactions": 0}
    script = Script(
        {
            "item/get": item(invested="2021-04-13T22:00:00Z"),
            "institutions/get_by_id": institution(),
            "accounts/get": wire({"accounts": told["accounts"]}),
            "transactions/sync": synced("c1"),
            "investments/transactions/get": wire(none),
            "investments/holdings/get": wire(told),
        }
    )
    pages, error = pulled(script)
    assert error is None
    held = {each.ref[:6]: each for each in changes(pages, HoldingsSeen)}
    ira, k401, crypto = held["JqMLm4"], held["k67E4x"], held["ax0xgO"]
    assert [len(each.holdings) for each in (ira, k401, crypto)] == [2, 6, 1]
    [doge] = crypto.holdings
    assert (doge.asset, doge.quantity, doge.kind) == ("DOGE", 25000, "cryptocurrency")
    assert (doge.price, doge.value, doge.cost) == (
        Decimal("0.177494362"),
        Decimal("4437.35905"),
        Decimal("92.47"),
    )
    assert [each.asset for each in k401.holdings] == [
        "ACHN",
        "DBLTX",
        "MIPTX",
        "NHX105509",
        "Lxe4yz4XQEtwb2YArO7RFMpPDvPxy7FALRyea",  # a bill without a ticker
        "USD",
    ]
    booked = {e.ref[:6]: str(e.money) for e in changes(pages, BalanceSeen) if e.kind is BalanceKind.BOOKED}
    assert booked == {"5Bvpj4": "43200 USD", "JqMLm4": "0.01 USD", "k67E4x": "12345.67 USD"}
    value = {e.ref[:6]: str(e.money) for e in changes(pages, BalanceSeen) if e.kind is BalanceKind.VALUE}
    # 24580.0605 as told: a valuation, to the cent.
    assert value == {"JqMLm4": "110.01 USD", "k67E4x": "24580.06 USD", "ax0xgO": "48200.03 USD"}


def test_the_documented_sync_has_one_of_each() -> None:
    told = body_of("examples", "transactions.sync.json")
    script = Script(
        {
            "item/get": item(),
            "institutions/get_by_id": institution(),
            "accounts/get": wire({"accounts": told["accounts"]}),
            "transactions/sync": [wire(told), wire({**told, "added": [], "modified": [], "removed": []})],
        }
    )
    pages, _ = pulled(script)
    posted, pending = changes(pages, TransactionSeen)
    assert (str(posted.money), posted.status, posted.counterparty) == ("-72.1 USD", Status.BOOKED, "Walmart")
    assert (posted.booked_on, posted.authorized_on) == (date(2023, 9, 24), date(2023, 9, 22))
    assert posted.occurred_at == datetime(2023, 9, 22, 10, 34, 50, tzinfo=UTC)
    assert posted.replaces == "no86Eox18VHMvaOVL7gPUM9ap3aR1LsAVZ5nc"
    assert (str(pending.money), pending.status) == ("-28.34 USD", Status.PENDING)
    assert (pending.counterparty, pending.booked_on) == ("Burger King", date(2023, 9, 28))
    [gone] = changes(pages, TransactionGone)
    assert gone.id == "CmdQTNgems8BT1B7ibkoUXVPyAeehT3Tmzk0l"


def test_the_documented_movements_move_cash_the_other_way_round() -> None:
    told = body_of("examples", "investments.transactions.get.json")
    script = Script(
        {
            "item/get": item(invested="2020-05-30T02:00:00Z"),
            "institutions/get_by_id": institution(),
            "accounts/get": wire({"accounts": told["accounts"]}),
            "transactions/sync": synced("c1"),
            "investments/transactions/get": wire(told),
            "investments/holdings/get": {"accounts": [], "holdings": [], "securities": []},
        }
    )
    movements = changes(pulled(script)[0], TransactionSeen)
    assert [(each.booked_on.isoformat(), str(each.money)) for each in movements] == [
        ("2020-05-29", "8.72 USD"),
        ("2020-05-28", "1289.01 USD"),
        ("2020-05-27", "-7.7 USD"),
    ]
    assert movements[1].occurred_at == datetime(2020, 5, 28, 15, 10, 9, tzinfo=UTC)


# Errors


EXCEPTIONS = {"ITEM_CONCURRENTLY_DELETED": "over, though neither to be retried nor mended by a person"}
"""Codes whose rule is not what the file's columns would make one expect, and why."""


def documented_errors() -> list[dict[str, Any]]:
    errors: list[dict[str, Any]] = json.loads(shared(*CONTRACT, "data", "errors.json").read_bytes())["errors"]
    return errors


def meaning(entry: dict[str, Any]) -> type[Exception]:
    error = PlaidError(error_code=entry["error_code"], error_type=entry["error_type"])
    return type(RULES[entry["error_code"]](Refusal("test", entry["http_status"], error)))


def test_every_documented_error_has_its_rule_and_none_is_invented() -> None:
    assert {entry["error_code"] for entry in documented_errors()} == set(RULES)


def test_the_rules_agree_with_what_is_documented_of_each_error() -> None:
    for entry in documented_errors():
        code, kind = entry["error_code"], meaning(entry)
        if code in EXCEPTIONS:
            assert kind is Revoked
        elif entry["retryable"]:
            assert kind in {RateLimited, Unavailable, NotReady, CursorInvalid}, code
        elif entry["needs_user"]:
            assert kind in {NeedsUser, Revoked}, code
        elif entry["needs_user"] is None:  # not interpreted there: of products and places we don't use
            assert kind in {NeedsUser, Refused}, code
        else:
            assert kind is Refused, code


# Webhooks


class OneKey:
    """The vectors' key, and no other."""

    def __init__(self, jwk: dict[str, Any]) -> None:
        self._kid = jwk["kid"]
        self._key = ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})

    async def find(self, kid: str, now: datetime) -> ECKey | None:
        return self._key if kid == self._kid else None


def test_every_webhook_vector_gets_the_stated_verdict() -> None:
    vectors = json.loads(shared(*CONTRACT, "vectors", "webhook-verification.json").read_bytes())
    keys, verdicts = OneKey(vectors["jwk"]), {}
    for case in vectors["cases"]:
        delivery = Delivery(
            {"plaid-verification": case["plaid_verification"]},
            case["body"].encode(),
            datetime.fromtimestamp(case["now"], UTC),
        )
        try:
            asyncio.run(genuine.checked(delivery, keys))
            verdicts[case["name"]] = True
        except NotGenuine:
            verdicts[case["name"]] = False
    assert verdicts == {case["name"]: case["valid"] for case in vectors["cases"]}
    assert len(verdicts) == 10
    assert sum(verdicts.values()) == 2


def test_the_real_webhooks_hash_is_that_of_its_raw_bytes() -> None:
    real = json.loads(shared(*CONTRACT, "vectors", "real-webhook-body-hash.json").read_bytes())
    assert genuine.body_hash(real["body"].encode()) == real["jwt_payload"]["request_body_sha256"]
    compact = json.dumps(json.loads(real["body"]), separators=(",", ":"))
    assert genuine.body_hash(compact.encode()) != real["jwt_payload"]["request_body_sha256"]


ITEM, OTHER = "wz666MBjYWTp2PDzzggYhM6oWWmBb", "gAXlMgVEw5uEGoQnnXZ6tn9E7Mn3LBc4PJVKZ"
LAPSE = datetime(2020, 1, 15, 13, 25, 17, 766000, tzinfo=UTC)
SIGNALS: dict[str, list[Signal] | type] = {
    "AUTH.DEFAULT_UPDATE": [],
    "DASHBOARD_CONFIGURED_ALERT.INSTITUTION_STATUS_ALERT_TRIGGERED": [
        OutageSignal("ins_3", "success rate 0.9")
    ],
    "HOLDINGS.DEFAULT_UPDATE": [FetchSignal(ITEM, "holdings")],
    "IDENTITY.DEFAULT_UPDATE": [],
    "INVESTMENTS_TRANSACTIONS.DEFAULT_UPDATE": [FetchSignal(ITEM, "investment transactions")],
    "INVESTMENTS_TRANSACTIONS.HISTORICAL_UPDATE": [FetchSignal(ITEM, "investment transactions")],
    "ITEM.ERROR": UserNeededSignal,
    "ITEM.LOGIN_REPAIRED": [MendedSignal(ITEM)],
    "ITEM.NEW_ACCOUNTS_AVAILABLE": FetchSignal,
    "ITEM.PENDING_DISCONNECT": UserNeededSignal,
    "ITEM.PENDING_EXPIRATION": UserNeededSignal,
    "ITEM.USER_ACCOUNT_REVOKED": [EndedSignal(OTHER, "BxBXxLj1m4HMXBm9WZJyUg9XLd4rKEhw8Pb1J")],
    "ITEM.USER_PERMISSION_REVOKED": [EndedSignal(OTHER)],
    "ITEM.WEBHOOK_UPDATE_ACKNOWLEDGED": [],
    "LIABILITIES.DEFAULT_UPDATE": [FetchSignal(ITEM, "liabilities")],
    "LINK.EVENTS": [LinkSignal("link-sandbox-00000000-0000-4000-8000-000000000000")],
    "LINK.ITEM_ADD_RESULT": [LinkSignal("link-sandbox-00000000-0000-4000-8000-000000000000")],
    "LINK.SESSION_FINISHED": [LinkSignal("link-sandbox-00000000-0000-4000-8000-000000000000")],
    "TRANSACTIONS.DEFAULT_UPDATE": [],
    "TRANSACTIONS.HISTORICAL_UPDATE": [],
    "TRANSACTIONS.INITIAL_UPDATE": [],
    "TRANSACTIONS.RECURRING_TRANSACTIONS_UPDATE": [],
    "TRANSACTIONS.SYNC_UPDATES_AVAILABLE": [FetchSignal(ITEM, "transactions")],
    "TRANSACTIONS.TRANSACTIONS_REMOVED": [],
}


def test_every_documented_webhook_says_what_it_should() -> None:
    told = {
        file.stem: signals(file.read_bytes()) for file in shared(*CONTRACT, "examples", "webhooks").iterdir()
    }
    assert told.keys() == SIGNALS.keys()
    for name, expected in SIGNALS.items():
        if isinstance(expected, type):
            assert [type(each) for each in told[name]] == [expected], name
        else:
            assert told[name] == expected, name


@pytest.mark.parametrize("name", ["ITEM.PENDING_DISCONNECT", "ITEM.PENDING_EXPIRATION"])
def test_a_documented_warning_says_by_when(name: str) -> None:
    [signal] = signals(shared(*CONTRACT, "examples", "webhooks", f"{name}.json").read_bytes())
    assert isinstance(signal, UserNeededSignal)
    assert (signal.reference, signal.by) == (ITEM, LAPSE)
