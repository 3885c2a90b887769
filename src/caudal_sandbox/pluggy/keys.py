"""Who may ask: applications, their API keys (2 h), connect tokens (30 min, one item, little to read) (contract §2)."""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

from caudal_sandbox.pluggy.errors import PluggyError, forbidden, invalid
from caudal_sandbox.pluggy.names import base64url

KEY_LASTS: Final = timedelta(hours=2)
TOKEN_LASTS: Final = timedelta(minutes=30)
_HEAD: Final = base64url(b'{"alg":"HS256","typ":"JWT"}')
_SIGNING: Final = b"the sandbox signs for itself alone"


class Session(msgspec.Struct):
    """What a connect token is for: a new item (`item` '' until it is made), or mending one."""

    client_id: str
    item: str = ""
    client_user: str | None = None
    webhook_url: str | None = None
    redirect: str | None = None


class Bearer(msgspec.Struct, frozen=True):
    """Who asks: an application, or the browser of one of its users."""

    client_id: str
    session: Session | None = None


class Keys:
    """Every key and token given out. An application is whoever first names a client id: its secret is the one it came
    with."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._secrets: dict[str, str] = {}
        self._given: dict[str, tuple[datetime, Bearer]] = {}

    def auth(self, client_id: object, secret: object) -> str:
        """A new API key. Raises PluggyError."""
        try:
            known = self._secrets.setdefault(str(UUID(str(client_id))), str(secret))
        except ValueError:
            raise invalid("clientId must be a UUID") from None
        if not secret or known != secret:
            raise PluggyError("CLIENT_KEYS_UNAUTHORIZED")
        return self._give(Bearer(str(client_id)), KEY_LASTS)

    def connect(self, session: Session) -> str:
        """A new connect token."""
        return self._give(Bearer(session.client_id, session), TOKEN_LASTS)

    def bearer(self, key: str | None) -> Bearer:
        """Who bears that key. Raises PluggyError where it is none, or its time is over."""
        ends, bearer = self._given.get(key or "", (None, None))
        if ends is None or bearer is None or self._clock() >= ends:
            raise forbidden()
        return bearer

    def expire(self) -> None:
        """Every key and token is over."""
        self._given.clear()

    def _give(self, bearer: Bearer, lasts: timedelta) -> str:
        ends = self._clock() + lasts
        claims = {"clientId": bearer.client_id, "exp": int(ends.timestamp()), "n": len(self._given)}
        said = f"{_HEAD}.{base64url(msgspec.json.encode(claims))}"
        token = f"{said}.{base64url(hmac.digest(_SIGNING, said.encode(), sha256))}"
        self._given[token] = (ends, bearer)
        return token
