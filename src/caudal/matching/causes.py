"""Why a ledger may have left its bank's balances: what lies near a step and is of exactly its size.

Nobody can know the cause from figures alone. Named is what would explain the step to the last digit, or says by itself
that something is lacking; the likeliest first, each with what would settle it. Where nothing does, nothing is named.
"""

import enum
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from caudal.matching.drift import Step
from caudal.matching.evidence import CERTAIN
from caudal.matching.facts import Facts, Movement
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
    DOUBLED = "doubled"
    GONE = "gone"
    MERGED = "merged"
    NOT_COVERED = "not_covered"
    SIGN = "sign"
    LEFT_OUT = "left_out"


class Cause(msgspec.Struct, frozen=True):
    """What may be behind a step. `movements`: any one of them (of `all_of_them`: together). `start` and `end`: the days
    meant, where days are. `settle`: what would settle it, a command for each."""

    kind: Kind
    weight: int
    says: str
    movements: tuple[Movement, ...] = ()
    all_of_them: bool = False
    start: date | None = None
    end: date | None = None
    settle: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True):
    """A step, and what is known near it. `first_on`, `last_on`: of the account's balances. `back`: the later step that
    takes it back."""

    step: Step
    facts: Facts
    first_on: date
    last_on: date
    back: Step | None


def causes_of(case: Case) -> tuple[Cause, ...]:
    """The likely causes of a step, the likeliest first."""
    return tuple(sorted((cause for find in _FIND for cause in find(case)), key=lambda cause: -cause.weight))


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
    if case.back is not None:
        back = case.back
        there = tuple(each for each in case.facts.movements if moved(each, case.step, back))
        says = f"the bank counts it on another day than the ledger: the difference is gone by {back.on}"
        yield Cause(Kind.ANOTHER_DAY, 85, says, there)
        return
    near = tuple(each for each in case.facts.movements if each.counted and _at_the_ends(each, case))
    if near:
        says = "the bank may count it on another day than the ledger, where no balance shows it"
        yield Cause(Kind.ANOTHER_DAY, 42, says, near)


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


def _decided(case: Case) -> Iterator[Cause]:
    shifts = [(said, said.shifts(case.step)) for said in case.facts.said]
    single = [said for said, by in shifts if by == case.step.by]
    for said in single:
        yield Cause(
            Kind.DECIDED, 90, _DECIDED[said.kind], (said.movement,), settle=(f"caudal undo {said.id}",)
        )
    some = [said for said, by in shifts if by]
    parts = None if single else _adding_up([said.shifts(case.step) for said in some], case.step.by)
    if parts:
        chosen = [some[place] for place in parts]
        yield Cause(
            Kind.DECIDED,
            44,
            "what a person said of these, together",
            tuple(said.movement for said in chosen),
            all_of_them=True,
            settle=tuple(f"caudal undo {said.id}" for said in chosen),
        )


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
    if single := tuple(each for each in there if each.amount == step.by):
        yield Cause(Kind.PENDING, 80, "it is pending in the ledger, and the bank counts it already", single)
        return
    newest = sorted(there, key=lambda each: (each.on, each.id))[-SUM_ITEMS_MAX:]
    if parts := _adding_up([each.amount for each in newest], step.by):
        says = "they are pending in the ledger, and the bank counts them already"
        yield Cause(Kind.PENDING, 38, says, tuple(newest[place] for place in parts), all_of_them=True)


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
    if not runs:
        return
    there = [each for each in case.facts.unread if min(runs) <= each.told_at <= max(runs)]
    exact = [each for each in there if _amount_in(case.step.by).search(each.raw)]
    for some, weight, what in (
        (exact, 75, "and holds this very number"),
        (there, 40, "by a run of these days"),
    ):
        if some:
            more = f" (and {len(some) - 1} more)" if len(some) > 1 else ""
            says = f"what could not be read lies in quarantine, {what}: {some[0].place}: {some[0].why}{more}"
            yield Cause(Kind.UNREAD, weight, says, settle=("caudal quarantine",))
            return


def _amount_in(amount: Decimal) -> re.Pattern[str]:
    """The amount without its sign, as a bank may write it."""
    whole, _, part = f"{abs(amount).normalize():f}".partition(".")
    places = rf"[.,]{part}0*" if part else r"(?:[.,]0+)?"
    return re.compile(rf"(?<![\d.,]){whole}{places}(?![.,]?\d)")


