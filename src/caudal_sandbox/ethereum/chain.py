"""The chain: blocks, what their transactions move, and who had how much at which block. Nothing is executed: whoever
makes a transaction says what its contracts do. Ether counts in wei, a token in its own smallest units."""

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

ETHER: Final = ""
"""The asset that is no token."""
FIRST: Final = 22_000_000
"""The first block that is told; before it there is the genesis alone."""
FINAL_DEPTH: Final = 64
"""Two epochs of 32 slots."""
GWEI: Final = 10**9
GENESIS_TIME: Final = 1_438_269_973


class Token(NamedTuple):
    """An ERC-20 contract. `decimals`: None where it doesn't say; `symbol` is whatever it likes."""

    contract: str
    name: str
    symbol: str
    decimals: int | None


class Inner(NamedTuple):
    """A call within a transaction. `kind`: call, create, suicide, or delegatecall, staticcall and callcode, which show a
    value and move none."""

    sender: str
    to: str
    units: int
    kind: str = "call"
    ok: bool = True

    @property
    def moves(self) -> bool:
        """Whether value went over."""
        return self.ok and self.kind in {"call", "create", "suicide"}


class Log(NamedTuple):
    """A token's Transfer event."""

    token: Token
    sender: str
    to: str
    units: int


class Withdrawal(msgspec.Struct, frozen=True):
    """What the beacon chain pays out, in gwei."""

    index: int
    validator: int
    address: str
    gwei: int


class Tx(msgspec.Struct, frozen=True):
    """A transaction. `to` empty: it creates the contract `created`. `ok` False: it was reverted, and paid for."""

    hash: str
    sender: str
    nonce: int
    to: str
    value: int = 0
    gas_used: int = 21_000
    gas_price: int = 2 * GWEI
    ok: bool = True
    data: str = "0x"
    created: str = ""
    inner: tuple[Inner, ...] = ()
    logs: tuple[Log, ...] = ()

    @property
    def fee(self) -> int:
        """What the sender pays for it, whatever comes of it."""
        return self.gas_used * self.gas_price


class Moved(NamedTuple):
    """One leg of what a block moved: `units` of `asset` into `address` or, negative, out of it."""

    address: str
    asset: str
    units: int


class Block(msgspec.Struct, frozen=True):
    """One block. `time` in seconds of Unix time."""

    number: int
    hash: str
    parent: str
    time: int
    txs: tuple[Tx, ...]
    withdrawals: tuple[Withdrawal, ...]


