"""The one way to the database: a transaction, scoped to the spaces it may see.

Nothing else in Caudal opens a connection, begins a transaction or sets a scope (a check in CI holds it).
Statements are named queries of sql/; a value never becomes part of a statement's text.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from typing import Any, Final, Self, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from caudal.model.errors import StoreAway, StoreError
from caudal.store.conninfo import check, unreachable, watched
from caudal.store.queries import load

Row = TypeVar("Row")
Observer = Callable[[str], None]
"""Told the name of each statement before it is sent: counts, traces, and the crash tests hang on it."""

_Configure = Callable[[psycopg.AsyncConnection], Awaitable[None]]

_AT_ONCE_MAX: Final = 2
"""Connections for what is done at once. Webhooks are kept by one and announced by another."""

_SILENT_SECONDS_MAX: Final = 20
"""Amid a transaction. Less than a connection's next worker may take to begin (35 s)."""


_AWAY: Final = (psycopg.OperationalError, IdleInTransactionSessionTimeout)
"""Trouble of the server's, not with what it was asked."""


class Transaction:
    """An open transaction. Made by `Store.transaction` alone; commits when its block ends without an error."""

    def __init__(self, connection: psycopg.AsyncConnection, observe: Observer) -> None:
        self._connection = connection
        self._observe = observe
        self._afterwards: list[Callable[[], None]] = []

    def afterwards(self, act: Callable[[], None]) -> None:
        """Have this done once what the transaction did is kept: never, where it is rolled back. For what tells of it."""
        self._afterwards.append(act)

    def kept(self) -> None:
        """Do what was to be done afterwards. `Store` calls it."""
        for act in self._afterwards:
            act()

    async def all(self, query: str, row: type[Row], **values: object) -> list[Row]:
        """Every row of the named query, each as a `row` made from the columns' names."""
        async with self._connection.cursor(row_factory=class_row(row)) as cursor:
            await self._send(cursor, query, values)
            return await cursor.fetchall()

    async def first(self, query: str, row: type[Row], **values: object) -> Row | None:
        """The first row of the named query, None where there is none."""
        rows = await self.all(query, row, **values)
        return rows[0] if rows else None

    async def run(self, query: str, **values: object) -> int:
        """Carry out the named query; returns how many rows it touched."""
        async with self._connection.cursor() as cursor:
            await self._send(cursor, query, values)
            return cursor.rowcount

    async def copy(self, query: str, data: str) -> None:
        """Stream `data` into the named ``copy … from stdin`` query."""
        self._observe(query)
        try:
            async with self._connection.cursor() as cursor, cursor.copy(_text(query)) as copy:
                await copy.write(data)
        except psycopg.Error as error:
            raise _store_error(query, error) from None

    async def _send(self, cursor: psycopg.AsyncCursor[Row], query: str, values: dict[str, object]) -> None:
        self._observe(query)
        try:
            await cursor.execute(_text(query), values)
        except psycopg.Error as error:
            raise _store_error(query, error) from None