def _doubled(case: Case) -> Iterator[Cause]:
    """The bank counts one where the ledger holds two."""
    step = case.step
    extra = [each for each in case.facts.movements if each.counted and each.amount == EXACT.minus(step.by)]
    doubted = tuple(each for each in extra if each.doubts and step.spans(each.on))
    if doubted:
        merges = dict.fromkeys(
            f"caudal merge {' '.join(sorted((each.id, each.doubts[0])))}" for each in doubted
        )
        says = "it may be the same as another that it was kept apart from on a doubt"
        yield Cause(Kind.DOUBLED, 70, says, doubted, settle=tuple(merges))
    pairs = [
        (one, other)
        for place, one in enumerate(extra)
        for other in extra[place + 1 :]
        if (step.spans(one.on) or step.spans(other.on)) and abs(one.on - other.on) <= _ALIKE_DAYS * _DAY
        if other.id not in one.doubts and one.id not in other.doubts
    ]
    for alike, weight, says in (
        (True, 55, "it stands in the ledger twice, alike on one day"),
        (False, 35, "the ledger holds two of this amount within days"),
    ):
        two = [pair for pair in pairs if ((pair[0].on, pair[0].text) == (pair[1].on, pair[1].text)) is alike]
        if two:
            there = tuple({each.id: each for pair in two for each in pair}.values())
            yield Cause(
                Kind.DOUBLED,
                weight,
                says,
                there,
                settle=tuple(f"caudal merge {one.id} {other.id}" for one, other in two),
            )


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
        some = tuple(each for each in taken if (bool(each.into) and each.weight < CERTAIN) is middling)
        if some:
            apart = tuple(
                f"caudal split-apart {' '.join(filter(None, (each.into, each.id)))}" for each in some
            )
            yield Cause(Kind.MERGED, weight, says, some, settle=apart)


def _gone(case: Case) -> Iterator[Cause]:
    gone = tuple(
        each
        for each in case.facts.movements
        if each.amount == case.step.by
        and each.gone
        and not (each.into or each.said)
        and _near(each.on, case.step)
    )
    if gone:
        says = "its source told it and tells it no more, and the bank counts it"
        yield Cause(Kind.GONE, 64, says, gone, settle=tuple(f"caudal why {each.id}" for each in gone))


def _near(day: date, step: Step) -> bool:
    return step.after - _BORDER_DAYS * _DAY <= day <= step.on + _BORDER_DAYS * _DAY


def _not_covered(case: Case) -> Iterator[Cause]:
    if case.facts.covered is None:
        return
    gaps = _gaps(case.facts.covered, case.step)
    if not gaps:
        return
    days = ", ".join(f"{start} to {end}" if start != end else f"{start}" for start, end in gaps[:3])
    more = f" and {len(gaps) - 3} more stretches" if len(gaps) > 3 else ""
    yield Cause(
        Kind.NOT_COVERED,
        60,
        f"no source told all of {days}{more}: import a statement that does, or sync",
        start=gaps[0][0],
        end=gaps[-1][1],
        settle=("caudal import", "caudal sync --all"),
    )


def _gaps(covered: Sequence[tuple[date, date]], step: Step) -> list[tuple[date, date]]:
    """The stretches of days within the step that are not covered."""
    gaps: list[tuple[date, date]] = []
    reached = step.after
    for start, end in sorted(covered):
        if start > step.on:
            break
        if start > reached + _DAY:
            gaps.append((reached + _DAY, start - _DAY))
        reached = max(reached, end)
    if reached < step.on:
        gaps.append((reached + _DAY, step.on))
    return gaps


def _sign(case: Case) -> Iterator[Cause]:
    twice = tuple(
        each
        for each in case.facts.movements
        if each.counted
        and case.step.spans(each.on)
        and EXACT.multiply(each.amount, Decimal(-2)) == case.step.by
    )
    if twice:
        says = "half of it, with the other sign: the bank may count it the other way"
        edits = tuple(f"caudal edit {each.id} amount={EXACT.minus(each.amount):f}" for each in twice)
        yield Cause(Kind.SIGN, 45, says, twice, settle=edits)


def _left_out(case: Case) -> Iterator[Cause]:
    for each in case.facts.left_out:
        if each.first is None:
            says = f"of {each.connection} this account is left out by choice"
            yield Cause(
                Kind.LEFT_OUT, 30, says, settle=(f'caudal choose "{each.connection}" --all-accounts',)
            )
        elif case.step.after + _DAY < each.first:
            yield Cause(
                Kind.LEFT_OUT,
                30,
                f"of {each.connection} what was booked before {each.first} is left out by choice",
                end=each.first - _DAY,
                settle=(f'caudal choose "{each.connection}" --history all',),
            )


_FIND: Final[tuple[Callable[[Case], Iterator[Cause]], ...]] = (
    _decided,
    _another_day,
    _pending,
    _unread,
    _doubled,
    _gone,
    _merged,
    _not_covered,
    _sign,
    _left_out,
)
