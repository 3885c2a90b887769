"""Names on the wire: uuids decided by what they name, so that a run can be replayed name for name."""

import base64
from datetime import datetime
from hashlib import blake2b


def uuid_of(*identity: object) -> str:
    """The uuid (in the form of version 4) of what `identity` tells apart."""
    said = "/".join(str(part) for part in identity).encode()
    raw = blake2b(said, digest_size=16).hexdigest()
    return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"


def below(bound: int, *identity: object) -> int:
    """A whole number from 0 to `bound` - 1 that belongs to `identity`."""
    said = "/".join(str(part) for part in identity).encode()
    return int.from_bytes(blake2b(said, digest_size=8).digest()) % bound


def stamp(at: datetime) -> str:
    """An instant as Pluggy writes it: UTC, milliseconds, Z."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def base64url(raw: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
