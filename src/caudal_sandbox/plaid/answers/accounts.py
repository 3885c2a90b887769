"""Accounts and their balances: cached with the item's data, or fresh from the bank."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from caudal_sandbox.plaid.answers.endpoints import Endpoint, ItemRequest, Request, of
from caudal_sandbox.plaid.answers.item import ItemRecord, item_record
from caudal_sandbox.plaid.items import Item, Service
from caudal_sandbox.plaid.records.accounts import AccountRecord, Shown, account_record

CACHED_DESPITE: Final = {"ITEM_LOGIN_REQUIRED", "INSTITUTION_DOWN", "INSTITUTION_NOT_RESPONDING"}
"""[?] The errors of an item despite which /accounts/get goes on answering from its cache (contract §8, §14)."""


class AccountOptions(Request, frozen=True, kw_only=True):
    """`account_ids`: those alone."""

    account_ids: list[str] | UnsetType = UNSET


class AccountsGet(ItemRequest, frozen=True, kw_only=True):
    """`/accounts/get`"""

    options: AccountOptions = AccountOptions()


class BalanceOptions(AccountOptions, frozen=True, kw_only=True):
    """`min_last_updated_datetime` says how old a balance may be at Capital One, which isn't here: it is ignored."""

    min_last_updated_datetime: str | UnsetType = UNSET


class BalanceGet(ItemRequest, frozen=True, kw_only=True):
    """`/accounts/balance/get`"""

    options: BalanceOptions = BalanceOptions()


class AccountsAnswer(msgspec.Struct, frozen=True):
    """The accounts and their item."""

    accounts: list[AccountRecord]
    item: ItemRecord


def chosen(shown: Sequence[Shown], account_ids: Sequence[str] | UnsetType, item: Item) -> list[Shown]:
    """Of `shown` those asked for; all where nobody asked. Raises INVALID_ACCOUNT_ID for one that the item hasn't."""
    if account_ids is UNSET:
        return list(shown)
    for account_id in account_ids:
        item.linked(account_id)
    return [each for each in shown if each.account_id in account_ids]


def get(service: Service, item: Item | None, asked: AccountsGet) -> AccountsAnswer:
    """`/accounts/get`: as of the last update, and so in step with the transactions that were told."""
    item = of(item)
    if item.error not in CACHED_DESPITE:
        item.must_work()
    shown = chosen(item.shown(service.world), asked.options.account_ids, item)
    return AccountsAnswer([account_record(each) for each in shown], item_record(item))


def balance_get(service: Service, item: Item | None, asked: BalanceGet) -> AccountsAnswer:
    """`/accounts/balance/get`: as of this moment at the bank. The transactions aren't got with it: until the next
    update these balances may be ahead of them."""
    item = of(item)
    item.must_work()
    now = service.world.now
    shown = chosen(item.shown(service.world, at=now), asked.options.account_ids, item)
    return AccountsAnswer([account_record(each) for each in shown], item_record(item))


ENDPOINTS = (
    Endpoint("/accounts/get", AccountsGet, "item", get),
    Endpoint("/accounts/balance/get", BalanceGet, "item", balance_get),
)
