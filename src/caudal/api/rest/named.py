"""Requests that their senders name (Idempotency-Key): the same one again gets the first one's answer, and isn't done
again.

The answer is kept sealed: it may show a key that is shown once. What was refused, or couldn't be done just then, doesn't
use its name up.
"""

from hashlib import sha256
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from caudal.api.rest import problems
from caudal.api.rest.problems import Rejected
from caudal.hub.identity import requests
from caudal.hub.installation import Installation

HEADER: Final = "idempotency-key"
_KEY_MAX: Final = 200


class Named(msgspec.Struct, frozen=True):
    """A request under its name."""

    owner: str
    name: str

    async def done(self, installation: Installation, response: Response) -> None:
        """Keep the answer."""
        kept = msgspec.json.encode([response.media_type or "", bytes(response.body).decode()])
        await requests.answered(installation, (self.owner, self.name), response.status_code, kept)

    async def dropped(self, installation: Installation) -> None:
        """Nothing was done: the name is free."""
        await requests.dropped(installation, (self.owner, self.name))


async def begun(
    installation: Installation, request: Request, owner: str, body: bytes
) -> Named | Response | None:
    """The request's name, taken; the answer that was given under it before; None where it has no name. Raises Rejected
    where something else was asked under it, or the same is being worked on."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (1 <= len(key) <= _KEY_MAX and key.isascii() and key.isprintable() and " " not in key):
        raise Rejected(problems.INVALID, f"Idempotency-Key: 1 to {_KEY_MAX} visible ASCII characters")
    asked = sha256(f"{request.method} {request.url.path}\0".encode() + body).digest()
    found = await requests.begun(installation, (owner, key), asked)
    if found is None:
        return Named(owner, key)
    if found.asked != asked:
        raise Rejected(problems.REUSED_KEY, "another request came under this Idempotency-Key before")
    if found.status is None:
        raise Rejected(
            problems.IN_PROGRESS, "it may have been carried out: look before you ask under another key"
        )
    media, text = msgspec.json.decode(found.answer, type=tuple[str, str])
    return Response(text, found.status, {"Idempotency-Replayed": "true"}, media_type=media or None)
