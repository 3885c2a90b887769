"""The gallery as a server: the pages under the headers that all pages go out with, and the real static files."""

from typing import cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from tests.support.gallery.pages import page

from caudal.web import static
from caudal.web.languages import Language
from caudal.web.pages import Theme
from caudal.web.policy import HEADERS


def make() -> Starlette:
    """``/NAME?language=pt&theme=dark`` shows a page."""

    async def show(request: Request) -> Response:
        asked = request.query_params
        language = cast("Language", asked.get("language", "en"))
        theme = cast("Theme", asked.get("theme", "auto"))
        return HTMLResponse(page(request.path_params["name"], language, theme), headers=dict(HEADERS))

    return Starlette(routes=[static.mount(), Route("/{name}", show)])
