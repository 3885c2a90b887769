"""The command line: what programs and people may rely on, exit codes and shapes of JSON included."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.books import all_rows
from tests.support.command import Command
from tests.support.imports import row_counts, written
from tests.support.processes import wait_for
from tests.support.statements import Account, Movement, Statement, generated, iban_of

from caudal import __version__
from caudal.settings import Settings

IBAN = iban_of("DE", "999912345678901234")
GIRO = Statement(
    Account("1234567890", "EUR", iban=IBAN, institution="TESTDEFF"),
    Decimal("100.00"),
    [
        Movement("A1", date(2026, 3, 2), Decimal("-4.50"), "COFFEE TO GO", "CORNER CAFE"),
        Movement("A2", date(2026, 3, 3), Decimal("-70.25"), "SHOES 100%", "SHOE SHOP", "R1"),
        Movement("A3", date(2026, 3, 3), Decimal("20.00"), "REFUND", "SHOE SHOP"),
    ],
    date(2026, 3, 2),
    date(2026, 3, 3),
)


@pytest.fixture
def caudal(settings: Settings, tmp_path: Path) -> Command:
    return Command(settings, tmp_path)


@pytest.fixture
def bare(tmp_path: Path) -> Command:
    """Caudal where nothing is set up: no keyring, no database."""
    return Command(Settings(home=str(tmp_path / "nothing")), tmp_path)


@pytest.fixture
def giro(tmp_path: Path) -> Path:
    return written(tmp_path / "giro.xml", "camt053", GIRO)


def objects(out: str) -> list[dict[str, Any]]:
    """One JSON object a line."""
    return [json.loads(line) for line in out.splitlines()]


# --- parse -------------------------------------------------------------------------------------------------


def test_parse_tells_a_file_as_one_object(bare: Command, giro: Path) -> None:
    done = bare("parse", "--json", giro)
    assert (done.code, done.err) == (0, "")
    (told,) = objects(done.out)
    assert list(told) == ["file", "format", "statements", "quarantine"]
    assert (told["file"], told["format"], told["quarantine"]) == (str(giro), "camt053", [])
    (statement,) = told["statements"]
    assert set(statement) == {"account", "opening", "closing", "transactions", "proof", "off_by"}
    account = statement["account"]
    assert {"id", "iban", "number", "institution", "currency", "kind"} <= set(account)
    assert (account["id"], account["iban"], account["currency"]) == (IBAN, IBAN, "EUR")
    assert statement["opening"] == {"amount": "100.00", "date": "2026-03-01"}
    assert statement["closing"] == {"amount": "45.25", "date": "2026-03-03"}
    assert (statement["proof"], statement["off_by"]) == ("proven", None)
    first = statement["transactions"][0]
    assert {
        "id": "A1",
        "booked_on": "2026-03-02",
        "amount": "-4.50",
        "currency": "EUR",
        "description": "COFFEE TO GO",
        "counterparty": "CORNER CAFE",
        "pending": False,
    }.items() <= first.items()
    assert {"reference", "value_on", "balance_after"} <= set(first)


def test_parse_says_by_how_much_a_statement_is_off(bare: Command, giro: Path) -> None:
    giro.write_bytes(giro.read_bytes().replace(b'<Amt Ccy="EUR">45.25', b'<Amt Ccy="EUR">45.75'))
    (told,) = objects(bare("parse", "--json", giro).out)
    assert [(one["proof"], one["off_by"]) for one in told["statements"]] == [("off", "0.50")]


def test_parse_shows_what_it_set_aside(bare: Command, giro: Path) -> None:
    giro.write_bytes(giro.read_bytes().replace(b'<Amt Ccy="EUR">4.50', b'<Amt Ccy="EUR">four'))
    done = bare("parse", "--json", giro)
    (told,) = objects(done.out)
    assert done.code == 0
    assert len(told["statements"][0]["transactions"]) == 2
    ((where, why),) = [(item["where"], item["why"]) for item in told["quarantine"]]
    assert where
    assert why


def test_a_file_that_cannot_be_read_is_65_one_line_and_still_an_object(bare: Command, giro: Path) -> None:
    cut = giro.with_name("cut.xml")
    cut.write_bytes(giro.read_bytes()[:-200])
    noise = giro.with_name("noise")
    noise.write_bytes(os.urandom(3000))
    done = bare("parse", "--json", cut, giro, noise)
    assert done.code == os.EX_DATAERR
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == ["caudal", "caudal"]
    broken, whole, strange = objects(done.out)
    assert "error" not in whole
    assert len(whole["statements"][0]["transactions"]) == 3
    for told in (broken, strange):
        assert set(told["error"]) == {"where", "why"}
        assert {"file", "statements", "quarantine"} <= set(told)


def test_a_missing_file_is_66(bare: Command, caudal: Command, tmp_path: Path) -> None:
    missing = tmp_path / "missing.xml"
    for done in (bare("parse", "--json", missing), caudal("import", "--json", missing)):
        assert done.code == os.EX_NOINPUT
        assert len(done.err.splitlines()) == 1
        (told,) = objects(done.out)
        assert told["file"] == str(missing)
        assert "error" in told


def test_parse_for_people_shows_account_and_proof(bare: Command, giro: Path) -> None:
    done = bare("parse", giro)
    assert (done.code, done.err) == (0, "")
    assert IBAN in done.out
    assert "proven" in done.out


# --- import and what can be read afterwards ----------------------------------------------------------------


def test_import_reports_each_file_as_one_object(caudal: Command, giro: Path) -> None:
    done = caudal("import", "--json", giro, giro)
    assert (done.code, done.err) == (0, "")
    first, again = objects(done.out)
    figures = ("read", "new", "known", "changed", "quarantined")
    assert [first[name] for name in figures] == [3, 3, 0, 0, 0]
    assert [again[name] for name in figures] == [3, 0, 3, 0, 0]
    assert first["file"] == str(giro)
    assert [proof["verdict"] for proof in first["proofs"]] == ["proven"]


def test_one_bad_file_does_not_keep_the_others_out(caudal: Command, giro: Path) -> None:
    bad = giro.with_name("bad")
    bad.write_bytes(b"PK\x03\x04")
    done = caudal("import", "--json", bad, giro)
    assert done.code == os.EX_DATAERR
    assert len(done.err.splitlines()) == 1
    refused, taken = objects(done.out)
    assert "ZIP" in refused["error"]
    assert taken["new"] == 3


def test_the_ledger_can_be_read_back(caudal: Command, giro: Path) -> None:
    caudal("import", giro)
    (account,) = caudal.told("accounts")
    assert (account["iban"], account["currency"], account["booked"], account["verdict"]) == (
        IBAN, "EUR", "-54.75", "proven"
    )  # fmt: skip
    assert account["told"]["amount"] == "45.25"
    assert account["transactions"] == 3

    def found(*options: str) -> list[str]:
        return [row["amount"] for row in caudal.told("transactions", *options)]

    assert sorted(found()) == ["-4.50", "-70.25", "20.00"]
    assert found()[-1] == "-4.50"  # the latest first
    assert sorted(found("--from", "2026-03-03")) == ["-70.25", "20.00"]
    assert found("--to", "2026-03-02") == ["-4.50"]
    assert found("--from", "2026-03-04") == []
    assert sorted(found("--search", "shoe sh")) == ["-70.25", "20.00"]
    assert found("--search", "100%") == ["-70.25"]
    assert found("--search", "_EFUND") == []
    assert len(found("--limit", "2")) == 2
    assert len(found("--account", account["name"])) == len(found("--account", account["account_id"])) == 3
    assert caudal("transactions", "--account", "nobody's").code == os.EX_NOINPUT
    (proof,) = caudal.told("proof")
    assert (proof["verdict"], proof["proven_to"], proof["currency"]) == ("proven", "2026-03-03", "EUR")
    assert caudal.told("quarantine") == []
    (space,) = caudal.told("spaces")
    assert space["name"] == "home"


def test_what_lies_in_quarantine_is_shown_raw(caudal: Command, giro: Path) -> None:
    giro.write_bytes(giro.read_bytes().replace(b'<Amt Ccy="EUR">4.50', b'<Amt Ccy="EUR">four'))
    (report,) = objects(caudal("import", "--json", giro).out)
    assert report["quarantined"] == 1
    (item,) = caudal.told("quarantine")
    assert item["subject"] == "giro.xml"
    assert "four" in item["raw"]
    assert "COFFEE TO GO" in item["raw"]


def test_why_tells_every_version_and_the_rule(caudal: Command, giro: Path) -> None:
    caudal("import", giro)
    later = giro.with_name("later.xml")
    later.write_bytes(giro.read_bytes().replace(b"COFFEE TO GO", b"COFFEE AND CAKE"))
    caudal("import", later)
    (row,) = caudal.told("transactions", "--search", "cake")
    told = caudal.told("why", row["transaction_id"])
    versions = [(seen["version"], seen["description"], seen["subject"]) for seen in told["observations"]]
    assert versions == [(1, "COFFEE TO GO", "giro.xml"), (2, "COFFEE AND CAKE", "later.xml")]
    assert {seen["rule"] for seen in told["observations"]} == {"provider_id"}
    assert "COFFEE TO GO" in told["observations"][0]["raw"]
    shown = caudal("why", row["transaction_id"].replace("-", "")[:30])
    assert shown.code == 0
    for part in ("version 1", "version 2", "giro.xml", "later.xml", "the bank's own id", "A1"):
        assert part in shown.out
    assert caudal("why", "ffff" * 8).code == os.EX_NOINPUT
    assert caudal("why", "no id").code == os.EX_NOINPUT


def test_several_spaces_must_be_told_apart(caudal: Command, giro: Path) -> None:
    for space in ("hers", "his"):
        assert caudal("import", "--space", space, giro).code == 0
    unclear = caudal("accounts")
    assert unclear.code == os.EX_USAGE
    assert "hers" in unclear.err
    assert "--space" in unclear.err
    assert len(caudal.told("transactions", "--space", "his")) == 3
    assert caudal("accounts", "--space", "theirs").code == os.EX_NOINPUT
    assert [space["name"] for space in caudal.told("spaces")] == ["hers", "his"]


def test_before_the_first_import_there_is_nothing_to_read_and_that_is_said(caudal: Command) -> None:
    done = caudal("accounts")
    assert done.code == os.EX_NOINPUT
    assert "import" in done.err
    assert caudal.told("spaces") == []


# --- how it goes wrong -------------------------------------------------------------------------------------

READERS = ("accounts", "transactions", "proof", "quarantine", "spaces")


@pytest.mark.parametrize("command", [*READERS, "import"])
def test_no_key_no_start(bare: Command, giro: Path, command: str) -> None:
    done = bare(command, *([giro] if command == "import" else []))
    assert done.code == os.EX_CONFIG
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert "caudal keys init" in line
    assert not Path(bare.settings.home).exists(), "nothing may be made on the side"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["accounts", "--no-such-option"],
        ["import"],
        ["transactions", "--from", "yesterday"],
        ["transactions", "--limit", "0"],
        ["import", "--currency", "EURO", "x.csv"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_64(bare: Command, arguments: list[str]) -> None:
    done = bare(*arguments)
    assert done.code == os.EX_USAGE
    assert done.out == ""
    assert done.err
    assert "Traceback" not in done.err


def test_a_bad_setting_is_named(bare: Command) -> None:
    done = bare("spaces", CAUDAL_PAGE_TRANSACTIONS_MAX="many")
    assert done.code == os.EX_CONFIG
    (line,) = done.err.splitlines()
    assert "CAUDAL_PAGE_TRANSACTIONS_MAX" in line


def test_a_database_that_is_not_there_is_said_without_its_password(caudal: Command) -> None:
    done = caudal(
        "spaces", DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/x", CAUDAL_CONNECT_SECONDS_MAX="2"
    )
    assert done.code == os.EX_CONFIG
    (line,) = done.err.splitlines()
    assert "DATABASE_URL" in line
    assert "hunter2" not in line


def test_it_says_its_version_and_its_commands_without_a_database(bare: Command) -> None:
    assert __version__ in bare("--version").out
    helped = bare("--help")
    assert helped.code == 0
    for command in (*READERS, "parse", "import", "why", "keys", "doctor", "serve", "demo"):
        assert f"  {command} " in helped.out
    assert bare("import", "-h").code == 0


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eabc\r\b [red]x[/red] [/] \u2028"


def test_what_a_bank_writes_never_steers_the_terminal(caudal: Command, tmp_path: Path) -> None:
    """Escape sequences, C1 controls, bidi overrides, rich markup: in text, in names of accounts, files, quarantine."""
    statement = Statement(
        Account("12345", "EUR", name=HOSTILE),
        Decimal(0),
        [Movement("A1", date(2026, 3, 2), Decimal("-4.50"), f"COFFEE {HOSTILE}", f"CAFE {HOSTILE}", "x")],
        date(2026, 3, 2),
        date(2026, 3, 2),
    )
    path = written(tmp_path / "file \x1b[2J[red].qif", "qif", statement)
    with path.open("ab") as out:
        out.write(f"D3/4/2026\nTnot money \x1b[5m\nM{HOSTILE}\n^\n".encode())
    outputs = [caudal("parse", path), caudal("import", path)]
    outputs += [caudal(command) for command in (*READERS, "doctor")]
    (row,) = caudal.told("transactions")
    shown = caudal("why", row["transaction_id"])
    outputs.append(shown)
    outputs.append(caudal("parse", path.with_name("no \x1b[2J file")))
    outputs.append(caudal("import", "--space", "no \x1b[2J\u202e", path.with_name("no \x1b[2J file")))
    for done in outputs:
        for text in (done.out, done.err):
            assert "Traceback" not in text
            strange = [character for character in text if not character.isprintable() and character != "\n"]
            assert strange == [], text
    assert "COFFEE" in outputs[3].out
    assert "[red]x[/red]" in shown.out, "markup is shown, not obeyed"


def test_a_full_disk_is_told(bare: Command, giro: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "caudal", "parse", "--json", str(giro)],
            env=bare.environ(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


def test_ctrl_c_ends_a_reading_without_a_word(bare: Command, tmp_path: Path) -> None:
    path = written(tmp_path / "file", "ofx1", generated(5_000))
    process = bare.start("parse", "--json", path)
    process.stdout.read(1)  # it is at work, and will wait for us to read on
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (130, "")


def test_a_reader_that_has_seen_enough_is_no_error(caudal: Command, tmp_path: Path) -> None:
    path = written(tmp_path / "file", "ofx1", generated(3_000))
    caudal("import", path)
    for arguments in (["parse", "--json", str(path)], ["transactions", "--limit", "3000"], ["--help"]):
        with caudal.start(*arguments) as process:
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == "", arguments
        assert process.returncode in {0, 141}, arguments


def test_ctrl_c_ends_an_import_without_a_word_and_another_finishes_it(
    caudal: Command, tmp_path: Path
) -> None:
    path = written(tmp_path / "file", "ofx1", generated(20_000))
    process = caudal.start("import", path, CAUDAL_PAGE_TRANSACTIONS_MAX="100")
    query = "select count(*) from caudal.run where pages > 0"
    deadline = time.monotonic() + 30
    while all_rows(caudal.settings.database_url, query) == [(0,)]:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert caudal("import", path).code == 0
    assert all_rows(caudal.settings.database_url, "select count(*) from caudal.transaction") == [(20_000,)]


def test_serve_keeps_the_database_up_until_it_is_told_to_stop(caudal: Command) -> None:
    process = caudal.start("serve", "--port", "0")
    assert process.stdout.readline().startswith("up")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert re.fullmatch(
        r"nobody is in yet; the first owner comes in, within a day, by /welcome#[\w-]{43}\ndown\n", out
    )


def test_a_worker_tells_how_it_goes_where_it_is_asked_to_and_takes_no_webhooks(caudal: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = caudal.start("worker", "--queues", "sync", "--port", str(port))
    assert "working on sync" in process.stdout.readline()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as there:
        wait_for("it to listen", lambda: listens(port), 20)
        assert there.get("/healthz").status_code == there.get("/readyz").status_code == 200
        assert "caudal_sync_runs_total" in there.get("/metrics").text
        assert there.post("/webhooks/plaid", content=b"{}").status_code == 404
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "down\n")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_reading_changes_nothing(caudal: Command, giro: Path) -> None:
    caudal("import", giro)
    before = row_counts(caudal.settings.database_url)
    for command in (*READERS, "doctor"):
        assert caudal(command).code == 0
    assert row_counts(caudal.settings.database_url) == before


def test_a_million_is_written_as_money_and_as_json_alike(caudal: Command, tmp_path: Path) -> None:
    large = Decimal("123456789012345678.90")
    statement = Statement(
        Account("12345", "EUR"), Decimal("0.00"),
        [Movement("A1", date(2026, 3, 2), large, "A LOT")], date(2026, 3, 2), date(2026, 3, 2),
    )  # fmt: skip
    path = written(tmp_path / "file", "ofx2", statement)
    caudal("import", path)
    (row,) = caudal.told("transactions")
    assert row["amount"] == "123456789012345678.90"
    assert "123,456,789,012,345,678.90 EUR" in caudal("transactions").out
