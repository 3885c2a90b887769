"""Our cursor: where a watch over one wallet stands, as compact JSON text. No key and no address is in it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from caudal.providers.written import Standpoint

UNREAD_MAX: Final = 3
"""How many pulls in a row may wait for a record that can't be read, before the rest is taken to be all."""


class Place(NamedTuple):
    """A block of the best chain, as it was."""

    height: int
    name: str


class Mark(NamedTuple):
    """How far a script was read: `settled` confirmed transactions up to height `base`, `total` in all, and how many
    `waiting` ones."""

    settled: int
    base: int
    total: int
    waiting: int


class Told(NamedTuple):
    """A transaction that was told and may still change. `height` 0: unconfirmed. `day`: ISO 8601. `spends`: what names
    the outputs it spends: whoever spends one of them took its place."""

    height: int
    day: str
    net: int
    spends: tuple[str, ...]


class Locked(NamedTuple):
    """Mined by the wallet, and not to be spent before 100 confirmations."""

    height: int
    sats: int


class Standing(Standpoint, frozen=True):
    """Where the watch stands. `marks` are of used scripts, by ``branch:index``."""

    base: Place | None = None
    """What is at or below it is taken to stay. It only grows, until it is left itself: then all is read anew."""
    tip: Place | None = None
    """The last block when all was read. None: it moved meanwhile."""
    marks: Mapping[str, Mark] = {}
    recent: Mapping[str, Told] = {}
    """What was told above `base`, or is unconfirmed."""
    locked: Mapping[str, Locked] = {}
    told: str = ""
    """Day and figures of the balances told last."""
    unread: int = 0
    """How many pulls in a row had a record that can't be read."""
