"""Whatever the other side does with the connection ends in an answer or in one error of the family."""

import asyncio
import gzip
import logging
import ssl
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.tcp import listening
from tests.unit.providers.http.wire import (
    Bench,
    Script,
    Wire,
    against,
    call,
    cut,
    drip,
    endless,
    reply,
    reset,
    silence,
)

from caudal.model.errors import Malformed, ProviderError, Refused, Unavailable
from caudal.providers.http import Answer, HttpBounds

DAY = timedelta(days=1)
ONCE = call(repeatable=False)
SMALL = HttpBounds(body_bytes_max=10_000)


def error_of(scripts: Script | list[Script], bounds: HttpBounds | None = None) -> tuple[ProviderError, Bench]:
    """What a call that is not repeated ends in."""

    async def act(wire: Wire, bench: Bench) -> tuple[ProviderError, Bench]:
        with pytest.raises(ProviderError) as caught:
            await bench.http.send(ONCE)
        assert caught.value.__context__ is None, "httpx's error holds the request and its headers"
        return caught.value, bench

    return against(scripts, act, bounds=bounds)


def answer_to(script: Script, bounds: HttpBounds | None = None, **more: object) -> Answer:
    async def act(wire: Wire, bench: Bench) -> Answer:
        return await bench.http.send(call(**more))

    return against(script, act, bounds=bounds)


# --- What arrives ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 400, 404, 501])
def test_a_complete_answer_is_returned_whatever_its_status(status: int) -> None:
    answer = answer_to(reply(status, b'{"a": 1}', {"X-Kind": "river"}), repeatable=False)
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (status, b'{"a": 1}', "river")


def test_what_is_asked_reaches_the_provider_as_given() -> None:
    async def act(wire: Wire, bench: Bench) -> bytes:
        await bench.http.send(
            call(path="/v1/feed", query={"from": "2026-03-02"}, headers={"X-Only": "here"}, body=b"xyz")
        )
        return wire.asked[0]

    asked = against(reply(), act, headers={"X-Secret": "always"})
    assert asked.startswith(b"POST /v1/feed?from=2026-03-02 HTTP/1.1\r\n")
    assert asked.endswith(b"\r\n\r\nxyz")
    assert b"X-Only: here" in asked
    assert b"X-Secret: always" in asked
    assert b"Accept-Encoding: gzip\r\n" in asked


def test_a_base_url_keeps_its_path() -> None:
    async def run() -> bytes:
        async with Wire(reply()) as wire:
            bench = Bench(wire.url + "/below")
            async with bench.http:
                await bench.http.send(call(path="/feed"))
            return wire.asked[0]

    assert asyncio.run(run()).startswith(b"POST /below/feed HTTP/1.1\r\n")


def test_a_chunked_body_arrives_whole() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert answer_to(chunked).body == b"abcde"


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZIP"])
def test_a_packed_body_is_unpacked(name: str) -> None:
    body = b"river " * 10_000
    assert answer_to(reply(200, gzip.compress(body), {"Content-Encoding": name})).body == body


def test_gzip_members_in_a_row_are_one_body() -> None:
    packed = gzip.compress(b"upper ") + gzip.compress(b"") + gzip.compress(b"lower")
    assert answer_to(reply(200, packed, {"Content-Encoding": "gzip"})).body == b"upper lower"


def test_a_packed_body_may_be_empty() -> None:
    assert answer_to(reply(204, b"", {"Content-Encoding": "gzip"})).body == b""


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_of_exactly_the_bound_is_taken_and_one_byte_more_is_not(packed: bool) -> None:
    def told(size: int) -> bytes:
        body = b"x" * size
        return reply(200, gzip.compress(body), {"Content-Encoding": "gzip"}) if packed else reply(200, body)

    assert len(answer_to(told(10_000), SMALL).body) == 10_000
    error, bench = error_of(told(10_001), SMALL)
    assert isinstance(error, Malformed)
    assert "10000 bytes" in error.why
    assert bench.outcomes == ["unreadable"]


def test_one_connection_serves_calls_in_a_row() -> None:
    async def act(wire: Wire, bench: Bench) -> int:
        for _ in range(3):
            await bench.http.send(call())
        return wire.connections

    assert against(reply(), act) == 1


def test_a_cookie_is_not_carried_to_the_next_call() -> None:
    async def act(wire: Wire, bench: Bench) -> bytes:
        await bench.http.send(call())
        await bench.http.send(call())
        return wire.asked[1]

    assert b"cookie" not in against(reply(headers={"Set-Cookie": "whose=somebody; Path=/"}), act).lower()


