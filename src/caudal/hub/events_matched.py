"""Matching told events without a database: a list of what arrived, put together by the same judgement as the ledger.

The events' and accounts' shapes are those of the two-source benchmark: one JSON object a line, ``op`` upsert, remove or
window; feed and item name the source.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final, Literal

import msgspec

from caudal.matching.evidence import Manner, Source, Strand
from caudal.matching.retold import says_the_same, told_before
from caudal.matching.same import Group, conclude
from caudal.matching.transfers import Bounds, Side, transfers
from caudal.model.changes import AccountKind
from caudal.model.errors import Malformed, MoneyError
from caudal.model.money import Money, in_units, of_units

Day = date


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that arrived. Of an upsert all is told; of a remove the id; of a window its days."""

    arrives: Day
    op: Literal["upsert", "remove", "window"]
    feed: str
    item: str
    key: str = ""
    account: str = ""
    id: str = ""
    date: "Day | None" = None
    amount: Decimal = Decimal(0)
    currency: str = ""
    description: str = ""
    pending: bool = False
    pending_id: str = ""
    start: "Day | None" = msgspec.field(name="from", default=None)
    end: "Day | None" = msgspec.field(name="to", default=None)


class _Account(msgspec.Struct, frozen=True):
    id: str
    type: str = ""
    currency: str = ""


class _Feed(msgspec.Struct, frozen=True):
    amount_sign: str | dict[str, str] = ""


class Accounts(msgspec.Struct, frozen=True):
    """The accounts, and how each feed signs its amounts."""

    accounts: list[_Account]
    feeds: dict[str, _Feed]


class Matched(msgspec.Struct, frozen=True):
    """`clusters`: the events of each movement, by their keys; `transfers`: (out, in), a key of each side."""

    clusters: list[list[str]]
    transfers: list[tuple[str, str]]


_EVENTS: Final = msgspec.json.Decoder(Event)
_ACCOUNTS: Final = msgspec.json.Decoder(Accounts)
_KINDS: Final = {"credit": AccountKind.CARD, "loan": AccountKind.LOAN, "depository": AccountKind.CHECKING}


def match(events: bytes, accounts: bytes) -> Matched:
    """Put events together. Raises Malformed where one can't be read."""
    told = [_event(number, line) for number, line in enumerate(events.splitlines(), 1) if line.strip()]
    try:
        known = _ACCOUNTS.decode(accounts)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("accounts", str(error)) from None
    of_account: dict[str, list[Event]] = {account.id: [] for account in known.accounts}
    removed = {event.key for event in told if event.op == "remove"}
    for event in told:
        if event.op != "remove":
            of_account.setdefault(event.account, []).append(event)
    kinds = {account.id: _KINDS.get(account.type, AccountKind.OTHER) for account in known.accounts}
    clusters: list[list[str]] = []
    sides: list[Side] = []
    for account, events_there in of_account.items():
        books = _Books(known.feeds, removed)
        books.tell(events_there)
        for group in books.groups():
            clusters.append([key for strand in group.strands for key in books.keys[strand.key]])
            sides.append(_side(group, account, kinds.get(account, AccountKind.OTHER), books.sources))
    found, _ = transfers(sides, Bounds())
    return Matched(clusters, [(each.out, each.into) for each in found])


class _Books:
    """One account's strands, as its sources told them."""

    def __init__(self, feeds: Mapping[str, _Feed], removed: set[str]) -> None:
        self.keys: dict[str, list[str]] = {}
        self.sources: dict[str, Source] = {}
        self._feeds = feeds
        self._removed = removed
        self._strands: dict[str, Strand] = {}
        self._ids: dict[str, str] = {}
        self._settled: dict[str, str] = {}

    def groups(self) -> tuple[Group, ...]:
        """The account's movements."""
        return conclude(self._strands.values(), self.sources).groups

    def tell(self, events: list[Event]) -> None:
        """All the account's events, in the order they arrived."""
        files: dict[tuple[str, str], list[Event]] = defaultdict(list)
        windows = {(event.feed, event.item): event for event in events if event.op == "window"}
        links: list[Event] = []
        for place, event in enumerate(events):
            if event.op == "window":
                continue
            if (event.feed, event.item) in windows:
                files[event.feed, event.item].append(event)
                continue
            source = f"{event.feed}:{event.item}"
            self.sources.setdefault(source, Source(source, len(self.sources), Manner.LIVE, event.feed))
            gone = event.key in self._removed
            self._add(self._strand(event, source, place), gone=gone)
            if event.pending_id:
                links.append(event)
        for event in links:
            self._settle(event.key, f"{event.feed}:{event.item}:{event.pending_id}")
        for (feed, item), rows in files.items():
            self.sources.setdefault(feed, Source(feed, len(self.sources), Manner.FILE))
            self._import(feed, rows, windows[feed, item])

    def _add(self, strand: Strand, *, gone: bool = False) -> None:
        self._strands[strand.key] = msgspec.structs.replace(strand, gone=gone)
        self.keys[strand.key] = [strand.key]

    def _settle(self, key: str, pending_key: str) -> None:
        """The source says which pending one this is; in whatever order it links several."""
        while key in self._settled:
            key = self._settled[key]
        if pending_key == key or pending_key not in self._strands:
            return
        pending, booked = self._strands.pop(pending_key), self._strands[key]
        self._settled[pending_key] = key
        self._strands[key] = msgspec.structs.replace(
            booked,
            days=(*booked.days, *pending.days),
            texts=(*booked.texts, *pending.texts),
            told=min(booked.told, pending.told),
            settled=not booked.pending,
        )
        self.keys[key] += self.keys.pop(pending_key)

    def _import(self, feed: str, rows: list[Event], window: Event) -> None:
        """A statement file, after those before it."""
        by_id = {self._ids[key]: strand for key, strand in self._of(feed).items()}
        told: dict[str, Strand] = {}
        new: list[Strand] = []
        for place, event in enumerate(rows):
            row = self._strand(event, feed, place)
            self._ids[row.key] = event.id
            known = by_id.get(event.id)
            if known is not None and known.key not in told and says_the_same(row, known):
                told[known.key] = row
                self.keys[known.key].append(row.key)
            else:
                new.append(row)
        first, last = _day(window.start), _day(window.end)
        untold = [
            strand
            for key, strand in self._of(feed).items()
            if first <= strand.days[0] <= last and key not in told
        ]
        before = {row.key: known.key for row, known in told_before(new, untold)}
        for row in new:
            if row.key in before:
                self.keys[before[row.key]].append(row.key)
            else:
                self._add(row)

    def _of(self, source: str) -> dict[str, Strand]:
        return {key: strand for key, strand in self._strands.items() if strand.source == source}

    def _strand(self, event: Event, source: str, place: int) -> Strand:
        signs = self._feeds[event.feed].amount_sign if event.feed in self._feeds else ""
        sign = signs if isinstance(signs, str) else signs.get(event.account, "")
        amount = -event.amount if sign.startswith("positive") else event.amount
        return Strand(
            key=event.key,
            source=source,
            units=in_units(amount, event.currency),
            currency=event.currency,
            days=(_day(event.date),),
            texts=(event.description,),
            pending=event.pending,
            told=place,
        )


def _days(group: Group, first: Strand) -> tuple[date, ...]:
    told = dict.fromkeys([*first.days, *(day for strand in group.strands for day in strand.days)])
    return tuple(date.fromordinal(day) for day in told)


def _event(number: int, line: bytes) -> Event:
    where = f"events, line {number}"
    try:
        event = _EVENTS.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(where, str(error)) from None
    if event.op != "window" and not event.key:
        raise Malformed(where, "it has no key")
    if event.op == "upsert" and event.date is None:
        raise Malformed(where, "it has no date")
    if event.op == "upsert":
        try:
            Money(event.amount, event.currency)
        except MoneyError as error:
            raise Malformed(where, str(error)) from None
    if event.op == "window" and (event.start is None or event.end is None):
        raise Malformed(where, "a window has two days, from and to")
    return event


def _day(day: date | None) -> int:
    return (day or date.min).toordinal()


def _side(group: Group, account: str, kind: AccountKind, sources: Mapping[str, Source]) -> Side:
    """A movement as it may be one side of a transfer: by the strand a live source booked, where there is one."""
    strand = min(
        group.strands, key=lambda each: (each.pending, sources[each.source].manner is not Manner.LIVE)
    )
    return Side(
        key=strand.key,
        account=account,
        kind=kind,
        amount=of_units(strand.units, strand.currency),
        currency=strand.currency,
        days=_days(group, strand),
        text=" ".join(dict.fromkeys(text for each in group.strands for text in each.texts)),
    )
