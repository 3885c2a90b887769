"""From bytes to lines: what is text is read in its own encoding, what is none is refused, and nothing grows."""

import codecs
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.errors import Malformed
from caudal.providers.file import text
from caudal.providers.file.text import HEAD_BYTES, blocks, head_of, lines, sniff_encoding
from caudal.settings import FileBounds

BOUNDS = FileBounds()
ACCENTS = "Ação à vista — Müller, 10 €"


def read(data: bytes, encoding: str = "utf-8", bounds: FileBounds = BOUNDS) -> list[tuple[int, str]]:
    return list(lines(io.BytesIO(data), encoding, bounds))


def texts(data: bytes, encoding: str = "utf-8") -> list[str]:
    return [line for _, line in read(data, encoding)]


# --- Encodings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bom", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("declared", [None, "cp1252", "nonsense"])
def test_a_byte_order_mark_settles_the_encoding_and_is_no_text(
    bom: bytes, codec: str, declared: str | None
) -> None:
    data = bom + f"Data;Valor\n{ACCENTS}\n".encode(codec)
    assert texts(data, sniff_encoding(data, declared)) == ["Data;Valor", ACCENTS]


@pytest.mark.parametrize("declared", [None, "utf-8", "cp1252", "iso-8859-1", "ascii"])
def test_what_is_valid_utf_8_is_utf_8_whatever_it_declares(declared: str | None) -> None:
    assert sniff_encoding(ACCENTS.encode(), declared) == "utf-8"


def test_a_head_cut_within_a_character_is_still_utf_8() -> None:
    data = ("a" * 99 + "€").encode()
    assert [sniff_encoding(data[:length]) for length in (100, 101, 102)] == ["utf-8"] * 3


@pytest.mark.parametrize(
    ("declared", "codec"), [("iso-8859-1", "cp1252"), ("ISO8859-15", "iso8859-15"), ("cp850", "cp850")]
)
def test_a_declared_charset_is_believed_where_the_bytes_allow_it(declared: str, codec: str) -> None:
    assert sniff_encoding("Müller".encode("cp1252"), declared) == codec


@pytest.mark.parametrize(
    "declared", ["", "utf-16", "utf-7x", "NONE", "rot13", "base64", "hex", "ünknown", "utf-8", "a\0b"]
)
def test_a_declared_charset_that_can_not_be_is_passed_over(declared: str) -> None:
    assert sniff_encoding(b"Stra\xdfe und M\xfcller" + b" und so weiter" * 5, declared) == "cp1252"


@given(st.binary(max_size=200), st.none() | st.text(max_size=10))
def test_whatever_the_bytes_the_codec_is_one_python_has(head: bytes, declared: str | None) -> None:
    assert codecs.lookup(sniff_encoding(head, declared))


def test_a_byte_its_line_can_not_have_spoils_no_other_line() -> None:
    data = "Ação\n".encode() + "Müller, 5 €\n".encode("cp1252") + "10 €\n".encode()
    assert texts(data) == ["Ação", "Müller, 5 €", "10 €"]


@given(
    st.binary(max_size=200).filter(lambda data: b"\0" not in data),
    st.sampled_from(("utf-8", "utf-8-sig", "cp1252", "iso8859-15")),
)
def test_every_byte_becomes_some_text(data: bytes, encoding: str) -> None:
    assert len(read(data, encoding)) == len(
        data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").splitlines() or data.split()
    )


def test_a_byte_order_mark_is_no_text_though_a_byte_is_wrong_further_down() -> None:
    assert texts(codecs.BOM_UTF8 + b"Date\nca\xe9\n", "utf-8-sig") == ["Date", "caé"]


# --- Lines --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\r\n", ["a"]),
        (b"a\r", ["a"]),
        (b"\n", [""]),
        (b"\r", [""]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"a\r\rb", ["a", "", "b"]),
        (b"a\r\n\r\nb\r\n", ["a", "", "b"]),
        (b"a\n\rb", ["a", "", "b"]),
        ("a\x0bb\x0cc\x85d\u2028e".encode(), ["a\x0bb\x0cc\x85d\u2028e"]),
    ],
)
def test_every_kind_of_line_end_ends_a_line_and_nothing_else_does(data: bytes, expected: list[str]) -> None:
    assert read(data) == list(enumerate(expected, 1))


