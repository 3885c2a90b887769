"""The webhooks that an item's data causes, each as the fields that are its own; whoever sends one adds the item's id
and the environment (data/webhooks.json: the schemas)."""

from collections.abc import Mapping, Sequence

import msgspec


class Notice(msgspec.Struct, frozen=True):
    """One webhook to be sent to an item's URL."""

    webhook_type: str
    webhook_code: str
    fields: dict[str, object]


def sync_updates(*, historical: bool) -> Notice:
    """There is something to sync. `historical`: all of the history is there."""
    done = {"initial_update_complete": True, "historical_update_complete": historical}
    return Notice("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", dict(done))


def initial_update(arrived: int) -> Notice:
    """The newest days are there: for readers of /transactions/get, as are the next three."""
    return Notice("TRANSACTIONS", "INITIAL_UPDATE", {"error": None, "new_transactions": arrived})


def historical_update(arrived: int) -> Notice:
    """The whole history is there."""
    return Notice("TRANSACTIONS", "HISTORICAL_UPDATE", {"error": None, "new_transactions": arrived})


def default_update(arrived: int) -> Notice:
    """Records have come."""
    return Notice("TRANSACTIONS", "DEFAULT_UPDATE", {"error": None, "new_transactions": arrived})


def transactions_removed(transaction_ids: Sequence[str]) -> Notice:
    """Records are gone."""
    return Notice(
        "TRANSACTIONS",
        "TRANSACTIONS_REMOVED",
        {"error": None, "removed_transactions": list(transaction_ids)},
    )


def recurring_update(account_ids: Sequence[str]) -> Notice:
    """Recurring streams of these accounts changed."""
    return Notice("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE", {"account_ids": list(account_ids)})


def holdings_update(fresh: int, updated: int) -> Notice:
    """Holdings are new, or worth or number changed."""
    return Notice(
        "HOLDINGS", "DEFAULT_UPDATE", {"error": None, "new_holdings": fresh, "updated_holdings": updated}
    )


def investment_transactions_update(arrived: int, *, historical: bool = False) -> Notice:
    """Investment transactions have come. `historical`: the first of them, asked for with `async_update`."""
    return Notice(
        "INVESTMENTS_TRANSACTIONS",
        "HISTORICAL_UPDATE" if historical else "DEFAULT_UPDATE",
        {"error": None, "new_investments_transactions": arrived, "cancelled_investments_transactions": 0},
    )


def liabilities_update(changed: Mapping[str, Sequence[str]]) -> Notice:
    """What is told of these debts changed: by account, the names of the fields."""
    return Notice(
        "LIABILITIES",
        "DEFAULT_UPDATE",
        {
            "error": None,
            "account_ids_with_new_liabilities": [],
            "account_ids_with_updated_liabilities": {each: list(names) for each, names in changed.items()},
        },
    )
