"""A file's format is told by its content; what is no statement is called by its name."""

import io

import pytest
from tests.support.statements import WRITERS, generated

from caudal.model.errors import Malformed
from caudal.providers.file import formats
from caudal.providers.file.csv import parse_mapping
from caudal.providers.file.formats import detect

SMALL = generated(5, per_day=2)
FAMILIES = {
    "ofx1": "ofx", "ofx2": "ofx", "camt053": "camt", "mt940": "swift", "bai2": "bai2", "qif": "qif", "csv": "csv"
}  # fmt: skip


def told(format_: str) -> bytes:
    out = io.BytesIO()
    WRITERS[format_](out, SMALL)
    return out.getvalue()


@pytest.mark.parametrize("format_", sorted(WRITERS))
def test_each_format_is_recognised(format_: str) -> None:
    stream = io.BytesIO(told(format_))
    found = detect(stream)
    assert (found.name, found.family) == (format_, FAMILIES[format_])
    assert stream.tell() == 0, "the stream is left at its start"


@pytest.mark.parametrize("format_", sorted(WRITERS))
def test_no_other_reader_claims_it(format_: str) -> None:
    head = told(format_)
    claims = [family for recognise, family, _, _ in formats._READERS if recognise(head)]
    assert claims == ([] if format_ == "csv" else [FAMILIES[format_]])


@pytest.mark.parametrize(
    "lead", [b"\xef\xbb\xbf", b"\r\n\r\n", b"  \n"], ids=["mark", "blank lines", "spaces"]
)
@pytest.mark.parametrize("format_", ["ofx1", "ofx2", "camt053", "mt940", "qif"])
def test_what_stands_before_it_does_not_hide_it(format_: str, lead: bytes) -> None:
    assert detect(io.BytesIO(lead + told(format_))).family == FAMILIES[format_]


def test_only_formats_whose_ids_are_meant_to_identify_are_trusted() -> None:
    trusted = {format_ for format_ in WRITERS if detect(io.BytesIO(told(format_))).ids_identify}
    assert trusted == {"ofx1", "ofx2", "camt053", "csv"}


def test_with_a_mapping_it_is_csv_whatever_it_looks_like() -> None:
    mapping = parse_mapping("date=a,amount=b")
    assert detect(io.BytesIO(b"!Type:Bank\n"), mapping).name == "csv"
    with pytest.raises(Malformed, match="ZIP"):
        detect(io.BytesIO(b"PK\x03\x04"), mapping)


@pytest.mark.parametrize(("magic", "what"), formats._BINARIES, ids=[what for _, what in formats._BINARIES])
def test_what_is_no_text_is_called_by_its_name(magic: bytes, what: str) -> None:
    with pytest.raises(Malformed) as caught:
        detect(io.BytesIO(magic + bytes(100)))
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"\n \t\r\n", "empty"),
        (b"<!DOCTYPE html><p>Log in", "web page"),
        (b"<html lang=en><body>", "web page"),
        (b"Dear customer,\nyour statement is ready.\n", "--map"),
        (b'{"transactions": []}', "--map"),
    ],
)
def test_what_fits_no_format_is_told_what_to_do(data: bytes, word: str) -> None:
    with pytest.raises(Malformed, match=word):
        detect(io.BytesIO(data))
