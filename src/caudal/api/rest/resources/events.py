"""What happens in a space, to be read and to be followed."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from caudal.api.rest.endpoints import Endpoint, InSpace, Page, get
from caudal.api.rest.forms import Asked, Limit, Told
from caudal.api.rest.problems import INVALID, Fault, Rejected
from caudal.hub import events
from caudal.hub.identity.roles import Scope
from caudal.store.events import Event as EventRow

_SILENT_MS_MAX: Final = 15_000
"""A line comes at least so often, so that both sides notice where the other has gone."""


class Event(Told, frozen=True):
    """One thing that happened. `seq` counts within the space, without gaps."""

    seq: int
    at: datetime
    kind: str
    connection_id: UUID | None
    account_id: UUID | None
    data: dict[str, Any]


class EventsQuery(Asked, frozen=True):
    """Those after this number."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Limit = 100


def _event(row: EventRow) -> Event:
    data = msgspec.json.decode(row.data)
    return Event(row.seq, row.at, row.kind, row.connection_id, row.account_id, data)


@get("/v1/spaces/{space_id}/events", Scope.EVENTS_READ, tag="events")
async def list_events(call: InSpace, query: EventsQuery) -> Page[Event]:
    """What happened, the first first. `next` is the number of the last: give it as `after`."""
    found = await events.after(call.installation, call.space, query.after, query.limit)
    more = str(found[-1].seq) if len(found) == query.limit else None
    return Page([_event(each) for each in found], more)


@get(
    "/v1/spaces/{space_id}/events/stream",
    Scope.EVENTS_READ,
    tag="events",
    media="text/event-stream",
)
async def follow_events(call: InSpace) -> Response:
    """What happens, as it happens: server-sent events. `Last-Event-ID` goes on where one was; without it, from now on.

    Each has its number as `id`, its kind as `event`, and what `GET …/events` tells as `data`. Comments come where nothing
    happens. It ends when one may not read them any more.
    """
    if call.last_event is None:
        after = await events.last(call.installation, call.space)
    elif call.last_event.isascii() and call.last_event.isdigit() and len(call.last_event) < 19:
        after = int(call.last_event)
    else:
        raise Rejected(INVALID, faults=(Fault("Last-Event-ID", "the number of an event"),))
    return StreamingResponse(_told(call, after), media_type="text/event-stream")


async def _told(call: InSpace, after: int) -> AsyncIterator[bytes]:
    yield b": here\n\n"
    following = events.followed(call.installation, call.space, after, _SILENT_MS_MAX)
    async with aclosing(following):
        async for row in following:
            if row is None:
                if not await call.still_admitted():
                    return
                yield b": nothing\n\n"
            else:
                data = msgspec.json.encode(_event(row))
                yield b"id: %d\nevent: %s\ndata: %s\n\n" % (row.seq, row.kind.encode(), data)


ENDPOINTS: Final[tuple[Endpoint, ...]] = (list_events, follow_events)
