"""Secrets that are worth nothing once they were used: renewed one at a time, kept before anything else is done."""

import asyncio
from collections.abc import Mapping

import pytest

from caudal.hub import connections, credentials, installation, spaces
from caudal.hub.installation import Installation
from caudal.model.errors import Unavailable
from caudal.providers.base import Access
from caudal.settings import Settings
from caudal.store import database
from caudal.store import spaces as stored
from caudal.store.spaces import LinkedConnection, Space


async def linked(opened: Installation) -> tuple[Space, LinkedConnection]:
    space = await spaces.chosen(opened.store, "home", make=True)
    async with opened.store.transaction(space.space_id) as tx:
        made = await stored.add_connection(
            tx, space.space_id, provider="plaid", reference="item-1", institution=("ins_1", "Alder", None)
        )
        secrets = {"refresh": b"1", "client": b"same"}
        await credentials.seal_in(tx, opened, space.space_id, made.connection_id, secrets)
    return space, made


class Bank:
    """Takes each refresh token once."""

    def __init__(self) -> None:
        self.good = 1

    async def renew(self, secrets: Mapping[str, bytes]) -> Mapping[str, bytes]:
        assert int(secrets["refresh"]) == self.good, "a token was used twice"
        self.good += 1
        await asyncio.sleep(0.02)
        return {"refresh": str(self.good).encode()}


def test_many_at_once_use_no_token_twice_and_the_last_one_is_kept(settings: Settings) -> None:
    async def work() -> None:
        bank = Bank()
        async with installation.opened(settings) as opened:
            space, connection = await linked(opened)
            accesses = [await connections.access(opened, space, connection) for _ in range(6)]
            told = await asyncio.gather(*(access.renewed(bank.renew) for access in accesses))
            assert sorted(int(each["refresh"]) for each in told) == [2, 3, 4, 5, 6, 7]
            kept = await connections.access(opened, space, connection)
            assert kept.secrets == {"refresh": b"7", "client": b"same"}

    asyncio.run(work())


def test_where_the_bank_gives_no_new_one_the_old_one_stays(settings: Settings) -> None:
    async def refused(_: Mapping[str, bytes]) -> Mapping[str, bytes]:
        raise Unavailable("alder: down")

    async def nothing(_: Mapping[str, bytes]) -> Mapping[str, bytes]:
        return {}

    async def work() -> None:
        async with installation.opened(settings) as opened:
            space, connection = await linked(opened)
            access = await connections.access(opened, space, connection)
            with pytest.raises(Unavailable):
                await access.renewed(refused)
            assert await access.renewed(nothing) == access.secrets
            assert (await connections.access(opened, space, connection)).secrets == access.secrets

    asyncio.run(work())


def test_a_bank_that_takes_its_time_costs_no_token(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_SILENT_SECONDS_MAX", 1)

    async def slow(_: Mapping[str, bytes]) -> Mapping[str, bytes]:
        await asyncio.sleep(1.6)
        return {"refresh": b"2"}

    async def work() -> None:
        async with installation.opened(settings) as opened:
            space, connection = await linked(opened)
            access = await connections.access(opened, space, connection)
            await access.renewed(slow)
            assert (await connections.access(opened, space, connection)).secrets["refresh"] == b"2"

    asyncio.run(work())


def test_an_access_without_a_hub_renews_in_memory() -> None:
    access = Access("c", "item-1", None, {"refresh": b"1"})
    assert asyncio.run(access.renewed(Bank().renew)) == {"refresh": b"2"}
    assert "renew" not in repr(access)
