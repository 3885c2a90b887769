"""Which tellings are of one movement: an account's strands, put together.

A pure function of all that the account's sources have told, in whatever order it came: first within each source (what
settled, what was told anew under another id), then source by source, each strand to at most one group, so that the
whole of the evidence is greatest. Two strands of one source are never one because they look alike: counts come first.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from caudal.matching.assignment import best_pairs
from caudal.matching.evidence import (
    CERTAIN,
    DOUBTFUL,
    Evidence,
    Manner,
    Source,
    Strand,
    across,
    settles,
    took_place,
)


class Join(msgspec.Struct, frozen=True):
    """Why `strand` is of the movement that `to` is of."""

    strand: str
    to: str
    rule: str
    evidence: Evidence

    @property
    def certain(self) -> bool:
        """Whether it needs no second look."""
        return self.evidence.weight >= CERTAIN


class Doubt(msgspec.Struct, frozen=True):
    """Two that were kept apart and may be one."""

    one: str
    other: str
    rule: str
    evidence: Evidence


class Group(msgspec.Struct, frozen=True):
    """One movement: its strands, that which founded it first, and why the others are of it."""

    strands: tuple[Strand, ...]
    joins: tuple[Join, ...]


class Word(msgspec.Struct, frozen=True):
    """What a person said of strands, by their keys: these pairs are one movement, those are not."""

    one: frozenset[frozenset[str]] = frozenset()
    apart: frozenset[frozenset[str]] = frozenset()


class Conclusion(msgspec.Struct, frozen=True):
    """The account's movements, and what a person might be asked."""

    groups: tuple[Group, ...]
    doubts: tuple[Doubt, ...]


NO_WORD: Final = Word()


def conclude(strands: Iterable[Strand], sources: Mapping[str, Source], word: Word = NO_WORD) -> Conclusion:
    """Put one account's strands together. `sources` by their keys. The same whatever order the strands are in."""
    of_source: dict[str, list[Strand]] = defaultdict(list)
    for strand in sorted(strands, key=_canonical):
        of_source[strand.source].append(strand)
    table = _Table(sources, word)
    for source in sorted((sources[key] for key in of_source), key=_order):
        table.seat(source, _within(of_source[source.key], table))
    table.obey()
    return table.conclusion()


def _order(source: Source) -> tuple[bool, bool, str, int, str]:
    manner = source.manner
    return manner is Manner.MANUAL, manner is Manner.FILE, source.provider, source.rank, source.key


_SAID: Final = Evidence((("a person said so", 10_000),))


class _Party:
    """A movement in the making."""

    def __init__(self, strand: Strand) -> None:
        self.strands = [strand]
        self.joins: list[Join] = []
        self.sources = {strand.source}

    def take(self, other: "_Party", rule: str, evidence: Evidence) -> None:
        self.joins += [*other.joins, Join(other.strands[0].key, self.strands[0].key, rule, evidence)]
        self.strands += other.strands
        self.sources |= other.sources


Judge = Callable[[_Party, _Party], Evidence | None]


class _Table:
    """Where the sources meet, one after the other."""

    def __init__(self, sources: Mapping[str, Source], word: Word) -> None:
        self._sources = sources
        self._word = word
        self._parties: list[_Party] = []
        self._doubts: list[Doubt] = []

    def seat(self, source: Source, new: list[_Party]) -> None:
        """Each of `new`, all of one source, with whom it belongs to; the others by themselves."""

        def judge(seated: _Party, comer: _Party) -> Evidence | None:
            return across(
                seated.strands,
                comer.strands,
                same_words=source.family != ""
                and all(self._sources[key].family == source.family for key in seated.sources),
                by_hand=Manner.MANUAL
                in {source.manner, *(self._sources[key].manner for key in seated.sources)},
            )

        if self._parties:
            new = self.pair(self._parties, new, judge, "across_sources", units_apart=1)
        self._parties += new

    def pair(
        self, seated: list[_Party], new: list[_Party], judge: Judge, rule: str, units_apart: int | None = None
    ) -> list[_Party]:
        """Let `seated` take whom of `new` they belong with, one each. Returns the others."""
        gains: dict[tuple[int, int], int] = {}
        found: dict[tuple[int, int], Evidence] = {}
        for i, j in _near(seated, new, units_apart):
            evidence = self._heard(seated[i], new[j], judge)
            if evidence is not None and evidence.weight > DOUBTFUL:
                found[i, j] = evidence
                if evidence.weight > 0:
                    gains[i, j] = max(1, _FINE * evidence.weight - _apart(seated[i], new[j]))
        pairs = best_pairs(gains)
        here, there = {i for i, _ in pairs}, {j for _, j in pairs}
        for (i, j), evidence in sorted(found.items(), key=lambda each: each[0]):
            if i not in here and j not in there:
                self._doubts.append(Doubt(seated[i].strands[0].key, new[j].strands[0].key, rule, evidence))
        for i, j in pairs:
            seated[i].take(new[j], rule, found[i, j])
        return [party for j, party in enumerate(new) if j not in there]

    def _heard(self, one: _Party, other: _Party, judge: Judge) -> Evidence | None:
        """The evidence, a person's word before all."""
        if self._word is not NO_WORD:
            pairs = {frozenset((a.key, b.key)) for a in one.strands for b in other.strands}
            if pairs & self._word.apart:
                return None
            if pairs & self._word.one:
                return _SAID
        return judge(one, other)

    def obey(self) -> None:
        """Bring together what a person said is one, wherever it sits."""
        for pair in sorted(sorted(pair) for pair in self._word.one):
            seats = {strand.key: party for party in self._parties for strand in party.strands}
            found = [seats[key] for key in pair if key in seats]
            if len(found) == 2 and found[0] is not found[1]:
                found[0].take(found[1], "person", _SAID)
                self._parties.remove(found[1])

    def conclusion(self) -> Conclusion:
        """Who sits together."""
        return Conclusion(
            tuple(Group(tuple(party.strands), tuple(party.joins)) for party in self._parties),
            tuple(self._doubts),
        )


