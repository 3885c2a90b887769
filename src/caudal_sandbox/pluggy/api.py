"""Pluggy's calls (contract §2-§4). Each gets who asks and what; each gives what is told, or raises PluggyError."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.economy.view import AccountView
from caudal_sandbox.pluggy import records
from caudal_sandbox.pluggy.connectors import CONNECTORS, Connector
from caudal_sandbox.pluggy.emulator import Emulator
from caudal_sandbox.pluggy.errors import PluggyError, forbidden, invalid
from caudal_sandbox.pluggy.items import FAILURES_MAX, Item
from caudal_sandbox.pluggy.keys import Bearer, Session
from caudal_sandbox.pluggy.logins import TOKEN
from caudal_sandbox.pluggy.names import stamp
from caudal_sandbox.pluggy.rows import Row

Told = Mapping[str, object] | Sequence[object]
PAGE_MAX: Final = 500
IDS_MAX: Final = 500
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Asked:
    """One call."""

    def __init__(self, bearer: Bearer, query: Mapping[str, str], body: Mapping[str, object]) -> None:
        self.bearer = bearer
        self.query = query
        self.body = body

    def only(self, *names: str) -> Mapping[str, str]:
        """The query, which may name these alone (contract §5.1: whitelist validation)."""
        for name in self.query:
            if name not in names:
                raise invalid(f"property {name} should not exist")
        return self.query


Call = Callable[[Emulator, Asked, str], Told]
"""The emulator, what is asked, and the id in the path ('' where there is none)."""


def page_of(rows: Sequence[object], query: Mapping[str, str] | None = None) -> dict[str, object]:
    """A list in pages from 1, of `pageSize`; the whole where the endpoint takes none."""
    size = min(_number(query, "pageSize", PAGE_MAX), PAGE_MAX) if query is not None else max(1, len(rows))
    number = _number(query or {}, "page", 1)
    shown = rows[(number - 1) * size : number * size]
    return {"total": len(rows), "totalPages": max(1, -(-len(rows) // size)), "page": number, "results": shown}


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    said = query.get(name, str(default))
    if not said.isdigit() or not int(said):
        raise invalid(f"{name} must be a positive number")
    return int(said)


# Who


def connect_token(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """For a browser: new, or to mend an item."""
    item = str(asked.body.get("itemId") or "")
    if item:
        _item(pluggy, asked, item)
    said = asked.body.get("options")
    options: Mapping[str, object] = said if isinstance(said, dict) else {}
    session = Session(
        asked.bearer.client_id,
        item,
        _text(options, "clientUserId"),
        _text(options, "webhookUrl"),
        _text(options, "oauthRedirectUri"),
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
    return _connector(ident).record()


def validate(_: Emulator, asked: Asked, ident: str) -> Told:
    """Whether the form is filled in rightly: 200 all the same."""
    errors = _wrong(_connector(ident), asked.body)
    return {"parameters": dict(asked.body), "errors": errors}


# Items


def create_item(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """A login begins."""
    if asked.bearer.session is None and pluggy.options.free_plan:
        raise PluggyError("CREATE_ITEMS_API_FREE_DISABLED")
    found = _connector(str(asked.body.get("connectorId")))
    parameters = _parameters(found, asked.body)
    item = pluggy.items.make(
        asked.bearer.client_id, found, parameters, "USER" if asked.bearer.session else "CLIENT"
    )
    session = asked.bearer.session
    item.client_user = session.client_user if session else _text(asked.body, "clientUserId")
    item.webhook_url = session.webhook_url if session else _text(asked.body, "webhookUrl")
    item.redirect = session.redirect if session else _text(asked.body, "oauthRedirectUri")
    if session:
        session.item = item.id
    return pluggy.told(item)


def get_item(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """How it stands. Whoever looks sees it one step further."""
    item = _item(pluggy, asked, ident)
    pluggy.step(item)
    return pluggy.told(item)


def update_item(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """Go to the bank now; with other credentials where there are any (contract §3.4)."""
    item = _item(pluggy, asked, ident)
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
        item.webhook_url = _text(asked.body, "webhookUrl")
    pluggy.items.update(item, parameters, "USER" if asked.bearer.session else "CLIENT")
    return pluggy.told(item)


def delete_item(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """It is gone."""
    item = _item(pluggy, asked, ident)
    pluggy.remove(item)
    return {"count": 1}


def send_mfa(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """What it waited for, under the parameter's name."""
    item = _item(pluggy, asked, ident)
    if item.waits_for not in {"text", "image", "select"}:
        raise PluggyError("", "The item isn't waiting for user input", status=400)
    item.answered(right=asked.body.get("token") == TOKEN, code="INVALID_CREDENTIALS_MFA")
    return pluggy.told(item)


