"""Investments: what is held, and what was bought, sold and paid out."""

import datetime as dt
from collections.abc import Iterable

import msgspec

from caudal_sandbox.economy.movements import Movement
from caudal_sandbox.plaid.answers.accounts import AccountOptions, chosen
from caudal_sandbox.plaid.answers.endpoints import Empty, Endpoint, ItemRequest, of
from caudal_sandbox.plaid.answers.item import ItemRecord, item_record
from caudal_sandbox.plaid.answers.transactions import COUNT_DEFAULT, Count, Offset, allowed
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.items import DAYS_MAX, Item, Service
from caudal_sandbox.plaid.notices import investment_transactions_update
from caudal_sandbox.plaid.records.accounts import AccountRecord, AccountType, Shown, account_record
from caudal_sandbox.plaid.records.investments import (
    HoldingRecord,
    InvestmentTransactionRecord,
    SecurityRecord,
    holdings,
    investment_movements,
    investment_transaction,
    securities,
)


class HoldingsGet(ItemRequest, frozen=True, kw_only=True):
    """`/investments/holdings/get`"""

    options: AccountOptions = AccountOptions()


class TransactionsOptions(AccountOptions, frozen=True, kw_only=True):
    """A page of the days asked for. `async_update`: the first data comes after the answer, with a webhook."""

    count: Count = COUNT_DEFAULT
    offset: Offset = 0
    async_update: bool = False


class TransactionsGet(ItemRequest, frozen=True, kw_only=True):
    """`/investments/transactions/get`"""

    start_date: dt.date
    end_date: dt.date
    options: TransactionsOptions = TransactionsOptions()


class HoldingsAnswer(msgspec.Struct, frozen=True):
    """What the accounts hold, as of the last close before the item's last update."""

    accounts: list[AccountRecord]
    holdings: list[HoldingRecord]
    securities: list[SecurityRecord]
    item: ItemRecord
    is_investments_fallback_item: bool = False


class TransactionsAnswer(msgspec.Struct, frozen=True):
    """What happened on the accounts, newest first."""

    item: ItemRecord
    accounts: list[AccountRecord]
    securities: list[SecurityRecord]
    investment_transactions: list[InvestmentTransactionRecord]
    total_investment_transactions: int
    is_investments_fallback_item: bool = False


def holdings_get(service: Service, item: Item | None, asked: HoldingsGet) -> HoldingsAnswer:
    """`/investments/holdings/get`"""
    item = of(item)
    item.needs("investments")
    shown = chosen(item.shown(service.world), asked.options.account_ids, item)
    investing = _investing(shown)
    held = [row for each in investing for row in holdings(each)]
    wanted: set[str | None] = {row.security_id for row in held}
    return HoldingsAnswer(
        accounts=[account_record(each, with_margin=True) for each in shown],
        holdings=held,
        securities=_of(investing, wanted),
        item=item_record(item),
    )


def transactions_get(service: Service, item: Item | None, asked: TransactionsGet) -> TransactionsAnswer:
    """`/investments/transactions/get`: at most 24 months, in pages by offset."""
    item = of(item)
    options = asked.options
    waits = options.async_update and "investments" not in item.products
    item.needs("investments")
    if asked.start_date > asked.end_date:
        raise PlaidError("INVALID_FIELD", "start_date must be before end_date")
    shown = chosen(item.shown(service.world), options.account_ids, item)
    investing = _investing(shown)
    found = _found(item, investing, asked.start_date, asked.end_date)
    if waits:
        service.notify(item, [investment_transactions_update(len(found), historical=True)])
        found = []
    page = [
        investment_transaction(account_id, movement)
        for account_id, movement in found[options.offset : options.offset + options.count]
    ]
    return TransactionsAnswer(
        item=item_record(item),
        accounts=[account_record(each, with_margin=True) for each in shown],
        securities=_of(investing, {row.security_id for row in page}),
        investment_transactions=page,
        total_investment_transactions=len(found),
    )


def refresh(service: Service, item: Item | None, _asked: ItemRequest) -> Empty:
    """`/investments/refresh`: Plaid looks again after it has answered."""
    item = of(item)
    allowed(service, "investments_refresh")
    item.needs("investments")
    service.notify(item, item.update(service))
    return Empty()


def _investing(shown: Iterable[Shown]) -> list[Shown]:
    found = [each for each in shown if each.type is AccountType.INVESTMENT]
    if not found:
        raise PlaidError("NO_INVESTMENT_ACCOUNTS")
    return found


def _found(item: Item, shown: Iterable[Shown], first: dt.date, last: dt.date) -> list[tuple[str, Movement]]:
    """The movements from one day to another, none from before what Plaid keeps; newest first."""
    kept_from = item.updated_at.astimezone(item.institution.bank.land.zone).date() - dt.timedelta(DAYS_MAX)
    found = [
        (each.account_id, movement)
        for each in shown
        for movement in investment_movements(each.view, until=each.at)
        if max(first, kept_from) <= _day(movement) <= last
    ]
    found.reverse()
    return sorted(found, key=lambda pair: _day(pair[1]), reverse=True)


def _day(movement: Movement) -> dt.date:
    return movement.booked_on or movement.authorized_on


def _of(shown: Iterable[Shown], wanted: set[str | None]) -> list[SecurityRecord]:
    """The securities of these ids, each once."""
    known = {record.security_id: record for each in shown for record in securities(each)}
    return [record for key, record in known.items() if key in wanted]


ENDPOINTS = (
    Endpoint("/investments/holdings/get", HoldingsGet, "item", holdings_get),
    Endpoint("/investments/transactions/get", TransactionsGet, "item", transactions_get),
    Endpoint("/investments/refresh", ItemRequest, "item", refresh),
)
