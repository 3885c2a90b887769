"""What two sources' texts of one movement have in common.

Banks put a channel before the payee and a town behind it, cut the line at 22 characters, shout, drop accents; aggregators
tidy all that up. What survives is a run of the payee's own letters: likeness is how much of the shorter text stands
in the longer one, in runs of at least three letters.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

import msgspec

_PART: Final = re.compile(
    r"(?:\bparc(?:ela)?\.?\s*)?\(?\b(\d{1,2})\s*(?:/|\bde\b|\bof\b)\s*(\d{1,2})\b\)?\s*$"
)
_PARTS_MAX: Final = 72
_CHANNELS: Final = re.compile(
    r"\b(?:checkcard|pos purchase|purchase authorized on|debit card purchase|card payment to|contactless|vis|"
    r"compra cartao|compra com cartao|deb compra|compra|pago en|tpv|clip mx|sq|tst|mp|pag|kartenzahlung|"
    r"paiement par carte|carte|pagamento pos)\b"
)
"""What says how it was paid, not whom."""
_NO_LETTERS: Final = re.compile(r"[^a-z]+")
_NO_SIGNS: Final = re.compile(r"[^a-z0-9]+")
_RUN_MIN: Final = 3
_ENOUGH: Final = 18
"""Letters: lines are cut at 22, some of them taken by the channel. Whoever shares this many shares the payee."""


class Words(msgspec.Struct, frozen=True, gc=False):
    """What is left of a text: its letters, and which instalment of how many it says it is."""

    letters: str
    part: tuple[int, int] | None = None


@lru_cache(maxsize=65_536)
def read(text: str) -> Words:
    """A source's text, taken apart."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = text.lower()
    part = None
    told = _PART.search(plain)
    if told is not None and 1 <= int(told[1]) <= int(told[2]) <= _PARTS_MAX:
        part, plain = (int(told[1]), int(told[2])), plain[: told.start()]
    return Words(_NO_LETTERS.sub("", _CHANNELS.sub(" ", _NO_SIGNS.sub(" ", plain))), part)


@lru_cache(maxsize=65_536)
def likeness(one: str, other: str) -> int | None:
    """How much of the shorter of two `Words.letters` the longer one holds, in percent; None where one of them is too
    short to tell. The same whichever comes first."""
    shorter, longer = sorted((one, other), key=lambda letters: (len(letters), letters))
    if len(shorter) < _RUN_MIN:
        return None
    if shorter in longer:
        return 100
    if not any(shorter[at : at + _RUN_MIN] in longer for at in range(len(shorter) - _RUN_MIN + 1)):
        return 0
    runs = SequenceMatcher(None, shorter, longer, autojunk=False).get_matching_blocks()
    shared = sum(run.size for run in runs if run.size >= _RUN_MIN)
    return min(100, 100 * shared // min(len(shorter), _ENOUGH))
