"""`caudal match`: told events in, movements and transfers out, without a database."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Command, Done

from caudal.settings import Settings

ACCOUNTS = {
    "accounts": [
        {"id": "giro", "currency": "EUR", "type": "depository"},
        {"id": "card", "currency": "EUR", "type": "credit"},
    ],
    "feeds": {
        "A": {"amount_sign": "positive = money leaves the account"},
        "B": {"amount_sign": {"giro": "negative = money leaves", "card": "positive = spend"}},
    },
}


@pytest.fixture
def bare(tmp_path: Path) -> Command:
    """Caudal where nothing is set up: no keyring, no database."""
    return Command(Settings(home=str(tmp_path / "nothing")), tmp_path)


def told(id_: str, amount: str, *, feed: str = "A", item: str = "i1", **more: Any) -> dict[str, Any]:
    """An event that tells of a movement."""
    return {
        "arrives": "2026-03-05",
        "op": "upsert",
        "feed": feed,
        "item": item,
        "account": "giro",
        "id": id_,
        "key": f"{feed}:{item}:{id_}",
        "date": "2026-03-02",
        "amount": amount,
        "currency": "EUR",
        "description": "COFFEE TO GO",
        "pending": False,
    } | more


def gone(id_: str) -> dict[str, Any]:
    return {
        "arrives": "2026-03-04",
        "op": "remove",
        "feed": "A",
        "item": "i1",
        "id": id_,
        "key": f"A:i1:{id_}",
    }


def window(item: str, account: str = "giro", **days: str) -> dict[str, Any]:
    covered = {"from": "2026-03-01", "to": "2026-03-31"} | days
    return {"arrives": "2026-03-05", "op": "window", "feed": "B", "item": item, "account": account} | covered


COFFEES = [
    told("a1", "4.50"),
    told("a2", "4.50"),
    window("f1"),
    told("b1", "-4.50", feed="B", item="f1", description="KARTENZAHLUNG COFFEE TO GO"),
]
PAID = [
    told("a3", "300.00", description="CREDIT CARD PAYMENT"),
    window("f2", "card"),
    told(
        "b2",
        "-300.00",
        feed="B",
        item="f2",
        account="card",
        description="PAYMENT THANK YOU",
        date="2026-03-03",
    ),
]


def lines(events: Iterable[dict[str, Any] | bytes]) -> bytes:
    return b"".join(
        (event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n" for event in events
    )


def matched(
    caudal: Command, events: Iterable[dict[str, Any] | bytes], *more: str, accounts: object = ACCOUNTS
) -> Done:
    """How the command ends on these events."""
    (caudal.cwd / "events.jsonl").write_bytes(lines(events))
    (caudal.cwd / "accounts.json").write_text(json.dumps(accounts), "utf-8")
    return caudal("match", "--events", "events.jsonl", "--accounts", "accounts.json", *more)


def clusters(caudal: Command, events: Iterable[dict[str, Any]]) -> set[frozenset[str]]:
    done = matched(caudal, events, "--json")
    assert (done.code, done.err) == (0, "")
    return {frozenset(cluster) for cluster in json.loads(done.out)["clusters"]}


def test_movements_and_transfers_are_told_as_one_object(bare: Command) -> None:
    done = matched(bare, [*COFFEES, *PAID], "--json")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    found = json.loads(done.out)
    assert set(found) == {"clusters", "transfers"}
    assert sorted(map(sorted, found["clusters"])) == [
        ["A:i1:a1", "B:f1:b1"],
        ["A:i1:a2"],
        ["A:i1:a3"],
        ["B:f2:b2"],
    ]
    assert found["transfers"] == [["A:i1:a3", "B:f2:b2"]]
    assert not Path(bare.settings.home).exists()


def test_a_person_is_told_how_many(bare: Command) -> None:
    done = matched(bare, [*COFFEES, *PAID])
    assert (done.code, done.err) == (0, "")
    assert done.out == "5 events are 4 movements, 1 pairs of them transfers\n"


def test_nothing_told_is_nothing_matched(bare: Command) -> None:
    done = matched(bare, [b"", b"  "], "--json")
    assert json.loads(done.out) == {"clusters": [], "transfers": []}


def test_pending_ones_are_of_what_settles_them_in_whatever_order_they_are_linked(bare: Command) -> None:
    chain = [
        told("c", "4.70", pending_id="b"),
        told("b", "4.60", pending=True, pending_id="a"),
        told("a", "4.50", pending=True),
    ]
    whole = {frozenset({"A:i1:a", "A:i1:b", "A:i1:c"})}
    assert clusters(bare, [*chain, gone("a"), gone("b")]) == whole
    assert clusters(bare, [*reversed(chain), gone("a"), gone("b")]) == whole


def test_one_that_names_itself_or_nobody_is_by_itself(bare: Command) -> None:
    events = [told("a", "4.50", pending_id="a"), told("b", "9.00", pending_id="x")]
    assert clusters(bare, events) == {frozenset({"A:i1:a"}), frozenset({"A:i1:b"})}


def test_an_id_is_whole_whatever_it_is_made_of(bare: Command) -> None:
    files = [window("f1"), window("f2")]
    rows = [
        told(id_, amount, feed="B", item=item, date=day, description=item)
        for item in ("f1", "f2")
        for id_, amount, day in (("x:1", "-4.50", "2026-03-02"), ("y:1", "-9.00", "2026-03-09"))
    ]
    assert clusters(bare, [*files, *rows]) == {
        frozenset({"B:f1:x:1", "B:f2:x:1"}),
        frozenset({"B:f1:y:1", "B:f2:y:1"}),
    }


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"feed": "\xff"}', "utf-8"),
        (told("a", "4.50", op="guess"), "guess"),
        (told("a", "4.50", date="2026-13-01"), "date"),
        (told("a", "4.50", date=None), "no date"),
        (told("a", "4.50", key=""), "no key"),
        (told("a", "4.50", currency="Taler"), "Taler"),
        (told("a", "NaN"), "NaN"),
        (told("a", "1e999999999"), "digits"),
        (told("a", "0.005"), "decimal places"),
        (window("f1") | {"to": None}, "two days"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(bare: Command, broken: dict[str, Any] | bytes, why: str) -> None:
    done = matched(bare, [COFFEES[0], broken, COFFEES[1]], "--json")
    assert done.code == os.EX_DATAERR
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("caudal: events, line 2: ")
    assert why in line


def test_accounts_that_cannot_be_read_are_named(bare: Command) -> None:
    done = matched(bare, COFFEES, accounts=[])
    assert done.code == os.EX_DATAERR
    assert "accounts: " in done.err


def test_a_file_that_is_not_there_is_named(bare: Command) -> None:
    done = bare("match", "--events", "nowhere.jsonl", "--accounts", "nowhere.json")
    assert done.code == os.EX_USAGE
    assert "nowhere.jsonl" in done.err
