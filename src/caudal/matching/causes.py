"""Why a ledger may have left its bank's balances: what lies near a step and is of exactly its size.

Nobody can know the cause from figures alone. Named is what would explain the step to the last digit, or says by itself
that something is lacking; the likeliest first, each with what would settle it. Where nothing does, nothing is named.
"""

import enum
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec

from caudal.matching.drift import Reading, Step
from caudal.matching.evidence import CERTAIN
from caudal.matching.facts import Facts, Movement, Said
from caudal.model.money import EXACT

SUM_ITEMS_MAX: Final = 12
"""Of so many things at most it is asked which of them add up to a step."""
_BORDER_DAYS: Final = 3
_ALIKE_DAYS: Final = 4
_DAY: Final = timedelta(days=1)


class Kind(enum.StrEnum):
    """What sort of cause."""

    DECIDED = "decided"
    ANOTHER_DAY = "another_day"
    PENDING = "pending"
    UNREAD = "unread"
    BETWEEN = "between_statements"
    DOUBLED = "doubled"
    GONE = "gone"
    MERGED = "merged"
    NOT_COVERED = "not_covered"
    SIGN = "sign"
    LEFT_OUT = "left_out"


class Candidate(msgspec.Struct, frozen=True):
    """What it may have been: these movements, together; and the commands that would settle it, any one of them."""

    movements: tuple[Movement, ...] = ()
    settle: tuple[str, ...] = ()


class Cause(msgspec.Struct, frozen=True):
    """What may be behind a step: one of `candidates`. The more they are the less each says: `weight`, by which causes are
    ordered, says it. `start` and `end`: the days meant, where days are."""

    kind: Kind
    weight: int
    says: str
    candidates: tuple[Candidate, ...]
    start: date | None = None
    end: date | None = None


class Case(msgspec.Struct, frozen=True):
    """A step, and what is known near it. `first_on`, `last_on`: of the account's balances. `back`: the later step that
    takes it back. `besides`: other balances told for the day it begins after, that show the difference already."""

    step: Step
    facts: Facts
    first_on: date
    last_on: date
    back: Step | None
    besides: tuple[Reading, ...] = ()


def causes_of(case: Case) -> tuple[Cause, ...]:
    """The likely causes of a step, the likeliest first."""
    return tuple(sorted((cause for find in _FIND for cause in find(case)), key=lambda cause: -cause.weight))


_LESS_EACH: Final = 5
_WEIGHT_MIN: Final = 10


def _one_of(kind: Kind, weight: int, says: str, candidates: Iterable[Candidate]) -> Iterator[Cause]:
    """A cause of these candidates; none, where there are none."""
    there = tuple(candidates)
    if there:
        weight = max(weight - _LESS_EACH * (len(there) - 1), _WEIGHT_MIN)
        yield Cause(kind, weight, says, there)


def moved(movement: Movement, step: Step, back: Step) -> bool:
    """Whether the bank counts the movement in one of the two steps and the ledger in the other."""
    if not movement.counted:
        return False
    if movement.amount == step.by:
        return back.spans(movement.on) and movement.on <= step.on + _BORDER_DAYS * _DAY
    return (
        movement.amount == EXACT.minus(step.by)
        and step.spans(movement.on)
        and step.on < movement.on + _BORDER_DAYS * _DAY
    )


def _another_day(case: Case) -> Iterator[Cause]:
    """Counted by the bank on the other side of a told balance."""
    movements, back = case.facts.movements, case.back
    if back is not None:
        says = f"the bank counts it on another day than the ledger: the difference is gone by {back.on}"
        there = (_on_its_day(each, case.step, back) for each in movements if moved(each, case.step, back))
        yield from _one_of(Kind.ANOTHER_DAY, 85, says, there)
        return
    says = "the bank may count it on another day than the ledger, where no balance shows it"
    near = (Candidate((each,)) for each in movements if each.counted and _at_the_ends(each, case))
    yield from _one_of(Kind.ANOTHER_DAY, 42, says, near)


def _on_its_day(movement: Movement, step: Step, back: Step) -> Candidate:
    """A movement that the bank counts on another day: the nearest that it may be."""
    day = step.on if movement.amount == step.by else back.after + _DAY
    return Candidate((movement,), (f"caudal edit {movement.id} booked_on={day}",))


def _at_the_ends(movement: Movement, case: Case) -> bool:
    """Whether the bank may count it before the first balance and the ledger in the step, or after the last, or the other
    way round."""
    step, few, on = case.step, _BORDER_DAYS * _DAY, movement.on
    if movement.amount == step.by:
        before_first = on <= case.first_on and step.after < on + few
        return before_first or case.last_on < on <= step.on + few
    if movement.amount != EXACT.minus(step.by) or not step.spans(on):
        return False
    return on <= case.first_on + few or case.last_on < on + few


