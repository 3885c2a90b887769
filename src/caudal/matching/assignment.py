"""One-to-one: each of one side to at most one of the other, so that the whole gain is greatest."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

Gains = Mapping[tuple[int, int], int]
"""(left, right) → what joining them gains, above 0; what isn't there can't be joined."""


def best_pairs(gains: Gains) -> list[tuple[int, int]]:
    """The pairs of greatest total gain, each left and each right in one at most; in ascending order.

    Of equal totals it is the same one whatever order the gains are in. Costs as much as the largest set of lefts and
    rights that hang together, cubed; nearly all are a single pair.
    """
    found: list[tuple[int, int]] = []
    for lefts, rights in _components(gains):
        if len(lefts) * len(rights) > _EXACT_MAX:
            found.extend((-i, -j) for i, j in _greedy(lefts, rights, gains))
        elif len(lefts) == 1 or len(rights) == 1:
            found.append(max((gains[i, j], -i, -j) for i in lefts for j in rights if (i, j) in gains)[1:])
        else:
            found.extend((-i, -j) for i, j in _assigned(lefts, rights, gains))
    return sorted((-i, -j) for i, j in found)


_EXACT_MAX: Final = 40_000
"""Possible pairs of what hangs together. Beyond it (hundreds of movements alike within days) the best pairs are taken one
after the other: of movements alike it makes no difference to how many there are."""


def _greedy(lefts: list[int], rights: list[int], gains: Gains) -> Iterator[tuple[int, int]]:
    here, there = set(lefts), set(rights)
    for i, j in sorted((pair for pair in gains if pair[0] in here), key=lambda pair: (-gains[pair], pair)):
        if i in here and j in there:
            here.discard(i)
            there.discard(j)
            yield i, j


def _components(gains: Gains) -> Iterator[tuple[list[int], list[int]]]:
    """The lefts and rights that hang together by possible pairs."""
    of_left: dict[int, list[int]] = defaultdict(list)
    of_right: dict[int, list[int]] = defaultdict(list)
    for i, j in sorted(gains):
        of_left[i].append(j)
        of_right[j].append(i)
    seen: set[int] = set()
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


def _assigned(lefts: list[int], rights: list[int], gains: Gains) -> Iterable[tuple[int, int]]:
    """The assignment problem by shortest augmenting paths (Jonker and Volgenant 1987); a pair that can't be costs 0, as
    staying alone does, and is left out."""
    turned = len(lefts) > len(rights)
    rows, columns = (rights, lefts) if turned else (lefts, rights)
    cost = [[-gains.get((j, i) if turned else (i, j), 0) for j in columns] for i in rows]
    for row, column in _least(cost):
        pair = (columns[column], rows[row]) if turned else (rows[row], columns[column])
        if pair in gains:
            yield pair


def _least(cost: list[list[int]]) -> list[tuple[int, int]]:
    """(row, column) for every row, at least total cost; no more rows than columns. Row and column 0 of the working
    arrays stand for none."""
    rows, columns = len(cost), len(cost[0])
    far = 1 + 2 * sum(max(map(abs, row)) for row in cost)
    row_price, column_price = [0] * (rows + 1), [0] * (columns + 1)
    row_of = [0] * (columns + 1)
    for row in range(1, rows + 1):
        row_of[0] = row
        slack = [far] * (columns + 1)
        came_from, settled = [0] * (columns + 1), [False] * (columns + 1)
        column = 0
        while row_of[column]:
            settled[column] = True
            here, step, following = row_of[column], far, 0
            for other in range(1, columns + 1):
                if settled[other]:
                    continue
                reduced = cost[here - 1][other - 1] - row_price[here] - column_price[other]
                if reduced < slack[other]:
                    slack[other] = reduced
                    came_from[other] = column
                if slack[other] < step:
                    step, following = slack[other], other
            for other in range(columns + 1):
                if settled[other]:
                    row_price[row_of[other]] += step
                    column_price[other] -= step
                else:
                    slack[other] -= step
            column = following
        while column:
            row_of[column] = row_of[came_from[column]]
            column = came_from[column]
    return [(row_of[column] - 1, column - 1) for column in range(1, columns + 1) if row_of[column]]
