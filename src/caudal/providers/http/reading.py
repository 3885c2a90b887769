"""An answer off the wire: its body within the bound, its Retry-After in either form."""

import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, cast

import httpx

ACCEPT_ENCODING: Final = "gzip"
"""What `read_body` can undo within a bound. httpx would unpack a whole chunk at a time, a thousand times its size."""

RETRY_AFTER_MAX: Final = timedelta(days=1)
"""Whoever names a later time is asked again after this."""

_GZIP_WINDOW: Final = zlib.MAX_WBITS | 16
_SECONDS: Final = re.compile(r"(\d{1,9})(\.\d+)?", re.ASCII)
"""RFC 9110 §10.2.3 knows whole seconds; some services send a fraction."""


class BodyTooLarge(Exception):
    """More than the bound allows."""


class BodyUnreadable(Exception):
    """`str()` says why."""


class BodyCutOff(Exception):
    """The packed stream stops before its end."""


async def read_body(response: httpx.Response, bytes_max: int) -> bytes:
    """The body, unpacked, of which never more than `bytes_max` bytes are held: the rest is left unread."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing not in {"", "identity", "gzip", "x-gzip"}:
        raise BodyUnreadable("its body is packed in a way that was not asked for")
    unpack = _Gunzip(bytes_max) if packing.endswith("gzip") else None
    pieces = []
    received = 0
    # Straight from the stream: httpx holds an answer that a transport made here, without a wire, for read already.
    async for raw in cast(httpx.AsyncByteStream, response.stream):
        received += len(raw)
        if received > bytes_max:
            raise BodyTooLarge
        if unpack is None:
            pieces.append(raw)
        else:
            unpack.feed(raw, pieces)
    if unpack is not None and not unpack.ended:
        raise BodyCutOff
    return b"".join(pieces)


class _Gunzip:
    """gzip (RFC 1952), members in a row included, that stops at the bound instead of after it."""

    def __init__(self, bytes_max: int) -> None:
        self._room = bytes_max
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._begun = False

    @property
    def ended(self) -> bool:
        """Nothing came at all, or the last member came whole."""
        return self._member.eof or not self._begun

    def feed(self, data: bytes, pieces: list[bytes]) -> None:
        """Append what `data` unpacks to."""
        self._begun = True
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            try:
                piece = self._member.decompress(data, self._room + 1)
            except zlib.error:
                raise BodyUnreadable("its body is not the gzip it is said to be") from None
            self._room -= len(piece)
            if self._room < 0:
                raise BodyTooLarge
            pieces.append(piece)
            data = self._member.unconsumed_tail or self._member.unused_data


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """What Retry-After asks for, from none to RETRY_AFTER_MAX; None where there is none that can be read.

    A date is counted from the answer's own Date, where it has one: their clock may not be ours.
    """
    told = headers.get("retry-after", "").strip()
    if not told:
        return None
    if counted := _SECONDS.fullmatch(told):
        pause = timedelta(seconds=int(counted[1]) + bool(counted[2]))
    else:
        until = _date(told)
        if until is None:
            return None
        pause = until - (_date(headers.get("date", "")) or now)
    return min(max(pause, timedelta(0)), RETRY_AFTER_MAX)


def _date(text: str) -> datetime | None:
    """An HTTP-date in any of its three forms (RFC 9110 §5.6.7). All are in GMT, also where they don't say so."""
    try:
        told = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