class Store:
    """The database, by a few connections. Each transaction has one to itself."""

    def __init__(
        self,
        pool: AsyncConnectionPool[psycopg.AsyncConnection],
        at_once: AsyncConnectionPool[psycopg.AsyncConnection],
        *,
        timeout: str,
        observe: Observer,
        actor: str = "",
    ) -> None:
        self._actor = actor
        self._pool = pool
        self._at_once = at_once
        self._timeout = timeout
        self._observe = observe

    @classmethod
    async def open(
        cls,
        conninfo: str,
        *,
        statement_seconds_max: int = 300,
        connect_seconds_max: int = 30,
        connections_max: int = 1,
        turn_seconds_max: int = 30,
        observe: Observer = lambda _: None,
    ) -> Self:
        """Connect and prepare the session. Raises ConfigError where the database can't be reached.

        `turn_seconds_max`: how long a transaction waits for one of `connections_max` connections, or for a database
        that is away, before it fails. What is done `at_once` has two of its own, opened when it is first asked for.
        """
        check(conninfo)
        session: dict[str, Any] = {
            "autocommit": True,
            "connect_timeout": connect_seconds_max,
            "application_name": "caudal",
        }

        def pool(size: int, configure: _Configure) -> AsyncConnectionPool[psycopg.AsyncConnection]:
            return AsyncConnectionPool(
                watched(conninfo),
                min_size=0,
                max_size=size,
                timeout=turn_seconds_max,
                kwargs=session,
                configure=configure,
                reconnect_timeout=connect_seconds_max,
                open=False,
            )

        timeout = f"{statement_seconds_max}s"
        store = cls(
            pool(connections_max, _prepare),
            pool(_AT_ONCE_MAX, _as_engine(timeout)),
            timeout=timeout,
            observe=observe,
        )
        try:
            connection = await psycopg.AsyncConnection.connect(conninfo, **session)
        except psycopg.OperationalError as error:
            raise unreachable(error, conninfo) from None
        await connection.close()
        for each in (store._pool, store._at_once):
            await each.open()
        return store

    async def close(self) -> None:
        """Close the connections; an open transaction is rolled back."""
        await self._at_once.close()
        await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def acting(self, actor: str) -> Self:
        """The same database for an actor (``person:<id>``, ``key:<id>``): whatever space a transaction is asked for,
        it sees those alone that they may enter as it begins. The engine's own transactions aren't theirs."""
        acting = copy(self)
        acting._actor = actor  # noqa: SLF001  a copy of our own
        return acting

    @asynccontextmanager
    async def transaction(self, *spaces: UUID) -> AsyncIterator[Transaction]:
        """A transaction that sees `spaces` and nothing else; commits at the end of the block, or rolls back."""
        async with self._begin() as tx:
            await self._enter(tx, spaces)
            yield tx

    @asynccontextmanager
    async def engine(self, *spaces: UUID) -> AsyncIterator[Transaction]:
        """A transaction of the engine's own: it sees `spaces`, and what belongs to none: when connections are due, the
        inbox, budgets, health."""
        async with self._begin() as tx:
            await self._enter(tx, spaces, engine="on")
            yield tx

    @asynccontextmanager
    async def door(self, *spaces: UUID) -> AsyncIterator[Transaction]:
        """A transaction that sees who may enter (people, sessions, which spaces they are members of), and of what is
        inside a space only what is in `spaces`."""
        async with self._begin() as tx:
            await self._enter(tx, spaces, door="on")
            yield tx

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator["Store"]:
        """This store, to find out what something would come to: its transactions see what those before them did, and
        when the block ends all of it is as if it had never been. What they lock stays locked until then."""
        try:
            async with AsyncExitStack() as stack:
                rehearsing = _Rehearsal(
                    self._pool, self._at_once, timeout=self._timeout, observe=self._observe, actor=self._actor
                )
                rehearsing.connection = await self._begun(stack, kept=False)
                yield rehearsing
        except PoolTimeout:
            raise _no_turn() from None
        except psycopg.Error as error:
            raise _store_error("rehearsal", error) from None

    async def at_once(self, query: str, row: type[Row], **values: object) -> list[Row]:
        """One named query as the engine, outside every space, in a transaction to itself: one way to the database and
        back where `engine` takes four. Only for what may be done twice: with a connection that broke while it lay in
        the pool nobody knows whether it was, and it is done again."""
        stale_left = self._at_once.max_size
        try:
            while True:
                async with self._at_once.connection() as connection:
                    try:
                        return await Transaction(connection, self._observe).all(query, row, **values)
                    except StoreAway:
                        if not (connection.closed and stale_left):
                            raise
                        stale_left -= 1
        except PoolTimeout:
            raise _no_turn() from None

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[Transaction]:
        """A transaction that sees which spaces there are, and no row inside any."""
        async with self._begin() as tx:
            await tx.run("enter_directory")
            yield tx

    @asynccontextmanager
    async def installation(self) -> AsyncIterator[Transaction]:
        """A transaction outside every space: versions, migrations, the catalogue. For `caudal doctor`."""
        async with self._begin() as tx:
            yield tx

    async def _enter(
        self, tx: Transaction, spaces: Sequence[UUID], *, engine: str = "", door: str = ""
    ) -> None:
        told = {"spaces": _array(spaces), "door": door, "timeout": self._timeout}
        if self._actor and not engine:
            await tx.run("enter_scope_as", **told, actor=self._actor)
        else:
            await tx.run("enter_scope", **told, engine=engine)

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Transaction]:
        try:
            async with AsyncExitStack() as stack:
                tx = Transaction(await self._begun(stack), self._observe)
                yield tx
                self._observe("commit")
        except PoolTimeout:
            raise _no_turn() from None
        except psycopg.Error as error:
            raise _store_error("commit", error) from None
        tx.kept()

    async def _begun(self, stack: AsyncExitStack, *, kept: bool = True) -> psycopg.AsyncConnection:
        """A connection with a transaction begun, to be `kept` or rolled back; both end with `stack`. One that broke while
        it lay in the pool can't begin, and no harm is done: the next is taken, until none can be left that lay there.
        """
        stale_left = self._pool.max_size
        while True:
            connection = await stack.enter_async_context(self._pool.connection())
            try:
                await stack.enter_async_context(connection.transaction(force_rollback=not kept))
            except psycopg.OperationalError:
                await stack.aclose()
                if not stale_left:
                    raise
                stale_left -= 1
            else:
                return connection


