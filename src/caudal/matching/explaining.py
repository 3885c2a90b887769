"""Each step by which a ledger leaves its bank's balances, with its likely causes."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from caudal.matching.causes import Case, Cause, causes_of, moved
from caudal.matching.drift import Course, Step
from caudal.matching.facts import Facts, Movement
from caudal.model.money import EXACT

STEPS_MAX: Final = 20
"""The newest steps of an account are explained, so many."""


class Explained(msgspec.Struct, frozen=True):
    """A step with its likely causes, the likeliest first. `undone_on`: a later step takes it back on that day, for its
    movement is only counted on another day; `undoes`: it is that later step, of the one on this day."""

    step: Step
    causes: tuple[Cause, ...]
    undone_on: date | None = None
    undoes: date | None = None


def looked_at(course: Course) -> tuple[Step, ...]:
    """The steps that are explained: the newest."""
    return course.steps[-STEPS_MAX:]


def explain(course: Course, facts: Facts) -> tuple[Explained, ...]:
    """Name the likely causes of each step looked at."""
    steps = looked_at(course)
    if not steps:
        return ()
    counting = [reading.on for reading in course.readings if reading.counts]
    back = _taken_back(steps, facts.movements)
    undoes = {later: earlier for earlier, later in back.items()}
    told: list[Explained] = []
    for place, step in enumerate(steps):
        if place in undoes:
            told.append(Explained(step, (), undoes=steps[undoes[place]].on))
            continue
        later = steps[back[place]] if place in back else None
        besides = tuple(
            each
            for each in course.readings
            if each.on == step.after and not each.counts and each.difference == step.at.difference
        )
        causes = causes_of(Case(step, facts, counting[0], counting[-1], later, besides))
        told.append(Explained(step, causes, undone_on=later.on if later else None))
    return tuple(told)


def _taken_back(steps: Sequence[Step], movements: Sequence[Movement]) -> dict[int, int]:
    """Step → the later one that takes it back, where a movement between them is counted on another day by the bank."""
    found: dict[int, int] = {}
    taken: set[int] = set()
    for earlier, step in enumerate(steps):
        if earlier in taken:
            continue
        for later in range(earlier + 1, len(steps)):
            opposite = steps[later].by == EXACT.minus(step.by)
            if later not in taken and opposite and any(moved(each, step, steps[later]) for each in movements):
                found[earlier] = later
                taken.add(later)
                break
    return found