def disable_auto_sync(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """It is looked at no more but when it is asked for."""
    item = _item(pluggy, asked, ident)
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


# Data


def accounts(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """An item's, as stored."""
    query = asked.only("itemId", "type")
    item = _item(pluggy, asked, query.get("itemId", ""))
    told = [records.account_record(item, pluggy.world.account(each)) for each in item.accounts()]
    return page_of([each for each in told if query.get("type") in {None, each["type"]}])


def account(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """One."""
    item, view = _account(pluggy, asked, ident)
    return records.account_record(item, view)


def balance(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """What the bank says now: each call counts against what its regulator allows."""
    item, view = _account(pluggy, asked, ident)
    if pluggy.options.balance_error:
        raise PluggyError(pluggy.options.balance_error)
    card = view.terms.kind is AccountKind.CARD
    told = -view.booked() if card and not item.connector.sandbox else view.booked()
    return {
        "balance": told,
        "blockedBalance": 0,
        "automaticallyInvestedBalance": 0,
        "currencyCode": view.terms.currency,
        "updateDateTime": stamp(pluggy.world.now),
    }


def transactions(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """The newest first, from the cursor on (contract §5.1)."""
    query = asked.only("accountId", "dateFrom", "dateTo", "createdAtFrom", "ids", "after")
    if "dateFrom" in query and "createdAtFrom" in query:
        raise invalid("createdAtFrom and dateFrom can't be used together")
    item, view = _account(pluggy, asked, query.get("accountId"))
    ids = query["ids"].split(",") if "ids" in query else None
    if ids is not None and len(ids) > IDS_MAX:
        raise PluggyError("IDS_PARAMETER_EXCEEDS_MAX_LENGTH")
    rows = [each for each in item.rows[view.terms.id].all if ids is None or each.id in ids]
    keyed = sorted(
        ((_place(each), each) for each in rows if _lies_in(each, query)), reverse=True, key=lambda it: it[0]
    )
    if "after" in query:
        after = _read_cursor(query["after"])
        keyed = [(place, each) for place, each in keyed if place < after]
    size = pluggy.options.page_rows
    shown, more = keyed[:size], len(keyed) > size
    told = [records.transaction_record(item, view, each) for _, each in shown]
    following = None
    if more:
        cursor = base64.b64encode("|".join(shown[-1][0]).encode()).decode()
        following = f"?{urlencode({**query, 'after': cursor})}"
    return {"results": told, "next": following}


def _place(row: Row) -> tuple[str, str]:
    return stamp(records.moment_of(row.sighting)), row.id


def _lies_in(row: Row, query: Mapping[str, str]) -> bool:
    day = records.moment_of(row.sighting).date()
    first, last = query.get("dateFrom"), query.get("dateTo")
    if first is not None and day < _day(first, "dateFrom"):
        return False
    if last is not None and day > _day(last, "dateTo"):
        return False
    return "createdAtFrom" not in query or row.created >= _instant(query["createdAtFrom"])


def _day(said: str, name: str) -> date:
    try:
        return date.fromisoformat(said[:10])
    except ValueError:
        raise invalid(f"{name} must be a valid ISO 8601 date string") from None


def _instant(said: str) -> datetime:
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise invalid("createdAtFrom must be a valid ISO 8601 date string") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _read_cursor(said: str) -> tuple[str, str]:
    try:
        day, _, ident = base64.b64decode(said, validate=True).decode().partition("|")
    except ValueError:
        raise invalid("Invalid cursor") from None
    if not ident:
        raise invalid("Invalid cursor")
    return day, ident


def transactions_v1(_: Emulator, __: Asked, ___: str) -> Told:
    """Over, for applications as new as this one."""
    raise PluggyError("ENDPOINT_DEPRECATED")


def transaction(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """One; a PATCH may file it elsewhere, which this emulator takes and doesn't keep."""
    for item in _mine(pluggy, asked):
        for each, rows in item.rows.items():
            for row in rows.all:
                if row.id == ident:
                    return records.transaction_record(item, pluggy.world.account(each), row)
    raise PluggyError("TRANSACTION_NOT_FOUND")


def bills(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """A card's, by Open Finance alone."""
    query = asked.only("accountId", "page", "pageSize")
    item, view = _account(pluggy, asked, query.get("accountId"))
    found = records.bills(item, view) if item.connector.open_finance else []
    return page_of([records.bill_record(item, view, *each) for each in found], query)


def bill(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """One."""
    for item in _mine(pluggy, asked):
        for each in item.of_kind(AccountKind.CARD):
            view = pluggy.world.account(each)
            for name, statement in records.bills(item, view):
                if name == ident:
                    return records.bill_record(item, view, name, statement)
    raise PluggyError("CREDIT_CARD_BILL_NOT_FOUND")


def investments(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """An item's positions."""
    query = asked.only("itemId", "type", "page", "pageSize")
    item = _item(pluggy, asked, query.get("itemId", ""))
    return page_of(_investments(pluggy, item), query)


def _investments(pluggy: Emulator, item: Item) -> list[dict[str, object]]:
    views = [pluggy.world.account(each) for each in item.of_kind(AccountKind.BROKERAGE)]
    return [record for view in views for record in records.investment_records(item, view)]


def investment(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """One."""
    for item in _mine(pluggy, asked):
        for record in _investments(pluggy, item):
            if record["id"] == ident:
                return record
    raise PluggyError("INVESTMENT_NOT_FOUND")


def investment_transactions(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """What happened to one position."""
    query = asked.only("page", "pageSize")
    for item in _mine(pluggy, asked):
        for each in item.of_kind(AccountKind.BROKERAGE):
            view = pluggy.world.account(each)
            for record in records.investment_records(item, view):
                if record["id"] == ident:
                    return page_of(records.trade_records(item, view, str(record["code"])), query)
    raise PluggyError("INVESTMENT_NOT_FOUND")


def loans(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """An item's."""
    query = asked.only("itemId")
    item = _item(pluggy, asked, query.get("itemId", ""))
    return page_of(
        [records.loan_record(item, pluggy.world.account(each)) for each in item.of_kind(AccountKind.LOAN)]
    )


def identity(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """Who it is. An item whose login never worked has none."""
    item = _item(pluggy, asked, asked.only("itemId").get("itemId", ""))
    if item.holder is None or item.synced is None:
        raise PluggyError("IDENTITY_NOT_FOUND")
    return records.identity_record(item)


def consents(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """What was allowed, where it goes by Open Finance."""
    item = _item(pluggy, asked, asked.only("itemId").get("itemId", ""))
    return page_of([records.consent_record(item)] if item.connector.open_finance else [])


def categories(_: Emulator, asked: Asked, __: str) -> Told:
    """Some of them."""
    parent = asked.only("parentId").get("parentId")
    shown = [ident for ident, (_, _, above) in records.CATEGORIES.items() if parent in {None, above}]
    return page_of([records.category_record(each) for each in shown])


def category(_: Emulator, __: Asked, ident: str) -> Told:
    """One."""
    if ident not in records.CATEGORIES:
        raise PluggyError("CATEGORY_NOT_FOUND")
    return records.category_record(ident)


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


# What is found by what was asked


def _text(told: Mapping[str, object], name: str) -> str | None:
    return str(told[name]) if told.get(name) else None


def _mine(pluggy: Emulator, asked: Asked) -> list[Item]:
    return [each for each in pluggy.items if each.client_id == asked.bearer.client_id]


def _item(pluggy: Emulator, asked: Asked, ident: str) -> Item:
    """Raises PluggyError; also for an item that a connect token isn't for."""
    if not _UUID.fullmatch(ident):
        raise invalid("itemId must be a UUID")
    session = asked.bearer.session
    if session is not None and session.item != ident:
        raise forbidden()
    found = pluggy.items.get(ident, asked.bearer.client_id)
    if found is None:
        raise PluggyError("ITEM_NOT_FOUND")
    pluggy.struck(found)
    return found


def _account(pluggy: Emulator, asked: Asked, ident: str | None) -> tuple[Item, AccountView]:
    if ident is None or not _UUID.fullmatch(ident):
        raise invalid("accountId should not be null or undefined,accountId must be a UUID")
    for item in _mine(pluggy, asked):
        for each in item.accounts():
            if item.account_id(AccountId(each)) == ident:
                pluggy.struck(item)
                return item, pluggy.world.account(each)
    raise PluggyError("ACCOUNT_NOT_FOUND")


def _connector(ident: str) -> Connector:
    found = CONNECTORS.get(int(ident)) if ident.isdigit() else None
    if found is None:
        raise PluggyError("CONNECTOR_NOT_FOUND")
    return found


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
    ("GET", "/accounts"): accounts,
    ("GET", "/accounts/{id}"): account,
    ("GET", "/accounts/{id}/balance"): balance,
    ("GET", "/v2/transactions"): transactions,
    ("GET", "/transactions"): transactions_v1,
    ("GET", "/transactions/{id}"): transaction,
    ("GET", "/bills"): bills,
    ("GET", "/bills/{id}"): bill,
    ("GET", "/investments"): investments,
    ("GET", "/investments/{id}"): investment,
    ("GET", "/investments/{id}/transactions"): investment_transactions,
    ("GET", "/loans"): loans,
    ("GET", "/identity"): identity,
    ("GET", "/consents"): consents,
    ("GET", "/categories"): categories,
    ("GET", "/categories/{id}"): category,
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
