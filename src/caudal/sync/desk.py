"""Who asks the database for turns, and for whom: one at a time, for all who wait by then."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from caudal.model.errors import StoreError
from caudal.store.budgets import Wish
from caudal.sync.leases import Leased

_TOGETHER_MAX: Final = 100
"""Questions in one statement."""


class Question:
    """A call that wants a turn of each of `buckets`, from `start` on; without it, only to hear whether they are held."""

    def __init__(
        self, buckets: Sequence[Leased], wait_max: timedelta, start: timedelta | None = None
    ) -> None:
        self.buckets = buckets
        self.wait_max = wait_max
        self.start = start
        self.answered = False
        self.failed: StoreError | None = None


class Need:
    """What is to be asked of one bucket: a turn for so many, no earlier than `start`."""

    def __init__(self, bucket: Leased) -> None:
        self.bucket = bucket
        self._waiting = 0
        self._start: timedelta | None = None

    def add(self, start: timedelta) -> None:
        """One more for whom it lacks a turn."""
        self._waiting += 1
        self._start = start if self._start is None else min(self._start, start)

    def wish(self, now: timedelta, lease: timedelta) -> Wish:
        """As it is put to the database."""
        not_before = timedelta(0) if self._start is None else max(self._start - now, timedelta(0))
        return self.bucket.wish(now, lease, self._waiting, not_before)


class Desk:
    """Where questions about one operation wait."""

    def __init__(self) -> None:
        self.turnstile = asyncio.Lock()
        self._questions: list[Question] = []

    def enter(self, question: Question) -> None:
        """Wait to be asked."""
        self._questions.append(question)

    def waits(self, question: Question) -> bool:
        """Whether nobody has taken it along yet."""
        return question in self._questions

    def leave(self, question: Question) -> None:
        """Answered or not."""
        if question in self._questions:
            self._questions.remove(question)

    def take(self, first: Question, lease: timedelta) -> list[Question]:
        """That one and those that can be asked with it: turns for a later time would make the earlier ones late."""
        together = [first]
        for other in self._questions:
            near = first.start is None or other.start is None or abs(other.start - first.start) <= lease
            if other is not first and near and len(together) < _TOGETHER_MAX:
                together.append(other)
        for each in together:
            self.leave(each)
        return together


def needs(questions: Sequence[Question]) -> dict[str, Need]:
    """What all of them together need, by item."""
    found: dict[str, Need] = {}
    for question in questions:
        for bucket in question.buckets:
            need = found.setdefault(bucket.item, Need(bucket))
            if question.start is not None and bucket.lacks(question.start):
                need.add(question.start)
    return found
