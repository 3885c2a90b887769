"""Our cursor: where a pull of one login stands, as compact JSON text."""

from collections.abc import Mapping
from datetime import date, datetime
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Raw

from caudal.providers.written import Standpoint

TRIES: Final = 3
"""How often what can't be read is asked for. Broken on its way it reads the second time; what reads just the same by
then is broken where it is kept, and waits in quarantine for a person."""
UNREAD_MAX: Final = 1_000


class Open(msgspec.Struct, frozen=True, array_like=True):
    """A payment that isn't final: its currency, and when it was begun."""

    currency: str
    at: datetime


class Standing(Standpoint, frozen=True):
    """Where a pull stands. Never changed: each page goes by the one after it."""

    marker: str = ""
    """The last fill that was told, with all before it."""
    since: datetime | None = None
    """From when on payments are read again. None: all."""
    done: Mapping[str, str] = {}
    """Payments begun since then that are final, and how."""
    open: Mapping[str, Open] = {}
    """Payments that aren't."""
    unread: Mapping[str, int] = {}
    """What couldn't be read → how often in a row."""
    currencies: tuple[str, ...] = ()
    """Whose accounts were shown."""
    newest: date = date.min
    """The last day on which anything happened: no balance is of an earlier one, whatever our clock says."""


class Patience:
    """Whether what can't be read is asked for again. `met`: what couldn't in this pull."""

    def __init__(self, standing: Standing) -> None:
        self._before = standing.unread
        self.met: dict[str, int] = {}
        self.held = False
        """Something will be asked for again: nothing may be passed over."""

    def lost(self, raw: Raw) -> None:
        """That can't be read."""
        name = blake2b(bytes(raw), digest_size=8).hexdigest()
        count = self._before.get(name, 0) + 1
        if len(self.met) < UNREAD_MAX:
            self.met[name] = count
        self.held = self.held or count < TRIES
