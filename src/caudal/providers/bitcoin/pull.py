"""A watch over one wallet: look, tell what is news, and once nothing moved meanwhile, what it holds."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Final

import msgspec

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
from caudal.model.errors import Malformed, ProviderError, RateLimited, Unavailable
from caudal.providers.bitcoin import normalise
from caudal.providers.bitcoin.client import Esplora
from caudal.providers.bitcoin.config import BitcoinConfig
from caudal.providers.bitcoin.keys import Branch
from caudal.providers.bitcoin.payloads import Read
from caudal.providers.bitcoin.standing import UNREAD_MAX, Locked, Standing, Told
from caudal.providers.bitcoin.survey import Survey, Surveyor, decoded
from caudal.providers.http import Clock

ROUNDS_MAX: Final = 3
"""How often a wallet is looked through again because a block came meanwhile."""
PAGE_MAX: Final = 1_000
MATURITY: Final = 100
"""Confirmations before a block's reward can be spent."""
BEGINNING: Final = date(2009, 1, 3)
"""The day of the first block."""


class Wallet(msgspec.Struct, frozen=True):
    """What is watched, and under which name it is told."""

    ref: SourceRef
    name: str
    branches: Sequence[Branch]
    number: str | None = None
    """The address, where it is but one."""


async def pull(
    servers: Sequence[Esplora], wallet: Wallet, cursor: Cursor, config: BitcoinConfig, clock: Clock
) -> AsyncIterator[Page]:
    """The wallet's pages after `cursor`, by the first server that answers: one pull asks one alone, for they don't agree
    on the last minutes. Raises the ProviderError family."""
    standing = Standing.read(cursor)
    server, survey = await _first_look(servers, wallet, config, standing)
    for number in range(1, ROUNDS_MAX + 1):
        last = number == ROUNDS_MAX or not survey.moved
        telling = _Telling(server, wallet, standing, survey, clock.now().date())
        for page in await telling.pages(last=last):
            yield page
        standing = telling.after
        if last:
            break
        survey = await Surveyor(server, wallet.branches, config).look(standing)
    if not survey.whole and not survey.unreadable:
        raise Unavailable(
            "bitcoin: the server told less than it counts: what it told is kept, the rest comes later"
        )


async def _first_look(
    servers: Sequence[Esplora], wallet: Wallet, config: BitcoinConfig, standing: Standing
) -> tuple[Esplora, Survey]:
    failed: ProviderError | None = None
    for server in servers:
        try:
            return server, await Surveyor(server, wallet.branches, config).look(standing)
        except (Unavailable, RateLimited, Malformed) as error:
            failed = failed or error
    raise failed or Unavailable("bitcoin: there is no server to ask")


