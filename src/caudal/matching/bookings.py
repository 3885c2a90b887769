"""Where each source account is booked: what follows from where it was first and from what is said of accounts.

A source account has a place: the account it was first booked to, or the one that the last word parted it to. An account
that was joined to another is found there, and so on to its end. Nothing else counts: so taking a word back restores what
stood without it, and the order in which joins were made doesn't matter.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

Key = TypeVar("Key")


def ends(joins: Iterable[tuple[Key, Key]]) -> dict[Key, Key]:
    """Account → where it is found, for those that were joined to another; `joins`: (joined, to). One that was joined
    twice goes by the first word, and a word that would lead in a circle is none."""
    to: dict[Key, Key] = {}
    for joined, other in joins:
        if joined not in to and _end(other, to) != joined:
            to[joined] = other
    return {joined: _end(joined, to) for joined in to}


def booked(
    homes: Mapping[Key, Key], parts: Iterable[tuple[Key, Key]], joins: Iterable[tuple[Key, Key]]
) -> dict[Key, Key]:
    """Source account → account. `homes`: where each was first; `parts`: (source account, the account it was parted
    to), in the order they were said."""
    found = ends(joins)
    places = {**homes, **{source: account for source, account in parts if source in homes}}
    return {source: found.get(place, place) for source, place in places.items()}


def _end(account: Key, to: Mapping[Key, Key]) -> Key:
    while account in to:
        account = to[account]
    return account