class Chain:
    """The best chain and what it adds up to."""

    def __init__(self) -> None:
        self.best: list[Block] = []
        self.genesis: dict[str, int] = {}
        self.left: set[str] = set()
        """Hashes of blocks that gave way."""
        self._figures: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._nonces: dict[str, int] = {}
        self._withdrawals = 40_000_000
        self._made = 0

    @property
    def tip(self) -> Block:
        """The last block."""
        return self.best[-1]

    @property
    def final(self) -> Block:
        """The last one that stays."""
        return self.best[max(0, len(self.best) - 1 - FINAL_DEPTH)]

    def at(self, number: int) -> Block | None:
        """The best chain's block of that number."""
        place = number - FIRST
        return self.best[place] if 0 <= place < len(self.best) else None

    def tx(self, name: str) -> tuple[Block, int] | None:
        """A transaction's block and its place in it."""
        for block in reversed(self.best):
            for place, tx in enumerate(block.txs):
                if tx.hash == name:
                    return block, place
        return None

    def balance(self, address: str, asset: str = ETHER, number: int | None = None) -> int:
        """What it had at the end of that block; None: now."""
        for block, units in reversed(self._figures.get((address, asset), ())):
            if number is None or block <= number:
                return units
        return 0

    def nonce(self, address: str) -> int:
        """How many transactions it has sent."""
        return self._nonces.get(address, 0)

    def endow(self, address: str, wei: int) -> None:
        """It had that from the beginning of all."""
        self.genesis[address] = wei
        self._move(0, Moved(address, ETHER, wei))

    def grant(self, address: str, asset: str, units: int) -> None:
        """It had so much of a token before the first block."""
        self._move(0, Moved(address, asset, units))

    def withdrawal(self, address: str, gwei: int, validator: int = 583_243) -> Withdrawal:
        """The next payout of the beacon chain."""
        self._withdrawals += 1
        return Withdrawal(self._withdrawals, validator, address, gwei)

    def name(self, *of: object) -> str:
        """A hash that nothing else has."""
        self._made += 1
        return "0x" + hashlib.sha256("/".join(map(str, (*of, self._made))).encode()).hexdigest()

    def mine(self, at: datetime, txs: Collection[Tx], withdrawals: Collection[Withdrawal] = ()) -> list[Tx]:
        """A block of those of `txs` that can be paid and are next of their sender. Returns what was left out."""
        number = FIRST + len(self.best)
        taken: list[Tx] = []
        out: list[Tx] = []
        for tx in txs:
            legs = list(legs_of(tx))
            if tx.nonce != self.nonce(tx.sender) or not self._affordable(legs):
                out.append(tx)
                continue
            self._nonces[tx.sender] = tx.nonce + 1
            for leg in legs:
                self._move(number, leg)
            taken.append(tx)
        for each in withdrawals:
            self._move(number, Moved(each.address, ETHER, each.gwei * GWEI))
        parent = self.best[-1].hash if self.best else self.name("genesis")
        made = self.name(number, parent)
        after = self.tip.time + 12 if self.best else 0
        time = max(int(at.timestamp()), after)
        self.best.append(Block(number, made, parent, time, tuple(taken), tuple(withdrawals)))
        return out

    def reorganise(self, depth: int, at: datetime, dropping: Collection[str] = ()) -> list[Tx]:
        """The last `depth` blocks give way to one more: their transactions come a block later, those in `dropping`, and
        what can't be without them, never. Returns what is heard of no more."""
        cut = self.best[-depth:]
        del self.best[-depth:]
        self.left |= {block.hash for block in cut}
        last = FIRST + len(self.best) - 1
        for figures in self._figures.values():
            while figures and figures[-1][0] > last:
                figures.pop()
        for block in cut:
            for tx in block.txs:
                self._nonces[tx.sender] = min(self._nonces[tx.sender], tx.nonce)
        gone = [tx for block in cut for tx in block.txs if tx.hash in dropping]
        self.mine(datetime.fromtimestamp(cut[0].time, at.tzinfo), ())
        for block in cut:
            time = datetime.fromtimestamp(block.time, at.tzinfo)
            kept = [tx for tx in block.txs if tx.hash not in dropping]
            gone += self.mine(time, kept, block.withdrawals)
        return gone

    def _affordable(self, legs: list[Moved]) -> bool:
        sums: dict[tuple[str, str], int] = {}
        for leg in legs:
            key = (leg.address, leg.asset)
            sums[key] = sums.get(key, self.balance(*key)) + leg.units
        return all(units >= 0 for units in sums.values())

    def _move(self, number: int, leg: Moved) -> None:
        figures = self._figures.setdefault((leg.address, leg.asset), [])
        units = (figures[-1][1] if figures else 0) + leg.units
        if figures and figures[-1][0] == number:
            figures[-1] = (number, units)
        else:
            figures.append((number, units))


def legs_of(tx: Tx) -> Iterator[Moved]:
    """Everything that a transaction moves, leg by leg: its fee, its value, its inner calls, its tokens."""
    yield Moved(tx.sender, ETHER, -tx.fee)
    if not tx.ok:
        return
    yield from _over(tx.sender, tx.to or tx.created, ETHER, tx.value)
    for each in tx.inner:
        if each.moves:
            yield from _over(each.sender, each.to, ETHER, each.units)
    for log in tx.logs:
        yield from _over(log.sender, log.to, log.token.contract, log.units)


def block_legs(block: Block) -> Iterator[Moved]:
    """Everything that a block moves, those legs apart that are nothing."""
    for tx in block.txs:
        yield from (leg for leg in legs_of(tx) if leg.units)
    for each in block.withdrawals:
        yield Moved(each.address, ETHER, each.gwei * GWEI)


def _over(sender: str, to: str, asset: str, units: int) -> Iterator[Moved]:
    if sender != to and units:
        yield Moved(sender, asset, -units)
        yield Moved(to, asset, units)
