"""One account's life as bare rows: what a bank's API tells of it, what a statement file does, and what really happened."""

import csv
import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import Final

import msgspec

from caudal.providers.file.csv import parse_mapping
from caudal.providers.file.provider import FileDrop

_START: Final = date(2001, 1, 1)
"""Actual takes no day before 2000."""
_MERCHANTS: Final = 400
_SYLLABLES: Final = (
    "ka",
    "lo",
    "mi",
    "ta",
    "ren",
    "vos",
    "bel",
    "dor",
    "zin",
    "pra",
    "she",
    "tor",
    "wel",
    "nam",
    "gri",
)
_TRADES: Final = (
    "Foods",
    "Coffee",
    "Books",
    "Fuel",
    "Pharmacy",
    "Rail",
    "Cinema",
    "Bakery",
    "Hardware",
    "Taxi",
)
_TOWNS: Final = ("LONDON GB", "AUSTIN TX", "LEEDS GB", "BOISE ID")
_TWINS: Final = 0.02
"""Of all events, so many happen twice on their day: same merchant, same amount."""
_AT_A_PRICE: Final = 0.4
"""So many have one of their merchant's few prices, of those that shops ask everywhere; the others any amount."""
_PRICES: Final = tuple(euros * 100 + cents for euros in range(2, 30) for cents in (0, 50, 99))
_TWIN_DAYS_MAX: Final = 7
_LATER_DAYS: Final = (0, 0, 0, 1, 1, 2, 3)
"""How much later a statement dates an event than the bank's API."""


class Row(msgspec.Struct, frozen=True):
    """One event. `truth` names it; `units`: cents, negative out of the account. `name`: the merchant's, as an API tells it;
    `line`: as a statement prints it, `later` days after."""

    truth: str
    on: date
    units: int
    name: str
    line: str
    later: int

    def printed(self) -> "Row":
        """As the statement dates it."""
        return msgspec.structs.replace(self, on=self.on + timedelta(days=self.later))


def life(count: int, *, per_day: int, seed: int = 1) -> list[Row]:
    """`count` events, `per_day` on each day, of merchants visited as their rank has it (Zipf)."""
    chance = random.Random(seed)
    names = [_name(chance) for _ in range(_MERCHANTS)]
    prices = [chance.sample(_PRICES, 3) for _ in names]
    visits = list(itertools.accumulate(1 / rank for rank in range(1, _MERCHANTS + 1)))
    rows: list[Row] = []
    for number in range(count):
        on = _START + timedelta(days=number // per_day)
        twin = number % per_day and chance.random() < _TWINS
        if twin:
            units, name = rows[-1].units, rows[-1].name
        else:
            [place] = chance.choices(range(_MERCHANTS), cum_weights=visits)
            name = names[place]
            at_a_price = chance.random() < _AT_A_PRICE
            units = -(chance.choice(prices[place]) if at_a_price else chance.randint(150, 30_000))
        line = f"CARD PAYMENT TO {name.upper()} {chance.randint(100, 9_999)} {chance.choice(_TOWNS)}"
        rows.append(Row(f"t{number:08d}", on, units, name, line, chance.choice(_LATER_DAYS)))
    return rows


def half_told(count: int, *, per_day: int, seed: int = 1) -> tuple[list[Row], list[Row]]:
    """(what a ledger holds, what a statement of the same days tells): `count` rows each, half of the statement's known.
    `per_day` of the ledger's."""
    events = life(count + count // 2, per_day=per_day + per_day // 2, seed=seed)
    places = list(range(len(events)))
    random.Random(seed).shuffle(places)
    new = set(places[: count // 2])
    known = set(places[count // 2 : count])
    ledger = [row for place, row in enumerate(events) if place not in new]
    told = [row.printed() for place, row in enumerate(events) if place in new or place in known]
    return ledger, sorted(told, key=lambda row: row.on)


def with_twins(rows: Iterable[Row]) -> set[str]:
    """The events that have another of their merchant and amount within a week, by either source's days."""
    alike: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        alike[row.name, row.units].append(row)
    found: set[str] = set()
    for there in alike.values():
        for one, other in combinations(there, 2):
            if abs((one.on - other.on).days) <= _TWIN_DAYS_MAX:
                found |= {one.truth, other.truth}
    return found


def write_statement(path: Path, rows: Sequence[Row]) -> None:
    """A CSV without ids. Its last column is no bank's: it says which event a row is of, and nothing reads it but the bench."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("Date", "Description", "Amount", "Truth"))
        writer.writerows((row.on, row.line, _amount(row.units), row.truth) for row in rows)


def handed_over(path: Path, account: str) -> FileDrop:
    """The statement as a person would hand it to Caudal."""
    mapping = parse_mapping("date=Date,description=Description,amount=Amount")
    return FileDrop(path, account=account, currency="USD", mapping=mapping)


def pages(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    """As a feed tells them."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _amount(units: int) -> str:
    return f"{'-' if units < 0 else ''}{abs(units) // 100}.{abs(units) % 100:02d}"


def _name(chance: random.Random) -> str:
    return f"{''.join(chance.choices(_SYLLABLES, k=3)).title()} {chance.choice(_TRADES)}"
