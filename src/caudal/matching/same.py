"""Which tellings are of one movement: an account's strands, put together.

A pure function of all that the account's sources have told, in whatever order it came: first within each source (what
settled, what was told anew under another id), then source by source, each strand to at most one group, so that the
whole of the evidence is greatest. Two strands of one source are never one because they look alike: counts come first.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Final

import msgspec

from caudal.matching.assignment import best_pairs
from caudal.matching.evidence import (
    CERTAIN,
    DAYS_MAX,
    DOUBTFUL,
    Evidence,
    Manner,
    Source,
    Strand,
    Traits,
    across,
    corrected,
    settles,
    took_place,
)


class Join(msgspec.Struct, frozen=True, gc=False):
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


class Group(msgspec.Struct, frozen=True, gc=False):
    """One movement: its strands, that which founded it first, and why the others are of it."""

    strands: tuple[Strand, ...]
    joins: tuple[Join, ...]


class Word(msgspec.Struct, frozen=True):
    """What a person said of strands, by their keys: these pairs are one movement, however unlike they are, those are
    not. Of two that are one with a third they said that, too."""

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
        table.seat(source, _within(source, of_source[source.key], table))
    return table.conclusion()


def _order(source: Source) -> tuple[bool, bool, str, int, str]:
    manner = source.manner
    return manner is Manner.MANUAL, manner is Manner.FILE, source.provider, source.rank, source.key


class _Party:
    """A movement in the making."""

    __slots__ = ("_traits", "joins", "middle", "plain", "sources", "strands")

    def __init__(self, strand: Strand) -> None:
        self.strands = [strand]
        self.joins: list[Join] = []
        self.sources = frozenset((strand.source,))
        self.middle = min(strand.days) + max(strand.days)
        self.plain = len(strand.days) == 1 and not strand.once
        self._traits: Traits | None = None

    @property
    def traits(self) -> Traits:
        """What of its strands is compared."""
        if self._traits is None:
            self._traits = Traits(self.strands)
        return self._traits

    def take(self, other: "_Party", rule: str, evidence: Evidence) -> None:
        self.joins += [*other.joins, Join(other.strands[0].key, self.strands[0].key, rule, evidence)]
        self.strands += other.strands
        self.sources |= other.sources
        days = [day for strand in self.strands for day in strand.days]
        self.middle, self.plain, self._traits = min(days) + max(days), False, None


Judge = Callable[[_Party, _Party], Evidence | None]


class _Table:
    """Where the sources meet, one after the other."""

    def __init__(self, sources: Mapping[str, Source], word: Word) -> None:
        self._sources = sources
        self._word = word
        self._said = _named(word.one)
        self._parties: list[_Party] = []
        self._doubts: list[Doubt] = []

    def seat(self, source: Source, new: list[_Party]) -> None:
        """Each of `new`, all of one source, with whom it belongs to; the others by themselves."""

        @cache
        def manner(seated: frozenset[str]) -> tuple[bool, bool]:
            others = [self._sources[key] for key in seated]
            same_words = source.family != "" and all(other.family == source.family for other in others)
            return same_words, Manner.FILE in (source.manner, *(other.manner for other in others))

        def judge(seated: _Party, comer: _Party) -> Evidence | None:
            same_words, by_file = manner(seated.sources)
            return across(seated.traits, comer.traits, same_words=same_words, by_file=by_file)

        if self._parties:
            new = self.pair(self._parties, new, judge, "across_sources", units_apart=1)
            new = self.pair(self._withdrawn(source), new, _judge_by(corrected), "corrected")
        self._parties += new

    def _withdrawn(self, heir: Source) -> list[_Party]:
        """What another login at the same bank told, and nobody tells any more."""
        return [
            party
            for party in self._parties
            if heir.family
            and all(strand.gone for strand in party.strands)
            and all(self._sources[key].family == heir.family for key in party.sources)
        ]

    def pair(
        self, seated: list[_Party], new: list[_Party], judge: Judge, rule: str, units_apart: int | None = None
    ) -> list[_Party]:
        """Let `seated` take whom of `new` they belong with, one each. Returns the others."""
        gains: dict[tuple[int, int], int] = {}
        found: dict[tuple[int, int], Evidence] = {}
        for i, j in self._worth_a_look(seated, new, units_apart):
            evidence = self._heard(seated[i], new[j], judge)
            if evidence is not None and (weight := evidence.weight) > DOUBTFUL:
                found[i, j] = evidence
                if weight > 0:
                    gains[i, j] = max(1, _FINE * weight - _apart(seated[i], new[j]))
        pairs = best_pairs(gains)
        here, there = {i for i, _ in pairs}, {j for _, j in pairs}
        for (i, j), evidence in sorted(found.items(), key=lambda each: each[0]):
            if i not in here and j not in there:
                self._doubts.append(Doubt(seated[i].strands[0].key, new[j].strands[0].key, rule, evidence))
        for i, j in pairs:
            seated[i].take(new[j], rule, found[i, j])
        return [party for j, party in enumerate(new) if j not in there]

    def heed(self, parties: list[_Party]) -> list[_Party]:
        """Put together whom a person said are one and who are still by themselves: two of one source, as a rule."""
        if not self._said:
            return parties
        kept: list[_Party] = []
        founder: dict[str, _Party] = {}
        for party in parties:
            names = self._names(party)
            homes = (founder[name] for name in names if name in founder)
            home = next((each for each in homes if not self._kept_apart(each, party)), None)
            if home is None:
                kept.append(party)
            else:
                home.take(party, "said", _SAID)
            for name in names:
                founder.setdefault(name, home or party)
        return kept if len(kept) == len(parties) else self.heed(kept)

    def conclusion(self) -> Conclusion:
        """Who sits together."""
        parties = self.heed(self._parties)
        seat = {strand.key: place for place, party in enumerate(parties) for strand in party.strands}
        return Conclusion(
            tuple(Group(tuple(party.strands), tuple(party.joins)) for party in parties),
            tuple(doubt for doubt in self._doubts if seat[doubt.one] != seat[doubt.other]),
        )

    def _worth_a_look(
        self, seated: Sequence[_Party], new: Sequence[_Party], units_apart: int | None
    ) -> Iterable[tuple[int, int]]:
        """Those near one another, and whom a person said are one."""
        near = _near(seated, new, units_apart)
        if not self._said:
            return near
        named: dict[str, list[int]] = defaultdict(list)
        for j, party in enumerate(new):
            for name in self._names(party):
                named[name].append(j)
        said = ((i, j) for i, party in enumerate(seated) for name in self._names(party) for j in named[name])
        return dict.fromkeys([*near, *said])

    def _heard(self, one: _Party, other: _Party, judge: Judge) -> Evidence | None:
        """The evidence, a person's word before all."""
        if self._kept_apart(one, other):
            return None
        if self._said and not set(self._names(one)).isdisjoint(self._names(other)):
            return _SAID
        return judge(one, other)

    def _kept_apart(self, one: _Party, other: _Party) -> bool:
        return bool(self._word.apart) and any(
            frozenset((a.key, b.key)) in self._word.apart for a in one.strands for b in other.strands
        )

    def _names(self, party: _Party) -> list[str]:
        """Of what a person said of its strands."""
        return [self._said[strand.key] for strand in party.strands if strand.key in self._said]


