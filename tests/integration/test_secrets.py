"""A secret is nowhere but under its seal; and who changes the audit trail is found out."""

import asyncio
import base64
import logging
import random
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import psutil
import psycopg
import pytest
from tests.support.books import all_rows, books

from caudal.hub import audit, credentials, installation, keys
from caudal.hub.installation import Installation
from caudal.model.errors import CaudalError, ConfigError, NotFound, StoreError
from caudal.settings import Settings
from caudal.store.server import Server
from caudal.vault import keyring
from caudal.vault.audit import GENESIS, entry_mac
from caudal.vault.sealing import SealError


class Kept(msgspec.Struct):
    """A canary, and the connection whose secret it is."""

    canary: bytes
    space_id: UUID
    connection_id: UUID


def inside(settings: Settings, act: Callable[[Installation], Awaitable[object]]) -> None:
    async def work() -> None:
        async with installation.opened(settings) as opened:
            await act(opened)

    asyncio.run(work())


@pytest.fixture
def kept(settings: Settings) -> Kept:
    """An installation in which a canary was kept, replaced by another, read, and had its key rotated."""
    made: list[Kept] = []

    async def act(opened: Installation) -> None:
        there = await books(opened.store)
        one = Kept(f"CANARY-{uuid4().hex}".encode(), there.space_id, there.connection_id)
        made.append(one)
        await credentials.keep(opened, one.space_id, one.connection_id, "token", b"another before it")
        await credentials.keep(opened, one.space_id, one.connection_id, "token", one.canary)
        assert await credentials.reveal(opened, one.space_id, one.connection_id, "token") == one.canary
        await keys.rotate(opened)

    inside(settings, act)
    return made[0]


def spellings(canary: bytes) -> list[bytes]:
    """The forms in which a secret may lie about: as it is, hex, base64 at each alignment, UTF-16."""
    hexed = canary.hex().encode()
    shifted = [base64.b64encode(bytes(shift) + canary)[4:-4] for shift in range(3)]
    return [canary, hexed, hexed.upper(), *shifted, canary.decode().encode("utf-16-le")]


def hidden_in(data: bytes, canary: bytes) -> bool:
    return any(spelling in data for spelling in spellings(canary))


def rows_as_bytes(conninfo: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of Caudal's, whole, as text; what is binary as it is."""
    tables = all_rows(
        conninfo,
        "select schemaname::text, tablename::text from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
    )
    assert len(tables) > 10
    for schema, table in tables:
        for row in all_rows(conninfo, f'select * from "{schema}"."{table}"'):
            yield (
                f"{schema}.{table}",
                b"\x1f".join(field if isinstance(field, bytes) else str(field).encode() for field in row),
            )


def test_no_row_of_any_table_tells_a_secret(settings: Settings, kept: Kept) -> None:
    assert [name for name, row in rows_as_bytes(settings.database_url) if hidden_in(row, kept.canary)] == []
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(
            "update caudal.connection set label = %s", [base64.b64encode(kept.canary).decode()]
        )
    told = [name for name, row in rows_as_bytes(settings.database_url) if hidden_in(row, kept.canary)]
    assert told == ["caudal.connection"], "the search itself must find what is there"


def files_with(folder: Path, canary: bytes) -> list[Path]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if hidden_in(content(path), canary)]


