"""What is logged says what it is about, on one line, and no secret: not ours, not a library's, not in an exception."""

import asyncio
import contextlib
import io
import json
import logging
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import procrastinate
import psycopg
import pytest
import structlog
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from procrastinate.testing import InMemoryConnector
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from caudal.observe import logs
from caudal.observe.context import about, current, request_id

CANARY = "CANARY-4fd1c7"
TOKEN = f"access-sandbox-{CANARY}"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJpYXQiOjF9.c2lnbmF0dXJl"
LIBRARIES = (
    "httpx",
    "httpcore",
    "psycopg.pool",
    "procrastinate",
    "uvicorn.access",
    "uvicorn.error",
    "structlog_by_hand",
)


class Log:
    """What went out, as text and as objects."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def logging_to(stream: io.StringIO, level: str = "debug") -> Iterator[Log]:
    """Configured as a process is, and afterwards as it was."""
    loggers = [
        logging.root,
        *map(logging.getLogger, ("caudal", *LIBRARIES, "psycopg", "uvicorn", "asyncio", "alembic")),
    ]
    before = [(each, each.level, list(each.handlers), each.propagate) for each in loggers]
    hooks = sys.excepthook, threading.excepthook
    try:
        logs.configure(level, stream)
        yield Log(stream)
    finally:
        sys.excepthook, threading.excepthook = hooks
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
        for each, was, handlers, propagate in before:
            each.setLevel(was)
            each.handlers[:] = handlers
            each.propagate = propagate


@pytest.fixture
def log() -> Iterator[Log]:
    with logging_to(io.StringIO()) as there:
        yield there


def test_a_line_is_one_object_with_its_fields(log: Log) -> None:
    logs.logger("caudal.test").info("run ended", outcome="complete", pages=3, of=None, ok=True)
    (line,) = log.lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "run ended", "level": "info", "logger": "caudal.test", "outcome": "complete", "pages": 3, "of": None, "ok": True}  # fmt: skip


def test_lines_say_what_they_are_about_wherever_the_work_goes(log: Log) -> None:
    space, connection = uuid4(), uuid4()

    async def deep() -> None:
        await asyncio.sleep(0)
        logging.getLogger("caudal.test").warning("by stdlib")
        with about(run=UUID(int=7)):
            logs.logger("caudal.test").info("by structlog")

    async def work() -> None:
        with about(request_id="request-1", job=5):
            with about(space=space, connection=connection):
                await asyncio.gather(asyncio.create_task(deep()))
            logs.logger("caudal.test").info("after")
        assert current() == {}

    asyncio.run(work())
    by_stdlib, by_structlog, after = log.lines
    within = {"request_id": "request-1", "job": "5", "space": str(space), "connection": str(connection)}
    assert within.items() <= by_stdlib.items()
    assert {**within, "run": str(UUID(int=7))}.items() <= by_structlog.items()
    assert "run" not in by_stdlib
    assert "space" not in after
    assert after["job"] == "5"


def test_two_tasks_at_once_keep_to_their_own(log: Log) -> None:
    async def one(name: str) -> None:
        with about(request_id=name):
            for _ in range(3):
                await asyncio.sleep(0)
                logs.logger("caudal.test").info(name)

    async def work() -> None:
        await asyncio.gather(one("request-a"), one("request-b"))

    asyncio.run(work())
    assert [line["event"] for line in log.lines] == [line["request_id"] for line in log.lines]


@pytest.mark.parametrize("offered", ["abcdefgh", "0f2a-77:b.c_d"])
def test_a_request_keeps_the_name_it_came_with(offered: str) -> None:
    assert request_id(offered) == offered


@pytest.mark.parametrize(
    "offered", [None, "", "short", "x" * 65, "two words", "line\nfeed", "é" * 10, TOKEN, JWT]
)
def test_what_is_no_name_is_replaced(offered: str | None) -> None:
    made = request_id(offered)
    assert made != offered
    assert request_id(made) == made


def test_the_level_is_kept_and_libraries_are_quiet_below_warning() -> None:
    with logging_to(io.StringIO(), "warning") as log:
        logs.logger("caudal.test").info("no")
        logs.logger("caudal.test").warning("yes")
    with logging_to(io.StringIO(), "debug") as debug:
        logging.getLogger("caudal.test").debug("ours")
        for name in LIBRARIES:
            logging.getLogger(name).info("not theirs")
            logging.getLogger(name).warning("theirs")
    assert [line["event"] for line in log.lines] == ["yes"]
    assert [line["event"] for line in debug.lines] == ["ours", *["theirs"] * len(LIBRARIES)]


SECRETS = {
    "a provider's token": TOKEN,
    "a header": f"Bearer {CANARY}",
    "a signed token": JWT,
    "a signing secret": f"whsec_{CANARY}",
    "a password in a URL": f"postgresql://caudal:{CANARY}@db/caudal",
    "a password in a conninfo": f"host=db user=caudal password={CANARY} dbname=caudal",
    "a query": f"GET https://api.example/v1/items?code={CANARY}&state=1",
    "a relative query": f"/callback?state=ok&code={CANARY}",
    "a card": "4111 1111 1111 1111",
    "a card before a number": "4111111111111111 12 times",
    "another card": "3782-822463-10005",
    "a CPF": "529.982.247-25",
    "a plain CPF": "52998224725",
    "a CNPJ": "11.222.333/0001-81",
    "a plain CNPJ": "11222333000181",
    "a CNPJ with letters": "12ABC34501DE35",
    "an IBAN": "DE89370400440532013000",
    "a printed IBAN": "GB29 NWBK 6016 1331 9268 19",
    "a printed IBAN before a word": "NO93 8601 1117 947 GONE",
}  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "where", ["event", "field", "nested", "argument", "stdlib", "exception", "cause", "note"]
)
def test_a_secret_is_not_written_wherever_it_stands(log: Log, name: str, where: str) -> None:
    secret = SECRETS[name]
    ours = logs.logger("caudal.test")
    match where:
        case "event":
            ours.info(f"about {secret}")
        case "field":
            ours.info("about", what=secret)
        case "nested":
            ours.info("about", what=[{"inner": (secret, {secret: secret})}])
        case "argument":
            ours.info("about %s", secret)
        case "stdlib":
            logging.getLogger("elsewhere").warning("about %(it)s", {"it": secret})
        case _:
            try:
                raised(secret, where)
            except ValueError:
                ours.exception("failed")
    assert log.lines[0]["level"] in {"info", "warning", "error"}
    assert CANARY not in log.text
    assert secret.removesuffix(" GONE").removesuffix(" 12 times") not in log.text


def raised(secret: str, where: str) -> None:
    """Raise it, with the secret in a local besides."""
    local = secret
    if where == "cause":
        raise ValueError("outer") from RuntimeError(local)
    error = ValueError(local if where == "exception" else "outer")
    error.add_note(f"a note: {local}")
    raise error


@pytest.mark.parametrize(
    "name", ["access_token", "secret", "client_secret", "password", "Authorization", "api_key", "cookie"]
)
@pytest.mark.parametrize("value", ["plain words", 1234, ["a"], {"b": "c"}, b"bytes", uuid4()])
def test_what_goes_by_a_secrets_name_is_not_written_whatever_it_is(
    log: Log, name: str, value: object
) -> None:
    logs.logger("caudal.test").info("x", **{name: value}, within={name: value})
    (line,) = log.lines
    assert line[name] == "***"
    assert line["within"] == {name: "***"}


def test_what_is_no_secret_stays_readable(log: Log) -> None:
    said = {
        "a": "ITEM_LOGIN_REQUIRED: the login details of this item have changed",
        "b": str(uuid4()),
        "c": "2026-03-02T10:00:00Z",
        "d": 1_772_446_800_000,
        "e": "4111111111111112",
        "f": "12345678901",
        "g": "is it so? yes",
        "h": 12.5,
    }
    logs.logger("caudal.test").info("x", **said)
    assert said.items() <= log.lines[0].items()


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.uuids() | st.datetimes(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner),
        max_leaves=12,
    )
)  # fmt: skip
def test_whatever_is_said_comes_out_as_one_line(value: object) -> None:
    with logging_to(io.StringIO()) as log:
        logs.logger("caudal.test").info("x", value=value)
        logging.getLogger("caudal.test").info("%s", value)
    assert len(log.lines) == 2
    assert all("lost" not in line["event"] for line in log.lines)


def test_an_exception_is_told_by_kind_words_and_places_and_never_by_locals_or_source(log: Log) -> None:
    def fails(token: str) -> None:
        raise KeyError("outer") from ValueError(f"{len(token)} characters")

    try:
        fails(CANARY)
    except KeyError:
        logging.getLogger("elsewhere").exception("it failed")
        logs.logger("caudal.test").error("it failed", exc_info=True)
    for line in log.lines:
        outer, cause = line["exception"]
        assert (outer["kind"], cause["kind"], cause["said"]) == ("KeyError", "ValueError", "13 characters")
        assert outer["frames"][-1].startswith("tests/unit/test_logs.py:")
        assert outer["frames"][-1].endswith(" in fails")
    assert CANARY not in log.text
    assert "raise KeyError" not in log.text


def test_what_was_hidden_on_purpose_stays_hidden_and_groups_are_told(log: Log) -> None:
    try:
        try:
            raise ValueError("out of sight")  # noqa: TRY301
        except ValueError:
            raise ExceptionGroup("both", [RuntimeError(f"secret={CANARY}"), OSError("two")]) from None
    except ExceptionGroup:
        logs.logger("caudal.test").exception("it failed")
    ((shown,),) = (line["exception"] for line in log.lines)
    assert [inner[0]["kind"] for inner in shown["group"]] == ["RuntimeError", "OSError"]
    assert "out of sight" not in log.text
    assert CANARY not in log.text


def test_a_terminal_gets_it_readable_and_redacted() -> None:
    with logging_to(Terminal()) as log:
        try:
            raised(TOKEN, "cause")
        except ValueError:
            logs.logger("caudal.test").exception("it failed", subject=TOKEN, pages=3)
    assert "it failed" in log.text
    assert "caused by RuntimeError: ***" in log.text
    assert "test_logs.py" in log.text
    assert CANARY not in log.text
    assert "local = " not in log.text


def test_a_line_that_cannot_be_made_shows_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(io.StringIO()) as log:
        logging.getLogger("caudal.test").info("%s and %s", TOKEN)  # noqa: PLE1206
    (line,) = log.lines
    assert (line["event"], line["why"], line["logger"]) == (
        "a line of the log was lost",
        "TypeError",
        "caudal.test",
    )
    shown = capsys.readouterr()
    assert CANARY not in log.text + shown.err + shown.out


def test_what_cannot_say_its_words_is_still_told(log: Log) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError(TOKEN)

    try:
        raise Mute  # noqa: TRY301
    except Mute:
        logs.logger("caudal.test").exception("it failed")
    assert log.lines[0]["exception"][0]["said"] == "(what it says can't be told: RuntimeError)"


def test_what_nobody_caught_goes_the_same_way(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError(TOKEN)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn_explicit(f"old: {TOKEN}", DeprecationWarning, "somewhere.py", 1)
    assert log.lines[2]["logger"] == "py.warnings"
    assert [line["event"] for line in log.lines[:2]] == ["ended by an exception"] * 2
    assert CANARY not in log.text + capsys.readouterr().err


def test_structlog_used_past_us_goes_the_same_way(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    """structlog's own defaults print to standard output, exceptions with their locals."""
    try:
        raised(TOKEN, "exception")
    except ValueError:
        structlog.get_logger("structlog_by_hand").exception("it failed", token=CANARY)
    assert log.lines[0]["event"] == "it failed"
    assert CANARY not in log.text + capsys.readouterr().out


