"""Bitcoin's transactions and scripts as bytes (developer.bitcoin.org, Transactions; BIP141, BIP144)."""

import hashlib
from functools import cached_property
from typing import Final

import msgspec

Outpoint = tuple[str, int]
"""(txid, place of the output)"""

NOWHERE: Final[Outpoint] = ("00" * 32, 0xFFFFFFFF)
"""What a coinbase spends."""
REPLACEABLE: Final = 0xFFFFFFFD
"""A sequence that lets a transaction be replaced (BIP125)."""
FINAL: Final = 0xFFFFFFFF


class Output(msgspec.Struct, frozen=True):
    """`sats` for whoever can satisfy `script`."""

    script: bytes
    sats: int


class Input(msgspec.Struct, frozen=True):
    """The spending of an output. `prevout` is that output, None for a coinbase."""

    outpoint: Outpoint
    prevout: Output | None
    scriptsig: bytes = b""
    witness: tuple[bytes, ...] = ()
    sequence: int = REPLACEABLE


class Tx(msgspec.Struct, frozen=True, dict=True):
    """A transaction."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    version: int = 2
    locktime: int = 0

    @cached_property
    def txid(self) -> str:
        """Its name: the hash of what it says without witnesses."""
        return sha256d(self._bytes(witness=False))[::-1].hex()

    @cached_property
    def raw(self) -> bytes:
        """As it goes over the network."""
        return self._bytes(witness=any(each.witness for each in self.inputs))

    @property
    def size(self) -> int:
        """Bytes, with witnesses."""
        return len(self.raw)

    @property
    def weight(self) -> int:
        """BIP141."""
        return 3 * len(self._bytes(witness=False)) + self.size

    @property
    def is_coinbase(self) -> bool:
        """Whether it makes a block's reward."""
        return self.inputs[0].outpoint == NOWHERE

    @property
    def fee(self) -> int:
        """In sats; of a coinbase nothing."""
        if self.is_coinbase:
            return 0
        spent = sum(each.prevout.sats for each in self.inputs if each.prevout is not None)
        return spent - sum(each.sats for each in self.outputs)

    @property
    def scripts(self) -> set[bytes]:
        """Every script it takes from or gives to."""
        spent = {each.prevout.script for each in self.inputs if each.prevout is not None}
        return spent | {each.script for each in self.outputs}

    def net(self, scripts: "set[bytes] | frozenset[bytes]") -> int:
        """What it brings (or takes from) the owner of `scripts`, in sats."""
        spent = sum(
            each.prevout.sats for each in self.inputs if each.prevout and each.prevout.script in scripts
        )
        return sum(each.sats for each in self.outputs if each.script in scripts) - spent

    def _bytes(self, *, witness: bool) -> bytes:
        parts = [self.version.to_bytes(4, "little")]
        if witness:
            parts.append(b"\x00\x01")
        parts.append(varint(len(self.inputs)))
        for each in self.inputs:
            txid, vout = each.outpoint
            parts += [bytes.fromhex(txid)[::-1], vout.to_bytes(4, "little"), sized(each.scriptsig)]
            parts.append(each.sequence.to_bytes(4, "little"))
        parts.append(varint(len(self.outputs)))
        for out in self.outputs:
            parts += [out.sats.to_bytes(8, "little"), sized(out.script)]
        if witness:
            for each in self.inputs:
                parts += [varint(len(each.witness)), *map(sized, each.witness)]
        parts.append(self.locktime.to_bytes(4, "little"))
        return b"".join(parts)


def sha256d(raw: bytes) -> bytes:
    """SHA-256, twice."""
    return hashlib.sha256(hashlib.sha256(raw).digest()).digest()


def varint(number: int) -> bytes:
    """A number as Bitcoin writes counts: 1, 3 or 5 bytes."""
    if number < 0xFD:
        return bytes([number])
    if number <= 0xFFFF:
        return b"\xfd" + number.to_bytes(2, "little")
    return b"\xfe" + number.to_bytes(4, "little")


def sized(raw: bytes) -> bytes:
    """Bytes after their count."""
    return varint(len(raw)) + raw


def push(raw: bytes) -> bytes:
    """The piece of a script that puts `raw` (up to 255 bytes) on the stack."""
    return (bytes([len(raw)]) if len(raw) <= 75 else b"\x4c" + bytes([len(raw)])) + raw


def kind_of(script: bytes) -> str:
    """What Esplora calls the type of a script."""
    size = len(script)
    if script.startswith(b"\x6a"):
        return "op_return"
    shapes = (
        ("p2pkh", 25, b"\x76\xa9\x14", b"\x88\xac"),
        ("p2sh", 23, b"\xa9\x14", b"\x87"),
        ("v0_p2wpkh", 22, b"\x00\x14", b""),
        ("v0_p2wsh", 34, b"\x00\x20", b""),
        ("v1_p2tr", 34, b"\x51\x20", b""),
        ("p2pk", 35, b"\x21", b"\xac"),
        ("p2pk", 67, b"\x41", b"\xac"),
    )
    for kind, length, head, tail in shapes:
        if size == length and script.startswith(head) and script.endswith(tail):
            return kind
    return "unknown"


_WORDS: Final = {0x00: "OP_0", 0x6A: "OP_RETURN", 0x75: "OP_DROP", 0x76: "OP_DUP", 0x87: "OP_EQUAL"} | {
    0x88: "OP_EQUALVERIFY",
    0xA9: "OP_HASH160",
    0xAC: "OP_CHECKSIG",
    0xAE: "OP_CHECKMULTISIG",
}


def asm(script: bytes) -> str:
    """A script in Esplora's words."""
    words, place = [], 0
    while place < len(script):
        code = script[place]
        place += 1
        if 1 <= code <= 75 or code == 0x4C:
            name = f"OP_PUSHBYTES_{code}"
            if code == 0x4C:
                code, place, name = script[place], place + 1, "OP_PUSHDATA1"
            words += [name, script[place : place + code].hex()]
            place += code
        elif 0x51 <= code <= 0x60:
            words.append(f"OP_PUSHNUM_{code - 0x50}")
        else:
            words.append(_WORDS.get(code, f"OP_RETURN_{code}"))
    return " ".join(words)
