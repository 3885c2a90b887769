"""What Pluggy tells of an item's data (contract §4, §5)."""

import base64
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import urlencode

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.pluggy import records
from caudal_sandbox.pluggy.asked import (
    Asked,
    Told,
    account_of,
    item_of,
    mine,
    page_of,
)
from caudal_sandbox.pluggy.emulator import Emulator
from caudal_sandbox.pluggy.errors import PluggyError, invalid
from caudal_sandbox.pluggy.items import Item
from caudal_sandbox.pluggy.names import stamp
from caudal_sandbox.pluggy.rows import Row

IDS_MAX: Final = 500


def accounts(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """An item's, as stored."""
    query = asked.only("itemId", "type")
    item = item_of(pluggy, asked, query.get("itemId", ""))
    told = [records.account_record(item, pluggy.world.account(each)) for each in item.accounts()]
    return page_of([each for each in told if query.get("type") in {None, each["type"]}])


def account(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """One."""
    item, view = account_of(pluggy, asked, ident)
    return records.account_record(item, view)


def balance(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """What the bank says now: each call counts against what its regulator allows."""
    item, view = account_of(pluggy, asked, ident)
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
    item, view = account_of(pluggy, asked, query.get("accountId"))
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
    for item in mine(pluggy, asked):
        for each, rows in item.rows.items():
            for row in rows.all:
                if row.id == ident:
                    return records.transaction_record(item, pluggy.world.account(each), row)
    raise PluggyError("TRANSACTION_NOT_FOUND")


def bills(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """A card's, by Open Finance alone."""
    query = asked.only("accountId", "page", "pageSize")
    item, view = account_of(pluggy, asked, query.get("accountId"))
    found = records.bills(item, view) if item.connector.open_finance else []
    return page_of([records.bill_record(item, view, *each) for each in found], query)


def bill(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """One."""
    for item in mine(pluggy, asked):
        for each in item.of_kind(AccountKind.CARD):
            view = pluggy.world.account(each)
            for name, statement in records.bills(item, view):
                if name == ident:
                    return records.bill_record(item, view, name, statement)
    raise PluggyError("CREDIT_CARD_BILL_NOT_FOUND")


def investments(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """An item's positions."""
    query = asked.only("itemId", "type", "page", "pageSize")
    item = item_of(pluggy, asked, query.get("itemId", ""))
    return page_of(_investments(pluggy, item), query)


def _investments(pluggy: Emulator, item: Item) -> list[dict[str, object]]:
    views = [pluggy.world.account(each) for each in item.of_kind(AccountKind.BROKERAGE)]
    return [record for view in views for record in records.investment_records(item, view)]


def investment(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """One."""
    for item in mine(pluggy, asked):
        for record in _investments(pluggy, item):
            if record["id"] == ident:
                return record
    raise PluggyError("INVESTMENT_NOT_FOUND")


def investment_transactions(pluggy: Emulator, asked: Asked, ident: str) -> Told:
    """What happened to one position."""
    query = asked.only("page", "pageSize")
    for item in mine(pluggy, asked):
        for each in item.of_kind(AccountKind.BROKERAGE):
            view = pluggy.world.account(each)
            for record in records.investment_records(item, view):
                if record["id"] == ident:
                    return page_of(records.trade_records(item, view, str(record["code"])), query)
    raise PluggyError("INVESTMENT_NOT_FOUND")


def loans(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """An item's."""
    query = asked.only("itemId")
    item = item_of(pluggy, asked, query.get("itemId", ""))
    return page_of(
        [records.loan_record(item, pluggy.world.account(each)) for each in item.of_kind(AccountKind.LOAN)]
    )


def identity(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """Who it is. An item whose login never worked has none."""
    item = item_of(pluggy, asked, asked.only("itemId").get("itemId", ""))
    if item.holder is None or item.synced is None:
        raise PluggyError("IDENTITY_NOT_FOUND")
    return records.identity_record(item)


def consents(pluggy: Emulator, asked: Asked, _: str) -> Told:
    """What was allowed, where it goes by Open Finance."""
    item = item_of(pluggy, asked, asked.only("itemId").get("itemId", ""))
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
