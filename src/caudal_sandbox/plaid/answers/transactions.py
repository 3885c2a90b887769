"""Transactions: the cursor, the old pages by date, the request to look again, and what recurs."""

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.plaid.answers.accounts import chosen
from caudal_sandbox.plaid.answers.endpoints import Empty, Endpoint, ItemRequest, Request, of
from caudal_sandbox.plaid.answers.item import ItemRecord, item_record
from caudal_sandbox.plaid.categories import TAXONOMY_DEFAULT, Taxonomy
from caudal_sandbox.plaid.cursors import LENGTH_MAX
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.feed import Entry, Page, Shape
from caudal_sandbox.plaid.items import DAYS_MAX, Item, Service, Stage
from caudal_sandbox.plaid.records.accounts import AccountRecord, account_record
from caudal_sandbox.plaid.records.recurring import StreamRecord, streams
from caudal_sandbox.plaid.records.transactions import (
    Manner,
    RemovedRecord,
    TransactionRecord,
    manner,
    removed,
    transaction,
)
from caudal_sandbox.plaid.users import refresh_dynamic

COUNT_DEFAULT: Final = 100
COUNT_MAX: Final = 500

Count = Annotated[int, Meta(ge=1, le=COUNT_MAX)]
Offset = Annotated[int, Meta(ge=0)]
Days = Annotated[int, Meta(ge=1, le=DAYS_MAX)]
CursorText = Annotated[str, Meta(max_length=LENGTH_MAX)]


class _Told(Request, frozen=True, kw_only=True):
    """How transactions shall be told. The three `include_` fields without effect are left over from betas."""

    include_original_description: bool | None = False
    include_personal_finance_category: bool = True
    include_logo_and_counterparty_beta: bool = True
    personal_finance_category_version: Taxonomy = TAXONOMY_DEFAULT
    days_requested: Days | UnsetType = UNSET


class SyncOptions(_Told, frozen=True, kw_only=True):
    """`account_id`: that account's own stream."""

    account_id: str | UnsetType = UNSET


class Sync(ItemRequest, frozen=True, kw_only=True):
    """`/transactions/sync`"""

    cursor: CursorText = ""
    count: Count = COUNT_DEFAULT
    options: SyncOptions = SyncOptions()


class SyncAnswer(msgspec.Struct, frozen=True):
    """The next page of changes. `accounts`: those that have transactions in it."""

    transactions_update_status: Stage
    accounts: list[AccountRecord]
    added: list[TransactionRecord]
    modified: list[TransactionRecord]
    removed: list[RemovedRecord]
    next_cursor: str
    has_more: bool


class GetOptions(_Told, frozen=True, kw_only=True):
    """A page of the days asked for."""

    account_ids: list[str] | UnsetType = UNSET
    count: Count = COUNT_DEFAULT
    offset: Offset = 0
    include_personal_finance_category_beta: bool = True


class Get(ItemRequest, frozen=True, kw_only=True):
    """`/transactions/get`"""

    start_date: dt.date
    end_date: dt.date
    options: GetOptions = GetOptions()


class GetAnswer(msgspec.Struct, frozen=True):
    """Transactions of some days, newest first."""

    accounts: list[AccountRecord]
    transactions: list[TransactionRecord]
    total_transactions: int
    item: ItemRecord


class RecurringOptions(Request, frozen=True, kw_only=True):
    """How the streams shall be told."""

    include_personal_finance_category: bool = True
    personal_finance_category_version: Taxonomy = TAXONOMY_DEFAULT


class RecurringGet(ItemRequest, frozen=True, kw_only=True):
    """`/transactions/recurring/get`"""

    options: RecurringOptions = RecurringOptions()
    account_ids: list[str] | UnsetType = UNSET


class RecurringAnswer(msgspec.Struct, frozen=True):
    """The streams of an item."""

    inflow_streams: list[StreamRecord]
    outflow_streams: list[StreamRecord]
    updated_datetime: dt.datetime
    personal_finance_category_version: Taxonomy


def sync(service: Service, item: Item | None, asked: Sync) -> SyncAnswer:
    """`/transactions/sync`. The item's data moves on by itself once a loop of pages is at its end, never within one."""
    item = of(item)
    _begin(item, asked.options)
    account = _world_id(item, asked.options.account_id)
    item.armed = True
    if item.stage is Stage.NOT_READY:
        nothing = SyncAnswer(Stage.NOT_READY, [], [], [], [], "", has_more=False)
        service.notify(item, item.update(service))
        return nothing
    page = item.feed.page(asked.cursor, asked.count, account)
    answer = _answer(service, item, page, _manner(item, asked.options))
    if item.stage is Stage.INITIAL and not page.has_more:
        service.notify(item, item.update(service))
    return answer


