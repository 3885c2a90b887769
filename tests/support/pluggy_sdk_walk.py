"""Goes through the emulated Pluggy with pluggy-sdk, in that library's own environment: `pluggy_sdk_walk.py URL`.

The library refuses an answer that lacks a required field or has one of another type. Exits with 1 where one is refused.
"""

import sys

import pluggy_sdk as sdk
from pluggy_sdk.models import AuthRequest, CreateItem

CLIENT = "5a1d0c9e-7d7f-4f6e-9c55-0d8f3a2b1c4d"


def step(name, call):  # type: ignore[no-untyped-def]
    try:
        told = call()
    except Exception as error:  # noqa: BLE001  whatever the library can't read
        print("FAIL", name, type(error).__name__, str(error)[:600])
        sys.exit(1)
    print("ok  ", name)
    return told


def main(url: str) -> None:
    config = sdk.Configuration(host=url)
    api = sdk.ApiClient(config)
    key = step(
        "auth",
        lambda: sdk.AuthApi(api).auth_create(
            AuthRequest(clientId=CLIENT, clientSecret="CANARY-pluggy-secret")
        ),
    )
    config.api_key["default"] = key.api_key
    step("connectors", lambda: sdk.ConnectorApi(api).connectors_list(sandbox=True))
    form = {"user": "user-ok", "password": "password-ok"}
    create = CreateItem.from_dict({"connectorId": 2, "parameters": form})
    item = step("create item", lambda: sdk.ItemsApi(api).items_create(create))
    for _ in range(8):
        told = sdk.ItemsApi(api).items_retrieve(item.id)
    assert told.status == "UPDATED", told
    accounts = step("accounts", lambda: sdk.AccountApi(api).accounts_list(item_id=item.id)).results
    rows = 0
    listing = sdk.TransactionApi(api).transactions_list_by_cursor
    page = step("transactions", lambda: listing(account_id=accounts[0].id))
    rows += len(page.results)
    assert rows
    step("transaction", lambda: sdk.TransactionApi(api).transactions_retrieve(page.results[0].id))
    step("investments", lambda: sdk.InvestmentApi(api).investments_list(item_id=item.id))
    step("loans", lambda: sdk.LoanApi(api).loans_list(item_id=item.id))
    step("identity", lambda: sdk.IdentityApi(api).identity_find_by_item(item_id=item.id))
    step("consents", lambda: sdk.ConsentApi(api).consents_list(item_id=item.id))
    step("categories", lambda: sdk.CategoryApi(api).categories_list())
    step("delete item", lambda: sdk.ItemsApi(api).items_delete(item.id))


main(sys.argv[1])