def test_unconfigured_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    logs.logger("caudal.test").error("about", what=TOKEN)
    shown = capsys.readouterr()
    assert shown.out + shown.err == ""


def loudly() -> None:
    """As if somebody had turned every library up."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG)


async def _calls(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url, params={"code": CANARY}, headers={"Authorization": f"Bearer {CANARY}"})
        try:
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            logging.getLogger("elsewhere").warning("it said %s", error, exc_info=True)


async def _refuses(request: Request) -> Response:
    return PlainTextResponse("no", 401)


async def _breaks(request: Request) -> Response:
    raise ValueError(f"{request.url} {request.headers['authorization']}")


@pytest.mark.parametrize(("loud", "access_log"), [(False, False), (True, True)])
def test_neither_httpx_nor_uvicorn_writes_a_query_or_a_header(log: Log, loud: bool, access_log: bool) -> None:
    """Measured: httpx's line at INFO and its HTTPStatusError hold the query; uvicorn's access log holds it too."""

    async def work() -> None:
        app = Starlette(routes=[Route("/callback", _refuses), Route("/breaks", _breaks)])
        config = uvicorn.Config(app, **{**logs.SERVER, "access_log": access_log}, lifespan="off")
        server = uvicorn.Server(config)
        if loud:
            loudly()
            logging.root.setLevel(logging.DEBUG)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = asyncio.create_task(server.serve([listening]))
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            await _calls(f"{address}/callback")
            await _calls(f"{address}/breaks")
            server.should_exit = True
            await serving

    asyncio.run(work())
    logged = {line["logger"] for line in log.lines}
    assert {"elsewhere", "uvicorn.error"} <= logged
    assert ({"httpx", "uvicorn.access"} <= logged) is loud
    assert "/callback" in log.text
    assert CANARY not in log.text


def test_a_database_error_is_told_by_its_code_and_constraint(log: Log) -> None:
    """Measured: the DETAIL of a unique violation quotes the row. Built as psycopg builds it from the server's answer."""
    error = psycopg.errors.UniqueViolation(
        f'duplicate key value violates unique constraint "x"\nDETAIL:  Key (name)=({CANARY}) already exists.'
    )
    logging.getLogger("psycopg.pool").warning("error connecting in %r: %s", "pool-1", error)
    logging.getLogger("psycopg.pool").warning(f"said: {error}")
    quoted = psycopg.errors.InvalidTextRepresentation(f'invalid input syntax for type uuid: "{CANARY}"')
    logging.getLogger("psycopg.pool").warning("error connecting in %r: %s", "pool-1", quoted)
    logs.logger("caudal.test").info("x", error=error)
    try:
        raise error
    except psycopg.Error:
        logs.logger("caudal.test").exception("it failed")
    assert [line["level"] for line in log.lines] == ["warning", "warning", "warning", "info", "error"]
    assert log.lines[2]["event"] == "error connecting in 'pool-1': SQLSTATE 22P02"
    assert log.lines[4]["exception"][0]["said"] == "SQLSTATE 23505"
    assert CANARY not in log.text


