"""Files made to harm, and files that were harmed: refused in words, at little cost, and nothing written."""

import bz2
import gzip
import io
import json
import lzma
import os
import random
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.imports import held, row_counts, take, written
from tests.support.statements import WRITERS, Account, Movement, Statement, generated

from caudal.hub.parse import json_text, summarise
from caudal.model.errors import CaudalError, Malformed
from caudal.providers.file.provider import FileDrop, look_through
from caudal.settings import FileBounds, Settings

FORMATS = sorted(WRITERS)
XML = ("camt053", "ofx2")
CANARY = "CANARY-5ca1ab1e"

SMALL = Statement(
    Account("1234567890", "EUR"),
    Decimal("100.00"),
    [
        Movement("A1", date(2026, 3, 2), Decimal("-4.50"), "COFFEE TO GO", "CORNER CAFE"),
        Movement("A2", date(2026, 3, 3), Decimal("-70.25"), "SHOES", "SHOE SHOP", "R1"),
    ],
    date(2026, 3, 2),
    date(2026, 3, 3),
)


def read(path: Path) -> tuple[dict[str, object], Malformed | None]:
    """What `caudal parse --json` prints, a whole object even where the file can't be read, and the error then."""
    pieces = json_text(FileDrop(path), FileBounds())
    text = ""
    try:
        while (piece := next(pieces, None)) is not None:
            text += piece
    except Malformed as error:
        return json.loads(text), error
    return json.loads(text), None


def refused(settings: Settings, path: Path) -> str:
    """The one line with which the file is refused by everything that reads files; the ledger stays as it was."""
    take(settings, written(path.with_name("good.sta"), "mt940", SMALL))
    before = row_counts(settings.database_url)
    shown, problem = read(path)
    assert problem is not None
    assert shown["error"] == {"where": problem.where, "why": problem.why}
    with pytest.raises(Malformed) as summarised:
        summarise(FileDrop(path), FileBounds())
    with pytest.raises(Malformed) as imported:
        take(settings, path)
    assert row_counts(settings.database_url) == before
    told = {str(problem), str(summarised.value), str(imported.value)}
    assert len(told) == 1
    (line,) = told
    assert "\n" not in line
    assert len(line) < 500
    return line


def data(format_: str, statement: Statement = SMALL) -> bytes:
    out = io.BytesIO()
    WRITERS[format_](out, statement)
    return out.getvalue()


def with_doctype(format_: str, doctype: str, text: str) -> bytes:
    """The small statement with a document type, and `text` where a description was."""
    head, declaration, body = data(format_).decode().partition("?>\n")
    return f"{head}{declaration}{doctype}\n{body.replace('COFFEE TO GO', text)}".encode()


@pytest.mark.parametrize("format_", XML)
def test_a_billion_laughs_are_not_laughed(settings: Settings, tmp_path: Path, format_: str) -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    path = tmp_path / "file"
    path.write_bytes(with_doctype(format_, f'<!DOCTYPE x [<!ENTITY l0 "ha">{entities}]>', "&l11;"))
    started = time.monotonic()
    refused(settings, path)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("format_", XML)
