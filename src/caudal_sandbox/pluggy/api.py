"""Pluggy's calls (contract §2-§4). Each gets who asks and what; each gives what is told, or raises PluggyError."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from caudal_sandbox.pluggy import data
from caudal_sandbox.pluggy.asked import Asked, Call, Told, connector_of, item_of, page_of, text_of
from caudal_sandbox.pluggy.connectors import CONNECTORS, Connector
from caudal_sandbox.pluggy.emulator import Emulator
from caudal_sandbox.pluggy.errors import PluggyError, invalid
from caudal_sandbox.pluggy.items import FAILURES_MAX
from caudal_sandbox.pluggy.keys import Session
from caudal_sandbox.pluggy.logins import TOKEN
from caudal_sandbox.pluggy.names import stamp

# Who


def connect_token(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """For a browser: new, or to mend an item."""
    item = str(asked.body.get("itemId") or "")
    if item:
        item_of(pluggy, asked, item)
    said = asked.body.get("options")
    options: Mapping[str, object] = said if isinstance(said, dict) else {}
    session = Session(
        asked.bearer.client_id,
        item,
        text_of(options, "clientUserId"),
        text_of(options, "webhookUrl"),
        text_of(options, "oauthRedirectUri"),
    )
    return {"accessToken": pluggy.keys.connect(session)}


def connectors(_: Emulator, asked: Asked, __: str) -> Told:
    """Those that can be linked: the sandbox's where they are asked for."""
    query = asked.only(
        "countries", "types", "name", "sandbox", "healthDetails", "isOpenFinance", "supportsPaymentInitiation"
    )
    sandbox = query.get("sandbox") == "true"
    found = [each for each in CONNECTORS.values() if sandbox or not each.sandbox]
    if "isOpenFinance" in query:
        found = [each for each in found if each.open_finance == (query["isOpenFinance"] == "true")]
    if name := query.get("name"):
        found = [each for each in found if name.lower() in each.name.lower()]
    return page_of([each.record() for each in found])


def connector(_: Emulator, __: Asked, ident: str) -> Told:
    """One."""
    return connector_of(ident).record()


def validate(_: Emulator, asked: Asked, ident: str) -> Told:
    """Whether the form is filled in rightly: 200 all the same."""
    errors = _wrong(connector_of(ident), asked.body)
    return {"parameters": dict(asked.body), "errors": errors}


# Items


