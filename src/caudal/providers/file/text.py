"""From bytes to lines: encodings guessed, line ends unified, lengths bounded, never the whole file in memory."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from charset_normalizer import from_bytes

from caudal.model.errors import Malformed
from caudal.settings import FileBounds

HEAD_BYTES: Final = 64 * 1024
"""How much of a file is looked at to tell its format and encoding."""

_CHUNK_BYTES: Final = 256 * 1024

_ASCII: Final = bytes(range(32, 127))

_NO_CHARSETS: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
"""Python codecs that agree with ASCII on a few letters, and are no charset of a text."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def head_of(stream: BinaryIO, size: int = HEAD_BYTES) -> bytes:
    """The first `size` bytes; the stream is back at its start afterwards."""
    stream.seek(0)
    head = stream.read(size)
    stream.seek(0)
    return head


def sniff_encoding(head: bytes, declared: str | None = None) -> str:
    """The codec to decode a file with, from its first bytes and what it declares of itself.

    Order: byte order mark, valid UTF-8, the declared charset, cp1252 where the bytes look Western,
    charset-normalizer's guess last. Always names a codec Python has.
    """
    for bom, codec in _BOMS:
        if head.startswith(bom):
            return codec
    if _is_utf8(head):
        return "utf-8"
    name = _text_codec(declared) if declared else None
    if name is not None and name not in {"ascii", "utf-8"}:
        return "cp1252" if name == "iso8859-1" else name
    high = [byte for byte in head if byte >= 0x80]
    if len(high) * 10 < len(head):
        return "cp1252"  # a few accented letters in ASCII text: Western, whatever a statistic would say
    best = from_bytes(head).best()
    if best is None or best.encoding.startswith(
        ("utf_16", "utf_32")
    ):  # a guess of it: without a NUL it can't be
        return "cp1252"
    return best.encoding


def blocks(stream: BinaryIO, encoding: str, bounds: FileBounds) -> Iterator[tuple[int, str]]:
    """(1-based number of the block's first line, whole lines joined by ``\\n``) until the stream ends.

    ``\\r\\n`` and lone ``\\r`` become ``\\n``. The last line of each block has no ``\\n`` after it.
    A byte the codec can't read falls back to cp1252, then latin-1, for its own line alone.
    Raises Malformed for a NUL byte, or for a line longer than `bounds.line_bytes_max`.
    """
    if encoding.startswith(("utf-16", "utf-32")):
        # What EncodedFile returns reads as a BinaryIO does, though typeshed doesn't say so.
        stream = codecs.EncodedFile(stream, "utf-8", encoding, errors="replace")
        encoding = "utf-8"
    line, rest = 1, b""
    while chunk := stream.read(_CHUNK_BYTES):
        if b"\0" in chunk:
            offset = (rest + chunk).index(b"\0")
            at = line + (rest + chunk)[:offset].replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")
            raise Malformed(f"line {at}", "holds a NUL byte: this is not a text statement, or it was damaged")
        chunk = rest + chunk
        rest = b""
        if chunk.endswith(b"\r"):  # its \n may be in the next chunk
            chunk, rest = chunk[:-1], b"\r"
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        cut = chunk.rfind(b"\n")
        if cut < 0:
            rest = chunk + rest
            if len(rest) > bounds.line_bytes_max:
                raise Malformed(f"line {line}", f"is longer than {bounds.line_bytes_max} bytes")
            continue
        if cut > bounds.line_bytes_max:
            _check_lines(chunk[:cut].split(b"\n"), line, bounds)
        rest = chunk[cut + 1 :] + rest
        if len(rest) > bounds.line_bytes_max:
            at = line + chunk.count(b"\n")
            raise Malformed(f"line {at}", f"is longer than {bounds.line_bytes_max} bytes")
        text = _decode(chunk[:cut], encoding)
        yield line, text
        line += text.count("\n") + 1
        if line == 1 + text.count("\n") + 1:
            encoding = encoding.removesuffix("-sig")
    if rest:
        yield line, _decode(rest.removesuffix(b"\r"), encoding)


def lines(stream: BinaryIO, encoding: str, bounds: FileBounds) -> Iterator[tuple[int, str]]:
    """(1-based line number, line without its end) until the stream ends. Raises as `blocks` does."""
    for first, block in blocks(stream, encoding, bounds):
        yield from enumerate(block.split("\n"), first)


def _check_lines(found: list[bytes], first: int, bounds: FileBounds) -> None:
    for line, text in enumerate(found, first):
        if len(text) > bounds.line_bytes_max:
            raise Malformed(f"line {line}", f"is longer than {bounds.line_bytes_max} bytes")


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _text_codec(declared: str) -> str | None:
    """The Python name of a declared charset that agrees with ASCII; None for what is no charset of a text file."""
    try:
        name = codecs.lookup(declared).name
        if name.replace("-", "_") in _NO_CHARSETS or _ASCII.decode(name) != _ASCII.decode("ascii"):
            return None
    except (LookupError, UnicodeError, ValueError):
        return None
    return name


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode("utf-8" if encoding == "cp1252" else encoding)
    except UnicodeDecodeError:
        return "\n".join(_decode_line(line, encoding) for line in data.split(b"\n"))


def _decode_line(line: bytes, encoding: str) -> str:
    for name in ("utf-8-sig", encoding, "cp1252"):
        try:
            return line.decode(name)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")
