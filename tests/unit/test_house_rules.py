"""The house rules can fail: each breach is seen, and what is allowed is let be."""

import ast
from pathlib import Path

import pytest
from tests.support import house_rules
from tests.support.house_rules import CONNECTS, SCOPES, SOURCE, breaches, main


def told(name: str, code: str) -> set[str]:
    """What is said against `code`, were it the file `name`."""
    return {what for node in ast.walk(ast.parse(code)) for what in house_rules._breaches(name, node)}


CONNECTING = "only the store connects to the database"
BEGINNING = "only Store.transaction begins a transaction"
SQL = "SQL stands in store/sql"
FLOAT = "a float where money is"
ENVIRONMENT = "only the settings read the environment"


@pytest.mark.parametrize(
    ("name", "code", "breach"),
    [
        ("hub/link.py", "psycopg.connect(dsn)", CONNECTING),
        ("hub/link.py", "await psycopg.AsyncConnection.connect(dsn, autocommit=True)", CONNECTING),
        ("store/ledger.py", "psycopg.connect(dsn)", CONNECTING),
        ("store/ledger.py", "async with connection.transaction(): ...", BEGINNING),
        ("store/pages.py", "with self._connection.transaction(): ...", BEGINNING),
        ("hub/link.py", "query = 'select 1 from caudal.space'", SQL),
        ("sync/engine.py", "query = f'DELETE FROM {table}'", SQL),
        ("cli/main.py", "query = ' insert into caudal.space values (1)'", SQL),
        ("cli/main.py", "query = 'update caudal.space set name = 1'", SQL),
        ("api/app.py", "query = '''\\n  delete from caudal.space'''", SQL),
        ("hub/link.py", "query = 'set local role caudal_owner'", SQL),
        ("model/money.py", "places = 2.0", FLOAT),
        ("matching/proof.py", "def off(by: float) -> None: ...", FLOAT),
        ("providers/file/ofx.py", "amount = float(text)", FLOAT),
        ("store/pages.py", "amount = 1e2", FLOAT),
        ("hub/imports.py", "half = amount * 0.5", FLOAT),
        ("hub/link.py", "home = os.environ['HOME']", ENVIRONMENT),
        ("store/ledger.py", "home = os.getenv('HOME')", ENVIRONMENT),
        ("vault/sealing.py", "home = os.environ.get('HOME')", ENVIRONMENT),
    ],
)
def test_a_breach_is_seen(name: str, code: str, breach: str) -> None:
    assert told(name, code) == {breach}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("store/database.py", "await psycopg.AsyncConnection.connect(dsn)"),
        ("store/database.py", "async with self._connection.transaction(): ..."),
        ("hub/imports.py", "async with installation.store.transaction(space_id) as tx: ..."),
        ("hub/imports.py", "connection = await spaces.connection(tx, space_id)"),
        ("store/ledger.py", "query = 'select 1 from caudal.space'"),
        ("hub/doctor.py", "text = 'an update is set aside'"),
        ("store/server/folder.py", "patience = 0.1"),
        ("cli/show.py", "width = 0.5"),
        ("model/money.py", "amount = Decimal('2.0')"),
        ("matching/proof.py", "'''A float would round.'''"),
        ("settings.py", "home = os.environ['HOME']"),
        ("vault/keyring.py", "home = os.environ.get('HOME')"),
        ("store/server/shared.py", "home = os.environ.get('HOME')"),
    ],
)
def test_what_is_allowed_is_let_be(name: str, code: str) -> None:
    assert told(name, code) == set()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A house of one's own, to break."""
    monkeypatch.setattr(house_rules, "SOURCE", tmp_path)
    return tmp_path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_an_empty_house_has_no_breach(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    assert capsys.readouterr().out == ""


def test_a_breach_is_printed_with_its_place_and_fails_the_run(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(source / "hub/link.py", "import os\n\nHOME = os.environ['HOME']\n")
    assert main() == 1
    assert capsys.readouterr().out == f"hub/link.py:3: {ENVIRONMENT}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("store/sql/page.sql", "select 1\nset local caudal.spaces = ''\n"),
        ("store/ledger.py", "\nquery = \"set_config('role', 'caudal_owner', true)\"\n"),
        ("hub/link.py", "\nscope = 'caudal.spaces'\n"),
    ],
)
def test_nothing_scopes_a_transaction_but_the_store_s_one_way(source: Path, name: str, text: str) -> None:
    put(source / name, text)
    assert list(breaches()) == [f"{name}:2: only Store.transaction scopes a transaction"]


def test_every_exception_to_a_rule_is_a_file_that_exists() -> None:
    named = CONNECTS | house_rules.BEGINS | SCOPES | house_rules.SCORES
    assert [name for name in sorted(named) if not (SOURCE / name).is_file()] == []
