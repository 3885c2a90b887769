"""Banks linked and kept in step at the command line: what a person reads, what a program reads, what it exits with."""

import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.books import all_rows
from tests.support.command import Command, Done
from tests.support.hub import CLIENT

from caudal.settings import Settings
from caudal_sandbox.faults import Fault, Kind
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

PLATYPUS, GINGHAM, COPPERLINE = "ins_109508", "ins_109509", "ins_900005"
AS_GOOD = ("link", "plaid", "--institution", PLATYPUS, "--sandbox-user", "user_good")
EXCHANGE = "/item/public_token/exchange"

Json = Any


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A world three months old that knows one client."""
    world = World(1, people=1, firms=0, begins=date(2026, 1, 1), now=datetime(2026, 4, 1, 12, tzinfo=UTC))
    with Sandbox(world, plaid=Options(limits=Regime.OFF, client=CLIENT)) as running:
        yield running


class Caudal(NamedTuple):
    """The command, set up for the sandbox."""

    command: Command
    sandbox: Sandbox

    def __call__(self, *arguments: str, **more: str) -> Done:
        """Run it; `more` is set in its environment."""
        client_id, secret = CLIENT
        environ = {
            "CAUDAL_PLAID_CLIENT_ID": client_id,
            "CAUDAL_PLAID_SECRET": secret,
            "CAUDAL_PLAID_ENVIRONMENT": "sandbox",
            "CAUDAL_PLAID_URL": self.sandbox.url,
            "CAUDAL_SANDBOX_URL": self.sandbox.url,
            "CAUDAL_PREPARING_POLL_MS": "1",
        }
        return self.command(*arguments, **environ | more)

    def told(self, *arguments: str) -> Json:
        """The JSON that it prints, where all is well."""
        done = self(*arguments, "--json")
        assert done.code == 0, done
        return document(done.out)

    def well(self, *arguments: str) -> str:
        """What it says, where all is well."""
        done = self(*arguments)
        assert done.code == 0, done
        return " ".join(done.out.split())

    def badly(self, code: int, *arguments: str, **more: str) -> str:
        """What it complains of in one line, where it exits with `code`."""
        done = self(*arguments, **more)
        assert done.code == code, done
        assert "Traceback" not in done.err
        complaint = done.err.splitlines()[-1]
        assert complaint.startswith("caudal: ")
        return complaint


@pytest.fixture
def caudal(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Caudal:
    return Caudal(Command(settings, tmp_path), sandbox)


def document(text: str) -> Json:
    assert text.count("\n") == 1, "one document, on one line"

    return json.loads(text)


def exchanges(sandbox: Sandbox) -> int:
    """How often a public token was exchanged since this was first asked: a fault that never strikes counts them."""
    for standing in sandbox.faults.list():
        if standing.fault.endpoint == EXCHANGE:
            return standing.matched
    sandbox.run(lambda: sandbox.faults.add(Fault(Kind.LATENCY, endpoint=EXCHANGE, per_mille=0)))
    return 0


def closed_port() -> str:
    """The address of a port of this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def count(settings: Settings, table: str) -> int:
    ((found,),) = all_rows(settings.database_url, f"select count(*)::int from caudal.{table}")
    return int(str(found))


def test_a_bank_is_linked_and_its_history_is_the_truth(caudal: Caudal) -> None:
    linked = caudal(*AS_GOOD, "--json")
    assert linked.code == 0, linked
    assert f"log in at: {caudal.sandbox.url}/" in linked.err
    report = document(linked.out)
    assert report["connection"]["label"] == "First Platypus Bank"
    assert report["sync"]["created"] > 10
    assert not report["sync"]["preparing"]
    (connection,) = caudal.told("connections")
    assert (connection["state"], connection["accounts"], connection["last_outcome"]) == (
        "active",
        11,
        "complete",
    )
    found = caudal.told("sandbox", "compare")
    assert found["missing"] == found["doubled"] == found["unfounded"] == 0
    assert found["movements"] == report["sync"]["created"]


