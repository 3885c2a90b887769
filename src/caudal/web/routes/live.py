"""What is open in a browser hears that something changed, and asks for what it shows."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from starlette.responses import Response, StreamingResponse

from caudal.hub import events
from caudal.hub.identity import members, sessions
from caudal.hub.identity.roles import Scope
from caudal.web import cookies
from caudal.web.routing import Declared, page
from caudal.web.visits import InSpace

_SILENT_MS_MAX: Final = 15_000
"""A line comes at least so often; then it is asked again whether they may hear it."""


@page("/s/{space}/live", Scope.EVENTS_READ)
async def live(visit: InSpace) -> Response:
    """The numbers of events as they happen (server-sent events), nothing of what they are."""
    return StreamingResponse(_numbers(visit), media_type="text/event-stream")


async def _numbers(visit: InSpace) -> AsyncIterator[bytes]:
    yield b": here\n\n"
    last = await events.last(visit.installation, visit.space)
    async with aclosing(events.followed(visit.installation, visit.space, last, _SILENT_MS_MAX)) as following:
        async for row in following:
            if row is not None:
                yield b"id: %d\ndata: %d\n\n" % (row.seq, row.seq)
            elif await _still_admitted(visit):
                yield b": nothing\n\n"
            else:  # the browser comes again, and its session is renewed
                return


async def _still_admitted(visit: InSpace) -> bool:
    session = await sessions.session(visit.installation, visit.request.cookies.get(cookies.ACCESS, ""))
    if session is None:
        return False
    seat = await members.seat(visit.installation, session, visit.space.space_id)
    return seat is not None and Scope.EVENTS_READ in seat[1].scopes


ROUTES: Final[tuple[Declared, ...]] = (live,)
