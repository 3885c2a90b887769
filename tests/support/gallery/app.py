"""The gallery as a server: the pages under the headers that all pages go out with, and the real static files."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import parse_qsl

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from tests.support.gallery import people
from tests.support.gallery.pages import page

from caudal.web import static
from caudal.web.languages import Language
from caudal.web.pages import Theme, render
from caudal.web.policy import HEADERS


def make() -> Starlette:
    """``/NAME?language=pt&theme=dark`` shows a page; ``/transactions?search=…`` looks for movements."""

    async def show(request: Request) -> Response:
        asked = request.query_params
        language = cast("Language", asked.get("language", "en"))
        theme = cast("Theme", asked.get("theme", "auto"))
        return HTMLResponse(page(request.path_params["name"], language, theme), headers=dict(HEADERS))

    async def transactions(request: Request) -> Response:
        search = request.query_params.get("search", "")
        lines = tuple(it for it in people.LINES if search.lower() in it.name.lower())
        found = msgspec.structs.replace(people.TRANSACTIONS, lines=lines, search=search)
        shell = people.shell("transactions")
        language = cast("Language", request.query_params.get("language", "en"))
        html = render("transactions.html", language=language, theme="auto", shell=shell, page=found)
        return HTMLResponse(html, headers=dict(HEADERS))

    async def fields(request: Request) -> dict[str, str]:
        return dict(parse_qsl((await request.body()).decode()))

    async def options(request: Request) -> Response:
        """Of a passkey to be made, as WebAuthn §5.4 has them; for the form that the page came with alone."""
        if (await fields(request)).get("flow") != "7f3a":
            return Response(status_code=400)
        return JSONResponse(
            {
                "challenge": "Y2F1ZGFs",
                "rp": {"id": "localhost", "name": "Caudal"},
                "user": {"id": "YW5h", "name": "ana", "displayName": "Ana"},
                "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
            }
        )

    async def nothing(_: Request) -> Response:
        """For pages that name no icon of their own: a browser asks for this one, and complains."""
        return Response(status_code=204)

    async def answer(request: Request) -> Response:
        """What the form sent, to be looked at."""
        sent = msgspec.json.decode((await fields(request))["credential"], type=dict[str, object])
        return JSONResponse({"type": sent["type"]}, headers=dict(HEADERS))

    return Starlette(
        routes=[
            static.mount(),
            Route("/transactions", transactions),
            Route("/passkey/options", options, methods=["POST"]),
            Route("/passkey", answer, methods=["POST"]),
            Route("/favicon.ico", nothing),
            Route("/{name}", show),
        ]
    )


@contextmanager
def serving() -> Iterator[str]:
    """The gallery at an address of this machine, until the end."""
    server = uvicorn.Server(uvicorn.Config(make(), port=0, log_level="warning", ws="none", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
