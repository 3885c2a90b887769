"""Keys can be changed at any time, and stopped anywhere: every secret stays readable."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from tests.support.books import all_rows, books
from tests.support.command import Command

from caudal.hub import audit, credentials, installation, keys
from caudal.hub.installation import Installation
from caudal.settings import Settings
from caudal.vault import keyring

SECRETS = 7


@pytest.fixture
def caudal(settings: Settings, tmp_path: Path) -> Command:
    return Command(settings, tmp_path)


def inside(settings: Settings, act: Callable[[Installation], Awaitable[object]]) -> None:
    async def work() -> None:
        async with installation.opened(settings) as opened:
            await act(opened)

    asyncio.run(work())


@pytest.fixture
def kept(settings: Settings) -> list[tuple[UUID, UUID, bytes]]:
    """Secrets of several spaces: (space, connection, secret)."""
    made: list[tuple[UUID, UUID, bytes]] = []

    async def act(opened: Installation) -> None:
        for number in range(SECRETS):
            there = await books(opened.store, f"space {number}")
            secret = f"secret {number}".encode()
            await credentials.keep(opened, there.space_id, there.connection_id, "token", secret)
            made.append((there.space_id, there.connection_id, secret))

    inside(settings, act)
    return made


def expect_readable(settings: Settings, kept: list[tuple[UUID, UUID, bytes]]) -> None:
    """Every secret, and an audit trail that holds."""

    async def act(opened: Installation) -> None:
        for space_id, connection_id, secret in kept:
            assert await credentials.reveal(opened, space_id, connection_id, "token") == secret
            assert await audit.first_broken(opened, space_id) is None

    inside(settings, act)


def wrapped_by(settings: Settings) -> dict[object, object]:
    """Wrapping key → how many data keys are under it."""
    query = "select wrapping_key, count(*)::int from caudal.data_key group by 1"
    return dict(all_rows(settings.database_url, query))  # type: ignore[arg-type]


def test_init_makes_a_keyring_once(tmp_path: Path) -> None:
    caudal = Command(Settings(home=str(tmp_path / "home")), tmp_path)
    assert caudal("keys", "init").code == 0
    path = tmp_path / "home" / keyring.FILE_NAME
    made = path.read_bytes()
    again = caudal("keys", "init")
    assert again.code == os.EX_CONFIG
    assert len(again.err.splitlines()) == 1
    assert caudal("keys", "init", "--if-missing") == (0, "", "")
    assert path.read_bytes() == made
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_keyring_can_lie_elsewhere(tmp_path: Path) -> None:
    caudal = Command(Settings(home=str(tmp_path / "home")), tmp_path)
    elsewhere = tmp_path / "safe" / "keys.json"
    assert caudal("keys", "init", CAUDAL_KEYRING=str(elsewhere)).code == 0
    assert elsewhere.exists()
    assert not (tmp_path / "home").exists()


def test_status_shows_what_hangs_on_each_key_and_no_key(
    caudal: Command, kept: list[tuple[UUID, UUID, bytes]]
) -> None:
    (one,) = caudal.told("keys", "status")
    assert (one["state"], one["primary"], one["data_keys"]) == ("active", True, SECRETS)
    text = json.loads((caudal.settings.home_path / keyring.FILE_NAME).read_bytes())
    for done in (caudal("keys", "status"), caudal("keys", "status", "--json")):
        assert text["keys"][0]["key"] not in done.out
        assert text["audit_key"] not in done.out


def test_rotation_keeps_every_secret_and_retires_the_old_key(
    caudal: Command, kept: list[tuple[UUID, UUID, bytes]]
) -> None:
    (before,) = caudal.told("keys", "status")
    done = caudal("keys", "rotate")
    assert done.code == 0
    assert f"{SECRETS} data keys" in done.out
    old, new = caudal.told("keys", "status")
    assert (old["id"], old["state"], old["primary"], old["data_keys"]) == (before["id"], "retired", False, 0)
    assert (new["state"], new["primary"], new["data_keys"]) == ("active", True, SECRETS)
    expect_readable(caudal.settings, kept)


def test_many_rotations_lose_nothing(caudal: Command, kept: list[tuple[UUID, UUID, bytes]]) -> None:
    for _ in range(3):
        assert caudal("keys", "rotate").code == 0
    found = caudal.told("keys", "status")
    assert [(key["state"], key["data_keys"]) for key in found] == [("retired", 0)] * 3 + [("active", SECRETS)]
    expect_readable(caudal.settings, kept)


def test_a_rotation_cut_off_before_the_rewrapping_is_finished_later(
    caudal: Command, kept: list[tuple[UUID, UUID, bytes]]
) -> None:
    """As after a kill between the new keyring and the first rewrapped key."""
    path = caudal.settings.home_path / keyring.FILE_NAME
    keyring.replace(path, keyring.load(path).rotated(datetime.now(UTC)))
    expect_readable(caudal.settings, kept)
    assert [key["data_keys"] for key in caudal.told("keys", "status")] == [SECRETS, 0]
    assert f"{SECRETS} data keys" in caudal("keys", "rewrap").out
    assert [(key["state"], key["data_keys"]) for key in caudal.told("keys", "status")] == [
        ("retired", 0), ("active", SECRETS)
    ]  # fmt: skip
    expect_readable(caudal.settings, kept)
    assert "0 data keys" in caudal("keys", "rewrap").out


class Crash(Exception):
    """The process dies here."""


def test_a_rotation_cut_off_at_any_statement_is_finished_later(
    settings: Settings, kept: list[tuple[UUID, UUID, bytes]]
) -> None:
    statement = 0
    crashed = True
    while crashed:
        statement += 3
        crashed = False
        sent = 0

        def observe(_: str) -> None:
            nonlocal sent
            sent += 1
            if sent == statement:  # noqa: B023
                raise Crash

        async def rotate() -> None:
            async with installation.opened(settings) as opened:
                opened.store._observe = observe
                await keys.rotate(opened)

        try:
            asyncio.run(rotate())
        except Crash:
            crashed = True
        expect_readable(settings, kept)
        inside(settings, keys.rewrap)
        ring = keyring.load(keys.path(settings))
        assert wrapped_by(settings) == {ring.primary: SECRETS}
        assert [key.id for key in ring.keys if key.state == "active"] == [ring.primary]
    assert statement > 30
    expect_readable(settings, kept)


def test_the_old_key_stays_in_use_while_anything_hangs_on_it(
    settings: Settings, kept: list[tuple[UUID, UUID, bytes]]
) -> None:
    async def act(opened: Installation) -> None:
        fresh = opened.keyring.rotated(datetime.now(UTC))
        half = msgspec.structs.replace(opened, keyring=fresh)
        await keys._rewrap_batch(half, kept[0][0])
        found = await keys.status(half)
        assert [(key.state, key.data_keys) for key in found] == [("active", SECRETS - 1), ("active", 1)]
        in_use = frozenset(await keys._in_use(half))
        assert [key.state for key in fresh.retired(in_use).keys] == ["active", "active"]

    inside(settings, act)


def test_a_rotation_is_written_in_the_audit_trail(
    caudal: Command, kept: list[tuple[UUID, UUID, bytes]]
) -> None:
    caudal("keys", "rotate")
    query = "select count(*) from caudal.audit_entry where act = 'keys.rewrapped'"
    assert all_rows(caudal.settings.database_url, query) == [(SECRETS,)]
