"""What the emulated Plaid states as facts, held against the reference data they were taken from."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.support import openapi
from tests.support.shared import shared

from caudal_sandbox.plaid.errors import KNOWN, PlaidError, body
from caudal_sandbox.plaid.limits import PRODUCTION, SANDBOX, Budget, Limits, Regime, code_of
from caudal_sandbox.plaid.link_requests import CREDIT, DEPOSITORY, PRODUCTS, LinkTokenCreate

# What depends on the case, where the documentation shows one example or a pattern.
PATTERNS = {
    "ADDITIONAL_CONSENT_REQUIRED",
    "INVALID_FIELD",
    "INVALID_HEADERS",
    "INVALID_PRODUCT",
    "MISSING_FIELDS",
    "PRODUCTS_NOT_SUPPORTED",
    "SANDBOX_ONLY",
    "SANDBOX_PRODUCT_NOT_ENABLED",
    "UNKNOWN_FIELDS",
}
# Its own page calls it an INVALID_INPUT, the webhook that carries it an ITEM_ERROR.
TWO_TYPES = {"USER_PERMISSION_REVOKED"}
# Named as passwords of the sandbox, and described nowhere.
UNDESCRIBED = {"COUNTRY_NOT_SUPPORTED", "PAYMENT_INVALID_RECIPIENT"}


def data(name: str) -> Any:
    return msgspec.json.decode(shared("contracts", "plaid", "data", name).read_bytes())


def test_every_error_is_told_as_documented() -> None:
    documented = {each["error_code"]: each for each in data("errors.json")["errors"]}
    assert set(KNOWN) - set(documented) == UNDESCRIBED
    for code in set(KNOWN) - UNDESCRIBED:
        known, page = KNOWN[code], documented[code]
        assert known.http_status == page["http_status"], code
        assert known.display_message == page["display_message"], code
        if code not in TWO_TYPES:
            assert known.error_type == page["error_type"], code
        if code not in PATTERNS:
            assert known.error_message == page["error_message"], code


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_every_error_has_the_body_that_the_description_says(code: str) -> None:
    told = body(PlaidError(code), "abc")
    openapi.plaid().check("/item/get", KNOWN[code].http_status, told)
    assert "status" not in told


def test_what_plaid_does_not_say_cannot_be_said() -> None:
    with pytest.raises(KeyError):
        PlaidError("OUT_OF_COFFEE")


@pytest.mark.parametrize(("regime", "table"), [("production", PRODUCTION), ("sandbox", SANDBOX)])
def test_budgets_are_those_documented(regime: str, table: dict[str, Budget]) -> None:
    def a_minute(said: str | None) -> int | None:
        return None if said is None else int(said.removesuffix(" per minute").replace(",", ""))

    documented = {
        path: Budget(a_minute(each["per_item"]), a_minute(each["per_client"]) or 0)
        for path, each in data("rate-limits.json")[regime].items()
        if path in openapi.plaid().paths
    }
    assert table == documented


def test_each_endpoint_says_too_often_in_its_own_words() -> None:
    codes = data("rate-limits.json")["codes"]
    for path, code in codes.items():
        if path.startswith("/") and " " not in path:
            assert code_of(path) == code_of(path, client=True) == code
    balance = "/accounts/balance/get"
    assert code_of(balance) == codes[f"{balance} (per item)"]
    assert code_of(balance, client=True) == codes[f"{balance} (per client)"]
    assert code_of("/liabilities/get") == codes["anything else"]


def test_requests_know_the_words_of_the_description() -> None:
    spec = openapi.plaid()
    assert set(spec.schema("Products")["enum"]) == PRODUCTS
    assert set(spec.schema("DepositoryAccountSubtype")["enum"]) == DEPOSITORY
    assert set(spec.schema("CreditAccountSubtype")["enum"]) == CREDIT
    wanted = spec.schema("LinkTokenCreateRequest")
    fields = {*wanted["properties"], *wanted["x-pruned"]} - {"client_id", "secret"}
    assert set(LinkTokenCreate.__struct_fields__) == fields


# --- counting ------------------------------------------------------------------------------------------------------


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def spent(limits: Limits, path: str, *, client: str = "c", item: str | None = "i") -> int:
    """How many calls go through until one is refused."""
    for calls in range(100_000):
        try:
            limits.take(path, client_id=client, item_id=item)
        except PlaidError:
            return calls
    raise AssertionError("no bound")


def test_a_minute_later_there_is_a_new_budget_and_not_a_moment_sooner() -> None:
    clock = Clock()
    limits = Limits(Regime.SANDBOX, clock)
    assert spent(limits, "/transactions/refresh") == 2
    clock.now += timedelta(seconds=59)
    assert spent(limits, "/transactions/refresh") == 0
    clock.now += timedelta(seconds=1)
    assert spent(limits, "/transactions/refresh") == 2


def test_items_of_one_client_share_its_budget_and_not_each_others() -> None:
    limits = Limits(Regime.SANDBOX, Clock())
    assert spent(limits, "/accounts/balance/get", item="a") == 25
    for number in range(3):
        assert spent(limits, "/accounts/balance/get", item=f"b{number}") == 25
    with pytest.raises(PlaidError, match="ACCOUNTS_BALANCE_GET_LIMIT"):
        limits.take("/accounts/balance/get", client_id="c", item_id="fresh")
    assert spent(limits, "/accounts/balance/get", client="another", item="z") == 25


def test_a_scale_widens_every_budget_and_off_has_none() -> None:
    assert spent(Limits(Regime.PRODUCTION, Clock(), scale=3), "/item/get") == 45
    off = Limits(Regime.OFF, Clock())
    for _ in range(1_000):
        off.take("/item/get", client_id="c", item_id="i")
