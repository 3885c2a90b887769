"""From an OFX file's bytes to its tags: one tolerant scanner for SGML (OFX 1) and XML (OFX 2) alike.

It is no SGML or XML parser. Element names are looked at one by one and nesting is not followed, so leaf end
tags may be there or not (OFX 1 leaves them out), a file may be one line, and nothing can make us recurse.
Entities are the five of XML, `&nbsp;` and character references; a document type declaration is refused.
"""

import codecs
import functools
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from caudal.model.errors import Malformed
from caudal.providers.file.text import head_of, sniff_encoding
from caudal.settings import FileBounds

_CHUNK_BYTES: Final = 256 * 1024


class Tag(NamedTuple):
    """One thing the scanner found.

    A start tag: `name` in upper case, and the text up to the next tag (``CURDEF``, ``"USD\\n"``).
    An end tag: `name` with a slash before it (``/STMTRS``).
    An element asked for as a whole: `name`, and all of it as the file has it, tags and all.
    """

    name: str
    text: str
    line: int
    """1-based line where it begins."""


class Vocabulary(NamedTuple):
    """Which elements `tags` hands over as a whole, and which names can't be inside one. In upper case."""

    whole: frozenset[str]
    edges: frozenset[str]
    """A whole element whose end tag is missing ends before the next of these, or before its own like."""


