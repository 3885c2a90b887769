"""Names for everything on the wire: opaque, in the form Plaid gives them, and decided by what they name.

Nothing here draws by chance or reads a clock, so that a run with the same seed and the same calls can be replayed
name for name. Forms: ids are 37 letters and digits, tokens ``access-sandbox-<uuid>`` (Plaid docs, Tokens; recorded
sandbox bodies).
"""

from hashlib import blake2b
from typing import Final

ID_LENGTH: Final = 37
_ALPHABET: Final = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0IOl"
_LETTERS: Final = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))


class Namer:
    """Names the parts of one thing: an item's accounts, a feed's transactions. Under a microsecond a name: a page has
    a thousand of them."""

    __slots__ = ("_begun",)

    def __init__(self, *identity: object) -> None:
        self._begun = blake2b(_said(identity), digest_size=ID_LENGTH)

    def name(self, part: str) -> str:
        """The id of that part: always the same one, and another one for every other part."""
        begun = self._begun.copy()
        begun.update(part.encode())
        return begun.digest().translate(_LETTERS).decode()


def opaque(*identity: object, length: int = ID_LENGTH) -> str:
    """An id of `length` letters and digits (at most 64) for what `identity` tells apart."""
    return blake2b(_said(identity), digest_size=length).digest().translate(_LETTERS).decode()


def token(kind: str, *identity: object) -> str:
    """A token of that kind (``access``, ``public``, ``link``): ``kind-sandbox-<uuid>``."""
    digits = blake2b(_said((kind, *identity)), digest_size=16).hexdigest()
    return f"{kind}-sandbox-{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def below(bound: int, *identity: object) -> int:
    """A whole number from 0 to `bound` - 1 that belongs to `identity`: which bank leaves a field out, and when."""
    return int.from_bytes(blake2b(_said(identity), digest_size=8).digest()) % bound


def _said(identity: tuple[object, ...]) -> bytes:
    return "/".join(str(part) for part in identity).encode() + b"\0"
