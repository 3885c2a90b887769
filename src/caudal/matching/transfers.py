"""Transfers: two transactions that are two sides of one movement between own accounts.

One-to-one over all accounts, so that the whole of the evidence is greatest: the nearest in days are not always the two
sides. A category that is income or spending by its nature is never a transfer's.
"""

import enum
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Final

import msgspec

from caudal.matching.assignment import best_pairs
from caudal.matching.evidence import CERTAIN, DOUBTFUL, Evidence, days_apart, named_by
from caudal.model.changes import AccountKind
from caudal.model.money import EXACT

Rates = Callable[[str, str, date], Decimal | None]
"""(from, to, day) → how many of `to` one of `from` was that day; None where nobody knows."""


class TransferKind(enum.StrEnum):
    """What the movement does, by the account it goes to."""

    OWN_TRANSFER = "own_transfer"
    CARD_PAYMENT = "card_payment"
    LOAN_PAYMENT = "loan_payment"
    EXCHANGE_DEPOSIT = "exchange_deposit"


class Side(msgspec.Struct, frozen=True, gc=False):
    """A transaction that may be one side. `amount` signed; `days`: every day a source gave it, that of its booking first;
    `at` only where one gave a real instant. `reference`: what the payment is called from end to end."""

    key: str
    account: str
    kind: AccountKind
    amount: Decimal
    currency: str
    days: tuple[date, ...]
    at: datetime | None = None
    text: str = ""
    reference: str = ""
    category: str = ""

    @property
    def on(self) -> date:
        """The day of its booking."""
        return self.days[0]


class Transfer(msgspec.Struct, frozen=True):
    """`out` left one account as `into` came into another. `day_gap`: days from the one to the other, negative if it came
    before it left. `said`: a person did."""

    out: str
    into: str
    kind: TransferKind
    day_gap: int
    evidence: Evidence
    said: bool = False

    @property
    def certain(self) -> bool:
        """Whether it needs no second look."""
        return self.evidence.weight >= CERTAIN


class Bounds(msgspec.Struct, frozen=True):
    """`days_max`: days between the sides. `fx_tolerance`: by what part the amounts may differ from the day's rate."""

    days_max: int = 4
    fx_tolerance: Decimal = Decimal("0.05")


_SPEAKS_OF_IT: Final = re.compile(
    r"transf|\bxfer\b|\btrf\b|\bpix\b|\bspei\b|\bted\b|\bdoc\b|autopay|payment|pagamento|pago (?:de )?tarjeta|su pago|"
    r"gracias|thank you|fatura|mesma titularidade|cuenta propia|own account|savings|saver|deposit|withdraw|umbuchung|"
    r"virement|uberweisung|giroconto|bonifico|amortiza|loan|\bcard\b|tarjeta|cartao",
    re.IGNORECASE,
)
_NEVER: Final = re.compile(
    r"^(?:INCOME_(?!.*TRANSFER)|SALARY|WAGES|DIVIDEND|INTEREST|FOOD|GENERAL_MERCHANDISE|MEDICAL|ENTERTAINMENT|"
    r"TRANSPORTATION|TRAVEL|RENT_AND_UTILITIES|PERSONAL_CARE|BANK_FEES)",
    re.IGNORECASE,
)
_SAME_AMOUNT, _SAME_REFERENCE = 30, 100
_FINE: Final = 1_000_000
_LOT_BYTES: Final = 5
_LOTS_BITS: Final = 60
"""What so many lots add up to, at most: of a million pairs."""
_DAY: Final = -6
_BEFORE_IT_LEFT: Final = -5
_TEXTS: Final = (-40, 2, 12)
_TO_DEBT: Final = 8
_SPENT: Final = -12
_BY_WORD: Final = Evidence((("a person said so", 10_000),))


def transfers(
    sides: Iterable[Side],
    bounds: Bounds,
    rates: Rates | None = None,
    rejected: frozenset[tuple[str, str]] = frozenset(),
    linked: Sequence[tuple[str, str]] = (),
) -> tuple[list[Transfer], list[Transfer]]:
    """(the transfers, pairs that may be ones and weren't taken). `rejected`: (out, in) pairs a person said are none.
    `linked`: pairs a person said are ones, the latest word first: whatever their amounts and days; of two that share a
    side the first holds, and one that isn't money out here and in there is none.

    The same whatever order the sides are in, and whatever else there is that is no side of theirs: of equal choices the
    same is taken.
    """
    told = sorted(sides, key=lambda side: (side.on, side.key))
    said = _said({side.key: side for side in told}, linked)
    settled = {key for each in said for key in (each.out, each.into)}
    told = [side for side in told if side.key not in settled]
    outs = [side for side in told if side.amount < 0]
    ins = [side for side in told if side.amount > 0]
    found: dict[tuple[int, int], Evidence] = {}
    for i, j in _near(outs, ins, bounds, rates):
        if (outs[i].key, ins[j].key) not in rejected:
            evidence = _evidence(outs[i], ins[j], bounds, rates)
            if evidence is not None and evidence.weight > DOUBTFUL:
                found[i, j] = evidence
    gains = {
        (i, j): _gain(outs[i], ins[j], evidence) for (i, j), evidence in found.items() if evidence.weight > 0
    }
    pairs = best_pairs(gains)
    taken_out, taken_in = {i for i, _ in pairs}, {j for _, j in pairs}
    doubts = [pair for pair in sorted(found) if pair[0] not in taken_out and pair[1] not in taken_in]
    return [*said, *(_transfer(outs[i], ins[j], found[i, j]) for i, j in pairs)], [
        _transfer(outs[i], ins[j], found[i, j]) for i, j in doubts
    ]


