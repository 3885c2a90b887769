"""What an adapter writes down for itself, to be handed back later: where it stands between two pulls, and in a link."""

from typing import Final, Self, TypeVar

import msgspec

from caudal.model.changes import Cursor
from caudal.model.errors import CursorInvalid, Refused
from caudal.providers.base import LinkState

T = TypeVar("T")


class Standpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an adapter stands: its cursor, as compact JSON text, the same for the same."""

    @classmethod
    def read(cls, cursor: Cursor) -> Self:
        """From a cursor. Raises CursorInvalid, from the beginning, where it isn't one of ours."""
        try:
            return msgspec.json.decode(cursor, type=cls) if cursor else cls()
        except msgspec.DecodeError:
            raise CursorInvalid(
                "the cursor is none of this adapter's; pulling from the beginning", restart=""
            ) from None

    def cursor(self) -> Cursor:
        """As a cursor."""
        return Cursor(_ENCODER.encode(self).decode())


def link_state(state: msgspec.Struct) -> LinkState:
    """Where a link stands, to be brought back with the next answer."""
    return LinkState(msgspec.json.encode(state).decode())


def of_link(state: LinkState, into: type[T]) -> T:
    """What `link_state` wrote. Raises Refused for any other text."""
    try:
        return msgspec.json.decode(state.value, type=into)
    except msgspec.DecodeError:
        raise Refused("this is the state of no link of this adapter: start linking again") from None


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
