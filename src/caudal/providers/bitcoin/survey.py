"""A wallet looked through: which of its scripts were ever used, and every transaction of theirs that may be news.

Scripts are found by history, chain by chain, until `gap` unused ones in a row (BIP44). Of each used one the newest
transactions are read down to what is taken to stay; the counts that the server tells say whether that was all: a page
may end early where what it was to follow has left the chain meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeVar

import msgspec
from msgspec import Raw

from caudal.model.changes import Unreadable
from caudal.model.errors import Refused
from caudal.providers.bitcoin.client import Esplora
from caudal.providers.bitcoin.config import BitcoinConfig
from caudal.providers.bitcoin.errors import PageLost
from caudal.providers.bitcoin.keys import Branch, Script
from caudal.providers.bitcoin.payloads import TX, Read, Stats
from caudal.providers.bitcoin.standing import Mark, Place, Standing

DEPTH: Final = 10
"""Blocks that may still be left (Blockstream/electrs: CONF_FINAL)."""
PAGE: Final = 25
WAITING_MAX: Final = 50
"""Unconfirmed transactions that are told of one script; there is no second page of them."""
TRIES: Final = 3
ABREAST: Final = 6
"""Calls under way at once."""

T = TypeVar("T")
U = TypeVar("U")


class Survey(msgspec.Struct):
    """What a look through the wallet found. `scripts`: all derived ones. `whole`: everything there was could be read,
    by the server's own count; without it absence says nothing. `moved`: a block came meanwhile, so sums taken one after
    another don't add up to one moment's. `full`: from the first block on."""

    start: Place
    base: Place
    scripts: set[str]
    full: bool
    steady: bool
    """Nothing that was told has left the best chain since."""
    sats: int = 0
    marks: dict[str, Mark] = {}
    reads: dict[str, Read] = {}
    unreadable: list[Unreadable] = []
    whole: bool = True
    moved: bool = False
    crowded: bool = False
    """A script has more unconfirmed transactions than are told of it."""


class Surveyor:
    """Looks through one wallet by one server."""

    def __init__(self, server: Esplora, branches: Sequence[Branch], config: BitcoinConfig) -> None:
        self._server = server
        self._branches = branches
        self._config = config

    async def look(self, standing: Standing) -> Survey:
        """Everything since `standing`. Raises the ProviderError family where not even that can be said."""
        tip = await self._server.tip()
        base = standing.base
        if base is not None and not await self._server.is_best(base.name):
            standing, base = Standing(), None
        steady = standing.tip is not None and await self._server.is_best(standing.tip.name)
        if base is None or tip.height - DEPTH > base.height:
            found = await self._server.block_at(max(tip.height - DEPTH, 0))
            floor = Place(found.height, found.id)
        else:
            floor = base
        survey = Survey(Place(tip.height, tip.id), floor, set(), base is None, steady)
        for number, branch in enumerate(self._branches):
            await self._through(number, branch, standing, survey)
        end = await self._server.tip()
        if end.id != tip.id:
            survey.moved = True
        return survey

    async def _through(self, number: int, branch: Branch, standing: Standing, survey: Survey) -> None:
        """One chain, to its gap."""
        index = unused = 0
        gap = self._config.gap if branch.ranged else 1
        while unused < gap:
            batch = branch.scripts(index, gap - unused)
            if index + len(batch) > self._config.scripts_max:
                raise Refused(
                    f"bitcoin: more than {self._config.scripts_max} addresses on one chain (scripts_max)"
                )
            survey.scripts.update(script.data.hex() for script in batch)
            stats = await abreast(batch, self._server.stats)
            used = [n for n, each in enumerate(stats) if each.used]
            found = [_Used(f"{number}:{index + n}", batch[n], stats[n]) for n in used]
            await abreast(found, partial(self._read, standing, survey))
            unused = len(batch) - 1 - used[-1] if used else unused + len(batch)
            index += len(batch)
            if not branch.ranged:
                return

    async def _read(self, standing: Standing, survey: Survey, used: "_Used") -> None:
        """One used script: what is new of it, as often as it takes to be sure that this is all."""
        name, script, stats = used
        mark = standing.marks.get(name)
        same = mark is not None and mark.total == stats.chain_stats.tx_count
        if mark and same and survey.steady and not mark.waiting and not stats.mempool_stats.tx_count:
            survey.marks[name] = mark
            survey.sats += stats.chain_stats.sats
            return
        reading = _Reading(mark, survey.base.height, name)
        tries = 1
        while not await reading.through(self._server, script, stats) and tries < TRIES:
            tries += 1
            stats = await self._server.stats(script)
            reading = _Reading(None, survey.base.height, name)
        survey.crowded |= stats.mempool_stats.tx_count > WAITING_MAX
        survey.sats += stats.chain_stats.sats
        reading.tell(survey)
        if reading.complete:
            survey.marks[name] = reading.mark(stats)
            return
        survey.whole = False
        if mark is not None:
            survey.marks[name] = mark


class _Used(NamedTuple):
    """A script that something happened at, under the name of its mark."""

    name: str
    script: Script
    stats: Stats


class _Reading:
    """One reading of one script, down to `mark.base` where it was read before."""

    def __init__(self, mark: Mark | None, base: int, name: str) -> None:
        self.reads: dict[str, Read] = {}
        self.unreadable: list[Unreadable] = []
        self._mark = mark
        self._base = base
        self.complete = False
        self._where = f"script {name}"
        self._confirmed: dict[str, int] = {}
        self._waiting: set[str] = set()

    async def through(self, server: Esplora, script: Script, stats: Stats) -> bool:
        """Read; whether that was all, by what the server counts."""
        floor = self._mark.base if self._mark else -1
        count, last = self._take(await server.newest(script))
        while count >= PAGE and last is not None and last[1] > floor:
            before = last
            try:
                count, last = self._take(await server.older(script, last[0]))
            except PageLost:
                return False
            if last == before:
                break
        above = sum(height > floor for height in self._confirmed.values())
        settled = self._mark.settled if self._mark else 0
        counted = len(self._waiting - self._confirmed.keys())
        told = min(stats.mempool_stats.tx_count, WAITING_MAX)
        all_told = settled + above == stats.chain_stats.tx_count and counted >= told
        self.complete = all_told and not self.unreadable
        return self.complete

    def tell(self, survey: Survey) -> None:
        """What was read, into the survey; what another script showed confirmed since stays so."""
        for txid, read in self.reads.items():
            known = survey.reads.get(txid)
            if known is None or not known.tx.status.confirmed:
                survey.reads[txid] = read
        survey.unreadable += self.unreadable

    def mark(self, stats: Stats) -> Mark:
        """How far it was read."""
        floor = self._mark.base if self._mark else -1
        settled = (self._mark.settled if self._mark else 0) + sum(
            floor < height <= self._base for height in self._confirmed.values()
        )
        return Mark(settled, max(self._base, floor), stats.chain_stats.tx_count, len(self._waiting))

    def _take(self, records: Sequence[Raw]) -> tuple[int, tuple[str, int] | None]:
        """Records in; how many of them aren't waiting, and the last confirmed one's id and height. One that can't be read
        counts, or what follows it would never be asked for."""
        waiting, last = 0, None
        floor = self._mark.base if self._mark else -1
        for record in records:
            read = decoded(record, self._where)
            if isinstance(read, Unreadable):
                self.unreadable.append(read)
                continue
            tx = read.tx
            if tx.status.confirmed:
                last = (tx.txid, tx.height)
                self._confirmed[tx.txid] = tx.height
                self._waiting.discard(tx.txid)
            else:
                waiting += 1
                self._waiting.add(tx.txid)
            if not tx.status.confirmed or tx.height > floor:
                self.reads[tx.txid] = read
        return len(records) - waiting, last


def decoded(record: Raw, where: str) -> Read | Unreadable:
    """A transaction from its record, or why it can't be read."""
    raw = bytes(record).decode(errors="replace")
    try:
        return Read(TX.decode(record), raw)
    except msgspec.DecodeError as error:
        return Unreadable(where, str(error), raw)


async def abreast(items: Sequence[T], work: Callable[[T], Awaitable[U]]) -> list[U]:
    """`work` on each of them, a few at a time, in order. Raises the first error, once the others have stopped."""
    turns = asyncio.Semaphore(ABREAST)

    async def one(item: T) -> U:
        async with turns:
            return await work(item)

    tasks: list[asyncio.Task[U]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except BaseExceptionGroup as several:
        first = several.exceptions[0]
        if isinstance(first, Exception):
            raise first from None
        raise
    return [task.result() for task in tasks]
