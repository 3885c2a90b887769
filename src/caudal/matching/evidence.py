"""How much speaks for two tellings being of one movement.

Weights are log-likelihood ratios in tenths of a nat: how much likelier the finding is of one movement than of two that
happen to have the same amount within some days of one another. They add up; above 0 one movement is the likelier.
They are rounded from counts on generated accounts with real merchants' texts (docs/matching.md says which and how).
"""

import enum
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from caudal.matching.texts import likeness, read

CERTAIN: Final = 40
"""From this weight on a match needs no second look."""
DOUBTFUL: Final = -20
"""Down to this weight a pair that isn't taken for one is worth asking about."""


class Manner(enum.StrEnum):
    """How a source tells: an API, again and again; statement files; a person by hand."""

    LIVE = "live"
    FILE = "file"
    MANUAL = "manual"

    @classmethod
    def of(cls, provider: str) -> "Manner":
        """How what comes by this provider is told."""
        return cls.FILE if provider == "file" else cls.MANUAL if provider == "manual" else cls.LIVE


class Source(msgspec.Struct, frozen=True):
    """One source account. `provider`, then `rank`: its place among the account's sources, which decides nothing but the
    order in which they are compared. Those of one `family` ('' = none) tell a movement in the same words: one login
    linked anew. `withdraws`: it takes back what it holds no more, and says what took its place; `lists`:
    it says no such thing, but what is still pending there was settled by nothing."""

    key: str
    rank: int
    manner: Manner
    family: str = ""
    provider: str = ""
    withdraws: bool = False
    lists: bool = False


class Strand(msgspec.Struct, frozen=True, gc=False):
    """What one source holds to be one movement, whatever ids it went by.

    `units`: signed amount in the currency's smallest unit. `days`: ordinals of the days it was told of, that of its
    booking first. `told`: when its source first told it (microseconds; what was told together has the same). `gone`: the
    source holds it no more, since `since`. `once`: other amounts it was booked with before it was corrected. `settled`:
    its source says which pending one it was before.
    """

    key: str
    source: str
    units: int
    currency: str
    days: tuple[int, ...]
    texts: tuple[str, ...]
    reference: str = ""
    pending: bool = False
    gone: bool = False
    told: int = 0
    since: int = 0
    once: tuple[int, ...] = ()
    settled: bool = False


def named_by(reference: str) -> str:
    """What a reference names a payment by, however it is written; '' where it is too short to name one."""
    folded = reference.strip().upper()
    return folded if len(folded) >= _REFERENCE_LETTERS_MIN else ""


def days_apart(days: int) -> str:
    """How a finding says it."""
    return f"{days} day{'s' if days > 1 else ''} apart"


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """What was found, each with its weight."""

    found: tuple[tuple[str, int], ...]

    @property
    def weight(self) -> int:
        """All of it."""
        return sum(weight for _, weight in self.found)


_DAYS: Final = (0, -6, -11, -17, -32)
"""By how many days apart one movement is dated by two sources (0 to 4): booking, value and purchase days, time zones."""
DAYS_MAX: Final = len(_DAYS) - 1
"""Two sources' days of one movement lie no further apart."""
_DAYS_BOTH_CLOSE_MAX: Final = 3
"""Where no statement file is one of the two: an API's days, or a person's."""
_BASE: Final = 15
"""The same amount, to the cent, within some days."""
_SAME_WORDS_BASE: Final = 60
"""The same, of the same login linked anew."""
_SAME_WORDS_DAY: Final = -30
_ONE_UNIT: Final = -30
"""The smallest unit apart: a restated rounding."""
_REFERENCE: Final = 100
_REFERENCE_LETTERS_MIN: Final = 6
"""Of what names one payment alone."""
_GONE: Final = -10
_PENDING: Final = -10

_LIKE: Final = ((85, 40), (60, 25), (40, 5), (25, -15), (0, -40))
"""(at least so many percent alike, weight)."""
_SAME_PART, _ONE_PART, _OTHER_PART = 40, -10, -60
_NONE: Final[frozenset[str]] = frozenset()


