"""SQL stands in named queries: each says what it does, and each is used."""

import ast
from importlib.resources import files
from pathlib import Path

import pytest

import caudal.store
from caudal.store import queries
from caudal.store.queries import load

STORE = Path(caudal.store.__file__).parent
ASKS = {"all", "at_once", "first", "run", "copy"}
"""The ways in which a transaction is asked for a named query."""


def asked_for(tree: ast.AST) -> set[str]:
    """The query names in a module: what a transaction is asked for, and what is looked up by name."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr), args=[ast.Constant(value=str(name)), *_]) if (
                attr in ASKS
            ):
                found.add(name)
            case ast.Subscript(value=ast.Name(id="queries"), slice=ast.Constant(value=str(name))):
                found.add(name)
    return found


def used() -> set[str]:
    return {name for path in STORE.rglob("*.py") for name in asked_for(ast.parse(path.read_text("utf-8")))}


@pytest.mark.parametrize("name", sorted(load()))
def test_every_query_says_what_it_does(name: str) -> None:
    first, *rest = load()[name].splitlines()
    assert first.startswith("-- ")
    assert first[3].isupper()
    said = " ".join(line.removeprefix("-- ") for line in [first, *rest] if line.startswith("-- "))
    assert said.rstrip().endswith("."), "it is a sentence"
    assert any(line and not line.startswith("--") for line in rest), "and there is a statement under it"


def test_every_query_is_used() -> None:
    assert set(load()) - used() == set()


def test_every_query_that_is_used_is_there() -> None:
    assert used() - set(load()) == set()
    assert len(used()) > 30


def test_no_line_of_sql_stands_outside_a_named_query() -> None:
    for file in files("caudal.store").joinpath("sql").iterdir():
        before, *_ = file.read_text("utf-8").partition("-- name:")
        assert all(not line.strip() or line.startswith("--") for line in before.splitlines()), file.name


def test_no_query_holds_a_second_statement_that_a_parameter_could_not_reach() -> None:
    several = [
        name for name, text in load().items() if text.rstrip().rstrip(";").count(";\n") > 0 and "%(" in text
    ]
    assert several == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of queries, in the place of Caudal's own."""
    (tmp_path / "sql").mkdir()
    monkeypatch.setattr(queries, "files", lambda _: tmp_path)
    return tmp_path / "sql"


def test_a_name_used_twice_is_refused(folder: Path) -> None:
    (folder / "a.sql").write_text("-- name: find\n-- One.\nselect 1\n")
    (folder / "b.sql").write_text("-- name: find\n-- Two.\nselect 2\n")
    with pytest.raises(ValueError, match="two queries are named find"):
        load.__wrapped__()


def test_a_query_is_what_stands_between_its_name_and_the_next(folder: Path) -> None:
    (folder / "a.sql").write_text(
        "-- name: one\n-- The first.\nselect '-- name: x'\n\n-- name: two\n-- The last.\nselect 2\n"
    )
    assert load.__wrapped__() == {
        "one": "-- The first.\nselect '-- name: x'",
        "two": "-- The last.\nselect 2",
    }
