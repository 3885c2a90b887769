"""What a browser keeps for us: the session's tokens, out of reach of scripts; how pages look, and whether
single keys do something; what the next page is to say.

``__Host-``: only of this very host, only over what browsers hold to be safe (https, or this machine), for every path.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, cast, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from caudal.hub.identity.sessions import Pair
from caudal.web.pages import Theme

ACCESS: Final = "__Host-caudal"
"""The access token; the API takes it too."""
REFRESH: Final = "__Host-caudal-refresh"
SAID: Final = "__Host-caudal-said"
THEME: Final = "__Host-caudal-theme"
KEYS: Final = "__Host-caudal-keys"
LINK: Final = "__Host-caudal-link"
"""The token of the link that this browser is at: banks send people back to an address that can't name it."""
_LINK_SECONDS: Final = 3_600
_SAID_SECONDS: Final = 60
_MANNER_SECONDS: Final = 365 * 86400
_SAID_MAX: Final = 1_000


class Said(msgspec.Struct, frozen=True):
    """What the next page says: a key of the catalogue, and its places."""

    key: str
    places: dict[str, str] = {}


def keep(answer: Response, pair: Pair) -> None:
    """Have the browser show these tokens from now on."""
    _set(answer, ACCESS, pair.access, pair.access_seconds)
    _set(answer, REFRESH, pair.refresh, pair.refresh_seconds)


def sets_session(answer: Response) -> bool:
    """Whether an answer says already what is to be shown from now on."""
    return any(each.startswith(f"{ACCESS}=") for each in answer.headers.getlist("set-cookie"))


def forget(answer: Response) -> None:
    """Have the browser show none."""
    for name in (ACCESS, REFRESH):
        drop(answer, name)


def leave(answer: Response, said: Said) -> None:
    """Have the next page say something."""
    _set(answer, SAID, urlsafe_b64encode(msgspec.json.encode(said)).decode(), _SAID_SECONDS)


def said(request: Request) -> Said | None:
    """What the page before leaves to be said."""
    text = request.cookies.get(SAID, "")
    if not text or len(text) > _SAID_MAX:
        return None
    try:
        return msgspec.json.decode(urlsafe_b64decode(text), type=Said)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None


def theme(request: Request) -> Theme:
    """How pages look in this browser."""
    kept = request.cookies.get(THEME, "")
    return cast("Theme", kept) if kept in get_args(Theme) else "auto"


def keep_theme(answer: Response, chosen: Theme) -> None:
    """Have pages look so in this browser."""
    _set(answer, THEME, chosen, _MANNER_SECONDS)


def keys(request: Request) -> bool:
    """Whether single keys do something in this browser: unless they were turned off (WCAG 2.1.4)."""
    return request.cookies.get(KEYS, "") != "off"


def keep_keys(answer: Response, *, wanted: bool) -> None:
    """Have single keys do something in this browser, or nothing."""
    _set(answer, KEYS, "on" if wanted else "off", _MANNER_SECONDS)


def hold_link(answer: Response, token: str) -> None:
    """Have the browser know which link it is at."""
    _set(answer, LINK, token, _LINK_SECONDS)


def drop(answer: Response, name: str) -> None:
    """Have the browser forget it."""
    answer.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def _set(answer: Response, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