def test_a_pool_that_cannot_connect_tells_no_password(log: Log) -> None:
    async def work() -> None:
        conninfo = f"postgresql://caudal:{CANARY}@127.0.0.1:1/caudal"
        pool = AsyncConnectionPool(conninfo, min_size=1, open=False, timeout=0.3, reconnect_timeout=0.1)
        try:
            await pool.open(wait=True, timeout=0.5)
        except Exception:
            logging.getLogger("caudal.test").exception("no pool with %s", conninfo)
        await pool.close()

    loudly()
    asyncio.run(work())
    assert {"psycopg.pool", "caudal.test"} <= {line["logger"] for line in log.lines}
    assert CANARY not in log.text


def test_a_job_that_fails_is_told_without_a_secret(log: Log) -> None:
    """procrastinate logs a job with its arguments: those are ids alone, and its exception goes the common way."""
    queue = procrastinate.App(connector=InMemoryConnector())

    @queue.task(name="fails")
    async def fails(connection: str) -> None:
        raise ValueError(f"{connection} {TOKEN}")

    async def work() -> None:
        async with queue.open_async():
            await fails.defer_async(connection="0199-connection")
            await queue.run_worker_async(wait=False, install_signal_handlers=False)

    loudly()
    asyncio.run(work())
    assert "0199-connection" in log.text
    failed = [line for line in log.lines if "exception" in line]
    assert failed[0]["exception"][0]["said"] == "0199-connection ***"
    assert CANARY not in log.text
