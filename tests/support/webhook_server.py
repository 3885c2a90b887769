"""Caudal's door for webhooks as a process of its own, to be loaded and to be killed; Plaid's key is given.

``python -m tests.support.webhook_server < specification`` prints its port, and serves until it is ended.
"""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

import httpx
import msgspec
import uvicorn
from starlette.types import ASGIApp

from caudal.api.app import make
from caudal.hub import installation
from caudal.providers.plaid import PlaidConfig, PlaidProvider
from caudal.settings import Settings

Key = dict[str, str | int | None]


class Spec(msgspec.Struct, frozen=True):
    """The installation; `key` is Plaid's, as its API shows it."""

    home: str
    database_url: str
    key: Key


def plaid(key: Key) -> PlaidProvider:
    """The adapter, with a Plaid that knows one key."""
    answer = msgspec.json.encode({"key": key, "request_id": "req"})
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(answer)))
    return PlaidProvider(PlaidConfig(client_id="client", secret="secret"), transport=transport)


async def serve(app: ASGIApp) -> None:
    """Serve it on a free port, which is printed; by the loop and the parser that an installation has."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        await uvicorn.Server(config).serve([listening])


@contextmanager
def running(module: str, spec: msgspec.Struct) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """`module` in a process of its own: its port, and the process; ended afterwards."""
    command = [sys.executable, "-m", module]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(msgspec.json.encode(spec))
        server.stdin.close()
        try:
            yield int(server.stdout.readline()), server
        finally:
            server.terminate()


async def _main(spec: Spec) -> None:
    settings = Settings(home=spec.home, database_url=spec.database_url)
    async with installation.opened(settings) as opened, plaid(spec.key) as live:
        await serve(make(opened, {live.name: live}))


def run(work: Coroutine[object, object, None]) -> None:
    """Run it to its end, on the loop that an installation has."""
    with asyncio.Runner(loop_factory=uvicorn.Config("").get_loop_factory()) as runner:
        runner.run(work)


if __name__ == "__main__":
    run(_main(msgspec.json.decode(sys.stdin.buffer.read(), type=Spec)))
