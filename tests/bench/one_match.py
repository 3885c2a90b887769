"""Two sources' tellings of one account put together by one judge, alone: no database, no transfers."""

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.bench import told_events
from tests.bench.cost import Cost, Meter
from tests.bench.peers import CAUDAL
from tests.support.statements import generated

from caudal.matching.evidence import Manner, Source, Strand
from caudal.matching.same import conclude

WINDOW: Final = "window"
"""The generator's naive resolver: equal amount, the nearest within three days, one to one for each source."""

_PER_DAY: Final = 25
_LATER_DAYS: Final = (0, 0, 0, 1, 1, 2, 3)
_SOURCES: Final = {"api": Source("api", 0, Manner.LIVE), "files": Source("files", 1, Manner.FILE)}

Groups = Iterable[tuple[str, ...]]


class Spec(msgspec.Struct, frozen=True):
    """How many tellings, by whom they are judged, and where the generator is."""

    judge: str
    count: int
    generator: str


class Put(msgspec.Struct, frozen=True):
    """What it cost, and what came of it: `right` movements have just the two tellings that are theirs."""

    cost: Cost
    groups: int
    right: int


def measure(spec: Spec) -> Put:
    """Put `count` tellings together once. Making them is not counted."""
    judge = _JUDGES[spec.judge](_told(spec.count), spec.generator)
    meter = Meter()
    groups = list(judge())
    cost = meter.read()
    return Put(cost, len(groups), sum(1 for group in groups if _is_right(group)))


def _told(count: int) -> list[Strand]:
    """Half of them by an API, the payee's name alone; half by files, a bank's line, up to three days later."""
    chance = random.Random(count)
    told: list[Strand] = []
    for place, movement in enumerate(generated(count // 2, per_day=_PER_DAY).movements):
        day, units = movement.booked_on.toordinal(), int(movement.amount.scaleb(2))
        later = chance.choice(_LATER_DAYS)
        name = movement.counterparty.title()
        told.append(Strand(f"api:{place}", "api", units, "USD", (day,), (name,), told=place))
        line = movement.description
        told.append(Strand(f"files:{place}", "files", units, "USD", (day + later,), (line,), told=place))
    return told


def _is_right(group: tuple[str, ...]) -> bool:
    return len(group) == 2 and len({key.partition(":")[2] for key in group}) == 1


def _caudal(told: list[Strand], _: str) -> Callable[[], Groups]:
    return lambda: (
        tuple(strand.key for strand in group.strands) for group in conclude(told, _SOURCES).groups
    )


def _window(told: list[Strand], generator: str) -> Callable[[], Groups]:
    made_by = told_events.generator(Path(generator))
    records: list[dict[str, Any]] = [
        {
            "account": "giro",
            "feed": strand.source,
            "item": "1",
            "key": strand.key,
            "out": strand.units / 100,
            "d": strand.days[0],
            "description": strand.texts[0],
        }
        for strand in told
    ]
    return lambda: map(tuple, made_by.base_window(records)["clusters"])


_JUDGES: Final[dict[str, Callable[[list[Strand], str], Callable[[], Groups]]]] = {
    CAUDAL: _caudal,
    WINDOW: _window,
}
