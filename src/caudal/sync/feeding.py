"""One connection, several spaces: what it tells goes to those its accounts belong to, in one transaction of all of them.

Most connections feed their home alone; then nothing here costs anything. One that feeds others is written to each of them
as if that were its only one, by the same statements: a page commits in all of them with its cursor, or in none.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from caudal.model.changes import Page, SourceRef
from caudal.store import events, routing
from caudal.store.database import Store, Transaction
from caudal.store.events import Told
from caudal.store.pages import forget_page
from caudal.store.routing import Routing


def parts(page: Page, home_id: UUID, where: Routing) -> list[tuple[UUID, Page]]:
    """The page, space by space; the home's part has what is of no account, and comes though it is empty: it has the
    cursor. So does each other's with a page at rest, for what its stream no longer tells."""
    if not where.elsewhere:
        return [(home_id, page)]
    found = [(home_id, _part(page, where, None))]
    for space_id in where.fed:
        part = _part(page, where, space_id)
        if page.at_rest or part.changes or part.windows or part.unreadable:
            found.append((space_id, part))
    return found


def _part(page: Page, where: Routing, space_id: UUID | None) -> Page:
    def here(ref: SourceRef | None) -> bool:
        return (where.elsewhere.get(ref) if ref is not None else None) == space_id

    return msgspec.structs.replace(
        page,
        changes=[change for change in page.changes if here(change.ref)],
        windows=[window for window in page.windows if here(window.ref)],
        unreadable=[item for item in page.unreadable if here(item.ref)],
    )


@asynccontextmanager
async def across(
    store: Store,
    space_id: UUID,
    connection_id: UUID,
    known: Routing | None = None,
    *,
    engine: bool = False,
    also: Sequence[UUID] = (),
) -> AsyncIterator[tuple[Transaction, Routing]]:
    """A transaction over a connection's home and the spaces it feeds, which stay those until its end, and over those
    `also`; `engine`: as `Store.engine`. `known`: what was read of them lately. Raises NotFound where the connection isn't
    there.

    Whoever the store acts for must be able to enter the home. In the spaces it feeds they needn't: what is done there is
    the connection's doing.
    """
    if known is None:
        known = await read(store, space_id, connection_id)
    while True:
        others = sorted({*known.fed, *also} - {space_id})
        at_work = everywhere(store) if others else store
        begin = at_work.engine if engine else at_work.transaction
        async with begin(space_id, *others) as tx:
            if await routing.hold(tx, space_id, connection_id, others) == known.version:
                yield tx, known
                return
            known = await routing.read(tx, space_id, connection_id)


def everywhere(store: Store) -> Store:
    """The store, for the engine: it writes to whichever spaces a connection feeds (DESIGN §6)."""
    return store.acting("")


async def tell(
    tx: Transaction, space_id: UUID, connection_id: UUID, fed: Sequence[UUID], told: Iterable[Told] = ()
) -> None:
    """The last thing of a transaction that changed something of a connection: its events at home, and in the spaces it
    feeds what its home says of it."""
    await events.write(tx, space_id, connection_id, told)
    for each in fed:
        await mirror(tx, space_id, connection_id, each)


async def mirror(
    tx: Transaction,
    home_id: UUID,
    connection_id: UUID,
    space_id: UUID,
    *,
    fed: bool = True,
    told: Iterable[Told] = (),
) -> None:
    """In a space that a connection feeds (or, `fed` False, fed until now): what its home says of it, and its events."""
    await forget_page(tx)
    await routing.mirror(tx, home_id, connection_id, space_id, fed=fed)
    await events.write(tx, space_id, connection_id, told)


async def read(store: Store, space_id: UUID, connection_id: UUID) -> Routing:
    """Where a connection's accounts belong, for who may enter its home."""
    async with store.transaction(space_id) as tx:
        return await routing.read(tx, space_id, connection_id)
