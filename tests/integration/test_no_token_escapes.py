"""A canary in every secret of a link: after a busy life it sings in no table, no file, no log, no error, no process list.

The Hosted Link address is meant to be shown: it opens a page, and no account.
"""

import asyncio
import logging
import re
import threading
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from tests.support.books import all_rows
from tests.support.command import Command
from tests.support.hub import CLIENT, Hub, Login, opened_hub
from tests.support.plaid_script import HandClock

from caudal.hub import installation
from caudal.model.errors import CaudalError
from caudal.providers.base import Delivery
from caudal.settings import Settings
from caudal.store.spaces import LinkedConnection
from caudal.vault import keyring
from caudal_sandbox.faults import Fault, Kind, Param
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
PASSWORD = "CANARY-password-91fe"
TOKEN = re.compile(r"(?:access|public|link)-(?:sandbox|production)-[\w-]+")
"""Plaid docs, API: <kind>-<environment>-<identifier>."""
DYNAMIC = Login("user_transactions_dynamic", "ins_109509", PASSWORD)
GOOD = Login("user_good", "ins_109508")

FAILING: dict[Kind, dict[str, Param]] = {
    Kind.RATE_LIMITED: {},
    Kind.SERVER_ERROR: {},
    Kind.MALFORMED_JSON: {},
    Kind.TRUNCATED: {},
    Kind.HTML: {"status": 400},
    Kind.RESET: {},
    Kind.INSTITUTION_DOWN: {"code": "INVALID_FIELD"},
    Kind.LOGIN_REQUIRED: {},
}
"""Ways for a call to fail, each of which is told in other words."""


class Ears(httpx.AsyncBaseTransport):
    """The network, overheard: every token that ever went over it."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self._network = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._hear(request.content)
        answer = await self._network.handle_async_request(request)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        stream = _Overheard(answer.stream, self._hear)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=stream)

    async def aclose(self) -> None:
        await self._network.aclose()

    def _hear(self, body: bytes) -> None:
        self.tokens |= set(TOKEN.findall(body.decode(errors="replace")))


class _Overheard(httpx.AsyncByteStream):
    def __init__(self, body: httpx.AsyncByteStream, hear: Callable[[bytes], None]) -> None:
        self._body = body
        self._hear = hear

    async def __aiter__(self) -> AsyncIterator[bytes]:
        heard = bytearray()
        try:
            async for chunk in self._body:
                heard += chunk
                yield chunk
        finally:
            self._hear(bytes(heard))

    async def aclose(self) -> None:
        await self._body.aclose()


class Choir(logging.Handler):
    """Everything that any logger says, at any level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.name} {record.getMessage()} {record.args!r} {record.exc_info!r}")


@contextmanager
def every_logger_at_debug() -> Iterator[Choir]:
    """Who listens at the root hears whatever isn't kept back on purpose."""
    choir = Choir()
    loggers = [logging.root, *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    before = {logger: logger.level for logger in loggers}
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    logging.root.addHandler(choir)
    try:
        yield choir
    finally:
        logging.root.removeHandler(choir)
        for logger, level in before.items():
            logger.setLevel(level)


@contextmanager
def process_list() -> Iterator[set[str]]:
    """What `ps` shows of every process begun meanwhile, its titles included."""
    shown: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.03):
            for child in psutil.Process().children(recursive=True):
                try:
                    shown.add("\0".join(child.cmdline()))
                except psutil.Error:
                    continue

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield shown
    finally:
        over.set()
        watching.join()


def sung(hay: str | bytes, secrets: set[str]) -> set[str]:
    """The secrets that can be read in `hay`, in plain or in an encoding that anybody reads."""
    raw = hay.encode(errors="surrogateescape") if isinstance(hay, str) else hay
    return {secret for secret in secrets if any(form in raw for form in forms(secret))}


def forms(secret: str) -> tuple[bytes, ...]:
    raw = secret.encode()
    return raw, raw.hex().encode(), b64encode(raw).rstrip(b"="), urlsafe_b64encode(raw).rstrip(b"=")


