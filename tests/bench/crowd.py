"""Thousands of connections in a database at once, set-wise, past every use case: rows as linking and a first sync leave
them. They are due when the bench says so, and nothing new is told to any of them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import psycopg
from tests.bench.slow_bank import slow_bank

from caudal.model.changes import Cursor
from caudal.providers.base import Access
from caudal.providers.http import LocalBudgets
from caudal.providers.plaid import PlaidConfig, PlaidProvider
from caudal.store.ids import new_id
from caudal.vault import keyring, sealing
from caudal.vault.keyring import Keyring

SPACE_OF: Final = 5
"""Connections in a space: what a household has."""


class Member(msgspec.Struct, frozen=True):
    """One connection to be, and the space it is in."""

    space_id: UUID
    connection_id: UUID
    number: int


def config(url: str) -> PlaidConfig:
    """An account with the Plaid at `url`."""
    return PlaidConfig(client_id="measured", secret="measured", environment="sandbox", base_url=url)


def assemble(database_url: str, home: Path, count: int, *, space_of: int = SPACE_OF) -> None:
    """`count` connections of Plaid, `space_of` in each space, none due within the hour."""
    keys, cursor = keyring.load(keyring.path_in(home)), asyncio.run(_cursor_at_rest())
    members = list(_members(count, space_of))
    spaces = sorted({member.space_id for member in members})
    with psycopg.connect(database_url) as connection, connection.cursor() as rows:
        with rows.copy(b"copy caudal.space (space_id, name) from stdin") as copy:
            for space_id in spaces:
                copy.write_row((space_id, f"crowd {space_id}"))
        with rows.copy(
            b"copy caudal.connection (space_id, connection_id, provider, reference, label, state) from stdin"
        ) as copy:
            for each in members:
                name = f"crowd-{each.number}"
                copy.write_row((each.space_id, each.connection_id, "plaid", name, name, "active"))
        with rows.copy(b"copy caudal.cursor (space_id, connection_id, stream, value) from stdin") as copy:
            for each in members:
                copy.write_row((each.space_id, each.connection_id, "", cursor))
        _seal(rows, keys, members)
        rows.execute(
            b"insert into caudal.schedule (space_id, connection_id, provider, reference, due_at, last_good_at) "
            b"select space_id, connection_id, provider, reference, now() + interval '1 hour', now() "
            b"from caudal.connection where label like 'crowd-%'"
        )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(b"vacuum (analyze)")


def _members(count: int, space_of: int) -> Iterator[Member]:
    space_id = new_id()
    for number in range(count):
        if number % space_of == 0:
            space_id = new_id()
        yield Member(space_id, new_id(), number)


def _seal(rows: psycopg.Cursor, keys: Keyring, members: list[Member]) -> None:
    """Each its own token, under a data key of its own."""
    data_keys = {
        each.connection_id: sealing.new_data_key(keys, new_id(), each.space_id, each.connection_id)
        for each in members
    }
    with rows.copy(
        b"copy caudal.data_key (space_id, data_key_id, connection_id, wrapping_key, wrapped) from stdin"
    ) as copy:
        for each in members:
            key = data_keys[each.connection_id]
            copy.write_row((each.space_id, key.data_key_id, key.connection_id, key.wrapping_key, key.wrapped))
    with rows.copy(
        b"copy caudal.credential (space_id, connection_id, field, data_key_id, sealed) from stdin"
    ) as copy:
        for each in members:
            key, token = data_keys[each.connection_id], f"access-sandbox-crowd-{each.number}".encode()
            sealed = sealing.seal(keys, key, each.space_id, "access_token", token)
            copy.write_row((each.space_id, each.connection_id, "access_token", key.data_key_id, sealed))


async def _cursor_at_rest() -> Cursor:
    """Where a pull of the slow bank ends, all told."""
    access = Access("crowd", "item-of-the-crowd", "ins_77", {"access_token": b"access-sandbox-crowd"})
    with slow_bank(0) as url:
        async with PlaidProvider(config(url), budgets=LocalBudgets({})) as plaid:
            pages = [page async for page in plaid.pull(access, Cursor(""))]
    return pages[-1].next