_SAID: Final = Evidence((("a person said so", 10_000),))


def _named(pairs: Iterable[frozenset[str]]) -> dict[str, str]:
    """Key → the first key of all that are one with it, by whatever pairs."""
    name: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for pair in pairs:
        names = {name.get(key, key) for key in pair}
        together = sorted(key for each in names for key in members.pop(each, [each]))
        members[together[0]] = together
        name |= dict.fromkeys(together, together[0])
    return name


def _within(source: Source, strands: Sequence[Strand], table: _Table) -> list[_Party]:
    """One source's movements: what vanished with what came in its place, what was pending with what settles it."""
    parties = [_Party(strand) for strand in strands]
    if source.withdraws:  # it says itself what took the place of what
        return table.heed(parties)
    vanished = [party for party in parties if party.strands[0].gone]
    present = [party for party in parties if not party.strands[0].gone]
    present = table.pair(vanished, present, _judge_by(took_place), "took_its_place")
    if source.lists:  # what is still pending there was settled by nothing
        return table.heed(sorted((*vanished, *present), key=_place))
    open_ = [party for party in (*vanished, *present) if _is_open(party)]
    booked = [party for party in present if not party.strands[0].pending]
    alone = table.pair(open_, booked, _judge_by(settles), "settles")
    settled = {id(party) for party in booked} - {id(party) for party in alone}
    return table.heed(sorted((each for each in (*vanished, *present) if id(each) not in settled), key=_place))