def _between(case: Case) -> Iterator[Cause]:
    """Booked on the last day of one statement after it was made, and before the next one begins."""
    for other in case.besides[:1]:
        day = case.step.after
        says = f"{other.source} told of the end of {day} with it already: it was booked that day or before, and not told"
        cause = Cause(Kind.BETWEEN, 72, says, (Candidate(settle=("caudal import",)),), start=day, end=day)
        yield cause


def _decided(case: Case) -> Iterator[Cause]:
    shifts = [(said, by) for said in case.facts.said if (by := said.shifts(case.step))]
    single = [said for said, by in shifts if by == case.step.by]
    for kind, says in _DECIDED.items():
        yield from _one_of(Kind.DECIDED, 90, says, (_undoing(said) for said in single if said.kind == kind))
    if not single and (parts := _adding_up([by for _, by in shifts], case.step.by)):
        together = _undoing(*(shifts[place][0] for place in parts))
        yield from _one_of(Kind.DECIDED, 44, "what a person said of these, together", [together])


def _undoing(*said: Said) -> Candidate:
    return Candidate(tuple(each.movement for each in said), tuple(f"caudal undo {each.id}" for each in said))


_DECIDED: Final = {
    "delete": "a person deleted it, and the bank counts it",
    "edit": "a person set its amount or day to other than the bank counts",
    "lock": "a person reconciled it, and the bank counts it otherwise now",
    "one": "a person said that two are one, and the bank counts both",
    "apart": "a person said that one is two, and the bank counts one",
}


def _pending(case: Case) -> Iterator[Cause]:
    step = case.step
    told = {each.id: each for each in (*case.facts.pending, *case.facts.movements)}
    there = [each for each in told.values() if each.pending and not each.gone and each.on <= step.on]
    if single := [Candidate((each,)) for each in there if each.amount == step.by]:
        says = "it is pending in the ledger, and the bank counts it already"
        yield from _one_of(Kind.PENDING, 80, says, single)
        return
    newest = sorted(there, key=lambda each: (each.on, each.id))[-SUM_ITEMS_MAX:]
    if parts := _adding_up([each.amount for each in newest], step.by):
        says = "they are pending in the ledger, and the bank counts them already"
        together = Candidate(tuple(newest[place] for place in parts))
        yield from _one_of(Kind.PENDING, 38, says, [together])


def _adding_up(amounts: Sequence[Decimal], total: Decimal) -> tuple[int, ...]:
    """The fewest (two or more) of at most SUM_ITEMS_MAX amounts that add up to `total`, by their places; none: empty."""
    sums = [Decimal(0)]
    for amount in amounts[:SUM_ITEMS_MAX]:
        sums += [EXACT.add(before, amount) for before in sums]
    found = [mask for mask, made in enumerate(sums) if made == total and mask.bit_count() > 1]
    fewest = min(found, key=lambda mask: (mask.bit_count(), mask), default=0)
    return tuple(place for place in range(len(amounts)) if fewest >> place & 1)


def _unread(case: Case) -> Iterator[Cause]:
    """By the runs between those that told the two balances, both of them included."""
    step = case.step
    runs = [each.told_at for each in (step.before, step.at) if each.told_at is not None]
    there = [each for each in case.facts.unread if runs and min(runs) <= each.told_at <= max(runs)]
    exact = [each for each in there if _amount_in(step.by).search(each.raw)]
    some = exact or there
    if some:
        what = "and holds this very number" if exact else "by a run of these days"
        more = f" (and {len(some) - 1} more)" if len(some) > 1 else ""
        says = f"what could not be read lies in quarantine, {what}: {some[0].place}: {some[0].why}{more}"
        look = [Candidate(settle=("caudal quarantine",))]
        yield from _one_of(Kind.UNREAD, 75 if exact else 40, says, look)


def _amount_in(amount: Decimal) -> re.Pattern[str]:
    """The amount without its sign, as a bank may write it."""
    whole, _, part = f"{abs(amount).normalize():f}".partition(".")
    places = rf"[.,]{part}0*" if part else r"(?:[.,]0+)?"
    return re.compile(rf"(?<![\d.,]){whole}{places}(?![.,]?\d)")


