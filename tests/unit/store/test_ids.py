"""Ids are fresh, and sort by the time they were made."""

import itertools
import time
import uuid
from uuid import UUID

import pytest

from caudal.store.ids import new_id, new_ids


@pytest.mark.parametrize("count", [0, 1, 2, 1_000])
def test_as_many_ids_as_asked_for_and_none_twice(count: int) -> None:
    made = list(new_ids(count))
    assert len(made) == len(set(made)) == count


def test_an_id_is_a_uuid_of_version_7_in_its_one_spelling() -> None:
    for text in new_ids(500):
        made = UUID(text)
        assert str(made) == text
        assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_all_the_bits_that_may_be_random_are() -> None:
    ones = zeros = 0
    for text in new_ids(2_000):
        number = UUID(text).int & ((1 << 80) - 1)
        ones |= number
        zeros |= ~number
    fixed = [place for place in range(80) if not (ones >> place & 1 and zeros >> place & 1)]
    assert fixed == [62, 63, 76, 77, 78, 79]  # the variant and the version


def test_an_id_says_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id().int >> 80
    assert before <= made <= time.time_ns() // 1_000_000


def test_ids_made_later_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    # From 1970 to the year 6000, where the time takes all its twelve digits.
    moments = [0, 1, 15, 16, 10**12, 1_772_400_000_000, 127_000_000_000_000]
    made = []
    for milliseconds in moments:
        monkeypatch.setattr(time, "time_ns", lambda moment=milliseconds: moment * 1_000_000)
        made.append([*new_ids(50), str(new_id())])
    for earlier, later in itertools.pairwise(made):
        assert max(earlier) < min(later)
    assert [UUID(ids[0]).int >> 80 for ids in made] == moments
