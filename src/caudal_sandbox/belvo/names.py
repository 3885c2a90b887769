"""How Belvo calls things: ids, instants, and the numbers of Brazilian people."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

_CHECKED: Final = 11


def digest(*parts: object) -> bytes:
    """32 bytes that the parts decide."""
    return sha256("/".join(str(part) for part in parts).encode()).digest()


def uuid_of(*parts: object) -> str:
    """A UUID that the parts decide."""
    return str(UUID(bytes=digest(*parts)[:16], version=4))


def hexed(*parts: object, length: int = 32) -> str:
    """So many hex digits that the parts decide."""
    return digest(*parts).hex()[:length]


def person_key(institution: str, user: str) -> str:
    """`institution_user_id`: 44 characters, the same for one person at one institution."""
    return urlsafe_b64encode(digest("person", institution, user)).decode()


def stamp(at: datetime) -> str:
    """An instant, UTC, to the microsecond."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def moment(at: datetime) -> str:
    """An instant as a bank tells it, to the millisecond."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def cpf_of(name: str) -> str:
    """The CPF of the person of that name: nine digits and two that check them (Receita Federal, modulus 11)."""
    digits = [byte % 10 for byte in digest("cpf", name)[:9]]
    for _ in range(2):
        weighed = sum(
            digit * weight for digit, weight in zip(digits, range(len(digits) + 1, 1, -1), strict=True)
        )
        digits.append(weighed * 10 % _CHECKED % 10)
    return "".join(str(digit) for digit in digits)
