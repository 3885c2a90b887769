"""`caudal doctor`, `caudal openapi`: the installation itself."""

import asyncio
import os

import click

from caudal.cli import show
from caudal.cli.options import as_json_option
from caudal.hub import doctor as hub_doctor
from caudal.settings import load


@click.command()
def openapi() -> None:
    """Print the API's OpenAPI 3.1 document, as `caudal serve` tells it under /v1/openapi.json."""
    from caudal.api.rest.serving import document_text  # noqa: PLC0415  `caudal doctor` needs none of it

    click.echo(document_text().decode(), nl=False)


@click.command()
@as_json_option
def doctor(*, as_json: bool) -> None:
    """Check the installation: versions, keyring, database, migrations, and the ledger's invariants."""
    checks = asyncio.run(hub_doctor.examine(load()))
    if as_json:
        click.echo(show.as_json(checks))
    else:
        rows = show.table("", "what", "found")
        for check in checks:
            mark = "[green]✓[/green]" if check.ok else "[bold red]✗[/bold red]"
            advice = f"\n[yellow]{show.text(check.advice)}[/yellow]" if check.advice else ""
            rows.add_row(mark, show.text(check.what), show.text(check.found) + advice)
        show.console.print(rows)
    if not all(check.ok for check in checks):
        raise click.exceptions.Exit(os.EX_CONFIG)