class Traits:
    """What of one movement's strands is compared with another's, drawn from them once."""

    __slots__ = ("amounts", "currencies", "days", "gone", "pending", "references", "texts")

    def __init__(self, strands: Sequence[Strand]) -> None:
        if len(strands) == 1:
            [only] = strands
            self.currencies = frozenset((only.currency,))
            self.days = only.days
            self.amounts = (only.units,) if only.pending else (only.units, *only.once)
            self.texts = only.texts
            self.pending, self.gone = only.pending, only.gone
            named = named_by(only.reference)
            self.references = frozenset((named,)) if named else _NONE
            return
        self.currencies = frozenset(strand.currency for strand in strands)
        self.days = tuple({day for strand in strands for day in strand.days})
        self.amounts = tuple(_amounts(strands))
        self.texts = tuple(sorted({text for strand in strands for text in strand.texts}))
        self.pending = all(strand.pending for strand in strands)
        self.gone = all(strand.gone for strand in strands)
        self.references = frozenset(named for strand in strands if (named := named_by(strand.reference)))


def across(one: Traits, other: Traits, *, same_words: bool, by_file: bool) -> Evidence | None:
    """Of two sources (or groups of them): what speaks for one movement. None where it can't be. `by_file`: one of them is
    a statement file, which may round otherwise, and date by another of the bank's days."""
    apart = _least_apart(one.days, other.days)
    if apart > (1 if same_words else DAYS_MAX if by_file else _DAYS_BOTH_CLOSE_MAX):
        return None
    units = _least_apart(one.amounts, other.amounts)
    if units > (1 if by_file else 0) or one.currencies != other.currencies:
        return None
    withdrawn = one.gone or other.gone
    return _found(
        same_words,
        units > 0,
        apart,
        one.texts,
        other.texts,
        not one.references.isdisjoint(other.references),
        withdrawn,
        not withdrawn and one.pending != other.pending,
    )


@lru_cache(maxsize=65_536)
def _found(  # noqa: PLR0917  # all that it is cached by
    same_words: bool,  # noqa: FBT001
    one_off: bool,  # noqa: FBT001
    apart: int,
    texts: tuple[str, ...],
    others: tuple[str, ...],
    same_reference: bool,  # noqa: FBT001
    withdrawn: bool,  # noqa: FBT001
    one_pending: bool,  # noqa: FBT001
) -> Evidence:
    """Twins of one price, told in the same words on days as far apart, are of the same evidence: it is weighed once."""
    found = [("same amount", _SAME_WORDS_BASE if same_words else _BASE)]
    if one_off:
        found.append(("amount off by the smallest unit", _ONE_UNIT))
    if apart:
        days = _SAME_WORDS_DAY * apart if same_words else _DAYS[apart]
        found.append((days_apart(apart), days))
    found += _of_texts(texts, others)
    if same_reference:
        found.append(("same reference", _REFERENCE))
    if withdrawn:
        found.append(("one was withdrawn", _GONE))
    elif one_pending:
        found.append(("one is pending", _PENDING))
    return Evidence(tuple(found))


def _least_apart(here: Sequence[int], there: Sequence[int]) -> int:
    if len(here) == 1 == len(there):
        return abs(here[0] - there[0])
    return min(abs(a - b) for a in here for b in there)


_SETTLES_DAYS_MAX: Final = 8
"""Pending to booked: one to five business days as a rule; Plaid says up to 14 (docs, Transactions: states). Without a
link between them, what lies further apart is left to a person."""
_SETTLES_HIGHER_DAYS_MAX: Final = 5
_HOLD_UNLIKE: Final = -30
"""Other words speak less against a hold: many name no payee yet."""
_SAME_AMOUNT: Final = ("same amount", 30)
_VANISHED_DAYS_MAX: Final = 14
_BESIDE_MAX: Final = 2 * 86_400 * 1_000_000
"""Microseconds: a source may tell of the new one first and withdraw the old one by and by. What stood beside it for
longer is another movement."""


def settles(pending: Strand, booked: Strand) -> Evidence | None:
    """Of one source that doesn't say so: does `booked` settle `pending`, which it never withdrew? Of a booked one of
    which it says what was pending before, it is known that it settles no other."""
    later = booked.days[0] - pending.days[0]
    if booked.settled or not 0 <= later <= _SETTLES_DAYS_MAX or not _same_way(pending, booked):
        return None
    texts = [(what, max(weight, _HOLD_UNLIKE)) for what, weight in _of_texts(pending.texts, booked.texts)]
    amount = (
        _SAME_AMOUNT if pending.units == booked.units else _settled_otherwise(pending, booked, later, texts)
    )
    if amount is None:
        return None
    return Evidence((amount, *texts, (f"booked {later} days later", -8 * later)))


