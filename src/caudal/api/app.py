"""The ASGI application."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.routing import BaseRoute, Route, Router

from caudal.api.garbage import settled
from caudal.api.webhooks import Counted, WebhookDoor
from caudal.hub.installation import Installation
from caudal.hub.webhooks import Acceptor
from caudal.providers.base import LiveProvider


def make(
    installation: Installation,
    providers: Mapping[str, LiveProvider],
    routes: Sequence[BaseRoute] = (),
    *,
    counted: Counted = lambda _provider, _verdict: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Router:
    """The application of an installation whose `providers` are set up and open; `routes` are those of others. What fails
    in it is the server's to hear of, or that of `Requests` around it.

    `counted` is told of every webhook: whose, and what became of it.
    """
    acceptor = Acceptor(installation, providers)
    door = WebhookDoor(acceptor, installation.settings.inbox, counted, now)

    @asynccontextmanager
    async def lifespan(_: Router) -> AsyncIterator[None]:
        try:
            with settled():
                yield
        finally:
            await acceptor.close()

    webhooks = Route("/webhooks/{provider}", door, methods=["POST"])
    return Router(routes=[webhooks, *routes], lifespan=lifespan)
