"""What a transaction is to the wallet: one movement, its net over all of the wallet's scripts."""

import hashlib
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Final

from caudal.model.changes import SourceRef, Status, TransactionSeen
from caudal.model.money import Money, of_units
from caudal.providers.bitcoin.payloads import Read, Tx

CURRENCY: Final = "BTC"
SPENDS_MAX: Final = 50
"""Of so many of the outputs that an unconfirmed transaction spends it is remembered which."""
DUST_BELOW: Final = 1_000
"""Sats. So little from a stranger pays nothing: it is sent to be noticed (address poisoning)."""


def money(sats: int) -> Money:
    """Exactly that many sats."""
    return Money(of_units(sats, CURRENCY), CURRENCY)


def net(tx: Tx, scripts: Collection[str]) -> int:
    """What the wallet gains or loses by it, in sats, fees included."""
    gained = sum(out.value for out in tx.vout if out.scriptpubkey in scripts)
    return gained - sum(
        each.prevout.value for each in tx.vin if each.prevout and each.prevout.scriptpubkey in scripts
    )


def mined(tx: Tx, scripts: Collection[str]) -> int:
    """What the wallet earned by a block's reward, in sats: to be spent later."""
    return net(tx, scripts) if any(each.is_coinbase for each in tx.vin) else 0


def spends(tx: Tx) -> tuple[str, ...]:
    """What names the outputs it spends."""
    return tuple(
        hashlib.blake2b(f"{each.txid}:{each.vout}".encode(), digest_size=8).hexdigest()
        for each in tx.vin[:SPENDS_MAX]
    )


def moment(tx: Tx) -> datetime | None:
    """When it was confirmed, by the clock of who mined its block; None while it isn't."""
    if not tx.status.confirmed or tx.status.block_time is None:
        return None
    return datetime.fromtimestamp(tx.status.block_time, UTC)


def seen(
    read: Read, ref: SourceRef, sats: int, day: date, *, description: str, replaces: str
) -> TransactionSeen:
    """The movement. `sats`: its net; `day`: where it is booked, or first was seen."""
    tx = read.tx
    return TransactionSeen(
        ref,
        tx.txid,
        Status.BOOKED if tx.status.confirmed else Status.PENDING,
        money(sats),
        day,
        description=description,
        reference=tx.txid,
        occurred_at=moment(tx),
        raw=read.raw,
        replaces=replaces,
    )


def described(tx: Tx, scripts: Collection[str], sats: int) -> str:
    """What happened, in words: who paid isn't known, to which address it went is."""
    if any(each.is_coinbase for each in tx.vin):
        return "mined"
    mine = [each.prevout is not None and each.prevout.scriptpubkey in scripts for each in tx.vin]
    others = [out for out in tx.vout if out.scriptpubkey not in scripts and out.value]
    if not any(mine):
        return "received (dust)" if sats < DUST_BELOW else "received"
    if not others:
        return "moved within the wallet: fee"
    if not all(mine):
        return "shared transaction"
    if len(others) == 1 and others[0].scriptpubkey_address:
        return f"sent to {others[0].scriptpubkey_address}"
    return f"sent to {len(others)} addresses" if len(others) > 1 else "sent"
