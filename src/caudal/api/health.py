"""What those who run Caudal ask of it: is it alive, can it work, and how does it do.

Open to whoever reaches the port: nothing here tells of a person, an account or an institution.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from caudal.hub import status
from caudal.hub.installation import Installation
from caudal.observe.metrics import CONTENT_TYPE, Metrics
from caudal.observe.standing import Standing

_ASK_SECONDS_MAX: Final = 3
"""Who asks whether we are ready waits no longer than that for the database."""


def routes(installation: Installation, metrics: Metrics) -> Sequence[BaseRoute]:
    """``/healthz``, ``/readyz`` and ``/metrics``."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        try:
            async with asyncio.timeout(_ASK_SECONDS_MAX):
                ready = await status.readiness(installation)
        except TimeoutError:
            ready = status.Readiness(database=False)
        body = msgspec.json.encode({"ready": ready.ready, **msgspec.structs.asdict(ready)})
        return Response(body, 200 if ready.ready else 503, media_type="application/json")

    async def exposition(_: Request) -> Response:
        try:
            async with asyncio.timeout(_ASK_SECONDS_MAX):
                standing = await status.standing(installation)
        except TimeoutError:
            standing = Standing(reachable=False)
        return Response(metrics.exposition(standing), headers={"Content-Type": CONTENT_TYPE})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", exposition)]
