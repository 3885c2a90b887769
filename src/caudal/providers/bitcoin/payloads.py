"""What Esplora answers (API.md), as far as it is read. Amounts are whole sats; whatever else is in a record stays raw."""

from typing import Annotated

import msgspec
from msgspec import Raw

SATS_MAX = 2_100_000_000_000_000
"""All there will ever be."""

Sats = Annotated[int, msgspec.Meta(ge=0, le=SATS_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0)]
TxId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Sums(msgspec.Struct, frozen=True):
    """What a script had, confirmed or in the mempool. A sum counts an output once, so it may exceed all there is."""

    tx_count: Count
    funded_txo_sum: Count
    spent_txo_sum: Count

    @property
    def sats(self) -> int:
        """What is left."""
        return self.funded_txo_sum - self.spent_txo_sum


class Stats(msgspec.Struct, frozen=True):
    """Of one script."""

    chain_stats: Sums
    mempool_stats: Sums

    @property
    def used(self) -> bool:
        """Whether anything ever happened there: an emptied script is used (BIP44 goes by history, not balance)."""
        return bool(self.chain_stats.tx_count or self.mempool_stats.tx_count)


class Output(msgspec.Struct, frozen=True):
    """`scriptpubkey` in hexadecimal digits; p2pk, op_return and what is unknown have no address."""

    scriptpubkey: str
    value: Sats
    scriptpubkey_address: str | None = None
    scriptpubkey_type: str | None = None


class Input(msgspec.Struct, frozen=True):
    """`prevout` is what it spends, None for a coinbase alone."""

    txid: str
    vout: Count
    is_coinbase: bool
    prevout: Output | None


class Status(msgspec.Struct, frozen=True):
    """Of what is unconfirmed, `confirmed` alone. `block_time`: the miner's clock, Unix seconds; doesn't always grow."""

    confirmed: bool
    block_height: Count | None = None
    block_hash: TxId | None = None
    block_time: Count | None = None


class Tx(msgspec.Struct, frozen=True):
    """A transaction. Raises ValueError, as msgspec has it, where it is confirmed nowhere or spends nothing known."""

    txid: TxId
    vin: tuple[Input, ...]
    vout: tuple[Output, ...]
    fee: Sats
    status: Status

    def __post_init__(self) -> None:
        placed = None not in {self.status.block_height, self.status.block_time}
        if self.status.confirmed and not placed:
            raise ValueError("confirmed, and without its block's height or time")
        if any(each.prevout is None and not each.is_coinbase for each in self.vin):
            raise ValueError("an input without prevout that is no coinbase")

    @property
    def height(self) -> int:
        """Of its block; 0 while it has none."""
        return (self.status.block_height or 0) if self.status.confirmed else 0


class Block(msgspec.Struct, frozen=True):
    """A block's head."""

    id: TxId
    height: Count


class BlockStatus(msgspec.Struct, frozen=True):
    """Whether a block is in the best chain."""

    in_best_chain: bool


class Read(msgspec.Struct, frozen=True):
    """A transaction and its record's own text."""

    tx: Tx
    raw: str


RECORDS = msgspec.json.Decoder(list[Raw])
TX = msgspec.json.Decoder(Tx)
STATS = msgspec.json.Decoder(Stats)
BLOCK = msgspec.json.Decoder(Block)
BLOCK_STATUS = msgspec.json.Decoder(BlockStatus)
