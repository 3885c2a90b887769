"""What a source of rates or prices is, and how its answers are read."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

import msgspec

from caudal.matching.prices import Price
from caudal.matching.rates import Rate
from caudal.model.errors import Malformed, Refused, Unavailable
from caudal.providers.http import Answer, ProviderHttp, redact

T = TypeVar("T")

RATE_DIGITS_MAX: Final = 30
"""Digits a rate may be written with: the longest real one (a price of a small coin) has twenty-odd."""


class Skipped(msgspec.Struct, frozen=True):
    """What a source told and couldn't be read: `where`, `why`, and as it came."""

    where: str
    why: str
    raw: str


class Told(msgspec.Struct, frozen=True):
    """What a source answered. Days without a rate are no error: it rests on them."""

    rates: tuple[Rate, ...] = ()
    prices: tuple[Price, ...] = ()
    skipped: tuple[Skipped, ...] = ()


class Source(Protocol):
    """A source of rates or prices: a function from subjects and days to what it holds of them."""

    name: str
    """Kept with each rate."""

    def tells_of(self, held: Sequence[str]) -> list[str]:
        """Of these currencies and assets, those that it has to be asked for."""
        ...

    def earliest(self, today: date) -> date:
        """Of no earlier day it has anything to tell."""
        ...

    async def told(self, subjects: Sequence[str], first: date, last: date) -> Told:
        """All it holds of these on these days, both included; it may tell more. Raises the ProviderError family."""
        ...


class HttpSource:
    """A source that is asked over HTTP: opens and closes with its clients."""

    def __init__(self, *clients: ProviderHttp) -> None:
        self._clients = clients

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            await client.__aexit__(kind, error, trace)


def checked(answer: Answer, where: str, refusal: str = "") -> bytes:
    """The body of what was asked for. Raises Unavailable for a page that stands in front of the service (HTML, a server's
    error) and Refused for the rest, with `refusal`: what the service says it is for."""
    kind = answer.headers.get("content-type", "").lower()
    if answer.status >= 500 or answer.status == 408 or "text/html" in kind:
        raise Unavailable(f"{where}: answered {answer.status} with a page of its own")
    if answer.status != 200:
        said = f": {redact(refusal)}" if refusal else ""
        raise Refused(f"{where}: answered {answer.status}{said}")
    return answer.body


def decoded(answer: Answer, where: str, decoder: "msgspec.json.Decoder[T]", refusal: str = "") -> T:
    """The same, read as JSON. Raises Malformed where it isn't what the contract says."""
    try:
        return decoder.decode(checked(answer, where, refusal))
    except msgspec.DecodeError as error:
        raise Malformed(f"{where}: answer", redact(str(error))) from None


def rate_of(text: str | Decimal) -> Decimal | None:
    """A rate as it is written, ``17.3485`` or ``1,234.56``; None for what is none (and for nought)."""
    if isinstance(text, str):
        plain = text.strip().replace(",", "")
        if not plain.replace(".", "", 1).isdigit() or not plain.isascii():
            return None
        text = Decimal(plain)
    if not text.is_finite() or text <= 0 or len(text.as_tuple().digits) > RATE_DIGITS_MAX:
        return None
    return text
