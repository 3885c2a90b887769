"""A provider that delivers many webhooks over a few connections, each connection one after the other.

Every one is signed and written out before the first is sent; what is measured is the time from its first byte out to
the last byte of its answer in.
"""

import asyncio
import json
import time
from collections import Counter
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey

from caudal.providers.plaid.genuine import body_hash

BODY_BYTES: Final = 1_200
_SECONDS_MAX: Final = 300
_SETTLING_S: Final = 0.3
"""Until the server has accepted every connection."""


class Spec(msgspec.Struct, frozen=True):
    """`key`: the private key to sign with, whose id it is `kid`."""

    port: int
    count: int
    connections: int
    kid: str
    key: dict[str, str]
    name: str


class Delivered(msgspec.Struct, frozen=True):
    """How long it took, each and all; how often each status was answered."""

    wall_s: float
    p50_ms: float
    p99_ms: float
    answers: dict[int, int]


class _Line(asyncio.Protocol):
    """One connection: sends the next request when the last is answered."""

    def __init__(self, requests: list[bytes], took_s: list[float], answers: Counter[int]) -> None:
        self._requests = requests
        self._took_s = took_s
        self._answers = answers
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def start(self) -> None:
        """Send the first."""
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, _ = self._buffer.partition(b"\r\n\r\n")
        if end:  # no answer has a body
            self._took_s.append(time.perf_counter() - self._sent)
            self._answers[int(head.split(b" ", 2)[1])] += 1
            self._buffer = b""
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def _next(self) -> None:
        assert self._transport is not None
        if not self._requests:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(self._requests.pop())


def requests(spec: Spec) -> list[bytes]:
    """As they go over the wire; no two alike."""
    key = ECKey.import_key(spec.key)
    return [_request(spec, key, number) for number in range(spec.count)]


def _request(spec: Spec, key: ECKey, number: int) -> bytes:
    news: dict[str, Any] = {
        "environment": "production",
        "historical_update_complete": True,
        "initial_update_complete": True,
        "item_id": f"{spec.name}-{number}",
        "webhook_code": "SYNC_UPDATES_AVAILABLE",
        "webhook_type": "TRANSACTIONS",
    }
    body = json.dumps(news, indent=2).encode()
    body += b" " * (BODY_BYTES - len(body))
    claims = {"iat": int(time.time()), "request_body_sha256": body_hash(body)}
    token = jws.serialize_compact({"alg": "ES256", "kid": spec.kid, "typ": "JWT"}, json.dumps(claims), key)
    head = (
        f"POST /webhooks/plaid HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nPlaid-Verification: {token}\r\n\r\n"
    )
    return head.encode() + body


async def _delivered(spec: Spec) -> Delivered:
    waiting = requests(spec)
    took_s: list[float] = []
    answers: Counter[int] = Counter()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_SECONDS_MAX):
        lines = [
            (await loop.create_connection(lambda: _Line(waiting, took_s, answers), "127.0.0.1", spec.port))[1]
            for _ in range(spec.connections)
        ]
        await asyncio.sleep(_SETTLING_S)
        began = time.perf_counter()
        for line in lines:
            line.start()
        await asyncio.gather(*(line.done for line in lines))
    wall_s = time.perf_counter() - began
    took_s = sorted(took_s[spec.connections :])  # the first of each line came all at once
    p50, p99 = (1_000 * took_s[int(len(took_s) * part)] for part in (0.5, 0.99))
    return Delivered(wall_s, p50, p99, dict(answers))


def measure(spec: Spec) -> Delivered:
    """Deliver them all."""
    return asyncio.run(_delivered(spec))
