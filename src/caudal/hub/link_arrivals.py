"""What a link came to: its accounts, and what is told of them as it arrives, in whichever space they belong to."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from caudal.hub import listing, routing
from caudal.hub.installation import Installation
from caudal.hub.link_sessions import LinkSession
from caudal.hub.routing import Belonging
from caudal.store import ledger, spaces
from caudal.store import links as store
from caudal.store.ledger import RunRow
from caudal.store.listing import ListedRow, Query
from caudal.store.spaces import LinkedConnection, Space

_RUNS: Final = 5
_SETTLES: Final = timedelta(seconds=15)
"""For so long after a link more is expected to come: providers tell the first weeks first."""
_PREPARED: Final = timedelta(minutes=2)
"""For so long where nothing came yet: some prepare even that."""
_LATEST: Final = 10


class Arrived(msgspec.Struct, frozen=True):
    """What a link came to. `choosing`: nothing yet, for it is asked first to which of the `spaces` the accounts belong;
    `seen`: movements that were told so far; `done`: nothing more is expected to come soon."""

    connection: LinkedConnection
    accounts: Sequence[Belonging]
    spaces: Sequence[Space]
    choosing: bool
    seen: int
    latest: Sequence[ListedRow]
    done: bool


async def arrived(installation: Installation, link: LinkSession) -> Arrived | None:
    """What it came to, as it stands now; None where it came to nothing."""
    connection_id = link.row.connection_id
    if connection_id is None:
        return None
    async with installation.store.transaction(link.space.space_id) as tx:
        there = await spaces.connections(tx, link.space.space_id, connection_id)
    if not there:
        return None
    belongs = await routing.where(installation, link.space, there[0])
    known = await routing.destinations(installation, link.space)
    fed = {each.space_id for each in belongs.accounts}
    runs: list[RunRow] = []
    latest: list[ListedRow] = []
    for each in [link.space, *(each for each in known[1:] if each.space_id in fed)]:
        async with installation.store.transaction(each.space_id) as tx:
            booked = await store.accounts(tx, each.space_id, connection_id)
            runs += await ledger.runs(tx, each.space_id, connection_id, None, _RUNS)
        if booked:
            latest += (await listing.listed(installation, each, Query(accounts=booked), limit=_LATEST)).rows
    seen = sum(run.seen for run in runs)
    waited = link.row.now - max(there[0].created_at, link.row.agreed_at or link.row.made_at)
    ended = any(run.outcome != "running" for run in runs) and not belongs.choosing
    return Arrived(
        connection=there[0],
        accounts=belongs.accounts,
        spaces=known,
        choosing=belongs.choosing,
        seen=seen,
        latest=sorted(latest, key=lambda row: row.booked_on, reverse=True)[:_LATEST],
        done=ended and waited >= (_SETTLES if seen else _PREPARED),
    )
