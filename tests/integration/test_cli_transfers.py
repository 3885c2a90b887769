"""`caudal transfers`, `link-transfer`, `unlink-transfer`, and where else a transfer shows."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Command
from tests.support.imports import written
from tests.support.statements import Account, Movement, Statement, iban_of

from caudal.settings import Settings


@pytest.fixture
def caudal(settings: Settings, tmp_path: Path) -> Command:
    """Two accounts, and a transfer from the one to the other."""
    there = Command(settings, tmp_path)
    for number, amount, day in (("1111111111", "-100.00", 2), ("2222222222", "100.00", 3)):
        account = Account(number, "EUR", iban=iban_of("DE", f"99991234{number}"), institution="TESTDEFF")
        on = date(2026, 3, day)
        told = [Movement(f"M{number}", on, Decimal(amount), "UEBERWEISUNG TRANSFER", "MYSELF")]
        file = written(
            tmp_path / f"{number}.xml", "camt053", Statement(account, Decimal("500.00"), told, on, on)
        )
        assert there("import", str(file)).code == 0
    return there


def listed(caudal: Command, *command: str) -> Any:
    return json.loads(caudal(*command, "--json").out)


def test_a_transfer_is_listed_marked_and_explained(caudal: Command) -> None:
    [transfer] = listed(caudal, "transfers")
    assert (transfer["kind"], transfer["out_amount"], transfer["into_amount"]) == (
        "own_transfer",
        "-100.00",
        "100.00",
    )
    rows = {row["transaction_id"]: row for row in listed(caudal, "transactions")}
    assert rows[transfer["out_id"]]["other_side"] == transfer["into_id"]
    assert rows[transfer["into_id"]]["other_side"] == transfer["out_id"]
    assert {row["transfer_id"] for row in rows.values()} == {transfer["transfer_id"]}
    assert "own_transfer" in caudal("transactions").out
    assert listed(caudal, "why", transfer["out_id"])["transfer"]["transfer_id"] == transfer["transfer_id"]
    why = caudal("why", transfer["into_id"]).out
    assert transfer["out_id"] in why
    assert "same amount" in why


def test_a_person_parts_and_joins_two_sides_and_takes_it_back(caudal: Command) -> None:
    [transfer] = listed(caudal, "transfers")
    out, into = transfer["out_id"], transfer["into_id"]
    assert caudal("unlink-transfer", out).code == 0
    assert listed(caudal, "transfers") == []
    assert all(row["transfer"] is None for row in listed(caudal, "transactions"))
    assert caudal("link-transfer", out, into).code == 0
    [joined] = listed(caudal, "transfers")
    assert joined["said"]
    [latest, first] = listed(caudal, "decisions")
    assert (latest["kind"], first["kind"]) == ("transfer", "no_transfer")
    assert caudal("undo", latest["decision_id"]).code == 0
    assert listed(caudal, "transfers") == []
    assert caudal("undo", first["decision_id"]).code == 0
    assert len(listed(caudal, "transfers")) == 1


def test_what_can_t_be_one_is_refused_in_words(caudal: Command) -> None:
    [transfer] = listed(caudal, "transfers")
    turned = caudal("link-transfer", transfer["into_id"], transfer["out_id"])
    assert turned.code != 0
    assert "what left first" in turned.err
    merged = caudal("merge", transfer["out_id"], transfer["into_id"])
    assert "link-transfer" in merged.err
