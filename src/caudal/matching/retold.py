"""Statement files that overlap: which rows of a new file were told by an earlier one, under whatever id.

A file is everything its bank held for its days. A row of an earlier file whose day the new one covers, and which the
new one does not tell under the id it had, is told by one of the new one's other rows, if any says the same of the same
day: each of one at most, so that the second of two identical coffees stays a second.
"""

from collections import defaultdict
from collections.abc import Sequence

from caudal.matching.assignment import best_pairs
from caudal.matching.evidence import Strand
from caudal.matching.identity import folded


def told_before(new: Sequence[Strand], known: Sequence[Strand]) -> list[tuple[Strand, Strand]]:
    """(new, known) pairs that are one row, told twice.

    `new`: rows whose ids the file's account had not seen, or had seen for another movement. `known`: rows of earlier
    files, of the days the new file covers, that it doesn't tell by their ids.
    """
    places: dict[tuple[int, str], list[int]] = defaultdict(list)
    for j, row in enumerate(known):
        places[row.days[0], folded(row.texts)].append(j)
    gains = {
        (i, j): 10 if row.units == known[j].units else 5
        for i, row in enumerate(new)
        for j in places.get((row.days[0], folded(row.texts)), ())
        if abs(row.units - known[j].units) <= 1 and row.currency == known[j].currency
    }
    return [(new[i], known[j]) for i, j in best_pairs(gains)]


def says_the_same(one: Strand, other: Strand) -> bool:
    """Whether two rows under one id are of one movement: the same day, or the same amount. A source that numbers its rows
    gives the same number to another movement in another file."""
    return one.currency == other.currency and (one.days[0] == other.days[0] or one.units == other.units)