@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "{url}">]>',
        '<!DOCTYPE x [<!ENTITY e PUBLIC "-//x//y" "{url}">]>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "{url}"> %p; <!ENTITY e "x">]>',
        '<!DOCTYPE x SYSTEM "{url}" [<!ENTITY e "x">]>',
    ],
    ids=["system", "public", "parameter", "external"],
)
def test_nothing_outside_the_file_is_read(
    settings: Settings, tmp_path: Path, format_: str, doctype: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    path = tmp_path / "file"
    with socket.create_server(("127.0.0.1", 0)) as ear:
        ear.settimeout(0.05)
        for url in (secret.as_uri(), f"http://127.0.0.1:{ear.getsockname()[1]}/{CANARY}"):
            path.write_bytes(with_doctype(format_, doctype.format(url=url), "&e;"))
            shown, _ = read(path)
            assert CANARY not in json.dumps(shown)
            assert CANARY not in refused(settings, path)
        with pytest.raises(TimeoutError):
            ear.accept()


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("statement.csv", b"0" * 50_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("pack", "word"),
    [
        (lambda _: zip_bomb(), "ZIP"),
        (gzip.compress, "gzip"),
        (bz2.compress, "bzip2"),
        (lzma.compress, "xz"),
        (lambda _: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
        (lambda _: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel"),
        (lambda _: b"<!DOCTYPE html><html><body>Please log in</body></html>", "web page"),
        (lambda _: b"", "empty"),
        (lambda _: b" \r\n\t\n", "empty"),
        (lambda _: bytes(2_000), "no statement format"),
        (lambda _: random.Random(7).randbytes(4_000), ""),
    ],
    ids=["zip bomb", "gzip", "bzip2", "xz", "pdf", "xls", "html", "empty", "blank", "zeros", "noise"],
)
def test_what_is_no_statement_is_called_by_its_name(
    settings: Settings, tmp_path: Path, pack: Callable[[bytes], bytes], word: str
) -> None:
    path = tmp_path / "statement.csv"
    path.write_bytes(pack(data("csv")))
    assert word in refused(settings, path)


WEIGHED = """
import resource, sys, time
from pathlib import Path
from caudal.model.errors import Malformed
from caudal.hub.parse import json_text
from caudal.providers.file.provider import FileDrop, look_through
from caudal.settings import FileBounds

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in map(Path, sys.argv[1:]):
    for act in (lambda drop: look_through(drop, FileBounds()), lambda drop: sum(map(len, json_text(drop, FileBounds())))):
        started = time.monotonic()
        try:
            act(FileDrop(path))
        except Malformed as error:
            word = str(error)[:300]
        else:
            word = "read"
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(path.name, round(time.monotonic() - started, 1), grown // 1024, word, sep="\\t", flush=True)
"""


def weigh(*paths: Path) -> list[tuple[str, float, int, str]]:
    """(file, seconds, MiB that the process had grown by then, verdict), each file read twice, in 1 GiB of space."""
    done = subprocess.run(
        [sys.executable, "-c", WEIGHED, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return [(name, float(seconds), int(mebibytes), word) for name, seconds, mebibytes, word in rows]


def begun(format_: str) -> bytes:
    """The file up to the middle of a description."""
    return data(format_).partition(b"TO GO")[0]


MIB, GIB = 1024**2, 1024**3


def test_one_line_of_a_gigabyte_costs_little(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in (*FORMATS, "letters", "hole")]
    for path in paths:
        path.write_bytes(begun(path.name if path.name in FORMATS else "csv"))
        if path.name == "hole":
            os.truncate(path, GIB)
        else:
            with path.open("ab") as out:
                out.writelines(b"A" * MIB for _ in range(1024 if path.name == "letters" else 64))
    for name, seconds, grown_mib, word in weigh(*paths):
        assert word != "read", name
        assert seconds < 8, name
        assert grown_mib < 200, name
    for path in paths:
        path.unlink()


def tiny(format_: str, count: int) -> bytes:
    """`count` of the smallest movements the format knows."""
    if format_ == "qif":
        return b"!Type:Bank\n" + b"D1/31/26\nT1\n^\n" * count
    if format_ == "csv":
        return b"Date,Description,Amount\n" + b"2026-01-31,x,1.00\n" * count
    whole = data(format_)
    first, marks = {
        "ofx1": (b"<STMTTRN>", b"</STMTTRN>\r\n"),
        "ofx2": (b"<STMTTRN>", b"</STMTTRN>\n"),
        "camt053": (b"<Ntry>", b"</Ntry>\n"),
        "mt940": (b":61:", b":62F:"),
        "bai2": (b"16,", b"49,"),
    }[format_]
    start = whole.index(first)
    end = whole.index(marks, start) + (0 if format_ in {"mt940", "bai2"} else len(marks))
    return whole[:start] + whole[start:end] * count + whole[end:]


def test_a_host_of_tiny_records_is_read_one_by_one(tmp_path: Path) -> None:
    paths = []
    for format_ in FORMATS:
        path = tmp_path / format_
        path.write_bytes(tiny(format_, 20_000))
        paths.append(path)
    for name, seconds, grown_mib, _word in weigh(*paths):
        assert seconds < 12, name
        assert grown_mib < 200, name


@pytest.mark.parametrize("format_", ["csv", "qif", "ofx1", "mt940"])
def test_a_file_of_nothing_but_rubbish_is_refused_before_it_fills_the_quarantine(
    settings: Settings, tmp_path: Path, format_: str
) -> None:
    good = tiny(format_, 12_000)
    rubbish = {
        "csv": (b",1.00\n", b",one.00\n"),
        "qif": (b"T1\n", b"Tone\n"),
        "ofx1": (b"<TRNAMT>-", b"<TRNAMT>one"),
        "mt940": (b"D4,50N", b"Dfour,50N"),
    }
    path = tmp_path / "file"
    path.write_bytes(good.replace(*rubbish[format_]))
    take(settings, written(tmp_path / "good", "ofx1", SMALL))
    before = row_counts(settings.database_url)
    with pytest.raises(Malformed):
        take(settings, path)
    assert row_counts(settings.database_url) == before


@pytest.mark.parametrize("format_", [*XML, "ofx1"])
def test_a_tower_of_elements_changes_no_money(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data(format_).replace(b"COFFEE TO GO", b"<X>" * 200_000))
    started = time.monotonic()
    found, problem = read(path)
    assert problem or shapes(found) == [("2026-03-02", "-4.50"), ("2026-03-03", "-70.25")]
    assert problem or format_ != "camt053"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("format_", FORMATS)
def test_a_nul_byte_is_not_read_over(settings: Settings, tmp_path: Path, format_: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data(format_).replace(b"SHOES", b"SH\0ES"))
    refused(settings, path)


def shapes(found: dict[str, object]) -> list[tuple[object, object]]:
    """(day, amount) of each movement that was read."""
    statements = found["statements"]
    assert isinstance(statements, list)
    return [(row["booked_on"], row["amount"]) for one in statements for row in one["transactions"]]


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(
    "codec", ["cp1252", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp037", "shift_jis"]
)
def test_the_wrong_encoding_never_changes_money(tmp_path: Path, format_: str, codec: str) -> None:
    path = tmp_path / "file"
    text = data(format_).decode().replace("SHOES", "SHÖËS" if codec != "shift_jis" else "靴")
    path.write_bytes(text.encode(codec))
    found, problem = read(path)
    if problem is None:
        assert shapes(found) == [("2026-03-02", "-4.50"), ("2026-03-03", "-70.25")]


@pytest.mark.parametrize("format_", FORMATS)
def test_cut_anywhere_a_file_tells_less_or_is_refused(tmp_path: Path, format_: str) -> None:
    whole = data(format_)
    path = tmp_path / "file"
    path.write_bytes(whole)
    true = shapes(read(path)[0])
    assert len(true) == 2
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        found, problem = read(path)
        told = shapes(found)
        assert len(told) <= 2, f"cut after {length} bytes"
        assert problem or told == true[: len(told)], f"cut after {length} bytes"


@pytest.mark.parametrize("format_", FORMATS)
def test_damaged_anywhere_a_file_is_read_or_refused_and_nothing_else(tmp_path: Path, format_: str) -> None:
    whole = data(format_, generated(6, per_day=2))
    chance = random.Random(f"damage {format_}")
    path = tmp_path / "file"
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 3, 20))):
            place = chance.randrange(len(damaged))
            match chance.randrange(4):
                case 0:
                    damaged[place] = chance.randrange(256)
                case 1:
                    del damaged[place : place + chance.randrange(1, 40)]
                case 2:
                    damaged[place:place] = damaged[chance.randrange(len(damaged)) :][: chance.randrange(200)]
                case 3:
                    damaged[place:place] = chance.choice(
                        (b"<", b">", b"&", b'"', b"\n", b"/", b"\r", b"-", b"9" * 40)
                    )
        path.write_bytes(damaged)
        read(path)
        try:
            look_through(FileDrop(path), FileBounds())
            summarise(FileDrop(path), FileBounds())
        except CaudalError:
            continue


PARSE = """
import os, sys
from pathlib import Path
from caudal.hub.parse import json_text
from caudal.model.errors import Malformed
from caudal.providers.file.provider import FileDrop, look_through
from caudal.settings import FileBounds
if os.geteuid() == 0:  # root may read everything: be nobody, now that all is imported
    os.seteuid(65534)
for act in (look_through, lambda drop, bounds: list(json_text(drop, bounds))):
    try:
        act(FileDrop(Path(sys.argv[1])), FileBounds())
    except Malformed as error:
        print(error)
"""


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "fifo", "/dev/zero", "/dev/null", "socket", "no rights"]
)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    with socket.socket(socket.AF_UNIX) as unix:
        match kind:
            case "folder":
                path.mkdir()
            case "fifo":
                os.mkfifo(path)
            case "socket":
                unix.bind(str(path))
            case "no rights":
                path.write_bytes(data("csv"))
                path.chmod(0)
            case "missing":
                pass
            case device:
                path = Path(device)
        done = subprocess.run(
            [sys.executable, "-c", PARSE, str(path)], capture_output=True, text=True, timeout=10, check=False
        )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 2


def test_a_bound_says_its_name_and_can_be_raised(tmp_path: Path) -> None:
    path = written(tmp_path / "file", "csv", SMALL)
    size = path.stat().st_size
    with pytest.raises(Malformed, match="CAUDAL_FILE_BYTES_MAX"):
        look_through(FileDrop(path), FileBounds(file_bytes_max=size - 1))
    assert look_through(FileDrop(path), FileBounds(file_bytes_max=size)).survey.entries == 2


@pytest.mark.parametrize("format_", FORMATS)
def test_an_amount_beyond_all_money_is_set_aside_not_rounded(
    settings: Settings, tmp_path: Path, format_: str
) -> None:
    path = tmp_path / "file"
    printed = re.compile(rb"70[.,]?25(?=\D)")
    damaged, count = printed.subn(b"9" * 45 + b",25" if format_ == "mt940" else b"9" * 45, data(format_))
    assert count >= 1
    path.write_bytes(damaged)
    try:
        report = take(settings, path)
    except Malformed:
        return
    assert report.quarantined >= 1
    assert all(abs(row[1]) < 100 for row in held(settings.database_url))  # type: ignore[arg-type]
