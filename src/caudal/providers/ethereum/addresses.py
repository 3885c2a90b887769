"""What a person shows: addresses, with the checksum of EIP-55 where their letters are of both cases."""

import hashlib
import re
from typing import Final

from caudal.model.changes import SourceRef
from caudal.model.errors import CaudalError
from caudal.providers.ethereum.keccak import keccak256

ADDRESSES_MAX: Final = 20
"""Of one connection: as many as one call for balances takes (Etherscan, `balancemulti`)."""
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_SECRET: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{64}|xprv\w+")
_WORDS: Final = frozenset({12, 15, 18, 21, 24})


class AddressProblem(CaudalError):
    """What was shown is no address to watch. Never repeats it."""


def read(shown: str) -> tuple[str, ...]:
    """The addresses in `shown`, separated by spaces, commas or line ends: in small letters, each once, sorted. Raises
    AddressProblem."""
    parts = re.split(r"[\s,;]+", shown.strip())
    if any(_SECRET.fullmatch(part) for part in parts) or (
        len(parts) in _WORDS and all(part.isascii() and part.isalpha() for part in parts)
    ):
        raise AddressProblem(
            "that looks like a private key or seed words: never show them to anybody, and take these as leaked"
        )
    if len(parts) > ADDRESSES_MAX:
        raise AddressProblem(f"at most {ADDRESSES_MAX} addresses in one connection")
    return tuple(sorted({_checked(part) for part in parts}))


def checksummed(address: str) -> str:
    """As EIP-55 writes it: a letter is a capital where the digest's digit is 8 or more."""
    digits = address[2:].lower()
    digest = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(mark, 16) > 7 else digit for digit, mark in zip(digits, digest, strict=False)
    )


def ref_of(address: str, chain_id: int) -> SourceRef:
    """Our name of an address: it says nothing of it."""
    return SourceRef(hashlib.blake2b(f"{chain_id}:{address}".encode(), digest_size=16).hexdigest())


def _checked(part: str) -> str:
    """One address. Capitals or small letters alone bear no checksum; mixed ones do, and it must be right."""
    if part.lower().endswith(".eth"):
        raise AddressProblem("names (ENS) aren't looked up: show the address itself")
    if not _ADDRESS.fullmatch(part):
        raise AddressProblem("an address is 0x and 40 hexadecimal digits")
    digits = part[2:]
    if digits not in {digits.lower(), digits.upper()} and checksummed(part) != part:
        raise AddressProblem(
            "its checksum (EIP-55) is wrong: a mistyped address, or one of a chain with other checksums; "
            "if you are sure of it, show it in small letters"
        )
    if not int(digits, 16):
        raise AddressProblem("nobody has the zero address")
    return part.lower()
