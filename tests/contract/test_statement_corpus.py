"""Real statement files of many banks, each against what independent readers agreed it says."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.shared import shared

from caudal.hub.parse import json_text
from caudal.model.errors import Malformed
from caudal.providers.file.provider import FileDrop
from caudal.settings import FileBounds

EXACT = {"valid", "valid-hand", "format-true"}

FORMAT_OF = {"csv-format-true": "csv"}

VALUE_DATED = {"mt940", "mt942"}
"""The manifest's dates of these are value dates (:61: subfield 1, as mt-940 and bankfile give them); a movement is
booked on its entry date (subfield 2), so the manifest's dates are compared with `value_on`."""

WRONG_IN_MANIFEST = {
    "bai2/bai2__testdata_sample3.txt": "records run together on a line were missed by its reader: 26 movements, and "
    "all 49/98/99 totals and counts of the file agree with 26",
    "csv/bank-statement-import__fixtures_sample_statement_credit_card_inverse_sign_en.csv": "the same header and shape "
    "as sample_statement_en.csv; only the file's name says that signs are inverted, and names are never looked at",
}


def manifest() -> list[dict[str, Any]]:
    try:
        path = shared("data", "statements", "manifest_shared.json")
    except pytest.skip.Exception:
        return []
    return json.loads(path.read_text("utf-8"))


CASES = manifest()


def parsed(file: str) -> dict[str, Any]:
    pieces = []
    try:
        pieces.extend(json_text(FileDrop(shared("data", "statements") / file), FileBounds()))
    except Malformed as error:
        return {"error": str(error), "statements": [], "quarantine": []}
    return json.loads("".join(pieces))


def told(found: dict[str, Any]) -> dict[str, Any]:
    """What the file says, in the manifest's words."""
    statements = found["statements"]
    rows = [row for statement in statements for row in statement["transactions"]]
    day = "value_on" if found.get("format") in VALUE_DATED else "booked_on"
    days = sorted(row[day] or row["booked_on"] for row in rows)
    codes = {row["currency"] for row in rows} or {
        statement["account"]["currency"] for statement in statements
    }
    return {
        "transactions": len(rows),
        "sum": sum((Decimal(row["amount"]) for row in rows), Decimal(0)),
        "first_date": days[0] if days else None,
        "last_date": days[-1] if days else None,
        "currency": sorted(code for code in codes if code),
        "opening": [Decimal(s["opening"]["amount"]) for s in statements if s["opening"]],
        "closing": [Decimal(s["closing"]["amount"]) for s in statements if s["closing"]],
    }


def wanted(expected: dict[str, Any]) -> dict[str, Any]:
    """What the manifest expects, in the same form; fields it doesn't tell are left out."""
    want: dict[str, Any] = {"transactions": expected["transactions"], "sum": Decimal(expected["sum"])}
    for name in ("first_date", "last_date"):
        if expected.get(name) and expected["transactions"]:
            want[name] = date.fromisoformat(expected[name]).isoformat()
    if expected.get("currency"):
        want["currency"] = sorted(code for told in expected["currency"] for code in told.split("+"))
    if expected.get("closing"):
        want["closing"] = [Decimal(amount) for amount in expected["closing"]]
    if expected.get("opening"):
        # A statement may print its opening twice, as OPBD and as PRCD (the close before): one balance.
        amounts = [item if isinstance(item, str) else item[1] for item in expected["opening"]]
        kinds = [None if isinstance(item, str) else item[0] for item in expected["opening"]]
        twice = set(kinds) == {"OPBD", "PRCD"} and len(amounts) == 2 and len(set(amounts)) == 1
        want["opening"] = [Decimal(amount) for amount in amounts[: 1 if twice else None]]
    return want


@pytest.mark.parametrize("case", CASES or [None], ids=[case["file"] for case in CASES] or ["manifest"])
def test_every_real_file_says_what_its_bank_said(case: dict[str, Any] | None) -> None:
    if case is None:
        shared("data", "statements", "manifest_shared.json")
        return
    found = parsed(case["file"])
    got, want = told(found), wanted(case["expected"])
    if case["class"] not in EXACT:
        honest = "error" in found or found["quarantine"] or all(got[name] == want[name] for name in want)
        assert honest, f"{case['file']}: neither an error, nor a quarantine, nor the truth: {got}"
        assert got["transactions"] <= want["transactions"]
        return
    assert "error" not in found, found.get("error")
    if case["file"] in WRONG_IN_MANIFEST:
        assert {name: got[name] for name in want} != want, "the manifest was mended: take it off the list"
        return
    assert {name: got[name] for name in want} == want


def test_the_corpus_is_recognised_by_content_alone(tmp_path: Path) -> None:
    cases = [case for case in CASES if case["class"] in EXACT]
    if not cases:
        shared("data", "statements", "manifest_shared.json")
    nameless = tmp_path / "statement"
    for case in cases[::7]:
        nameless.write_bytes((shared("data", "statements") / case["file"]).read_bytes())
        text = "".join(json_text(FileDrop(nameless), FileBounds()))
        assert json.loads(text)["format"] == FORMAT_OF.get(case["format"], case["format"]), case["file"]
