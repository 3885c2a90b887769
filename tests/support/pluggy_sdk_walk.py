"""Goes through the emulated Pluggy with pluggy-sdk, in that library's own environment: `pluggy_sdk_walk.py URL`.

The library refuses an answer that lacks a required field or has one of another type. Exits with 1 where one is refused.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

sdk: Any = importlib.import_module("pluggy_sdk")
models: Any = importlib.import_module("pluggy_sdk.models")

CLIENT = "5a1d0c9e-7d7f-4f6e-9c55-0d8f3a2b1c4d"
SECRET = "CANARY-pluggy-secret"
FORM = {"user": "user-ok", "password": "password-ok"}


def step(name: str, call: Callable[[], Any]) -> Any:
    """What `call` gives, or the end."""
    try:
        told = call()
    except Exception as error:  # noqa: BLE001  whatever the library can't read
        print("FAIL", name, type(error).__name__, str(error)[:600])
        sys.exit(1)
    print("ok  ", name)
    return told


def main(url: str) -> None:
    """Every flow that a ledger needs."""
    config = sdk.Configuration(host=url)
    api = sdk.ApiClient(config)
    asked = models.AuthRequest(clientId=CLIENT, clientSecret=SECRET)
    config.api_key["default"] = step("auth", lambda: sdk.AuthApi(api).auth_create(asked)).api_key
    step("connectors", lambda: sdk.ConnectorApi(api).connectors_list(sandbox=True))
    create = models.CreateItem.from_dict({"connectorId": 2, "parameters": FORM})
    items = sdk.ItemsApi(api)
    item = step("create item", lambda: items.items_create(create))
    while items.items_retrieve(item.id).status == "UPDATING":
        continue
    accounts = step("accounts", lambda: sdk.AccountApi(api).accounts_list(item_id=item.id)).results
    transactions = sdk.TransactionApi(api)
    first = accounts[0].id
    page = step("transactions", lambda: transactions.transactions_list_by_cursor(account_id=first))
    step("transaction", lambda: transactions.transactions_retrieve(page.results[0].id))
    step("investments", lambda: sdk.InvestmentApi(api).investments_list(item_id=item.id))
    step("loans", lambda: sdk.LoanApi(api).loans_list(item_id=item.id))
    step("identity", lambda: sdk.IdentityApi(api).identity_find_by_item(item_id=item.id))
    step("consents", lambda: sdk.ConsentApi(api).consents_list(item_id=item.id))
    step("categories", lambda: sdk.CategoryApi(api).categories_list())
    step("delete item", lambda: items.items_delete(item.id))


if __name__ == "__main__":
    main(sys.argv[1])