def test_a_month_later_a_sync_brings_what_is_new_and_a_second_one_nothing(caudal: Caudal) -> None:
    caudal.well(*AS_GOOD)
    caudal.well("sandbox", "advance", "31d")
    (first,) = caudal.told("sync", "--all")
    (second,) = caudal.told("sync", "First Platypus Bank")
    assert first["created"] > 0
    assert {row["verdict"] for row in first["proofs"]} <= {"proven", "none"}
    assert (second["created"], second["changed"], second["gone"]) == (0, 0, 0)
    caudal.well("sandbox", "compare")
    assert "First Platypus Bank: 0 new" in caudal.well("sync", "--all")


def test_linking_without_pulling_leaves_the_pull_to_the_first_sync(caudal: Caudal) -> None:
    linked = caudal.told(*AS_GOOD, "--no-sync")
    assert linked["sync"] is None
    (connection,) = caudal.told("connections")
    assert (connection["accounts"], connection["last_outcome"]) == (0, None)
    (first,) = caudal.told("sync", "--all")
    assert first["preparing"]
    (last,) = caudal.told("sync", "--all")
    assert not last["preparing"]
    caudal.well("sandbox", "compare")


def test_a_login_linked_twice_is_noticed_before_anything_is_exchanged(
    caudal: Caudal, sandbox: Sandbox
) -> None:
    caudal.well(*AS_GOOD)
    assert exchanges(sandbox) == 0
    complaint = caudal.badly(os.EX_USAGE, *AS_GOOD)
    assert "linked already, as “First Platypus Bank”" in complaint
    assert "--relink 'First Platypus Bank'" in complaint
    assert "--again" in complaint
    assert exchanges(sandbox) == 0
    assert len(caudal.told("connections")) == 1


def test_the_same_login_may_be_mended_or_by_explicit_wish_linked_again(
    caudal: Caudal, sandbox: Sandbox
) -> None:
    first = caudal.told(*AS_GOOD)
    exchanges(sandbox)
    mended = caudal.told(*AS_GOOD, "--relink", "First Platypus Bank")
    assert mended["connection"]["connection_id"] == first["connection"]["connection_id"]
    assert exchanges(sandbox) == 0
    again = caudal.told(*AS_GOOD, "--again")
    assert again["connection"]["label"] == "First Platypus Bank (2)"
    assert exchanges(sandbox) == 1
    assert len(caudal.told("connections")) == 2


def test_another_login_at_the_same_bank_is_nobodys_double(caudal: Caudal) -> None:
    caudal.well(*AS_GOOD)
    other = caudal.told(
        "link", "plaid", "--institution", PLATYPUS, "--sandbox-user", "user_transactions_dynamic"
    )
    assert other["connection"]["label"] == "First Platypus Bank (2)"


def test_a_login_that_died_says_what_to_do_and_is_mended_by_it(caudal: Caudal, sandbox: Sandbox) -> None:
    caudal.well(*AS_GOOD)
    (item,) = sandbox.plaid.items
    sandbox.run(lambda: sandbox.plaid.break_login(item, "ITEM_LOGIN_REQUIRED"))
    complaint = caudal.badly(os.EX_NOPERM, "sync", "--all")
    assert "First Platypus Bank" in complaint
    assert "linking this connection" in complaint
    (connection,) = caudal.told("connections")
    assert connection["state"] == "needs_user"
    assert connection["state_action"]
    assert connection["state_action"].split()[0] in caudal.well("connections")
    sandbox.advance(days=20)
    caudal.well(*AS_GOOD, "--relink", "First Platypus Bank")
    (connection,) = caudal.told("connections")
    assert (connection["state"], connection["state_reason"], connection["state_action"]) == ("active", "", "")
    caudal.well("sync", "--all")
    caudal.well("sandbox", "compare")


