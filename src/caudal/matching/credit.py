"""Which cards draw on one credit line: what is left of it is then to be counted once.

No source says so. Two cards of one connection that were told the same line, and to the cent the same left of it, on
every day that both were told of, share it; a day on which nothing of it was drawn says nothing, for new cards of one
kind look alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from itertools import combinations

import msgspec


class Credit(msgspec.Struct, frozen=True):
    """A card's line as told for a day, and what was left of it."""

    account: str
    connection: str
    on: date
    currency: str
    line: Decimal
    available: Decimal


def shared_lines(told: Iterable[Credit]) -> dict[str, frozenset[str]]:
    """Account → those that share its line; of the others nothing."""
    cards: dict[tuple[str, str, str], dict[date, Credit]] = defaultdict(dict)
    for credit in told:
        cards[credit.connection, credit.currency, credit.account][credit.on] = credit
    sharing: dict[str, set[str]] = defaultdict(set)
    for (one, here), (other, there) in combinations(sorted(cards.items()), 2):
        if one[:2] == other[:2] and one[2] != other[2] and _share(here, there):
            sharing[one[2]].add(other[2])
            sharing[other[2]].add(one[2])
    return {account: frozenset(others) for account, others in sharing.items()}


def _share(here: Mapping[date, Credit], there: Mapping[date, Credit]) -> bool:
    days = here.keys() & there.keys()
    return all(
        (here[day].line, here[day].available) == (there[day].line, there[day].available) for day in days
    ) and any(here[day].available != here[day].line for day in days)