def content(path: Path) -> bytes:
    """Of a file of a running server: it may have taken it away since it was listed."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def test_no_file_of_the_database_or_of_the_home_holds_a_secret(
    server: Server, settings: Settings, kept: Kept
) -> None:
    folder = Path(all_rows(settings.database_url, "show data_directory")[0][0]).parent  # type: ignore[arg-type]
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute("checkpoint")
    assert files_with(folder, kept.canary) == []
    assert files_with(settings.home_path, kept.canary) == []
    decoy = b"DECOY-" + kept.canary[7:]
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("update caudal.connection set label = %s", [decoy.decode()])
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute("checkpoint")
    assert files_with(folder, decoy), "the search itself must find what is there"


def failures(kept: Kept) -> dict[str, tuple[str, Callable[[Installation], Awaitable[object]]]]:
    """What can go wrong: SQL that breaks the database first, then the act that fails."""
    place = (kept.space_id, kept.connection_id)

    def keep(opened: Installation) -> Awaitable[object]:
        return credentials.keep(opened, *place, "token", kept.canary)

    def reveal(opened: Installation) -> Awaitable[object]:
        return credentials.reveal(opened, *place, "token")

    def reveal_with_another_keyring(opened: Installation) -> Awaitable[object]:
        strange = keyring.Keyring.generate(opened.keyring.keys[0].created)
        return credentials.reveal(msgspec.structs.replace(opened, keyring=strange), *place, "token")

    def reveal_with_another_key(opened: Installation) -> Awaitable[object]:
        wrong = tuple(msgspec.structs.replace(key, key=bytes(range(32))) for key in opened.keyring.keys)
        strange = msgspec.structs.replace(opened.keyring, keys=wrong)
        return credentials.reveal(msgspec.structs.replace(opened, keyring=strange), *place, "token")

    return {
        "the table is gone": ("drop table caudal.credential", keep),
        "a constraint refuses it": (
            "alter table caudal.credential add constraint refusing check (field = '') not valid",
            keep,
        ),
        "the audit trail refuses it": (
            "alter table caudal.audit_entry add constraint refusing check (seq = 0) not valid",
            keep,
        ),
        "another keyring": ("", reveal_with_another_keyring),
        "another key of the same name": ("", reveal_with_another_key),
        "changed": (
            "update caudal.credential set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)",
            reveal,
        ),
        "cut": ("update caudal.credential set sealed = substring(sealed for 12)", reveal),
        "another field": ("update caudal.credential set field = 'other'", reveal),
        "moved to another field": (
            "update caudal.credential set sealed = (select wrapped from caudal.data_key limit 1)",
            reveal,
        ),
        "the connection breaks": (
            "",
            lambda opened: cut_off(opened, keep(opened)),
        ),
    }


async def cut_off(opened: Installation, act: Awaitable[object]) -> object:
    await opened.store.close()
    return await act


@pytest.mark.parametrize("what", list(failures(Kept(b"", uuid4(), uuid4()))))
def test_what_fails_says_nothing_of_the_secret(
    settings: Settings,
    kept: Kept,
    what: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    breaking, act = failures(kept)[what]
    if breaking:
        with psycopg.connect(settings.database_url) as connection:
            connection.execute(breaking.encode())
    with pytest.raises((SealError, StoreError, ConfigError, NotFound)) as caught:
        inside(settings, act)
    out, err = capfd.readouterr()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + out + err + caplog.text
    assert not hidden_in(told.encode(), kept.canary)
    assert isinstance(caught.value, CaudalError)
    assert "\n" not in str(caught.value)
    folder = Path(all_rows(settings.database_url, "show data_directory")[0][0]).parent  # type: ignore[arg-type]
    for log in folder.glob("*.log*"):
        assert not hidden_in(log.read_bytes(), kept.canary)


def test_no_process_shows_a_secret_while_it_is_kept(settings: Settings, kept: Kept) -> None:
    seen: list[bytes] = []

    def look(_: str) -> None:
        with psycopg.connect(settings.database_url) as connection:
            seen.extend(
                query.encode() for (query,) in connection.execute("select query from pg_stat_activity")
            )
        for process in psutil.process_iter():
            try:
                seen.append(" ".join([*process.cmdline(), *process.environ().values()]).encode())
            except psutil.Error:
                continue

    async def work() -> None:
        async with installation.opened(settings, observe=look) as opened:
            await credentials.keep(opened, kept.space_id, kept.connection_id, "token", kept.canary)

    asyncio.run(work())
    assert any(b"caudal.audit_entry" in one for one in seen)
    assert not any(hidden_in(one, kept.canary) for one in seen)


def test_no_repr_shows_a_key_or_a_password(settings: Settings, kept: Kept) -> None:
    async def act(opened: Installation) -> None:
        shown = repr(opened) + repr(opened.keyring) + repr(settings) + f"{opened.keyring.keys}"
        secrets = [opened.keyring.audit_key, *(key.key for key in opened.keyring.keys)]
        for secret in secrets:
            assert secret.hex() not in shown
            assert repr(secret)[2:-1] not in shown
            assert base64.b64encode(secret).decode() not in shown
        assert settings.database_url not in shown

    inside(settings, act)


# --- The audit trail ---------------------------------------------------------------------------------------

ENTRIES = 12
TAMPERINGS = 200


class Trail(msgspec.Struct):
    """A space's audit trail, open to whoever holds the database."""

    connection: psycopg.Connection
    space_id: UUID
    chance: random.Random

    def run(self, query: str, *values: object) -> None:
        self.connection.execute(query.encode(), values)

    def edit(self) -> int:
        """Change one field of one entry."""
        seq = self.chance.randint(1, ENTRIES)
        field, value = self.chance.choice(
            (
                ("at", "at + interval '1 microsecond'"),
                ("actor", "actor || ' '"),
                ("act", "'nothing.happened'"),
                ("details", """details || '{"more": "1"}'"""),
                ("details", "details - 'number'"),
                ("details", "'{}'"),
                ("mac", f"set_bit(mac, {self.chance.randrange(256)}, 1 - get_bit(mac, 7))"),
                ("prev", "mac"),
                ("mac", "prev"),
                ("seq", f"{ENTRIES + 5}"),
            )
        )
        before = self.row(seq)
        self.run(
            f"update caudal.audit_entry set {field} = {value} where space_id = %s and seq = %s",
            self.space_id,
            seq,
        )
        if self.row(seq) == before:
            self.run(
                "update caudal.audit_entry set act = 'x' where space_id = %s and seq = %s", self.space_id, seq
            )
        return seq

    def row(self, seq: int) -> object:
        query = "select * from caudal.audit_entry where space_id = %s and seq = %s"
        return self.connection.execute(query, [self.space_id, seq]).fetchone()

    def delete(self) -> int:
        """Take an entry out of the middle; half the time close the gap."""
        seq = self.chance.randint(1, ENTRIES - 1)
        self.run("delete from caudal.audit_entry where space_id = %s and seq = %s", self.space_id, seq)
        if self.chance.random() < 0.5:
            for later in range(seq + 1, ENTRIES + 1):
                self.move(later, later - 1)
        return seq

    def move(self, old: int, new: int) -> None:
        self.run(
            "update caudal.audit_entry set seq = %s where space_id = %s and seq = %s", new, self.space_id, old
        )

    def swap(self) -> int:
        """Exchange two entries."""
        first, second = sorted(self.chance.sample(range(1, ENTRIES + 1), 2))
        for old, new in ((first, -1), (second, first), (-1, second)):
            self.move(old, new)
        return first

    def insert(self) -> int:
        """Push in an entry, anywhere or at the end: a copy of another one, half the time chained in with a wrong key."""
        seq = self.chance.randint(1, ENTRIES + 1)
        for later in range(ENTRIES, seq - 1, -1):
            self.move(later, later + 1)
        source = self.chance.choice(
            [number for number in range(1, ENTRIES + 2) if number not in {seq, seq + 1}]
        )
        self.run(
            """insert into caudal.audit_entry (space_id, seq, at, actor, act, details, prev, mac)
            select space_id, %s, at, actor, act, details, prev, mac from caudal.audit_entry
            where space_id = %s and seq = %s""",
            seq, self.space_id, source,
        )  # fmt: skip
        if self.chance.random() < 0.5:
            self.chain_anew(seq)
        return seq

    def forge(self) -> int:
        """Rewrite an entry and chain everything after it anew, with a key that isn't the trail's."""
        seq = self.chance.randint(1, ENTRIES)
        self.run(
            "update caudal.audit_entry set act = 'all.well' where space_id = %s and seq = %s",
            self.space_id,
            seq,
        )
        self.chain_anew(seq)
        return seq

    def chain_anew(self, seq: int) -> None:
        key = self.chance.choice((bytes(32), b"", self.chance.randbytes(32)))
        query = "select seq, at, actor, act, details, mac from caudal.audit_entry where space_id = %s order by seq"
        prev = GENESIS
        for number, at, actor, act, details, mac in self.connection.execute(
            query, [self.space_id]
        ).fetchall():
            if number >= seq:
                fresh = entry_mac(
                    key,
                    prev=prev,
                    space_id=self.space_id,
                    seq=number,
                    at=at,
                    actor=actor,
                    act=act,
                    details=details,
                )
                self.run(
                    "update caudal.audit_entry set prev = %s, mac = %s where space_id = %s and seq = %s",
                    prev, fresh, self.space_id, number,
                )  # fmt: skip
                mac = fresh  # noqa: PLW2901
            prev = mac

    def transplant(self) -> int:
        """Put in place of an entry the same entry of another space's trail."""
        seq = self.chance.randint(1, ENTRIES)
        self.run(
            """update caudal.audit_entry e set at = o.at, actor = o.actor, act = o.act, details = o.details,
            prev = o.prev, mac = o.mac from caudal.audit_entry o
            where e.space_id = %s and e.seq = %s and o.space_id <> e.space_id and o.seq = e.seq""",
            self.space_id, seq,
        )  # fmt: skip
        return seq


