"""`caudal parse` and `caudal import`: statement files, read and taken in."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from caudal.cli import show
from caudal.cli.main import exit_code
from caudal.cli.options import as_json_option, space_option, with_space
from caudal.hub import imports
from caudal.hub.imports import FileReport
from caudal.hub.installation import Installation
from caudal.hub.parse import FileSummary, StatementSummary, json_text, summarise
from caudal.model.currencies import EXPONENTS
from caudal.model.errors import CaudalError, Malformed, NotFound
from caudal.providers.file.csv import Mapping, mapping_from_toml, parse_mapping
from caudal.providers.file.provider import FileDrop
from caudal.settings import load
from caudal.store.spaces import Space

_QUARANTINE_SHOWN = 10

Bring = Callable[[Installation, Space, FileDrop], Awaitable[FileReport]]
files_argument = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
map_option = click.option(
    "--map",
    "mapping",
    metavar="MAP",
    help="For a CSV of an unknown bank: which column is what, e.g. 'date=Buchungstag,amount=Betrag', or a TOML file.",
)


@click.command()
@files_argument
@map_option
@as_json_option
def parse(files: tuple[Path, ...], mapping: str | None, *, as_json: bool) -> None:
    """Show what is in statement files. Needs no database and writes nothing."""
    bounds = load().file_bounds
    chosen = _mapping(mapping)
    worst = 0
    for path in files:
        drop = FileDrop(path, mapping=chosen)
        try:
            _must_exist(path)
            if as_json:
                for piece in json_text(drop, bounds):
                    sys.stdout.write(piece)
            else:
                _show_file(summarise(drop, bounds))
        except CaudalError as error:
            if as_json and isinstance(error, NotFound):
                missing = {
                    "file": str(path),
                    "statements": [],
                    "quarantine": [],
                    "error": {"where": str(path), "why": str(error)},
                }
                sys.stdout.write(show.as_json(missing) + "\n")
            _complain(path, error)
            worst = max(worst, exit_code(error))
    sys.stdout.flush()
    if worst:
        raise click.exceptions.Exit(worst)


@click.command("import")
@files_argument
@space_option
@click.option("--account", help="Book the file to this account (name or id; a new name makes a new account).")
@click.option("--currency", help="The currency of amounts whose currency the file doesn't tell.")
@click.option("--dry-run", is_flag=True, help="Only say what it would do: try it, and take it all back.")
@map_option
@as_json_option
def import_(
    files: tuple[Path, ...],
    space: str | None,
    account: str | None,
    currency: str | None,
    mapping: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take statement files into the ledger. Importing one again, or one that overlaps, adds nothing twice."""
    if currency is not None and currency.upper() not in EXPONENTS:
        raise click.BadParameter(f"{currency!r} is no currency Caudal knows", param_hint="--currency")
    chosen = _mapping(mapping)
    drops = [FileDrop(path, account, currency and currency.upper(), chosen) for path in files]
    bring = _tried if dry_run else partial(_import_with_bar, quiet=as_json)
    worst = with_space(
        space, lambda opened, into: _import_all(opened, into, drops, bring, as_json=as_json), make=not dry_run
    )
    if worst:
        raise click.exceptions.Exit(worst)


async def _import_all(
    opened: Installation, space: Space, drops: Sequence[FileDrop], bring: Bring, *, as_json: bool
) -> int:
    worst = 0
    for drop in drops:
        try:
            _must_exist(drop.path)
            report = await bring(opened, space, drop)
        except CaudalError as error:
            worst = max(worst, exit_code(error))
            _complain(drop.path, error)
            if as_json:
                sys.stdout.write(show.as_json({"file": str(drop.path), "error": str(error)}) + "\n")
            continue
        if as_json:
            sys.stdout.write(show.as_json(report) + "\n")
            sys.stdout.flush()
        else:
            show_import(report)
    return worst


async def _tried(opened: Installation, space: Space, drop: FileDrop) -> FileReport:
    """What it would do. Raises ConflictError for a file too long to be tried."""
    return (await imports.preview_file(opened, space, drop)).tried()


async def _import_with_bar(opened: Installation, space: Space, drop: FileDrop, *, quiet: bool) -> FileReport:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=show.errors, transient=True, disable=quiet) as bar:
        task = bar.add_task(show.text(drop.path.name), total=None)
        return await imports.import_file(
            opened, space, drop, lambda done, of: bar.update(task, completed=done, total=of)
        )


def show_import(report: FileReport) -> None:
    """One line for the file, one for each account it told of, one for each thing to know."""
    show.console.print(
        f"[bold]{show.text(Path(report.file).name)}[/bold] ({report.format}): read {report.read}, new {report.new}, "
        f"known {report.known}"
        + (f", changed {report.changed}" if report.changed else "")
        + f", quarantined {report.quarantined}"
    )
    for proof in report.proofs:
        told = show.verdict(proof.verdict, proof.proven_to, proof.off_by, proof.off_since, proof.currency)
        show.console.print(f"  {show.text(proof.account)}: {told}")
    if report.quarantined:
        show.console.print("  [yellow]see `caudal quarantine` for what could not be read[/yellow]")
    for note in report.notes:
        show.console.print(f"  [yellow]{show.text(note)}[/yellow]")


def _complain(path: Path, error: CaudalError) -> None:
    at_once = isinstance(error, Malformed) and error.where == str(path)
    click.echo(f"caudal: {error}" if at_once else f"caudal: {path}: {error}", err=True)


def _must_exist(path: Path) -> None:
    if not path.exists():
        raise NotFound("there is no such file")
    if path.is_dir():
        raise Malformed(str(path), "is a folder: name the files in it")


def _mapping(text: str | None) -> Mapping | None:
    if text is None:
        return None
    if text.endswith(".toml"):
        try:
            return mapping_from_toml(Path(text).read_text("utf-8"))
        except OSError as error:
            raise Malformed("--map", f"{text} can't be read: {error.strerror}") from None
    return parse_mapping(text)


def _show_file(summary: FileSummary) -> None:
    show.console.print(f"[bold]{show.text(summary.file)}[/bold] ({summary.format})")
    rows = show.table(
        "account", "from", "to", "movements", "sum", "opening", "closing", "proof",
        right=frozenset({"movements", "sum", "opening", "closing"}),
    )  # fmt: skip
    for statement in summary.statements:
        _show_statement(rows, statement)
    if summary.statements:
        show.console.print(rows)
    for item in summary.quarantine[:_QUARANTINE_SHOWN]:
        show.console.print(f"  [yellow]{show.text(item.where)}: {show.text(item.why)}[/yellow]")
    if len(summary.quarantine) > _QUARANTINE_SHOWN:
        show.console.print(f"  [yellow]… and {len(summary.quarantine) - _QUARANTINE_SHOWN} more[/yellow]")


def _show_statement(rows: Table, statement: StatementSummary) -> None:
    account = statement.account
    currency = account.currency
    rows.add_row(
        show.text(account.iban or account.number or account.id or account.name or "–"),
        show.day(statement.first_on),
        show.day(statement.last_on),
        str(statement.entries),
        "\n".join(show.money(amount, code or None) for code, amount in statement.sums.items()),
        show.money(statement.opening.amount, statement.opening.currency or currency)
        if statement.opening
        else "–",
        show.money(statement.closing.amount, statement.closing.currency or currency)
        if statement.closing
        else "–",
        show.verdict(statement.proof, None, statement.off_by, None, currency or ""),
    )
