"""Connections: how each does, what of it is wanted, and its end."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from caudal.api.rest.endpoints import Endpoint, InSpace, Page, delete, get, patch, post
from caudal.api.rest.forms import Asked, Cursor, Paged, Text, Told
from caudal.hub import choices, connections, ledger, refreshing, routing, syncs
from caudal.hub.identity.roles import Scope
from caudal.hub.providers import one_of
from caudal.hub.routing import Belonging
from caudal.providers.base import LiveProvider
from caudal.store.spaces import LinkedConnection

_RUN: Final = Cursor(UUID)


class Connection(Told, frozen=True):
    """One link to an institution through a provider. `state`: `active`, `degraded`, `needs_user`, `revoked`, `linking`;
    `reason` and `action`: why it isn't active, and what to do. `home_space_id`: where it is linked, and managed, if it
    only feeds this space; `choosing`: its person is being asked where its accounts belong."""

    connection_id: UUID
    provider: str
    institution: str
    label: str
    state: str
    reason: str
    action: str
    accounts: int
    created_at: datetime
    last_run_at: datetime | None
    last_outcome: str | None
    last_error: str | None
    paused_at: datetime | None
    home_space_id: UUID | None
    choosing: bool


class Run(Told, frozen=True):
    """One sync of one connection, or one file. `cause`: `manual`, `webhook`, `schedule`, `backfill`, `import`; `outcome`:
    `running`, `complete`, `partial`, `failed`. `left_out`: by the person's choice."""

    run_id: UUID
    connection_id: UUID
    provider: str
    label: str
    subject: str
    cause: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    error: str | None
    error_class: str
    pages: int
    seen: int
    created: int
    changed: int
    gone: int
    quarantined: int
    left_out: int


class RunsQuery(Paged, frozen=True):
    """Of one connection, or of all."""

    connection_id: UUID | None = None


class ShownAccount(Told, frozen=True):
    """An account as a connection shows it, whether it is wanted, and the space it belongs to."""

    reference: str
    name: str
    mask: str | None
    selected: bool
    space_id: UUID


class Selection(Asked, frozen=True):
    """The accounts that are wanted, by `reference`: nothing of the others is written from now on."""

    references: Annotated[list[Text], Meta(max_length=500)]


class Routing(Asked, frozen=True):
    """Where accounts belong: `reference` → space. Those that aren't named stay where they are."""

    accounts: Annotated[dict[Text, UUID], Meta(min_length=1, max_length=500)]


class History(Asked, frozen=True):
    """How many days back; null: all there is."""

    days: Annotated[int, Meta(ge=1, le=36_500)] | None


class Refreshed(Told, frozen=True):
    """How fresh a connection is now: `fresh`, `going_on` (in the background), `failed` (`error` says why)."""

    connection_id: UUID
    freshness: str
    created: int
    changed: int
    error: str


class Refresh(Told, frozen=True):
    """What a refresh came to. `partial`: not everything is fresh yet."""

    partial: bool
    connections: list[Refreshed]


def connection(row: LinkedConnection) -> Connection:
    """As the API tells it."""
    return Connection(
        row.connection_id,
        row.provider,
        row.institution,
        row.label,
        row.state,
        row.state_reason,
        row.state_action,
        row.accounts,
        row.created_at,
        row.last_run_at,
        row.last_outcome,
        row.last_error,
        row.paused_at,
        row.home_space_id,
        bool(row.choosing),
    )


@get("/v1/spaces/{space_id}/connections", Scope.CONNECTIONS_READ, tag="connections")
async def list_connections(call: InSpace) -> Page[Connection]:
    """The space's connections, the oldest first; the one that statement files come through among them."""
    return Page([connection(each) for each in await connections.linked(call.installation, call.space)])


@get("/v1/spaces/{space_id}/connections/{connection_id}", Scope.CONNECTIONS_READ, tag="connections")
async def read_connection(call: InSpace, connection_id: UUID) -> Connection:
    """A connection."""
    return connection(await connections.read(call.installation, call.space, connection_id))


@post(
    "/v1/spaces/{space_id}/connections/{connection_id}/refresh", Scope.CONNECTIONS_MANAGE, tag="connections"
)
async def refresh_connection(call: InSpace, connection_id: UUID) -> Refresh:
    """Have the provider go to the bank, and pull: for 14 seconds at most; what is left goes on in the background."""
    one = await connections.by_id(call.installation, call.space, connection_id)

    async def live(name: str) -> LiveProvider:
        return one_of(call.providers, name)

    found = await refreshing.refresh(call.installation, call.space, [one], live)
    return Refresh(
        found.partial,
        [
            Refreshed(each.connection_id, each.freshness.value, each.created, each.changed, each.error)
            for each in found.connections
        ],
    )