def kind_of(out: AccountKind, into: AccountKind) -> TransferKind:
    """What a movement from an account of the one kind to one of the other is."""
    if into is AccountKind.LOAN:
        return TransferKind.LOAN_PAYMENT
    if into is AccountKind.CARD and out is not AccountKind.CARD:
        return TransferKind.CARD_PAYMENT
    if AccountKind.EXCHANGE in (out, into) or AccountKind.WALLET in (out, into):
        return TransferKind.EXCHANGE_DEPOSIT
    return TransferKind.OWN_TRANSFER


def _said(sides: Mapping[str, Side], linked: Iterable[tuple[str, str]]) -> list[Transfer]:
    """What a person linked, each side once."""
    found: dict[str, Transfer] = {}
    for keys in linked:
        out, into = (sides.get(key) for key in keys)
        if out is None or into is None or not found.keys().isdisjoint(keys):
            continue
        if out.amount < 0 < into.amount and out.account != into.account:
            transfer = msgspec.structs.replace(_transfer(out, into, _BY_WORD), said=True)
            found |= dict.fromkeys(keys, transfer)
    return list(dict.fromkeys(found.values()))


def _transfer(out: Side, into: Side, evidence: Evidence) -> Transfer:
    return Transfer(out.key, into.key, kind_of(out.kind, into.kind), (into.on - out.on).days, evidence)


def _near(
    outs: Sequence[Side], ins: Sequence[Side], bounds: Bounds, rates: Rates | None
) -> Iterator[tuple[int, int]]:
    """Pairs of different accounts within the days: of the same amount; where there are rates, of other currencies too, by
    the days of their booking."""
    equal: dict[tuple[str, Decimal, date], list[int]] = defaultdict(list)
    of_day: dict[date, list[int]] = defaultdict(list)
    for j, side in enumerate(ins):
        for day in set(side.days):
            equal[side.currency, side.amount, day].append(j)
        of_day[side.on].append(j)
    offs = [timedelta(days=days) for days in range(-bounds.days_max, bounds.days_max + 1)]
    for i, out in enumerate(outs):
        near: set[int] = set()
        for day in {told + off for told in out.days for off in offs}:
            near.update(equal.get((out.currency, EXACT.minus(out.amount), day), ()))
        if rates is not None:
            for day in (out.on + off for off in offs):
                near.update(j for j in of_day.get(day, ()) if ins[j].currency != out.currency)
        yield from ((i, j) for j in sorted(near) if ins[j].account != out.account)


def _evidence(out: Side, into: Side, bounds: Bounds, rates: Rates | None) -> Evidence | None:
    if (
        _seconds_apart(out, into) > bounds.days_max * 86_400
        or _NEVER.match(out.category)
        or _NEVER.match(into.category)
    ):
        return None
    found: list[tuple[str, int]] = []
    if out.currency == into.currency:
        found.append(("same amount", _SAME_AMOUNT))
    else:
        off = _off_rate(out, into, rates)
        if off is None or off > bounds.fx_tolerance:
            return None
        found.append((f"within {100 * off:.1f} % of the day's rate", _SAME_AMOUNT - int(100 * off)))
    days = min(abs((there - here).days) for here in out.days for there in into.days)
    if days:
        found.append((days_apart(days), _DAY * days))
    if max(into.days) < min(out.days):
        found.append(("came before it left", _BEFORE_IT_LEFT))
    if out.kind is AccountKind.CARD and into.kind is not AccountKind.CARD:
        found.append(("from a card: as a rule spent", _SPENT))
    if into.kind in (AccountKind.CARD, AccountKind.LOAN):
        found.append(("pays a debt", _TO_DEBT))
    if out.text or into.text:
        speaks = sum(1 for side in (out, into) if _SPEAKS_OF_IT.search(side.text))
        found.append((f"{speaks} of 2 texts speak of a transfer", _TEXTS[speaks]))
    if named_by(out.reference) and named_by(out.reference) == named_by(into.reference):
        found.append(("same reference from end to end", _SAME_REFERENCE))
    return Evidence(tuple(found))


def _off_rate(out: Side, into: Side, rates: Rates | None) -> Decimal | None:
    """By what part the amount that came differs from what left, at the rates of the days of their booking: the kinder."""
    if rates is None:
        return None
    offs: list[Decimal] = []
    for day in {out.on, into.on}:
        rate = rates(out.currency, into.currency, day)
        if rate:
            expected = -out.amount * rate
            offs.append(abs(into.amount - expected) / expected)
    return min(offs, default=None)


def _seconds_apart(out: Side, into: Side) -> int:
    if out.at is not None and into.at is not None:
        return abs(int((into.at - out.at).total_seconds()))
    return 86_400 * min(abs((there - here).days) for here in out.days for there in into.days)


def _order_kept(out: Side, into: Side) -> int:
    """What settles which of several alike are the two sides: by their days, in order. Far less than the least weight."""
    if out.at is not None and into.at is not None:
        return (_seconds_apart(out, into) // 3_600) ** 2
    middles = (sum((day - date.min).days for day in side.days) * 24 // len(side.days) for side in (out, into))
    return abs(next(middles) - next(middles)) ** 2


def _gain(out: Side, into: Side, evidence: Evidence) -> int:
    """What taking the two gains: their evidence, then their order, then a lot, drawn from what they say and then from
    their keys. So no two choices gain the same, and what can't be decided doesn't hang on who else is looked at."""
    gain = _FINE * evidence.weight - _order_kept(out, into)
    said = tuple((side.account, *side.days, side.at, side.text, side.reference) for side in (out, into))
    for told in (said, (out.key, into.key)):
        lot = blake2b(repr(told).encode(), digest_size=_LOT_BYTES).digest()
        gain = (gain << _LOTS_BITS) + int.from_bytes(lot)
    return gain
