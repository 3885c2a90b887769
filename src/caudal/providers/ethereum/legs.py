"""What a row is to the address it was listed for: legs, each one movement on one of its accounts."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

from caudal.model.changes import SourceRef, Status, TransactionSeen, Unreadable
from caudal.model.errors import MoneyError
from caudal.model.money import Money, of_units
from caudal.providers.ethereum.addresses import ref_of
from caudal.providers.ethereum.config import Token
from caudal.providers.ethereum.payloads import NOT_MOVING, Inner, Normal, Row, Transfer, Withdrawal, decoded

NATIVE: Final = "ETH"
WEI_PER_GWEI: Final = 10**9
APART: Final = SourceRef("")
"""Where tokens go that aren't told: to no account."""
_CONFIRMATIONS: Final = re.compile(rb'("confirmations":\s*)"[0-9]*"')


class Leg(NamedTuple):
    """`units` of `currency` into the account or, negative, out of it, by transaction `tx` in that block."""

    ref: SourceRef
    id: str
    currency: str
    units: int
    block: int
    time: int
    description: str
    tx: str
    raw: str

    @property
    def at(self) -> datetime:
        """Its block's time."""
        return datetime.fromtimestamp(self.time, UTC)

    def seen(self) -> TransactionSeen:
        """As it is told."""
        return TransactionSeen(
            self.ref,
            self.id,
            Status.BOOKED,
            money(self.units, self.currency),
            self.at.date(),
            description=self.description,
            reference=self.tx,
            occurred_at=self.at,
            raw=self.raw,
        )

    def apart(self) -> Unreadable:
        """A token nobody vouches for, as it is kept."""
        return Unreadable(
            f"token {self.currency}", "not a token that is told (CAUDAL_ETHEREUM_TOKENS)", self.raw
        )


def money(units: int, currency: str) -> Money:
    """Exactly that many of its smallest units."""
    return Money(of_units(units, currency), currency)


def account_ref(address: str, chain_id: int, code: str) -> SourceRef:
    """Our name of one asset at an address."""
    return SourceRef(f"{ref_of(address, chain_id)}:{code}")


class Ledger:
    """The legs of one address, from its rows in the chain's order. A row that moves nothing has none."""

    def __init__(self, address: str, chain_id: int, tokens: Mapping[str, Token]) -> None:
        self.legs: dict[tuple[SourceRef, str], Leg] = {}
        self.unreadable: list[Unreadable] = []
        self.address = address
        self._chain = chain_id
        self._tokens = tokens
        self._ref = account_ref(address, chain_id, NATIVE)
        self._alike: Counter[str] = Counter()

    def take(self, action: str, record: Raw) -> None:
        """One row. One that can't be read is kept as it is."""
        raw = _CONFIRMATIONS.sub(rb'\1""', bytes(record))
        text = raw.decode(errors="replace")
        try:
            row = decoded(action, record)
            for leg in self._of(row, text):
                if leg.ref != APART:
                    money(leg.units, leg.currency)
                self.legs[leg.ref, leg.id] = leg
        except (msgspec.DecodeError, MoneyError, ValueError, OverflowError) as error:
            self.unreadable.append(Unreadable(action, str(error), text))

    def _of(self, row: Row, raw: str) -> Iterator[Leg]:
        match row:
            case Normal():
                return self._normal(row, raw)
            case Inner():
                return self._inner(row, raw)
            case Transfer():
                return self._transfer(row, raw)
            case Withdrawal():
                return self._withdrawal(row, raw)

    def _normal(self, row: Normal, raw: str) -> Iterator[Leg]:
        """A transaction: its value, where it moved, and its fee, whatever came of it."""
        name, failed = self._id(row.hash), row.is_error == "1"
        at = (int(row.block_number), int(row.time_stamp))
        other, sign = self._over(row.sender, row.to or row.contract_address)
        if sign and not failed and int(row.value):
            words = "contract created" if not row.to else _words(sign, other)
            yield Leg(self._ref, name, NATIVE, sign * int(row.value), *at, words, row.hash, raw)
        fee = int(row.gas_used) * int(row.gas_price)
        if row.sender.lower() == self.address and fee:
            words = "network fee of a failed transaction" if failed else "network fee"
            yield Leg(self._ref, f"{name}:fee", NATIVE, -fee, *at, words, row.hash, raw)

    def _inner(self, row: Inner, raw: str) -> Iterator[Leg]:
        """Ether that a contract moved."""
        to = row.to or row.contract_address
        other, sign = self._over(row.sender, to)
        if row.is_error == "1" or row.kind in NOT_MOVING or not int(row.value) or not sign:
            return
        name = self._alike_id("i", row.of, row.sender, to, row.value)
        at = (int(row.block_number), int(row.time_stamp))
        yield Leg(self._ref, name, NATIVE, sign * int(row.value), *at, _words(sign, other), row.of, raw)

    def _transfer(self, row: Transfer, raw: str) -> Iterator[Leg]:
        """A token that changed hands. One that isn't known is nobody's money."""
        other, sign = self._over(row.sender, row.to)
        contract, at = row.contract_address.lower(), (int(row.block_number), int(row.time_stamp))
        name = self._alike_id("t", row.hash, row.sender, row.to, row.value, contract)
        token = self._tokens.get(contract)
        if token is None:
            yield Leg(APART, name, contract, 0, *at, "", row.hash, raw)
        elif row.token_decimal not in {"", str(token.decimals)}:
            raise ValueError(f"{token.code} has {token.decimals} decimals")
        elif sign and int(row.value):
            ref = account_ref(self.address, self._chain, token.code)
            units = sign * int(row.value)
            yield Leg(ref, name, token.code, units, *at, _words(sign, other), row.hash, raw)

    def _withdrawal(self, row: Withdrawal, raw: str) -> Iterator[Leg]:
        """Paid out by the beacon chain."""
        if row.address.lower() != self.address:
            raise ValueError("not of the address it was listed for")
        name = f"eth:{self._chain}:w:{row.withdrawal_index}"
        at = (int(row.block_number), int(row.timestamp))
        units = int(row.amount) * WEI_PER_GWEI
        if units:
            yield Leg(self._ref, name, NATIVE, units, *at, "validator withdrawal", "", raw)

    def _over(self, sender: str, to: str) -> tuple[str, int]:
        """Who is on the other side, and the sign: 0 where both sides are this address. Raises ValueError."""
        sender, to = sender.lower(), to.lower()
        if self.address not in {sender, to}:
            raise ValueError("not of the address it was listed for")
        if sender == to:
            return to, 0
        return (to, -1) if sender == self.address else (sender, 1)

    def _id(self, tx: str) -> str:
        return f"eth:{self._chain}:{tx}"

    def _alike_id(self, kind: str, tx: str, *what: str) -> str:
        """Explorers number rows differently or not at all: the n-th of those alike in one transaction is the n-th of the
        chain, whoever lists it."""
        content = hashlib.blake2b("/".join(what).lower().encode(), digest_size=6).hexdigest()
        name = f"{self._id(tx)}:{kind}:{content}"
        self._alike[name] += 1
        return f"{name}:{self._alike[name] - 1}"


def _words(sign: int, other: str) -> str:
    if not other:
        return "received"
    return f"received from {other}" if sign > 0 else f"sent to {other}"