_NAME: Final = r"[A-Za-z][A-Za-z0-9._]*+"
# Text runs to the next '<' that begins a tag: "FISH <3 CHIPS" and "AT<T" are names of shops, not markup.
_TEXT: Final = r"[^<]*+(?:<(?!/?[A-Za-z][^<>]*>)[^<]*+)*+"
_TAG: Final = re.compile(rf"<(/?{_NAME})([^<>]*+)>({_TEXT})")
_BARE_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_BROKEN_TAG: Final = re.compile(r"</?(?:[A-Za-z][^<>]*)?\Z")
_LEAF: Final = re.compile(rf"<({_NAME})(?:\s[^<>]*+)?>({_TEXT})")
_TIDY_LEAF: Final = re.compile(r"<([A-Z][A-Z0-9._]*+)>([^<]*)")
_DECLARATION: Final = re.compile(r"<!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)\b", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": "\N{NO-BREAK SPACE}"}


def tags(stream: BinaryIO, bounds: FileBounds, words: Vocabulary) -> Iterator[Tag]:
    """Every tag of the file in its order; nothing is told twice, text after an end tag is not told.

    Holds one whole element at a time. Raises Malformed for what can't be OFX, for text or an element beyond
    its bound, and for a file that ends inside a tag or an element of `words.whole`.
    """
    text, line = "", 1
    for piece, is_last in _pieces(stream, bounds):
        text += piece
        stop = len(text) if is_last else _last_tag(text)
        at = 0
        closings: dict[str, int] = {}
        while found := _TAG.search(text, at, stop):
            start, end = found.span()
            spelled, attributes, content = found.groups()
            line += text.count("\n", at, start)
            name = spelled.upper()
            if attributes.endswith("/"):
                content = ""
            elif name in words.whole:
                end = _whole_end(text, found, stop, words.edges, closings)
                if end < 0:
                    if is_last:
                        raise Malformed(f"line {line}", f"the file ends inside this {name}: it was cut off")
                    if stop - start > bounds.record_bytes_max:
                        raise Malformed(
                            f"line {line}", f"{name} is longer than {bounds.record_bytes_max} bytes"
                        )
                    at = start
                    break
                content = text[start:end]
            elif len(content) > bounds.line_bytes_max:
                raise Malformed(f"line {line}", f"{name} is longer than {bounds.line_bytes_max} bytes")
            yield Tag(name, content, line)
            line += text.count("\n", start, end)
            at = end
        else:
            if is_last and _BROKEN_TAG.match(text, max(text.rfind("<"), 0)):
                raise Malformed(f"line {line}", "the file ends inside a tag: it was cut off")
            line += text.count("\n", at, stop)
            at = stop
        if len(text) - stop > bounds.line_bytes_max:
            raise Malformed(f"line {line}", f"an element's text is longer than {bounds.line_bytes_max} bytes")
        text = text[at:]


def leaves(element: str) -> list[tuple[str, str]]:
    """(name in upper case, text as the file has it) of each start tag inside an element; empty tags may miss.

    An aggregate within shows with blank text before its own leaves.
    """
    found: list[tuple[str, str]] = _TIDY_LEAF.findall(element)
    if len(found) + element.count("</") != element.count("<"):  # something less tidy: look closer
        found = [(name.upper(), text) for name, text in _LEAF.findall(element)]
    return found


def plain(text: str) -> str:
    """An element's text as one line: entities resolved, white space collapsed."""
    if not text:
        return ""
    if "&" in text:
        text = _ENTITY.sub(_character, text)
    return " ".join(text.split())


def declared_charset(head: bytes) -> str | None:
    """The codec a file's header names (``CHARSET:1252``, ``encoding="ISO-8859-1"``), if it is a charset.

    Banks write ``1252``, ``8859-1``, ``ISO-8859-1``, ``NONE``, ``UTF-8``; a header may be all on one line.
    """
    found = re.search(rb"CHARSET:\s*((?:(?!COMPRESSION)[\w-])+)", head, re.IGNORECASE) or re.search(
        rb"<\?xml[^>]{1,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})", head, re.IGNORECASE
    )
    if not found:
        return None
    name = found[1].decode("ascii", "replace").lower()
    if name.startswith("8859"):
        name = f"iso-{name}"
    elif name.isdigit():
        name = f"cp{name}"
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    if codec == "iso8859-1":
        return "cp1252"  # what its C1 controls always turn out to be
    # Of all that Python calls a codec, only those banks write with: "hex" or "utf-7" is no charset here.
    return codec if codec.startswith(("cp", "iso8859", "koi8", "mac", "gb", "big5", "shift", "euc")) else None


def _whole_end(
    text: str, start: re.Match[str], stop: int, edges: frozenset[str], closings: dict[str, int]
) -> int:
    """Where the element that `start` opens ends, -1 if not before `stop`.

    `closings` remembers where the next end tag of each name stands in `text` (-1: nowhere), so that a file of
    elements without end tags is not searched to its end for each of them.
    """
    spelled = start[1]
    after = start.end(2)
    closing = f"</{spelled}>"
    at = closings.get(closing, 0)
    if 0 <= at < after:
        at = closings[closing] = text.find(closing, after, stop)
    if at >= 0 and text.find(f"<{spelled}", after, at) < 0:
        return at + len(closing)
    found = _edge(spelled.upper(), edges).search(text, after, stop)
    if not found:
        return -1
    return found.end() if found["own"] else found.start()


@functools.lru_cache(maxsize=256)
def _edge(name: str, edges: frozenset[str]) -> re.Pattern[str]:
    others = "|".join(sorted(map(re.escape, edges | {name})))
    return re.compile(rf"(?P<own></{re.escape(name)}\s*>)|</?(?:{others})\s*>", re.IGNORECASE)


def _last_tag(text: str) -> int:
    """Where the last whole tag begins (0 if none): up to there every text is complete."""
    at = text.rfind("<")
    while at > 0 and not _BARE_TAG.match(text, at):
        at = text.rfind("<", 0, at)
    return max(at, 0)


def _character(entity: re.Match[str]) -> str:
    name = entity[1]
    if not name.startswith("#"):
        return _NAMED[name]
    code = int(f"0{name[1:]}", 0) if name[1] in "xX" else int(name[1:])
    is_text = code in {9, 10} or 32 <= code < 0xD800 or 0xE000 <= code <= 0x10FFFF
    return chr(code) if is_text else entity[0]


def _pieces(stream: BinaryIO, bounds: FileBounds) -> Iterator[tuple[str, bool]]:
    """The file's text with comments gone and CDATA spelled out, and whether it is the last piece of it."""
    line, held = 1, ""
    for text, is_last in _texts(stream, bounds):
        piece, held = held + text, ""
        wrong = _why_refused(piece)
        if wrong:
            at, why = wrong
            raise Malformed(f"line {line + piece.count(chr(10), 0, at)}", why)
        if "<!" in piece:
            piece, held = _without_markup(piece)
        line += piece.count("\n")
        if held and is_last:
            raise Malformed(f"line {line}", "the file ends inside a comment: it was cut off")
        if len(held) > bounds.line_bytes_max:
            raise Malformed(f"line {line}", f"has a comment longer than {bounds.line_bytes_max} bytes")
        yield piece, is_last


def _why_refused(text: str) -> tuple[int, str] | None:
    """Where and why `text` can be no part of an OFX file; None if it can."""
    if "\0" in text:
        return text.index("\0"), "holds a NUL byte: this is not a text statement, or it was damaged"
    if "<!" in text and (found := _DECLARATION.search(text)):
        return found.start(), "declares a document type: OFX has none, so this is refused"
    return None


def _without_markup(text: str) -> tuple[str, str]:
    """`text` without comments (their line ends stay), CDATA as plain text; then what is not closed yet."""
    kept: list[str] = []
    at = 0
    while (start := text.find("<!", at)) >= 0:
        kept.append(text[at:start])
        if text.startswith("<!--", start):
            end = text.find("-->", start + 4)
            kept.append("\n" * text.count("\n", start, max(end, start)))
        elif text.startswith("<![CDATA[", start):
            end = text.find("]]>", start + 9)
            kept.append(text[start + 9 : max(end, start)].replace("&", "&amp;").replace("<", "&lt;"))
        else:
            kept.append("<!")
            at = start + 2
            continue
        if end < 0:
            return "".join(kept), text[start:]
        at = end + 3
    kept.append(text[at:])
    return "".join(kept), ""


def _texts(stream: BinaryIO, bounds: FileBounds) -> Iterator[tuple[str, bool]]:
    """The file decoded, cut before a '<', line ends unified, and whether it is the last piece.

    Cut there and not at line ends, because a whole file may be one line; no byte of a multi-byte character in
    any charset banks use is a '<'.
    """
    head = head_of(stream)
    declared = declared_charset(head)
    encoding = sniff_encoding(head, declared).removesuffix("-sig")
    rest, offset = b"", 0
    for chunk in _chunks(stream, encoding):
        data = rest + chunk
        cut = max(data.rfind(b"<"), 0)
        rest = data[cut:]
        if len(rest) > bounds.line_bytes_max:
            raise Malformed(
                f"byte {offset + cut}", f"an element is longer than {bounds.line_bytes_max} bytes"
            )
        offset += cut
        yield _unified(_decode(data[:cut], encoding, declared)), False
    yield _unified(_decode(rest, encoding, declared)), True


def _chunks(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    """The stream in bytes that agree with ASCII: UTF-16 and UTF-32 come as UTF-8."""
    if not encoding.startswith(("utf-16", "utf-32")):
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    while chunk := stream.read(_CHUNK_BYTES):
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _decode(data: bytes, encoding: str, declared: str | None) -> str:
    """What can't be read falls back to the declared charset, cp1252, latin-1: for its own element alone."""
    if encoding.startswith(("utf-16", "utf-32")):
        encoding = "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeError:
        candidates = ("utf-8", encoding, declared or "cp1252", "cp1252")
        return "<".join(_decode_element(element, candidates) for element in data.split(b"<"))


def _decode_element(data: bytes, candidates: tuple[str, ...]) -> str:
    for name in candidates:
        try:
            return data.decode(name)
        except UnicodeError:
            continue
    return data.decode("latin-1")


def _unified(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