def create_item(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """A login begins."""
    if asked.bearer.session is None and pluggy.options.free_plan:
        raise PluggyError("CREATE_ITEMS_API_FREE_DISABLED")
    found = connector_of(str(asked.body.get("connectorId")))
    parameters = _parameters(found, asked.body)
    item = pluggy.items.make(
        asked.bearer.client_id, found, parameters, "USER" if asked.bearer.session else "CLIENT"
    )
    session = asked.bearer.session
    item.client_user = session.client_user if session else text_of(asked.body, "clientUserId")
    item.webhook_url = session.webhook_url if session else text_of(asked.body, "webhookUrl")
    item.redirect = session.redirect if session else text_of(asked.body, "oauthRedirectUri")
    if session:
        session.item = item.id
    return pluggy.told(item)


def get_item(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """How it stands. Whoever looks sees it one step further."""
    item = item_of(pluggy, asked, ident)
    pluggy.step(item)
    return pluggy.told(item)


def update_item(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """Go to the bank now; with other credentials where there are any (contract §3.4)."""
    item = item_of(pluggy, asked, ident)
    now = pluggy.world.now
    if item.steps or item.waits_for:
        raise invalid("An update is already in progress, wait until the last execution ends")
    if not item.connector.client_updates:
        raise PluggyError("", "This item can't be updated by its client", status=400)
    parameters = _parameters(item.connector, asked.body) if asked.body.get("parameters") is not None else None
    if asked.bearer.session is not None and parameters is None and item.connector.open_finance:
        parameters = {}
    if item.failures >= FAILURES_MAX and parameters is None:
        later = {"canRetryAfterDate": stamp(now + timedelta(hours=1))}
        raise PluggyError("TOO_MANY_CONSECUTIVE_LOGIN_FAILURES", data=later)
    every = pluggy.options.update_every
    if parameters is None and item.client_updated is not None and now < item.client_updated + every:
        hours = every // timedelta(hours=1)
        last = stamp(item.client_updated)
        raise PluggyError(
            "CLIENT_IS_UPDATING_BEFORE_ALLOWED_FREQUENCY",
            f"Client updates on this item are allowed at most every {hours} hours. Last update was at {last}",
            data={"minUpdateFrequencyAllowedInHours": hours, "lastUpdatedAt": last},
        )
    item.client_updated = now
    if "webhookUrl" in asked.body:
        item.webhook_url = text_of(asked.body, "webhookUrl")
    pluggy.items.update(item, parameters, "USER" if asked.bearer.session else "CLIENT")
    return pluggy.told(item)


def delete_item(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """It is gone."""
    item = item_of(pluggy, asked, ident)
    pluggy.remove(item)
    return {"count": 1}


def send_mfa(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """What it waited for, under the parameter's name."""
    item = item_of(pluggy, asked, ident)
    if item.waits_for not in {"text", "image", "select"}:
        raise PluggyError("", "The item isn't waiting for user input", status=400)
    item.answered(right=asked.body.get("token") == TOKEN, code="INVALID_CREDENTIALS_MFA")
    return pluggy.told(item)


def disable_auto_sync(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """It is looked at no more but when it is asked for."""
    item = item_of(pluggy, asked, ident)
    item.auto_sync = False
    return pluggy.told(item)


def list_items(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """The application's, the latest first. `next` is null: one page holds them."""
    query = asked.only("clientUserId", "connectorId", "after")
    found = [each for each in pluggy.items if each.client_id == asked.bearer.client_id]
    for name, value in query.items():
        if name == "clientUserId":
            found = [each for each in found if each.client_user == value]
        elif name == "connectorId":
            found = [each for each in found if str(each.connector.id) == value]
    return {"results": [pluggy.told(each) for each in reversed(found)], "next": None}


# Webhooks


def webhooks(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """The application's."""
    return page_of([each.record() for each in pluggy.hooks.of(asked.bearer.client_id)])


def create_webhook(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """A new one."""
    return pluggy.hooks.register(asked.bearer.client_id, asked.body).record()


def webhook(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """One."""
    return pluggy.hooks.get(ident, asked.bearer.client_id).record()


def update_webhook(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """Changed."""
    return pluggy.hooks.change(pluggy.hooks.get(ident, asked.bearer.client_id), asked.body).record()


def delete_webhook(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """Over."""
    pluggy.hooks.remove(pluggy.hooks.get(ident, asked.bearer.client_id))
    return {"count": 1}


def _parameters(found: Connector, body: Mapping[str, object]) -> Mapping[str, str]:
    """Raises PluggyError where the form isn't filled in rightly."""
    said = body.get("parameters")
    filled = {str(name): str(value) for name, value in said.items()} if isinstance(said, dict) else {}
    if wrong := _wrong(found, filled):
        raise PluggyError("CONNECTOR_VALIDATION_ERROR", details=wrong)
    return filled


def _wrong(found: Connector, filled: Mapping[str, object]) -> list[Mapping[str, object]]:
    wrong: list[Mapping[str, object]] = []
    for field in found.form():
        name = str(field["name"])
        value = str(filled.get(name, ""))
        rule = field.get("validation")
        if not value:
            wrong.append({"code": "001", "message": f"{name} is required", "parameter": name})
        elif isinstance(rule, str) and not re.fullmatch(rule, value):
            wrong.append({"code": "002", "message": f"{name} isn't right", "parameter": name})
    return wrong


CALLS: Final[Mapping[tuple[str, str], Call]] = {
    ("POST", "/connect_token"): connect_token,
    ("GET", "/connectors"): connectors,
    ("GET", "/connectors/{id}"): connector,
    ("POST", "/connectors/{id}/validate"): validate,
    ("POST", "/items"): create_item,
    ("GET", "/items/{id}"): get_item,
    ("PATCH", "/items/{id}"): update_item,
    ("DELETE", "/items/{id}"): delete_item,
    ("POST", "/items/{id}/mfa"): send_mfa,
    ("PATCH", "/items/{id}/disable-auto-sync"): disable_auto_sync,
    ("GET", "/v2/items"): list_items,
    ("GET", "/accounts"): data.accounts,
    ("GET", "/accounts/{id}"): data.account,
    ("GET", "/accounts/{id}/balance"): data.balance,
    ("GET", "/v2/transactions"): data.transactions,
    ("GET", "/transactions"): data.transactions_v1,
    ("GET", "/transactions/{id}"): data.transaction,
    ("GET", "/bills"): data.bills,
    ("GET", "/bills/{id}"): data.bill,
    ("GET", "/investments"): data.investments,
    ("GET", "/investments/{id}"): data.investment,
    ("GET", "/investments/{id}/transactions"): data.investment_transactions,
    ("GET", "/loans"): data.loans,
    ("GET", "/identity"): data.identity,
    ("GET", "/consents"): data.consents,
    ("GET", "/categories"): data.categories,
    ("GET", "/categories/{id}"): data.category,
    ("GET", "/webhooks"): webhooks,
    ("POST", "/webhooks"): create_webhook,
    ("GET", "/webhooks/{id}"): webhook,
    ("PATCH", "/webhooks/{id}"): update_webhook,
    ("DELETE", "/webhooks/{id}"): delete_webhook,
}
"""Everything it answers, as the description names it, beside POST /auth."""

FOR_BROWSERS: Final = frozenset(
    {
        ("GET", "/connectors"),
        ("GET", "/connectors/{id}"),
        ("POST", "/items"),
        ("GET", "/items/{id}"),
        ("PATCH", "/items/{id}"),
        ("POST", "/items/{id}/mfa"),
        ("GET", "/accounts"),
    }
)
"""What a connect token reaches: what the widget does, for its own item."""


def find(method: str, path: str) -> tuple[str, str] | None:
    """(the path as the description names it, the id in it); None for an address there isn't."""
    exact = path.rstrip("/") or "/"
    if (method, exact) in CALLS:
        return exact, ""
    parts = exact.split("/")
    for place in range(len(parts) - 1, 0, -1):
        template = "/".join([*parts[:place], "{id}", *parts[place + 1 :]])
        if (method, template) in CALLS:
            return template, parts[place]
    return None
