"""Our cursor: where a watch over addresses stands, as compact JSON text. No address is in it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from caudal.model.changes import SourceRef
from caudal.providers.written import Standpoint

TRIES_MAX: Final = 3
"""Pulls in a row that wait for what can't be read or doesn't add up, before what there is is taken to be all."""


class Place(NamedTuple):
    """A block of the best chain, as it was."""

    number: int
    hash: str


class Told(NamedTuple):
    """A leg that was told and may yet be taken back: its block, that block's time, its units."""

    block: int
    time: int
    units: str


class Standing(Standpoint, frozen=True):
    """Where the watch stands."""

    base: Place | None = None
    """What is at or below it was read, added up, and is taken to stay. None: nothing is; all is read from the first
    block."""
    tip: int = 0
    """The last block that was read."""
    told: Mapping[SourceRef, Mapping[str, Told]] = {}
    """What was told above `base`, by account and id."""
    anchors: Mapping[SourceRef, str] = {}
    """What each account held at `base`, by the balance told later."""
    tokens: str = ""
    """Which tokens were told: with others, all is read again."""
    figures: Mapping[SourceRef, str] = {}
    """Day and units of the balances told last."""
    tries: int = 0