def _settled_otherwise(
    pending: Strand, booked: Strand, later: int, texts: Iterable[tuple[str, int]]
) -> tuple[str, int] | None:
    """With a tip or at another day's rate, `later` days after: money out, in texts that are alike."""
    if later > _SETTLES_HIGHER_DAYS_MAX or sum(weight for _, weight in texts) < 20 or booked.units > 0:
        return None
    if 100 * pending.units > 100 * booked.units >= 130 * pending.units:
        return "up to 30 % higher: a tip", -10
    if 104 * pending.units <= 100 * booked.units <= 96 * pending.units:
        return "within 4 %: another day's rate", -5
    return None


def took_place(vanished: Strand, new: Strand) -> Evidence | None:
    """Of one source: is `new` what `vanished` became, told after it under another id?"""
    if new.told <= vanished.told or vanished.since > new.told + _BESIDE_MAX or not _same_way(vanished, new):
        return None
    apart = min(abs(a - b) for a in vanished.days for b in new.days)
    if apart > _VANISHED_DAYS_MAX:
        return None
    texts = _of_texts(vanished.texts, new.texts)
    amount: tuple[str, int] | None = None
    if vanished.units == new.units:
        amount = _SAME_AMOUNT
    elif vanished.pending and not new.pending:
        amount = _settled_otherwise(vanished, new, 0, texts)
    if amount is None:
        return None
    vanished_then = ("its id vanished before or as this one came", 15)
    return Evidence((amount, *texts, vanished_then, (f"{apart} days apart", -3 * apart)))


_CORRECTED_TIMES_MAX: Final = 2
_CORRECTED: Final = 20


def corrected(withdrawn: Strand, told: Strand) -> Evidence | None:
    """Of one login linked anew: is `told` what the bank made of `withdrawn`, which it tells no more? In the same words;
    of the same day and up to twice or half the amount, or of the same amount some days beside."""
    smaller, larger = sorted((abs(withdrawn.units), abs(told.units)))
    if not _same_way(withdrawn, told) or larger > _CORRECTED_TIMES_MAX * smaller:
        return None
    apart = abs(withdrawn.days[0] - told.days[0])
    if not withdrawn.gone or told.gone or withdrawn.pending or apart > (DAYS_MAX if larger == smaller else 0):
        return None
    texts = _of_texts(withdrawn.texts, told.texts)
    if sum(weight for _, weight in texts) < _LIKE[0][1]:
        return None
    days = ((days_apart(apart), _DAYS[apart]),) if apart else ()
    return Evidence((*texts, *days, ("told no more since the login was linked anew", _CORRECTED)))


def _same_way(one: Strand, other: Strand) -> bool:
    return one.currency == other.currency and (one.units > 0) == (other.units > 0)


def _amounts(strands: Sequence[Strand]) -> set[int]:
    """What was booked; what is expected, where nothing is booked."""
    booked = {units for strand in strands if not strand.pending for units in (strand.units, *strand.once)}
    return booked or {strand.units for strand in strands}


def _of_texts(texts: Iterable[str], others: Iterable[str]) -> list[tuple[str, int]]:
    """How alike the texts are, by those most alike; and which instalments they speak of."""
    here, there = [read(text) for text in texts], [read(text) for text in others]
    found: list[tuple[str, int]] = []
    alike = [percent for a in here for b in there if (percent := likeness(a.letters, b.letters)) is not None]
    if alike:
        best = max(alike)
        found.append((f"texts {best} % alike", next(weight for least, weight in _LIKE if best >= least)))
    parts = {words.part for words in here if words.part}
    other_parts = {words.part for words in there if words.part}
    if parts & other_parts:
        found.append(("same instalment", _SAME_PART))
    elif parts and other_parts:
        found.append(("another instalment", _OTHER_PART))
    elif parts or other_parts:
        found.append(("only one names an instalment", _ONE_PART))
    return found