@get("/v1/spaces/{space_id}/runs", Scope.CONNECTIONS_READ, tag="connections")
async def list_runs(call: InSpace, query: RunsQuery) -> Page[Run]:
    """How syncs and imports went, the latest first."""
    before = _RUN.read(query.after)
    rows = await ledger.runs(call.installation, call.space, query.connection_id, before, query.limit)
    more = _RUN.told(rows[-1].run_id) if len(rows) == query.limit else None
    return Page([msgspec.convert(each, Run, from_attributes=True) for each in rows], more)


@get("/v1/spaces/{space_id}/connections/{connection_id}/accounts", Scope.CONNECTIONS_READ, tag="connections")
async def list_shown_accounts(call: InSpace, connection_id: UUID) -> Page[ShownAccount]:
    """The accounts that a connection shows. In a space that it only feeds: those that belong there."""
    one = await connections.read(call.installation, call.space, connection_id)
    return _shown((await routing.where(call.installation, call.space, one)).accounts)


@patch(
    "/v1/spaces/{space_id}/connections/{connection_id}/accounts", Scope.CONNECTIONS_MANAGE, tag="connections"
)
async def select_accounts(call: InSpace, connection_id: UUID, body: Selection) -> Page[ShownAccount]:
    """Say which accounts are wanted. One wanted again is pulled from its beginning."""
    one = await connections.by_id(call.installation, call.space, connection_id)
    return _shown(await choices.select(call.installation, call.space, one, body.references))


@patch(
    "/v1/spaces/{space_id}/connections/{connection_id}/routes", Scope.CONNECTIONS_MANAGE, tag="connections"
)
async def route_accounts(call: InSpace, connection_id: UUID, body: Routing) -> Page[ShownAccount]:
    """Say to which space each account belongs. It may be any whose connections you manage; for a key, its own. All that
    the connection told of an account goes with it, and what people said of its movements."""
    one = await connections.by_id(call.installation, call.space, connection_id)
    return _shown((await routing.route(call.installation, call.space, one, body.accounts)).accounts)


@patch(
    "/v1/spaces/{space_id}/connections/{connection_id}/history", Scope.CONNECTIONS_MANAGE, tag="connections"
)
async def limit_history(call: InSpace, connection_id: UUID, body: History) -> None:
    """Say how far back is wanted. What the ledger holds stays."""
    one = await connections.by_id(call.installation, call.space, connection_id)
    await choices.limit_history(call.installation, call.space, one, body.days)


@post("/v1/spaces/{space_id}/connections/{connection_id}/pause", Scope.CONNECTIONS_MANAGE, tag="connections")
async def pause_connection(call: InSpace, connection_id: UUID) -> Connection:
    """Pull nothing any more, whoever asks, until it is resumed or mended. It stays linked; its provider isn't told."""
    one = await connections.by_id(call.installation, call.space, connection_id)
    await choices.pause(call.installation, call.space, one)
    return connection(await connections.read(call.installation, call.space, connection_id))


@post("/v1/spaces/{space_id}/connections/{connection_id}/resume", Scope.CONNECTIONS_MANAGE, tag="connections")
async def resume_connection(call: InSpace, connection_id: UUID) -> Connection:
    """Pull again, now and as before."""
    one = await connections.by_id(call.installation, call.space, connection_id)
    await choices.resume(call.installation, call.space, one)
    return connection(await connections.read(call.installation, call.space, connection_id))


@delete("/v1/spaces/{space_id}/connections/{connection_id}", Scope.CONNECTIONS_MANAGE, tag="connections")
async def end_connection(call: InSpace, connection_id: UUID) -> None:
    """End a connection, at its provider and here: its secrets are gone, what it told stays."""
    one = await connections.by_id(call.installation, call.space, connection_id)
    await syncs.unlink(call.installation, call.space, one, one_of(call.providers, one.provider))


def _shown(found: Iterable[Belonging]) -> Page[ShownAccount]:
    return Page([msgspec.convert(each, ShownAccount, from_attributes=True) for each in found])


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    list_connections,
    read_connection,
    refresh_connection,
    list_runs,
    list_shown_accounts,
    select_accounts,
    route_accounts,
    limit_history,
    pause_connection,
    resume_connection,
    end_connection,
)
