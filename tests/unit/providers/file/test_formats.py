"""A file is known by what it holds; what is no statement is refused with a word on what it seems to be."""

import gzip
import io
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.statements import WRITERS, Statement, accounts_with_movements, generated

from caudal.model.errors import Malformed
from caudal.providers.file.csv import Mapping
from caudal.providers.file.formats import Format, detect
from caudal.providers.file.provider import FileDrop, read
from caudal.providers.file.records import Entry
from caudal.providers.file.text import HEAD_BYTES
from caudal.settings import FileBounds

FORMATS = sorted(WRITERS)


def bytes_of(format_: str, statement: Statement) -> bytes:
    out = io.BytesIO()
    WRITERS[format_](out, statement)
    return out.getvalue()


def detected(data: bytes) -> Format:
    return detect(io.BytesIO(data))


def refusal(data: bytes) -> str:
    with pytest.raises(Malformed) as refused:
        detected(data)
    return str(refused.value)


@pytest.mark.parametrize("format_", FORMATS)
@settings(max_examples=25, deadline=None)
@given(statement=accounts_with_movements())
def test_every_statement_is_known_for_what_it_is(format_: str, statement: Statement) -> None:
    assert detected(bytes_of(format_, statement)).name == format_


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n\r\n", b"\n"])
def test_what_stands_before_it_does_not_hide_a_statement(format_: str, before: bytes) -> None:
    assert detected(before + bytes_of(format_, generated(3))).name == format_


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_do_not_hide_a_statement(format_: str, end: bytes) -> None:
    data = bytes_of(format_, generated(3)).replace(b"\r\n", b"\n").replace(b"\n", end)
    assert detected(data).name == format_


@pytest.mark.parametrize("format_", FORMATS)
def test_the_stream_is_left_at_its_start(format_: str) -> None:
    stream = io.BytesIO(bytes_of(format_, generated(3)))
    stream.seek(5)
    detect(stream)
    assert stream.tell() == 0


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", ["statement.xlsx", "x.ofx", "x.csv", "x.940", "noname"])
def test_a_file_s_name_is_not_looked_at(tmp_path: Path, format_: str, name: str) -> None:
    (tmp_path / name).write_bytes(bytes_of(format_, generated(3)))
    found, records = read(FileDrop(tmp_path / name), FileBounds())
    assert found.name == format_
    assert sum(type(record) is Entry for record in records) == 3


@pytest.mark.parametrize(
    ("format_", "family", "ids_identify"),
    [
        ("ofx1", "ofx", True),
        ("ofx2", "ofx", True),
        ("camt053", "camt", True),
        ("mt940", "swift", False),
        ("bai2", "bai2", False),
        ("qif", "qif", False),
        ("csv", "csv", True),
    ],
)
def test_formats_that_name_movements_alike_are_one_family(
    format_: str, family: str, ids_identify: bool
) -> None:
    found = detected(bytes_of(format_, generated(3)))
    assert (found.family, found.ids_identify) == (family, ids_identify)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("statement.csv", bytes_of("csv", generated(3)))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (zipped(), "ZIP.*unpack"),
        (gzip.compress(bytes_of("csv", generated(3))), "gzip.*unpack"),
        (b"PK\x05\x06" + bytes(18), "empty ZIP"),
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "PDF.*ask the bank"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "picture"),
        (b"<!DOCTYPE html><html><body>Please sign in</body></html>", "web page.*download"),
        (b"\n<HTML lang='pt'><p>Sess\xe3o expirada", "web page"),
    ],
)
def test_what_is_no_statement_is_told_for_what_it_seems(data: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=rf"^byte 0: .*{told}"):
        detected(data)


@pytest.mark.parametrize(
    "data",
    [
        b"Dear customer, your statement is ready.\n",
        b'{"transactions": []}',
        b"<Document><Other/></Document>",
        b"\0" * 1000,
        b"\x7fELF\x02\x01\x01",
        b"1\n2\n3\n",
        bytes(range(256)),
    ],
)
def test_what_fits_no_format_is_refused_with_those_that_would(data: bytes) -> None:
    told = refusal(data)
    assert all(name in told for name in ("OFX", "QIF", "CAMT", "MT940", "BAI2", "CSV", "--map"))


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_no_bytes_at_all_break_the_look_at_them(data: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(detected(data), Format)


def test_a_mapping_makes_a_file_csv_whatever_it_looks_like() -> None:
    mapping = Mapping(date="when", amount="how much")
    data = b":20:STMT1\n:60F:C240102EUR1,00\n"
    assert detect(io.BytesIO(data)).name == "mt940"
    assert detect(io.BytesIO(data), mapping).name == "csv"
    assert "empty" in refusal_with(mapping, b"")
    assert "PDF" in refusal_with(mapping, b"%PDF-1.7")


def refusal_with(mapping: Mapping, data: bytes) -> str:
    with pytest.raises(Malformed) as refused:
        detect(io.BytesIO(data), mapping)
    return str(refused.value)


def test_each_format_is_asked_only_about_the_head_of_a_file() -> None:
    class Watched(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.most = max(self.most, len(data))
            return data

    data = bytes_of("mt940", generated(5_000))
    stream = Watched(data)
    assert detect(stream).name == "mt940"
    assert stream.most == HEAD_BYTES < len(data)
