"""What holdings and debts tell differently at one instant than at an earlier one, as the webhooks that say so."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from caudal_sandbox.plaid.notices import (
    Notice,
    holdings_update,
    investment_transactions_update,
    liabilities_update,
)
from caudal_sandbox.plaid.records.accounts import AccountType, Shown
from caudal_sandbox.plaid.records.investments import holdings, investment_movements
from caudal_sandbox.plaid.records.liabilities import changes, has_liability, liability


def of_investments(shown: Sequence[Shown], before: datetime) -> list[Notice]:
    """What is held in another number or worth something else since the instant `before`, and what happened."""
    fresh = updated = arrived = 0
    for each in shown:
        if each.type is not AccountType.INVESTMENT:
            continue
        known = {holding.security_id: holding for holding in holdings(replace(each, at=before))}
        for holding in holdings(each):
            fresh += holding.security_id not in known
            updated += known.get(holding.security_id, holding) != holding
        arrived += sum(1 for _ in investment_movements(each.view, after=before, until=each.at))
    notices = [holdings_update(fresh, updated)] if fresh or updated else []
    return notices + ([investment_transactions_update(arrived)] if arrived else [])


def of_liabilities(shown: Sequence[Shown], before: datetime) -> list[Notice]:
    """What the debts say now that they didn't at the instant `before`."""
    changed = {
        each.account_id: names
        for each in shown
        if has_liability(each.terms)
        and (names := changes(liability(replace(each, at=before)), liability(each)))
    }
    return [liabilities_update(changed)] if changed else []
