"""Scripts and styles, as `frontend/bundle.py` made them: each name holds its content's hash, so whoever has a file has
it for good."""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from caudal.model.errors import ConfigError

PATH: Final = "/static"
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


def folder() -> Path:
    """Where the files lie."""
    return Path(str(resources.files("caudal.web"))) / "static"


@cache
def manifest() -> dict[str, str]:
    """The hashed name of each entry: ``app.js``, ``app.css``. Raises ConfigError where nothing was built."""
    try:
        text = (folder() / "manifest.json").read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            "the pages' scripts and styles were not built: run `python frontend/bundle.py` (a wheel has them)"
        ) from None
    return msgspec.json.decode(text, type=dict[str, str])


def url(entry: str) -> str:
    """Where browsers find an entry. Raises KeyError for one there is not."""
    return f"{PATH}/{manifest()[entry]}"


def mount() -> Mount:
    """The route to them all."""
    return Mount(PATH, _Immutable(directory=folder()))


class _Immutable(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        if path == "manifest.json":
            raise HTTPException(404)  # the one name that stays while what it holds changes
        answer = await super().get_response(path, scope)
        if answer.status_code in (200, 304):
            answer.headers["Cache-Control"] = _FOR_GOOD
            answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer
