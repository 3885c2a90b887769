"""A watch over addresses: look, tell what is news, and what they hold once all adds up to it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Cursor,
    Page,
    SourceRef,
    TransactionGone,
    Unreadable,
    Window,
)
from caudal.model.errors import NotReady
from caudal.providers.ethereum.addresses import checksummed
from caudal.providers.ethereum.client import Servers
from caudal.providers.ethereum.config import CHAINS, EthereumConfig
from caudal.providers.ethereum.errors import A_MINUTE
from caudal.providers.ethereum.legs import APART, Leg, money
from caudal.providers.ethereum.standing import TRIES_MAX, Standing, Told
from caudal.providers.ethereum.survey import Survey, Surveyor, Watched

PAGE_MAX: Final = 1_000
PAGES_MAX: Final = 50
"""Of one look, whatever it found: the cursor moves with the last, so a run must come to it."""
BEGINNING: Final = date(2015, 7, 30)
"""The day of the first block."""


async def pull(
    servers: Servers, addresses: Sequence[str], cursor: Cursor, config: EthereumConfig
) -> AsyncIterator[Page]:
    """The addresses' pages after `cursor`. Raises the ProviderError family; NotReady where what is listed and what is
    held disagree: what was listed is kept, and the rest is awaited."""
    survey = await Surveyor(servers, addresses, config).look(Standing.read(cursor))
    telling = _Telling(servers, survey, config)
    for page in await telling.pages(cursor):
        yield page
    if telling.waits:
        raise NotReady("ethereum: what the explorer lists doesn't add up yet", retry_after=A_MINUTE)


class _Telling:
    """One look told."""

    def __init__(self, servers: Servers, survey: Survey, config: EthereumConfig) -> None:
        self._servers = servers
        self._survey = survey
        self._config = config
        self._day = datetime.fromtimestamp(int(survey.head.timestamp, 16), UTC).date()
        self._told: dict[SourceRef, dict[str, Told]] = {}
        self._changes: list[Change] = []
        self._apart: list[Unreadable] = []
        self._pending = False
        self.waits = False

    async def pages(self, cursor: Cursor) -> list[Page]:
        """What is news, in pages; the last of them moves the cursor."""
        survey, before = self._survey, self._survey.before
        for leg in sorted(survey.legs.values(), key=lambda leg: leg.block):
            self._tell(leg)
        await self._take_back()
        adds_up = self._adds_up()
        whole = not survey.unreadable and not self._pending
        settled = (whole and adds_up) or before.tries >= TRIES_MAX
        self.waits = whole and not adds_up and not settled and bool(survey.figures)
        figures = self._balances() if settled else before.figures
        windows = []
        if survey.full and whole and settled:
            for each in survey.accounts:
                ids = frozenset(name for ref, name in survey.legs if ref == each.ref)
                windows.append(Window(each.ref, BEGINNING, self._day, ids))
        after = self._after(figures, settled=settled)
        return self._cut(cursor, after, windows)

    def _tell(self, leg: Leg) -> None:
        """One leg, if it is news."""
        told = Told(leg.block, leg.time, str(leg.units))
        if self._survey.before.told.get(leg.ref, {}).get(leg.id) != told:
            if leg.ref == APART:
                self._apart.append(leg.apart())
            else:
                self._changes.append(leg.seen())
        self._told.setdefault(leg.ref, {})[leg.id] = told

    async def _take_back(self) -> None:
        """What was told and isn't listed any more is gone, unless its transaction is in a block all the same: then the
        explorer is behind."""
        listed = {leg.tx for leg in self._survey.legs.values()}
        for ref, legs in self._survey.before.told.items():
            for name, told in legs.items():
                if name in self._told.get(ref, {}):
                    continue
                tx = name.split(":")[2]
                asked = tx.startswith("0x") and tx not in listed
                if self._survey.unreadable or (asked and await self._servers.nodes[0].knows(tx)):
                    self._told.setdefault(ref, {})[name] = told
                    self._pending = True
                elif ref != APART:
                    self._changes.append(TransactionGone(ref, name))

    def _adds_up(self) -> bool:
        """Whether each account holds what it held at the base and all its legs since."""
        survey = self._survey
        for ref, units in survey.figures.items():
            anchor = "0" if survey.full else survey.before.anchors.get(ref)
            # a token's first legs: it held nothing before
            if units != int(anchor or 0) + self._since(ref, -1):
                return False
        return bool(survey.figures)

    def _since(self, ref: SourceRef, block: int) -> int:
        """The sum of an account's legs after that block."""
        return sum(leg.units for leg in self._survey.legs.values() if leg.ref == ref and leg.block > block)

    def _balances(self) -> dict[SourceRef, str]:
        """What the accounts hold, told where it or the day is another than last told. Returns what was told last."""
        survey, figures = self._survey, dict(self._survey.before.figures)
        at = datetime.fromtimestamp(int(survey.head.timestamp, 16), UTC)
        for each in survey.accounts:
            units = survey.figures.get(each.ref)
            mark = f"{self._day}:{units}"
            if units is not None and figures.get(each.ref) != mark:
                held = money(units, each.code)
                self._changes.append(
                    BalanceSeen(each.ref, BalanceKind.BOOKED, held, self._day, firm=False, at=at)
                )
                figures[each.ref] = mark
        return figures

    def _after(self, figures: Mapping[SourceRef, str], *, settled: bool) -> Standing:
        """Where the watch stands now. Unless all was read and adds up, it is read again from where it was."""
        survey, before = self._survey, self._survey.before
        tries = 0 if settled and not survey.unreadable else min(before.tries + 1, TRIES_MAX)
        if not settled:
            told = {} if survey.full else self._told
            return Standing(
                before.base, survey.number, told, before.anchors, before.tokens, figures=figures, tries=tries
            )
        base = survey.base
        recent = {
            ref: {name: told for name, told in legs.items() if told.block > base.number}
            for ref, legs in self._told.items()
        }
        anchors = dict(before.anchors)
        for each in survey.accounts:
            above, held = self._since(each.ref, base.number), survey.figures.get(each.ref)
            if held is None:
                held = int(anchors.get(each.ref, 0)) + self._since(each.ref, -1)
            anchors[each.ref] = str(held - above)
        told = {ref: legs for ref, legs in recent.items() if legs}
        tokens = self._config.tokens_known
        return Standing(base, survey.number, told, anchors, tokens, figures=figures, tries=tries)

    def _cut(self, cursor: Cursor, after: Standing, windows: Sequence[Window]) -> list[Page]:
        accounts = [self._account(each) for each in self._survey.accounts]
        size = max(PAGE_MAX, -(-len(self._changes) // PAGES_MAX))
        parts = [self._changes[n : n + size] for n in range(0, len(self._changes), size)] or [[]]
        unreadable = [*self._survey.unreadable, *self._apart]
        pages = [Page([*accounts, *part], cursor, more=True) for part in parts[:-1]]
        end = Page(
            [*accounts, *parts[-1]], after.cursor(), more=False, windows=windows, unreadable=unreadable
        )
        return [*pages, end]

    def _account(self, each: Watched) -> AccountSeen:
        return AccountSeen(
            each.ref,
            AccountKind.WALLET,
            each.code,
            name=f"{CHAINS[self._config.chain_id]} {each.address[:8]}…{each.address[-4:]} {each.code}",
            number=checksummed(each.address),
            institution="Ethereum",
            mask=each.address[-4:],
            persistent_id=each.ref,
            withdraws=True,
        )
