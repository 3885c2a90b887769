"""Which way the amounts of an account or card go (contract, §4.1).

On accounts TrueLayer tells what goes out negative. On cards a purchase is positive; not every bank keeps to that, so of
a card it is decided once, and stays decided: by the installation's word, by what is known of the bank (`signs.toml`), or
by a sample: where `transaction_type` never agrees with the rule and always with its opposite, the opposite holds. Where
types agree with neither (the mock bank's are random) they are no evidence, and the rule stands.
"""

import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

SAMPLE_MIN: Final = 5
"""So many movements, all of one mind, turn a card's sign."""
_DIRECTIONS: Final = {"DEBIT": -1, "CREDIT": 1}


class Sign(StrEnum):
    """`owned`: as we have it, what goes out is negative. `owed`: the other way round."""

    OWNED = "owned"
    OWED = "owed"


def told_of(bank: str | None, what: str, overrides: Mapping[str, str]) -> Sign | None:
    """The sign of a bank's card `amounts` or `balances`, by the installation's word, else by what is known of it."""
    for table in (overrides, _known()[what]):
        for name in (bank or "", "*"):
            if name in table:
                return Sign(table[name])
    return None


def sampled(movements: Iterable[tuple[str, Decimal]]) -> Sign | None:
    """The sign of a card by its movements (type, amount); None while they are too few."""
    counts = {Sign.OWNED: 0, Sign.OWED: 0}
    for kind, amount in movements:
        direction = _DIRECTIONS.get(kind)
        if direction and amount:
            counts[Sign.OWNED if (amount > 0) == (direction > 0) else Sign.OWED] += 1
    if sum(counts.values()) < SAMPLE_MIN:
        return None
    return Sign.OWED if counts[Sign.OWED] else Sign.OWNED


@cache
def _known() -> dict[str, dict[str, str]]:
    return tomllib.loads(files(__package__).joinpath("signs.toml").read_text("utf-8"))
