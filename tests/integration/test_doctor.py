"""`caudal doctor` finds what is amiss, and says what to do."""

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.command import Command
from tests.support.imports import take, written
from tests.support.statements import generated

from caudal.settings import Settings
from caudal.vault import keyring


@pytest.fixture
def caudal(settings: Settings, tmp_path: Path) -> Command:
    """An installation that holds something."""
    take(settings, written(tmp_path / "file", "mt940", generated(12, per_day=3)))
    return Command(settings, tmp_path)


def findings(caudal: Command) -> dict[str, dict[str, Any]]:
    """What is not well; the exit code must agree with it."""
    done = caudal("doctor", "--json")
    assert done.err == ""
    checks = {check["what"]: check for check in json.loads(done.out)}
    amiss = {what: check for what, check in checks.items() if not check["ok"]}
    assert done.code == (os.EX_CONFIG if amiss else 0)
    assert all(check["advice"] for check in amiss.values()), "each says what to do"
    return amiss


def spoil(settings: Settings, *statements: str) -> None:
    with psycopg.connect(settings.database_url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_a_sound_installation_has_nothing_amiss(caudal: Command) -> None:
    assert findings(caudal) == {}
    shown = caudal("doctor")
    assert shown.code == 0
    for what in ("keyring", "PostgreSQL 18", "migrations", "space home: ledger", "space home: audit trail"):
        assert what in shown.out


SPOILED = {
    "an observation without a transaction": (
        (
            "delete from caudal.observation_link where observation_id = (select min(observation_id::text)::uuid "
            "from caudal.observation_link)"
        ),
        "space home: ledger",
    ),
    "a changed amount": (
        (
            "update caudal.transaction set amount = amount + 1 where transaction_id = "
            "(select min(transaction_id::text)::uuid from caudal.transaction)"
        ),
        "space home: ledger",
    ),
    "a source account booked elsewhere by hand": (
        (
            "with a as (insert into caudal.account (space_id, name, kind, currency) select space_id, 'x', 'other', 'EUR' "
            "from caudal.space returning account_id) update caudal.source_account set account_id = a.account_id from a"
        ),
        "space home: ledger",
    ),
    "a transaction gone by hand": (
        (
            "update caudal.transaction set gone_at = now() where transaction_id = "
            "(select min(transaction_id::text)::uuid from caudal.transaction)"
        ),
        "space home: ledger",
    ),
    "a transfer by hand": (
        (
            "insert into caudal.transfer (space_id, out_id, into_id, kind, day_gap, weight, found, said) select space_id, "
            "min(transaction_id::text)::uuid, max(transaction_id::text)::uuid, 'own_transfer', 0, 0, '[]', false "
            "from caudal.transaction group by space_id"
        ),
        "space home: ledger",
    ),
    "a changed audit entry": ("update caudal.audit_entry set actor = 'nobody'", "space home: audit trail"),
    "a column more": ("alter table caudal.account add column nickname text", "schema"),
    "an index less": ("drop index caudal.observation_run_index", "schema"),
    "a policy less": ("drop policy account_scope on caudal.account", "schema"),
    "a right more": ("grant delete on caudal.audit_entry to caudal_app", "schema"),
}


@pytest.mark.parametrize(("statement", "what"), SPOILED.values(), ids=list(SPOILED))
def test_what_was_changed_by_hand_is_found(caudal: Command, statement: str, what: str) -> None:
    spoil(caudal.settings, statement)
    assert what in findings(caudal)


def test_a_run_that_was_cut_off_is_a_note_not_a_fault(caudal: Command) -> None:
    spoil(caudal.settings, "update caudal.run set outcome = 'running', finished_at = null")
    assert findings(caudal) == {}
    assert "1 cut off" in caudal("doctor").out


def test_without_a_keyring_it_goes_no_further(tmp_path: Path) -> None:
    caudal = Command(Settings(home=str(tmp_path / "home")), tmp_path)
    amiss = findings(caudal)
    assert set(amiss) == {"keyring"}
    assert "caudal keys init" in amiss["keyring"]["found"]
    assert not (tmp_path / "home").exists()


def test_a_keyring_open_to_others_is_found(caudal: Command) -> None:
    (caudal.settings.home_path / keyring.FILE_NAME).chmod(0o644)
    assert "chmod 600" in findings(caudal)["keyring"]["found"]


def test_a_database_that_does_not_answer_is_found(caudal: Command) -> None:
    nowhere = Settings(home=caudal.settings.home, database_url="postgresql://me:hunter2@127.0.0.1:1/x")
    amiss = findings(Command(nowhere, caudal.cwd))
    assert set(amiss) == {"database"}
    assert "hunter2" not in str(amiss)
