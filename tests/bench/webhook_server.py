"""A server that takes in Plaid's webhooks, in a process of its own: Caudal's, or what one writes first.

``python -m tests.bench.webhook_server < specification`` prints its port, and serves until it is ended. The naive one
verifies as Caudal does, with the same code, and then does what comes to mind: one INSERT, one commit, for each request,
through a pool of 16 connections, in clear, into a table without row security, and without queueing any work.
"""

import sys
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.support.webhook_server import Key, plaid, run, serve

from caudal.api.app import make
from caudal.hub import installation
from caudal.model.errors import NotGenuine
from caudal.providers.base import Delivery
from caudal.providers.plaid import PlaidProvider
from caudal.settings import Settings

CAUDAL: Final = "caudal"
NAIVE: Final = "a commit for each"
NO_DATABASE: Final = "no database"
POOL: Final = 16

_NAIVE_TABLE: Final = (
    b"create table if not exists public.naive_inbox (id bigserial primary key, provider text not null, "
    b"event_key text not null unique, received_at timestamptz not null, body bytea not null)"
)
_INSERT: Final = (
    b"insert into public.naive_inbox (provider, event_key, received_at, body) values (%s, %s, %s, %s) "
    b"on conflict do nothing"
)


class Spec(msgspec.Struct, frozen=True):
    """Who serves; `key` is Plaid's, as its API shows it."""

    server: Literal["caudal", "a commit for each", "no database"]
    home: str
    database_url: str
    key: Key


async def _main(spec: Spec) -> None:
    async with plaid(spec.key) as live:
        if spec.server == CAUDAL:
            settings = Settings(home=spec.home, database_url=spec.database_url)
            async with installation.opened(settings) as opened:
                await serve(make(opened, {live.name: live}))
        elif spec.server == NAIVE:
            async with AsyncConnectionPool(spec.database_url, min_size=POOL, max_size=POOL) as pool:
                async with pool.connection() as connection:
                    await connection.execute(_NAIVE_TABLE)
                await serve(_simple(live, pool))
        else:
            await serve(_simple(live, None))


def _simple(live: PlaidProvider, pool: AsyncConnectionPool[psycopg.AsyncConnection] | None) -> Starlette:
    async def webhook(request: Request) -> Response:
        delivery = Delivery(dict(request.headers), await request.body(), datetime.now(UTC))
        try:
            key = await live.verify_webhook(delivery)
        except NotGenuine:
            return Response(status_code=401)
        if pool is not None:
            async with pool.connection() as connection:
                await connection.execute(_INSERT, ("plaid", key, delivery.received_at, delivery.body))
        return Response()

    return Starlette(routes=[Route("/webhooks/plaid", webhook, methods=["POST"])])


if __name__ == "__main__":
    run(_main(msgspec.json.decode(sys.stdin.buffer.read(), type=Spec)))