def test_the_mac_covers_every_field_and_the_entry_before() -> None:
    entry = {
        "prev": GENESIS, "space_id": UUID(int=1), "seq": 1, "at": datetime(2026, 3, 2, tzinfo=UTC),
        "actor": "a", "act": "b", "details": {"c": "d"},
    }  # fmt: skip
    others = {
        "prev": bytes(31) + b"\1", "space_id": UUID(int=2), "seq": 2, "at": datetime(2026, 3, 3, tzinfo=UTC),
        "actor": "ab", "act": "", "details": {"c": "e"},
    }  # fmt: skip
    macs = {entry_mac(b"key", **{**entry, field: other}) for field, other in others.items()}
    macs |= {entry_mac(b"key", **entry), entry_mac(b"yek", **entry)}
    assert len(macs) == len(others) + 2


async def trail(opened: Installation, name: str) -> UUID:
    """A space with `ENTRIES` audit entries."""
    there = await books(opened.store, name)
    for number in range(ENTRIES):
        async with opened.store.transaction(there.space_id) as tx:
            await audit.record(
                tx,
                opened.keyring.audit_key,
                there.space_id,
                actor="local",
                act="thing.done",
                details={"number": str(number), "ünï": '"'},
            )
    assert await audit.first_broken(opened, there.space_id) is None
    return there.space_id


