"""Forms that the API's bodies and queries are made of."""

from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from caudal.api.rest import problems
from caudal.api.rest.endpoints import Call
from caudal.api.rest.problems import Fault, Rejected
from caudal.hub.identity.sessions import Client
from caudal.vault.passwords import Hasher

Text = Annotated[str, Meta(min_length=1, max_length=200)]
Note = Annotated[str, Meta(max_length=1_000)]
Secret = Annotated[str, Meta(min_length=1, max_length=256)]
Email = Annotated[str, Meta(min_length=3, max_length=320)]
Language = Annotated[str, Meta(pattern="^(en|pt|es)$")]
Amount = Annotated[str, Meta(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$", description="A decimal number.")]
Code = Annotated[str, Meta(pattern="^[A-Z0-9]{2,12}$", description="A currency (ISO 4217) or an asset.")]
Limit = Annotated[int, Meta(ge=1, le=500)]
After = Annotated[str, Meta(min_length=1, max_length=400)]
PAGE: Final = 50
"""How many a page has, unless asked otherwise."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What comes in. A field nobody knows is refused: it may be one that somebody hopes to set."""


class Told(msgspec.Struct, frozen=True):
    """What goes out."""


class Paged(Asked, frozen=True):
    """A page of a list."""

    limit: Limit = PAGE
    after: After | None = None


class Decided(Told, frozen=True):
    """A word that was kept; `POST …/decisions/{decision_id}/undo` takes it back."""

    decision_ids: list[UUID]


Place = TypeVar("Place")


class Cursor(Generic[Place]):
    """Where a page of a list ends, as its reader hands it back: opaque, and checked."""

    def __init__(self, kind: type[Place]) -> None:
        """`kind`: what a place is; a struct, a tuple, an id."""
        self._kind = kind

    def told(self, place: Place) -> str:
        """As the reader gets it."""
        return msgspec.json.encode(place).hex()

    def read(self, text: str | None) -> Place | None:
        """Where the next begins. Raises Rejected for what was never given out."""
        if text is None:
            return None
        try:
            return msgspec.json.decode(bytes.fromhex(text), type=self._kind)
        except (ValueError, msgspec.DecodeError):
            raise Rejected(
                problems.INVALID, faults=(Fault("after", "not from a page of this list"),)
            ) from None


def client(call: Call) -> Client:
    """Where who asks is."""
    return Client(call.agent, call.address)


def hasher(call: Call) -> Hasher:
    """The one that this process computes passwords' hashes with."""
    found: Any = call.shared["hasher"]
    if not isinstance(found, Hasher):
        raise TypeError("the application was made without a hasher")
    return found