def test_one_connection_that_fails_keeps_no_other_from_its_sync(caudal: Caudal, sandbox: Sandbox) -> None:
    caudal.well(*AS_GOOD)
    caudal.well("link", "plaid", "--institution", GINGHAM, "--sandbox-user", "user_good")
    broken, _ = sandbox.plaid.items
    sandbox.run(lambda: sandbox.plaid.break_login(broken, "ITEM_LOGIN_REQUIRED"))
    sandbox.advance(days=31)
    done = caudal("sync", "--all", "--json")
    assert done.code == os.EX_NOPERM
    (report,) = document(done.out)
    assert report["label"] == "First Gingham Credit Union"
    assert report["created"] > 0


def test_unlinking_ends_it_everywhere_and_leaves_the_ledger(
    caudal: Caudal, sandbox: Sandbox, settings: Settings
) -> None:
    caudal.well(*AS_GOOD)
    before = caudal.told("transactions", "--limit", "1000")
    assert count(settings, "credential") == count(settings, "data_key") == 1
    assert "secrets are destroyed" in caudal.well("unlink", "First Platypus Bank", "--yes")
    assert len(sandbox.plaid.items) == 0
    assert count(settings, "credential") == count(settings, "data_key") == 0
    assert caudal.told("transactions", "--limit", "1000") == before
    (connection,) = caudal.told("connections")
    assert connection["state"] == "revoked"
    assert "has ended" in caudal.badly(os.EX_NOPERM, "sync", "First Platypus Bank")
    assert "`caudal link` makes one" in caudal.badly(os.EX_NOINPUT, "sync", "--all")
    assert "has ended" in caudal.badly(os.EX_NOPERM, *AS_GOOD, "--relink", "First Platypus Bank")
    assert caudal.told(*AS_GOOD)["connection"]["label"] == "First Platypus Bank (2)"


def test_unlinking_waits_for_a_provider_that_cant_be_told(
    caudal: Caudal, sandbox: Sandbox, settings: Settings
) -> None:
    caudal.well(*AS_GOOD)
    sandbox.run(lambda: sandbox.faults.add(Fault(Kind.INSTITUTION_DOWN, endpoint="/item/remove")))
    caudal.badly(os.EX_TEMPFAIL, "unlink", "First Platypus Bank", "--yes", CAUDAL_HTTP_BACKOFF_MS_FIRST="1")
    assert count(settings, "credential") == 1
    assert [each["state"] for each in caudal.told("connections")] == ["active"]


def test_a_connection_ended_at_the_bank_loses_its_secrets_and_says_so(
    caudal: Caudal, sandbox: Sandbox, settings: Settings
) -> None:
    caudal.well(*AS_GOOD)
    (item,) = sandbox.plaid.items
    sandbox.run(lambda: sandbox.plaid.revoke(item))
    caudal.badly(os.EX_NOPERM, "sync", "--all")
    assert [each["state"] for each in caudal.told("connections")] == ["revoked"]
    assert count(settings, "credential") == 0


def test_a_broker_is_linked_by_saying_so(caudal: Caudal) -> None:
    link = ("link", "plaid", "--institution", COPPERLINE, "--sandbox-user", "person-1")
    assert "can't be chosen here" in caudal.badly(os.EX_SOFTWARE, *link)
    linked = caudal.told(*link, "--broker")
    assert linked["sync"]["created"] > 0
    caudal.well("sandbox", "advance", "31d")
    caudal.well("sync", "--all")
    caudal.well("sandbox", "compare")


