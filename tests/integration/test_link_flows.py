"""The ways to link at the command line, through a made-up provider: fields, a redirect to us, a widget with a webhook."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.support.asking_links import CODE, STATE, AskingProvider

from caudal.cli import linking
from caudal.cli.linking import LinkWish
from caudal.cli.main import main
from caudal.hub import connections, installation, links, spaces
from caudal.hub.webhooks import Acceptor, Verdict
from caudal.model.errors import ConflictError
from caudal.providers import registry
from caudal.providers.base import Delivery, Fields, LinkSignal, LinkState, Visit
from caudal.settings import Settings, load

ADDRESS = "https://hub.example/link/callback"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def link(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`caudal link alder` in this process, where Alder is the provider given."""

    def run(alder: AskingProvider, *options: str, said: str = "", **environ: str) -> Result:
        @asynccontextmanager
        async def opened(*_: object):
            yield alder

        monkeypatch.setattr(registry, "opened", opened)
        base = {"CAUDAL_HOME": settings.home, "DATABASE_URL": settings.database_url}
        return CliRunner().invoke(main, ["link", "alder", *options], input=said, env=base | environ)

    return run


def visit(**more: object) -> Visit:
    return Visit("https://alder.example", LinkState("new"), datetime.now(UTC), returns=STATE, **more)


def come_back(port: int, *queries: str) -> "threading.Thread":
    """A browser that, once somebody listens, asks for each of these in turn; what it is answered is in its `seen`."""
    seen: list[int] = []

    def browse() -> None:
        base = f"http://127.0.0.1:{port}"
        for query in queries:
            for _ in range(400):
                try:
                    seen.append(httpx.get(f"{base}{query}", trust_env=False).status_code)
                    break
                except httpx.TransportError:
                    time.sleep(0.02)
            time.sleep(0.3)

    thread = threading.Thread(target=browse, daemon=True)
    thread.seen = seen  # type: ignore[attr-defined]
    thread.start()
    return thread


def test_fields_are_asked_for_in_rounds_a_line_of_standard_input_each(link: Callable[..., Result]) -> None:
    alder = AskingProvider("fields")
    done = link(alder, "--json", said="the-key\nCANARY-secret\n123456\n")
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads(done.stdout)["connection"]["label"] == "Alder Bank"
    first, second = alder.answers
    assert isinstance(first, Fields)
    assert isinstance(second, Fields)
    assert dict(first.values) == {"key": "the-key", "secret": "CANARY-secret"}
    assert dict(second.values) == {"otp": "123456"}
    assert "a code is on its way" in done.stderr
    assert "CANARY" not in done.output + repr(alder.answers)


def test_a_secret_field_is_not_echoed_at_a_terminal(
    link: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: dict[str, bool] = {}

    def prompt(what: str, *, hide_input: bool, err: bool) -> str:
        hidden[what] = hide_input
        return "typed"

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(linking.click, "prompt", prompt)
    monkeypatch.setattr(linking.sys, "stdin", Terminal())
    ask = linking.Ask({"key": "a key", "secret": "a secret"}, LinkState(""), frozenset({"secret"}))
    assert dict(asyncio.run(linking._asked(LinkWish("brook"), ask)).values) == {
        "key": "typed",
        "secret": "typed",
    }
    assert hidden == {"a key": False, "a secret": True}


def test_a_field_nobody_answers_ends_it_and_names_the_field(link: Callable[..., Result]) -> None:
    done = link(AskingProvider("fields"), said="the-key\n")
    assert done.exit_code != 0
    assert "secret is asked for" in str(done.exception)


def test_a_redirect_is_heard_on_this_machine_and_nothing_else_is(link: Callable[..., Result]) -> None:
    alder, port = AskingProvider("redirect"), free_port()
    back = "/link/callback"
    browser = come_back(
        port,
        "/favicon.ico",
        f"{back}?code={CODE}&state=another",
        f"{back}?code={CODE}",
        f"{back}?code={CODE}&state={STATE}&state=another",
        f"{back}?code={CODE}&state={STATE}",
    )
    done = link(alder, CAUDAL_RETURN_PORT=str(port))
    assert done.exit_code == 0, (done.output, done.exception)
    browser.join(5)
    assert browser.seen == [404, 400, 400, 400, 200]  # type: ignore[attr-defined]
    assert alder.requests[0].return_url == f"http://127.0.0.1:{port}{back}"
    (answer,) = alder.answers
    assert isinstance(answer, Fields)
    assert dict(answer.values) == {"code": CODE}
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port}{back}?code={CODE}&state={STATE}", trust_env=False)
    assert CODE not in done.output