_FINE: Final = 1_000


def _apart(one: _Party, other: _Party) -> int:
    """What settles which of several alike go together where the evidence is the same: by their days, in order. Far less
    than the least weight."""
    return min(_FINE // 2, (one.middle - other.middle) ** 2)


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
    around = _Around(new, units_apart)
    for i, party in enumerate(seated):
        near = around.near(party)
        if len(near) > _NEAR_MAX:
            near = sorted(sorted(near, key=lambda j: (_apart(party, new[j]), j))[:_NEAR_MAX])
        yield from ((i, j) for j in near)


class _Around:
    """Where movements are found by amount and day.

    Those of one amount and one day each (`plain`: nearly all) are looked up by the day, as far as two sources' days lie
    apart: what is further is none, and comes after all these by nearness. Others are looked up by buckets of days.
    """

    def __init__(self, new: Sequence[_Party], units_apart: int | None) -> None:
        self._new = new
        self._with_units = units_apart is not None
        self._reach = range(-(units_apart or 0), (units_apart or 0) + 1)
        self._plain: dict[int, dict[int, list[int]]] = {}
        self._mixed: set[int] = set()
        if self._with_units:
            for j, party in enumerate(new):
                only = party.strands[0]
                if party.plain:
                    self._plain.setdefault(only.units, {}).setdefault(only.days[0], []).append(j)
                else:
                    self._mixed.update(units for units, _ in _spots(party, with_units=True))

    def near(self, party: _Party) -> list[int]:
        """The places of those around `party`, in order."""
        amounts = [party.strands[0].units + off for off in self._reach]
        if self._with_units and party.plain and self._mixed.isdisjoint(amounts):
            day = party.strands[0].days[0]
            there = [self._plain[units] for units in amounts if units in self._plain]
            span = range(day - DAYS_MAX, day + DAYS_MAX + 1)
            found = [places[on] for places in there for on in span if on in places]
        else:
            spots = _spots(party, self._with_units)
            sides = (-1, 0, 1)
            keys = (
                (units + off, bucket + side)
                for units, bucket in spots
                for off in self._reach
                for side in sides
            )
            found = [self._buckets[key] for key in keys if key in self._buckets]
        return found[0] if len(found) == 1 else sorted(set().union(*found))

    @cached_property
    def _buckets(self) -> dict[tuple[int, int], list[int]]:
        buckets: dict[tuple[int, int], list[int]] = {}
        for j, party in enumerate(self._new):
            for key in _spots(party, self._with_units):
                buckets.setdefault(key, []).append(j)
        return buckets


def _spots(party: _Party, with_units: bool) -> Collection[tuple[int, int]]:  # noqa: FBT001
    """Where it is looked for: (units, or 0 where they don't matter; bucket of days), each once."""
    if len(party.strands) == 1:
        [only] = party.strands
        if len(only.days) == 1 and not (with_units and only.once):
            return ((only.units if with_units else 0, only.days[0] // _BUCKET_DAYS),)
    return {
        (units, day // _BUCKET_DAYS)
        for strand in party.strands
        for units in ((strand.units, *strand.once) if with_units else (0,))
        for day in strand.days
    }