def table_rows(conninfo: str) -> Iterator[tuple[str, str]]:
    """Every row of every table that isn't PostgreSQL's own, as text; bytes as hex digits."""
    tables = all_rows(
        conninfo,
        "select format('%I.%I', schemaname, tablename) from pg_tables "
        "where schemaname not in ('pg_catalog', 'information_schema')",
    )
    for (table,) in tables:
        for (row,) in all_rows(conninfo, f"select t::text from {table} t"):
            yield str(table), str(row)


async def failure(attempt: Awaitable[object]) -> str:
    """All that a careless handler could print of the error an attempt ends in; empty where it ends well."""
    try:
        await attempt
    except (CaudalError, AssertionError) as error:
        printed = "".join(traceback.format_exception(error))
        return (
            f"{printed} {error!r} {error.args!r} {error.__dict__!r} {error.__cause__!r} {error.__context__!r}"
        )
    return ""


class Busy:
    """A life in which every operation fails in every way, and then goes on."""

    def __init__(self, hub: Hub, dynamic: LinkedConnection, good: LinkedConnection) -> None:
        self.hub = hub
        self.dynamic = dynamic
        self.good = good
        self.failures: list[str] = []

    async def fail(self, kind: Kind) -> None:
        """Each call fails so, while what needs it is done."""
        hub = self.hub
        hub.sandbox.advance(days=1)
        for path, operation in self._operations():
            fault = Fault(kind, provider="plaid", endpoint=path, params=FAILING[kind])
            hub.sandbox.run(lambda fault=fault: hub.sandbox.faults.add(fault))
            said = await failure(operation())
            if said:
                self.failures.append(said)
            hub.sandbox.faults.clear()
            hub.clock.time += timedelta(minutes=10)
            for each in await hub.linked():  # where Plaid had heard it before the line broke, that is as good
                if each.connection_id not in {self.dynamic.connection_id, self.good.connection_id}:
                    await hub.unlink(each)
        await hub.quiet()

    def _operations(self) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
        hub = self.hub
        for path in ("link/token/create", "link/token/get", "item/public_token/exchange"):
            yield f"/{path}", lambda: hub.link(GOOD)
        yield "/link/token/get", lambda: hub.mend(self.dynamic)
        for path in ("transactions/sync", "item/get", "accounts/get"):
            yield f"/{path}", lambda: hub.sync(self.dynamic)
        for path in ("investments/transactions/get", "investments/holdings/get"):
            yield f"/{path}", lambda: hub.sync(self.good)
        yield "/transactions/refresh", self._refresh
        yield "/item/remove", self._part_with_another
        yield "/webhook_verification_key/get", self._open_letter

    async def _refresh(self) -> None:
        await self.hub.live.refresh(await self.hub.access(self.dynamic))

    async def _part_with_another(self) -> None:
        await self.hub.unlink(await self.hub.link(GOOD))

    async def _open_letter(self) -> None:
        keys = self.hub.sandbox.plaid.keys
        self.hub.sandbox.run(keys.rotate)
        letter = Delivery({"plaid-verification": keys.signed(b"{}")}, b"{}", self.hub.clock.now())
        await self.hub.live.verify_webhook(letter)


async def live_busily(settings: Settings, sandbox: Sandbox, clock: HandClock, ears: Ears) -> Busy:
    async with opened_hub(settings, sandbox, clock, transport=ears) as hub:
        dynamic, good = await hub.link(DYNAMIC), await hub.link(GOOD)
        busy = Busy(hub, dynamic, good)
        await hub.quiet()
        for kind in FAILING:
            await busy.fail(kind)
        await hub.mend(dynamic)
        await hub.unlink(good)
        busy.failures.append(await failure(hub.sync(good)))
        return busy


