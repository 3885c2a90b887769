"""Goes through the emulated Belvo with belvo-python (archived since 2023), in that library's own environment:
`belvo_sdk_walk.py URL`. Exits with 1 where an answer can't be read, or isn't what it should be.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

sdk: Any = importlib.import_module("belvo.client")
refusals: Any = importlib.import_module("belvo.exceptions")

FIRST, LAST = "2026-02-01", "2026-02-28"


def step(name: str, call: Callable[[], Any]) -> Any:
    """What `call` gives, or the end."""
    try:
        told = call()
    except Exception as error:  # noqa: BLE001  whatever the library can't read
        print("FAIL", name, type(error).__name__, str(error)[:600])
        sys.exit(1)
    print("ok  ", name)
    return told


def refused(call: Callable[[], Any], code: str) -> Any:
    """The refusal that `call` meets."""
    try:
        call()
    except refusals.RequestError as error:
        told = error.detail[0]
        if told["code"] == code:
            return told
        raise
    raise AssertionError(f"nothing was refused: {code}")


def main(url: str) -> None:
    """Every flow of 2023 that a ledger needs."""
    client = step("login", lambda: sdk.Client("hub", "secret", url))
    banks = step("institutions", lambda: [*client.Institutions.list()])
    assert {"erebor_mx_retail", "heimdall_mx_retail"} <= {bank["name"] for bank in banks}
    made = {"username": "bnk100", "password": "full", "external_id": "hub-1"}
    link = step("link", lambda: client.Links.create("erebor_mx_retail", **made, raise_exception=True))["id"]
    assert step("get link", lambda: client.Links.get(link))["status"] == "valid"
    assert [each["id"] for each in step("find link", lambda: [*client.Links.list(external_id="hub-1")])] == [
        link
    ]
    accounts = step("ask for accounts", lambda: client.Accounts.create(link, raise_exception=True))
    listed = step("accounts", lambda: [*client.Accounts.list(link=link)])
    assert {each["id"] for each in listed} == {each["id"] for each in accounts}
    asked = step(
        "ask for transactions",
        lambda: client.Transactions.create(link, FIRST, date_to=LAST, raise_exception=True),
    )
    rows = step("transactions", lambda: [*client.Transactions.list(link=link, page_size=7)])
    assert {each["id"] for each in asked} <= {each["id"] for each in rows}
    assert len({each["id"] for each in rows}) == len(rows) > 14
    assert step("balances", lambda: [*client.Balances.list(link=link)])
    assert step("owners", lambda: client.Owners.create(link, raise_exception=True))
    login: dict[str, Any] = {"username": "bnk100", "raise_exception": True}
    waits = step(
        "a token is wanted",
        lambda: refused(
            lambda: client.Links.create("heimdall_mx_retail", password="full", **login), "token_required"
        ),
    )
    resumed = client.Links.resume(waits["session"], "12345", link=waits["link"], raise_exception=True)
    assert step("the token", lambda: resumed)["status"] == "valid"
    step(
        "a wrong login",
        lambda: refused(
            lambda: client.Links.create("erebor_mx_retail", password="wrong", **login), "login_error"
        ),
    )
    step("mend", lambda: client.Links.update(link, password="new", raise_exception=True))
    assert step("delete", lambda: client.Links.delete(link))


if __name__ == "__main__":
    main(sys.argv[1])
