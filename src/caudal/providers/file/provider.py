"""The provider `file`: a statement file as pages."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

import msgspec

from caudal.model.changes import (
    AccountSeen,
    BalanceSeen,
    Change,
    Cursor,
    Page,
    TransactionSeen,
    Unreadable,
    Window,
)
from caudal.model.errors import Malformed
from caudal.providers.base import Capability
from caudal.providers.file import csv, formats
from caudal.providers.file.records import Record
from caudal.providers.file.statements import Naming, Survey, changes, survey
from caudal.settings import FileBounds

_CHUNK_BYTES: Final = 1024 * 1024


class FileDrop(msgspec.Struct, frozen=True):
    """A file as a person hands it over. `account`, `currency`, `mapping` stand in for what it doesn't say.

    `account` is a name or an id; `account_id` the id it was resolved to, which the file's own reference is made of.
    """

    path: Path
    account: str | None = None
    currency: str | None = None
    mapping: csv.Mapping | None = None
    account_id: UUID | None = None


class OpenedFile(msgspec.Struct, frozen=True):
    """A file that has been read through once and can be imported."""

    drop: FileDrop
    format: formats.Format
    digest: str
    """SHA-256 of its bytes, in hex."""
    survey: Survey
    naming: Naming


@contextmanager
def opened(path: Path, bounds: FileBounds) -> Iterator[BinaryIO]:
    """The file's bytes. Raises Malformed where it isn't a readable file within bounds."""
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for whoever writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise Malformed(str(path), f"can't be opened: {error.strerror or error}") from None
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise Malformed(str(path), "is not a plain file: it must be read twice (save it first)")
    with os.fdopen(descriptor, "rb") as stream:
        if state.st_size > bounds.file_bytes_max:
            most = f"CAUDAL_FILE_BYTES_MAX ({bounds.file_bytes_max})"
            raise Malformed("byte 0", f"the file has {state.st_size} bytes, more than {most}")
        yield stream


def read(drop: FileDrop, bounds: FileBounds) -> tuple[formats.Format, Iterator[Record]]:
    """The file's format and its records. Raises Malformed, at once or while reading."""
    with opened(drop.path, bounds) as stream:
        format_ = formats.detect(stream, drop.mapping)
    return format_, _records(drop, format_, bounds)


def look_through(drop: FileDrop, bounds: FileBounds) -> OpenedFile:
    """Read the file once, to its end, and write nothing. Raises Malformed where that can't be done."""
    with opened(drop.path, bounds) as stream:
        digest = _digest(stream)
    format_, records = read(drop, bounds)
    naming = Naming(format_.family, str(drop.account_id) if drop.account_id else None, drop.currency)
    return OpenedFile(drop, format_, digest, survey(records, naming), naming)


def _digest(stream: BinaryIO) -> str:
    digest = sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


class FileProvider:
    """Statement files. The cursor of a file half imported says how many pages of what size are in."""

    name = "file"
    capabilities = frozenset(
        {
            Capability.ACCOUNTS,
            Capability.BALANCES,
            Capability.TRANSACTIONS,
            Capability.PENDING,
            Capability.WINDOWS,
        }
    )

    def __init__(self, bounds: FileBounds, page_transactions_max: int) -> None:
        self._bounds = bounds
        self._size = page_transactions_max

    async def pull(self, access: OpenedFile, cursor: Cursor) -> AsyncIterator[Page]:
        """The file's pages after `cursor`; the last page's `next` is '' again, so that a re-import re-reads."""
        done, _, size = cursor.partition("x")
        skip = int(done) if size == str(self._size) else 0
        pages = self._pages(access)
        number = 0
        # Reading is work, not waiting: in a thread, so that the caller can write one page while the next is read.
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            number += 1
            if number > skip:
                yield page

    def _pages(self, access: OpenedFile) -> Iterator[Page]:
        records = _records(access.drop, access.format, self._bounds)
        told = changes(records, access.survey, access.naming, ids_identify=access.format.ids_identify)
        number = 1
        page = _Gathering()
        for item in told:
            page.add(item)
            if page.count >= self._size:
                yield page.close(Cursor(f"{number}x{self._size}"), more=True)
                number += 1
                page = _Gathering(page.account)
        yield page.close(Cursor(""), more=False)


class _Gathering:
    """A page being filled. Each page names the account it goes on with: it must stand on its own."""

    def __init__(self, account: AccountSeen | None = None) -> None:
        self.account = account
        self.count = 0
        self._changes: list[Change] = [account] if account else []
        self._windows: list[Window] = []
        self._unreadable: list[Unreadable] = []

    def add(self, item: Change | Window | Unreadable) -> None:
        if type(item) is TransactionSeen:
            self._changes.append(item)
            self.count += 1
        elif isinstance(item, Unreadable):
            self._unreadable.append(item)
            self.count += 1
        elif isinstance(item, Window):
            self._windows.append(item)
        else:
            self._changes.append(item)
            if isinstance(item, AccountSeen):
                self.account = item
            elif isinstance(item, BalanceSeen):
                self.count += 1

    def close(self, cursor: Cursor, *, more: bool) -> Page:
        return Page(self._changes, cursor, more, self._windows, self._unreadable)


def _records(drop: FileDrop, format_: formats.Format, bounds: FileBounds) -> Iterator[Record]:
    with opened(drop.path, bounds) as stream:
        yield from format_.read(stream, bounds)