def new_sandbox(clock: Callable[[], datetime] = lambda: NOW) -> Sandbox:
    world = World(11, people=0, firms=0, begins=date(2026, 1, 1), now=NOW)
    return Sandbox(world, plaid=Options(limits=Regime.OFF, client=CLIENT), clock=clock)


def test_after_a_busy_life_no_secret_is_anywhere_but_sealed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = Settings(home=str(home))
    keyring.create(home / keyring.FILE_NAME)
    clock, ears = HandClock(NOW), Ears()
    with installation.database(settings) as conninfo, new_sandbox(clock.now) as sandbox:
        with every_logger_at_debug() as choir, process_list() as shown:
            busy = asyncio.run(live_busily(settings, sandbox, clock, ears))
        rows = list(table_rows(conninfo))
    secrets = ears.tokens | {CLIENT[1], PASSWORD}
    kinds = {token.partition("-")[0] for token in ears.tokens}
    assert kinds == {"access", "public", "link"}
    assert len(busy.failures) >= 6 * len(FAILING), "too few operations failed"
    for failure_told in busy.failures:
        assert not sung(failure_told, secrets)
    assert choir.said
    assert not sung("\n".join(choir.said), secrets)
    assert len(shown) > 3, "the database's processes at least"
    assert not sung("\n".join(shown), secrets)
    assert {"caudal.credential", "caudal.observation", "caudal.run"} <= {table for table, _ in rows}
    assert [(table, sung(row, secrets)) for table, row in rows if sung(row, secrets)] == []
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) > 500, "its database lies there"
    assert [str(path) for path in files if sung(path.read_bytes(), secrets)] == []


def test_the_command_shows_no_secret_to_whoever_looks_on(settings: Settings, tmp_path: Path) -> None:
    caudal = Command(settings, tmp_path)
    with new_sandbox() as sandbox, process_list() as shown:
        environ = {
            "CAUDAL_PLAID_CLIENT_ID": CLIENT[0],
            "CAUDAL_PLAID_SECRET": CLIENT[1],
            "CAUDAL_PLAID_ENVIRONMENT": "sandbox",
            "CAUDAL_PLAID_URL": sandbox.url,
            "CAUDAL_SANDBOX_URL": sandbox.url,
            "CAUDAL_HTTP_BACKOFF_MS_FIRST": "1",
            "CAUDAL_PREPARING_POLL_MS": "1",
        }
        link = ("link", "plaid", "--institution", "ins_109508", "--sandbox-user", "user_good")
        told = [caudal(*link, **environ)]
        (item,) = sandbox.plaid.items
        for kind, params in FAILING.items():
            sandbox.run(
                lambda kind=kind, params=params: sandbox.faults.add(
                    Fault(kind, provider="plaid", params=params)
                )
            )
            told.append(caudal("sync", "--all", "--json", **environ))
            sandbox.faults.clear()
        told.append(caudal(*link, **environ))
        told += [caudal(*name, **environ) for name in (("connections",), ("connections", "--json"))]
        told.append(caudal("unlink", "First Platypus Bank", "--yes", **environ))
    assert len({done.code for done in told}) > 3, "every failure has a code of its own"
    assert told[-1].code == 0, told[-1]
    secrets = {item.access_token, CLIENT[1], *(each.token for each in sandbox.plaid.tokens)}
    said = "\n".join(f"{done.out}\n{done.err}" for done in told)
    assert not sung(said, secrets)
    assert not TOKEN.search(said)
    assert any("\0sync\0" in line for line in shown), "nobody looked"
    assert not sung("\n".join(shown), secrets)
    assert not TOKEN.search("\n".join(shown))


@pytest.mark.parametrize("form", [0, 1, 2, 3])
def test_a_secret_is_found_in_whatever_form_it_is_left_lying_about(form: int) -> None:
    token = "access-sandbox-5b1f7a30-1111-4222-8333-944455556666"
    assert sung(b"before " + forms(token)[form] + b" after", {token, "another"}) == {token}
    assert not sung(b"before after", {token})