def _within(strands: Sequence[Strand], table: _Table) -> list[_Party]:
    """One source's movements: what vanished with what came in its place, what was pending with what settles it."""
    parties = [_Party(strand) for strand in strands]
    vanished = [party for party in parties if party.strands[0].gone]
    present = [party for party in parties if not party.strands[0].gone]
    present = table.pair(vanished, present, _judge_by(took_place), "took_its_place")
    open_ = [party for party in (*vanished, *present) if _is_open(party)]
    booked = [party for party in present if not party.strands[0].pending]
    alone = table.pair(open_, booked, _judge_by(settles), "settles")
    settled = {id(party) for party in booked} - {id(party) for party in alone}
    return sorted((party for party in (*vanished, *present) if id(party) not in settled), key=_place)


_FINE: Final = 1_000


def _apart(one: _Party, other: _Party) -> int:
    """What settles which of several alike go together where the evidence is the same: by their days, in order. Far less
    than the least weight."""
    return min(_FINE // 2, (_middle(one) - _middle(other)) ** 2)


def _middle(party: _Party) -> int:
    days = [day for strand in party.strands for day in strand.days]
    return min(days) + max(days)


def _is_open(party: _Party) -> bool:
    return party.strands[-1].pending and not party.strands[-1].gone


def _place(party: _Party) -> tuple[int, int, str]:
    return _canonical(party.strands[0])


def _canonical(strand: Strand) -> tuple[int, int, str]:
    return strand.days[0], strand.units, strand.key


def _judge_by(judge: Callable[[Strand, Strand], Evidence | None]) -> Judge:
    return lambda one, other: judge(one.strands[-1], other.strands[0])


_BUCKET_DAYS: Final = 16
_NEAR_MAX: Final = 100
"""Of more movements of one amount within days, each is compared with those nearest to it."""


def _near(
    seated: Sequence[_Party], new: Sequence[_Party], units_apart: int | None
) -> Iterator[tuple[int, int]]:
    """The pairs worth a look: some day of the one within a bucket of some day of the other, and amounts no more than
    `units_apart` apart (None: whatever they are)."""
    if not seated or not new:
        return
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for j, party in enumerate(new):
        for key in {(units, day // _BUCKET_DAYS) for units, day in _told(party, units_apart is not None)}:
            places[key].append(j)
    reach = range(-(units_apart or 0), (units_apart or 0) + 1)
    for i, party in enumerate(seated):
        looked = {
            (units + off, day // _BUCKET_DAYS + side)
            for units, day in _told(party, units_apart is not None)
            for off in reach
            for side in (-1, 0, 1)
        }
        near = sorted({j for key in looked if key in places for j in places[key]})
        if len(near) > _NEAR_MAX:
            near = sorted(sorted(near, key=lambda j: (_apart(party, new[j]), j))[:_NEAR_MAX])
        yield from ((i, j) for j in near)


def _told(party: _Party, with_units: bool) -> Iterator[tuple[int, int]]:  # noqa: FBT001
    for strand in party.strands:
        for day in strand.days:
            yield strand.units if with_units else 0, day
