"""Holding a ledger against a truth that is known: the sandbox's. Each movement once, on its day, to the cent."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec

from caudal.hub.installation import Installation
from caudal.store import ledger
from caudal.store.spaces import Space

_Movement = tuple[str, str, date, Decimal]
"""(account, booked or pending, day or `_UNDATED`, amount)"""
_UNDATED: Final = date.min


class TrueAccount(msgspec.Struct, frozen=True):
    """The real account behind one a provider shows, and the first day of which that provider tells. `told` False: it
    shows the account, and none of its movements; `pending` False: none that is pending; `dated` False: what is pending
    bears no day that anybody could know.
    """

    account: str
    visible_from: date
    told: bool = True
    pending: bool = True
    dated: bool = True


class Comparison(msgspec.Struct, frozen=True):
    """`movements` really happened on `accounts`; the ledger lacks `missing`, holds `doubled` once too often, and
    `unfounded` that never happened so. `first` shows the first few that differ.
    """

    accounts: int
    movements: int
    missing: int
    doubled: int
    unfounded: int
    first: list[str]

    @property
    def equal(self) -> bool:
        """Whether the ledger is the truth."""
        return not (self.missing or self.doubled or self.unfounded)

    def __add__(self, other: "Comparison") -> "Comparison":
        """Both together: two providers' accounts."""
        sums = (getattr(self, name) + getattr(other, name) for name in self.__struct_fields__)
        return Comparison(*sums)


NOTHING: Final = Comparison(0, 0, 0, 0, 0, [])
"""Of no accounts."""


async def compare(
    installation: Installation,
    space: Space,
    provider: str,
    shown: Mapping[str, TrueAccount],
    truth: Iterable[Mapping[str, Any]],
) -> Comparison:
    """The space's ledger beside `truth` (movements as the sandbox tells them, one mapping each).

    `shown`: the provider's account id → what is behind it. Accounts nobody linked don't count.
    """
    async with installation.store.transaction(space.space_id) as tx:
        rows = await ledger.by_source(tx, space.space_id, provider)
    behind = {row.source_account: shown[row.source_account] for row in rows if row.source_account in shown}
    held: Counter[_Movement] = Counter()
    for row in rows:
        if row.booked_on is not None and row.status is not None and row.amount is not None:
            true = behind.get(row.source_account)
            account = true.account if true else row.source_account
            undated = row.status == "pending" and true is not None and not true.dated
            held[account, row.status, _UNDATED if undated else row.booked_on, row.amount] += row.count
    first_days: dict[str, date] = {}
    for true in behind.values():
        if true.told:
            first_days[true.account] = min(true.visible_from, first_days.get(true.account, true.visible_from))
    settled_only = {true.account for true in behind.values() if not true.pending}
    undated_accounts = {true.account for true in behind.values() if not true.dated}
    expected = Counter(_expected(truth, first_days, settled_only, undated_accounts))
    missing, surplus = expected - held, held - expected
    doubled = Counter({movement: count for movement, count in surplus.items() if movement in expected})
    unfounded = surplus - doubled
    differing = [("missing", missing), ("doubled", doubled), ("unfounded", unfounded)]
    return Comparison(
        accounts=len(behind),
        movements=expected.total(),
        missing=missing.total(),
        doubled=doubled.total(),
        unfounded=unfounded.total(),
        first=[
            f"{what}: {account} {status} {day} {amount}"
            for what, counted in differing
            for account, status, day, amount in sorted(counted)[:5]
        ],
    )


def _expected(
    truth: Iterable[Mapping[str, Any]],
    first_days: Mapping[str, date],
    settled_only: Collection[str],
    undated: Collection[str],
) -> Iterable[_Movement]:
    """What a ledger of these accounts must hold: what is booked by the bank's day, what is pending by its own."""
    for told in truth:
        first = first_days.get(told["account"])
        if first is None or told["state"] not in {"booked", "pending"}:
            continue
        if told["state"] == "pending" and told["account"] in settled_only:
            continue
        day = date.fromisoformat(told["booked_on"] or told["authorized_on"])
        if told["state"] == "pending" and told["account"] in undated:
            yield told["account"], told["state"], _UNDATED, Decimal(told["amount"])
        elif day >= first:
            yield told["account"], told["state"], day, Decimal(told["amount"])
