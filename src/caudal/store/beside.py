"""What a page tells beside its transactions, as the rows that are written of it; '' where there is none."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from caudal.model.changes import BalanceSeen, Change, HoldingsSeen, Page, SourceRef, Unreadable
from caudal.store.database import json_rows, storable
from caudal.store.showing import ShownHere


def balance_rows(changes: Iterable[Change], accounts: Mapping[SourceRef, ShownHere]) -> str:
    """The balances told."""
    return _rows(
        [
            {
                "source_account_id": accounts[change.ref].source_account_id,
                "account_id": accounts[change.ref].account_id,
                "kind": change.kind,
                "as_of": change.on,
                "amount": change.money.amount,
                "currency": change.money.currency,
                "firm": change.firm,
                "told_at": change.at,
            }
            for change in changes
            if isinstance(change, BalanceSeen)
        ]
    )


def holding_rows(changes: Iterable[Change], accounts: Mapping[SourceRef, ShownHere]) -> tuple[str, str]:
    """The positions told, and the (account, day) pairs they were told of: the last word on each."""
    told = {(change.ref, change.on): change for change in changes if isinstance(change, HoldingsSeen)}
    days = [{"source_account_id": accounts[ref].source_account_id, "as_of": on} for ref, on in told]
    rows = {
        (ref, on, holding.asset): {
            "source_account_id": accounts[ref].source_account_id,
            "as_of": on,
            **msgspec.structs.asdict(holding),
        }
        for (ref, on), change in told.items()
        for holding in change.holdings
    }
    return _rows(list(rows.values())), _rows(days)


def quarantine_rows(items: Iterable[Unreadable]) -> str:
    """What could not be understood."""
    return _rows(
        [
            {"place": storable(item.where), "why": storable(item.why), "raw": storable(item.raw)}
            for item in items
        ]
    )


def complete_rows(page: Page, accounts: Mapping[SourceRef, ShownHere]) -> str:
    """The windows whose absences count, of accounts that are kept."""
    return _rows(
        [
            {
                "source_account_id": accounts[window.ref].source_account_id,
                "account_id": accounts[window.ref].account_id,
                "start_on": window.start,
                "end_on": window.end,
                "ids": dict.fromkeys(sorted(window.holds), 1),
            }
            for window in page.windows
            if window.holds is not None and accounts[window.ref].selected
        ]
    )


def window_rows(page: Page, accounts: Mapping[SourceRef, ShownHere]) -> str:
    """The windows this page completes."""
    return _rows(
        [
            {
                "source_account_id": accounts[window.ref].source_account_id,
                "start_on": window.start,
                "end_on": window.end,
            }
            for window in page.windows
        ]
    )


def _rows(rows: Sequence[dict[str, object]]) -> str:
    return json_rows(rows) if rows else ""