def get(service: Service, item: Item | None, asked: Get) -> GetAnswer:
    """`/transactions/get`. Until the first days are there: PRODUCT_NOT_READY, and they are got."""
    item = of(item)
    _begin(item, asked.options)
    if asked.start_date > asked.end_date:
        raise PlaidError("INVALID_FIELD", "start_date must be before end_date")
    shown = chosen(item.shown(service.world), asked.options.account_ids, item)
    if item.stage is Stage.NOT_READY:
        service.notify(item, item.update(service))
        raise PlaidError("PRODUCT_NOT_READY")
    ids = {each.terms.id: each.account_id for each in shown}
    found = _between(item.feed.entries(), ids, asked.start_date, asked.end_date)
    begin = asked.options.offset
    told = _manner(item, asked.options)
    return GetAnswer(
        accounts=[account_record(each) for each in shown],
        transactions=[
            transaction(entry, ids[entry.movement.account], item.feed, told)
            for entry in found[begin : begin + asked.options.count]
        ],
        total_transactions=len(found),
        item=item_record(item),
    )


def refresh(service: Service, item: Item | None, _asked: ItemRequest) -> Empty:
    """`/transactions/refresh`: Plaid looks again after it has answered; the webhooks tell when there is something."""
    item = of(item)
    allowed(service, "transactions_refresh")
    item.needs("transactions")
    if item.login.dynamic:
        refresh_dynamic(service.world, item.holder)
    service.notify(item, item.update(service))
    return Empty()


def recurring_get(service: Service, item: Item | None, asked: RecurringGet) -> RecurringAnswer:
    """`/transactions/recurring/get`: what recurs among the transactions that were told so far."""
    item = of(item)
    allowed(service, "recurring_transactions")
    item.needs("transactions")
    item.recurring_used = True
    shown = chosen(item.shown(service.world), asked.account_ids, item)
    ids = {each.terms.id: each.account_id for each in shown}
    today = item.updated_at.astimezone(item.institution.bank.land.zone).date()
    taxonomy = asked.options.personal_finance_category_version
    found = streams(item.feed.entries(), ids, item.feed, today, taxonomy)
    return RecurringAnswer(
        inflow_streams=[each for each in found if each.last_amount.amount < 0],
        outflow_streams=[each for each in found if each.last_amount.amount >= 0],
        updated_datetime=item.updated_at,
        personal_finance_category_version=taxonomy,
    )


def allowed(service: Service, add_on: str) -> None:
    """Raises UNAUTHORIZED_ROUTE_ACCESS where the client isn't enabled for that add-on."""
    if add_on in service.withheld:
        raise PlaidError("UNAUTHORIZED_ROUTE_ACCESS")


def _begin(item: Item, options: _Told) -> None:
    """`days_requested` counts where transactions come into use with this very call, and never again (contract §3.1)."""
    new = "transactions" not in item.products
    item.needs("transactions")
    if new and options.days_requested is not UNSET:
        item.days_requested = options.days_requested


def _world_id(item: Item, account_id: str | UnsetType) -> AccountId | None:
    return None if account_id is UNSET else item.linked(account_id).world_id


def _manner(item: Item, options: _Told) -> Manner:
    return manner(
        item.institution.institution_id,
        item.institution.bank.country,
        options.personal_finance_category_version,
        with_original=bool(options.include_original_description),
    )


def _answer(service: Service, item: Item, page: Page, told: Manner) -> SyncAnswer:
    ids = {each.world_id: each.account_id for each in item.accounts}
    moved = {entry.movement.account for entry in (*page.added, *page.modified, *page.removed)}

    def tell(entries: Iterable[Entry]) -> list[TransactionRecord]:
        return [transaction(entry, ids[entry.movement.account], item.feed, told) for entry in entries]

    return SyncAnswer(
        transactions_update_status=item.stage,
        accounts=[account_record(each) for each in item.shown(service.world) if each.terms.id in moved],
        added=tell(page.added),
        modified=tell(page.modified),
        removed=[removed(each, ids[each.movement.account], item.feed) for each in page.removed],
        next_cursor=page.next_cursor,
        has_more=page.has_more,
    )


def _between(
    entries: Iterable[Entry], ids: dict[AccountId, str], first: dt.date, last: dt.date
) -> list[Entry]:
    """Of these accounts what is dated from `first` to `last`: newest day first, within a day what came last first."""
    found = [each for each in entries if each.movement.account in ids and first <= _day(each) <= last]
    found.reverse()
    found.sort(key=_day, reverse=True)
    return found


def _day(entry: Entry) -> dt.date:
    movement = entry.movement
    return movement.authorized_on if entry.shape is Shape.PENDING else movement.booked_on or dt.date.min


ENDPOINTS = (
    Endpoint("/transactions/sync", Sync, "item", sync),
    Endpoint("/transactions/get", Get, "item", get),
    Endpoint("/transactions/refresh", ItemRequest, "item", refresh),
    Endpoint("/transactions/recurring/get", RecurringGet, "item", recurring_get),
)