class Dripping(io.BytesIO):
    """A stream that gives at most a few bytes at a time, as a chunk's end may fall anywhere."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._size)


@given(
    st.lists(
        st.sampled_from((b"a", b"bc", "é€".encode(), b"\xe9", b"\r", b"\n", b"\r\n", b" ")), max_size=20
    ).map(b"".join),
    st.integers(1, 9),
)
def test_where_a_chunk_ends_makes_no_difference(data: bytes, size: int) -> None:
    assert list(lines(Dripping(data, size), "utf-8", BOUNDS)) == read(data)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@given(parts=st.lists(st.sampled_from(("a", "é€", "\r\n", "\n", "𝄞")), max_size=20), size=st.integers(4, 9))
def test_wide_characters_may_be_cut_by_a_chunk_too(encoding: str, parts: list[str], size: int) -> None:
    told = "".join(parts)
    assert list(lines(Dripping(told.encode(encoding), size), encoding, BOUNDS)) == read(told.encode())


def test_blocks_are_whole_lines_and_know_where_they_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_CHUNK_BYTES", 8)
    data = b"one\ntwo\r\nthree\rfour\n\nfive and more\nsix"
    told = list(blocks(io.BytesIO(data), "utf-8", BOUNDS))
    assert len(told) > 2
    assert "\n".join(block for _, block in told) == "one\ntwo\nthree\nfour\n\nfive and more\nsix"
    numbered = [
        (number, line) for first, block in told for number, line in enumerate(block.split("\n"), first)
    ]
    assert [number for number, _ in numbered] == list(range(1, 8))
    assert numbered == read(data)


# --- Bounds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", [b"", b"a\n", b"a\r\nb\rc\n", b"x" * 300_000 + b"\n"])
def test_a_nul_byte_is_refused_by_its_line(prefix: bytes) -> None:
    number = prefix.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1
    with pytest.raises(Malformed, match=rf"^line {number}: .*NUL"):
        read(prefix + b"da\0ta\nmore\n")


@pytest.mark.parametrize("size", [1, 3, 256 * 1024])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nshort\nshort"])
def test_a_line_too_long_is_refused_by_its_number_wherever_it_ends(size: int, end: bytes) -> None:
    stream = Dripping(b"short\r\n" * 2 + b"x" * 101 + end, size)
    with pytest.raises(Malformed, match=r"^line 3: is longer than 100 bytes"):
        list(lines(stream, "utf-8", FileBounds(line_bytes_max=100)))


def test_a_line_just_short_enough_is_read() -> None:
    assert [
        len(line) for _, line in read(b"x" * 100 + b"\n" + b"y" * 100, bounds=FileBounds(line_bytes_max=100))
    ] == [100, 100]


class Endless(io.RawIOBase):
    """A line without an end; remembers how much of it was taken."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        self.taken += size
        return b"x" * size


def test_of_a_line_without_an_end_no_more_is_read_than_the_bound_and_a_chunk() -> None:
    stream = Endless()
    with pytest.raises(Malformed, match="longer than"):
        next(lines(stream, "utf-8", BOUNDS))  # type: ignore[arg-type]
    assert stream.taken <= BOUNDS.line_bytes_max + 2 * 256 * 1024


def test_a_file_is_read_no_further_than_its_lines_are_asked_for() -> None:
    class Counted(Endless):
        def read(self, size: int = -1) -> bytes:
            super().read(size)
            return b"line\n" * (size // 5)

    stream = Counted()
    told: Iterator[tuple[int, str]] = lines(stream, "utf-8", BOUNDS)  # type: ignore[arg-type]
    assert [next(told) for _ in range(3)] == [(1, "line"), (2, "line"), (3, "line")]
    assert stream.taken <= 256 * 1024


def test_the_head_is_read_and_the_stream_left_at_its_start() -> None:
    stream = io.BytesIO(b"x" * (HEAD_BYTES + 1))
    stream.seek(7)
    assert len(head_of(stream)) == HEAD_BYTES
    assert stream.tell() == 0
    assert head_of(stream, 3) == b"xxx"


@pytest.mark.parametrize("declared", ["idna", "unicode_escape", "raw_unicode_escape"])
def test_a_codec_that_is_no_charset_is_passed_over(declared: str) -> None:
    assert sniff_encoding(b"Stra\xdfe und M\xfcller" + b" und so weiter" * 5, declared) == "cp1252"