def _doubled(case: Case) -> Iterator[Cause]:
    """The bank counts one where the ledger holds two."""
    step = case.step
    extra = {
        each.id: each
        for each in sorted(case.facts.movements, key=lambda each: (each.on, each.id))
        if each.counted and each.amount == EXACT.minus(step.by)
    }
    doubts = {
        tuple(sorted((each.id, other)))
        for each in extra.values()
        if step.spans(each.on)
        for other in each.doubts
    }
    asked = [
        Candidate(tuple(extra[each] for each in pair if each in extra), (f"caudal merge {' '.join(pair)}",))
        for pair in sorted(doubts)
    ]
    says = "it may be the same as another that it was kept apart from on a doubt"
    yield from _one_of(Kind.DOUBLED, 70, says, asked)
    pairs = [pair for pair in _pairs(list(extra.values()), step) if (pair[0].id, pair[1].id) not in doubts]
    for alike, weight, says in (
        (True, 55, "it stands in the ledger twice, alike on one day"),
        (False, 35, "the ledger holds two of this amount within days"),
    ):
        two = (
            Candidate((one, other), (f"caudal merge {one.id} {other.id}",))
            for one, other in pairs
            if ((one.on, one.text) == (other.on, other.text)) is alike
        )
        yield from _one_of(Kind.DOUBLED, weight, says, two)


def _pairs(movements: Sequence[Movement], step: Step) -> Iterator[tuple[Movement, Movement]]:
    """Of movements in the order of their days: each that has another within days, with the next of them."""
    for one, other in pairwise(movements):
        if other.on <= one.on + _ALIKE_DAYS * _DAY and (step.spans(one.on) or step.spans(other.on)):
            yield one, other


def _merged(case: Case) -> Iterator[Cause]:
    """The bank counts two where the ledger holds one; by a person's word is told elsewhere."""
    near = [
        each
        for each in case.facts.movements
        if (each.amount if each.told is None else each.told) == case.step.by
        and not each.said
        and _near(each.on, case.step)
    ]
    taken = [each for each in near if each.into]
    whole = {each.into for each in taken}
    taken += [each for each in near if each.together and each.id not in whole]
    says = "several were taken for it, and the bank may count two"
    for middling, weight in ((True, 65), (False, 43)):
        some = (
            Candidate((each,), (f"caudal split-apart {' '.join(filter(None, (each.into, each.id)))}",))
            for each in taken
            if (bool(each.into) and each.weight < CERTAIN) is middling
        )
        yield from _one_of(Kind.MERGED, weight, says, some)


def _gone(case: Case) -> Iterator[Cause]:
    gone = (
        Candidate((each,), (f"caudal why {each.id}",))
        for each in case.facts.movements
        if each.amount == case.step.by
        and each.gone
        and not (each.into or each.said)
        and _near(each.on, case.step)
    )
    yield from _one_of(Kind.GONE, 64, "its source told it and tells it no more, and the bank counts it", gone)


def _near(day: date, step: Step) -> bool:
    return step.after - _BORDER_DAYS * _DAY <= day <= step.on + _BORDER_DAYS * _DAY


def _not_covered(case: Case) -> Iterator[Cause]:
    gaps = case.facts.gaps(case.step)
    if gaps:
        days = ", ".join(f"{start} to {end}" if start != end else f"{start}" for start, end in gaps[:3])
        more = f" and {len(gaps) - 3} more stretches" if len(gaps) > 3 else ""
        says = f"no source told all of {days}{more}: import a statement that does, or sync"
        tell = (Candidate(settle=("caudal import", "caudal sync --all")),)
        yield Cause(Kind.NOT_COVERED, 60, says, tell, start=gaps[0][0], end=gaps[-1][1])


def _sign(case: Case) -> Iterator[Cause]:
    twice = (
        Candidate((each,), (f"caudal edit {each.id} amount={EXACT.minus(each.amount):f}",))
        for each in case.facts.movements
        if each.counted
        and case.step.spans(each.on)
        and EXACT.multiply(each.amount, Decimal(-2)) == case.step.by
    )
    says = "half of it, with the other sign: the bank may count it the other way"
    yield from _one_of(Kind.SIGN, 45, says, twice)


def _left_out(case: Case) -> Iterator[Cause]:
    for each in case.facts.left_out:
        command = f"caudal choose {shlex.quote(each.connection)}"
        if each.first is None:
            says = f"of {each.connection} this account is left out by choice"
            yield from _one_of(Kind.LEFT_OUT, 30, says, [Candidate(settle=(f"{command} --all-accounts",))])
        elif case.step.after + _DAY < each.first:
            says = f"of {each.connection} what was booked before {each.first} is left out by choice"
            yield from _one_of(Kind.LEFT_OUT, 30, says, [Candidate(settle=(f"{command} --history all",))])


_FIND: Final[tuple[Callable[[Case], Iterator[Cause]], ...]] = (
    _decided,
    _another_day,
    _pending,
    _unread,
    _between,
    _doubled,
    _gone,
    _merged,
    _not_covered,
    _sign,
    _left_out,
)