def test_the_address_one_was_sent_to_can_be_pasted(link: Callable[..., Result]) -> None:
    alder = AskingProvider("redirect")
    done = link(alder, said=f"{ADDRESS}?code={CODE}&state={STATE}\n", CAUDAL_RETURN_URL=ADDRESS)
    assert done.exit_code == 0, (done.output, done.exception)
    assert alder.requests[0].return_url == ADDRESS
    assert CODE not in done.output


def test_a_refusal_at_the_bank_is_told_in_its_words(link: Callable[..., Result]) -> None:
    done = link(AskingProvider("redirect"), "--paste", said=f"{ADDRESS}?error=access_denied&state={STATE}\n")
    assert "the bank said access_denied" in str(done.exception)


def test_nobody_coming_back_ends_it_in_time(link: Callable[..., Result]) -> None:
    alder = AskingProvider("redirect", timedelta(milliseconds=200))
    done = link(alder, CAUDAL_RETURN_PORT=str(free_port()))
    assert "nobody came back" in str(done.exception)


def test_a_port_that_is_taken_is_told_with_what_to_do(link: Callable[..., Result]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = link(AskingProvider("redirect"), CAUDAL_RETURN_PORT=str(taken.getsockname()[1]))
    assert "CAUDAL_RETURN_PORT" in str(done.exception)


@pytest.mark.parametrize(
    "address",
    [
        f"{ADDRESS}?code=1",
        f"{ADDRESS}?code=1&state=another",
        f"{ADDRESS}?code=1&code=2&state={STATE}",
        f"{ADDRESS}?code=1&state={STATE}&state=another",
        "",
        "http://[",
    ],
)
def test_an_address_that_is_not_the_end_of_this_link_is_refused(address: str) -> None:
    with pytest.raises(ConflictError, match="nothing was linked"):
        links.returned(visit(), address)


def test_a_link_that_waits_for_no_redirect_takes_none() -> None:
    waiting = Visit("https://alder.example", LinkState("new"), datetime.now(UTC))
    with pytest.raises(ConflictError):
        links.returned(waiting, f"{ADDRESS}?state=&code=1")


def test_a_widget_s_webhook_ends_the_link_that_waits_for_it(
    link: Callable[..., Result], settings: Settings
) -> None:
    alder = AskingProvider("widget")

    async def deliver() -> None:
        async with installation.opened(settings) as opened:
            acceptor = Acceptor(opened, {"alder": alder})
            for session, item in (("session-2", "not-mine"), ("session-1", "item-7")):
                body = msgspec.json.encode(LinkSignal(session, {"item": item}))
                delivery = Delivery({"alder": "genuine"}, body, datetime.now(UTC))
                assert await acceptor.accept("alder", delivery) is Verdict.ACCEPTED
            await acceptor.close()

    def later() -> None:
        while not alder.requests:
            time.sleep(0.02)
        time.sleep(0.3)
        asyncio.run(deliver())

    mail = threading.Thread(target=later, daemon=True)
    mail.start()
    done = link(alder, "--json")
    mail.join(5)
    assert done.exit_code == 0, (done.output, done.exception)
    assert [dict(each.values) for each in alder.answers if isinstance(each, Fields)] == [{"item": "item-7"}]


def test_what_mends_a_link_may_bring_other_secrets(link: Callable[..., Result], settings: Settings) -> None:
    for options in ((), ("--relink", "Alder Bank")):
        done = link(AskingProvider("fields"), *options, said="k\ns\n1\n")
        assert done.exit_code == 0, (done.output, done.exception)

    async def token() -> bytes:
        environ = {"CAUDAL_HOME": settings.home, "DATABASE_URL": settings.database_url}
        async with installation.opened(load(environ)) as opened:
            space = await spaces.chosen(opened.store, None)
            (connection,) = await connections.linked(opened, space)
            return (await connections.access(opened, space, connection)).secrets["token"]

    assert asyncio.run(token()) == b"CANARY-newer-token"


def test_a_provider_that_redirects_nobody_is_told_no_address_of_ours(link: Callable[..., Result]) -> None:
    alder = AskingProvider("fields")
    alder.capabilities = frozenset()  # type: ignore[misc]
    done = link(alder, said="k\ns\n1\n", CAUDAL_PUBLIC_URL="https://hub.example")
    assert done.exit_code == 0, (done.output, done.exception)
    assert (alder.requests[0].return_url, alder.requests[0].webhook_url) == (None, None)
