"""Is an account that is shown for the first time one that is known, by what both tell?

Where numbers and names don't decide, movements may: two accounts that tell the same amounts on the same days,
one-to-one, over the days that both tell of. A standing order or a subscription is the same on two cards of one
household every month: so what counts is how many *different* amounts agree, and how much of what either tells does.
Two lives that are led apart share one or two of them; five that agree by chance, of amounts to the cent, are not met.

Agreement alone is certain where it is overwhelming on both sides: nearly all that either tells of the common days is
told by the other, in eight different amounts (in five, where both also told the same balance for one day), and
nothing contradicts: no other kind of account, no other last digits, no other balance of a day that is over. One thing
overrides the digits: an account that its own connection shows no longer, and another that it shows instead and that
tells all that once more, is a card that was replaced. Less than that is a question. What can't be told from the
movements (twins' savings plans, one household's two cards of one line) has contradicting digits, and is one too.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from caudal.matching.accounts import Shown, other_digits, other_kind
from caudal.matching.evidence import Manner

_DAYS_APART_MAX: Final = 1
DISTINCT_MIN: Final = 5
"""So many different amounts that agree are not met by chance."""
_DISTINCT_CERTAIN: Final = 8
_SHARE_ASKED: Final = Decimal("0.5")
_SHARE_CERTAIN: Final = Decimal("0.9")


class Life(msgspec.Struct, frozen=True):
    """What an account tells: its booked movements as (day, signed amount), of every day from `since` on, and the booked
    balances told of it by day, `firm` where they were told for the day's end."""

    tellers: Sequence[Shown]
    """The source accounts that tell of it; of one that is new, itself alone."""
    movements: Sequence[tuple[date, Decimal]]
    since: date
    balances: Mapping[date, frozenset[Decimal]] = {}
    firm: frozenset[date] = frozenset()
    gone: frozenset[str] = frozenset()
    """Those of the tellers that their connections show no longer."""
    chosen: bool = False
    """A person chose where it is booked."""


class Overlap(msgspec.Struct, frozen=True):
    """Of the days both tell of: `agreed` movements, in `distinct` amounts, of `told` by one and `other_told` by the
    other; days for which both told the same balance (not 0), and days for whose end each told another."""

    agreed: int
    distinct: int
    told: int
    other_told: int
    balances: int = 0
    other_balances: int = 0

    @property
    def share(self) -> Decimal:
        """How much of what the one that tells more of these days tells, the other tells too: 0 to 1."""
        return Decimal(self.agreed) / max(self.told, self.other_told, 1)

    @property
    def part(self) -> Decimal:
        """How much of what the one that tells less of them tells, the other tells too: 0 to 1."""
        return Decimal(self.agreed) / max(min(self.told, self.other_told), 1)


class Likeness(msgspec.Struct, frozen=True):
    """The source account `shown` tells what `account` does, which `other` tells of. `certain` False: a person is to be
    asked."""

    shown: str
    other: str
    account: str
    overlap: Overlap
    rule: str
    certain: bool


def overlap(one: Life, other: Life) -> Overlap:
    """How far two accounts tell the same of the days that both tell of."""
    if not one.movements or not other.movements:
        return Overlap(0, 0, 0, 0)
    first = max(one.since, other.since)
    last = min(max(day for day, _ in one.movements), max(day for day, _ in other.movements))
    here, there = _by_amount(one, first, last), _by_amount(other, first, last)
    agreed = [_paired(days, there[amount]) for amount, days in here.items() if amount in there]
    common = one.balances.keys() & other.balances.keys()
    same = {day for day in common if one.balances[day] & other.balances[day] - {Decimal(0)}}
    ends = {day for day in common & one.firm & other.firm if not one.balances[day] & other.balances[day]}
    return Overlap(
        agreed=sum(agreed),
        distinct=len(agreed) - agreed.count(0),
        told=sum(map(len, here.values())),
        other_told=sum(map(len, there.values())),
        balances=len(same),
        other_balances=len(ends),
    )


def alike(new: Sequence[Life], known: Sequence[Life]) -> list[Likeness]:
    """For those of `new` (of one connection, shown for the first time) that tell what a known account tells: which,
    and whether it is certain. One-to-one: where a new one is like several accounts, or several are like one, each is
    asked about."""
    found = [likeness for one in new for other in known if (likeness := _likeness(one, other))]
    of_new, of_known = Counter(each.shown for each in found), Counter(each.account for each in found)
    return [
        msgspec.structs.replace(
            each, certain=each.certain and of_new[each.shown] == of_known[each.account] == 1
        )
        for each in found
    ]


def _likeness(one: Life, other: Life) -> Likeness | None:
    [shown] = one.tellers
    if not _may_be(shown, other):
        return None
    found = overlap(one, other)
    if found.distinct < DISTINCT_MIN or found.part < _SHARE_ASKED:
        return None
    before = [each for each in other.tellers if each.connection == shown.connection]
    replaced = bool(before) and _live(shown)
    certain = (
        not one.chosen
        and (found.distinct >= _DISTINCT_CERTAIN or found.balances > 0)
        and found.share >= _SHARE_CERTAIN
        and not found.other_balances
        and not any(
            each.ended or other_kind(shown, each) or (other_digits(shown, each) and not replaced)
            for each in other.tellers
        )
    )
    rule = "replaced" if replaced else "same_movements"
    return Likeness(shown.key, (before or other.tellers)[0].key, shown_account(other), found, rule, certain)


def shown_account(life: Life) -> str:
    """The account a life is of."""
    return life.tellers[0].account


def _may_be(shown: Shown, other: Life) -> bool:
    """Whether the two are looked at at all: of one currency, and not shown side by side by one connection."""
    beside = any(
        each.connection == shown.connection and each.key not in other.gone and _live(each)
        for each in other.tellers
    )
    same_currency = any(each.currency == shown.currency for each in other.tellers)
    return same_currency and not beside and shown_account(other) != shown.account


def _live(shown: Shown) -> bool:
    return Manner.of(shown.provider) is Manner.LIVE


def _by_amount(life: Life, first: date, last: date) -> Mapping[Decimal, list[int]]:
    """Amount → the days of its movements, in order."""
    days: dict[Decimal, list[int]] = defaultdict(list)
    for day, amount in sorted(life.movements):
        if first <= day <= last:
            days[amount].append(day.toordinal())
    return days


def _paired(here: Sequence[int], there: Sequence[int]) -> int:
    """How many of these days (in order) have a day beside them on the other side, each one at most."""
    place = paired = 0
    for day in here:
        place = bisect_left(there, day - _DAYS_APART_MAX, place)
        if place < len(there) and there[place] <= day + _DAYS_APART_MAX:
            paired, place = paired + 1, place + 1
    return paired
