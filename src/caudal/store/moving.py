"""An account of a connection goes from one space to another: what stands by that connection's word is told there now, as
if it had been from the beginning, and is gone here. Nobody else's telling of it goes with it.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from caudal.model.changes import AccountKind, AccountSeen, SourceRef
from caudal.store.database import Transaction, json_rows
from caudal.store.pages import PageCounts, are_gone, write_news
from caudal.store.showing import PageTarget, ShownHere, see_accounts


class _Leaving(msgspec.Struct, frozen=True):
    account_id: UUID
    told: int


class _Account(msgspec.Struct, frozen=True):
    account_id: UUID


class _Created(msgspec.Struct, frozen=True):
    created: int


class Arrived(msgspec.Struct, frozen=True):
    """What came: the accounts it is booked on, and the rows that say which source account became which."""

    accounts: frozenset[UUID]
    rows: str


async def shown(
    tx: Transaction, space_id: UUID, connection_id: UUID, references: Collection[str]
) -> list[ShownHere]:
    """Those of the connection's accounts that it shows in a space."""
    scope = {"space_id": space_id, "connection_id": connection_id}
    there = await tx.all("source_accounts", ShownHere, **scope)
    return [each for each in there if each.reference in references and not each.elsewhere]


async def arrive(tx: Transaction, here: UUID, target: PageTarget, coming: Sequence[ShownHere]) -> Arrived:
    """Accounts that the connection shows in `here` are `target`'s space's too, with all that stands by its word and what
    people said of that. What follows is still to be concluded."""
    await tx.run("steer_planner")
    seen = await see_accounts(tx, target, [_seen(each) for each in coming])
    accounts = {each.reference: seen.accounts[SourceRef(each.reference)] for each in coming}
    rows = _rows(coming, {ref: (each.source_account_id, each.account_id) for ref, each in accounts.items()})
    space, run = {"space_id": target.space_id}, {"space_id": target.space_id, "run_id": target.run_id}
    told = await tx.run("carry_movements", from_space=here, rows=rows)
    await tx.run("resolve", **space)
    restated = await write_news(tx, target)
    await tx.run("carry_decisions", **space, from_space=here, rows=rows)
    counts = {"changed": restated.changed, "gone": restated.gone, "quarantined": 0, "left_out": 0}
    await tx.first("count_page", _Created, **run, seen=told, **counts)
    return Arrived(frozenset(each.account_id for each in accounts.values()), rows)


async def settle(tx: Transaction, home_id: UUID, here: UUID, target: PageTarget, arrived: Arrived) -> None:
    """Once what arrived is concluded: what was told beside its movements. Its proof is still to be."""
    scope = {"space_id": target.space_id, "connection_id": target.connection_id, "home_id": home_id}
    await tx.run("carry_beside", **scope, run_id=target.run_id, from_space=here, rows=arrived.rows)


async def leave(tx: Transaction, target: PageTarget, references: Collection[str]) -> PageCounts | None:
    """What the connection told of these accounts in `target`'s space is gone there. None where it told of none of them.
    What follows is still to be concluded."""
    await tx.run("steer_planner")
    leaving = await tx.all(
        "withdraw_account",
        _Leaving,
        space_id=target.space_id,
        connection_id=target.connection_id,
        references=sorted(references),
    )
    if not leaving:
        return None
    return await are_gone(tx, target, frozenset(each.account_id for each in leaving), leaving[0].told)


async def left(tx: Transaction, space_id: UUID, accounts: Collection[UUID]) -> list[UUID]:
    """Those of these accounts that no source tells of in this space any more."""
    rows = await tx.all("accounts_left", _Account, space_id=space_id, accounts=sorted(accounts))
    return [row.account_id for row in rows]


def _seen(source: ShownHere) -> AccountSeen:
    return AccountSeen(
        ref=SourceRef(source.reference),
        kind=AccountKind(source.kind),
        currency=source.currency,
        name=source.name,
        iban=source.iban,
        number=source.number,
        institution=source.institution,
        mask=source.mask,
        persistent_id=source.persistent_id,
        withdraws=source.withdraws,
        lists=source.lists,
    )


def _rows(coming: Sequence[ShownHere], places: Mapping[str, tuple[UUID, UUID]]) -> str:
    return json_rows(
        [
            {
                "from_id": each.source_account_id,
                "source_account_id": places[each.reference][0],
                "account_id": places[each.reference][1],
            }
            for each in coming
        ]
    )
