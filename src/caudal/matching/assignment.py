"""One-to-one: each of one side to at most one of the other, so that the whole gain is greatest."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import heappop, heappush

Gains = Mapping[tuple[int, int], int]
"""(left, right) → what joining them gains, above 0; what isn't there can't be joined."""


def best_pairs(gains: Gains) -> list[tuple[int, int]]:
    """The pairs of greatest total gain, each left and each right in one at most; in ascending order.

    Of equal totals it is the same one whatever order the gains are in. Nearly all are a single pair; of many that hang
    together each costs as much as the search for a better place for it goes through.
    """
    of_left: dict[int, list[int]] = defaultdict(list)
    of_right: dict[int, list[int]] = defaultdict(list)
    for i, j in sorted(gains):
        of_left[i].append(j)
        of_right[j].append(i)
    found: list[tuple[int, int]] = []
    alone = {i: j for i, [j, *more] in of_left.items() if not more and len(of_right[j]) == 1}
    found += alone.items()
    for lefts, rights in _components(of_left, of_right, alone):
        if len(lefts) == 1 or len(rights) == 1:
            _, i, j = max((gains[i, j], -i, -j) for i in lefts for j in of_left[i])
            found.append((-i, -j))
        else:
            places = _Places(gains, of_left)
            for left in lefts:
                places.find(left)
            found += places.pairs()
    return sorted(found)


def _components(
    of_left: Mapping[int, Sequence[int]], of_right: Mapping[int, Sequence[int]], alone: Collection[int]
) -> Iterator[tuple[list[int], list[int]]]:
    """The lefts and rights that hang together by possible pairs, without lefts that are `alone` with their right."""
    seen = set(alone)
    for first, its_rights in of_left.items():
        if first in seen:
            continue
        seen.add(first)
        lefts, rights, waiting = [first], dict.fromkeys(its_rights), list(its_rights)
        while waiting:
            for i in of_right[waiting.pop()]:
                if i not in seen:
                    seen.add(i)
                    lefts.append(i)
                    new = [j for j in of_left[i] if j not in rights]
                    rights |= dict.fromkeys(new)
                    waiting += new
        yield sorted(lefts), sorted(rights)


class _Places:
    """Who has whom, so far: the assignment problem by shortest augmenting paths (Jonker and Volgenant 1987), over
    nothing but the pairs that can be. Whoever has none costs nothing.

    A search ends at the first place that is free, which goes before others as near: where coffees of one price hang
    together over years, it is found among those of a few days. At every step cost less both prices is nowhere below 0,
    and 0 where two are paired.
    """

    def __init__(self, gains: Gains, of_left: Mapping[int, Sequence[int]]) -> None:
        self._gains = gains
        self._of_left = of_left
        self._left_of: dict[int, int] = {}
        self._right_of: dict[int, int] = {}
        self._left_price: dict[int, int] = {}
        self._right_price: dict[int, int] = defaultdict(int)

    def pairs(self) -> list[tuple[int, int]]:
        """The pairs."""
        return list(self._right_of.items())

    def find(self, first: int) -> None:
        """A place for one more left, which others may have to move up for, or be left alone."""
        price = min(-self._gains[first, j] - self._right_price[j] for j in self._of_left[first])
        self._left_price[first] = min(0, price)
        came_from: dict[int, int] = {}
        settled: dict[int, int] = {}
        waiting: list[tuple[int, bool, int]] = []
        far: dict[int, int] = {}
        left, here = first, 0
        alone, alone_far = first, -self._left_price[first]
        end: int | None = None
        while True:
            for j in self._of_left[left]:
                step = here - self._gains[left, j] - self._left_price[left] - self._right_price[j]
                if j not in settled and (j not in far or step < far[j]):
                    far[j], came_from[j] = step, left
                    heappush(waiting, (step, j in self._left_of, j))
            while waiting and waiting[0][2] in settled:
                heappop(waiting)
            if not waiting or alone_far <= waiting[0][0]:
                here = alone_far
                break
            here, taken, right = heappop(waiting)
            if not taken:
                end = right
                break
            settled[right] = here
            left = self._left_of[right]
            if here - self._left_price[left] < alone_far:
                alone, alone_far = left, here - self._left_price[left]
        self._left_price[first] += here
        for right, there in settled.items():
            self._left_price[self._left_of[right]] += here - there
            self._right_price[right] -= here - there
        if end is None and alone != first:
            end = self._right_of.pop(alone)
        if end is not None:
            self._move_up(first, end, came_from)

    def _move_up(self, first: int, end: int, came_from: Mapping[int, int]) -> None:
        """Along the path, back from its end."""
        left, right = came_from[end], end
        while left != first:
            before = self._right_of[left]
            self._left_of[right], self._right_of[left] = left, right
            left, right = came_from[before], before
        self._left_of[right], self._right_of[left] = left, right