def test_whoever_changes_the_audit_trail_is_found_out(settings: Settings) -> None:
    chance = random.Random("tampering")

    async def act(opened: Installation) -> None:
        await trail(opened, "another")
        space_id = await trail(opened, "home")
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute("create table saved as select * from caudal.audit_entry")
            tampering = Trail(connection, space_id, chance)
            kinds = (
                tampering.edit,
                tampering.delete,
                tampering.swap,
                tampering.insert,
                tampering.forge,
                tampering.transplant,
            )
            for number in range(TAMPERINGS):
                kind = kinds[number % len(kinds)]
                seq = kind()
                assert await audit.first_broken(opened, space_id) == seq, f"{kind.__name__}, the {number}th"
                connection.execute("delete from caudal.audit_entry")
                connection.execute("insert into caudal.audit_entry select * from saved")
            assert await audit.first_broken(opened, space_id) is None

    inside(settings, act)


def test_the_chain_alone_cannot_show_that_its_end_was_cut_off(settings: Settings) -> None:
    async def act(opened: Installation) -> None:
        space_id = await trail(opened, "home")
        with psycopg.connect(settings.database_url) as connection:
            connection.execute("delete from caudal.audit_entry where seq > 7")
        assert await audit.first_broken(opened, space_id) is None
        async with opened.store.transaction(space_id) as tx:
            entry = {"actor": "local", "act": "thing.done", "details": {}}
            await audit.record(tx, opened.keyring.audit_key, space_id, **entry)
        assert await audit.first_broken(opened, space_id) is None

    inside(settings, act)


@pytest.mark.parametrize(
    "statement", ["update caudal.audit_entry set act = ''", "delete from caudal.audit_entry"]
)
def test_the_app_itself_may_neither_change_nor_delete_an_entry(settings: Settings, statement: str) -> None:
    inside(settings, lambda opened: trail(opened, "home"))
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("set role caudal_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


def test_of_two_who_renew_a_secret_at_once_the_second_finds_what_the_first_kept(
    settings: Settings, kept: Kept
) -> None:
    spent: list[bytes] = []

    async def act(opened: Installation) -> None:
        async def rotate(found: Mapping[str, bytes]) -> Mapping[str, bytes]:
            spent.append(found["token"])
            await asyncio.sleep(0.05)  # the provider takes its time
            return {} if found["token"] == b"rotated" else {"token": b"rotated"}

        renewed = [credentials.renew(opened, kept.space_id, kept.connection_id, rotate) for _ in range(3)]
        assert await asyncio.gather(*renewed) == [{"token": b"rotated"}] * 3
        assert await credentials.reveal(opened, kept.space_id, kept.connection_id, "token") == b"rotated"

    inside(settings, act)
    assert spent == [kept.canary, b"rotated", b"rotated"]


def test_a_renewal_that_fails_changes_nothing(settings: Settings, kept: Kept) -> None:
    async def act(opened: Installation) -> None:
        async def fail(_: Mapping[str, bytes]) -> Mapping[str, bytes]:
            raise NotFound("the provider gave none")

        with pytest.raises(NotFound):
            await credentials.renew(opened, kept.space_id, kept.connection_id, fail)
        assert await credentials.reveal(opened, kept.space_id, kept.connection_id, "token") == kept.canary

    inside(settings, act)
