"""The chain: blocks, the mempool, and who spent what. No proof of work: who mines is told to."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

import msgspec

from caudal_sandbox.esplora.transactions import (
    FINAL,
    NOWHERE,
    Input,
    Outpoint,
    Output,
    Tx,
    push,
    sha256d,
)

SUBSIDY = 312_500_000
"""A block's reward without fees, in sats."""
MATURITY = 100
"""Confirmations before a coinbase can be spent."""


class Block(msgspec.Struct, frozen=True):
    """One block. `time` is the miner's, in seconds of Unix time: it need not grow."""

    height: int
    hash: str
    previous: str
    merkle_root: str
    time: int
    nonce: int
    txs: tuple[Tx, ...]


class Chain:
    """The best chain, the blocks that were left, and what waits to be mined."""

    def __init__(self, height: int = 800_000) -> None:
        self.first_height = height
        self.best: list[Block] = []
        self.blocks: dict[str, Block] = {}
        self.mempool: dict[str, Tx] = {}
        self._confirmed: dict[str, tuple[Block, Tx]] = {}
        self._spent: dict[Outpoint, str] = {}
        self._coins: dict[bytes, dict[Outpoint, Output]] = {}
        self._history: dict[bytes, list[str]] = {}

    @property
    def tip(self) -> Block:
        """The last block."""
        return self.best[-1]

    @property
    def next_height(self) -> int:
        """Of the block to come."""
        return self.first_height + len(self.best)

    def at(self, height: int) -> Block | None:
        """The best chain's block of that height."""
        place = height - self.first_height
        return self.best[place] if 0 <= place < len(self.best) else None

    def is_best(self, block: Block) -> bool:
        """Whether it is in the best chain."""
        return self.at(block.height) is block

    def tx(self, txid: str) -> tuple[Tx, Block | None] | None:
        """The transaction of that name with its block (None: in the mempool); None where there is none."""
        if txid in self.mempool:
            return self.mempool[txid], None
        found = self._confirmed.get(txid)
        return None if found is None else (found[1], found[0])

    def spender(self, outpoint: Outpoint) -> str | None:
        """Who spent it."""
        return self._spent.get(outpoint)

    def history(self, script: bytes) -> list[str]:
        """The confirmed transactions that touch `script`, newest first."""
        return self._history.get(script, [])[::-1]

    def waiting(self, script: bytes) -> list[Tx]:
        """The unconfirmed ones, newest first."""
        return [tx for tx in reversed(self.mempool.values()) if script in tx.scripts]

    def unspent(
        self, scripts: Iterable[bytes], *, spendable: bool = True
    ) -> Iterator[tuple[Outpoint, Output]]:
        """What lies there, script by script; without `spendable` also what no one can spend yet."""
        for coins in map(self._coins.get, scripts):
            for outpoint, out in coins.items() if coins else ():
                told = self.tx(outpoint[0])
                if told is not None and not (spendable and self._locked(*told)):
                    yield outpoint, out

    def broadcast(self, tx: Tx) -> Tx:
        """Into the mempool; whatever it conflicts with there, and what hangs on that, leaves (BIP125).

        Raises ValueError where it spends what isn't there.
        """
        for outpoint in self._inputs(tx):
            rival = self._spent.get(outpoint)
            if rival is not None and rival not in self.mempool:
                raise ValueError(f"{outpoint} is spent in a block already")
        for outpoint in self._inputs(tx):
            rival = self._spent.get(outpoint)
            if rival is not None and rival in self.mempool:
                self.evict(rival)
        for txid, place in self._inputs(tx):
            told = self.tx(txid)
            if told is None or place >= len(told[0].outputs):
                raise ValueError(f"there is no output {place} of {txid}")
        if tx.fee < 0:
            raise ValueError("it gives more than it takes")
        self.mempool[tx.txid] = tx
        self._spend(tx)
        return tx

    def evict(self, txid: str) -> None:
        """Out of the mempool, with all that spends it."""
        tx = self.mempool.pop(txid)
        self._unspend(tx)
        for place in range(len(tx.outputs)):
            child = self._spent.get((txid, place))
            if child is not None and child in self.mempool:
                self.evict(child)

    def mine(self, at: datetime, reward: bytes, *, leaving: Collection[str] = (), extra: int = 0) -> Block:
        """The next block, of all that waits but what is `leaving` to wait on, and what spends that."""
        taken: list[Tx] = []
        names: set[str] = set()
        for tx in self.mempool.values():
            parents = {txid for txid, _ in self._inputs(tx) if txid in self.mempool}
            if tx.txid not in leaving and parents <= names:
                taken.append(tx)
                names.add(tx.txid)
        block = self._block(int(at.timestamp()), reward, taken, extra)
        for tx in taken:
            del self.mempool[tx.txid]
        self._add(block)
        return block

    def reorganise(
        self, depth: int, at: datetime, reward: bytes, *, vanishing: Collection[str] = (), empty: int = 0
    ) -> None:
        """The last `depth` blocks give way to one more than that. What was in them waits again, but for what is
        `vanishing`, for their rewards, and for what hangs on those. The first `empty` of the new ones take nothing.
        """
        back: list[Tx] = []
        for _ in range(depth):
            back = [*self._remove().txs, *back]
        waiting = list(self.mempool.values())
        self.mempool.clear()
        for tx in waiting:
            self._unspend(tx)
        for tx in [*back, *waiting]:
            if not tx.is_coinbase and tx.txid not in vanishing and self._could_wait(tx):
                self.mempool[tx.txid] = tx
                self._spend(tx)
        for number in range(depth + 1):
            leaving = set(self.mempool) if number < empty else ()
            self.mine(at, reward, leaving=leaving, extra=len(self.blocks))

    def _could_wait(self, tx: Tx) -> bool:
        return all(
            (told := self.tx(txid)) is not None
            and (txid, place) not in self._spent
            and not self._locked(*told)
            for txid, place in self._inputs(tx)
        )

    def _locked(self, tx: Tx, block: Block | None) -> bool:
        return tx.is_coinbase and (block is None or self.next_height - block.height < MATURITY)

    def _block(self, time: int, reward: bytes, txs: Iterable[Tx], extra: int) -> Block:
        txs = tuple(txs)
        height = self.next_height
        scriptsig = push(height.to_bytes(4, "little").rstrip(b"\x00")) + push(f"caudal {extra}".encode())
        first = Input(NOWHERE, None, scriptsig, (bytes(32),), FINAL)
        coinbase = Tx((first,), (Output(reward, SUBSIDY + sum(tx.fee for tx in txs)),))
        all_txs = (coinbase, *txs)
        previous = self.tip.hash if self.best else "00" * 32
        root = _merkle([bytes.fromhex(tx.txid)[::-1] for tx in all_txs])
        head = b"".join(
            [
                (0x20000000).to_bytes(4, "little"),
                bytes.fromhex(previous)[::-1],
                root,
                time.to_bytes(4, "little"),
                (0x1D00FFFF).to_bytes(4, "little"),
                extra.to_bytes(4, "little"),
            ]
        )
        name = sha256d(head)[::-1].hex()
        return Block(height, name, previous, root[::-1].hex(), time, extra, all_txs)

    def _add(self, block: Block) -> None:
        self.best.append(block)
        self.blocks[block.hash] = block
        for tx in block.txs:
            self._confirmed[tx.txid] = (block, tx)
            self._spend(tx)
            for script in tx.scripts:
                self._history.setdefault(script, []).append(tx.txid)

    def _remove(self) -> Block:
        block = self.best.pop()
        for tx in reversed(block.txs):
            del self._confirmed[tx.txid]
            self._unspend(tx)
            for script in tx.scripts:
                self._history[script].remove(tx.txid)
        return block

    def _spend(self, tx: Tx) -> None:
        for each in () if tx.is_coinbase else tx.inputs:
            self._spent[each.outpoint] = tx.txid
            if each.prevout is not None:
                self._coins.get(each.prevout.script, {}).pop(each.outpoint, None)
        for place, out in enumerate(tx.outputs):
            if (tx.txid, place) not in self._spent:
                self._coins.setdefault(out.script, {})[tx.txid, place] = out

    def _unspend(self, tx: Tx) -> None:
        """As if `tx`, which is in no block and no mempool any more, had never been."""
        for each in () if tx.is_coinbase else tx.inputs:
            self._spent.pop(each.outpoint, None)
            if each.prevout is not None and self.tx(each.outpoint[0]) is not None:
                self._coins.setdefault(each.prevout.script, {})[each.outpoint] = each.prevout
        for place, out in enumerate(tx.outputs):
            self._coins.get(out.script, {}).pop((tx.txid, place), None)

    def _inputs(self, tx: Tx) -> list[Outpoint]:
        return [] if tx.is_coinbase else [each.outpoint for each in tx.inputs]


def _merkle(level: list[bytes]) -> bytes:
    while len(level) > 1:
        if len(level) % 2:
            level = [*level, level[-1]]
        level = [sha256d(level[n] + level[n + 1]) for n in range(0, len(level), 2)]
    return level[0]