def test_spaces_see_nothing_of_each_others_banks(caudal: Caudal) -> None:
    caudal.well(*AS_GOOD, "--space", "mine")
    caudal.well("link", "plaid", "--institution", GINGHAM, "--sandbox-user", "user_good", "--space", "yours")
    (mine,) = caudal.told("connections", "--space", "mine")
    (yours,) = caudal.told("connections", "--space", "yours")
    assert (mine["label"], yours["label"]) == ("First Platypus Bank", "First Gingham Credit Union")
    for name in (yours["label"], yours["connection_id"]):
        assert "no connection" in caudal.badly(os.EX_NOINPUT, "sync", "--space", "mine", name)
        assert "no connection" in caudal.badly(os.EX_NOINPUT, "unlink", "--yes", "--space", "mine", name)
    (synced,) = caudal.told("sync", "--all", "--space", "mine")
    assert synced["connection_id"] == mine["connection_id"]
    assert caudal.told(*AS_GOOD, "--space", "yours")["connection"]["label"] == "First Platypus Bank"


WRONG = [
    ({"CAUDAL_PLAID_CLIENT_ID": "", "CAUDAL_PLAID_SECRET": ""}, os.EX_CONFIG, "CAUDAL_PLAID_CLIENT_ID"),
    ({"CAUDAL_PLAID_SECRET": ""}, os.EX_CONFIG, "CAUDAL_PLAID_SECRET"),
    ({"CAUDAL_PLAID_ENVIRONMENT": "development"}, os.EX_CONFIG, "development is gone"),
    ({"CAUDAL_PLAID_ENVIRONMENT": "staging"}, os.EX_CONFIG, "sandbox or production"),
    ({"CAUDAL_PLAID_COUNTRY_CODES": "US,ZZ"}, os.EX_CONFIG, "ZZ"),
    ({"CAUDAL_PLAID_SECRET_FILE": "/nowhere/at/all", "CAUDAL_PLAID_SECRET": ""}, os.EX_CONFIG, "_FILE"),
    ({"CAUDAL_PLAID_SECRET_FILE": "/nowhere/at/all"}, os.EX_CONFIG, "keep one"),
    ({"CAUDAL_PLAID_SECRET": "WRONG-CANARY"}, os.EX_SOFTWARE, "INVALID_API_KEYS"),
    ({"CAUDAL_PLAID_URL": "http://plaid.example:1"}, os.EX_CONFIG, "https"),
]


@pytest.mark.parametrize(
    ("given", "code", "says"), WRONG, ids=lambda each: "+".join(each) if isinstance(each, dict) else None
)
def test_a_wrong_setting_is_named_and_no_secret_is(
    caudal: Caudal, given: dict[str, str], code: int, says: str
) -> None:
    done = caudal(*AS_GOOD, **given)
    assert (done.code, done.out) == (code, ""), done
    assert says in done.err
    assert "CANARY" not in done.err
    assert CLIENT[1] not in done.err


def test_where_no_provider_or_sandbox_answers_it_says_where_it_looked(caudal: Caudal) -> None:
    nowhere = closed_port()
    assert "no connection: refused" in caudal.badly(
        os.EX_TEMPFAIL, *AS_GOOD, CAUDAL_PLAID_URL=nowhere, CAUDAL_HTTP_BACKOFF_MS_FIRST="1"
    )
    for command in (AS_GOOD, ("sandbox", "advance", "1d"), ("sandbox", "status")):
        complaint = caudal.badly(os.EX_CONFIG, *command, "--url", nowhere)
        assert f"no sandbox answers at {nowhere}" in complaint
        assert "caudal sandbox serve" in complaint


def test_a_bank_that_lets_nobody_in_links_nothing(caudal: Caudal) -> None:
    wrong = caudal.badly(os.EX_SOFTWARE, *AS_GOOD, "--sandbox-password", "not-it-CANARY")
    assert "INVALID_CREDENTIALS" in wrong
    assert "CANARY" not in wrong
    locked = caudal.badly(os.EX_SOFTWARE, *AS_GOOD, "--sandbox-password", "error_ITEM_LOCKED")
    assert "ITEM_LOCKED" in locked
    assert caudal.told("connections") == []