# --- What doesn't ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        cut(b""),
        cut(b"HTTP/1.1 200 OK\r\nContent-Le"),
        cut(reply(200, b"abc", length=10)),
        cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
        reset(b""),
        reset(reply(200, b"abc", length=10)),
        cut(b"SSH-2.0-river\r\n"),
        cut(b"HTTP/1.1 two hundred\r\n\r\n"),
        cut(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
        cut(b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 200_000 + b"\r\n\r\n"),
        cut(reply(200, gzip.compress(b"river " * 100)[:-20], {"Content-Encoding": "gzip"})),
    ],
    ids=[
        "closed-at-once", "cut-in-head", "cut-in-body", "cut-in-chunk", "reset-at-once", "reset-in-body", "no-http",
        "no-status", "negative-length", "endless-header", "cut-gzip",
    ],
)  # fmt: skip
def test_an_answer_that_does_not_arrive_whole_is_no_answer(script: Script) -> None:
    error, bench = error_of(script)
    assert type(error) is Unavailable
    assert str(error).startswith("riverbank feed: ")
    assert bench.outcomes == ["broken"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
def test_a_redirect_is_never_followed(status: int) -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[str, int]:
        elsewhere = reply(status, b"", {"Location": f"{wire.url}/elsewhere?code=CANARY"})
        wire.scripts[:] = [elsewhere]
        with pytest.raises(Unavailable) as caught:
            await bench.http.send(ONCE)
        return str(caught.value), len(wire.asked)

    text, asked = against(b"", act)
    assert asked == 1
    assert str(status) in text
    assert "elsewhere" not in text


def test_a_body_without_end_is_left_at_the_bound() -> None:
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    script = endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", piece)
    error, _ = error_of(script, HttpBounds(body_bytes_max=1_000_000))
    assert isinstance(error, Malformed)


def test_a_packed_bomb_never_unpacks_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    real = zlib.decompressobj

    class Watched:
        def __init__(self, window: int) -> None:
            self._member = real(window)

        def __getattr__(self, name: str) -> object:
            return getattr(self._member, name)

        def decompress(self, data: bytes, room: int) -> bytes:
            nonlocal largest
            piece = self._member.decompress(data, room)
            largest = max(largest, len(piece))
            return piece

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    bomb = gzip.compress(b"\0" * 50_000_000)
    error, _ = error_of(reply(200, bomb, {"Content-Encoding": "gzip"}), HttpBounds(body_bytes_max=1_000_000))
    assert isinstance(error, Malformed)
    assert 0 < largest <= 1_000_001


@pytest.mark.parametrize("packing", ["br", "deflate", "gzip, gzip", "zstd"])
def test_a_packing_that_was_not_asked_for_is_refused(packing: str) -> None:
    error, _ = error_of(reply(200, b"abc", {"Content-Encoding": packing}))
    assert isinstance(error, Malformed)


def test_a_body_that_is_not_the_gzip_it_claims_is_malformed() -> None:
    error, _ = error_of(reply(200, b"plain text", {"Content-Encoding": "gzip"}))
    assert isinstance(error, Malformed)


# --- Time -----------------------------------------------------------------------------------------------------


def test_silence_ends_after_its_bound() -> None:
    error, bench = error_of(silence, HttpBounds(read_seconds_max=1))
    assert type(error) is Unavailable
    assert "silent for 1 s" in str(error)
    assert bench.outcomes == ["timeout"]


def test_an_answer_that_drips_ends_with_the_time_of_the_call() -> None:
    async def act(wire: Wire, bench: Bench) -> str:
        with pytest.raises(Unavailable) as caught:
            await bench.http.send(call(repeatable=False, within=timedelta(seconds=0.3)))
        return str(caught.value)

    assert "within the 0.3 s that were left" in against(drip(reply(200, b"x" * 1000), 0.02), act)


def test_a_call_waits_for_a_connection_no_longer_than_for_silence() -> None:
    async def act(wire: Wire, bench: Bench) -> list[str]:
        first = asyncio.create_task(bench.http.send(call(repeatable=False, within=timedelta(seconds=3))))
        await asyncio.sleep(0.2)
        with pytest.raises(Unavailable, match="all 1 connections"):
            await bench.http.send(ONCE)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return bench.outcomes

    outcomes = against(
        drip(reply(200, b"x" * 1000), 0.02), act, bounds=HttpBounds(connections_max=1, read_seconds_max=1)
    )
    assert outcomes == ["busy", "cancelled"]


# --- No connection --------------------------------------------------------------------------------------------


def test_a_provider_that_is_not_there_is_unavailable() -> None:
    async def run() -> tuple[str, list[str]]:
        async with Wire(b"") as wire:
            url = wire.url
        bench = Bench(url, HttpBounds(retries_max=1))
        async with bench.http:
            with pytest.raises(Unavailable) as caught:
                await bench.http.send(ONCE)
        return str(caught.value), bench.outcomes

    text, outcomes = asyncio.run(run())
    assert "no connection" in text
    assert outcomes == ["unreachable"] * 2, "nothing had left, so even a call that must not be repeated is"


def test_a_name_that_can_not_be_resolved_is_said_to_be() -> None:
    async def run() -> str:
        bench = Bench("https://nowhere.invalid", HttpBounds(retries_max=1))
        async with bench.http:
            with pytest.raises(Unavailable) as caught:
                await bench.http.send(ONCE)
        return str(caught.value)

    assert "can't be resolved" in asyncio.run(run())


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(plain + certificate.public_bytes(pem))
    return path


def over_tls(server: ssl.SSLContext) -> tuple[ProviderError, list[str], list[bytes]]:
    async def run() -> tuple[ProviderError, list[str], list[bytes]]:
        received: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.append(await reader.read(1000))
            writer.close()

        async with listening(serve, server) as port:
            bench = Bench(f"https://localhost:{port}", HttpBounds(retries_max=1))
            async with bench.http:
                with pytest.raises(ProviderError) as caught:
                    await bench.http.send(call())
            await asyncio.sleep(0.05)
        return caught.value, bench.outcomes, received

    return asyncio.run(run())


def test_a_certificate_nobody_vouches_for_is_refused_loudly_and_once(own_certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(own_certificate)
    error, outcomes, received = over_tls(server)
    assert isinstance(error, Refused)
    assert "self-signed" in str(error)
    assert outcomes == ["untrusted"]
    assert received == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_older_than_1_2_is_not_spoken(own_certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(own_certificate)
    server.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    server.maximum_version = ssl.TLSVersion.TLSv1_1
    server.set_ciphers("ALL:@SECLEVEL=0")
    error, outcomes, _ = over_tls(server)
    assert type(error) is Unavailable
    assert "no TLS" in str(error)
    assert outcomes == ["unreachable"] * 2


# --- Nothing is left behind -----------------------------------------------------------------------------------


def test_a_cancelled_call_gives_its_connection_back() -> None:
    async def act(wire: Wire, bench: Bench) -> list[str]:
        for _ in range(5):
            hanging = asyncio.create_task(bench.http.send(call()))
            await asyncio.sleep(0.02)
            hanging.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hanging
        wire.scripts[:] = [reply()]
        await bench.http.send(call())
        return bench.outcomes

    outcomes = against(silence, act, bounds=HttpBounds(connections_max=1))
    assert outcomes == ["cancelled"] * 5 + ["fine"]


def test_every_failed_call_gives_its_connection_back() -> None:
    bad: list[Script] = [
        cut(b""),
        cut(reply(200, b"abc", length=10)),
        reply(302),
        reply(200, b"x" * 20_000),
        reply(200, b"abc", {"Content-Encoding": "br"}),
    ]

    async def act(wire: Wire, bench: Bench) -> int:
        for _ in bad:
            with pytest.raises(ProviderError):
                await bench.http.send(ONCE)
        return (await bench.http.send(ONCE)).status

    bounds = HttpBounds(connections_max=1, body_bytes_max=10_000, breaker_failures_max=100)
    assert against([*bad, reply()], act, bounds=bounds) == 200


def test_the_loggers_beneath_do_not_print_urls(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer_to(reply(), query={"cursor": "CANARY"}, headers={"X-Key": "CANARY"})
    assert "CANARY" not in caplog.text
    assert "riverbank feed: fine, status 200" in caplog.text


def test_a_transport_may_stand_in_for_the_wire() -> None:
    async def here(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, content=gzip.compress(await request.aread()), headers={"Content-Encoding": "gzip"}
        )

    async def run() -> bytes:
        async with Bench("https://bank.example", transport=httpx.MockTransport(here)).http as http:
            return (await http.send(call(body=b"echo"))).body

    assert asyncio.run(run()) == b"echo"
