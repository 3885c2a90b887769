"""A provider on loopback that answers byte by byte as it is told, and a clock moved by hand."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Self, TypeVar

from tests.support.tcp import listening

from caudal.providers.http import Call, Exchange, HttpBounds, LocalBudgets, ProviderHttp

Script = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
T = TypeVar("T")

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class HandClock:
    """Time passes when somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self.passed = timedelta(0)
        self.slept: list[timedelta] = []

    def monotonic(self) -> timedelta:
        return self.passed

    def now(self) -> datetime:
        return START + self.passed

    async def sleep(self, pause: timedelta) -> None:
        self.slept.append(pause)
        self.passed += pause
        await asyncio.sleep(0)


class Always(Random):
    """Chance that always says the same."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self._value = value

    def random(self) -> float:
        return self._value


def reply(
    status: int = 200,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """A whole answer; `length` is what it claims where that isn't true."""
    told = {"Content-Length": str(len(body) if length is None else length), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} As Told\r\n{lines}\r\n".encode() + body


def cut(data: bytes) -> Script:
    """Write, then close as if all were said."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return play


def reset(data: bytes) -> Script:
    """Write, then reset the connection (RST)."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.05)
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return play


def drip(data: bytes, pause: float) -> Script:
    """Write byte by byte."""

    async def play(writer: asyncio.StreamWriter) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause)

    return play


def endless(head: bytes, piece: bytes) -> Script:
    """Write `piece` until the other side has had enough."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()

    return play


async def silence(writer: asyncio.StreamWriter) -> None:
    """Say nothing until the other side goes."""
    await asyncio.sleep(3600)


class Wire:
    """Answers each request by the next script; the last one goes on. Keeps what it was asked."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.asked: list[bytes] = []
        self.connections = 0
        self._held = AsyncExitStack()
        self.url = ""

    async def __aenter__(self) -> Self:
        port = await self._held.enter_async_context(listening(self._serve))
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._held.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                await self._turn(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()

    async def _turn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        self.asked.append(head + body)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        if isinstance(script, bytes):
            writer.write(script)
            await writer.drain()
        else:
            await script(writer)


class Bench:
    """A client before a wire, on a clock moved by hand, with everything it told its onlooker."""

    def __init__(self, url: str, bounds: HttpBounds | None = None, **more: Any) -> None:
        self.clock = HandClock()
        self.told: list[Exchange] = []
        budgets = more.pop("table", {})
        self.http = ProviderHttp(
            "riverbank",
            url,
            bounds=bounds or HttpBounds(),
            clock=self.clock,
            random=more.pop("random", Always(0.5)),
            budgets=LocalBudgets(budgets, clock=self.clock),
            observer=self.told.append,
            **more,
        )

    @property
    def outcomes(self) -> list[str]:
        return [exchange.outcome.value for exchange in self.told]

    @property
    def slept(self) -> list[float]:
        return [pause.total_seconds() for pause in self.clock.slept]


def call(**more: Any) -> Call:
    return Call(**{"operation": "feed", "method": "POST", "path": "/feed", "body": b"{}", **more})


def against(
    scripts: Script | list[Script], act: Callable[[Wire, Bench], Coroutine[Any, Any, T]], **more: Any
) -> T:
    """Run `act` with a client before a wire that plays `scripts`."""

    async def run() -> T:
        async with Wire(*(scripts if isinstance(scripts, list) else [scripts])) as wire:
            bench = Bench(wire.url, **more)
            async with bench.http:
                return await act(wire, bench)

    return asyncio.run(run())
