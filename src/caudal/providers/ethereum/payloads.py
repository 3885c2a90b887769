"""What explorers and nodes answer, as far as it is read. An explorer's numbers are decimal text, a node's hexadecimal."""

from collections.abc import Mapping
from typing import Annotated, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw

T = TypeVar("T")

Number = Annotated[str, Meta(pattern="^[0-9]{1,78}$")]
"""Up to 2^256."""
Count = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]
Address = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{40}$")]
Place = Annotated[str, Meta(pattern="^(0x[0-9a-fA-F]{40})?$")]
"""An address, or none."""
Sender = Annotated[str, Meta(pattern="^(0x[0-9a-fA-F]{40}|GENESIS)$")]
TxHash = Annotated[str, Meta(pattern="^(0x[0-9a-f]{64}|GENESIS_[0-9a-f]{40})$")]
"""What was there from the beginning of all has no transaction: `GENESIS_` and its address."""
Flag = Literal["0", "1"]
Hex = Annotated[str, Meta(pattern="^0x[0-9a-f]{1,64}$")]

NOT_MOVING: Final = frozenset({"delegatecall", "staticcall", "callcode"})
"""Calls that show a value and move none."""
MOVING: Final = frozenset({"call", "create", "create2", "suicide", "selfdestruct", "reward"})


class Normal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`txlist`: a transaction. `to` is empty where it creates `contractAddress`. `isError` "1": no value moved."""

    hash: TxHash
    block_number: Count
    time_stamp: Count
    sender: Sender = msgspec.field(name="from")
    to: Place
    contract_address: Place
    value: Number
    gas_used: Count
    gas_price: Number
    is_error: Flag


class Inner(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`txlistinternal`: what a contract moved. Etherscan has `hash`, Blockscout `transactionHash` and `callType`."""

    block_number: Count
    time_stamp: Count
    sender: Place = msgspec.field(name="from")
    to: Place
    contract_address: Place
    value: Number
    is_error: Flag
    type: str
    call_type: str = ""
    hash: TxHash | None = None
    transaction_hash: TxHash | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, as msgspec has it."""
        if not (self.hash or self.transaction_hash):
            raise ValueError("of no transaction")
        if self.kind not in MOVING | NOT_MOVING:
            raise ValueError("a kind of call that isn't known")

    @property
    def kind(self) -> str:
        """What sort of call."""
        return self.call_type or self.type

    @property
    def of(self) -> str:
        """Its transaction."""
        return self.hash or self.transaction_hash or ""


class Transfer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`tokentx`: a token's Transfer event, in its smallest units. Name, symbol and decimals are what the contract says of
    itself; the last may be empty."""

    hash: TxHash
    block_number: Count
    time_stamp: Count
    sender: Address = msgspec.field(name="from")
    to: Address
    contract_address: Address
    value: Number
    token_decimal: str = ""


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`txsBeaconWithdrawal`: `amount` in gwei, and `timestamp` in small letters."""

    withdrawal_index: Count
    address: Address
    amount: Count
    block_number: Count
    timestamp: Count


Row = Normal | Inner | Transfer | Withdrawal


class Envelope(msgspec.Struct, frozen=True):
    """An explorer's answer. `status` "1" or "0"; Blockscout's "2": not read yet; none where a node answers."""

    status: str = ""
    result: Raw = Raw(b"null")
    message: str = ""


class Fault(msgspec.Struct, frozen=True):
    """A node's error object."""

    code: int


class Numbered(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Any row: its block."""

    block_number: Count


class Reply(msgspec.Struct, Generic[T], frozen=True):
    """A node's answer. Nothing at all: there is no such thing."""

    result: T | None = None
    error: Fault | None = None


class Head(msgspec.Struct, frozen=True):
    """A block's."""

    number: Hex
    hash: Hex
    timestamp: Hex


class Receipt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """That a transaction is in a block."""

    block_number: Hex


class Balance(msgspec.Struct, frozen=True):
    """`balancemulti`: wei."""

    account: Address
    balance: Number


ENVELOPE: Final = msgspec.json.Decoder(Envelope)
ROWS: Final = msgspec.json.Decoder(list[Raw])
BALANCES: Final = msgspec.json.Decoder(list[Balance])
NUMBERED: Final = msgspec.json.Decoder(Numbered)
NUMBER: Final = msgspec.json.Decoder(Number)
TEXT: Final = msgspec.json.Decoder(str | None)
QUANTITY: Final = msgspec.json.Decoder(Reply[Hex])
HEAD: Final = msgspec.json.Decoder(Reply[Head])
RECEIPT: Final = msgspec.json.Decoder(Reply[Receipt])
LISTS: Final[Mapping[str, type[Row]]] = {
    "txlist": Normal,
    "txlistinternal": Inner,
    "tokentx": Transfer,
    "txsBeaconWithdrawal": Withdrawal,
}
"""What each list is of."""


def decoded(action: str, record: Raw) -> Row:
    """A row of that list. Raises msgspec.DecodeError."""
    return msgspec.json.decode(record, type=LISTS[action])
