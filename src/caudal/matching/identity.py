"""Which id an observation goes by, where sources give bad ones or none.

A bank's own id is kept where it deserves the name. Where it is missing, a placeholder, the row's position, or
stands for several movements of one file, the id is derived from what the movement says, with an **occurrence
counter**: the second of two identical coffees on one day is a second coffee, in this file and in every other
that tells of that day. (OFX 2.2 §3.2.1 asks for FITIDs unique within an account; real files do not comply.)
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Final

import msgspec

from caudal.model.money import EXACT

_PLACEHOLDERS: Final = frozenset(
    {
        "NONREF",
        "NOTPROVIDED",
        "NOT PROVIDED",
        "NONE",
        "NULL",
        "NIL",
        "NA",
        "N/A",
        "UNKNOWN",
        "NOREF",
        "UNDEFINED",
    }
)
_NOTHING: Final = re.compile(r"[0\s.\-_*?#/]*")
_BUCKETS: Final = 64


class Content(msgspec.Struct, frozen=True, gc=False):
    """What a movement says of itself, folded so that spacing and case make no difference."""

    booked_on: date
    amount: str
    """In its shortest form: what is told with other zeros is the same. Text, for Python hashes -1 and -2 alike."""
    currency: str
    text: str

    @classmethod
    def of(cls, booked_on: date, amount: Decimal, currency: str, *texts: str) -> "Content":
        """From a movement's day, signed amount, currency and whatever texts the source gives, in a fixed order."""
        return cls(booked_on, format(amount.normalize(EXACT), "f"), currency, folded(texts))

    def digest(self) -> str:
        """24 hex digits that are the same wherever the same movement is told in the same words."""
        told = f"{self.booked_on.isoformat()}\x1f{self.amount}\x1f{self.currency}\x1f{self.text}"
        return blake2b(told.encode(), digest_size=12).hexdigest()


def folded(texts: Iterable[str]) -> str:
    """Texts as one, so that spacing and case make no difference."""
    return " ".join(" ".join(texts).split()).upper()


class Identity(msgspec.Struct, frozen=True, gc=False):
    """The id an observation goes by, and the rule it came from.

    `fallback_id` is the other id it could go by ('' where there is none): the derived one of a movement that has a
    bank's id, the bank's id where the file shows it to stand for several. What the ledger holds already decides:
    it takes over where `id` stands for another movement, or where this one was told under it before.
    """

    id: str
    rule: str
    fallback_id: str


def is_placeholder(provider_id: str) -> bool:
    """Whether an id says nothing: blank, all zeros or punctuation, or a word such as NONREF."""
    return _NOTHING.fullmatch(provider_id) is not None or provider_id.strip().upper() in _PLACEHOLDERS


class Census:
    """A first look at all movements of one account in one file: which ids and contents come more than once.

    Keeps 24 bytes a movement (hashes), not the movements.
    """

    def __init__(self) -> None:
        self._ids = _Hashes()
        self._told = _Hashes()
        self._contents = _Hashes()
        self._positional = True
        self._count = 0

    def note(self, provider_id: str, content: Content, position: int) -> None:
        """Take note of one movement; `position` counts from 0 within its statement."""
        place = hash(provider_id)
        self._ids.add(place)
        meaning = hash(content)
        self._told.add(hash((place, meaning)))
        self._contents.add(meaning)
        self._count += 1
        if self._positional and provider_id not in (str(position), str(position + 1)):
            self._positional = False

    def close(self) -> "Repeats":
        """What was found."""
        return Repeats(
            ids=self._ids.repeated(),
            told=self._told.repeated(),
            contents=self._contents.repeated(),
            positional=self._positional and self._count > 1,
        )


class Repeats(msgspec.Struct, frozen=True):
    """How often ids, (id, content) pairs and contents come, where more than once; by hash."""

    ids: dict[int, int]
    told: dict[int, int]
    contents: dict[int, int]
    positional: bool
    """The ids only number the rows of the file."""


class Identifier:
    """Gives each movement of one statement its identity. `repeats` is what the census of its account found."""

    def __init__(self, repeats: Repeats, *, trust_ids: bool = True) -> None:
        self._repeats = repeats
        self._trust = trust_ids and not repeats.positional
        self._seen: Counter[Content] = Counter()
        self._seen_ids: Counter[str] = Counter()

    def identify(self, provider_id: str, content: Content) -> Identity:
        """The identity of the next movement in the statement's order."""
        meaning = hash(content)
        occurrence = 1
        if meaning in self._repeats.contents:
            self._seen[content] += 1
            occurrence = self._seen[content]
        derived = _numbered("~" + content.digest(), occurrence)
        if not self._trust or is_placeholder(provider_id):
            return Identity(derived, "derived_id", "")
        place = hash(provider_id)
        uses = self._repeats.ids.get(place, 1)
        if uses == 1:
            return Identity(provider_id, "provider_id", derived)
        if uses != self._repeats.told.get(hash((place, meaning)), 1):
            return Identity(derived, "derived_id", provider_id)  # an id of several movements identifies none
        self._seen_ids[provider_id] += 1
        return Identity(_numbered(provider_id, self._seen_ids[provider_id]), "provider_id", derived)


def _numbered(text: str, occurrence: int) -> str:
    # U+241F (the picture of a unit separator), for no bank writes it: "#2" could be an id of its own.
    return text if occurrence == 1 else f"{text}\u241f{occurrence}"


class _Hashes:
    """Counts which of many 64-bit hashes repeat, at 8 bytes each: sorted into buckets, counted bucket by bucket."""

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]

    def add(self, value: int) -> None:
        self._buckets[value % _BUCKETS].append(value)

    def repeated(self) -> dict[int, int]:
        return {value: count for bucket in self._buckets for value, count in _repeated(bucket)}


def _repeated(bucket: "array[int]") -> Iterable[tuple[int, int]]:
    if len(bucket) == len(set(bucket)):
        return ()
    return [(value, count) for value, count in Counter(bucket).items() if count > 1]
