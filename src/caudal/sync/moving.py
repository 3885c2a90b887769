"""Carrying out where the accounts of a connection belong: each space takes over what is its now, and lets go of what
isn't, in one transaction of all of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from caudal.store import events, routing, spaces
from caudal.store.database import Transaction
from caudal.store.ids import new_id
from caudal.store.moving import arrive, leave, left, settle, shown
from caudal.store.pages import forget_page
from caudal.store.routing import RoutedAccount, Routing
from caudal.store.showing import PageTarget
from caudal.sync import feeding
from caudal.sync.rebooking import conclude_accounts, prove_accounts

_Way = tuple[UUID, UUID]
"""From which space to which."""


async def move(
    tx: Transaction, home_id: UUID, connection_id: UUID, now: Routing, said: Sequence[RoutedAccount]
) -> Mapping[UUID, int]:
    """These accounts of the connection belong where is `said`, in a transaction that holds its routing and sees every
    space that it fed, feeds and will. If any moves, all its streams are to be pulled from their beginning: what moved is
    compared with what its source tells. Returns the spaces something changed for, and how many accounts went or came.
    """
    ways: dict[_Way, list[str]] = defaultdict(list)
    before = {each.reference: each.to_space_id or home_id for each in now.accounts}
    for each in said:
        way = (before.get(each.reference, home_id), each.to_space_id or home_id)
        if way[0] != way[1]:
            ways[way].append(each.reference)
    kept = [each for each in now.accounts if each.reference not in {one.reference for one in said}]
    after = Routing(accounts=[*kept, *said])
    await routing.put(tx, home_id, connection_id, said)
    for space_id in after.fed:
        await routing.branch(tx, home_id, connection_id, space_id)
        await feeding.mirror(tx, home_id, connection_id, space_id)
    for (here, there), references in sorted(ways.items()):
        await _move(tx, home_id, connection_id, (here, there), references)
    for space_id in set(now.fed) - set(after.fed):
        await feeding.mirror(tx, home_id, connection_id, space_id, fed=False)
    for space_id in (home_id, *after.fed) if ways else ():
        await spaces.pull_anew(tx, space_id, connection_id)
    counts: dict[UUID, int] = defaultdict(int)
    for way, references in ways.items():
        for space_id in way:
            counts[space_id] += len(references)
    return counts


async def _move(
    tx: Transaction, home_id: UUID, connection_id: UUID, way: _Way, references: Sequence[str]
) -> None:
    here, there = way
    coming = await shown(tx, here, connection_id, references)
    if not coming:
        return
    run_id = new_id()
    target = await _begun(tx, there, connection_id, run_id)
    came = await arrive(tx, here, target, coming)
    await conclude_accounts(tx, there, sorted(came.accounts))
    await settle(tx, home_id, here, target, came)
    await prove_accounts(tx, there, sorted(came.accounts))
    await _ended(tx, target)
    target = await _begun(tx, here, connection_id, run_id)
    if (went := await leave(tx, target, references)) is not None:
        touched = sorted(went.accounts)
        await conclude_accounts(tx, here, touched)
        await prove_accounts(tx, here, touched, await left(tx, here, touched))
    await _ended(tx, target)


async def _begun(tx: Transaction, space_id: UUID, connection_id: UUID, run_id: UUID) -> PageTarget:
    await forget_page(tx)
    await spaces.start_run(tx, space_id, connection_id, stream="", subject="", cause="manual", run_id=run_id)
    return PageTarget(space_id, connection_id, run_id, "")


async def _ended(tx: Transaction, target: PageTarget) -> None:
    await spaces.finish_run(tx, target.space_id, target.run_id, "complete", None)
    await events.write(tx, target.space_id, target.connection_id)