class _Telling:
    """One round told: its pages, and where the watch stands `after` it."""

    def __init__(
        self, server: Esplora, wallet: Wallet, before: Standing, survey: Survey, today: date
    ) -> None:
        self.after = before
        self._server = server
        self._wallet = wallet
        self._before = before
        self._survey = survey
        self._today = today
        self._changes: list[Change] = []
        self._unreadable: list[Unreadable] = list(survey.unreadable)
        self._recent: dict[str, Told] = {}
        self._locked = dict(before.locked)
        self._latest = today

    async def pages(self, *, last: bool) -> list[Page]:
        """What is news, in pages; the last of them moves the cursor. `last`: of the pull."""
        survey, before = self._survey, self._before
        missing = await self._missing()
        replaced = self._replaced(missing)
        for txid in sorted(survey.reads, key=lambda txid: (survey.reads[txid].tx.height or 1 << 60, txid)):
            self._tell(survey.reads[txid], replaced.get(txid, ""))
        taken = set(replaced.values())
        self._changes += [TransactionGone(self._wallet.ref, txid) for txid in missing if txid not in taken]
        for txid in missing:
            self._locked.pop(txid, None)
        complete = survey.whole and not self._unreadable
        accepted = complete or (bool(self._unreadable) and before.unread >= UNREAD_MAX)
        windows = []
        if survey.full and complete:
            windows.append(Window(self._wallet.ref, BEGINNING, self._latest, frozenset(survey.reads)))
        told = self._balances() if accepted and not survey.moved else before.told
        self.after = self._standing(told, again=survey.full and not accepted)
        return self._cut(windows, last=last)

    def _standing(self, told: str, *, again: bool) -> Standing:
        """Where the watch stands now. `again`: not all could be read from the first block on: it is to be again."""
        survey = self._survey
        unread = min(self._before.unread + 1, UNREAD_MAX) if self._unreadable else 0
        locked = {txid: each for txid, each in self._locked.items() if not self._free(each)}
        if again:
            return Standing(recent=self._recent, locked=locked, told=told, unread=unread)
        tip = None if survey.moved else survey.start
        return Standing(survey.base, tip, survey.marks, self._recent, locked, told, unread)

    def _cut(self, windows: Sequence[Window], *, last: bool) -> list[Page]:
        account = AccountSeen(
            self._wallet.ref,
            AccountKind.WALLET,
            normalise.CURRENCY,
            name=self._wallet.name,
            number=self._wallet.number,
            institution="Bitcoin",
            mask=self._wallet.ref[:8],
            persistent_id=self._wallet.ref,
            withdraws=True,
        )
        parts = [self._changes[n : n + PAGE_MAX] for n in range(0, len(self._changes), PAGE_MAX)] or [[]]
        pages = [Page([account, *part], self._before.cursor(), more=True) for part in parts[:-1]]
        end = Page([account, *parts[-1]], self.after.cursor(), not last, windows, self._unreadable)
        return [*pages, end]

    async def _missing(self) -> list[str]:
        """What was told and isn't found where it was. Each is asked for by name before it is gone: one that is still
        known joins what was read."""
        gone = []
        for txid, told in self._before.recent.items():
            if txid in self._survey.reads:
                continue
            if told.height and self._survey.steady:
                self._keep(txid, told)
                continue
            record = await self._server.tx(txid)
            if record is None:
                gone.append(txid)
                continue
            read = decoded(record, f"tx {txid}")
            if isinstance(read, Unreadable):
                self._unreadable.append(read)
                self._recent[txid] = told
            else:
                self._survey.reads[txid] = read
        return gone

    def _replaced(self, missing: Sequence[str]) -> dict[str, str]:
        """Who took the place of what is gone: it spends the same. New id → old id."""
        by: dict[str, str] = {}
        for txid, read in self._survey.reads.items():
            if txid not in self._before.recent:
                by |= dict.fromkeys(normalise.spends(read.tx), txid)
        found: dict[str, str] = {}
        for old in missing:
            rivals = [by[each] for each in self._before.recent[old].spends if each in by]
            if rivals and rivals[0] not in found:
                found[rivals[0]] = old
        return found

    def _tell(self, read: Read, replaces: str) -> None:
        """One transaction, if it is news."""
        tx, scripts = read.tx, self._survey.scripts
        before = self._before.recent.get(tx.txid)
        sats = normalise.net(tx, scripts)
        at = normalise.moment(tx)
        day = at.date() if at else date.fromisoformat(before.day) if before else self._today
        self._latest = max(self._latest, day)
        told = Told(tx.height, day.isoformat(), sats, normalise.spends(tx))
        self._keep(tx.txid, told)
        if mined := normalise.mined(tx, scripts):
            self._locked[tx.txid] = Locked(tx.height, mined)
        same = before is not None and (before.height, before.day, before.net) == told[:3]
        if not same or (tx.height and not self._survey.steady):
            words = normalise.described(tx, scripts, sats)
            self._changes.append(
                normalise.seen(read, self._wallet.ref, sats, day, description=words, replaces=replaces)
            )

    def _keep(self, txid: str, told: Told) -> None:
        self._latest = max(self._latest, date.fromisoformat(told.day))
        if not told.height or told.height > self._survey.base.height:
            self._recent[txid] = told

    def _free(self, each: Locked) -> bool:
        return self._survey.start.height - each.height + 1 >= MATURITY

    def _balances(self) -> str:
        """What the wallet holds, told where it or the day is another than last told. Returns what was told last."""
        booked = self._survey.sats
        leaving = sum(min(told.net, 0) for told in self._recent.values() if not told.height)
        locked = sum(each.sats for each in self._locked.values() if not self._free(each))
        figures = {BalanceKind.BOOKED: booked}
        if not self._survey.crowded:
            figures[BalanceKind.AVAILABLE] = booked + leaving - locked
        mark = f"{self._latest}:{'/'.join(map(str, figures.values()))}"
        if mark != self._before.told:
            self._changes += [
                BalanceSeen(self._wallet.ref, kind, normalise.money(sats), self._latest, firm=False)
                for kind, sats in figures.items()
            ]
        return mark
