"""From bytes to lines: nothing is lost, nothing is held, and money reads the same in any encoding."""

import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.errors import Malformed
from caudal.providers.file import text
from caudal.providers.file.text import blocks, head_of, lines, sniff_encoding
from caudal.settings import FileBounds

BOUNDS = FileBounds()


def read(data: bytes, encoding: str | None = None, bounds: FileBounds = BOUNDS) -> list[tuple[int, str]]:
    return list(lines(io.BytesIO(data), encoding or sniff_encoding(data), bounds))


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        (b"plain", "utf-8"),
        ("café".encode(), "utf-8"),
        ("café".encode("utf-8-sig"), "utf-8-sig"),
        ("café".encode("utf-16"), "utf-16"),
        ("café, and a good deal of plain text".encode("cp1252"), "cp1252"),
        (codecs.BOM_UTF32_LE + "x".encode("utf-32-le"), "utf-32"),
    ],
)
def test_an_encoding_is_told_by_the_bytes(data: bytes, codec: str) -> None:
    assert sniff_encoding(data) == codec


def test_a_declared_charset_counts_where_the_bytes_are_not_utf_8() -> None:
    polish = "płatność kartą".encode("cp1250")
    assert sniff_encoding(polish, "cp1250") == "cp1250"
    assert sniff_encoding("płatność".encode(), "cp1250") == "utf-8", "valid UTF-8 is UTF-8, whatever it says"


@pytest.mark.parametrize(
    "declared", ["", "no-such-charset", "base64", "rot13", "utf-16", "idna", "zip", "\0", "x" * 999]
)
def test_a_declared_charset_is_never_trusted_with_more_than_letters(declared: str) -> None:
    codec = sniff_encoding("café au lait, un autre".encode("cp1252"), declared)
    assert b"1.50".decode(codec) == "1.50"


@given(st.binary(max_size=300))
def test_any_bytes_get_an_encoding_that_can_read_them(data: bytes) -> None:
    codec = sniff_encoding(data)
    codecs.lookup(codec)
    try:
        read(data, codec)
    except Malformed as error:
        assert b"\0" in data or codec.startswith(("utf-16", "utf-32")), error  # noqa: PT017


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_are_one_and_lines_are_counted(end: str) -> None:
    assert read(f"one{end}two{end}{end}four".encode()) == [(1, "one"), (2, "two"), (3, ""), (4, "four")]


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=12),
        max_size=12,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 9),
)
def test_however_the_file_comes_in_chunks_the_lines_are_the_same(
    told: list[str], end: str, size: int
) -> None:
    data = "".join(f"{line}{end}" for line in told).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_CHUNK_BYTES", size)
        found = list(lines(io.BytesIO(data), "utf-8", BOUNDS))
    assert [line for _, line in found if line] == [line for line in told if line]
    assert [number for number, line in found if line] == [n for n, line in enumerate(told, 1) if line]


def test_a_byte_that_does_not_fit_costs_its_own_line_alone() -> None:
    data = "müsli\n".encode() + "müsli\n".encode("cp1252") + "müsli".encode()
    assert [line for _, line in read(data, "utf-8")] == ["müsli", "müsli", "müsli"]


def test_a_nul_is_refused_with_its_line() -> None:
    with pytest.raises(Malformed, match="line 3"):
        read(b"one\r\ntwo\r\nth\0ree\r\n", "utf-8")


@pytest.mark.parametrize("tail", [b"", b"\n", b"\nshort"])
def test_a_line_beyond_its_bound_is_refused(tail: bytes) -> None:
    bounds = FileBounds(line_bytes_max=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_CHUNK_BYTES", 64)
        assert len(read(b"a" * 100 + b"\nb", "utf-8", bounds)) == 2
        with pytest.raises(Malformed, match="longer than 100 bytes"):
            read(b"short\n" + b"a" * 400 + tail, "utf-8", bounds)


def test_a_mark_of_the_byte_order_is_no_text() -> None:
    for codec in ("utf-8-sig", "utf-16", "utf-32"):
        assert read("one\ntwo".encode(codec)) == [(1, "one"), (2, "two")], codec


def test_blocks_are_whole_lines() -> None:
    data = b"".join(b"line %d\n" % number for number in range(100_000))
    expected = 1
    for first, block in blocks(io.BytesIO(data), "utf-8", BOUNDS):
        assert first == expected
        assert block.startswith(f"line {first - 1}\n")
        expected += block.count("\n") + 1
    assert expected == 100_001


def test_looking_at_the_head_moves_nothing() -> None:
    stream = io.BytesIO(b"x" * 100)
    stream.seek(7)
    assert head_of(stream, 10) == b"x" * 10
    assert stream.tell() == 0
