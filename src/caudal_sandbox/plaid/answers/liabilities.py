"""Debts: what is owed, and when it is due."""

import msgspec

from caudal_sandbox.plaid.answers.accounts import AccountOptions, chosen
from caudal_sandbox.plaid.answers.endpoints import Endpoint, ItemRequest, of
from caudal_sandbox.plaid.answers.item import ItemRecord, item_record
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.items import Item, Service
from caudal_sandbox.plaid.records.accounts import AccountRecord, account_record
from caudal_sandbox.plaid.records.liabilities import Liabilities, has_liability, liabilities, liability


class LiabilitiesGet(ItemRequest, frozen=True, kw_only=True):
    """`/liabilities/get`"""

    options: AccountOptions = AccountOptions()


class LiabilitiesAnswer(msgspec.Struct, frozen=True):
    """The debts among an item's accounts."""

    accounts: list[AccountRecord]
    item: ItemRecord
    liabilities: Liabilities


def get(service: Service, item: Item | None, asked: LiabilitiesGet) -> LiabilitiesAnswer:
    """`/liabilities/get`"""
    item = of(item)
    item.needs("liabilities")
    shown = chosen(item.shown(service.world), asked.options.account_ids, item)
    owing = [each for each in shown if has_liability(each.terms)]
    if not owing:
        raise PlaidError("NO_LIABILITY_ACCOUNTS")
    return LiabilitiesAnswer(
        [account_record(each) for each in shown],
        item_record(item),
        liabilities([liability(each) for each in owing]),
    )


ENDPOINTS = (Endpoint("/liabilities/get", LiabilitiesGet, "item", get),)
