"""Which format a file is, told by its content; its name is never looked at."""

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import msgspec

from caudal.model.errors import Malformed
from caudal.providers.file import bai2, camt, csv, ofx, qif, swift
from caudal.providers.file.records import Record
from caudal.providers.file.text import head_of
from caudal.settings import FileBounds

Reader = Callable[[BinaryIO, FileBounds], Iterator[Record]]

_BINARIES: Final = (
    (b"PK\x03\x04", "a ZIP archive (or an Office workbook): unpack it, or export the statement as CSV"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "gzip-compressed: unpack it first"),
    (b"BZh", "bzip2-compressed: unpack it first"),
    (b"\xfd7zXZ", "xz-compressed: unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"%PDF", "a PDF: ask the bank for OFX, CAMT, MT940 or CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file: export the statement as CSV"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
_MARKUP: Final = re.compile(rb"<!doctype|<html\b", re.IGNORECASE)


class Format(msgspec.Struct, frozen=True):
    """One recognised format. `family` is shared by formats that name the same movements alike."""

    name: str
    family: str
    read: Reader
    ids_identify: bool
    """Whether the format's ids are meant to identify a movement for good (FITID, AcctSvcrRef)."""


def detect(stream: BinaryIO, mapping: csv.Mapping | None = None) -> Format:
    """The format of the file at the start of `stream`, which is left there.

    With a `mapping` the file is CSV. Raises Malformed where no format fits, saying what it seems to be.
    """
    head = head_of(stream)
    if not head.strip():
        raise Malformed("byte 0", "the file is empty")
    for magic, what in _BINARIES:
        if head.startswith(magic):
            raise Malformed("byte 0", f"this is {what}")
    if mapping is not None:
        return _csv(mapping)
    for recognise, family, read, ids_identify in _READERS:
        name = recognise(head)
        if name:
            return Format(name, family, read, ids_identify)
    if csv.detect(head):
        return _csv(None)
    if _MARKUP.search(head[:4096]):
        raise Malformed("byte 0", "this is a web page, not a statement: download the export itself")
    raise Malformed(
        "byte 0",
        "no statement format fits (OFX, QFX, QIF, CAMT.052/053/054, MT940/942, BAI2, CSV); "
        "for a CSV of an unknown bank say which column is what with --map",
    )


def _csv(mapping: csv.Mapping | None) -> Format:
    return Format("csv", "csv", lambda stream, bounds: csv.read(stream, bounds, mapping), ids_identify=True)


_READERS: Final[tuple[tuple[Callable[[bytes], str | None], str, Reader, bool], ...]] = (
    (ofx.detect, "ofx", ofx.read, True),
    (camt.detect, "camt", camt.read, True),
    (swift.detect, "swift", swift.read, False),
    (bai2.detect, "bai2", bai2.read, False),
    (qif.detect, "qif", qif.read, False),
)