class _Rehearsal(Store):
    """A store all of whose transactions are parts of one, which will be rolled back."""

    connection: psycopg.AsyncConnection

    async def at_once(self, query: str, row: type[Row], **values: object) -> list[Row]:  # noqa: ARG002
        raise StoreError(f"{query}: it would be kept, and this is a rehearsal")

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Transaction]:
        try:
            async with self.connection.transaction():
                tx = Transaction(self.connection, self._observe)
                await tx.run("empty_page_tables")
                yield tx
        except psycopg.Error as error:
            raise _store_error("rehearsal", error) from None


def _no_turn() -> StoreAway:
    return StoreAway("the database is away, or all connections to it are busy")


def _as_engine(timeout: str) -> _Configure:
    """A fresh session whose every statement is the engine's."""

    async def configure(connection: psycopg.AsyncConnection) -> None:
        await Transaction(connection, lambda _: None).run("enter_engine", timeout=timeout)

    return configure


async def _prepare(connection: psycopg.AsyncConnection) -> None:
    """A fresh session: the tables that a page is copied to, and what is to be told of it. It ends when nothing is heard
    of us amid a transaction: whoever is cut off leaves no lock behind."""
    async with connection.transaction():
        tx = Transaction(connection, lambda _: None)
        await tx.run("enter_scope", spaces="{}", engine="", door="", timeout="0")
        await tx.run("mind_silence", seconds=f"{_SILENT_SECONDS_MAX}s")
        await tx.run("incoming_table")
        await tx.run("resolved_table")
        await tx.run("happened_table")
        await tx.run("stirred_table")


def _array(spaces: Sequence[UUID]) -> str:
    return "{" + ",".join(str(space) for space in spaces) + "}"


def json_rows(rows: Sequence[dict[str, object]]) -> str:
    """`rows` as the JSON text that ``jsonb_to_recordset`` takes; amounts stay exact (as text)."""
    text = msgspec.json.encode(rows).decode()
    if "\\u0000" not in text:
        return text
    kept = [
        {name: storable(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    ]
    return msgspec.json.encode(kept).decode()


def storable(text: str) -> str:
    """PostgreSQL's text can't hold U+0000: shown as its symbol (U+2400), so that what is kept says it was there."""
    return text.replace("\0", "\u2400") if "\0" in text else text


def _text(query: str) -> bytes:
    return load()[query].encode()


def _store_error(query: str, error: psycopg.Error) -> StoreError:
    # Not the server's message: its DETAIL quotes values (reference: PostgreSQL error fields).
    what = [type(error).__name__, error.sqlstate or "no SQLSTATE", error.diag.constraint_name or ""]
    kind = StoreAway if isinstance(error, _AWAY) else StoreError
    return kind(f"{query}: {' '.join(part for part in what if part)}")
