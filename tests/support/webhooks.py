"""Webhooks as Plaid signs them, by a key of our own; an inbox with its door open; connections that they speak of."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import msgspec
from joserfc import jws
from joserfc.jwk import ECKey
from starlette.routing import Router
from tests.support.books import all_rows
from tests.support.plaid_script import NOW, HandClock, Json, Script, provider

from caudal.api.app import make
from caudal.hub import installation, webhooks
from caudal.hub.installation import Installation
from caudal.hub.webhooks import Verdict
from caudal.hub.webhooks.commits import GroupCommit
from caudal.providers.plaid import PlaidProvider
from caudal.providers.plaid.genuine import body_hash
from caudal.settings import InboxBounds, Settings
from caudal.store import spaces
from caudal.store.database import Observer

KEY_GET = "webhook_verification_key/get"
KEY = ECKey.generate_key("P-256")
STRANGER = ECKey.generate_key("P-256")


def key_answer(kid: str = "kid-1", key: ECKey = KEY) -> Json:
    """How Plaid shows a key."""
    public = key.as_dict(private=False)
    told = {name: public[name] for name in ("kty", "crv", "x", "y")}
    return {
        "key": {
            **told,
            "alg": "ES256",
            "use": "sig",
            "created_at": 1767139200,
            "expired_at": None,
            "kid": kid,
        }
    }


def told(
    code: str = "SYNC_UPDATES_AVAILABLE", type_: str = "TRANSACTIONS", item: str = "item-alder", **more: Any
) -> bytes:
    """A webhook's body, indented as Plaid's are."""
    body = {"environment": "sandbox", "item_id": item, "webhook_code": code, "webhook_type": type_, **more}
    return json.dumps(body, indent=2).encode()


def signed(body: bytes, at: datetime = NOW, key: ECKey = KEY, kid: str = "kid-1") -> dict[str, str]:
    """The header that says it is Plaid's, and of when."""
    claims = json.dumps({"iat": int(at.timestamp()), "request_body_sha256": body_hash(body)})
    return {
        "Plaid-Verification": jws.serialize_compact({"alg": "ES256", "kid": kid, "typ": "JWT"}, claims, key)
    }


class InboxRow(NamedTuple):
    """A row of the inbox, looked at past row security and past our queries."""

    state: str
    attempts: int
    outcome: str
    error: str


class Office:
    """An installation whose door is open for Plaid's webhooks. It is always NOW there."""

    def __init__(
        self,
        opened: Installation,
        plaid: PlaidProvider,
        app: Router,
        door: httpx.AsyncClient,
        verdicts: Counter[tuple[str, str]],
    ) -> None:
        self.opened = opened
        self.plaid = plaid
        self.app = app
        self.door = door
        self.verdicts = verdicts

    async def post(
        self, body: bytes, headers: dict[str, str] | None = None, to: str = "plaid"
    ) -> httpx.Response:
        """Deliver; signed now, unless told otherwise."""
        return await self.door.post(
            f"/webhooks/{to}", content=body, headers=signed(body) if headers is None else headers
        )

    async def hear(self, *bodies: bytes) -> list[InboxRow]:
        """Deliver these, work them off; the inbox afterwards."""
        for body in bodies:
            assert (await self.post(body)).status_code == 200
        await self.work_off()
        return self.rows()

    async def work_off(self, limit: int = 1_000) -> int:
        return await webhooks.work_off(self.opened, {"plaid": self.plaid}.get, limit)

    def commits(self) -> GroupCommit:
        """What the door keeps webhooks with."""
        return GroupCommit(self.opened.store, self.opened.settings.inbox)

    def rows(self) -> list[InboxRow]:
        """What is in the inbox, in the order in which it came."""
        rows = self.ask("select state, attempts, outcome, error from caudal.inbox order by inbox_id")
        return msgspec.convert(rows, list[InboxRow])

    def queued(self) -> list[tuple[object, ...]]:
        """The jobs that wait: queue, priority, cause, connection."""
        return self.ask(
            "select queue_name, priority, args->>'cause', args->>'connection' "
            "from caudal_jobs.procrastinate_jobs where status = 'todo' order by id"
        )

    def take_jobs(self) -> None:
        """As if a worker had done what is queued."""
        self.ask(
            "update caudal_jobs.procrastinate_jobs set status = 'succeeded' where status = 'todo' returning id"
        )

    def ask(self, query: str) -> list[tuple[object, ...]]:
        return all_rows(self.opened.settings.database_url, query)

    async def link(self, name: str, *items: str) -> list[UUID]:
        """A new space with a connection to each of these items."""
        space = await spaces.create_space(self.opened.store, name)
        made = []
        for item in items:
            async with self.opened.store.transaction(space.space_id) as tx:
                connection = await spaces.add_connection(
                    tx,
                    space.space_id,
                    provider="plaid",
                    reference=item,
                    institution=("ins_77", "Alder Bank", "US"),
                )
            made.append(connection.connection_id)
        return made

    def standing(self, connection_id: UUID) -> tuple[object, ...]:
        """A connection's state, why, and what to do."""
        [row] = self.ask(
            "select state, coalesce(nullif(state_reason, ''), needed_reason), "
            "coalesce(nullif(state_action, ''), needed_action) "
            f"from caudal.connection where connection_id = '{connection_id}'"
        )
        return row


@asynccontextmanager
async def office(
    settings: Settings,
    script: Script | None = None,
    *,
    bounds: InboxBounds | None = None,
    observe: Observer = lambda _: None,
    clock: HandClock | None = None,
) -> AsyncIterator[Office]:
    """An installation with its door open, whose Plaid shows the one key `KEY`."""
    verdicts: Counter[tuple[str, str]] = Counter()

    def counted(whose: str, verdict: Verdict) -> None:
        verdicts[whose, verdict.value] += 1

    quick = msgspec.structs.replace(settings, inbox=bounds or settings.inbox)
    async with (
        installation.opened(quick, observe) as opened,
        provider(script or Script({KEY_GET: key_answer()}), clock) as plaid,
    ):
        app = make(opened, {"plaid": plaid}, counted=counted, now=lambda: NOW)
        async with (
            app.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://caudal.test") as door,
        ):
            yield Office(opened, plaid, app, door, verdicts)
